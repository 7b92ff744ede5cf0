//! Builds everything from the configuration, starts it, and stops it in the reverse order.
//!
//! Sockets are bound first, so that a taken port is noticed before a large store has been loaded.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::api::admission::{Admission, AdmissionRules};
use crate::api::customer::{CustomerApi, LinkBase};
use crate::api::operator::OperatorApi;
use crate::api::switch::SwitchApi;
use crate::bucket::S3Bucket;
use crate::clock::Clock;
use crate::config::{Callback, CdrBucket, Config, ConfigProblems, LiveTokens, Login, Store as StoreConfig};
use crate::control::SwitchControl;
use crate::domain::area::AreaTable;
use crate::domain::ban::BanRule;
use crate::domain::bulkhead::BulkheadLimits;
use crate::domain::cdr::Patience;
use crate::domain::cdr_file::CdrFileRule;
use crate::engine::{
    self, CdrFileSettings, CdrFolder, LedgerRules, PushLimits, QuestionLimits, RetentionDays, Running,
    Settings, StartError, random,
};
use crate::http::{Limits, RequestIds, Server, Service, Tls, TlsError};
use crate::metrics::{Metrics, open_files_max};
use crate::outbound::{EgressProxy, NameSettings, Outbound, OutboundSettings, SetupError};
use crate::recording::{RecordingSetupError, Recordings};
use crate::remote::{Remote, RemoteSetupError};
use crate::store::embedded::EmbeddedStore;
use crate::store::{Store, StoreError};
use crate::wire::area_csv::{AreaTableProblem, read_area_table};

/// How often the certificate files are looked at for changes.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(10);
/// What waits for a dead receiver gets its last push this long after the schedule has run out (delivery R8).
const GIVE_UP_GRACE: Duration = Duration::from_secs(600);
/// Loading fewer bindings than this takes no time worth a progress bar.
const PROGRESS_FROM: u64 = 50_000;

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration has problems.
    #[error("{0}")]
    Config(#[from] ConfigProblems),
    /// A socket cannot be bound.
    #[error("cannot listen on {address} ({listener}): {error}")]
    Listen {
        /// Which listener.
        listener: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The table of area codes cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    AreaTable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The table of area codes cannot be read.
    #[error("{}: {problem}", path.display())]
    AreaRows {
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        problem: AreaTableProblem,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Pushes cannot be made.
    #[error(transparent)]
    Outbound(#[from] SetupError),
    /// Neither the switch nor a bucket can be reached.
    #[error(transparent)]
    Remote(#[from] RemoteSetupError),
    /// The bucket for CDR files cannot be addressed.
    #[error("cdr_files.s3_endpoint: {0}")]
    CdrBucket(String),
    /// Recordings cannot be kept.
    #[error(transparent)]
    Recordings(#[from] RecordingSetupError),
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// Signals or standard output are not to be had.
    #[error("{0}")]
    Process(#[from] std::io::Error),
}

/// Tokens that can be replaced while the gateway runs.
pub type Tokens = Arc<ArcSwap<LiveTokens>>;

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Where the customer listener really listens.
    pub customer: SocketAddr,
    /// Where the switch listener really listens.
    pub switch: SocketAddr,
    /// Where the operator listener really listens.
    pub operator: SocketAddr,
    running: Running,
    tls: Option<Arc<Tls>>,
    switch_tokens: Tokens,
    operator_tokens: Tokens,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<usize>>,
}

impl Gateway {
    /// Binds, loads, and serves. Everything is up when this returns.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, ServeError> {
        let StoreConfig::Embedded { dir } = &config.store;
        let open = || Ok(Arc::new(EmbeddedStore::open(dir, random::installation_secret())?) as _);
        Self::start_over(config, clock, open).await
    }

    /// The same over a store of the caller's, which is opened once the listeners are bound.
    pub async fn start_over(
        config: &Config,
        clock: Clock,
        open: impl FnOnce() -> Result<Arc<dyn Store>, StoreError>,
    ) -> Result<Self, ServeError> {
        let customer = bind("customer", config.listen.customer).await?;
        let switch = bind("switch", config.listen.switch).await?;
        let operator = bind("operator", config.listen.operator).await?;
        let tls = match &config.tls {
            Some(tls) => Some(Arc::new(Tls::load(&tls.certificate, &tls.key)?)),
            None => None,
        };
        let metrics = Metrics::new();
        let admission = Admission::new(admission_rules(config), &random::hash_key(), &clock, metrics.clone());
        let admission = Arc::new(admission);
        let running = start_engine(config, clock, metrics, open()?)?;
        let switch_tokens: Tokens = Arc::new(ArcSwap::from_pointee(config.switch.tokens.clone()));
        let operator_tokens: Tokens = Arc::new(ArcSwap::from_pointee(config.operator.tokens.clone()));
        let (stop, stopped) = watch::channel(false);
        let edge =
            Edge { limits: limits(config), request_ids: RequestIds::new(random::process_id()), stopped };
        let engine = &running.engine;
        let addresses = [&customer, &switch, &operator].map(TcpListener::local_addr);
        let servers = vec![
            edge.serve(
                customer,
                tls.clone(),
                CustomerApi {
                    engine: engine.clone(),
                    admission: Arc::clone(&admission),
                    readers: Arc::default(),
                    base: LinkBase { public_url: config.recording.public_url.clone(), https: tls.is_some() },
                },
            ),
            edge.serve(
                switch,
                None,
                SwitchApi { engine: engine.clone(), tokens: Arc::clone(&switch_tokens) },
            ),
            edge.serve(
                operator,
                None,
                OperatorApi { engine: engine.clone(), tokens: Arc::clone(&operator_tokens), admission },
            ),
        ];
        let [customer, switch, operator] = addresses;
        let (customer, switch, operator) = (customer?, switch?, operator?);
        Ok(Self { customer, switch, operator, running, tls, switch_tokens, operator_tokens, stop, servers })
    }

    /// The engine, for those who live in the same process.
    pub fn engine(&self) -> &engine::Engine {
        &self.running.engine
    }

    /// Stops: no new requests, those under way finish, everything asked becomes durable.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for server in self.servers {
            match server.await {
                Ok(0) => {}
                Ok(cut) => warn!(connections = cut, "cut off connections that did not finish in time"),
                Err(error) => error!("a listener broke off: {error}"),
            }
        }
        self.running.stop().await;
    }

    /// Takes over what can change while running: the certificate and the tokens.
    fn reload(&self, config: &Config) {
        self.switch_tokens.store(Arc::new(config.switch.tokens.clone()));
        self.operator_tokens.store(Arc::new(config.operator.tokens.clone()));
        self.reload_certificate();
        info!("reloaded tokens, certificate and log level; other settings take effect at the next start");
    }

    fn reload_certificate(&self) {
        let Some(tls) = &self.tls else { return };
        match tls.reload() {
            Ok(()) => info!("reloaded the certificate"),
            Err(error) => error!("the old certificate stays in use: {error}"),
        }
    }
}

/// Runs the gateway of a configuration file until it is told to stop.
pub async fn serve(path: &Path) -> Result<(), ServeError> {
    let config = Config::load(path)?;
    let logging = crate::logging::start(config.log).map_err(std::io::Error::other)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let gateway = Gateway::start(&config, Clock::system()).await?;
    announce(&gateway)?;
    let mut certificate = CertificateFiles::of(&config);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => match Config::load(path) {
                Ok(config) => {
                    logging.set_level(config.log.level);
                    gateway.reload(&config);
                }
                Err(problems) => error!("not reloaded, the configuration has problems:\n{problems}"),
            },
            () = tokio::time::sleep(CERTIFICATE_CHECK), if gateway.tls.is_some() => {
                if certificate.changed() {
                    gateway.reload_certificate();
                }
            }
        }
    }
    info!("stopping");
    gateway.stop().await;
    Ok(())
}

/// What would keep a gateway with this configuration from starting, as far as files tell: `key: what is
/// wrong`. The configuration itself has been checked; this reads what it names to the end.
pub fn unusable_files(config: &Config) -> Vec<String> {
    let tls = config.tls.as_ref().and_then(|tls| Tls::load(&tls.certificate, &tls.key).err());
    let areas = area_table(config.allocation.area_table.as_deref()).err();
    let tls = tls.map(|error| format!("tls: {error}"));
    tls.into_iter().chain(areas.map(|error| format!("allocation.area_table: {error}"))).collect()
}

/// The one line on standard output that deployments wait for (interfaces, command line).
fn announce(gateway: &Gateway) -> std::io::Result<()> {
    let Gateway { customer, switch, operator, .. } = gateway;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready customer={customer} switch={switch} operator={operator}")?;
    out.flush()
}

/// What the listeners have in common.
struct Edge {
    limits: Limits,
    request_ids: RequestIds,
    stopped: watch::Receiver<bool>,
}

impl Edge {
    fn serve(
        &self,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        service: impl Service,
    ) -> JoinHandle<usize> {
        let mut stopped = self.stopped.clone();
        let server = Server {
            listener,
            tls,
            limits: self.limits.clone(),
            // Some clients look for `Location` and the like with a capital (client-tolerances F42).
            title_case_headers: true,
            request_ids: self.request_ids.clone(),
            service,
        };
        tokio::spawn(server.run(async move { drop(stopped.wait_for(|stopped| *stopped).await) }))
    }
}

async fn bind(listener: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Listen { listener, address, error })
}

fn start_engine(
    config: &Config,
    clock: Clock,
    metrics: Metrics,
    store: Arc<dyn Store>,
) -> Result<Running, ServeError> {
    let outbound = Outbound::new(outbound_settings(config)?)?;
    if outbound.trusted_roots() == 0 {
        warn!("no trusted root certificates found: pushes to https URLs will fail");
    }
    let remote = Remote::new()?;
    let settings = Settings {
        recordings: Recordings::open(&config.recording, &remote)?,
        control: SwitchControl::new(config.switch.control.clone(), remote.clone()),
        sp_id: config.cdr.sp_id.clone(),
        host_name: config.cdr.host_name.clone(),
        record_domain: config.recording.domain.clone(),
        ledger: LedgerRules {
            quarantine: config.allocation.quarantine,
            keep_ended: config.calls.keep_ended,
            cdr_window: config.cdr.merge,
            patience: Patience {
                silence: config.calls.max_silence,
                grace: config.calls.sweep_grace,
                answer: config.calls.answer_grace,
            },
            retention: RetentionDays {
                cdrs: config.retention.cdr_days.get(),
                notices: config.retention.notices_days.get(),
                exhausted: config.retention.exhausted_days.get(),
                recordings: config.retention.recording_days.get(),
            },
        },
        schedule: config.callback.schedule.clone(),
        push_limits: push_limits(&config.callback),
        questions: question_limits(&config.callback),
        areas: area_table(config.allocation.area_table.as_deref())?,
        cdr_files: cdr_files(config, &remote)?,
    };
    let bar = progress_bar(store.binding_count()?);
    let running = engine::start(store, clock, metrics, outbound, settings, &mut |bindings| {
        if bindings % 10_000 == 0 {
            bar.set_position(bindings);
        }
    })?;
    bar.finish_and_clear();
    Ok(running)
}

fn cdr_files(config: &Config, remote: &Remote) -> Result<Option<CdrFileSettings>, ServeError> {
    let Some(files) = &config.cdr_files else { return Ok(None) };
    let rule = CdrFileRule { at: files.at, kept_days: config.retention.cdr_days.get() };
    let bucket = match &files.bucket {
        Some(CdrBucket { s3, prefix }) => {
            let bucket = S3Bucket::new(s3, remote.clone()).map_err(ServeError::CdrBucket)?;
            Some(CdrFolder { bucket, prefix: prefix.clone() })
        }
        None => None,
    };
    Ok(Some(CdrFileSettings { dir: files.dir.clone(), rule, bucket }))
}

fn outbound_settings(config: &Config) -> Result<OutboundSettings, SetupError> {
    let callback = &config.callback;
    let proxy = callback.egress_proxy.as_ref();
    let proxy = proxy.map(|proxy| EgressProxy::new(&proxy.url, proxy.login.as_ref().map(Login::expose)));
    Ok(OutboundSettings {
        allow_networks: callback.allow_networks.clone(),
        ca_file: callback.ca_file.clone(),
        names: NameSettings { servers: callback.name_servers.clone(), ..NameSettings::default() },
        egress_proxy: proxy.transpose()?,
        ..OutboundSettings::with_timeout(callback.timeout)
    })
}

fn area_table(path: Option<&Path>) -> Result<AreaTable, ServeError> {
    let Some(path) = path else { return Ok(AreaTable::default()) };
    let file = File::open(path).map_err(|error| ServeError::AreaTable { path: path.into(), error })?;
    read_area_table(file).map_err(|problem| ServeError::AreaRows { path: path.into(), problem })
}

/// Shown on a terminal only, and only when there is something to wait for.
fn progress_bar(bindings: u64) -> ProgressBar {
    if bindings < PROGRESS_FROM || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("loading bindings {bar:40} {pos}/{len} {eta}");
    ProgressBar::new(bindings).with_style(style.expect("the template is valid"))
}

fn admission_rules(config: &Config) -> AdmissionRules {
    AdmissionRules {
        clock_skew: config.auth.clock_skew,
        trusted_proxies: config.auth.trusted_proxies.clone(),
        ban: BanRule {
            failures: config.auth.ban.failures.get(),
            window: config.auth.ban.window,
            for_duration: config.auth.ban.lasting,
        },
    }
}

/// As configured, within what the process may open.
fn push_limits(callback: &Callback) -> PushLimits {
    let wanted = callback.max_in_flight.get();
    let slots = PushLimits::slots(wanted, open_files_max());
    if slots < wanted {
        warn!(
            slots,
            wanted, "the limit of open files allows fewer pushes at once than callback.max_in_flight"
        );
    }
    PushLimits {
        in_flight: slots,
        per_app: callback.max_in_flight_per_app.get(),
        per_endpoint: callback.max_in_flight_per_endpoint.get(),
        per_host: callback.max_in_flight_per_host.get(),
        drain_per_second: callback.drain_per_second,
        give_up_after: callback.schedule.span() + GIVE_UP_GRACE,
    }
}

/// As configured, within what the process may open: a tenth of its files are for questions.
fn question_limits(callback: &Callback) -> QuestionLimits {
    let wanted = BulkheadLimits {
        in_all: callback.max_questions.get(),
        per_app: callback.max_questions_per_app.get(),
    };
    let seats = wanted.within(open_files_max());
    if seats.in_all < wanted.in_all {
        warn!(
            seats = seats.in_all,
            wanted = wanted.in_all,
            "the limit of open files allows fewer questions at once than callback.max_questions"
        );
    }
    QuestionLimits { timeout: callback.question_timeout, seats }
}

fn limits(config: &Config) -> Limits {
    Limits {
        header_read_timeout: config.limits.header_read,
        body_read_timeout: config.limits.body_read,
        keep_alive_idle: config.limits.idle,
        connections_max: config.limits.connections_max.get(),
        ..Limits::default()
    }
}

/// When the certificate files were last changed.
struct CertificateFiles {
    paths: Vec<PathBuf>,
    seen: Vec<Option<SystemTime>>,
}

impl CertificateFiles {
    fn of(config: &Config) -> Self {
        let paths: Vec<_> =
            config.tls.iter().flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]).collect();
        let seen = modified(&paths);
        Self { paths, seen }
    }

    /// Whether they changed since the last look.
    fn changed(&mut self) -> bool {
        let now = modified(&self.paths);
        std::mem::replace(&mut self.seen, now.clone()) != now
    }
}

fn modified(paths: &[PathBuf]) -> Vec<Option<SystemTime>> {
    paths.iter().map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok()).collect()
}
