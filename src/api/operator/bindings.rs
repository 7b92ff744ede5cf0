//! Bindings: list, show, and on behalf of an app bind and unbind. Those that stand are answered from memory,
//! those that ended from the store.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{Asked, Fault, OPERATOR, OperatorApi, PageAsked};
use crate::api::customer;
use crate::api::json;
use crate::api::rejection::Rejection;
use crate::domain::binding::{AnyBinding, Expiry, UnbindCause};
use crate::domain::command::{AxSelector, AxbSelector, AxeSelector, AxybSelector, Command};
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{E164, XNumber};
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::http::Reply;
use crate::registry::directory::Entry;
use crate::store::query::{EndedFilter, Page};
use crate::wire::fields::Fields;
use crate::wire::operator::Unusable;
use crate::wire::operator::binding::BindingAnswer;
use crate::wire::operator::params::Params;
use crate::wire::result_code::ResultCode;

/// The lists that a cursor belongs to.
const LIVE: &str = "bindings";
const ENDED: &str = "endedBindings";

impl OperatorApi {
    pub(super) async fn list_bindings(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let ended = asked.params.boolean("ended")?.unwrap_or(false);
        let page = PageAsked::of(if ended { ENDED } else { LIVE }, &mut asked.params)?;
        let filter = EndedFilter {
            x: asked.params.x_number("number")?,
            party: asked.params.number("party")?,
            app: self.app_filter(&mut asked.params),
            id: self.subscription_filter(&mut asked.params),
        };
        asked.params.finish()?;
        if ended {
            let (filter, at) = (filter, page.page);
            let rows = self.engine.query(move |store| store.find_ended(&filter, at)).await?;
            return Ok(page.reply(
                &rows,
                |row| row.key,
                |row| self.binding(&row.binding, Some((row.cause, row.at))),
            ));
        }
        let now = self.engine.shared().clock.now();
        let filter = Arc::new(LiveFilter { filter, before: page.page.before, now });
        let (limit, looked_for) = (page.page.limit, Arc::clone(&filter));
        let found = self.engine.survey(move |engine| looked_for.newest(engine, limit)).await?;
        let directory = &self.engine.shared().registry.directory;
        Ok(page.reply_present(
            &found,
            |id| *id,
            |id| {
                // One that was unbound a moment ago is left out.
                let binding = directory.binding(*id).filter(|binding| filter.fits(binding))?;
                Some(self.binding(&binding, None))
            },
        ))
    }

    /// One that ended is shown too, as long as it is kept.
    pub(super) async fn show_binding(&self, subscription: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let shared = self.engine.shared();
        let id = shared.origin.ids.binding(subscription).ok_or_else(Fault::binding_not_found)?;
        if let Some(binding) = shared.registry.directory.binding(id) {
            // Its time may be up without anybody having noticed yet.
            let ended = match binding.expiry() {
                Expiry::At(at) if at <= shared.clock.now() => Some((UnbindCause::Expired, at)),
                _ => None,
            };
            return Ok(json(200, &self.binding(&binding, ended)));
        }
        let filter = EndedFilter { id: Some(id), ..EndedFilter::default() };
        let newest = Page { before: None, limit: 1 };
        let rows = self.engine.query(move |store| store.find_ended(&filter, newest)).await?;
        let row = rows.first().ok_or_else(Fault::binding_not_found)?;
        Ok(json(200, &self.binding(&row.binding, Some((row.cause, row.at)))))
    }

    /// By the rules of the customer API, which also read the body.
    pub(super) async fn bind(&self, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let unreadable = |rejection: Rejection| Fault::of_bind(&rejection);
        let fields = Fields::from_json(&asked.body).map_err(|error| unreadable(error.into()))?;
        let app_key = fields.text("appKey").map_err(|error| unreadable(error.into()))?;
        let app_key = app_key.ok_or_else(|| Unusable::field("appKey", "appKey is missing"))?;
        let app = self.app(app_key)?;
        if app.suspended {
            return Err(unreadable(ResultCode::AppKeyUnavailable.into()));
        }
        if app.frozen {
            return Err(unreadable(ResultCode::AccountFrozen.into()));
        }
        let binding = customer::bind(&self.engine, OPERATOR, &app, &fields).await.map_err(unreadable)?;
        Ok(json(201, &self.binding(&binding, None)))
    }

    pub(super) async fn unbind(&self, subscription: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let shared = self.engine.shared();
        let id = shared.origin.ids.binding(subscription).ok_or_else(Fault::binding_not_found)?;
        let binding = shared.registry.directory.binding(id).ok_or_else(Fault::binding_not_found)?;
        let command = match &binding {
            AnyBinding::Ax(_) => Command::UnbindAx(AxSelector::Id(id), UnbindCause::Operator),
            AnyBinding::Axb(_) => Command::UnbindAxb(AxbSelector::Id(id), UnbindCause::Operator),
            AnyBinding::Axe(_) => Command::UnbindAxe(AxeSelector::Id(id), UnbindCause::Operator),
            AnyBinding::Axyb(_) => Command::UnbindAxyb(AxybSelector::All(id), UnbindCause::Operator),
            AnyBinding::Yb(yb) => {
                let which = AxybSelector::Y(yb.relation.ax, yb.relation.y);
                Command::UnbindAxyb(which, UnbindCause::Operator)
            }
        };
        self.engine.command_on_behalf(OPERATOR, binding.app(), command).await??;
        Ok(Reply::empty(hyper::StatusCode::NO_CONTENT))
    }

    /// The binding that a filter names. A subscriptionId that was never given out is no error: nothing matches.
    pub(super) fn subscription_filter(&self, params: &mut Params) -> Option<BindingId> {
        let subscription = params.text("subscriptionId")?;
        // Keys hold the time they were drawn at, so none is the first of all.
        let nobody = RowKey::floor(0);
        Some(self.engine.shared().origin.ids.binding(&subscription).unwrap_or(nobody))
    }

    fn binding(&self, binding: &AnyBinding, ended: Option<(UnbindCause, Timestamp)>) -> BindingAnswer {
        let shared = self.engine.shared();
        let app = shared.registry.customers.by_no(binding.app());
        BindingAnswer::of(binding, &app, ended, &shared.origin.ids)
    }
}

/// Which of the bindings that stand a list has.
struct LiveFilter {
    filter: EndedFilter,
    before: Option<BindingId>,
    now: Timestamp,
}

impl LiveFilter {
    /// The ids of the newest bindings that fit, at most so many, the newest first.
    ///
    /// A binding or an X number is looked up. Otherwise each page looks at every X number there is, and without
    /// a party at every id on it, on a thread of its own. No more is kept than is shown, and bindings are
    /// looked at one X number at a time, so that neither the writer nor a route waits for the list.
    fn newest(&self, engine: &Engine, at_most: usize) -> Vec<BindingId> {
        let directory = &engine.shared().registry.directory;
        let mut newest = Newest { at_most, before: self.before, ids: BinaryHeap::new() };
        match (self.filter.id, self.filter.x) {
            // With an X of AXYB come its B.
            (Some(id), _) => {
                let x = directory.x_of(id);
                let on_x = x.and_then(|x| directory.view(x, |entry| of_subscription(entry, id)));
                let fitting = on_x.into_iter().flatten().filter(|binding| self.fits(binding));
                fitting.for_each(|binding| newest.see(binding.id()));
            }
            (None, Some(x)) => drop(directory.view(x, |entry| self.look(entry, &mut newest))),
            (None, None) => {
                for x in self.numbers(engine) {
                    directory.view(x, |entry| self.look(entry, &mut newest));
                }
            }
        }
        newest.ids.into_sorted_vec().into_iter().map(|Reverse(id)| id).collect()
    }

    /// The X numbers to look at.
    fn numbers(&self, engine: &Engine) -> Vec<XNumber> {
        let mut numbers = Vec::new();
        engine.shared().registry.directory.view_all(|entry| {
            // What a Y is for stands on an X, and is seen there.
            let has_own = entry.slot.as_ref().is_some_and(|slot| !matches!(slot, XSlot::Y(_)));
            if has_own && self.filter.app.is_none_or(|app| app == entry.record.app) {
                numbers.push(entry.record.x);
            }
        });
        numbers
    }

    fn look(&self, entry: &Entry, newest: &mut Newest) {
        let is_ours = self.filter.app.is_none_or(|app| app == entry.record.app);
        let Some(slot) = entry.slot.as_ref().filter(|_| is_ours) else { return };
        match self.filter.party {
            Some(party) => slot.each_live_of(party, self.now, |id| newest.see(id)),
            None => slot.each_live(self.now, |id| newest.see(id)),
        }
    }

    /// Whether a binding is one of the list.
    fn fits(&self, binding: &AnyBinding) -> bool {
        let EndedFilter { x, party, app, id } = self.filter;
        let has = |party: E164| binding.a() == party || binding.b() == Some(party);
        let is_of = |app: AppNo| binding.app() == app;
        !binding.expiry().is_due(self.now)
            && x.is_none_or(|x| x == binding.x() || Some(x) == binding.y())
            && party.is_none_or(has)
            && app.is_none_or(is_of)
            && id.is_none_or(|id| id == binding.id() || id == binding.subscription())
    }
}

/// The bindings on an X that customers know by this id: one, and of AXYB its B.
fn of_subscription(entry: &Entry, id: BindingId) -> Vec<AnyBinding> {
    match &entry.slot {
        Some(slot @ XSlot::Axyb(_)) => slot.bindings(),
        slot => slot.as_ref().and_then(|slot| slot.by_id(id)).into_iter().collect(),
    }
}

/// The highest ids seen below a bound.
struct Newest {
    at_most: usize,
    before: Option<BindingId>,
    /// The lowest of them on top.
    ids: BinaryHeap<Reverse<BindingId>>,
}

impl Newest {
    fn see(&mut self, id: BindingId) {
        if self.before.is_some_and(|before| id >= before) {
            return;
        }
        if self.ids.len() < self.at_most {
            self.ids.push(Reverse(id));
        } else if let Some(mut lowest) = self.ids.peek_mut().filter(|lowest| lowest.0 < id) {
            *lowest = Reverse(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_below_the_bound_are_kept_whatever_the_order_they_are_seen_in() {
        let key = |n| RowKey::from_stored(n).unwrap();
        let mut newest = Newest { at_most: 3, before: Some(key(8)), ids: BinaryHeap::new() };
        for n in [5, 1, 9, 7, 2, 8, 6] {
            newest.see(key(n));
        }
        let ids: Vec<_> = newest.ids.into_sorted_vec().into_iter().map(|Reverse(id)| id.get()).collect();
        assert_eq!(ids, [7, 6, 5]);
    }
}
