//! The switch's messages (proto-docs/switch.md): flat JSON, strings accepted where numbers are meant.
//!
//! A switch cannot repair a message, only send it again. So what is wrong with one event parks that event and
//! never refuses the others, and a route request that makes no sense is answered with a rejection.

mod message;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

pub use self::message::{MessageAnswer, message, message_result};
use super::time_text::parse_switch_time;
use crate::domain::call::{CallEvent, CallId, Decision, SWITCH_ID_LEN_MAX, Stage};
use crate::domain::customer::{CustomerApp, NumberStatus};
use crate::domain::id::PublicIds;
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::recording::{Keeping, Recording, SHORTEST};
use crate::domain::release::{ReleasedBy, StateCode};
use crate::domain::route::{CallSetup, Connect, Route};
use crate::domain::time::Timestamp;

/// Most events or numbers in one request.
pub const ITEMS_MAX: usize = 1_000;
/// How long the switch waits for the digits of an extension, in seconds.
const COLLECT_TIMEOUT_SECS: u16 = 30;
/// Longest `extension` and `digits`; more than any extension has, so that slips stay visible.
const KEYED_CHARS_MAX: usize = 32;
/// Longest `domain` of a recording (callbacks 5.1).
const DOMAIN_CHARS_MAX: usize = 256;
/// Longest `bucket` and `object` of a recording (callbacks 5.1).
pub(super) const OBJECT_CHARS_MAX: usize = 128;
/// Longest `path` of a recording: as the systems that we run on have it.
const PATH_BYTES_MAX: usize = 4_096;

/// Members of one message.
struct Members<'v>(&'v Map<String, Value>);

impl<'v> Members<'v> {
    /// `None` when the value is no object.
    fn of(value: &'v Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    fn text(&self, name: &str) -> Option<&'v str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// What a caller keyed. Empty is something else than absent: it was asked for, and nothing came. `#` at the
    /// end only says that nothing follows.
    fn keyed(&self, name: &str) -> Option<Box<str>> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text.trim().trim_end_matches('#').chars().take(KEYED_CHARS_MAX).collect())
    }

    fn integer<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        let value = match self.0.get(name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        T::try_from(value?).ok()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        match self.0.get(name)? {
            Value::String(text) => parse_switch_time(text),
            Value::Number(number) => parse_switch_time(&number.to_string()),
            _ => None,
        }
    }

    fn call_id(&self) -> Option<CallId> {
        self.text("callId").and_then(CallId::new)
    }

    /// A number in global form, with or without the `+`.
    fn number(&self, name: &str) -> Option<E164> {
        number(self.text(name)?)
    }

    fn caller(&self) -> Option<CallingParty> {
        Some(match self.text("caller")? {
            text if text.eq_ignore_ascii_case("anonymous") => CallingParty::Withheld,
            text => number(text).map_or(CallingParty::Unusable, CallingParty::Number),
        })
    }
}

fn number(text: &str) -> Option<E164> {
    E164::from_digits(text.strip_prefix('+').unwrap_or(text)).ok()
}

/// A question for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteQuestion {
    /// Which call.
    pub call: CallId,
    /// Who is calling.
    pub caller: CallingParty,
    /// What was dialled, when it is a number.
    pub called: Option<E164>,
    /// What was keyed, if the member is there.
    pub extension: Option<Box<str>>,
}

impl RouteQuestion {
    /// The call that the question is about.
    pub fn setup(&self) -> CallSetup<'_> {
        CallSetup { caller: self.caller, called: self.called, extension: self.extension.as_deref() }
    }
}

/// Reads a question. `None` = there is no usable callId, so that no call could be told from another.
pub fn route_question(body: &[u8]) -> Option<RouteQuestion> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let members = Members::of(&value)?;
    Some(RouteQuestion {
        call: members.call_id()?,
        caller: members.caller().unwrap_or(CallingParty::Withheld),
        called: members.number("called"),
        extension: members.keyed("extension"),
    })
}

/// The answer to a question for a route: always a decision.
#[derive(Debug, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum RouteAnswer<'a> {
    /// Connect the call.
    #[serde(rename_all = "camelCase")]
    Connect {
        /// What customers know the call by.
        session_id: &'a str,
        /// Whom to call.
        callee: String,
        /// What to show: always an X.
        display_num: String,
        /// Seconds after the answer; 0 = never cut.
        max_duration: u64,
        /// 1 = record.
        record_flag: u8,
        /// For the caller instead of ring-back; empty = none.
        caller_tone: &'a str,
        /// For the callee after the answer; empty = none.
        callee_tone: &'a str,
        /// Before recording; empty = none.
        record_tone: &'a str,
        /// One minute before the cut; empty = none.
        last_minute_tone: &'a str,
        /// The binding; empty in X mode.
        subscription_id: String,
        /// Whose the tones are; left out when there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        app_key: Option<&'a str>,
    },
    /// Let the caller key an extension, and ask again with it.
    #[serde(rename_all = "camelCase")]
    Collect {
        /// What customers know the call by.
        session_id: &'a str,
        /// Asks the caller; empty = the switch's own prompt.
        tone: &'a str,
        /// How many digits to wait for.
        digits: u8,
        /// For how many seconds.
        timeout: u16,
        /// Whose the tone is; left out when there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        app_key: Option<&'a str>,
    },
    /// Refuse the call.
    #[serde(rename_all = "camelCase")]
    Reject {
        /// What customers know the call by.
        session_id: &'a str,
        /// For the caller.
        sip: u16,
        /// For a `Reason` header.
        q850: u16,
        /// What the customer is told.
        state_code: u16,
        /// In words, numbers masked.
        reason: String,
        /// To play first; empty = none.
        tone: &'a str,
        /// Whose the tone is; left out when there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        app_key: Option<&'a str>,
    },
}

impl<'a> RouteAnswer<'a> {
    /// For a decision about a number of `app`, if it is one of ours. `None` = nothing is decided yet.
    pub fn of(
        decision: &'a Decision,
        session_id: &'a str,
        app: Option<&'a CustomerApp>,
        ids: &PublicIds,
    ) -> Option<Self> {
        let owner = |tones: &[&str]| {
            app.filter(|_| tones.iter().any(|tone| !tone.is_empty())).map(|app| app.key.as_str())
        };
        Some(match &decision.route {
            Route::Connect(connect) => {
                let Connect { caller_tone, callee_tone, record_tone, last_minute_tone, .. } = &**connect;
                let tones = [caller_tone, callee_tone, record_tone, last_minute_tone]
                    .map(|tone| tone.as_deref().unwrap_or_default());
                let [caller_tone, callee_tone, record_tone, last_minute_tone] = tones;
                Self::Connect {
                    session_id,
                    callee: connect.callee.expose(),
                    display_num: connect.display.expose(),
                    max_duration: connect.max_duration.map_or(0, |longest| longest.as_secs()),
                    record_flag: u8::from(connect.record),
                    caller_tone,
                    callee_tone,
                    record_tone,
                    last_minute_tone,
                    subscription_id: connect
                        .through
                        .subscription
                        .map(|id| ids.subscription(id))
                        .unwrap_or_default(),
                    app_key: owner(&tones),
                }
            }
            Route::Collect(collect) => {
                let tone = collect.tone.as_deref().unwrap_or_default();
                let (digits, timeout) = (collect.digits, COLLECT_TIMEOUT_SECS);
                Self::Collect { session_id, tone, digits, timeout, app_key: owner(&[tone]) }
            }
            Route::Reject(reject) => {
                let (sip, q850) = reject.cause.sip_and_q850();
                let state_code = reject.cause.state_code().number();
                let reason = decision.reason().unwrap_or_default();
                let tone = reject.tone.as_deref().or_else(|| reject.cause.tone(app?)).unwrap_or_default();
                Self::Reject { session_id, sip, q850, state_code, reason, tone, app_key: owner(&[tone]) }
            }
            Route::Undecided(_) => return None,
        })
    }

    /// For a question without a usable callId.
    pub fn senseless() -> Self {
        Self::Reject {
            session_id: "",
            sip: 400,
            q850: 96,
            state_code: StateCode::NO_BINDING.number(),
            reason: format!("callId must be 1 to {SWITCH_ID_LEN_MAX} characters"),
            tone: "",
            app_key: None,
        }
    }
}

/// Events as read: those that can be used, and how many cannot be, now or ever.
#[derive(Debug, Default)]
pub struct ReadEvents {
    /// For the engine.
    pub usable: Vec<(CallId, Arc<CallEvent>)>,
    /// A member is missing or unreadable.
    pub unusable: usize,
}

/// More events or numbers than [`ITEMS_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

/// Reads one event or an array of them, in the order of their `ts`.
pub fn events(body: &[u8], now: Timestamp) -> Result<ReadEvents, TooMany> {
    let items = match serde_json::from_slice(body) {
        Ok(Value::Array(items)) => items,
        Ok(item) => vec![item],
        Err(_) => vec![Value::Null],
    };
    if items.len() > ITEMS_MAX {
        return Err(TooMany);
    }
    let mut read = ReadEvents::default();
    for item in &items {
        match event(item, now) {
            Some(event) => read.usable.push(event),
            None => read.unusable += 1,
        }
    }
    read.usable.sort_by_key(|(_, event)| event.at);
    Ok(read)
}

fn event(item: &Value, now: Timestamp) -> Option<(CallId, Arc<CallEvent>)> {
    let members = Members::of(item)?;
    let event_id = members.text("eventId").filter(|id| id.len() <= SWITCH_ID_LEN_MAX)?;
    let stage = Stage::from_word(members.text("event")?)?;
    let called = members.number("called");
    if stage == Stage::Incoming && called.is_none() {
        return None;
    }
    let event = CallEvent {
        event_id: event_id.into(),
        stage,
        at: members.time("ts").unwrap_or(now),
        received_at: now,
        caller: members.caller(),
        called,
        digits: members.keyed("digits").filter(|_| stage == Stage::Collected),
        sip: members.integer("sip").filter(|sip| (100..700).contains(sip)),
        q850: members.integer("q850").filter(|q850| *q850 < 128),
        by: members.text("by").and_then(ReleasedBy::from_word),
    };
    Some((members.call_id()?, Arc::new(event)))
}

/// What the switch says about the recording of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingReport {
    /// It lies somewhere else.
    Elsewhere(Recording),
    /// It is a file that the gateway can reach.
    At {
        /// Where, as written.
        path: String,
        /// When it begins.
        started_at: Option<Timestamp>,
    },
    /// It will be sent.
    Awaited {
        /// When it begins.
        started_at: Timestamp,
    },
    /// It is too short to be one.
    TooShort,
}

/// Reads what is said about a recording. `None` = callId is missing, or a member is too long.
pub fn recording(body: &[u8], now: Timestamp) -> Option<(CallId, RecordingReport)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let members = Members::of(&value)?;
    let call = members.call_id()?;
    let started_at = members.time("startedAt");
    if let Some(path) = members.text("path") {
        let path = (path.len() <= PATH_BYTES_MAX).then(|| path.to_owned())?;
        return Some((call, RecordingReport::At { path, started_at }));
    }
    let seconds: Option<u32> = members.integer("seconds");
    if seconds.is_some_and(|seconds| u64::from(seconds) < SHORTEST.as_secs()) {
        return Some((call, RecordingReport::TooShort));
    }
    let started_at = started_at.unwrap_or(now);
    let short = |name: &str, max: usize| {
        let text = members.text(name).unwrap_or_default();
        (text.chars().count() <= max).then(|| Box::from(text))
    };
    let recording = Recording {
        domain: short("domain", DOMAIN_CHARS_MAX)?,
        bucket: short("bucket", OBJECT_CHARS_MAX)?,
        object: short("object", OBJECT_CHARS_MAX)?,
        started_at,
        seconds: seconds.unwrap_or(0),
        keeping: Keeping::Elsewhere,
    };
    if recording.object.is_empty() {
        return Some((call, RecordingReport::Awaited { started_at }));
    }
    Some((call, RecordingReport::Elsewhere(recording)))
}

/// Reads the query of a recording that is sent: when it begins.
pub fn recording_start(query: Option<&str>) -> Option<Timestamp> {
    let mut members = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let (_, text) = members.find(|(name, _)| name == "startedAt")?;
    parse_switch_time(&text)
}

/// Status changes as read: those that can be used, and how many cannot be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadStatus {
    /// For the engine.
    pub usable: Vec<(XNumber, NumberStatus)>,
    /// Number or status is missing or unreadable.
    pub unusable: usize,
}

/// Reads `{"numbers":[{number,status,cause}]}`.
pub fn number_status(body: &[u8]) -> Result<ReadStatus, TooMany> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = value.get("numbers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.len() > ITEMS_MAX {
        return Err(TooMany);
    }
    let mut read = ReadStatus::default();
    for item in items {
        match Members::of(item).and_then(|members| one_status(&members)) {
            Some(status) => read.usable.push(status),
            None => read.unusable += 1,
        }
    }
    Ok(read)
}

fn one_status(members: &Members<'_>) -> Option<(XNumber, NumberStatus)> {
    let x = XNumber::new(members.number("number")?);
    let code: u8 = members.integer("status")?;
    let cause: Option<u8> = members.integer("cause");
    if !cause.is_none_or(|cause| matches!(cause, 1..=3 | 5..=9)) {
        return None;
    }
    Some((x, NumberStatus::from_codes(&code.to_string(), cause)?))
}

/// What became of reports.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/switch.md")]
pub struct ReportAnswer {
    pub accepted: usize,
    pub duplicates: usize,
    pub parked: usize,
}

/// What became of a recording that was sent.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/switch.md")]
pub struct RecordingAnswer<'a> {
    #[serde(flatten)]
    pub counted: ReportAnswer,
    pub object: &'a str,
}

/// What became of status changes.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/switch.md")]
pub struct StatusAnswer {
    pub updated: usize,
    pub unchanged: usize,
    pub unknown: usize,
}

/// An error of the switch listener: `{"error":{...}}`.
#[derive(Debug, Serialize)]
pub struct ErrorAnswer<'a> {
    /// What went wrong.
    pub error: ErrorBody<'a>,
}

/// See [`ErrorAnswer`].
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// One word for machines.
    pub code: &'a str,
    /// A sentence for people.
    pub message: &'a str,
}

#[cfg(test)]
mod tests;
