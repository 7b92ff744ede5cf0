//! The telephone switch: it asks for routes, and reports what happens at least once and in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use privnum::domain::call::{CallEvent, CallId, Decision, Stage};
use privnum::domain::number::{CallingParty, E164};
use privnum::domain::release::ReleasedBy;
use privnum::domain::route::Route;
use privnum::domain::time::Timestamp;
use rand::RngExt;

use super::cast::{NUMBERS, dialled, party, x};
use super::world::World;

/// Reports that are handed in together.
pub type Reported = Vec<(CallId, CallEvent)>;

/// How long a decision holds although nothing is reported about its call.
const DECISION_KEPT: Duration = Duration::from_secs(600);

/// A call as the switch knows it.
#[derive(Debug)]
struct Call {
    caller: CallingParty,
    called: E164,
    /// What it was told to do last.
    told: Option<Arc<Decision>>,
    /// Whether a report was confirmed while the gateway still knew the decision: then it is durable.
    durable: bool,
    /// The gateway may have forgotten the decision, because nothing was reported for long or it crashed.
    forgotten: bool,
}

#[derive(Debug, Default)]
pub struct Switch {
    calls: BTreeMap<CallId, Call>,
    queue: Reported,
    /// Confirmed reports.
    pub taken: Reported,
    lossless: bool,
}

impl Switch {
    pub fn has_reports(&self) -> bool {
        !self.queue.is_empty()
    }

    /// From now on every report arrives.
    pub fn send_everything(&mut self) {
        self.lossless = true;
    }

    /// The gateway confirmed these reports.
    pub fn taken(&mut self, reported: Reported, now: Timestamp) {
        for (id, _) in &reported {
            let Some(call) = self.calls.get_mut(id) else { continue };
            let old = call.told.as_ref().is_none_or(|told| now.since(told.at) >= DECISION_KEPT);
            call.durable |= !old && !call.forgotten;
        }
        self.taken.extend(reported);
    }

    /// The gateway did not confirm these reports: they will be sent again.
    pub fn not_taken(&mut self, reported: Reported) {
        self.queue.extend(reported);
    }

    /// The gateway lost its memory.
    pub fn crash(&mut self) {
        self.calls.values_mut().for_each(|call| call.forgotten = true);
    }
}

impl World {
    /// A new call, or a question about one that was asked about before.
    pub fn place_call(&mut self) {
        let known = self.switch.calls.len();
        if known > 0 && self.chance(30) {
            let id = self.switch.calls.keys().nth(self.rng.random_range(0..known)).unwrap().clone();
            return self.ask_again(&id);
        }
        let id = CallId::new(&format!("call-{known:06}")).unwrap();
        let caller = match self.rng.random_range(0..20) {
            0 => CallingParty::Withheld,
            1 => CallingParty::Unusable,
            2 => CallingParty::Number(party(999)),
            _ => CallingParty::Number(self.any_party()),
        };
        let called = x(self.rng.random_range(1..=NUMBERS + 1)).number();
        self.switch
            .calls
            .insert(id.clone(), Call { caller, called, told: None, durable: false, forgotten: false });
        let connects = if self.chance(85) {
            self.ask_again(&id);
            let told = self.switch.calls[&id].told.as_ref();
            told.is_some_and(|decision| matches!(decision.route, Route::Connect(_)))
        } else {
            self.chance(50)
        };
        let events = self.course_of(caller, called, connects);
        self.switch.queue.extend(events.into_iter().map(|event| (id.clone(), event)));
    }

    /// Asks for the route of a call. While the call lives the answer is always the same.
    fn ask_again(&mut self, id: &CallId) {
        let now = self.now();
        let call = &self.switch.calls[id];
        let (caller, called) = (call.caller, call.called);
        if self.disk.tables().calls.values().any(|call| call.id == *id && call.closed.is_some()) {
            return; // It is over, and may be forgotten.
        }
        let decision = self.shared.registry.route(id, dialled(caller, called), now);
        let call = self.switch.calls.get_mut(id).unwrap();
        if call.told.as_ref().is_some_and(|told| *told == decision) {
            return;
        }
        if let Some(told) = &call.told {
            let may_change = call.forgotten || now.since(told.at) >= DECISION_KEPT;
            assert!(!call.durable && may_change, "a call was decided twice: {told:?}, then {decision:?}");
        }
        (call.told, call.forgotten) = (Some(Arc::clone(&decision)), false);
        self.check_route(caller, called, &decision.route);
    }

    /// Reports some of what happened, in any order.
    pub fn report(&mut self) {
        let mut reported = Reported::new();
        let now = self.now();
        for _ in 0..self.rng.random_range(1..8) {
            if self.switch.queue.is_empty() {
                break;
            }
            let at = self.rng.random_range(0..self.switch.queue.len());
            let (id, mut event) = self.switch.queue.swap_remove(at);
            if !self.switch.lossless {
                if self.chance(4) {
                    continue; // Lost on the way.
                }
                if self.chance(15) {
                    self.switch.queue.push((id.clone(), event.clone()));
                }
            }
            event.received_at = now;
            reported.push((id, event));
        }
        if !reported.is_empty() {
            self.hand_in(reported);
        }
    }

    fn course_of(&mut self, caller: CallingParty, called: E164, connects: bool) -> Vec<CallEvent> {
        let mut stages = vec![Stage::Incoming];
        let answered = connects && self.chance(70);
        if connects {
            stages.push(Stage::Outgoing);
            stages.extend(self.chance(80).then_some(Stage::Alerting));
        }
        stages.extend(answered.then_some(Stage::Answered));
        stages.extend(self.chance(93).then_some(Stage::Released));
        let mut at = self.now();
        let mut events = Vec::new();
        for stage in stages {
            let ends = stage == Stage::Released;
            let says_200 = ends && answered && self.chance(80);
            events.push(CallEvent {
                event_id: format!("event-{}", self.rng.random::<u64>()).into(),
                stage,
                at,
                received_at: at,
                caller: (stage == Stage::Incoming).then_some(caller),
                called: (stage == Stage::Incoming).then_some(called),
                digits: None,
                sip: if says_200 { Some(200) } else { (ends && connects && !answered).then_some(486) },
                q850: None,
                by: ends.then_some(ReleasedBy::Callee),
            });
            at = at.after(Duration::from_millis(self.rng.random_range(0..9_000)));
        }
        events
    }
}
