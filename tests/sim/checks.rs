//! The invariants of src/ARCHITECTURE.md, by their numbers.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use privnum::domain::binding::AnyBinding;
use privnum::domain::call::{Basis, Stage};
use privnum::domain::customer::Mode;
use privnum::domain::delivery::{NoticeKind, Schedule, State};
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::route::{CallSetup, Route};
use privnum::domain::slot::XSlot;
use serde_json::Value;

use super::cast::{NUMBERS, PARTIES, dialled, is_x, party, x};
use super::disk::Tables;
use super::extensions::check_last_caller;
use super::world::World;
use super::{extensions, lent, questions};

impl World {
    /// Checks everything that must hold after every step.
    pub fn check(&mut self) {
        let now = self.now();
        self.model.forget_expired(now);
        self.check_all_routes();
        self.check_lent_numbers();
        self.check_extensions();
        self.check_all_messages();
        self.check_look_ups();
        self.check_memory_against_disk();
        self.check_calls();
        self.check_notices();
        self.check_reports();
        self.check_results();
        self.check_replays();
    }

    /// 1, 2 and 4: whoever calls whatever number meets what the answers promised.
    fn check_all_routes(&self) {
        for called in (1..=NUMBERS + 1).map(|n| x(n).number()) {
            for caller in
                (1..=PARTIES).map(|n| CallingParty::Number(party(n))).chain([CallingParty::Withheld])
            {
                self.check_decided(dialled(caller, called));
            }
        }
        for called in questions::NUMBERS.map(|n| x(n).number()) {
            for caller in [CallingParty::Number(party(1)), CallingParty::Withheld] {
                self.check_decided(dialled(caller, called));
            }
        }
    }

    fn check_decided(&self, setup: CallSetup<'_>) {
        let decision = self.shared.registry.decide(setup, Basis::Asked, self.now());
        self.check_route(setup, &decision.route);
    }

    /// Compares a route with what the observer expects now.
    pub fn check_route(&self, setup: CallSetup<'_>, route: &Route) {
        let called = setup.called.unwrap();
        let among = |numbers: RangeInclusive<u64>| numbers.map(x).any(|x| x.number() == called);
        if among(lent::NUMBERS) {
            return self.check_lent_route(setup, route);
        }
        if among(extensions::NUMBERS) {
            return self.check_keyed_route(setup, route);
        }
        if among(questions::NUMBERS) {
            return self.check_route_to_ask(setup, route);
        }
        let found = match route {
            Route::Connect(connect) => {
                assert_eq!(
                    connect.display.number(),
                    called,
                    "a leg is shown something else than the X dialled"
                );
                assert!(self.model.numbers.contains_key(&connect.display), "a leg is shown no X number");
                Ok((connect.through.subscription.unwrap(), connect.callee))
            }
            Route::Collect(_) | Route::Undecided(_) => panic!("AX and AXB are decided at once"),
            Route::Reject(reject) => Err(reject.cause),
        };
        let expected = self.model.route(setup.caller, XNumber::new(called), self.now());
        assert_eq!(found, expected, "{:?} calls {called}", setup.caller);
    }

    /// 3, 6 and 7: the look-ups agree; a party stands once on an X; only the owner finds a binding.
    fn check_look_ups(&self) {
        let registry = &self.shared.registry;
        assert_eq!(registry.check_consistency(), Vec::<String>::new());
        registry.directory.view_all(|entry| {
            let bindings = entry.slot.as_ref().map(XSlot::bindings).unwrap_or_default();
            let parties = bindings.iter().flat_map(|binding| match binding {
                AnyBinding::Ax(binding) => vec![binding.relation.a],
                AnyBinding::Axb(binding) => vec![binding.relation.pair.a(), binding.relation.pair.b()],
                // One A, and each B by a Y of its own: see `lent.rs`. An extension once: see `extensions.rs`.
                AnyBinding::Axyb(_) | AnyBinding::Yb(_) | AnyBinding::Axe(_) => Vec::new(),
            });
            let mut seen = BTreeSet::new();
            assert!(parties.into_iter().all(|party| seen.insert(party)), "a party stands on an X twice");
        });
        for known in self.model.live(self.now()) {
            for app in (1..=3).map(AppNo) {
                let found = registry.binding(app, known.id, self.now());
                assert_eq!(
                    found.is_some(),
                    app == known.app,
                    "app {} and a binding of app {}",
                    app.0,
                    known.app.0
                );
            }
        }
    }

    /// 7: memory holds what the disk holds.
    fn check_memory_against_disk(&self) {
        let (registry, tables) = (&self.shared.registry, self.disk.tables());
        let (mut bindings, mut numbers) = (Vec::new(), Vec::new());
        registry.directory.view_all(|entry| {
            bindings.extend(entry.slot.as_ref().map(XSlot::bindings).unwrap_or_default());
            numbers.push((entry.record.clone(), entry.last_call_at));
        });
        bindings.sort_by_key(AnyBinding::id);
        numbers.sort_by_key(|(record, _)| record.x);
        assert!(bindings.iter().eq(tables.bindings.values()), "memory has other bindings than the disk");
        assert!(numbers.iter().eq(tables.numbers.values()), "memory has other numbers than the disk");
        for call in tables.calls.values().filter(|call| call.closed.is_none()) {
            let known = registry.calls.get(&call.id).expect("an open call is in memory");
            assert_eq!(*known, *call, "memory has another call than the disk");
        }
        let pending: BTreeSet<_> = tables.pending().map(|delivery| delivery.id).collect();
        let known: BTreeSet<_> = self.shared.dispatch().known().into_iter().collect();
        assert_eq!(known, pending, "other deliveries wait than the disk has pending");
    }

    /// 5: each stage of a call that is known gives one notice, each closed call one CDR in one push.
    fn check_calls(&self) {
        let mut tables = self.disk.tables();
        for key in std::mem::take(&mut tables.touched_calls) {
            let Some(call) = tables.calls.get(&key) else { continue };
            let app = call.app().map(|app| &tables.apps[&app]);
            let wanted = app.is_some_and(|app| app.urls.call_status.is_some());
            let mut expected = if wanted { call.stages_in_order() } else { Vec::new() };
            if app.is_some_and(|app| app.mode == Mode::X) {
                expected.retain(|stage| *stage != Stage::Incoming); // That is the question itself.
            }
            expected.sort();
            check_last_caller(&tables, call);
            assert_eq!(notices_of(&tables, key), expected, "stages of a call and the notices about them");
            let cdrs: Vec<_> = tables.cdrs.values().filter(|cdr| cdr.call == key).collect();
            let closed = call.closed.is_some() && app.is_some();
            assert_eq!(cdrs.len(), usize::from(closed), "CDRs of one call");
            let Some(cdr) = cdrs.first() else { continue };
            assert_eq!(cdr.delivery.is_some(), app.is_some_and(|app| app.urls.cdr.is_some()));
            let pushed = cdr.delivery.map(|delivery| body(&tables, delivery)["feeLst"].clone());
            let its = |fee: &&Value| fee["sessionId"] == *cdr.session;
            let times = pushed.as_ref().and_then(Value::as_array).map(|list| list.iter().filter(its).count());
            assert!(times.is_none_or(|times| times == 1), "a CDR is in its push {times:?} times");
        }
    }

    /// 5: at most seven pushes, none before its time, and nothing after a success. 4: legs are shown an X.
    fn check_notices(&self) {
        let mut tables = self.disk.tables();
        let schedule = Schedule::default();
        for id in std::mem::take(&mut tables.touched_notices) {
            let Some(notice) = tables.notices.get(&id) else { continue };
            check_shown_number(&tables, id);
            if notice.redelivered {
                continue;
            }
            let attempts = &notice.attempts;
            assert!(attempts.len() <= schedule.pushes_max(), "{} pushes of one delivery", attempts.len());
            assert_eq!(usize::from(notice.delivery.pushes), attempts.len());
            for (attempt, offset) in attempts.iter().skip(1).zip(&schedule.offsets) {
                assert!(attempt.at >= attempts[0].at.after(*offset), "a push before its time");
            }
            let succeeded = attempts.iter().position(|attempt| attempt.failure.is_none());
            let state = match succeeded {
                Some(at) if at + 1 == attempts.len() => State::Delivered,
                Some(_) => panic!("a push after a success"),
                None if attempts.len() == schedule.pushes_max() => State::Exhausted,
                None => State::Pending,
            };
            assert_eq!(notice.delivery.state, state);
        }
    }

    /// 5: what was confirmed to the switch is on the disk.
    fn check_reports(&mut self) {
        let tables = self.disk.tables();
        for (id, event) in self.switch.taken.drain(..) {
            let call =
                tables.calls.values().rev().find(|call| call.id == id).expect("a confirmed call is stored");
            let stored = call.events.iter().any(|known| known.event_id == event.event_id);
            assert!(stored || call.closed.is_some(), "a confirmed report is not stored");
        }
    }

    /// 5: once everything is over, nothing is left undone.
    pub fn check_everything_has_ended(&self) {
        self.check_replays_have_ended();
        let tables = self.disk.tables();
        let now = self.now();
        for call in tables.calls.values() {
            assert!(call.closed.is_some(), "a call was never closed: {call:?}");
        }
        for message in tables.messages.values() {
            assert!(message.ended.is_some(), "a message never ended: {message:?}");
        }
        for notice in tables.notices.values() {
            match notice.delivery.state {
                State::Delivered => {
                    assert!(
                        self.customers.received.contains(&notice.delivery.id),
                        "delivered, but never received"
                    );
                }
                State::Exhausted => assert!(notice.attempts.len() >= Schedule::default().pushes_max()),
                State::Pending => panic!("a delivery never ended"),
            }
        }
        for binding in tables.bindings.values() {
            assert!(!binding.expiry().is_due(now), "auto-unbind forgot a binding");
        }
        let dispatch = self.shared.dispatch();
        assert_eq!((dispatch.in_flight(), dispatch.waiting()), (0, 0));
    }
}

/// From the moment the gateway's side dials, the caller that is shown is an X. What was told before it was known that
/// the call goes on, or at the same instant, cannot be held against that.
fn check_shown_number(tables: &Tables, notice: RowKey) {
    let Some(call) = tables.notices[&notice].delivery.call.map(|call| &tables.calls[&call]) else { return };
    let shown = body(tables, notice);
    let dialled = ["callout", "alerting", "answer"].iter().any(|stage| shown["eventType"] == **stage);
    let decision = call.decision.as_ref().filter(|known| known.at.millis() < notice.millis());
    let connects = decision.is_some_and(|known| matches!(known.route, Route::Connect(_)));
    if dialled && connects {
        let caller = E164::parse(shown["statusInfo"]["caller"].as_str().unwrap()).unwrap();
        assert!(is_x(caller), "a leg is shown no X number: {call:?} is told as {shown}");
    }
}

fn notices_of(tables: &Tables, call: RowKey) -> Vec<Stage> {
    let about = tables.notices.values().filter(|notice| notice.delivery.call == Some(call));
    let mut stages: Vec<_> = about
        .filter(|notice| notice.delivery.kind == NoticeKind::Event)
        .map(|notice| {
            Stage::from_word(body(tables, notice.delivery.id)["eventType"].as_str().unwrap()).unwrap()
        })
        .collect();
    stages.sort();
    stages
}

fn body(tables: &Tables, notice: RowKey) -> Value {
    serde_json::from_slice(&tables.notices[&notice].body).unwrap()
}
