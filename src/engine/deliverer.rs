//! Pushes what is due. Which delivery comes next is [`Dispatch`]'s decision, when it comes again is
//! [`Schedule`]'s; here the bodies are fetched, the pushes run, and their outcomes go to the writer.
//!
//! A slot is taken before the body is fetched, and given back when the outcome is on record, so what is held in
//! memory is bounded whatever receivers and the store do. "In flight" lives in memory only. If we die between a
//! push and the record of its outcome, the push is made again after the restart: twice is possible, never is not
//! (invariant 5).
//!
//! [`Dispatch`]: crate::domain::dispatch::Dispatch

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::job::Job;
use super::receivers::signal_of;
use super::{Shared, random};
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::{Delivery, NoticeKind, Schedule};
use crate::domain::dispatch::Signal;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::outbound::{Attempt as Pushed, Outbound, Push, PushOutcome, Side, StandardWebhooks};
use crate::store::Attempt;

/// Most deliveries started at once.
const CLAIM_MAX: usize = 128;
/// Longest wait for pushes under way when the gateway stops: the usual limit of one push, and its record. What
/// is cut off is pushed again after the start.
const STOP_WAIT: Duration = Duration::from_secs(15);

/// How many pushes may be under way.
pub type PushLimits = crate::domain::dispatch::Limits;

/// What pushing needs.
#[derive(Debug)]
pub struct Deliverer {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: mpsc::Sender<Job>,
    pub(super) outbound: Outbound,
    pub(super) schedule: Schedule,
    /// The last push failed for a reason of ours.
    pub(super) own_trouble: AtomicBool,
}

impl Deliverer {
    /// Runs until `stop` turns true; then no push is started any more, and those under way are waited for.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let this = Arc::new(self);
        let mut pushes = JoinSet::new();
        let mut jumps = this.shared.clock.watch_for_jumps();
        while !*stop.borrow() {
            // First whatever else is ready to run: mostly more pushes that have ended, so one look serves them all.
            tokio::task::yield_now().await;
            // Register for the wake-up before looking, so that what arrives while we look is not missed.
            let woken = this.shared.deliver_now.notified();
            jumps.jumped();
            let (started, look_again) = this.claim();
            if !started.is_empty() {
                this.push_all(started, &mut pushes).await;
                while pushes.try_join_next().is_some() {}
                continue;
            }
            let is_due = async {
                match look_again {
                    Some(due) => jumps.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = woken => {}
                () = is_due => {}
                Some(_) = pushes.join_next() => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        let finished = async { while pushes.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, finished).await.is_err() {
            warn!(pushes = pushes.len(), "cut off pushes that did not end in time; they are made again");
            pushes.shutdown().await;
        }
    }

    /// What may start now, and when to look again if nothing happens before.
    fn claim(&self) -> (Vec<Delivery>, Option<Timestamp>) {
        let mut dispatch = self.shared.dispatch();
        let now = self.shared.clock.now();
        let under_way = dispatch.in_flight() + dispatch.unrecorded();
        match self.shared.backoff().allowance(now, CLAIM_MAX, under_way) {
            Ok(at_most) => (dispatch.start(now, at_most), dispatch.next_due()),
            Err(until) => (Vec::new(), Some(until)),
        }
    }

    async fn push_all(self: &Arc<Self>, started: Vec<Delivery>, pushes: &mut JoinSet<()>) {
        let mut bodies = match self.bodies(&started).await {
            Ok(bodies) => bodies,
            Err(error) => {
                warn!(deliveries = started.len(), "bodies cannot be read: {error}");
                return self.put_back(&started);
            }
        };
        for delivery in started {
            let this = Arc::clone(self);
            match bodies.remove(&delivery.id) {
                Some(body) => pushes.spawn(async move { this.push(delivery, body).await }),
                None => pushes.spawn(async move { this.give_up_without_body(delivery).await }),
            };
        }
    }

    /// The bodies of these deliveries: those that wait for their first push mostly from memory, others from the store.
    /// Missing ones are left out.
    async fn bodies(&self, started: &[Delivery]) -> Result<HashMap<RowKey, Arc<[u8]>>, String> {
        let mut bodies = self.shared.bodies.take(started);
        let ids = started.iter().map(|delivery| delivery.id);
        let elsewhere: Vec<_> = ids.filter(|id| !bodies.contains_key(id)).collect();
        if !elsewhere.is_empty() {
            let store = Arc::clone(&self.shared.store);
            let read = tokio::task::spawn_blocking(move || store.bodies(&elsewhere)).await;
            let read = read.map_err(|error| error.to_string())?;
            bodies.extend(read.map_err(|error| error.to_string())?);
        }
        Ok(bodies)
    }

    /// Nothing was pushed: these come again, and the store is left alone for a while.
    fn put_back(&self, started: &[Delivery]) {
        self.shared.store_fails();
        let mut dispatch = self.shared.dispatch();
        let now = self.shared.clock.now();
        for delivery in started {
            dispatch.put_back(delivery.id, now);
        }
    }

    async fn push(&self, delivery: Delivery, body: Arc<[u8]>) {
        let app = self.shared.registry.customers.by_no(delivery.app);
        let mut jumps = self.shared.clock.watch_for_jumps();
        let began = self.shared.clock.now();
        let lateness = began.since(delivery.due).as_secs_f64();
        self.shared.metrics.push_lateness_seconds.observe(lateness);
        let (attempt, signal, address) = if let Some(url) = url_of(&app, delivery.kind) {
            let id = delivery.id.get().to_string();
            let push = push_to(&app, url, Bytes::from_owner(body), id, began);
            let pushed = self.outbound.post(&push, began, random::nonce()).await;
            if self.is_own_trouble(&pushed) {
                let mut dispatch = self.shared.dispatch();
                dispatch.put_back(delivery.id, self.shared.clock.now());
                drop(dispatch);
                return self.shared.deliver_now.notify_one();
            }
            let (attempt, signal) = recorded(began, url, &pushed, app.accept_any_2xx);
            (attempt, signal, pushed.address)
        } else {
            (not_pushed(began, "the app has no URL for this kind of notice"), Signal::Unknown, None)
        };
        // On the clock as it was when the push began: the jump itself must not make offsets of the schedule pass.
        let ended = self.shared.clock.now().moved(-jumps.jumped().unwrap_or(0));
        let after = delivery.pushed(attempt.failure.is_none(), began, ended, &self.schedule);
        let gives_up = {
            let mut dispatch = self.shared.dispatch();
            dispatch.answered(delivery.id, signal, address, self.shared.clock.now());
            dispatch.is_last_push(delivery.id)
        };
        self.shared.deliver_now.notify_one();
        let after = if gives_up && after.state.is_pending() { after.given_up() } else { after };
        self.settle(after, attempt).await;
    }

    /// Counts what a push shows of its connection, and tells whether it failed for a reason of ours, which is no
    /// try of the schedule. Said once when it begins and once when it is over, not for every push.
    fn is_own_trouble(&self, pushed: &Pushed) -> bool {
        let metrics = &self.shared.metrics;
        metrics.push_connections.with_label_values(&[pushed.connection.as_str()]).inc();
        let PushOutcome::Failed(class) = &pushed.outcome else {
            if self.own_trouble.swap(false, Ordering::Relaxed) {
                info!("pushes get out again");
            }
            return false;
        };
        metrics.push_failures.with_label_values(&[class.as_str()]).inc();
        let is_own = class.side() == Side::Gateway;
        if is_own && !self.own_trouble.swap(true, Ordering::Relaxed) {
            error!("pushes do not get out; they are made again: {class}");
        }
        is_own
    }

    /// The store has the delivery and not its body. Pushing it is impossible, and trying for ever would hide it.
    async fn give_up_without_body(&self, delivery: Delivery) {
        let app = self.shared.registry.customers.by_no(delivery.app);
        let began = self.shared.clock.now();
        error!(delivery = delivery.id.get(), app = %app.key, "the body of a delivery is missing");
        let after = delivery.pushed(false, began, began, &self.schedule).given_up();
        self.shared.dispatch().answered(delivery.id, Signal::Unknown, None, began);
        self.settle(after, not_pushed(began, "its body is not in the store")).await;
    }

    /// Hands the outcome to the writer.
    async fn settle(&self, after: Delivery, attempt: Attempt) {
        let outcome = if attempt.failure.is_none() { "delivered" } else { "failed" };
        self.shared.metrics.pushes.with_label_values(&[outcome]).inc();
        // If the writer is gone the outcome is lost and the push is made again after the restart.
        drop(self.writer.send(Job::Settle(after, Arc::new(attempt))).await);
    }
}

/// Where a kind of notice goes (callbacks 0; 7 for the fallback of X-number status).
pub(super) fn url_of(app: &CustomerApp, kind: NoticeKind) -> Option<&str> {
    let urls = &app.urls;
    match kind {
        NoticeKind::Event => urls.call_status.as_deref(),
        NoticeKind::Cdr => urls.cdr.as_deref(),
        NoticeKind::NumberStatus => urls.number_status.as_deref().or(urls.call_status.as_deref()),
        NoticeKind::Sms => urls.sms_notify.as_deref(),
    }
}

/// A push to an app as its settings are at `now`.
pub(super) fn push_to<'p>(
    app: &'p CustomerApp,
    url: &'p str,
    body: Bytes,
    delivery_id: String,
    now: Timestamp,
) -> Push<'p> {
    Push {
        url: url.into(),
        app_key: Cow::Borrowed(&app.key),
        secret: app.secret.expose().into(),
        scheme: app.push_scheme,
        standard_webhooks: app.standard_webhooks.then(|| standard_webhooks(app, now)),
        tls: app.callback_tls.clone(),
        body,
        delivery_id,
    }
}

/// The secret before the last rotation signs too while it is live.
fn standard_webhooks(app: &CustomerApp, now: Timestamp) -> StandardWebhooks<'_> {
    let previous = app.previous_secret.as_ref().filter(|(_, until)| now < *until);
    StandardWebhooks { previous_secret: previous.map(|(secret, _)| secret.expose().into()) }
}

/// The record of a push that was not made.
pub(super) fn not_pushed(at: Timestamp, why: &str) -> Attempt {
    Attempt {
        at,
        url: "".into(),
        address: None,
        status: None,
        took_ms: 0,
        timings: Vec::new(),
        answer: Box::default(),
        failure: Some(why.into()),
    }
}

/// The record of a push, and what it shows. It succeeded with exactly 200, or any 2xx if the app says so.
pub(super) fn recorded(at: Timestamp, url: &str, pushed: &Pushed, accept_any_2xx: bool) -> (Attempt, Signal) {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let failure = match &pushed.outcome {
        PushOutcome::Answered(200) => None,
        PushOutcome::Answered(status) if accept_any_2xx && (200..300).contains(status) => None,
        PushOutcome::Answered(status) => Some(format!("answered {status}, expected 200").into()),
        PushOutcome::Failed(class) => Some(class.to_string().into()),
    };
    let timings = [
        ("dns", pushed.timings.dns),
        ("connect", pushed.timings.connect),
        ("tls", pushed.timings.tls),
        ("firstByte", pushed.timings.first_byte),
        ("total", Some(pushed.timings.total)),
    ];
    let timings = timings.into_iter().filter_map(|(name, time)| Some((name.into(), millis(time?)))).collect();
    let signal = signal_of(pushed, failure.is_none());
    let attempt = Attempt {
        at,
        url: url.into(),
        address: pushed.address.map(|address| address.to_string().into()),
        status: pushed.status,
        took_ms: millis(pushed.timings.total),
        timings,
        answer: pushed.answer.body.as_ref().into(),
        failure,
    };
    (attempt, signal)
}
