//! What a switch sent, in the order in which it came.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;

use super::step::Step;
use crate::domain::call::CallEvent;

/// Most things of a kind that are kept: test calls never make so many, and a switch that repeats itself for ever
/// shall not fill the memory.
pub(super) const KEPT_MAX: usize = 5_000;

/// Everything that came.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) requests: usize,
    pub(super) connections: BTreeSet<SocketAddr>,
    /// Requests without a live token.
    pub(super) without_token: usize,
    /// Requests to URIs that are none, as `METHOD path`.
    pub(super) elsewhere: Vec<String>,
    pub(super) questions: Vec<Question>,
    pub(super) events: Vec<Reported>,
    /// Items of event requests that cannot be used, with what is wrong.
    pub(super) unusable: Vec<String>,
    pub(super) recordings: Vec<Recording>,
    /// What the switch said to the three orders.
    pub(super) orders: Vec<Order>,
    /// Which call took which step.
    pub(super) calls: Vec<(Step, String)>,
}

/// A question for a route.
#[derive(Debug)]
pub(super) struct Question {
    /// `None` = without a usable callId.
    pub(super) call: Option<String>,
    pub(super) body: Value,
}

/// One event that can be used.
#[derive(Debug)]
pub(super) struct Reported {
    pub(super) call: String,
    pub(super) event: Arc<CallEvent>,
    pub(super) body: Value,
    /// 503 for the request that is refused on purpose.
    pub(super) status: u16,
}

/// A recording that was announced, named or sent.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) call: String,
    /// What is wrong with the file.
    pub(super) fault: Option<&'static str>,
    /// Whether the end of the call had been reported before.
    pub(super) late: bool,
}

/// An order to end a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The switch is ending it.
    Ending,
    /// The switch knows no such call, or it is over.
    NotThere,
    /// Anything else.
    Failed(String),
}

impl Log {
    /// The events of a call that were answered 200.
    pub(super) fn kept_events(&self, call: &str) -> impl Iterator<Item = &Reported> {
        self.events.iter().filter(move |event| event.call == call && event.status == 200)
    }

    /// The call of a step.
    pub(super) fn call_of(&self, step: Step) -> Option<&str> {
        self.calls.iter().find(|(known, _)| *known == step).map(|(_, call)| call.as_str())
    }
}

/// Adds to a list that has an end.
pub(super) fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() < KEPT_MAX {
        list.push(item);
    }
}
