//! The operator API's messages (proto-docs/operator.md). Unknown members and parameters are refused: an
//! operator's slip of the pen must not pass in silence.

pub mod app;
pub mod binding;
pub mod call;
pub mod cdr;
pub mod members;
pub mod message;
pub mod number;
pub mod params;
pub mod record;
pub mod replay;
pub mod tone;
pub mod usage;

use serde::Serialize;

use super::time_text::{format_rfc3339_millis, parse_switch_time};
use crate::domain::number::{CallingParty, E164};
use crate::domain::time::Timestamp;

/// A request that cannot be carried out as it stands (`invalid_request`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The member, column or parameter that is wrong; `None` when the request as a whole is.
    pub field: Option<String>,
    /// What is wrong with it. Never quotes a value.
    pub message: String,
}

impl Unusable {
    /// With the culprit's name.
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(name.into()), message: message.into() }
    }

    /// The request as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }
}

/// `{"error":{...}}`.
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
    /// The culprit of `invalid_request`.
    pub field: Option<&'a str>,
    /// The customer API's code, when its rules say no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resultcode: Option<&'a str>,
}

/// A portion of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next portion begins; `None` = this was the last.
    pub next_cursor: Option<String>,
}

/// What a time must be.
const RFC3339: &str = "a time in RFC 3339, such as 2026-01-02T03:04:05Z";

/// Reads an instant in RFC 3339.
fn rfc3339(text: &str) -> Option<Timestamp> {
    // A switch may also send seconds since 1970; an operator may not.
    text.contains('-').then(|| parse_switch_time(text)).flatten()
}

/// Why a stretch of time is refused that no instant lies in: somebody has mixed up its ends. `None` = there is one.
fn empty_period(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<&'static str> {
    from.zip(to).is_some_and(|(from, to)| from >= to).then_some("must be later than from")
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(format_rfc3339_millis)
}

fn number(number: Option<E164>) -> Option<String> {
    number.map(E164::expose)
}

/// A calling party, if it is a number.
fn party(party: CallingParty) -> Option<String> {
    match party {
        CallingParty::Number(number) => Some(number.expose()),
        CallingParty::Withheld | CallingParty::Unusable => None,
    }
}
