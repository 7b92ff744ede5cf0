//! From the events of a call to its CDR, and which CDRs share a push (callbacks 5).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::binding::LastCaller;
use super::call::{Call, CallId, Cdr, Stage};
use super::customer::Mode;
use super::extension::Extension;
use super::id::{AppNo, BindingId, RowKey};
use super::number::CallingParty;
use super::recording::{Keeping, Recording, SHORTEST};
use super::release::{CallProgress, Release, ReleaseReport, ReleasedBy, StateCode};
use super::route::{Route, Undecided};
use super::time::Timestamp;

/// Most CDRs in one push (callbacks 5).
pub const CDRS_PER_PUSH_MAX: usize = 50;

/// How long an ended call waits before it looks again for the customer's answer.
const REPLY_LOOK: Duration = Duration::from_secs(1);

/// How long a call may stay silent before the sweeper closes it.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Without a longest duration: this long after the last report.
    pub silence: Duration,
    /// With one: this long after the call should have been cut.
    pub grace: Duration,
    /// How long a CDR waits for the answer event of a call whose end says that it was answered.
    pub answer: Duration,
}

impl Call {
    /// Why the call ended, as far as the reports tell. A call without an end counts as ended by nobody.
    pub fn release(&self) -> Release {
        let released = self.event(Stage::Released);
        let report = ReleaseReport {
            sip: released.and_then(|event| event.sip),
            q850: released.and_then(|event| event.q850),
            by: released.and_then(|event| event.by),
        };
        let progress = CallProgress {
            forwarded: self.reached(Stage::Outgoing).is_some(),
            alerted: self.reached(Stage::Alerting).is_some(),
            answered: self.was_answered(),
            rejected_with: self.rejected_with(report),
        };
        Release::of(report, progress)
    }

    /// The cause of the gateway's own doing. A switch that gave up waiting for an extension without asking again
    /// has done what the gateway would have told it; not so one that had the extension and could not ask.
    fn rejected_with(&self, report: ReleaseReport) -> Option<StateCode> {
        let given_up =
            matches!(report.by, Some(ReleasedBy::Timeout | ReleasedBy::MaxDuration | ReleasedBy::Switch));
        match &self.decision.as_ref()?.route {
            Route::Reject(reject) => Some(reject.cause.state_code()),
            Route::Collect(_)
                if given_up && report.sip != Some(487) && !self.has_keyed() && !self.was_forwarded() =>
            {
                Some(StateCode::EMPTY_EXTENSION)
            }
            // Nor does a switch that gave up wait for what the gateway has to find out.
            Route::Undecided(undecided) if given_up && !self.was_forwarded() => Some(match undecided {
                Undecided::AskCustomer => StateCode::NO_BINDING,
                Undecided::LendY(_) => StateCode::NO_Y,
            }),
            Route::Collect(_) | Route::Connect(_) | Route::Undecided(_) => None,
        }
    }

    /// Whether the caller is known to have keyed anything.
    fn has_keyed(&self) -> bool {
        let digits = self.event(Stage::Collected).and_then(|event| event.digits.as_deref());
        digits.is_some_and(|digits| !digits.is_empty())
    }

    /// Whether the switch dialled the real callee: any of its reports says so.
    fn was_forwarded(&self) -> bool {
        Stage::FORWARDED.into_iter().any(|stage| self.reached(stage).is_some())
    }

    /// Whom A reaches by dialling X after this call: the binding it is noted for, and the caller. `None` unless
    /// the call led to an A of AXE and the switch has dialled that A.
    pub fn to_call_back(&self) -> Option<(BindingId, LastCaller)> {
        let decision = self.decision.as_ref()?;
        let (Route::Connect(connect), CallingParty::Number(caller)) = (&decision.route, decision.caller)
        else {
            return None;
        };
        if decision.mode != Some(Mode::Axe) || connect.through.a_calls {
            return None;
        }
        let dialled = self.events.iter().filter(|event| Stage::FORWARDED.contains(&event.stage));
        // A switch whose clock is ahead must not keep later callers out.
        let at = dialled.map(|event| event.at.min(event.received_at)).min()?;
        Some((connect.through.subscription?, LastCaller { caller, at }))
    }

    /// The extension that the call is about: that of its binding, else what the caller keyed.
    fn extension(&self) -> Option<Extension> {
        let of_binding = self.through().and_then(|through| through.extension);
        of_binding.or_else(|| self.event(Stage::Collected)?.digits.as_deref().and_then(Extension::parse))
    }

    /// Whether the callee answered: an answer event says so, or the end does.
    pub fn was_answered(&self) -> bool {
        self.reached(Stage::Answered).is_some() || self.end_says_answered()
    }

    /// Until when the CDR should wait: the end says that the call was answered, but when is still on its way; or the
    /// customer's answer is, and what was asked belongs into the story of the call. `None` = it need not wait.
    pub fn waits_until(&self, patience: Patience, now: Timestamp) -> Option<Timestamp> {
        let until = self.heard_at(self.event(Stage::Released)?).after(patience.answer);
        let answered = self.end_says_answered() && self.reached(Stage::Answered).is_none();
        let until = if answered {
            until
        } else if self.awaits_reply() {
            until.min(now.after(REPLY_LOOK))
        } else {
            return None;
        };
        (now < until).then_some(until)
    }

    /// Whether a customer's answer is under way, or was lost: nobody can tell which.
    pub fn awaits_reply(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| {
            matches!(decision.route, Route::Undecided(_)) && decision.question.is_none()
        })
    }

    /// When the sweeper may close the call although nothing else does. `None` for a call that is closed, or has
    /// ended and waits for its CDR. The end of a call that nobody announced closes nothing: no CDR follows.
    pub fn silent_until(&self, patience: Patience) -> Option<Timestamp> {
        let ended = self.decision.is_some() && self.reached(Stage::Released).is_some();
        if self.closed.is_some() || ended {
            return None;
        }
        let longest = match self.decision.as_ref().map(|decision| &decision.route) {
            Some(Route::Connect(connect)) => connect.max_duration,
            _ => None,
        };
        match (longest, self.event(Stage::Answered)) {
            (Some(longest), Some(answered)) => {
                Some(self.heard_at(answered).after(longest).after(patience.grace))
            }
            _ => Some(self.last_heard()?.after(patience.silence)),
        }
    }

    /// The CDR of the call; `None` when the number dialled is none of ours, so that there is nobody to bill.
    pub fn cdr(&self, id: RowKey, now: Timestamp) -> Option<Cdr> {
        let decision = self.decision.as_ref()?;
        let (app, mode, x) = (decision.app?, decision.mode?, self.x()?);
        let end = self.reached(Stage::Released);
        let forward_start = self.reached(Stage::Outgoing);
        let through = self.through();
        let answer = self.reached(Stage::Answered);
        let (destination, display) = match &decision.route {
            Route::Connect(connect) if forward_start.is_some() => {
                (Some(connect.callee), Some(connect.display))
            }
            _ => (None, None),
        };
        Some(Cdr {
            id,
            call: self.key,
            app,
            mode,
            session: self.session.clone(),
            x,
            caller: decision.caller,
            bound_x: through.and_then(|through| through.x),
            destination,
            display,
            direction: match through {
                None => 2,
                Some(through) => u8::from(through.a_calls),
            },
            subscription: through.and_then(|through| through.subscription),
            extension: self.extension(),
            user_data: through.and_then(|through| through.user_data.clone()),
            call_in: self.reached(Stage::Incoming),
            forward_start,
            alerting: self.reached(Stage::Alerting),
            // An end that says "answered" without the event: the customer must not read it as unanswered.
            answer: answer.or_else(|| self.alerting_or_start().filter(|_| self.end_says_answered())),
            end: end.unwrap_or_else(|| self.last_event_at().unwrap_or(now)),
            release: self.release(),
            released_by: self.event(Stage::Released).and_then(|event| event.by),
            recording: self.recording_to_tell(),
            swept: end.is_none(),
            delivery: None,
        })
    }

    /// The recording, unless its file is still to come and will not: of a call that was shorter than a recording
    /// has to be, the switch sends none.
    fn recording_to_tell(&self) -> Option<Recording> {
        let recording = self.recording.clone()?;
        let (answer, end) = (self.reached(Stage::Answered), self.reached(Stage::Released));
        let talked = answer.zip(end).map(|(answer, end)| end.since(answer));
        let too_short = talked.is_some_and(|talked| talked < SHORTEST);
        let will_not_come = matches!(recording.keeping, Keeping::Awaited(_)) && too_short;
        (!will_not_come).then_some(recording)
    }

    /// SIP 200 in the end event means that a dialog had been set up.
    fn end_says_answered(&self) -> bool {
        // Neither was a call answered that went no further than the gateway's prompt.
        let connected = match self.decision.as_ref().map(|decision| &decision.route) {
            Some(Route::Connect(_)) | None => true,
            Some(Route::Collect(_) | Route::Undecided(_)) => self.was_forwarded(),
            Some(Route::Reject(_)) => false,
        };
        self.event(Stage::Released).is_some_and(|event| {
            connected && (event.sip == Some(200) || event.by == Some(ReleasedBy::MaxDuration))
        })
    }

    fn alerting_or_start(&self) -> Option<Timestamp> {
        self.reached(Stage::Alerting)
            .or_else(|| self.reached(Stage::Outgoing))
            .or_else(|| self.reached(Stage::Incoming))
    }

    fn last_event_at(&self) -> Option<Timestamp> {
        self.events.iter().map(|event| event.at).max()
    }
}

/// Groups CDRs into pushes: one app each, at most [`CDRS_PER_PUSH_MAX`], in the order given.
pub fn batches(cdrs: Vec<Cdr>) -> Vec<(AppNo, Vec<Cdr>)> {
    let mut batches: Vec<(AppNo, Vec<Cdr>)> = Vec::new();
    for cdr in cdrs {
        let open = batches.iter_mut().rev().find(|(app, _)| *app == cdr.app);
        match open {
            Some((_, batch)) if batch.len() < CDRS_PER_PUSH_MAX => batch.push(cdr),
            _ => batches.push((cdr.app, vec![cdr])),
        }
    }
    batches
}

/// Ended calls whose CDRs are not made yet, each once. The first call of an app that ends opens a window; all
/// that end before it closes share a push (callbacks 1.4).
#[derive(Debug)]
pub struct ClosingQueue {
    window: Duration,
    closes_at: HashMap<AppNo, Timestamp>,
    /// By due time, then in the order noted.
    due: BTreeMap<Place, CallId>,
    /// Where each call waits: a call that waited twice would get two CDRs.
    places: HashMap<CallId, Place>,
    /// How many were noted so far.
    noted: u64,
}

/// A due time, and a number that tells calls apart which are due at the same time.
type Place = (Timestamp, u64);

impl ClosingQueue {
    /// With this window; zero = every CDR on its own.
    pub fn new(window: Duration) -> Self {
        let (closes_at, due, places) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Self { window, closes_at, due, places, noted: 0 }
    }

    /// Notes that a call ended. `None` = it concerns no app, so that nothing is merged.
    pub fn note(&mut self, call: CallId, app: Option<AppNo>, now: Timestamp) {
        let fresh = now.after(self.window);
        let at = match app {
            None => fresh,
            Some(app) => {
                let open = self.closes_at.get(&app).copied().filter(|&at| at > now);
                let at = open.unwrap_or(fresh);
                self.closes_at.insert(app, at);
                at
            }
        };
        self.postpone(call, at);
    }

    /// Lets a call wait until `at`, also when it waited for another time before.
    pub fn postpone(&mut self, call: CallId, at: Timestamp) {
        self.noted += 1;
        let place = (at, self.noted);
        if let Some(before) = self.places.insert(call.clone(), place) {
            self.due.remove(&before);
        }
        self.due.insert(place, call);
    }

    /// When the next window closes.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|&(at, _)| at)
    }

    /// Takes at most `limit` calls whose windows have closed.
    pub fn pop_due(&mut self, now: Timestamp, limit: usize) -> Vec<CallId> {
        let mut calls = Vec::new();
        while calls.len() < limit {
            let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now) else { break };
            let call = first.remove();
            self.places.remove(&call);
            calls.push(call);
        }
        self.closes_at.retain(|_, at| *at > now);
        calls
    }

    /// The clock was set by so many milliseconds. What is left to wait stays as it was (delivery R15).
    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.closes_at.values_mut().for_each(|at| *at = at.moved(by_ms));
        self.places.values_mut().for_each(|(at, _)| *at = at.moved(by_ms));
        let due = std::mem::take(&mut self.due);
        self.due = due.into_iter().map(|((at, noted), call)| ((at.moved(by_ms), noted), call)).collect();
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod axe_tests;
