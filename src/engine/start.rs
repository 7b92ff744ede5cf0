//! Building the engine from its parts, and stopping it in the reverse order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::cdr_files::{self, CdrFileSettings, CdrFiles};
use super::deliverer::Deliverer;
use super::ledger::{Ledger, LedgerRules, Timetable};
use super::load::Progress;
use super::test_pushes::Tester;
use super::writer::Writer;
use super::{
    Engine, INBOX_MAX, Outside, PushLimits, QuestionLimits, Questions, REPORTS_MAX, Shared, recordings,
    timekeeper,
};
use crate::clock::Clock;
use crate::control::SwitchControl;
use crate::domain::area::AreaTable;
use crate::domain::delivery::Schedule;
use crate::domain::id::PublicIds;
use crate::domain::link::LinkKey;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::recording::Recordings;
use crate::store::{Store, StoreError};
use crate::wire::callback::Origin;

/// What the engine is to know.
#[derive(Debug)]
pub struct Settings {
    /// `spId` and `hostName` in CDRs.
    pub sp_id: Box<str>,
    /// See `sp_id`.
    pub host_name: Box<str>,
    /// `recordDomain` of recordings that lie with the gateway.
    pub record_domain: Box<str>,
    /// What the ledger is kept by.
    pub ledger: LedgerRules,
    /// When failed pushes are repeated.
    pub schedule: Schedule,
    /// How many pushes may be under way.
    pub push_limits: PushLimits,
    /// How customers are asked where calls go, and with seats of their own what is to become of messages.
    pub questions: QuestionLimits,
    /// Which number belongs to which city.
    pub areas: AreaTable,
    /// The files of recordings.
    pub recordings: Recordings,
    /// Gives orders to the switch.
    pub control: SwitchControl,
    /// Where and when daily CDR files are written; `None` = never.
    pub cdr_files: Option<CdrFileSettings>,
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
    /// Deletes recordings whose time is over.
    keeper: JoinHandle<()>,
    filer: JoinHandle<()>,
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
    let secret = store.secret()?;
    let origin = Origin {
        record_domain: settings.record_domain,
        ids: PublicIds::new(&secret),
        sp_id: settings.sp_id.clone(),
        host_name: settings.host_name.clone(),
    };
    let shared = Arc::new(Shared::new(store, clock, origin, settings.areas, metrics, settings.push_limits));
    let ledger = Ledger::open(Arc::clone(&shared), settings.ledger, progress)?;
    let (inbox, jobs) = mpsc::channel(INBOX_MAX);
    let (timetable, times) = watch::channel(Timetable::default());
    let writer = Writer { shared: Arc::clone(&shared), ledger, inbox: jobs, timetable };
    shared.set_serving(true);
    let writer = std::thread::Builder::new().name("writer".into()).spawn(move || writer.run())?;
    let timekeeper = tokio::spawn(timekeeper::run(Arc::clone(&shared), inbox.downgrade(), times));
    let (stop_pushing, stop) = watch::channel(false);
    let tester = Arc::new(Tester::new(outbound.clone()));
    let questions = |kind| {
        let (clock, metrics) = (shared.clock.clone(), shared.metrics.clone());
        Arc::new(Questions::new(kind, clock, outbound.clone(), metrics, settings.questions))
    };
    let (call_questions, message_questions) = (questions("call"), questions("message"));
    let pusher = Deliverer {
        shared: Arc::clone(&shared),
        writer: inbox.clone(),
        outbound,
        schedule: settings.schedule,
        own_trouble: AtomicBool::new(false),
    };
    let deliverer = tokio::spawn(pusher.run(stop.clone()));
    let outside = Outside {
        recordings: settings.recordings,
        deleting: tokio::sync::Mutex::new(()),
        links: LinkKey::new(&secret),
        control: settings.control,
    };
    let cdr_files =
        settings.cdr_files.map(|settings| Arc::new(tokio::sync::Mutex::new(CdrFiles::new(settings))));
    let engine = Engine {
        shared,
        inbox,
        reports_room: Arc::new(Semaphore::new(REPORTS_MAX)),
        tester,
        call_questions,
        calls_under_way: Arc::default(),
        message_questions,
        messages_under_way: Arc::default(),
        outside: Arc::new(outside),
        cdr_files,
    };
    let keeper = tokio::spawn(recordings::keep(engine.clone(), stop));
    let filer = tokio::spawn(cdr_files::run(engine.clone(), stop_pushing.subscribe()));
    Ok(Running { engine, stop_pushing, deliverer, keeper, filer, timekeeper, writer })
}

impl Running {
    /// Stops: no new pushes, pushes under way finish, everything asked becomes durable. The edges must have
    /// let go of their handles, or the writer would wait for them.
    pub async fn stop(self) {
        let Self { engine, stop_pushing, deliverer, keeper, filer, timekeeper, writer } = self;
        stop_pushing.send_replace(true);
        if let Err(error) = deliverer.await {
            error!("the deliverer broke off: {error}");
        }
        if let Err(error) = keeper.await {
            error!("the keeper of recordings broke off: {error}");
        }
        if let Err(error) = filer.await {
            error!("the writer of CDR files broke off: {error}");
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
