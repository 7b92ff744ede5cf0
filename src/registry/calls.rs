//! Calls under way, and what was decided about them.
//!
//! Two maps with two owners. Route answers are given by any thread, at once, and kept in `decisions`; the first
//! final answer about a call wins ("let the caller key an extension" is none). Calls are built by the writer alone,
//! from events it has made durable; it takes the decision over when the next event arrives. So a route answer
//! never waits for a disk, and a call is never changed from two sides.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::{DashMap, Entry};

use crate::domain::call::{Basis, Call, CallId, Decision};
use crate::domain::time::Timestamp;

/// How long a decision is kept for a call of which nothing is ever reported.
const DECISION_KEPT: Duration = Duration::from_secs(600);
/// Most decisions kept for calls of which nothing has been reported; beyond it the oldest go.
const DECISIONS_MAX: usize = 1_000_000;

/// Calls and decisions.
#[derive(Debug, Default)]
pub struct Calls {
    decisions: DashMap<CallId, Arc<Decision>>,
    /// Decisions in the order they were made, for forgetting.
    made: Mutex<VecDeque<Made>>,
    reported: DashMap<CallId, Arc<Call>>,
    /// The same calls by what customers know them by.
    sessions: DashMap<Box<str>, CallId>,
}

/// When a decision was made, to forget it.
#[derive(Debug)]
struct Made {
    /// On the clock as it is now.
    at: Timestamp,
    /// On the clock as it was: tells the decision from a later one about the same call.
    decided_at: Timestamp,
    id: CallId,
}

impl Calls {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was decided about a call when the switch asked; decides now if it never asked before. What was decided
    /// gives way to `decide` only if it is not final and the new decision is: the extension was keyed meanwhile.
    pub fn decided(
        &self,
        id: &CallId,
        now: Timestamp,
        decide: impl FnOnce() -> Arc<Decision>,
    ) -> Arc<Decision> {
        let asked = self.asked(id);
        if let Some(asked) = asked.as_ref().filter(|asked| asked.route.is_final()) {
            return Arc::clone(asked);
        }
        let decision = decide();
        let stays = |kept: &Decision| kept.route.is_final() || !decision.route.is_final();
        if let Some(asked) = asked.filter(|asked| stays(asked)) {
            return asked;
        }
        match self.decisions.entry(id.clone()) {
            Entry::Occupied(kept) if stays(kept.get()) => return Arc::clone(kept.get()),
            Entry::Occupied(mut kept) => drop(kept.insert(Arc::clone(&decision))),
            Entry::Vacant(place) => drop(place.insert(Arc::clone(&decision))),
        }
        let mut made = self.made();
        made.push_back(Made { at: now, decided_at: decision.at, id: id.clone() });
        if made.len() > DECISIONS_MAX
            && let Some(oldest) = made.pop_front()
        {
            self.forget_decision(&oldest);
        }
        decision
    }

    /// What the switch was answered when it asked about this call.
    pub fn asked(&self, id: &CallId) -> Option<Arc<Decision>> {
        if let Some(decision) = self.decisions.get(id) {
            return Some(Arc::clone(&decision));
        }
        let call = self.reported.get(id)?;
        let asked = call.decision.as_ref().filter(|decision| decision.basis == Basis::Asked)?;
        Some(Arc::new(asked.clone()))
    }

    /// A call of which something was reported.
    pub fn get(&self, id: &CallId) -> Option<Arc<Call>> {
        self.reported.get(id).map(|call| Arc::clone(&call))
    }

    /// A call of which something was reported, by its sessionId.
    pub fn of_session(&self, session: &str) -> Option<Arc<Call>> {
        let id = self.sessions.get(session)?.clone();
        self.get(&id)
    }

    /// A route answer of whose call nothing has been reported, by its call. Looks at every one: for operators.
    pub fn find_unreported(&self, wanted: impl Fn(&CallId) -> bool) -> Option<(CallId, Arc<Decision>)> {
        let found = self.decisions.iter().find(|decision| wanted(decision.key()))?;
        Some((found.key().clone(), Arc::clone(&found)))
    }

    /// Every call kept, in no particular order.
    pub fn all(&self) -> Vec<Arc<Call>> {
        self.reported.iter().map(|call| Arc::clone(&call)).collect()
    }

    /// How many calls are open.
    pub fn open_count(&self) -> usize {
        self.reported.iter().filter(|call| call.closed.is_none()).count()
    }

    /// How many route answers wait for a first report about their call.
    pub fn unreported_count(&self) -> usize {
        self.decisions.len()
    }

    /// Puts a call whose newest events are durable in place of its former self.
    pub fn put(&self, call: Arc<Call>) {
        let taken_over = call.decision.clone().filter(|decision| decision.basis == Basis::Asked);
        let id = call.id.clone();
        self.sessions.insert(call.session.clone(), id.clone());
        self.reported.insert(id.clone(), call);
        if let Some(taken_over) = taken_over {
            // What was answered in the meantime, once the extension was keyed, is for the next event.
            self.decisions.remove_if(&id, |_, kept| taken_over.route.is_final() || !kept.route.is_final());
        }
    }

    /// Forgets the calls. Route answers stay: the switch may be acting on them.
    pub fn clear(&self) {
        self.reported.clear();
        self.sessions.clear();
    }

    /// Drops decisions that nothing followed, and calls that were closed longer than `keep` ago.
    pub fn forget(&self, now: Timestamp, keep: Duration) {
        let mut made = self.made();
        while made.front().is_some_and(|made| now.since(made.at) >= DECISION_KEPT) {
            if let Some(oldest) = made.pop_front() {
                self.forget_decision(&oldest);
            }
        }
        drop(made);
        self.reported.retain(|_, call| {
            let kept = call.closed_at().is_none_or(|at| now.since(at) < keep);
            if !kept {
                self.sessions.remove(&call.session);
            }
            kept
        });
    }

    /// The clock was set by so many milliseconds, and shows `now`. Calls and decisions are kept, and silence is
    /// borne, for as long as was left (delivery R15).
    pub fn clock_was_set(&self, by_ms: i64, now: Timestamp) {
        for made in self.made().iter_mut() {
            // Others may have decided since the clock was set back; what they made is not in its future. Where this
            // is wrong, a decision is kept for longer than it has to be.
            if by_ms > 0 || made.at > now {
                made.at = made.at.moved(by_ms);
            }
        }
        for mut call in self.reported.iter_mut() {
            Arc::make_mut(&mut call).clock_was_set(by_ms);
        }
    }

    fn made(&self) -> MutexGuard<'_, VecDeque<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_decision(&self, made: &Made) {
        self.decisions.remove_if(&made.id, |_, kept| kept.at == made.decided_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Closed;
    use crate::domain::number::CallingParty;
    use crate::domain::route::{Reject, RejectCause, Route};
    use crate::domain::sample::{at, id, just_before};

    fn call_id(n: u32) -> CallId {
        CallId::new(&format!("call-{n}")).unwrap()
    }

    fn decision(secs: u64, basis: Basis) -> Decision {
        let route = Route::Reject(Reject { cause: RejectCause::UnknownNumber, through: None, tone: None });
        let (caller, called, app, mode) = (CallingParty::Withheld, None, None, None);
        Decision { at: at(secs), caller, called, app, mode, route, basis, question: None }
    }

    fn call(n: u32, decision: Option<Decision>) -> Arc<Call> {
        let mut call = Call::new(id(n.into()), call_id(n), format!("session-{n}").into());
        call.decision = decision;
        Arc::new(call)
    }

    fn ask(calls: &Calls, n: u32, secs: u64) -> Timestamp {
        calls.decided(&call_id(n), at(secs), || Arc::new(decision(secs, Basis::Asked))).at
    }

    #[test]
    fn the_first_answer_about_a_call_binds_also_once_the_call_has_taken_it_over() {
        let calls = Calls::new();
        assert_eq!((ask(&calls, 1, 10), ask(&calls, 1, 20)), (at(10), at(10)));
        calls.put(call(1, Some(decision(10, Basis::Asked))));
        assert_eq!((ask(&calls, 1, 30), calls.unreported_count()), (at(10), 0));
    }

    #[test]
    fn what_was_only_presumed_does_not_bind() {
        let calls = Calls::new();
        calls.put(call(1, Some(decision(5, Basis::Presumed))));
        assert_eq!(calls.asked(&call_id(1)), None);
        assert_eq!((ask(&calls, 1, 10), ask(&calls, 1, 20)), (at(10), at(10)));
    }

    #[test]
    fn a_decision_that_nothing_follows_is_forgotten_after_ten_minutes() {
        let calls = Calls::new();
        ask(&calls, 1, 10);
        ask(&calls, 2, 11);
        calls.forget(just_before(610), Duration::ZERO);
        assert_eq!(calls.unreported_count(), 2);
        calls.forget(at(610), Duration::ZERO);
        assert_eq!((calls.asked(&call_id(1)), calls.unreported_count()), (None, 1));
    }

    #[test]
    fn an_open_call_is_kept_and_a_closed_one_for_as_long_as_is_asked() {
        let calls = Calls::new();
        calls.put(call(1, None));
        let mut closed = Call::clone(&call(2, None));
        closed.closed = Some(Closed { at: at(100), swept: false });
        calls.put(Arc::new(closed));
        assert_eq!((calls.open_count(), calls.all().len()), (1, 2));
        let keep = Duration::from_secs(60);
        calls.forget(just_before(160), keep);
        assert!(calls.get(&call_id(2)).is_some());
        calls.forget(at(160), keep);
        assert!(calls.get(&call_id(2)).is_none() && calls.get(&call_id(1)).is_some());
    }

    #[test]
    fn a_clock_set_by_an_hour_lets_nothing_be_forgotten_sooner_or_later() {
        let hour = 3_600;
        for (by_ms, now) in [(3_600_000, 100_010 + hour), (-3_600_000, 100_010 - hour)] {
            let calls = Calls::new();
            ask(&calls, 1, 100_010);
            let mut closed = Call::clone(&call(2, None));
            closed.close(Closed { at: at(100_010), swept: false });
            calls.put(Arc::new(closed));
            calls.clock_was_set(by_ms, at(now));
            let keep = Duration::from_secs(600);
            calls.forget(just_before(now + 600), keep);
            assert!(calls.get(&call_id(2)).is_some() && calls.unreported_count() == 1, "{by_ms}");
            calls.forget(at(now + 600), keep);
            assert!(calls.get(&call_id(2)).is_none() && calls.unreported_count() == 0, "{by_ms}");
        }
    }

    #[test]
    fn loading_again_forgets_calls_and_keeps_what_the_switch_was_told() {
        let calls = Calls::new();
        ask(&calls, 1, 10);
        calls.put(call(2, None));
        calls.clear();
        assert!(calls.get(&call_id(2)).is_none());
        assert_eq!(ask(&calls, 1, 20), at(10));
    }
}

#[cfg(test)]
mod changing_answers {
    use super::*;
    use crate::domain::id::RowKey;
    use crate::domain::number::CallingParty;
    use crate::domain::route::{Collect, Reject, RejectCause, Route};

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn decision(route: Route, secs: u64) -> Decision {
        Decision {
            at: at(secs),
            caller: CallingParty::Withheld,
            called: None,
            app: None,
            mode: None,
            route,
            basis: Basis::Asked,
            question: None,
        }
    }

    fn collect() -> Route {
        Route::Collect(Collect { tone: None, digits: 4 })
    }

    fn reject(cause: RejectCause) -> Route {
        Route::Reject(Reject { cause, through: None, tone: None })
    }

    fn id() -> CallId {
        CallId::new("c").unwrap()
    }

    fn call(decision: Option<Decision>) -> Arc<Call> {
        let mut call = Call::new(RowKey::floor(1), id(), "s".into());
        call.decision = decision;
        Arc::new(call)
    }

    /// Asks; the answer, if it has to be decided, is `route`.
    fn ask(calls: &Calls, route: Route, secs: u64) -> Route {
        calls.decided(&id(), at(secs), || Arc::new(decision(route, secs))).route.clone()
    }

    #[test]
    fn the_first_final_answer_about_a_call_binds() {
        let calls = Calls::new();
        let first = reject(RejectCause::NoAxBinding);
        assert_eq!(ask(&calls, first.clone(), 1), first);
        assert_eq!(ask(&calls, collect(), 2), first);
        assert_eq!(ask(&calls, reject(RejectCause::Direction), 3), first);
    }

    #[test]
    fn being_asked_for_an_extension_binds_only_until_there_is_a_final_answer() {
        let calls = Calls::new();
        assert_eq!(ask(&calls, collect(), 1), collect());
        let again = calls.decided(&id(), at(2), || Arc::new(decision(collect(), 2)));
        assert_eq!(again.at, at(1));
        let second = reject(RejectCause::NoAxeBinding);
        assert_eq!(ask(&calls, second.clone(), 3), second);
        assert_eq!(ask(&calls, reject(RejectCause::EmptyExtension), 4), second);
    }

    #[test]
    fn an_answer_given_while_the_former_one_is_taken_over_stays_for_the_next_event() {
        let calls = Calls::new();
        ask(&calls, collect(), 1);
        let second = reject(RejectCause::NoAxeBinding);
        ask(&calls, second.clone(), 2);
        calls.put(call(Some(decision(collect(), 1))));
        assert_eq!(calls.asked(&id()).unwrap().route, second);
        assert_eq!(calls.unreported_count(), 1);
        calls.put(call(Some(decision(second.clone(), 2))));
        assert_eq!(calls.unreported_count(), 0);
        assert_eq!(calls.asked(&id()).unwrap().route, second);
    }

    #[test]
    fn a_final_answer_takes_the_place_of_one_that_a_call_has_taken_over() {
        let calls = Calls::new();
        calls.put(call(Some(decision(collect(), 1))));
        assert_eq!(ask(&calls, collect(), 2), collect());
        assert_eq!(calls.unreported_count(), 0);
        let second = reject(RejectCause::EmptyExtension);
        assert_eq!(ask(&calls, second.clone(), 3), second);
        assert_eq!(calls.asked(&id()).unwrap().route, second);
    }

    #[test]
    fn forgetting_a_first_answer_leaves_a_later_one_in_force() {
        let calls = Calls::new();
        ask(&calls, collect(), 1);
        let second = reject(RejectCause::NoAxeBinding);
        ask(&calls, second.clone(), 100);
        calls.forget(at(650), Duration::ZERO);
        assert_eq!(calls.asked(&id()).unwrap().route, second);
        calls.forget(at(700), Duration::ZERO);
        assert_eq!(calls.asked(&id()), None);
    }
}
