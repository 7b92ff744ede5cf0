//! AXE: bind, unbind, modify, query (customer-api 5).

use super::super::rejection::{Asked, Rejection};
use super::{carry_out, choice, named, on_own_x, success};
use crate::api::json;
use crate::domain::axe::{live_by_extension, page};
use crate::domain::binding::{AnyBinding, Axe, Binding, UnbindCause};
use crate::domain::command::{AxeSelector, Command, Done};
use crate::domain::customer::CustomerApp;
use crate::engine::{Engine, random};
use crate::http::Reply;
use crate::wire::customer::{
    AxeBound, AxeFound, AxeItem, AxeListQuery, AxeListed, AxeMeant, axe_bind, axe_list_query, axe_modify,
    axe_query, axe_unbind,
};
use crate::wire::fields::Fields;
use crate::wire::result_code::ResultCode;

pub(super) async fn bind(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    match carry_out(engine, app, bind_command(engine, app, fields)?, Asked::Bind).await? {
        Done::Stands(AnyBinding::Axe(binding)) => {
            Ok(json(200, &AxeBound::of(&binding, &engine.shared().origin.ids)))
        }
        _ => unreachable!("an AXE bind ends with an AXE binding"),
    }
}

/// The bind that the fields ask for.
pub(super) fn bind_command(
    engine: &Engine,
    app: &CustomerApp,
    fields: &Fields,
) -> Result<Command, Rejection> {
    let (wish, bind) = axe_bind(fields, app.extension_digits, random::extension_draw())?;
    Ok(Command::BindAxe(choice(engine, wish, bind.a), bind))
}

pub(super) async fn unbind(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let which = selector(engine, app, axe_unbind(fields)?)?;
    carry_out(engine, app, Command::UnbindAxe(which, UnbindCause::Customer), Asked::Unbind).await?;
    Ok(success())
}

pub(super) async fn modify(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let (meant, patch) = axe_modify(fields)?;
    let which = selector(engine, app, meant)?;
    carry_out(engine, app, Command::ModifyAxe(which, patch), Asked::Other).await?;
    Ok(success())
}

pub(super) fn query(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let binding = found(engine, app, axe_query(fields)?)?;
    Ok(json(200, &AxeFound::new(AxeItem::of(&binding, &engine.shared().origin.ids))))
}

pub(super) fn list(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let shared = engine.shared();
    let (bindings, more) = match axe_list_query(fields)? {
        AxeListQuery::One(meant) => (vec![found(engine, app, meant)?], false),
        AxeListQuery::Page { x, after, limit } => {
            let now = shared.clock.now();
            let page = on_own_x(engine, app, x, |slot| page(slot, after, limit as usize, now))?;
            if page.0.is_empty() && after.is_none() {
                return Err(ResultCode::RecordMissing.into());
            }
            page
        }
    };
    Ok(json(200, &AxeListed::new(&bindings, more, &shared.origin.ids)))
}

/// The live binding that is meant.
fn found(engine: &Engine, app: &CustomerApp, meant: AxeMeant) -> Result<Binding<Axe>, Rejection> {
    let shared = engine.shared();
    let now = shared.clock.now();
    let binding = match selector(engine, app, meant)? {
        AxeSelector::Id(id) => match shared.registry.binding(app.no, id, now) {
            Some(AnyBinding::Axe(binding)) => Some(binding),
            _ => None,
        },
        AxeSelector::Extension(x, extension) => {
            on_own_x(engine, app, x, |slot| live_by_extension(slot, app.no, extension, now).ok().cloned())?
        }
    };
    binding.ok_or(ResultCode::RecordMissing.into())
}

/// Which binding is meant. That X is not the app's is said before that nothing can have the extension.
fn selector(engine: &Engine, app: &CustomerApp, meant: AxeMeant) -> Result<AxeSelector, Rejection> {
    match meant {
        AxeMeant::Subscription(text) => named(engine, &text, ResultCode::RecordMissing).map(AxeSelector::Id),
        AxeMeant::Extension(x, Some(extension)) => Ok(AxeSelector::Extension(x, extension)),
        AxeMeant::Extension(x, None) => {
            on_own_x(engine, app, x, |_| ())?;
            Err(ResultCode::RecordMissing.into())
        }
    }
}
