//! Calls as operators see them: what was reported, what was decided, and why.

use std::time::Duration;

use serde::Serialize;

use super::record::AttemptAnswer;
use super::{number, party, time};
use crate::domain::call::{Basis, Call, CallEvent, Decision, Stage};
use crate::domain::customer::{CustomerApp, Mode};
use crate::domain::id::PublicIds;
use crate::domain::number::XNumber;
use crate::domain::recording::Recording;
use crate::domain::release::ReleasedBy;
use crate::domain::route::{Route, Undecided};
use crate::wire::time_text::format_rfc3339_millis;

/// One call in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallAnswer {
    session_id: Box<str>,
    call_id: String,
    app_key: Option<String>,
    mode: Option<&'static str>,
    number: Option<String>,
    subscription_id: Option<String>,
    caller: Option<String>,
    called: Option<String>,
    callee: Option<String>,
    state: &'static str,
    started_at: Option<String>,
    ended_at: Option<String>,
    state_code: Option<u16>,
    closed_by_sweeper: bool,
}

/// One call with everything about it.
#[derive(Debug, Serialize)]
pub struct CallDetail {
    #[serde(flatten)]
    call: CallAnswer,
    decision: Option<DecisionAnswer>,
    question: Option<AttemptAnswer>,
    events: Vec<EventAnswer>,
    recording: Option<RecordingAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecisionAnswer {
    at: String,
    basis: &'static str,
    action: &'static str,
    cause: Option<&'static str>,
    state_code: Option<u16>,
    reason: Option<String>,
    display_num: Option<String>,
    max_duration: Option<u64>,
    record_flag: Option<u8>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventAnswer {
    event_id: Box<str>,
    event: &'static str,
    ts: String,
    received_at: String,
    caller: Option<String>,
    called: Option<String>,
    digits: Option<Box<str>>,
    sip: Option<u16>,
    q850: Option<u16>,
    by: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingAnswer {
    domain: Box<str>,
    bucket: Box<str>,
    object: Box<str>,
    started_at: String,
    seconds: u32,
}

impl CallAnswer {
    /// For a call of `app`, if it concerns one.
    pub fn of(call: &Call, app: Option<&CustomerApp>, ids: &PublicIds) -> Self {
        let decision = call.decision.as_ref();
        let first_event = call.events.iter().min_by_key(|event| event.at);
        let last_event = call.events.iter().max_by_key(|event| event.at);
        let released = call.reached(Stage::Released);
        let ended = released.is_some() || call.closed.is_some();
        let caller =
            decision.map(|decision| decision.caller).or_else(|| first_event.and_then(|event| event.caller));
        let called =
            decision.map_or_else(|| first_event.and_then(|event| event.called), |known| known.called);
        let end =
            released.or_else(|| call.closed.map(|closed| last_event.map_or(closed.at, |event| event.at)));
        Self {
            session_id: call.session.clone(),
            call_id: call.id.expose().to_owned(),
            app_key: app.map(|app| app.key.to_string()),
            mode: decision.and_then(|decision| decision.mode).map(Mode::as_str),
            number: call.x().map(XNumber::expose),
            subscription_id: call
                .through()
                .and_then(|through| through.subscription)
                .map(|id| ids.subscription(id)),
            caller: caller.and_then(party),
            called: number(called),
            callee: match decision.map(|decision| &decision.route) {
                Some(Route::Connect(connect)) => Some(connect.callee.expose()),
                _ => None,
            },
            state: match (decision, ended) {
                (None, _) => "unannounced",
                (Some(_), true) => "ended",
                (Some(_), false) => "open",
            },
            started_at: time(first_event.map(|event| event.at).or(decision.map(|decision| decision.at))),
            ended_at: time(end),
            state_code: (ended && decision.is_some()).then(|| call.release().state.number()),
            closed_by_sweeper: call.closed.is_some_and(|closed| closed.swept),
        }
    }
}

impl CallDetail {
    /// For a call of `app`, if it concerns one.
    pub fn of(call: &Call, app: Option<&CustomerApp>, ids: &PublicIds) -> Self {
        Self {
            call: CallAnswer::of(call, app, ids),
            decision: call.decision.as_ref().map(decision),
            question: call
                .decision
                .as_ref()
                .and_then(|decision| decision.question.as_deref())
                .map(|question| question.clone().into()),
            events: call.events.iter().map(|one| event(one)).collect(),
            recording: call.recording.as_ref().map(recording),
        }
    }
}

fn decision(decision: &Decision) -> DecisionAnswer {
    let answer = DecisionAnswer {
        at: format_rfc3339_millis(decision.at),
        basis: match decision.basis {
            Basis::Asked => "asked",
            Basis::Presumed => "presumed",
        },
        action: "",
        cause: None,
        state_code: None,
        reason: None,
        display_num: None,
        max_duration: None,
        record_flag: None,
    };
    match &decision.route {
        Route::Connect(connect) => DecisionAnswer {
            action: "connect",
            display_num: Some(connect.display.expose()),
            max_duration: Some(connect.max_duration.as_ref().map_or(0, Duration::as_secs)),
            record_flag: Some(u8::from(connect.record)),
            ..answer
        },
        Route::Collect(_) => DecisionAnswer { action: "collect", ..answer },
        Route::Undecided(Undecided::AskCustomer) => DecisionAnswer { action: "ask", ..answer },
        Route::Undecided(Undecided::LendY(_)) => DecisionAnswer { action: "lendY", ..answer },
        Route::Reject(reject) => DecisionAnswer {
            action: "reject",
            cause: Some(reject.cause.as_str()),
            state_code: Some(reject.cause.state_code().number()),
            reason: decision.reason(),
            ..answer
        },
    }
}

fn event(event: &CallEvent) -> EventAnswer {
    EventAnswer {
        event_id: event.event_id.clone(),
        event: event.stage.as_str(),
        ts: format_rfc3339_millis(event.at),
        received_at: format_rfc3339_millis(event.received_at),
        caller: event.caller.and_then(party),
        called: number(event.called),
        digits: event.digits.clone(),
        sip: event.sip,
        q850: event.q850,
        by: event.by.map(ReleasedBy::as_str),
    }
}

fn recording(recording: &Recording) -> RecordingAnswer {
    RecordingAnswer {
        domain: recording.domain.clone(),
        bucket: recording.bucket.clone(),
        object: recording.object.clone(),
        started_at: format_rfc3339_millis(recording.started_at),
        seconds: recording.seconds,
    }
}
