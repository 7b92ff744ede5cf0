//! Building the engine from its parts, and stopping it in the reverse order.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::deliverer::Deliverer;
use super::load::{LoadSettings, Progress, load};
use super::reports::{Reports, RetentionDays};
use super::writer::{Writer, WriterStopped};
use super::{Engine, INBOX_MAX, PushLimits, Shared, timekeeper};
use crate::clock::Clock;
use crate::domain::area::AreaTable;
use crate::domain::backoff::Backoff;
use crate::domain::cdr::Patience;
use crate::domain::delivery::Schedule;
use crate::domain::dispatch::Dispatch;
use crate::domain::id::PublicIds;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::registry::{Registry, Staging};
use crate::store::{Store, StoreError};
use crate::wire::callback::Origin;

/// Between attempts to load again after the outcome of a commit was unknown.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// What the engine is to know.
#[derive(Debug)]
pub struct Settings {
    /// `spId` and `hostName` in CDRs.
    pub sp_id: Box<str>,
    /// See `sp_id`.
    pub host_name: Box<str>,
    /// How long ended bindings bar strangers from the same X.
    pub quarantine: Duration,
    /// How long ended calls are remembered for repeated events.
    pub keep_ended: Duration,
    /// How long calls that end together are gathered into one CDR push.
    pub cdr_window: Duration,
    /// When silent calls are closed.
    pub patience: Patience,
    /// How long rows are kept.
    pub retention: RetentionDays,
    /// When failed pushes are repeated.
    pub schedule: Schedule,
    /// How many pushes may be under way.
    pub push_limits: PushLimits,
    /// Which number belongs to which city.
    pub areas: AreaTable,
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("the writer thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running engine: the handle, and what is needed to stop it.
#[derive(Debug)]
pub struct Running {
    /// The handle for the edges.
    pub engine: Engine,
    stop_pushing: watch::Sender<bool>,
    deliverer: JoinHandle<()>,
    timekeeper: JoinHandle<()>,
    writer: std::thread::JoinHandle<()>,
}

/// Loads everything and starts the tasks. Blocks while loading. Must be called within a tokio runtime.
pub fn start(
    store: Arc<dyn Store>,
    clock: Clock,
    metrics: Metrics,
    outbound: Outbound,
    settings: Settings,
    progress: Progress<'_>,
) -> Result<Running, StartError> {
    let origin = Origin {
        ids: PublicIds::new(&store.secret()?),
        sp_id: settings.sp_id.clone(),
        host_name: settings.host_name.clone(),
    };
    let jumps = clock.watch_for_jumps();
    let shared = Arc::new(Shared {
        registry: Registry::new(),
        store,
        clock,
        origin,
        areas: settings.areas,
        metrics,
        dispatch: Mutex::new(Dispatch::new(settings.push_limits)),
        jumps: Mutex::new(jumps),
        backoff: Mutex::new(Backoff::default()),
        deliver_now: Notify::new(),
        quarantined: Mutex::new(HashMap::new()),
        serving: AtomicBool::new(false),
    });
    let rules = WriterRules {
        load: LoadSettings { quarantine: settings.quarantine, keep_ended: settings.keep_ended },
        window: settings.cdr_window,
        patience: settings.patience,
        retention: settings.retention,
    };
    let (staging, reports) = rules.load(&shared, progress)?;
    let (inbox, jobs) = mpsc::channel(INBOX_MAX);
    let (next_tick, tick_due) = watch::channel(None);
    let writer = Writer::new(Arc::clone(&shared), staging, reports, jobs, next_tick);
    shared.set_serving(true);
    let writer = {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || keep_writing(writer, &shared, rules))?
    };
    let timekeeper = tokio::spawn(timekeeper::run(Arc::clone(&shared), inbox.downgrade(), tick_due));
    let (stop_pushing, stop) = watch::channel(false);
    let pusher = Deliverer {
        shared: Arc::clone(&shared),
        writer: inbox.clone(),
        outbound,
        schedule: settings.schedule,
        own_trouble: AtomicBool::new(false),
    };
    let deliverer = tokio::spawn(pusher.run(stop));
    let engine = Engine { shared, inbox };
    Ok(Running { engine, stop_pushing, deliverer, timekeeper, writer })
}

impl Running {
    /// Stops: no new pushes, pushes under way finish, everything asked becomes durable. The edges must have
    /// let go of their handles, or the writer would wait for them.
    pub async fn stop(self) {
        let Self { engine, stop_pushing, deliverer, timekeeper, writer } = self;
        stop_pushing.send_replace(true);
        if let Err(error) = deliverer.await {
            error!("the deliverer broke off: {error}");
        }
        // Everything that was asked is in the inbox before this; its answer means that all of it is durable.
        let flushed = engine.flush().await;
        engine.shared.set_serving(false);
        drop(engine);
        timekeeper.abort();
        // Waited for, because it holds on to the store: whoever starts next must find it free.
        drop(timekeeper.await);
        if let Err(error) = flushed {
            error!("stopping without a last flush: {error}");
        }
        drop(tokio::task::spawn_blocking(move || writer.join()).await);
        info!("everything asked is durable");
    }
}

/// What a writer is made with.
#[derive(Clone, Copy)]
struct WriterRules {
    load: LoadSettings,
    window: Duration,
    patience: Patience,
    retention: RetentionDays,
}

impl WriterRules {
    fn load(self, shared: &Shared, progress: Progress<'_>) -> Result<(Staging, Reports), StoreError> {
        let now = shared.clock.now();
        let (staging, ended_calls) = load(shared, self.load, now, progress)?;
        let mut reports = Reports::new(self.window, self.patience, self.load.keep_ended, self.retention, now);
        for call in ended_calls {
            reports.closings.note(call.id.clone(), call.app(), now);
        }
        Ok((staging, reports))
    }
}

/// Runs the writer; loads everything again and goes on when the outcome of a commit is unknown.
fn keep_writing(mut writer: Writer, shared: &Arc<Shared>, rules: WriterRules) {
    loop {
        match writer.run() {
            WriterStopped::Inbox => return,
            WriterStopped::Store(error) => error!("not serving until everything is loaded again: {error}"),
        }
        shared.set_serving(false);
        writer.refuse_waiting();
        let (staging, reports) = loop {
            shared.clear();
            match rules.load(shared, &mut |_| {}) {
                Ok(loaded) => break loaded,
                Err(error) => error!("loading again failed, next try in {RELOAD_PAUSE:?}: {error}"),
            }
            // Nothing else is left to do on this thread.
            std::thread::park_timeout(RELOAD_PAUSE);
        };
        let (inbox, next_tick) = writer.into_inbox();
        writer = Writer::new(Arc::clone(shared), staging, reports, inbox, next_tick);
        shared.set_serving(true);
        shared.deliver_now.notify_one();
        info!("everything is loaded again");
    }
}
