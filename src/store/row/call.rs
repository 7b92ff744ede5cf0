//! The rows of calls, of their events and of CDRs.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use serde::{Deserialize, Serialize};

use super::column::Json;
use super::{RowError, columns};
use crate::domain::attempt::Attempt;
use crate::domain::call::{Basis, Call, CallEvent, CallId, Cdr, Decision, Stage};
use crate::domain::customer::{Mode, NumberStatus};
use crate::domain::extension::Extension;
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::recording::{Keeping, Recording};
use crate::domain::release::{Release, ReleasedBy, StateCode};
use crate::domain::route::{Collect, Connect, Reject, RejectCause, Route, Through, Undecided};
use crate::domain::time::Timestamp;

columns! {
    /// A call: what was decided and what was recorded. Its events and its closing have tables of their own.
    CallColumns of "call" {
        key: RowKey,
        switch_id: Cow<'r, str>,
        session: Cow<'r, str>,
        decided_at: Option<Timestamp>,
        caller: Option<CallingParty>,
        called: Option<E164>,
        app: Option<AppNo>,
        mode: Option<Mode>,
        basis: Option<Basis>,
        subscription: Option<BindingId>,
        a_calls: Option<bool>,
        user_data: Option<Cow<'r, str>>,
        route: Option<Json<RouteDocument>>,
        recording: Option<Json<RecordingDocument>>,
        extension: Option<Extension>,
        question: Option<Json<QuestionDocument>>,
        bound_x: Option<XNumber>,
    }
}

columns! {
    /// One report of the switch.
    EventColumns of "call_event" {
        call: RowKey,
        n: u16,
        event_id: Cow<'r, str>,
        stage: Stage,
        at: Timestamp,
        received_at: Timestamp,
        caller: Option<CallingParty>,
        called: Option<E164>,
        sip: Option<u16>,
        q850: Option<u16>,
        released_by: Option<ReleasedBy>,
        digits: Option<Cow<'r, str>>,
    }
}

columns! {
    /// A CDR.
    CdrColumns of "cdr" {
        id: RowKey,
        call: RowKey,
        app: AppNo,
        mode: Mode,
        session: Cow<'r, str>,
        x: XNumber,
        caller: CallingParty,
        destination: Option<E164>,
        direction: u8,
        subscription: Option<BindingId>,
        user_data: Option<Cow<'r, str>>,
        call_in: Option<Timestamp>,
        forward_start: Option<Timestamp>,
        alerting: Option<Timestamp>,
        answer: Option<Timestamp>,
        ended_at: Timestamp,
        state: StateCode,
        fail_reason: u16,
        q850: u16,
        sip: u16,
        recording: Option<Json<RecordingDocument>>,
        swept: bool,
        delivery: Option<RowKey>,
        extension: Option<Extension>,
        display: Option<XNumber>,
        released_by: Option<ReleasedBy>,
        bound_x: Option<XNumber>,
    }
}

/// A [`Route`] as JSON, without the binding, which has columns.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RouteDocument {
    #[serde(rename_all = "camelCase")]
    Connect {
        callee: u64,
        display: u64,
        #[serde(default)]
        max_duration_secs: Option<u64>,
        record: bool,
        #[serde(default)]
        caller_tone: Option<Box<str>>,
        #[serde(default)]
        callee_tone: Option<Box<str>>,
        #[serde(default)]
        record_tone: Option<Box<str>>,
        #[serde(default)]
        last_minute_tone: Option<Box<str>>,
    },
    #[serde(rename_all = "camelCase")]
    Collect {
        #[serde(default)]
        tone: Option<Box<str>>,
        digits: u8,
    },
    #[serde(rename_all = "camelCase")]
    Reject {
        cause: Box<str>,
        #[serde(default)]
        number_status: Option<(Box<str>, Option<u8>)>,
        #[serde(default)]
        tone: Option<Box<str>>,
    },
    /// X mode: what the customer answers is not known.
    AskCustomer {},
    LendY,
}

impl From<&Route> for RouteDocument {
    fn from(route: &Route) -> Self {
        match route {
            Route::Connect(connect) => Self::Connect {
                callee: connect.callee.word(),
                display: connect.display.number().word(),
                max_duration_secs: connect.max_duration.map(|longest| longest.as_secs()),
                record: connect.record,
                caller_tone: connect.caller_tone.clone(),
                callee_tone: connect.callee_tone.clone(),
                record_tone: connect.record_tone.clone(),
                last_minute_tone: connect.last_minute_tone.clone(),
            },
            Route::Collect(Collect { tone, digits }) => Self::Collect { tone: tone.clone(), digits: *digits },
            Route::Undecided(Undecided::LendY(_)) => Self::LendY,
            Route::Reject(reject) => Self::Reject {
                tone: reject.tone.clone(),
                cause: reject.cause.as_str().into(),
                number_status: match reject.cause {
                    RejectCause::NumberUnusable(status) => Some((status.code().into(), status.cause())),
                    _ => None,
                },
            },
            Route::Undecided(Undecided::AskCustomer) => Self::AskCustomer {},
        }
    }
}

impl RouteDocument {
    fn into_route(self, through: Option<Through>) -> Option<Route> {
        match self {
            Self::Connect {
                callee,
                display,
                max_duration_secs,
                record,
                caller_tone,
                callee_tone,
                record_tone,
                last_minute_tone,
            } => Some(Route::Connect(Box::new(Connect {
                callee: E164::from_word(callee)?,
                display: XNumber::new(E164::from_word(display)?),
                through: through?,
                max_duration: max_duration_secs.map(Duration::from_secs),
                record,
                caller_tone,
                callee_tone,
                record_tone,
                last_minute_tone,
            }))),
            Self::Collect { tone, digits } => Some(Route::Collect(Collect { tone, digits })),
            Self::LendY => Some(Route::Undecided(Undecided::LendY(through?))),
            Self::Reject { cause, number_status, tone } => {
                let cause = RejectCause::ALL.into_iter().find(|known| known.as_str() == &*cause)?;
                let cause = match (cause, number_status) {
                    (RejectCause::NumberUnusable(_), Some((code, why))) => {
                        RejectCause::NumberUnusable(NumberStatus::from_codes(&code, why)?)
                    }
                    (cause, _) => cause,
                };
                Some(Route::Reject(Reject { cause, through, tone }))
            }
            Self::AskCustomer {} => Some(Route::Undecided(Undecided::AskCustomer)),
        }
    }
}

/// A [`Recording`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordingDocument {
    domain: Box<str>,
    bucket: Box<str>,
    object: Box<str>,
    started_at: u64,
    seconds: u32,
    /// The key under which the file lies, or is to lie, with us.
    #[serde(default)]
    key: Option<u64>,
    /// The file is still to come.
    #[serde(default)]
    awaited: bool,
}

impl From<&Recording> for RecordingDocument {
    fn from(recording: &Recording) -> Self {
        let Recording { domain, bucket, object, started_at, seconds, keeping } = recording.clone();
        let (key, awaited) = match keeping {
            Keeping::Elsewhere => (None, false),
            Keeping::Awaited(key) => (Some(key.get()), true),
            Keeping::Here(key) => (Some(key.get()), false),
        };
        Self { domain, bucket, object, started_at: started_at.millis(), seconds, key, awaited }
    }
}

impl From<RecordingDocument> for Recording {
    fn from(document: RecordingDocument) -> Self {
        let RecordingDocument { domain, bucket, object, started_at, seconds, key, awaited } = document;
        let keeping = match (key.and_then(RowKey::from_stored), awaited) {
            (None, _) => Keeping::Elsewhere,
            (Some(key), true) => Keeping::Awaited(key),
            (Some(key), false) => Keeping::Here(key),
        };
        Self { domain, bucket, object, started_at: Timestamp::from_millis(started_at), seconds, keeping }
    }
}

/// A question to a customer as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuestionDocument {
    at: u64,
    url: Box<str>,
    #[serde(default)]
    address: Option<Box<str>>,
    #[serde(default)]
    status: Option<u16>,
    took_ms: u32,
    timings: Vec<(Cow<'static, str>, u32)>,
    /// In Base64: it need not be a text.
    answer: String,
    #[serde(default)]
    failure: Option<Box<str>>,
}

impl fmt::Debug for QuestionDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There may be full numbers in the answer and a token in the URL.
        f.debug_struct("QuestionDocument").field("status", &self.status).finish_non_exhaustive()
    }
}

impl From<&Attempt> for QuestionDocument {
    fn from(question: &Attempt) -> Self {
        let Attempt { at, url, address, status, took_ms, timings, answer, failure } = question.clone();
        let answer = STANDARD.encode(answer);
        Self { at: at.millis(), url, address, status, took_ms, timings, answer, failure }
    }
}

impl From<QuestionDocument> for Attempt {
    fn from(document: QuestionDocument) -> Self {
        let QuestionDocument { at, url, address, status, took_ms, timings, answer, failure } = document;
        // Written by us; if somebody changed it by hand, the call is worth more than what was answered.
        let answer = STANDARD.decode(answer).unwrap_or_default().into();
        let at = Timestamp::from_millis(at);
        Self { at, url, address, status, took_ms, timings, answer, failure }
    }
}

impl<'r> From<&'r Call> for CallColumns<'r> {
    fn from(call: &'r Call) -> Self {
        let decision = call.decision.as_ref();
        let through = call.through();
        Self {
            key: call.key,
            switch_id: call.id.expose().into(),
            session: (&*call.session).into(),
            decided_at: decision.map(|decision| decision.at),
            caller: decision.map(|decision| decision.caller),
            called: decision.and_then(|decision| decision.called),
            app: decision.and_then(|decision| decision.app),
            mode: decision.and_then(|decision| decision.mode),
            basis: decision.map(|decision| decision.basis),
            subscription: through.and_then(|through| through.subscription),
            a_calls: through.map(|through| through.a_calls),
            user_data: through.and_then(|through| through.user_data.as_deref()).map(Cow::Borrowed),
            route: decision.map(|decision| Json((&decision.route).into())),
            recording: call.recording.as_ref().map(|recording| Json(recording.into())),
            extension: through.and_then(|through| through.extension),
            question: decision
                .and_then(|decision| decision.question.as_deref())
                .map(|asked| Json(asked.into())),
            bound_x: through.and_then(|through| through.x),
        }
    }
}

impl CallColumns<'_> {
    /// The call, as open and without events.
    pub(crate) fn into_call(mut self) -> Result<Call, RowError> {
        let id = CallId::new(&self.switch_id).ok_or(RowError::Unreadable("call.switch_id"))?;
        let mut call = Call::new(self.key, id, Box::from(&*self.session));
        call.recording = self.recording.take().map(|Json(document)| document.into());
        if self.decided_at.is_some() {
            call.decision = Some(self.into_decision().ok_or(RowError::Unreadable("call.route"))?);
        }
        Ok(call)
    }

    fn into_decision(self) -> Option<Decision> {
        let user_data = self.user_data.map(|text| Box::from(&*text));
        let (subscription, extension, x) = (self.subscription, self.extension, self.bound_x);
        let through = self.a_calls.map(|a_calls| Through { subscription, a_calls, extension, x, user_data });
        Some(Decision {
            at: self.decided_at?,
            caller: self.caller?,
            called: self.called,
            app: self.app,
            mode: self.mode,
            route: self.route?.0.into_route(through)?,
            basis: self.basis?,
            question: self.question.map(|Json(document)| Arc::new(document.into())),
        })
    }
}

impl<'r> EventColumns<'r> {
    /// The row of the `n`th event of a call.
    pub(crate) fn new(call: RowKey, n: u16, event: &'r CallEvent) -> Self {
        Self {
            call,
            n,
            event_id: (&*event.event_id).into(),
            stage: event.stage,
            at: event.at,
            received_at: event.received_at,
            caller: event.caller,
            called: event.called,
            sip: event.sip,
            q850: event.q850,
            released_by: event.by,
            digits: event.digits.as_deref().map(Cow::Borrowed),
        }
    }

    /// The event that the row tells of.
    pub(crate) fn into_event(self) -> CallEvent {
        CallEvent {
            event_id: Box::from(&*self.event_id),
            stage: self.stage,
            at: self.at,
            received_at: self.received_at,
            caller: self.caller,
            called: self.called,
            sip: self.sip,
            q850: self.q850,
            by: self.released_by,
            digits: self.digits.map(|text| Box::from(&*text)),
        }
    }
}

impl<'r> From<&'r Cdr> for CdrColumns<'r> {
    fn from(cdr: &'r Cdr) -> Self {
        Self {
            id: cdr.id,
            call: cdr.call,
            app: cdr.app,
            mode: cdr.mode,
            session: (&*cdr.session).into(),
            x: cdr.x,
            caller: cdr.caller,
            destination: cdr.destination,
            direction: cdr.direction,
            subscription: cdr.subscription,
            user_data: cdr.user_data.as_deref().map(Cow::Borrowed),
            call_in: cdr.call_in,
            forward_start: cdr.forward_start,
            alerting: cdr.alerting,
            answer: cdr.answer,
            ended_at: cdr.end,
            state: cdr.release.state,
            fail_reason: cdr.release.fail_reason,
            q850: cdr.release.q850,
            sip: cdr.release.sip,
            recording: cdr.recording.as_ref().map(|recording| Json(recording.into())),
            swept: cdr.swept,
            delivery: cdr.delivery,
            extension: cdr.extension,
            display: cdr.display,
            released_by: cdr.released_by,
            bound_x: cdr.bound_x,
        }
    }
}

impl CdrColumns<'_> {
    /// The CDR that the row tells of.
    pub(crate) fn into_cdr(self) -> Cdr {
        let release =
            Release { state: self.state, fail_reason: self.fail_reason, q850: self.q850, sip: self.sip };
        Cdr {
            id: self.id,
            call: self.call,
            app: self.app,
            mode: self.mode,
            session: Box::from(&*self.session),
            x: self.x,
            caller: self.caller,
            destination: self.destination,
            // Before version 7 of the schema the callee saw the number that was dialled.
            display: self.display.or(self.destination.map(|_| self.x)),
            direction: self.direction,
            subscription: self.subscription,
            user_data: self.user_data.map(|text| Box::from(&*text)),
            call_in: self.call_in,
            forward_start: self.forward_start,
            alerting: self.alerting,
            answer: self.answer,
            end: self.ended_at,
            release,
            released_by: self.released_by,
            recording: self.recording.map(|Json(document)| document.into()),
            swept: self.swept,
            delivery: self.delivery,
            extension: self.extension,
            bound_x: self.bound_x,
        }
    }
}
