//! What the switch reports, staged into a batch: events joined to their calls, the notices they cause, and the
//! CDRs of calls that have ended. The rules are in `domain::call` and `domain::cdr`; here they are fed.

use std::sync::Arc;
use std::time::Duration;

use super::draft::{Draft, Effect};
use super::job::ReportCount;
use super::ledger::{Ledger, LedgerRules};
use crate::domain::call::{Basis, Call, CallEvent, CallId, Closed, Decision, Reported, Stage};
use crate::domain::cdr::{ClosingQueue, Patience, batches};
use crate::domain::customer::Mode;
use crate::domain::delivery::{Delivery, NoticeKind};
use crate::domain::id::BindingId;
use crate::domain::number::{CallingParty, XNumber};
use crate::domain::route::{CallSetup, Route, Undecided, forwarded};
use crate::domain::time::Timestamp;
use crate::store::Write;
use crate::store::query::Retention;
use crate::wire::callback;

/// How often silent calls are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How often rows beyond the retention are removed.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Most rows of a kind removed at once: the writer must not stall.
const FORGET_ROWS_MAX: usize = 2_000;
/// Most calls closed in one batch.
const CLOSINGS_MAX: usize = 1_000;

/// What the writer remembers about calls between batches.
#[derive(Debug)]
pub struct Reports {
    /// Ended calls that wait for their CDRs.
    pub closings: ClosingQueue,
    patience: Patience,
    keep_ended: Duration,
    retention: RetentionDays,
    next_sweep: Timestamp,
    next_forget: Timestamp,
    /// Calls that the batch in the making closes or puts off, for putting them back when it fails.
    taken: Vec<CallId>,
}

/// How many days each kind of row is kept.
#[derive(Clone, Copy, Debug)]
pub struct RetentionDays {
    /// CDRs, calls, ended bindings and the audit.
    pub cdrs: u32,
    /// Delivered notices.
    pub notices: u32,
    /// Exhausted notices.
    pub exhausted: u32,
    /// Recordings, from their CDR, unless their app says otherwise.
    pub recordings: u32,
}

impl Reports {
    /// At start-up. Silent calls get the grace once more: while nobody listened their switch has kept what happened
    /// to them, and an end that it sends again in a moment must not find a CDR that says otherwise.
    pub fn new(rules: LedgerRules, now: Timestamp) -> Self {
        let LedgerRules { cdr_window, patience, keep_ended, retention, .. } = rules;
        let next_sweep = now.after(patience.grace.max(SWEEP_EVERY));
        let next_forget = now.after(FORGET_EVERY);
        let closings = ClosingQueue::new(cdr_window);
        Self { closings, patience, keep_ended, retention, next_sweep, next_forget, taken: Vec::new() }
    }

    /// When there is something to close or to sweep.
    pub fn next_due(&self) -> Timestamp {
        let sweep = self.next_sweep.min(self.next_forget);
        self.closings.next_due().map_or(sweep, |due| due.min(sweep))
    }

    /// A batch begins.
    pub fn begin(&mut self) {
        self.taken.clear();
    }

    /// The clock was set by so many milliseconds. What is left to wait stays as it was (delivery R15).
    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.closings.clock_was_set(by_ms);
        self.next_sweep = self.next_sweep.moved(by_ms);
        self.next_forget = self.next_forget.moved(by_ms);
    }

    /// The batch failed: what it was to close is closed later.
    pub fn take_back(&mut self, now: Timestamp) {
        for call in std::mem::take(&mut self.taken) {
            self.closings.postpone(call, now.after(Duration::from_secs(1)));
        }
    }
}

impl Ledger {
    /// Joins reports to their calls.
    pub(super) fn stage_reports(
        &mut self,
        reports: &[(CallId, Arc<CallEvent>)],
        draft: &mut Draft,
        now: Timestamp,
    ) -> ReportCount {
        let mut count = ReportCount::default();
        for (id, event) in reports {
            let reported = self.stage_report(id, event, draft, now);
            let (counter, fate) = match reported {
                Reported::Accepted(_) => (&mut count.accepted, "accepted"),
                Reported::Duplicate => (&mut count.duplicates, "duplicate"),
                Reported::Parked => (&mut count.parked, "parked"),
            };
            *counter += 1;
            draft.effects.push(Effect::Reported(fate));
        }
        count
    }

    fn stage_report(
        &mut self,
        id: &CallId,
        event: &Arc<CallEvent>,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Reported {
        // Taken out of the draft: what nobody else holds is changed in place, not copied for each of its events.
        let known = draft.calls.remove(id).or_else(|| self.shared.registry.calls.get(id));
        let is_new = known.is_none();
        let mut shared = known.unwrap_or_else(|| {
            let session = self.shared.origin.ids.session(id.expose()).into();
            Arc::new(Call::new(self.staging.next_key(now), id.clone(), session))
        });
        let call = Arc::make_mut(&mut shared);
        let called_back = call.to_call_back().map(|(binding, _)| binding);
        let decided = self.decide_call(call, event, now);
        let row_changed = is_new || decided.is_some();
        let mut tell = decided.unwrap_or_default();
        let index = u16::try_from(call.events.len()).expect("a call keeps at most 64 events");
        let reported = call.report(Arc::clone(event));
        if reported != Reported::Duplicate {
            draft.write(Write::CallEvent { call: call.key, index, event: Arc::clone(event) });
        }
        if let Reported::Accepted(stages) = &reported {
            tell.extend(stages);
        }
        // What was parked and what frees it become known together: told in the order they happened.
        tell.sort_by_key(|stage| (call.reached(*stage), *stage));
        for &stage in &tell {
            self.tell(call, stage, draft, now);
        }
        note_caller(call, called_back, draft);
        draft.put_call(shared, row_changed);
        reported
    }

    /// Takes over what was decided when the switch asked; presumes it when an incoming call is reported before
    /// that. Returns the stages that can now be told; `None` when what was decided stays. A call that is closed
    /// stays as it is: its CDR is made, or it was swept and has none, and either way nothing more is told about it.
    fn decide_call(&self, call: &mut Call, event: &CallEvent, now: Timestamp) -> Option<Vec<Stage>> {
        let registry = &self.shared.registry;
        let known = call.decision.as_ref().map(|decision| (decision.basis, decision.route.is_final()));
        if known == Some((Basis::Asked, true)) || call.closed.is_some() {
            return None;
        }
        // What is presumed gives way to what was answered, but not to a mere "let the caller key an extension".
        if let Some(asked) = registry.calls.asked(&call.id)
            && (asked.route.is_final() || matches!(known, None | Some((Basis::Presumed, false))))
        {
            return Some(call.decide(Arc::unwrap_or_clone(asked)));
        }
        match (event.stage, event.called, &call.decision) {
            (Stage::Incoming, Some(called), None) => {
                let caller = event.caller.unwrap_or(CallingParty::Withheld);
                let setup = CallSetup { caller, called: Some(called), extension: None };
                Some(call.decide(registry.decide(setup, Basis::Presumed, now)))
            }
            (stage, _, Some(collecting))
                if Stage::FORWARDED.contains(&stage) && !collecting.route.is_final() =>
            {
                let decision = self.connected_after_all(call, collecting, event, now)?;
                Some(call.decide(decision))
            }
            _ => None,
        }
    }

    /// The switch has dialled the callee of a call that as far as we know waits for an extension, or for what the
    /// customer answers: the last answer to the switch was lost with a crash. What was keyed leads to the same binding,
    /// if it still stands; what the customer answered shows in the number that was dialled.
    fn connected_after_all(
        &self,
        call: &Call,
        collecting: &Decision,
        event: &CallEvent,
        now: Timestamp,
    ) -> Option<Decision> {
        if let Route::Undecided(Undecided::AskCustomer) = collecting.route {
            let route = forwarded(event.called?, XNumber::new(collecting.called?));
            return Some(Decision { at: now, route, basis: Basis::Presumed, ..collecting.clone() });
        }
        let keyed = call.event(Stage::Collected)?.digits.as_deref();
        let Decision { caller, called, .. } = *collecting;
        let setup = CallSetup { caller, called, extension: keyed };
        let presumed = self.shared.registry.decide(setup, Basis::Presumed, now);
        matches!(presumed.route, Route::Connect(_)).then_some(presumed)
    }

    /// Queues the notice of a stage, if the app wants it, and notes an end.
    fn tell(&mut self, call: &Call, stage: Stage, draft: &mut Draft, now: Timestamp) {
        if stage == Stage::Released {
            draft.effects.push(Effect::CallEnded(call.id.clone(), call.app(), now));
        }
        let Some(app) = call.app().map(|app| self.shared.registry.customers.by_no(app)) else { return };
        if app.urls.call_status.is_none() {
            return;
        }
        // In X mode this is the question itself, and a question is not asked again.
        if app.mode == Mode::X && stage == Stage::Incoming {
            return;
        }
        if let Some(body) = callback::event(call, stage, &self.shared.origin) {
            let delivery =
                Delivery::new(self.staging.next_key(now), app.no, NoticeKind::Event, Some(call.key), now);
            draft.deliver(delivery, Some(call.session.clone()), body);
        }
    }

    /// Makes the CDRs of calls that have ended, sweeps silent calls, and removes what is beyond its retention.
    pub(super) fn stage_closings(&mut self, draft: &mut Draft, now: Timestamp) {
        let due = self.reports.closings.pop_due(now, CLOSINGS_MAX);
        // A batch may hold two ticks, so what the first took must not be forgotten.
        self.reports.taken.extend(due.iter().cloned());
        let mut closing = Vec::new();
        for id in due {
            let Some(mut call) = self.known_call(&id, draft).filter(|call| call.closed.is_none()) else {
                continue;
            };
            self.note_question(&mut call, draft);
            match call.waits_until(self.reports.patience, now) {
                Some(until) => self.reports.closings.postpone(id, until),
                None => closing.push(call),
            }
        }
        if self.reports.next_sweep <= now {
            self.reports.next_sweep = now.after(SWEEP_EVERY);
            closing.extend(self.silent_calls(draft, now));
            self.sweep_messages(draft, now);
            self.shared.registry.forget_ended(now, self.reports.keep_ended);
        }
        self.close(closing, draft, now);
        self.forget_old_rows(now);
    }

    /// X mode: the caller hung up while the customer was asked. The answer decides nothing any more, since the end was
    /// told without it; it is kept for operators.
    fn note_question(&self, call: &mut Call, draft: &mut Draft) {
        if call.awaits_reply()
            && let Some(asked) = self.shared.registry.calls.asked(&call.id)
            && let Some(decision) = &mut call.decision
        {
            decision.question.clone_from(&asked.question);
            // Not a row of its own: a later report of the same batch may decide the call after all.
            draft.put_call(Arc::new(call.clone()), true);
        }
    }

    fn silent_calls(&self, draft: &Draft, now: Timestamp) -> Vec<Call> {
        let silent = |call: &Call| call.silent_until(self.reports.patience).is_some_and(|until| until <= now);
        let calls = self.shared.registry.calls.all().into_iter();
        let mut calls: Vec<_> = calls
            .filter(|call| silent(call) && !draft.calls.contains_key(&call.id))
            .map(Arc::unwrap_or_clone)
            .collect();
        // The look-up gives them in any order; their CDRs shall have one.
        calls.sort_unstable_by_key(|call| call.key);
        calls
    }

    fn close(&mut self, calls: Vec<Call>, draft: &mut Draft, now: Timestamp) {
        let mut cdrs = Vec::new();
        for mut call in calls {
            let swept = call.reached(Stage::Released).is_none();
            let closed = Closed { at: now, swept };
            if let Some(cdr) = call.cdr(self.staging.next_key(now), now) {
                draft.effects.push(Effect::CdrMade { swept });
                cdrs.push(cdr);
            }
            call.close(closed);
            if let Some(app) = call.app().map(|app| self.shared.registry.customers.by_no(app)) {
                self.stage_recording_expiry(&call, &app, draft, now);
            }
            draft.write(Write::CallClosed { call: call.key, closed, x: call.x() });
            draft.effects.extend(call.x().map(|x| Effect::NumberCalled(x, now)));
            draft.put_call(Arc::new(call), false);
        }
        for (app, mut batch) in batches(cdrs) {
            let app = self.shared.registry.customers.by_no(app);
            if app.urls.cdr.is_some() {
                let delivery = Delivery::new(self.staging.next_key(now), app.no, NoticeKind::Cdr, None, now);
                for cdr in &mut batch {
                    cdr.delivery = Some(delivery.id);
                }
                let sessions: Vec<_> = batch.iter().map(|cdr| &*cdr.session).collect();
                draft.deliver(
                    delivery,
                    Some(sessions.join(" ").into()),
                    callback::fee(&batch, &app.key, &self.shared.origin),
                );
            }
            for cdr in batch {
                draft.write(Write::Cdr(Box::new(cdr)));
            }
        }
    }

    fn forget_old_rows(&mut self, now: Timestamp) {
        if self.reports.next_forget > now {
            return;
        }
        let days = |days: u32| now.before(Duration::from_secs(86_400 * u64::from(days)));
        let than = Retention {
            cdrs_before: days(self.reports.retention.cdrs),
            notices_before: days(self.reports.retention.notices),
            exhausted_before: days(self.reports.retention.exhausted),
        };
        match self.shared.store.forget_older(than, FORGET_ROWS_MAX) {
            // There may be more: come back soon.
            Ok(gone) if gone >= FORGET_ROWS_MAX => {
                self.reports.next_forget = now.after(Duration::from_secs(1));
            }
            Ok(_) => self.reports.next_forget = now.after(FORGET_EVERY),
            Err(error) => {
                tracing::warn!("rows beyond the retention were not removed: {error}");
                self.reports.next_forget = now.after(FORGET_EVERY);
            }
        }
    }

    /// The call as the batch in the making leaves it.
    pub(super) fn known_call(&self, id: &CallId, draft: &Draft) -> Option<Call> {
        let known = draft.calls.get(id).cloned().or_else(|| self.shared.registry.calls.get(id));
        known.map(Arc::unwrap_or_clone)
    }
}

/// AXE: notes whom A can call back, once: when it is first known that the switch dialled A, and for which binding.
fn note_caller(call: &Call, known: Option<BindingId>, draft: &mut Draft) {
    if let Some((binding, caller)) = call.to_call_back().filter(|(binding, _)| Some(*binding) != known) {
        draft.write(Write::LastCaller { binding, caller });
        draft.effects.push(Effect::Called(binding, caller));
    }
}
