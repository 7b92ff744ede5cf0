//! AX: bind, unbind, modify, query, temporary callee (customer-api 3).

use super::super::rejection::{Asked, Rejection};
use super::{carry_out, choice, named, success};
use crate::api::json;
use crate::domain::ax::live;
use crate::domain::binding::{AnyBinding, Ax, Binding, UnbindCause};
use crate::domain::command::{AxSelector, Command, Done};
use crate::domain::customer::CustomerApp;
use crate::domain::number::{E164, XNumber};
use crate::engine::Engine;
use crate::http::Reply;
use crate::wire::customer::{
    AxBound, AxFound, AxMeant, PrivateNum, ax_bind, ax_modify, ax_next_callee, ax_query, ax_unbind,
};
use crate::wire::fields::Fields;
use crate::wire::result_code::ResultCode;

pub(super) async fn bind(engine: &Engine, app: &CustomerApp, fields: Fields) -> Result<Reply, Rejection> {
    let command = bind_command(engine, &fields)?;
    drop(fields);
    match carry_out(engine, app, command, Asked::Bind).await? {
        Done::Stands(AnyBinding::Ax(binding)) => {
            Ok(json(200, &AxBound::of(&binding, &engine.shared().origin.ids)))
        }
        _ => unreachable!("an AX bind ends with an AX binding"),
    }
}

/// The bind that the fields ask for.
pub(super) fn bind_command(engine: &Engine, fields: &Fields) -> Result<Command, Rejection> {
    let (wish, bind) = ax_bind(fields)?;
    Ok(Command::BindAx(choice(engine, wish, bind.a), bind))
}

pub(super) async fn unbind(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let which = selector(engine, app, &ax_unbind(fields)?)?;
    carry_out(engine, app, Command::UnbindAx(which, UnbindCause::Customer), Asked::Unbind).await?;
    Ok(success())
}

pub(super) async fn modify(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let (meant, patch) = ax_modify(fields)?;
    let which = selector(engine, app, &meant)?;
    carry_out(engine, app, Command::ModifyAx(which, patch), Asked::Modify).await?;
    Ok(success())
}

pub(super) async fn set_next_callee(
    engine: &Engine,
    app: &CustomerApp,
    fields: &Fields,
) -> Result<Reply, Rejection> {
    let (meant, wish) = ax_next_callee(fields)?;
    let which = selector(engine, app, &meant)?;
    let command =
        Command::SetNextCallee { which, callee: wish.callee, secs: wish.secs, user_data: wish.user_data };
    carry_out(engine, app, command, Asked::Other).await?;
    Ok(success())
}

pub(super) fn query(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let shared = engine.shared();
    let now = shared.clock.now();
    let on = |x: XNumber| {
        let look = |entry: &crate::registry::directory::Entry| {
            live(entry.slot.as_ref(), app.no, None, now).ok().cloned()
        };
        shared.registry.directory.view(x, look).flatten()
    };
    let meant = ax_query(fields)?;
    let found: Vec<Binding<Ax>> = match (&meant.subscription, meant.a, meant.x) {
        (Some(subscription), ..) => {
            let id = named(engine, subscription, ResultCode::RecordMissing)?;
            match shared.registry.binding(app.no, id, now) {
                Some(AnyBinding::Ax(binding)) => vec![binding],
                _ => Vec::new(),
            }
        }
        (None, Some(a), _) => {
            shared.registry.directory.owned_by(app.no, a).into_iter().filter_map(on).collect()
        }
        (None, None, x) => x.and_then(on).into_iter().collect(),
    };
    if found.is_empty() {
        return Err(ResultCode::RecordMissing.into());
    }
    let ids = &shared.origin.ids;
    Ok(json(200, &AxFound::new(found.iter().map(|binding| PrivateNum::of(binding, ids)).collect())))
}

/// Which binding is meant: subscriptionId, else privateNum, else an origNum that has exactly one X. Beside one
/// of the others origNum has to be the binding's A.
fn selector(engine: &Engine, app: &CustomerApp, meant: &AxMeant) -> Result<AxSelector, Rejection> {
    match (&meant.subscription, meant.x, meant.a) {
        (Some(subscription), ..) => {
            let id = named(engine, subscription, ResultCode::RecordMissing)?;
            Ok(meant.a.map_or(AxSelector::Id(id), |a| AxSelector::IdAndA(id, a)))
        }
        (None, Some(x), Some(a)) => Ok(AxSelector::XAndA(x, a)),
        (None, Some(x), None) => Ok(AxSelector::X(x)),
        (None, None, Some(a)) => only_x_of(engine, app, a).map(AxSelector::X),
        (None, None, None) => Err(ResultCode::RecordMissing.into()),
    }
}

fn only_x_of(engine: &Engine, app: &CustomerApp, a: E164) -> Result<XNumber, Rejection> {
    match engine.shared().registry.directory.owned_by(app.no, a).as_slice() {
        [x] => Ok(*x),
        [] => Err(ResultCode::RecordMissing.into()),
        _ => {
            Err(Rejection::invalid("origNum has several X numbers; give privateNum or subscriptionId.", None))
        }
    }
}
