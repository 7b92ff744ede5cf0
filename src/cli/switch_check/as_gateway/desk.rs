//! The gateway's answers, and the log of what they answer. Requests and the time in, answers out.

use std::net::SocketAddr;

use hyper::Method;
use serde_json::{Value, json};

use super::log::{KEPT_MAX, Log, Question, Recording, Reported, keep};
use super::step::{Ask, Step, reject};
use crate::domain::call::Stage;
use crate::domain::number::E164;
use crate::domain::sms::SendResult;
use crate::domain::time::Timestamp;
use crate::wire::switch::{RecordingReport, RouteAnswer, events, recording, route_question};

/// A request as it came, its token looked at.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) peer: SocketAddr,
    pub(super) has_token: bool,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) body: &'a [u8],
}

/// Status and body.
pub(super) type Outgoing = (u16, Value);

/// The gateway's part.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) log: Log,
    plan: Vec<Step>,
    callee: String,
}

impl Desk {
    /// Calls get the steps of `plan` as they come; those that are connected are connected with `callee`.
    pub(super) fn new(plan: Vec<Step>, callee: String) -> Self {
        Self { log: Log::default(), plan, callee }
    }

    /// The first step whose call is not over.
    pub(super) fn next_step(&self) -> Option<Step> {
        self.plan.iter().copied().find(|step| {
            let call = self.log.call_of(*step);
            !call.is_some_and(|call| step.is_over(&self.log, call))
        })
    }

    /// The call that has to be ended now: the test call for that was answered, and no order was given.
    pub(super) fn to_stop(&self) -> Option<String> {
        let call = self.log.call_of(Step::Stopped)?;
        let answered = self.log.kept_events(call).any(|event| event.event.stage == Stage::Answered);
        (answered && self.log.orders.is_empty()).then(|| call.to_owned())
    }

    /// The same call once its end has been reported, for the orders that must come to nothing.
    pub(super) fn to_stop_again(&self) -> Option<String> {
        let call = self.log.call_of(Step::Stopped)?;
        let is_over = self.log.kept_events(call).any(|event| event.event.stage == Stage::Released);
        (is_over && self.log.orders.len() == 1).then(|| call.to_owned())
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, request: &Incoming<'_>, now: Timestamp) -> Outgoing {
        self.log.requests += 1;
        if self.log.connections.len() < KEPT_MAX {
            self.log.connections.insert(request.peer);
        }
        let sent = recorded_call(request);
        let message_result = is_message_result(request.path);
        let known = matches!(
            request.path,
            "/switch/v1/route"
                | "/switch/v1/events"
                | "/switch/v1/recordings"
                | "/switch/v1/messages"
                | "/switch/v1/numbers/status"
        ) || message_result;
        let tone = request.method == Method::GET && request.path.starts_with("/switch/v1/tones/");
        if !(known && request.method == Method::POST || tone || sent.is_some()) {
            keep(&mut self.log.elsewhere, format!("{} {}", request.method, request.path));
            return fault(404, "not_found");
        }
        if !request.has_token {
            self.log.without_token += 1;
            return fault(401, "unauthorized");
        }
        match request.path {
            "/switch/v1/route" => self.route(request.body),
            "/switch/v1/events" => self.events(request.body, now),
            "/switch/v1/recordings" => self.recording(request.body, now),
            "/switch/v1/numbers/status" => (200, json!({"updated": 0, "unchanged": 0, "unknown": 0})),
            // Messages are not looked at. One that a phone sends meanwhile shall only not be taken for a mistake.
            "/switch/v1/messages" => (200, discard()),
            _ if message_result => counted(true),
            _ if tone => fault(404, "not_found"),
            _ => self.file(sent.expect("nothing else is left"), request.body),
        }
    }

    fn route(&mut self, body: &[u8]) -> Outgoing {
        let question = route_question(body);
        let call = question.as_ref().map(|question| question.call.expose().to_owned());
        let body = serde_json::from_slice(body).unwrap_or_default();
        keep(&mut self.log.questions, Question { call: call.clone(), body });
        let (Some(question), Some(call)) = (question, call) else {
            return (200, to_json(&RouteAnswer::senseless()));
        };
        let Some(step) = self.step_of(&call) else {
            return (200, to_json(&reject(&call, "every test call has been placed".to_owned())));
        };
        let x = question.called.map(E164::expose).unwrap_or_default();
        let keyed = question.extension.is_some() || step != Step::Extension;
        let ask = Ask { session: &call, callee: &self.callee, x, keyed };
        match step.decide(&ask) {
            Some(answer) => (200, to_json(&answer)),
            None => fault(503, "unavailable"),
        }
    }

    /// The step of a call: the one it has, or the next that nobody has taken.
    fn step_of(&mut self, call: &str) -> Option<Step> {
        if let Some((step, _)) = self.log.calls.iter().find(|(_, known)| known == call) {
            return Some(*step);
        }
        let free = self.plan.iter().copied().find(|step| self.log.call_of(*step).is_none())?;
        self.log.calls.push((free, call.to_owned()));
        Some(free)
    }

    fn events(&mut self, body: &[u8], now: Timestamp) -> Outgoing {
        let items = match serde_json::from_slice(body) {
            Ok(Value::Array(items)) => items,
            Ok(item) => vec![item],
            Err(_) => vec![Value::Null],
        };
        // The first request is refused, to see whether it comes again.
        let status = if self.log.events.is_empty() { 503 } else { 200 };
        let (mut accepted, mut duplicates, mut parked) = (0, 0, 0);
        for item in items {
            let read = events(item.to_string().as_bytes(), now).unwrap_or_default().usable.pop();
            let Some((call, event)) = read else {
                parked += 1;
                keep(&mut self.log.unusable, what_is_wrong(&item));
                continue;
            };
            let call = call.expose().to_owned();
            let known = self.log.kept_events(&call).any(|known| known.event.event_id == event.event_id);
            if known {
                duplicates += 1;
            } else {
                accepted += 1;
            }
            keep(&mut self.log.events, Reported { call, event, body: item, status });
        }
        match status {
            200 => (200, json!({"accepted": accepted, "duplicates": duplicates, "parked": parked})),
            _ => fault(status, "unavailable"),
        }
    }

    fn recording(&mut self, body: &[u8], now: Timestamp) -> Outgoing {
        let Some((call, report)) = recording(body, now) else {
            keep(
                &mut self.log.unusable,
                "a recording without callId, or with members that are too long".into(),
            );
            return counted(false);
        };
        let fault =
            (report == RecordingReport::TooShort).then_some("it is told to be shorter than 3 seconds");
        self.recorded(call.expose(), fault);
        counted(true)
    }

    fn file(&mut self, call: &str, body: &[u8]) -> Outgoing {
        let call = percent_encoding::percent_decode_str(call).decode_utf8_lossy().into_owned();
        let is_wav = body.len() > 12 && body.starts_with(b"RIFF") && &body[8..12] == b"WAVE";
        self.recorded(&call, (!is_wav).then_some("what was sent is no WAV file"));
        if is_wav { counted(true) } else { fault(400, "invalid_recording") }
    }

    fn recorded(&mut self, call: &str, fault: Option<&'static str>) {
        let late = self.log.kept_events(call).any(|event| event.event.stage == Stage::Released);
        // What was announced in time may be sent later.
        let late = late && !self.log.recordings.iter().any(|known| known.call == call && !known.late);
        keep(&mut self.log.recordings, Recording { call: call.to_owned(), fault, late });
    }
}

/// The callId, still encoded, of a recording that is sent.
fn recorded_call<'a>(request: &Incoming<'a>) -> Option<&'a str> {
    let call = request.path.strip_prefix("/switch/v1/recordings/")?;
    (request.method == Method::PUT && !call.is_empty() && !call.contains('/')).then_some(call)
}

/// Whether this is where a switch says what came of a message.
fn is_message_result(path: &str) -> bool {
    let name = path.strip_prefix("/switch/v1/messages/").and_then(|rest| rest.strip_suffix("/result"));
    name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// The decision about any message.
fn discard() -> Value {
    let send_result = SendResult::INTERNAL_ERROR.code();
    json!({"action": "discard", "smsIdentifier": "", "sendResult": send_result, "reason": "a check of calls"})
}

/// Why an event cannot be used.
fn what_is_wrong(item: &Value) -> String {
    let Some(members) = item.as_object() else { return "something that is no JSON object".to_owned() };
    let filled = |name: &str| members.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    match ["eventId", "callId", "event"].into_iter().find(|name| !filled(name)) {
        Some(name) => format!("an event without {name}"),
        None if item["event"] == "callin" => "a callin whose called is no number".to_owned(),
        None => format!("event {}, or an id longer than 256 characters", item["event"]),
    }
}

fn counted(taken: bool) -> Outgoing {
    (200, json!({"accepted": u8::from(taken), "duplicates": 0, "parked": u8::from(!taken)}))
}

fn fault(status: u16, code: &str) -> Outgoing {
    (status, json!({"error": {"code": code, "message": "as the check needs it"}}))
}

fn to_json(answer: &RouteAnswer<'_>) -> Value {
    serde_json::to_value(answer).expect("an answer has text keys")
}
