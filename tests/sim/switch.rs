//! The telephone switch: it asks for routes, and reports what happens at least once and in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use privnum::domain::call::{CallEvent, CallId, Decision, Stage};
use privnum::domain::number::{CallingParty, E164};
use privnum::domain::release::ReleasedBy;
use privnum::domain::route::{CallSetup, RejectCause, Route, Undecided};
use privnum::domain::time::Timestamp;
use rand::RngExt;

use super::cast::{NUMBERS, party, x};
use super::world::World;
use super::{extensions, lent, questions};

/// Reports that are handed in together.
pub type Reported = Vec<(CallId, CallEvent)>;

/// How long a decision holds although nothing is reported about its call.
const DECISION_KEPT: Duration = Duration::from_secs(600);

/// A call as the switch knows it.
#[derive(Debug)]
struct Call {
    caller: CallingParty,
    called: E164,
    /// AXE: what the caller keyed when asked to.
    keyed: Option<Box<str>>,
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
    /// X mode: calls whose customer is being asked.
    asking: Vec<CallId>,
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
        self.asking.clear();
        self.calls.values_mut().for_each(|call| call.forgotten = true);
    }
}

impl Call {
    fn setup(&self) -> CallSetup<'_> {
        let Self { caller, called, keyed, .. } = self;
        CallSetup { caller: *caller, called: Some(*called), extension: keyed.as_deref() }
    }
}

impl World {
    /// A new call, a question about one that was asked about before, or the end of one that a customer was asked.
    pub fn place_call(&mut self) {
        if !self.switch.asking.is_empty() && self.chance(50) {
            let at = self.rng.random_range(0..self.switch.asking.len());
            let id = self.switch.asking.swap_remove(at);
            let Call { caller: CallingParty::Number(caller), called, .. } = self.switch.calls[&id] else {
                panic!("only a call from a number is asked about")
            };
            return self.answer_question(&id, caller, called);
        }
        let known = self.switch.calls.len();
        if known > 0 && self.chance(30) {
            let id = self.switch.calls.keys().nth(self.rng.random_range(0..known)).unwrap().clone();
            if self.is_collecting(&id) && self.chance(50) {
                return self.key(&id);
            }
            return self.ask_again(&id);
        }
        let id = CallId::new(&format!("call-{known:06}")).unwrap();
        let (caller, called) = self.any_call();
        let caller = match self.rng.random_range(0..20) {
            0 => CallingParty::Withheld,
            1 => CallingParty::Unusable,
            2 => CallingParty::Number(party(999)),
            _ => CallingParty::Number(caller),
        };
        let call = Call { caller, called, keyed: None, told: None, durable: false, forgotten: false };
        self.switch.calls.insert(id.clone(), call);
        if self.chance(85) {
            self.ask_again(&id);
            if self.is_collecting(&id) && self.chance(80) {
                self.key(&id);
            }
        }
        let Call { told, keyed, .. } = &self.switch.calls[&id];
        let connects = told.as_ref().map(|told| matches!(told.route, Route::Connect(_)));
        let keyed = keyed.clone();
        let connects = connects.unwrap_or_else(|| self.chance(50));
        let events = self.course_of(caller, called, keyed.as_deref(), connects);
        self.switch.queue.extend(events.into_iter().map(|event| (id.clone(), event)));
    }

    /// Who calls what: often a number of AX or AXB, and of the others mostly one that leads somewhere.
    fn any_call(&mut self) -> (E164, E164) {
        let caller = self.any_party();
        let (n, known) = match self.rng.random_range(0..20) {
            0..9 => (self.rng.random_range(1..=NUMBERS + 1), None),
            9..13 => (self.rng.random_range(lent::NUMBERS), self.any_lent_call()),
            13..18 => (self.rng.random_range(extensions::NUMBERS), self.any_axe_call()),
            _ => (self.rng.random_range(questions::NUMBERS), None),
        };
        known.unwrap_or((caller, x(n).number()))
    }

    /// Whether the caller is asked for an extension.
    fn is_collecting(&self, id: &CallId) -> bool {
        let told = self.switch.calls[id].told.as_ref();
        told.is_some_and(|told| matches!(told.route, Route::Collect(_)))
    }

    /// The caller keys something, and the switch asks with that.
    fn key(&mut self, id: &CallId) {
        let keyed = self.any_keyed(self.switch.calls[id].called);
        self.switch.calls.get_mut(id).unwrap().keyed = Some(keyed);
        self.ask_again(id);
    }

    /// Asks for the route of a call. While the call lives the answer is always the same, once it is final.
    fn ask_again(&mut self, id: &CallId) {
        let now = self.now();
        if self.disk.tables().calls.values().any(|call| call.id == *id && call.closed.is_some()) {
            return; // It is over, and may be forgotten.
        }
        let setup = self.switch.calls[id].setup();
        let decision = self.shared.registry.asked_or_decided(id, setup, now);
        match &decision.route {
            Route::Undecided(Undecided::AskCustomer) => {
                // Whoever asks meanwhile waits for the same answer.
                if !self.switch.asking.contains(id) {
                    self.switch.asking.push(id.clone());
                }
            }
            Route::Undecided(Undecided::LendY(through)) => {
                let ax = through.subscription.expect("only a binding lends a Y");
                self.lend_y(id, ax);
            }
            Route::Connect(_) | Route::Collect(_) | Route::Reject(_) => {
                let decision = self.shared.registry.bind_to(id, decision, now);
                self.is_told(id, &decision);
            }
        }
    }

    /// What a call was asked about with.
    pub fn with_setup_of<T>(&self, id: &CallId, look: impl FnOnce(CallSetup<'_>) -> T) -> T {
        look(self.switch.calls[id].setup())
    }

    /// The switch is told what to do.
    pub fn is_told(&mut self, id: &CallId, decision: &Arc<Decision>) {
        let now = self.now();
        let call = self.switch.calls.get_mut(id).unwrap();
        if call.told.as_ref().is_some_and(|told| told == decision) {
            return;
        }
        let old = call.told.as_ref().is_some_and(|told| now.since(told.at) >= DECISION_KEPT);
        let may_change = call.forgotten || old;
        if let Some(told) = call.told.as_ref().filter(|told| told.route.is_final()) {
            assert!(!call.durable && may_change, "a call was decided twice: {told:?}, then {decision:?}");
        }
        (call.told, call.durable, call.forgotten) = (Some(Arc::clone(decision)), false, false);
        if decision.question.is_none() {
            let setup = self.switch.calls[id].setup();
            let refused =
                matches!(&decision.route, Route::Reject(it) if it.cause == RejectCause::EmptyExtension);
            // Where it was forgotten that the caller was asked, having keyed nothing means nothing.
            let asked = setup.extension.filter(|keyed| !keyed.is_empty() || refused || !may_change);
            self.check_route(CallSetup { extension: asked, ..setup }, &decision.route);
        }
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

    fn course_of(
        &mut self,
        caller: CallingParty,
        called: E164,
        keyed: Option<&str>,
        connects: bool,
    ) -> Vec<CallEvent> {
        let mut stages = vec![Stage::Incoming];
        stages.extend(keyed.is_some().then_some(Stage::Collected));
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
                called: match stage {
                    Stage::Incoming => Some(called),
                    Stage::Outgoing | Stage::Alerting | Stage::Answered => Some(party(1)),
                    Stage::Collected | Stage::Released => None,
                },
                digits: keyed.filter(|_| stage == Stage::Collected).map(Box::from),
                sip: if says_200 { Some(200) } else { (ends && connects && !answered).then_some(486) },
                q850: None,
                by: ends.then_some(ReleasedBy::Callee),
            });
            at = at.after(Duration::from_millis(self.rng.random_range(0..9_000)));
        }
        events
    }
}
