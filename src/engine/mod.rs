//! The tasks: asynchronous plumbing between the parts above. No rules here.
//!
//! [`Engine`] is the handle that the edges call. It reads the registry directly, on the caller's thread, and
//! hands everything that changes something to the writer, whose answer it awaits.

mod bodies;
mod cdr_files;
mod deliverer;
mod draft;
pub mod job;
pub mod ledger;
mod lending;
mod load;
mod messages;
mod questions;
pub mod random;
mod receivers;
mod recordings;
pub mod replays;
mod reports;
mod routes;
mod settings;
mod start;
mod stop;
mod test_pushes;
#[cfg(test)]
mod tests;
mod timekeeper;
pub mod tones;
mod under_way;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tracing::warn;

use self::bodies::Bodies;
use self::cdr_files::CdrFiles;
pub use self::cdr_files::{CdrFileSettings, CdrFolder};
pub use self::deliverer::PushLimits;
use self::job::{
    Answer, Job, NumberFault, ReplayOrder, ReplayRefusal, ReportCount, Setting, SettingChange, SettingFault,
    Unserved, Who,
};
pub use self::ledger::LedgerRules;
pub use self::messages::{AskedAbout, Handed, Sending};
pub use self::questions::QuestionLimits;
use self::questions::Questions;
pub use self::recordings::{Kept, NotKept, Upload};
pub use self::reports::RetentionDays;
pub use self::start::{Running, Settings, StartError, start};
pub use self::stop::CallNotStopped;
pub use self::test_pushes::TestPush;
use self::test_pushes::Tester;
use self::under_way::UnderWay;
use crate::clock::{Clock, JumpWatch};
use crate::control::SwitchControl;
use crate::domain::allocation::{AreaMatch, Search};
use crate::domain::area::{AreaCode, AreaTable};
use crate::domain::backoff::Backoff;
use crate::domain::binding::{Axyb, Binding};
use crate::domain::call::{CallEvent, CallId, Decision};
use crate::domain::command::{AppCommand, Command, Done};
use crate::domain::customer::CustomerApp;
use crate::domain::dispatch::Dispatch;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::link::LinkKey;
use crate::domain::number::{E164, XNumber};
use crate::domain::refusal::Refusal;
use crate::domain::replay::{Replay, ReplayFigures};
use crate::domain::setting::AppChange;
use crate::domain::sms::{Message, MessageId};
use crate::domain::time::Timestamp;
use crate::metrics::Metrics;
pub use crate::outbound::{TlsSettingFault, check_callback_tls};
use crate::recording::Recordings;
use crate::registry::{Registry, Staging};
use crate::store::{Store, StoreError};
use crate::wire::callback::Origin;

/// Most jobs that wait for the writer. Full means "overloaded" to the next: waiting longer helps nobody.
const INBOX_MAX: usize = 8_192;

/// Most reports that wait for the writer, in all the jobs that bring them: up to a kilobyte each, so 64 MB.
const REPORTS_MAX: usize = 65_536;

/// A commit that takes longer hangs: a flush of a disk that works takes milliseconds.
const COMMIT_HANGS_AFTER: Duration = Duration::from_secs(10);

/// How long anybody waits for the writer at most. Longer than a commit takes before it counts as hanging, so that
/// whoever is told has something to be seen for it; shorter than the half minute after which many clients hang up,
/// and learn nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the tasks share.
#[derive(Debug)]
pub struct Shared {
    /// The working copy.
    pub registry: Registry,
    /// The durable copy.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// What all notices have in common; also makes and reads subscriptionIds.
    pub origin: Origin,
    /// Which number belongs to which city.
    pub areas: AreaTable,
    /// Every metric.
    pub metrics: Metrics,
    dispatch: Mutex<Dispatch>,
    /// Of what waits for its first push.
    bodies: Bodies,
    /// For the scheduler, whose times are all of the clock as it was.
    jumps: Mutex<JumpWatch>,
    /// Whether the store takes what became of pushes.
    backoff: Mutex<Backoff>,
    /// The deliverer has something to look at.
    deliver_now: Notify,
    /// How many parties are in quarantine on each X, as of the last batch.
    quarantined: Mutex<HashMap<XNumber, u32>>,
    /// How far the replays are, as of the last batch that concerned one.
    replays: Mutex<ReplayFigures>,
    /// Held by whoever tries whether the store works: on a disk that hangs, each would keep a thread.
    probing: Arc<tokio::sync::Mutex<()>>,
    /// When the commit under way began; `None` while none is.
    committing_since: Mutex<Option<Timestamp>>,
    serving: AtomicBool,
    /// How often serving stopped, so that whoever reads sees that memory was loaded again meanwhile.
    stops: AtomicU64,
}

impl Shared {
    /// With an empty registry and nothing to push; not serving yet.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        origin: Origin,
        areas: AreaTable,
        metrics: Metrics,
        push_limits: PushLimits,
    ) -> Self {
        let jumps = clock.watch_for_jumps();
        Self {
            registry: Registry::new(),
            store,
            clock,
            origin,
            areas,
            metrics,
            dispatch: Mutex::new(Dispatch::new(push_limits)),
            bodies: Bodies::default(),
            jumps: Mutex::new(jumps),
            backoff: Mutex::new(Backoff::default()),
            deliver_now: Notify::new(),
            quarantined: Mutex::new(HashMap::new()),
            replays: Mutex::new(ReplayFigures::default()),
            probing: Arc::default(),
            committing_since: Mutex::new(None),
            serving: AtomicBool::new(false),
            stops: AtomicU64::new(0),
        }
    }

    /// What waits to be pushed. Hold it for as long as one question takes.
    pub fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        let mut dispatch = self.dispatch.lock().unwrap_or_else(PoisonError::into_inner);
        // Before anybody compares its times with the clock's.
        if let Some(by_ms) = self.jumps.lock().unwrap_or_else(PoisonError::into_inner).jumped() {
            warn!(by_ms, "the clock was set; what waits to be pushed keeps its time left to wait");
            self.metrics.clock_jumps.inc();
            dispatch.clock_was_set(by_ms);
        }
        dispatch
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_quarantine(&self, staging: &mut Staging) {
        let mut known = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        staging.publish_quarantine(&mut known);
    }

    fn note_commit(&self, since: Option<Timestamp>) {
        *self.committing_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// For how long the commit under way has taken so far; `None` while none is.
    pub fn commit_running(&self) -> Option<Duration> {
        let since = *self.committing_since.lock().unwrap_or_else(PoisonError::into_inner);
        Some(self.clock.now().since(since?))
    }

    fn note_replays(&self, figures: ReplayFigures) {
        *self.replays.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// Empties memory, before it is loaded again.
    fn clear(&self) {
        self.registry.clear();
        self.dispatch().clear();
        self.bodies.clear();
        self.quarantined.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// See [`Engine::read`].
    fn read<T>(&self, look: impl FnOnce(&Self) -> T) -> Result<T, Unserved> {
        let stops = self.stops.load(Ordering::SeqCst);
        if !self.is_serving() {
            return Err(Unserved::NotServing);
        }
        let seen = look(self);
        if self.stops.load(Ordering::SeqCst) == stops { Ok(seen) } else { Err(Unserved::NotServing) }
    }

    fn is_serving(&self) -> bool {
        self.serving.load(Ordering::SeqCst)
    }

    fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::SeqCst);
        if !serving {
            self.stops.fetch_add(1, Ordering::SeqCst);
        }
        self.metrics.serving.set(i64::from(serving));
    }
}

/// The handle that the edges call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    inbox: mpsc::Sender<Job>,
    /// For so many more reports that wait for the writer there is room.
    reports_room: Arc<Semaphore>,
    tester: Arc<Tester>,
    /// Asks customers of X mode where calls go.
    call_questions: Arc<Questions>,
    calls_under_way: Arc<UnderWay<CallId, Arc<Decision>>>,
    /// Asks customers what is to become of messages, with seats of its own.
    message_questions: Arc<Questions>,
    messages_under_way: Arc<UnderWay<MessageId, Result<Arc<Message>, Unserved>>>,
    outside: Arc<Outside>,
    /// Writes the daily CDR files, one asker at a time; `None` when there are to be none.
    cdr_files: Option<Arc<tokio::sync::Mutex<CdrFiles>>>,
}

/// What lies outside of memory and store.
#[derive(Debug)]
struct Outside {
    /// The files of recordings.
    recordings: Recordings,
    /// Held by whoever deletes recordings.
    deleting: tokio::sync::Mutex<()>,
    /// Proves and checks links to recordings.
    links: LinkKey,
    /// Takes orders to the switch.
    control: SwitchControl,
}

impl Engine {
    /// Everything that may be read.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Proves and checks links to recordings.
    pub fn links(&self) -> &LinkKey {
        &self.outside.links
    }

    /// Whether everything is loaded and the writer works.
    pub fn is_serving(&self) -> bool {
        self.shared.is_serving()
    }

    /// Looks at memory. Refused when memory was loaded again while we looked: what was seen may be wrong.
    pub fn read<T>(&self, look: impl FnOnce(&Shared) -> T) -> Result<T, Unserved> {
        self.shared.read(look)
    }

    /// Carries out a command on bindings. `Ok` means it is durable.
    pub async fn command(&self, app: AppNo, command: Command) -> Result<Result<Done, Refusal>, Unserved> {
        self.ask(|answer| Job::Command(AppCommand { app, command }, None, answer)).await
    }

    /// Carries out a command on bindings on behalf of an app, with an entry in the audit.
    pub async fn command_on_behalf(
        &self,
        who: Who,
        app: AppNo,
        command: Command,
    ) -> Result<Result<Done, Refusal>, Unserved> {
        self.ask(|answer| Job::Command(AppCommand { app, command }, Some(who), answer)).await
    }

    /// Where to look for an X number when a bind names none: the area asked for, else A's own (customer-api
    /// 4.1).
    pub fn search(&self, area: Option<AreaCode>, matching: AreaMatch, a: E164) -> Search {
        let area = area.or_else(|| self.shared.areas.area_of(a));
        let province = area.map(|area| self.shared.areas.neighbours(area)).unwrap_or_default();
        Search { area, province, matching }
    }

    /// Where to look for a Y of a binding: where its step says, else where X was wanted (customer-api 6.1).
    pub fn search_for_y(
        &self,
        of: &Binding<Axyb>,
        area: Option<AreaCode>,
        matching: Option<AreaMatch>,
    ) -> Search {
        let of = &of.relation;
        // A city that is asked for is meant strictly unless it is said otherwise, as everywhere.
        let matching = matching.unwrap_or(if area.is_some() { AreaMatch::Strict } else { of.matching });
        self.search(Some(area.unwrap_or(of.area)), matching, of.a)
    }

    /// Takes in reports of the switch. `Ok` means all of them are durable, with the notices they cause.
    pub async fn report(&self, reports: Vec<(CallId, Arc<CallEvent>)>) -> Result<ReportCount, Unserved> {
        let wanted = u32::try_from(reports.len()).map_err(|_| Unserved::Overloaded)?;
        let room = Arc::clone(&self.reports_room).try_acquire_many_owned(wanted);
        let room = room.map_err(|_| Unserved::Overloaded)?;
        self.ask(|answer| Job::Report(reports, Some(room), answer)).await
    }

    /// Changes a setting. `Ok` means it is durable and effective for the next request.
    pub async fn change(
        &self,
        who: Who,
        change: SettingChange,
    ) -> Result<Result<Vec<NumberFault>, SettingFault>, Unserved> {
        let has_secret = matches!(change, SettingChange::CreateApp(_));
        let job = |answer| Job::Setting(Box::new(Setting { who, change }), answer);
        // Only the answer tells the secret: it is worth any wait.
        if has_secret { self.ask_at_leisure(job).await } else { self.ask(job).await }
    }

    /// The same for the gateway's own tasks, which have all the time in the world, and would do it twice if they gave up.
    async fn change_at_leisure(
        &self,
        who: Who,
        change: SettingChange,
    ) -> Result<Result<Vec<NumberFault>, SettingFault>, Unserved> {
        self.ask_at_leisure(|answer| Job::Setting(Box::new(Setting { who, change }), answer)).await
    }

    /// Puts an order into the audit, before it is carried out. What is not noted in time is not carried out: then the audit
    /// may tell of an order that came to nothing.
    pub async fn note_order(&self, who: Who, action: &'static str, subject: String) -> Result<(), Unserved> {
        let noted = self.change(who, SettingChange::Noted { action, subject }).await;
        let noted = noted.map_err(|why| match why {
            Unserved::NotInTime => Unserved::StoreUnavailable,
            why => why,
        })?;
        debug_assert!(noted.is_ok(), "a note was refused: {noted:?}");
        Ok(())
    }

    /// Changes an app as it is when its turn comes. Answers the app after it; effective for the next request.
    pub async fn change_app(
        &self,
        who: Who,
        app: AppNo,
        change: AppChange,
    ) -> Result<Arc<CustomerApp>, Unserved> {
        let has_secret = matches!(change, AppChange::RotateSecret { .. });
        let job = |answer| Job::ChangeApp(app, Box::new(change), who, answer);
        // As for a new app. Who rotates once more because he was told nothing would put an end to the secret in use.
        if has_secret { self.ask_at_leisure(job).await } else { self.ask(job).await }
    }

    /// Queues one more push of a delivery. `false` = there is no such delivery.
    pub async fn redeliver(&self, who: Who, delivery: RowKey) -> Result<bool, Unserved> {
        self.ask(|answer| Job::Redeliver(delivery, who, answer)).await
    }

    /// Pushes a marked test notice to every URL of an app, once, and tells what each answered.
    pub async fn test_callbacks(&self, who: Who, app: &Arc<CustomerApp>) -> Result<Vec<TestPush>, Unserved> {
        self.note_order(who, "app.testCallback", app.key.to_string()).await?;
        Ok(self.tester.push_all(&self.shared, app).await)
    }

    /// Makes a replay, or pauses, resumes or cancels one. Answers the replay after it.
    pub async fn replay(
        &self,
        who: Who,
        order: ReplayOrder,
    ) -> Result<Result<Replay, ReplayRefusal>, Unserved> {
        self.ask(|answer| Job::Replay(order, who, answer)).await
    }

    /// Returns once everything asked before is durable, however long that takes.
    pub async fn flush(&self) -> Result<(), Unserved> {
        self.ask_at_leisure(Job::Flush).await
    }

    /// Writes the daily CDR files that are due. Returns when to look again; `None` when there are to be none.
    async fn write_cdr_files(&self) -> Option<Timestamp> {
        Some(self.cdr_files.as_ref()?.lock().await.write_due(self).await)
    }

    /// Does what is due by now: expires bindings, closes calls, makes CDRs, writes their daily files. `Ok` means
    /// that all but the files is durable; a file that cannot be written is tried again. The timekeeper asks for
    /// the same when the clock gets there; this is for whoever moves a clock by hand and has to know that it was
    /// done.
    pub async fn catch_up(&self) -> Result<(), Unserved> {
        self.inbox.send(Job::Tick).await.map_err(|_| Unserved::NotServing)?;
        self.flush().await?;
        self.write_cdr_files().await;
        Ok(())
    }

    /// Whether no push is due or under way.
    pub fn is_quiet(&self) -> bool {
        self.shared.dispatch().is_quiet(self.shared.clock.now())
    }

    /// Asks the store something, on a thread that may wait for a disk.
    pub async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.shared.store);
        tokio::task::spawn_blocking(move || ask(&*store))
            .await
            .map_err(|error| StoreError::Unavailable(format!("a query broke off: {error}")))?
    }

    /// Looks through everything in memory, on a thread that may take its time.
    pub async fn survey<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Unserved> {
        let engine = self.clone();
        tokio::task::spawn_blocking(move || look(&engine)).await.map_err(|_| Unserved::NotServing)
    }

    /// How many parties are in quarantine on an X number.
    pub fn quarantined(&self, x: XNumber) -> u32 {
        let known = self.shared.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&x).copied().unwrap_or(0)
    }

    /// For how long a commit has hung, if one does: everything that changes something waits for it.
    pub fn commit_hangs(&self) -> Option<Duration> {
        self.shared.commit_running().filter(|running| *running >= COMMIT_HANGS_AFTER)
    }

    /// Whether the store reads and writes. That takes as long as its disk does, but no longer than a commit may take.
    pub async fn probe_store(&self) -> Result<(), StoreError> {
        let probed = async {
            let turn = Arc::clone(&self.shared.probing).lock_owned().await;
            let ping = move |store: &dyn Store| {
                let _turn = turn;
                store.ping()
            };
            self.query(ping).await
        };
        tokio::select! {
            biased;
            probed = probed => probed,
            () = self.shared.clock.sleep(COMMIT_HANGS_AFTER) => {
                Err(StoreError::Unavailable("the disk hangs".into()))
            }
        }
    }

    /// Brings the gauges up to date, for whoever is about to read them.
    pub fn refresh_gauges(&self) {
        let (registry, metrics) = (&self.shared.registry, &self.shared.metrics);
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.bindings.set(gauge(registry.directory.binding_count()));
        metrics.numbers.set(gauge(registry.directory.number_count()));
        metrics.calls_open.set(gauge(registry.calls.open_count()));
        metrics.messages_open.set(gauge(registry.messages.open_count()));
        let running = self.shared.commit_running().unwrap_or_default().as_secs();
        metrics.commit_running_seconds.set(i64::try_from(running).unwrap_or(i64::MAX));
        let dispatch = self.shared.dispatch();
        let now = self.shared.clock.now();
        metrics.show_dispatch(&dispatch, now);
        metrics.show_replays(*self.shared.replays.lock().unwrap_or_else(PoisonError::into_inner), now);
    }

    /// Has the writer do a job, and waits for its answer while there is any patience.
    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, Unserved> {
        let answered = self.hand_over(job)?;
        self.in_time(async { answered.await.unwrap_or(Err(Unserved::NotServing)) }).await
    }

    /// Has the writer do a job, and waits for its answer however long that takes.
    async fn ask_at_leisure<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, Unserved> {
        self.hand_over(job)?.await.unwrap_or(Err(Unserved::NotServing))
    }

    /// Waits for an answer of the writer while there is any patience.
    async fn in_time<T>(&self, answered: impl Future<Output = Result<T, Unserved>>) -> Result<T, Unserved> {
        tokio::select! {
            biased;
            answer = answered => answer,
            () = self.shared.clock.sleep(PATIENCE) => Err(Unserved::NotInTime),
        }
    }

    /// Gives the writer a job. Returns where its answer will be.
    fn hand_over<T>(
        &self,
        job: impl FnOnce(Answer<T>) -> Job,
    ) -> Result<oneshot::Receiver<Result<T, Unserved>>, Unserved> {
        if !self.is_serving() {
            return Err(Unserved::NotServing);
        }
        let (answer, answered) = oneshot::channel();
        self.inbox.try_send(job(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unserved::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Unserved::NotServing,
        })?;
        Ok(answered)
    }
}
