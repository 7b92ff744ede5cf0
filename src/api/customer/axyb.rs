//! AXYB: bind in two steps, unbind, query (customer-api 6).

use super::super::rejection::{Asked, Rejection};
use super::{carry_out, named, success};
use crate::api::json;
use crate::domain::axyb::{live, live_on};
use crate::domain::binding::{AnyBinding, UnbindCause};
use crate::domain::command::{AxybSelector, Command, Done};
use crate::domain::customer::CustomerApp;
use crate::domain::slot::XSlot;
use crate::engine::Engine;
use crate::http::Reply;
use crate::wire::customer::{
    AxybBound, AxybFound, AxybMeant, AxybQuery, AxybStep, WhichYb, axyb_bind, axyb_query, axyb_unbind,
};
use crate::wire::fields::Fields;
use crate::wire::result_code::ResultCode;

pub(super) async fn bind(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let ids = &engine.shared().origin.ids;
    match carry_out(engine, app, bind_command(engine, app, fields)?, Asked::Bind).await? {
        Done::Stands(AnyBinding::Axyb(binding)) => Ok(json(200, &AxybBound::of_x(&binding, ids))),
        Done::Stands(AnyBinding::Yb(binding)) => Ok(json(200, &AxybBound::of_y(&binding, ids))),
        _ => unreachable!("an AXYB bind ends with a binding of AXYB"),
    }
}

/// The step that the fields ask for.
pub(super) fn bind_command(
    engine: &Engine,
    app: &CustomerApp,
    fields: &Fields,
) -> Result<Command, Rejection> {
    match axyb_bind(fields)? {
        AxybStep::X(bind) => {
            Ok(Command::BindAxyb(engine.search(Some(bind.area), bind.matching, bind.a), bind))
        }
        AxybStep::Y { subscription, area, matching, bind } => {
            let ax = named(engine, &subscription, ResultCode::RecordMissing)?;
            let shared = engine.shared();
            let now = shared.clock.now();
            let Some(AnyBinding::Axyb(of)) = shared.registry.binding(app.no, ax, now) else {
                return Err(ResultCode::RecordMissing.into());
            };
            let search = engine.search_for_y(&of, area, matching);
            Ok(Command::BindYb(ax, search, bind))
        }
    }
}

pub(super) async fn unbind(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let AxybMeant { subscription, which } = axyb_unbind(fields)?;
    let ax = named(engine, &subscription, ResultCode::RecordMissing)?;
    let which = match which {
        WhichYb::All => AxybSelector::All(ax),
        WhichYb::Y(y) => AxybSelector::Y(ax, y),
        WhichYb::B(b) => AxybSelector::B(ax, b),
    };
    carry_out(engine, app, Command::UnbindAxyb(which, UnbindCause::Customer), Asked::Unbind).await?;
    Ok(success())
}

pub(super) fn query(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let shared = engine.shared();
    let directory = &shared.registry.directory;
    let now = shared.clock.now();
    let (x, ax) = match axyb_query(fields)? {
        AxybQuery::X(x) => (Some(x), None),
        AxybQuery::Subscription(text) => {
            let ax = named(engine, &text, ResultCode::RecordMissing)?;
            (directory.x_of(ax), Some(ax))
        }
    };
    let answer = |slot: Option<&XSlot>| {
        let found = match ax {
            Some(ax) => live(slot, app.no, ax, now).ok(),
            None => live_on(slot, now).filter(|slot| slot.binding.app == app.no),
        };
        found.map(|slot| json(200, &AxybFound::of(slot, |yb| yb.is_live(now), &shared.origin.ids)))
    };
    let found = x.and_then(|x| directory.view(x, |entry| answer(entry.slot.as_ref())));
    found.flatten().ok_or(ResultCode::RecordMissing.into())
}
