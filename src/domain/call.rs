//! One call: what the gateway decided about it, what the switch reported, and what follows from both.
//!
//! The switch reports at least once and in any order (interfaces, switch API). So a call is the *set* of its
//! events, each kept once by its eventId and read in the order of its `ts`; a CDR built from it is the same
//! whatever the order of arrival.

use std::fmt;
use std::sync::Arc;

use super::attempt::Attempt;
use super::customer::Mode;
use super::extension::Extension;
use super::id::{AppNo, BindingId, RowKey};
use super::number::{CallingParty, E164, XNumber};
use super::recording::Recording;
use super::release::{Release, ReleasedBy};
use super::route::{Route, Through};
use super::time::Timestamp;

/// Longest callId and eventId a switch may use, in bytes.
pub const SWITCH_ID_LEN_MAX: usize = 256;
/// Most events kept of one call. A call has six; the rest is room for repeated alerting.
pub const EVENTS_MAX: usize = 64;

/// The switch's own id of a call: unique per call, 1 to 256 bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(Arc<str>);

impl CallId {
    /// `None` when the text is empty or too long.
    pub fn new(text: &str) -> Option<Self> {
        (1..=SWITCH_ID_LEN_MAX).contains(&text.len()).then(|| Self(text.into()))
    }

    /// The id as text. Switches put what they like into it, numbers too: not for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallId(..)")
    }
}

/// A stage of a call, in the order in which they happen (callbacks 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The call came in at X (`callin`).
    Incoming,
    /// AXE: the caller keyed an extension, or was asked and did not (`collectInfo`).
    Collected,
    /// The switch dialled the real callee (`callout`).
    Outgoing,
    /// The callee rings (`alerting`).
    Alerting,
    /// The callee answered (`answer`).
    Answered,
    /// The call ended (`disconnect`).
    Released,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 6] =
        [Self::Incoming, Self::Collected, Self::Outgoing, Self::Alerting, Self::Answered, Self::Released];
    /// The stages that only a call reaches whose real callee was dialled.
    pub const FORWARDED: [Self; 3] = [Self::Outgoing, Self::Alerting, Self::Answered];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "callin",
            Self::Collected => "collectInfo",
            Self::Outgoing => "callout",
            Self::Alerting => "alerting",
            Self::Answered => "answer",
            Self::Released => "disconnect",
        }
    }

    /// Inverse of [`Stage::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}

/// One report of the switch about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// The switch's id of the event: a repeated report has the same.
    pub event_id: Box<str>,
    /// What happened.
    pub stage: Stage,
    /// When it happened, by the switch's clock.
    pub at: Timestamp,
    /// When the report reached us.
    pub received_at: Timestamp,
    /// Who is calling, as reported.
    pub caller: Option<CallingParty>,
    /// The number called, as reported: X in `callin`, the real callee afterwards.
    pub called: Option<E164>,
    /// What the caller keyed, in `collectInfo`; empty = nothing.
    pub digits: Option<Box<str>>,
    /// The SIP status, where there is one.
    pub sip: Option<u16>,
    /// The Q.850 cause, where there is one.
    pub q850: Option<u16>,
    /// Who ended the call, in `disconnect`.
    pub by: Option<ReleasedBy>,
}

/// What the gateway decided about a call, and how it came to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When it was decided.
    pub at: Timestamp,
    /// Who was calling.
    pub caller: CallingParty,
    /// The number dialled, when it was a number.
    pub called: Option<E164>,
    /// The app that owns the dialled number, when it is one of ours.
    pub app: Option<AppNo>,
    /// How that app works.
    pub mode: Option<Mode>,
    /// What was decided.
    pub route: Route,
    /// What made us decide.
    pub basis: Basis,
    /// X mode: the question to the customer, and how it was answered.
    pub question: Option<Arc<Attempt>>,
}

impl Decision {
    /// Why the call is refused, in words with the numbers masked; `None` when it is not.
    pub fn reason(&self) -> Option<String> {
        let Route::Reject(reject) = &self.route else { return None };
        let words = reject.cause.in_words(self.caller, self.called.map(XNumber::new));
        let question = self.question.as_ref().filter(|_| reject.cause.tells_of_question());
        Some(match question.and_then(|question| question.failure.as_deref()) {
            Some(failure) => format!("{words}: {failure}"),
            None => words,
        })
    }
}

/// What made the gateway decide about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The switch asked for a route: the answer binds for the life of the call.
    Asked,
    /// The switch reported an incoming call before it asked, or never asked: what the answer would have been. Also
    /// of an AXE call whose answer was lost in a crash: what the keyed extension leads to.
    Presumed,
}

/// How a call was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When the CDR was made.
    pub at: Timestamp,
    /// No end was ever reported: the sweeper closed it.
    pub swept: bool,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its row.
    pub key: RowKey,
    /// The switch's id of it.
    pub id: CallId,
    /// What customers know it by.
    pub session: Box<str>,
    /// What was decided; `None` while all that arrived is events of a call nobody announced.
    pub decision: Option<Decision>,
    /// What was reported, in order of arrival.
    pub events: Vec<Arc<CallEvent>>,
    /// The recording, once reported.
    pub recording: Option<Recording>,
    /// Set when the CDR has been made.
    pub closed: Option<Closed>,
    /// In memory only: by how many milliseconds the clock was set, and how many reports there were by then.
    clock_sets: Vec<(usize, i64)>,
}

/// What became of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It is new, and these stages can now be told to the customer, in this order.
    Accepted(Vec<Stage>),
    /// It had been reported before.
    Duplicate,
    /// It was kept, but belongs to a call that is not known (yet).
    Parked,
}

impl Call {
    /// A call that is heard of for the first time.
    pub const fn new(key: RowKey, id: CallId, session: Box<str>) -> Self {
        Self {
            key,
            id,
            session,
            decision: None,
            events: Vec::new(),
            recording: None,
            closed: None,
            clock_sets: Vec::new(),
        }
    }

    /// Takes in one report. The same stage reported twice under different ids is kept and told once.
    ///
    /// A report can free others: events that arrived before anything made the call known are told with it.
    pub fn report(&mut self, event: impl Into<Arc<CallEvent>>) -> Reported {
        let event = event.into();
        if self.events.iter().any(|known| known.event_id == event.event_id) {
            return Reported::Duplicate;
        }
        let stage_is_new = self.event(event.stage).is_none();
        if self.events.len() >= EVENTS_MAX || self.closed.is_some() {
            // Nothing can follow from it any more; keeping it would only cost memory.
            return Reported::Duplicate;
        }
        let stage = event.stage;
        self.events.push(event);
        if self.decision.is_none() {
            return Reported::Parked;
        }
        Reported::Accepted(if stage_is_new { vec![stage] } else { Vec::new() })
    }

    /// Sets the decision. Returns the stages that had been parked until now, in the order they happened.
    pub fn decide(&mut self, decision: Decision) -> Vec<Stage> {
        let was_unknown = self.decision.is_none();
        self.decision = Some(decision);
        if was_unknown { self.stages_in_order() } else { Vec::new() }
    }

    /// The earliest event of a stage, by the switch's clock.
    pub fn event(&self, stage: Stage) -> Option<&CallEvent> {
        let events = self.events.iter().map(|event| &**event);
        events.filter(|event| event.stage == stage).min_by_key(|event| event.at)
    }

    /// When a stage was reached.
    pub fn reached(&self, stage: Stage) -> Option<Timestamp> {
        self.event(stage).map(|event| event.at)
    }

    /// The stages reported so far, in the order they happened.
    pub fn stages_in_order(&self) -> Vec<Stage> {
        let mut stages: Vec<_> =
            Stage::ALL.into_iter().filter_map(|stage| Some((self.reached(stage)?, stage))).collect();
        stages.sort();
        stages.into_iter().map(|(_, stage)| stage).collect()
    }

    /// The app concerned, when the dialled number is one of ours.
    pub fn app(&self) -> Option<AppNo> {
        self.decision.as_ref().and_then(|decision| decision.app)
    }

    /// The number dialled, when it is one of ours.
    pub fn x(&self) -> Option<XNumber> {
        let decision = self.decision.as_ref()?;
        decision.app.and(decision.called).map(XNumber::new)
    }

    /// The binding the call belongs to.
    pub fn through(&self) -> Option<&Through> {
        self.decision.as_ref().and_then(|decision| decision.route.through())
    }

    /// Whether a stop can still end it: the call is this app's, or with `None` any app's, and has not ended.
    pub fn can_be_stopped(&self, by: Option<AppNo>) -> bool {
        let concerned = by.is_none_or(|app| self.app() == Some(app));
        concerned && self.closed.is_none() && self.event(Stage::Released).is_none()
    }

    /// When the last report arrived, on the clock as it is now; before the first, when it was decided.
    pub fn last_heard(&self) -> Option<Timestamp> {
        let decided = self.decision.as_ref().map(|decision| decision.at);
        self.events.iter().map(|event| self.heard_at(event)).max().or(decided)
    }

    /// The clock was set by so many milliseconds: whatever waits for this call, or for its being forgotten, goes
    /// on waiting for as long as was left (delivery R15). What the call shows and what is stored stay as they were.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        let reports = self.events.len();
        match self.clock_sets.last_mut() {
            Some((since, sum_ms)) if *since == reports => *sum_ms = sum_ms.saturating_add(by_ms),
            _ => self.clock_sets.push((reports, by_ms)),
        }
    }

    /// When a report of this call arrived, on the clock as it is now.
    pub fn heard_at(&self, event: &CallEvent) -> Timestamp {
        let index = self.events.iter().position(|known| known.event_id == event.event_id);
        let later = self.clock_sets.iter().filter(|(reports, _)| index.is_some_and(|index| index < *reports));
        event.received_at.moved(later.map(|(_, by_ms)| by_ms).sum())
    }

    /// The CDR has been made. Nothing waits for the reports any more.
    pub fn close(&mut self, closed: Closed) {
        self.clock_sets.clear();
        self.closed = Some(closed);
    }

    /// When the CDR was made, on the clock as it is now.
    pub fn closed_at(&self) -> Option<Timestamp> {
        let closed = self.closed?;
        Some(closed.at.moved(self.clock_sets.iter().map(|(_, by_ms)| by_ms).sum()))
    }
}

/// A call detail record, as it will be told (callbacks 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdr {
    /// Its row; `icid` is made from it.
    pub id: RowKey,
    /// The row of the call.
    pub call: RowKey,
    /// The app it is for.
    pub app: AppNo,
    /// How that app works; tells `serviceType`.
    pub mode: Mode,
    /// `sessionId`.
    pub session: Box<str>,
    /// `calleeNum`: the number dialled.
    pub x: XNumber,
    /// `bindNum`, where it is another: AXYB, the X of the binding when a Y was dialled.
    pub bound_x: Option<XNumber>,
    /// `callerNum`: who dialled X.
    pub caller: CallingParty,
    /// `fwdDstNum`: the real callee, when the call was forwarded.
    pub destination: Option<E164>,
    /// `fwdDisplayNum`: what the callee saw, when the call was forwarded.
    pub display: Option<XNumber>,
    /// `direction`: 0 B or others called, 1 A called, 2 no binding.
    pub direction: u8,
    /// `subscriptionId`.
    pub subscription: Option<BindingId>,
    /// AXE: `extendNumber` and `extendNum`.
    pub extension: Option<Extension>,
    /// Echoed user data.
    pub user_data: Option<Box<str>>,
    /// `callInTime`.
    pub call_in: Option<Timestamp>,
    /// `fwdStartTime`.
    pub forward_start: Option<Timestamp>,
    /// `fwdAlertingTime`.
    pub alerting: Option<Timestamp>,
    /// `fwdAnswerTime`.
    pub answer: Option<Timestamp>,
    /// `callEndTime`.
    pub end: Timestamp,
    /// Why it ended.
    pub release: Release,
    /// Who ended it, as the switch reported.
    pub released_by: Option<ReleasedBy>,
    /// `recordFlag` and the recording's place.
    pub recording: Option<Recording>,
    /// No end was reported; the sweeper closed the call. For operators; customers see an ordinary CDR.
    pub swept: bool,
    /// The delivery it was pushed with; `None` when the app has no CDR address.
    pub delivery: Option<RowKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, stage: Stage, at: u64) -> CallEvent {
        let at = Timestamp::from_secs(at);
        CallEvent {
            event_id: id.into(),
            stage,
            at,
            received_at: at,
            caller: None,
            called: None,
            digits: None,
            sip: None,
            q850: None,
            by: None,
        }
    }

    fn decision() -> Decision {
        let route = Route::Reject(super::super::route::Reject {
            cause: super::super::route::RejectCause::NoAxbBinding,
            through: None,
            tone: None,
        });
        Decision {
            at: Timestamp::from_secs(1),
            caller: CallingParty::Withheld,
            called: None,
            app: Some(AppNo(1)),
            mode: Some(Mode::Axb),
            route,
            basis: Basis::Asked,
            question: None,
        }
    }

    fn call() -> Call {
        Call::new(RowKey::floor(1), CallId::new("c").unwrap(), "s".into())
    }

    #[test]
    fn events_of_an_unannounced_call_are_parked_and_told_in_order_once_it_is_known() {
        let mut call = call();
        assert_eq!(call.report(event("3", Stage::Released, 30)), Reported::Parked);
        assert_eq!(call.report(event("1", Stage::Incoming, 10)), Reported::Parked);
        assert_eq!(call.decide(decision()), [Stage::Incoming, Stage::Released]);
        assert_eq!(call.report(event("2", Stage::Alerting, 20)), Reported::Accepted(vec![Stage::Alerting]));
        assert_eq!(call.decide(decision()), []);
    }

    #[test]
    fn a_repeated_event_is_a_duplicate_and_a_repeated_stage_is_told_once() {
        let mut call = call();
        call.decide(decision());
        assert_eq!(call.report(event("1", Stage::Alerting, 10)), Reported::Accepted(vec![Stage::Alerting]));
        assert_eq!(call.report(event("1", Stage::Alerting, 10)), Reported::Duplicate);
        assert_eq!(call.report(event("2", Stage::Alerting, 9)), Reported::Accepted(vec![]));
        assert_eq!(call.reached(Stage::Alerting), Some(Timestamp::from_secs(9)));
    }

    #[test]
    fn a_clock_that_is_set_moves_what_was_heard_before_and_nothing_after() {
        let mut call = call();
        call.decide(decision());
        call.report(event("1", Stage::Incoming, 1_000));
        call.clock_was_set(-600_000);
        call.clock_was_set(100_000);
        call.report(event("2", Stage::Alerting, 510));
        call.clock_was_set(60_000);
        let heard = |call: &Call, stage| call.heard_at(call.event(stage).unwrap()).secs();
        assert_eq!((heard(&call, Stage::Incoming), heard(&call, Stage::Alerting)), (560, 570));
        assert_eq!(call.reached(Stage::Incoming), Some(Timestamp::from_secs(1_000)), "as the switch said");
        call.close(Closed { at: Timestamp::from_secs(600), swept: false });
        assert_eq!(call.closed_at(), Some(Timestamp::from_secs(600)));
        call.clock_was_set(60_000);
        assert_eq!(call.closed_at(), Some(Timestamp::from_secs(660)));
    }

    #[test]
    fn a_flood_of_events_of_one_call_stays_bounded() {
        let mut call = call();
        call.decide(decision());
        for n in 0..1_000 {
            call.report(event(&n.to_string(), Stage::Alerting, n));
        }
        assert_eq!(call.events.len(), EVENTS_MAX);
    }
}
