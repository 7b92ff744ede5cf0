//! The two that come with a token: the switch, which asks for routes and reports, and the operator.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::http::{Answer, Headers, exchange, request, try_exchange};
use super::{Addresses, OPERATOR_TOKEN, SWITCH_TOKEN, X};

fn bearer(token: &str) -> (String, String) {
    ("Authorization".into(), format!("Bearer {token}"))
}

/// A message to [`X`] of one segment.
fn text_of(id: &str, sender: &str, text: &str) -> Value {
    let ts = "2026-01-02T03:04:05.250Z";
    json!({"messageId": id, "sender": sender, "x": X, "text": text, "segments": 1, "ts": ts})
}

/// The telephone switch.
#[derive(Clone, Debug)]
pub struct Switch(pub(super) Addresses);

impl Switch {
    pub fn address(&self) -> SocketAddr {
        self.0.switch()
    }

    pub fn headers() -> Headers {
        vec![bearer(SWITCH_TOKEN), ("Content-Type".into(), "application/json".into())]
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let bytes =
            request("POST", &format!("/switch/v1/{path}"), &Self::headers(), body.to_string().as_bytes());
        let answer = exchange(self.address(), bytes).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Reports to a gateway that may die meanwhile or have no room on its disk.
    pub async fn try_report(&self, events: &Value) -> Option<Answer> {
        let bytes = request("POST", "/switch/v1/events", &Self::headers(), events.to_string().as_bytes());
        try_exchange(self.address(), bytes).await
    }

    /// Where does this call go?
    pub async fn route(&self, call: &str, caller: &str, called: &str) -> Value {
        self.post("route", &json!({"callId": call, "caller": caller, "called": called})).await
    }

    /// The same once the caller has keyed an extension.
    pub async fn route_keyed(&self, call: &str, caller: &str, called: &str, keyed: &str) -> Value {
        let question = json!({"callId": call, "caller": caller, "called": called, "extension": keyed});
        self.post("route", &question).await
    }

    /// Reports; answers `[accepted, duplicates, parked]`.
    pub async fn report(&self, events: &Value) -> [u64; 3] {
        let counted = self.post("events", events).await;
        ["accepted", "duplicates", "parked"].map(|counter| counted[counter].as_u64().unwrap())
    }

    /// Says something about a recording; answers `[accepted, duplicates, parked]`.
    pub async fn tell_recording(&self, body: &Value) -> [u64; 3] {
        let counted = self.post("recordings", body).await;
        ["accepted", "duplicates", "parked"].map(|counter| counted[counter].as_u64().unwrap())
    }

    /// What is to become of this message?
    pub async fn message(&self, body: &Value) -> Value {
        self.post("messages", body).await
    }

    /// The same for a message of one segment.
    pub async fn text(&self, id: &str, sender: &str, text: &str) -> Value {
        self.message(&text_of(id, sender, text)).await
    }

    /// Asks a gateway that may not be able to say.
    pub async fn try_text(&self, id: &str, sender: &str, text: &str) -> Answer {
        let bytes = request(
            "POST",
            "/switch/v1/messages",
            &Self::headers(),
            text_of(id, sender, text).to_string().as_bytes(),
        );
        exchange(self.address(), bytes).await
    }

    /// Says what came of a message; answers `[accepted, duplicates, parked]`.
    pub async fn message_sent(&self, identifier: &str, body: &Value) -> [u64; 3] {
        let counted = self.post(&format!("messages/{identifier}/result"), body).await;
        ["accepted", "duplicates", "parked"].map(|counter| counted[counter].as_u64().unwrap())
    }

    /// Sends the file of a recording.
    pub async fn send_recording(&self, call: &str, file: &[u8]) -> Answer {
        let target = format!("/switch/v1/recordings/{call}");
        exchange(self.address(), request("PUT", &target, &Self::headers(), file)).await
    }

    /// One stage of a call at `ts`, under an id made of both.
    pub fn event(call: &str, stage: &str, ts: &str, more: &Value) -> Value {
        let mut event =
            json!({"eventId": format!("{call}-{stage}"), "callId": call, "event": stage, "ts": ts});
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    }
}

impl Switch {
    /// The reports of a call to `x` that was answered after eight seconds and hung up 33 seconds later.
    pub fn answered(call: &str, caller: &str, x: &str) -> Value {
        json!([
            Self::callin(call, caller, x),
            Self::event(call, "callout", "2026-01-02T03:05:00Z", &Value::Null),
            Self::event(call, "alerting", "2026-01-02T03:05:02Z", &Value::Null),
            Self::event(call, "answer", "2026-01-02T03:05:08Z", &Value::Null),
            Self::event(
                call,
                "disconnect",
                "2026-01-02T03:05:41Z",
                &json!({"sip": 200, "q850": 16, "by": "callee"})
            ),
        ])
    }

    /// The report that a call to `x` has come in.
    pub fn callin(call: &str, caller: &str, x: &str) -> Value {
        Self::event(call, "callin", "2026-01-02T03:05:00Z", &json!({"caller": caller, "called": x}))
    }
}

/// The operator.
#[derive(Clone, Debug)]
pub struct Operator(pub(super) Addresses);

impl Operator {
    pub fn address(&self) -> SocketAddr {
        self.0.operator()
    }

    pub fn headers() -> Headers {
        vec![bearer(OPERATOR_TOKEN), ("Content-Type".into(), "application/json".into())]
    }

    /// Asks for a path below `/operator/v1/`.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bytes = request(method, &format!("/operator/v1/{path}"), &Self::headers(), body.as_bytes());
        exchange(self.address(), bytes).await
    }
}
