//! What the gateway has on record for operators: deliveries, the audit, bans.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;
use serde_json::value::RawValue;

use super::time;
use crate::domain::attempt::Attempt;
use crate::domain::ban::Ban;
use crate::domain::call::Stage;
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::Delivery;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_rfc3339_millis;

/// One delivery in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAnswer {
    id: String,
    app_key: String,
    session_id: Option<Box<str>>,
    kind: &'static str,
    state: &'static str,
    pushes: u8,
    next_at: Option<String>,
    ended_at: Option<String>,
    event_type: Option<&'static str>,
    last_push: Option<LastPush>,
}

/// The last push of a delivery in a list.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct LastPush {
    pub at: String,
    pub url: Box<str>,
    pub failure: Option<Box<str>>,
}

impl DeliveryAnswer {
    /// For a delivery to `app`, about `session`, that ended at `ended_at`, if it did. `stage` is that of an event.
    pub fn of(
        delivery: &Delivery,
        app: &CustomerApp,
        session: Option<&str>,
        ended_at: Option<Timestamp>,
        stage: Option<Stage>,
        last_push: Option<LastPush>,
    ) -> Self {
        let is_pending = delivery.state.is_pending();
        Self {
            id: delivery.id.get().to_string(),
            app_key: app.key.to_string(),
            session_id: session.map(Box::from),
            kind: delivery.kind.as_str(),
            state: delivery.state.as_str(),
            pushes: delivery.pushes,
            next_at: time(is_pending.then_some(delivery.due)),
            ended_at: time(ended_at.filter(|_| !is_pending)),
            event_type: stage.map(Stage::as_str),
            last_push,
        }
    }
}

/// One delivery with its attempts and its body.
#[derive(Debug, Serialize)]
pub struct DeliveryDetail {
    /// As in a list.
    #[serde(flatten)]
    pub delivery: DeliveryAnswer,
    /// The pushes made, oldest first.
    pub attempts: Vec<AttemptAnswer>,
    /// What is pushed.
    pub body: Box<RawValue>,
}

/// One push, or one question.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct AttemptAnswer {
    pub at: String,
    pub url: Box<str>,
    pub address: Option<Box<str>>,
    pub status: Option<u16>,
    pub timings: serde_json::Map<String, serde_json::Value>,
    pub answer: String,
    pub failure: Option<Box<str>>,
}

impl From<Attempt> for AttemptAnswer {
    fn from(attempt: Attempt) -> Self {
        let total = ("total".to_owned(), attempt.took_ms.into());
        let parts = attempt.timings.into_iter().map(|(name, millis)| (name.into(), millis.into()));
        Self {
            at: format_rfc3339_millis(attempt.at),
            url: attempt.url,
            address: attempt.address,
            status: attempt.status,
            timings: parts.chain([total]).collect(),
            answer: String::from_utf8_lossy(&attempt.answer).into_owned(),
            failure: attempt.failure,
        }
    }
}

/// One test push: which setting holds the URL, and what came of it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct TestPushAnswer {
    pub setting: &'static str,
    pub kind: &'static str,
    #[serde(flatten)]
    pub attempt: AttemptAnswer,
}

/// The answer to a test of callbacks.
#[derive(Debug, Serialize)]
pub struct TestedAnswer {
    /// One push per URL.
    pub items: Vec<TestPushAnswer>,
}

/// The body of a delivery as it stands, byte for byte.
pub fn frozen_body(body: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(body).into_owned();
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// The id of a delivery in a path.
pub fn delivery_id(text: &str) -> Option<RowKey> {
    RowKey::from_stored(text.parse().ok()?)
}

/// One entry of the audit.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct AuditAnswer {
    pub id: String,
    pub at: String,
    pub actor: Box<str>,
    pub action: Box<str>,
    pub subject: Box<str>,
    pub detail: Box<str>,
}

/// One ban.
#[derive(Debug, Serialize)]
pub struct BanAnswer {
    ip: String,
    until: String,
}

impl BanAnswer {
    /// For a ban in force.
    pub fn of(ban: &Ban) -> Self {
        Self { ip: client(ban.client), until: format_rfc3339_millis(ban.until) }
    }
}

/// What is banned: an IPv4 address, or the network of 64 bits that one IPv6 host owns.
pub fn client(network: IpNet) -> String {
    match network {
        IpNet::V4(network) => network.addr().to_string(),
        IpNet::V6(network) => network.to_string(),
    }
}

/// A banned client in a path: an address, or its network as a list shows it.
pub fn client_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().or_else(|| {
        let network = text.parse::<IpNet>().ok()?;
        let one_client = if network.addr().is_ipv4() { 32 } else { 64 };
        (network.prefix_len() == one_client).then(|| network.addr())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_client_is_named_as_the_list_shows_it_or_by_an_address() {
        for (shown, address) in
            [("203.0.113.7", "203.0.113.7"), ("2001:db8:1:2::/64", "2001:db8:1:2::"), ("::1/64", "::1")]
        {
            assert_eq!(client_address(shown), Some(address.parse().unwrap()), "{shown}");
        }
        assert_eq!(client_address("2001:db8:1:2:3::4"), Some("2001:db8:1:2:3::4".parse().unwrap()));
        for none in ["203.0.113.0/24", "2001:db8::/32", "localhost", ""] {
            assert_eq!(client_address(none), None, "{none}");
        }
        let network: IpNet = "203.0.113.7/32".parse().unwrap();
        assert_eq!(client(network), "203.0.113.7");
        assert_eq!(client("2001:db8:1:2::/64".parse().unwrap()), "2001:db8:1:2::/64");
    }

    #[test]
    fn the_body_of_a_delivery_is_shown_as_it_stands() {
        let body = br#"{"b":1,"a":"\u00e9"}"#;
        assert_eq!(frozen_body(body).get().as_bytes(), body);
        assert_eq!(frozen_body(b"no JSON").get(), "null");
    }
}
