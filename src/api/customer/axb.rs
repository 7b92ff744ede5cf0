//! AXB: bind, unbind, modify, query (customer-api 4).

use super::super::rejection::{Asked, Rejection};
use super::{carry_out, choice, named, on_own_x, success};
use crate::api::json;
use crate::domain::binding::{AnyBinding, Axb, Binding, UnbindCause};
use crate::domain::command::{AxbSelector, Command, Done};
use crate::domain::customer::CustomerApp;
use crate::domain::slot::XSlot;
use crate::engine::Engine;
use crate::http::Reply;
use crate::wire::customer::{
    AxbBound, AxbFound, AxbMeant, AxbQuery, Envelope, RelationNum, axb_bind, axb_modify, axb_query,
    axb_unbind,
};
use crate::wire::fields::Fields;
use crate::wire::result_code::ResultCode;

pub(super) async fn bind(engine: &Engine, app: &CustomerApp, fields: Fields) -> Result<Reply, Rejection> {
    let command = bind_command(engine, &fields)?;
    drop(fields);
    match carry_out(engine, app, command, Asked::Bind).await? {
        Done::Stands(AnyBinding::Axb(binding)) => {
            Ok(json(200, &AxbBound::of(&binding, &engine.shared().origin.ids)))
        }
        _ => unreachable!("an AXB bind ends with an AXB binding"),
    }
}

/// The bind that the fields ask for.
pub(super) fn bind_command(engine: &Engine, fields: &Fields) -> Result<Command, Rejection> {
    let (wish, bind) = axb_bind(fields)?;
    Ok(Command::BindAxb(choice(engine, wish, bind.pair.a()), bind))
}

pub(super) async fn unbind(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let which = match axb_unbind(fields)? {
        AxbMeant::Subscription(text) => AxbSelector::Id(named(engine, &text, ResultCode::RelationMissing)?),
        AxbMeant::AllOn(x) => AxbSelector::AllOn(x),
    };
    carry_out(engine, app, Command::UnbindAxb(which, UnbindCause::Customer), Asked::Unbind).await?;
    Ok(success())
}

pub(super) async fn modify(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let (subscription, patch) = axb_modify(fields)?;
    let id = named(engine, &subscription, ResultCode::RelationMissing)?;
    carry_out(engine, app, Command::ModifyAxb(id, patch), Asked::Modify).await?;
    Ok(success())
}

pub(super) fn query(engine: &Engine, app: &CustomerApp, fields: &Fields) -> Result<Reply, Rejection> {
    let query = axb_query(fields)?;
    let found = found(engine, app, &query)?;
    let skipped = (query.page_index as usize - 1).saturating_mul(query.page_size as usize);
    let ids = &engine.shared().origin.ids;
    let page = found.iter().skip(skipped).take(query.page_size as usize);
    let relation_num_list: Vec<_> = page.map(|binding| RelationNum::of(binding, ids)).collect();
    if relation_num_list.is_empty() {
        return Err(ResultCode::RelationMissing.into());
    }
    Ok(json(
        200,
        &AxbFound {
            envelope: Envelope::SUCCESS,
            app_key: app.key.to_string(),
            total_count: found.len(),
            page_index: query.page_index,
            page_size: query.page_size,
            relation_num_list,
        },
    ))
}

/// The live bindings that answer the query, oldest first.
fn found(engine: &Engine, app: &CustomerApp, query: &AxbQuery) -> Result<Vec<Binding<Axb>>, Rejection> {
    let shared = engine.shared();
    let now = shared.clock.now();
    if let Some(subscription) = &query.subscription {
        let id = named(engine, subscription, ResultCode::RelationMissing)?;
        return match shared.registry.binding(app.no, id, now) {
            Some(AnyBinding::Axb(binding)) => Ok(vec![binding]),
            _ => Err(ResultCode::RelationMissing.into()),
        };
    }
    let x = query.x.expect("the reader asks for a subscriptionId or an X");
    let wanted = |binding: &&Binding<Axb>| {
        binding.is_live(now)
            && query.a.is_none_or(|a| a == binding.relation.pair.a())
            && query.b.is_none_or(|b| b == binding.relation.pair.b())
    };
    on_own_x(engine, app, x, |slot| match slot {
        Some(XSlot::Axb(slot)) => slot.in_order().into_iter().filter(wanted).cloned().collect(),
        _ => Vec::new(),
    })
}
