//! The scheduler against its rules, against a naive model, and in simulated worlds.

mod model;
mod rules;
mod simulation;
mod trouble;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::delivery::{NoticeKind, Schedule};
use crate::domain::id::AppNo;

/// Two at once per app and endpoint, four in all.
const SMALL: Limits = Limits {
    in_flight: 4,
    per_app: 2,
    per_endpoint: 2,
    per_host: 64,
    drain_per_second: None,
    give_up_after: GIVE_UP_AFTER,
};
/// Enough for everything but what a test is about.
const AMPLE: Limits = Limits {
    in_flight: 1_000,
    per_app: 1_000,
    per_endpoint: 16,
    per_host: 1_000,
    drain_per_second: None,
    give_up_after: GIVE_UP_AFTER,
};
const GIVE_UP_AFTER: Duration = Duration::from_secs(310 * 60);

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn row(n: u64) -> RowKey {
    RowKey::from_stored(n).unwrap()
}

/// Due at once.
fn delivery(id: u64, app: u32, call: Option<u64>) -> Delivery {
    Delivery::new(row(id), AppNo(app), NoticeKind::Event, call.map(row), at(0))
}

fn endpoint(app: u32) -> Endpoint {
    Endpoint { app: AppNo(app), kind: NoticeKind::Event }
}

/// So many deliveries are due for an app, with ids from `first`.
fn enqueue(dispatch: &mut Dispatch, app: u32, first: u64, count: u64, now: Timestamp) {
    for id in first..first + count {
        dispatch.enqueue(Delivery { due: now, ..delivery(id, app, None) }, now);
    }
}

fn ids(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.id.get()).collect()
}

/// The documented schedule to the second.
fn schedule() -> Schedule {
    Schedule { jitter: Duration::ZERO, ..Schedule::default() }
}

/// A push failed, and is on record.
fn fail(dispatch: &mut Dispatch, delivery: Delivery, signal: Signal, now: Timestamp) -> Delivery {
    dispatch.answered(delivery.id, signal, None, now);
    let after = delivery.pushed(false, now, now, &schedule());
    let after = if dispatch.is_last_push(delivery.id) { after.given_up() } else { after };
    dispatch.ended(after, after.state.is_pending(), now);
    after
}

/// A push succeeded, and is on record.
fn succeed(dispatch: &mut Dispatch, delivery: Delivery, now: Timestamp) {
    dispatch.answered(delivery.id, Signal::Accepted, None, now);
    dispatch.ended(delivery.pushed(true, now, now, &schedule()), false, now);
}

/// The app's endpoint has failed a push, with this id, by a timeout.
fn make_suspect(dispatch: &mut Dispatch, app: u32, id: u64) {
    enqueue(dispatch, app, id, 1, at(0));
    let started = dispatch.start(at(0), 1);
    assert_eq!(ids(&started), [id]);
    let _ = fail(dispatch, started[0], Signal::Silent, at(0));
}
