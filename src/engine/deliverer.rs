//! Pushes what is due. Which delivery comes next is [`Dispatch`]'s decision, when it comes again is
//! [`Schedule`]'s; here the bodies are fetched, the pushes run, and their outcomes go to the writer.
//!
//! "In flight" lives in memory only. If we die between a push and the record of its outcome, the push is made
//! again after the restart: twice is possible, never is not (invariant 5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::job::Job;
use super::{Shared, random};
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::{Delivery, NoticeKind, Schedule, State};
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::outbound::{Attempt as Pushed, Outbound, Push, PushOutcome};
use crate::store::Attempt;

/// Most deliveries started at once.
const CLAIM_MAX: usize = 128;
/// When the store does not give the bodies, try again after this.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// How many pushes may be under way.
pub type PushLimits = crate::domain::dispatch::Limits;

/// What pushing needs.
#[derive(Debug)]
pub struct Deliverer {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: mpsc::Sender<Job>,
    pub(super) outbound: Outbound,
    pub(super) schedule: Schedule,
}

impl Deliverer {
    /// Runs until `stop` turns true; then no push is started any more, and those under way are finished.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let this = Arc::new(self);
        let mut pushes = JoinSet::new();
        loop {
            // Register for the wake-up before looking, so that what arrives while we look is not missed.
            let woken = this.shared.deliver_now.notified();
            let now = this.shared.clock.now();
            let started = this.shared.dispatch().start(now, CLAIM_MAX);
            if !started.is_empty() {
                this.push_all(started, now, &mut pushes).await;
                while pushes.try_join_next().is_some() {}
                continue;
            }
            let next_due = this.shared.dispatch().next_due();
            let is_due = async {
                match next_due {
                    Some(due) => this.shared.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = woken => {}
                () = is_due => {}
                Some(_) = pushes.join_next() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        while pushes.join_next().await.is_some() {}
    }

    async fn push_all(self: &Arc<Self>, started: Vec<Delivery>, now: Timestamp, pushes: &mut JoinSet<()>) {
        let ids: Vec<_> = started.iter().map(|delivery| delivery.id).collect();
        let store = Arc::clone(&self.shared.store);
        let bodies = tokio::task::spawn_blocking(move || store.bodies(&ids)).await;
        let mut bodies: HashMap<RowKey, Arc<[u8]>> = match bodies {
            Ok(Ok(bodies)) => bodies.into_iter().collect(),
            Ok(Err(error)) => {
                warn!("bodies of deliveries cannot be read: {error}");
                HashMap::new()
            }
            Err(error) => {
                warn!("reading bodies of deliveries broke off: {error}");
                HashMap::new()
            }
        };
        for delivery in started {
            match bodies.remove(&delivery.id) {
                Some(body) => {
                    let this = Arc::clone(self);
                    pushes.spawn(async move { this.push(delivery, body).await });
                }
                None => {
                    let mut dispatch = self.shared.dispatch();
                    dispatch.ended(Delivery { due: now.after(STORE_PAUSE), ..delivery }, true, now);
                }
            }
        }
    }

    async fn push(&self, delivery: Delivery, body: Arc<[u8]>) {
        let app = self.shared.registry.customers.by_no(delivery.app);
        let began = self.shared.clock.now();
        let lateness = began.since(delivery.due).as_secs_f64();
        self.shared.metrics.push_lateness_seconds.observe(lateness);
        let (attempt, succeeded) = match url_of(&app, delivery.kind) {
            Some(url) => {
                let push = Push {
                    url: url.to_owned(),
                    app_key: app.key.clone(),
                    secret: app.secret.expose().to_owned(),
                    scheme: app.push_scheme,
                    body: Bytes::from_owner(body),
                    delivery_id: delivery.id.get().to_string(),
                };
                let pushed = self.outbound.post(&push, began, random::nonce()).await;
                recorded(began, url, pushed, app.accept_any_2xx)
            }
            None => (not_pushed(began, "the app has no URL for this kind of notice"), false),
        };
        let after = delivery.pushed(succeeded, began, self.shared.clock.now(), &self.schedule);
        let outcome = if succeeded { "delivered" } else { "failed" };
        self.shared.metrics.pushes.with_label_values(&[outcome]).inc();
        if after.state == State::Exhausted {
            self.shared.metrics.exhausted.inc();
            info!(delivery = after.id.get(), app = %app.key, "the last push failed; the delivery is exhausted");
        }
        // If the writer is gone the outcome is lost and the push is made again after the restart.
        drop(self.writer.send(Job::Settle(after, Box::new(attempt))).await);
    }
}

/// Where a kind of notice goes (callbacks 0; 7 for the fallback of X-number status).
fn url_of(app: &CustomerApp, kind: NoticeKind) -> Option<&str> {
    let urls = &app.urls;
    match kind {
        NoticeKind::Event => urls.call_status.as_deref(),
        NoticeKind::Cdr => urls.cdr.as_deref(),
        NoticeKind::NumberStatus => urls.number_status.as_deref().or(urls.call_status.as_deref()),
    }
}

fn not_pushed(at: Timestamp, why: &str) -> Attempt {
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

/// The record of a push, and whether it succeeded: exactly 200, or any 2xx if the app says so.
fn recorded(at: Timestamp, url: &str, pushed: Pushed, accept_any_2xx: bool) -> (Attempt, bool) {
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
        ("firstByte", pushed.timings.head),
        ("total", Some(pushed.timings.total)),
    ];
    let timings = timings.into_iter().filter_map(|(name, time)| Some((name.into(), millis(time?)))).collect();
    let succeeded = failure.is_none();
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
    (attempt, succeeded)
}
