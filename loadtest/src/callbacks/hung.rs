//! What the healthy notice when one endpoint in ten never answers, and what each hanging push takes of memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::StatusCode;
use privnum::clock::{Clock, Stopwatch};
use rustix::process::{Resource, getrlimit};
use tokio::task::JoinSet;

use super::calls::{add_apps, report, request};
use super::sink::Sink;
use crate::Failed;
use crate::child::{Server, binary};
use crate::drive::{Connection, due_by, pause};
use crate::machine::{self, resident_bytes};
use crate::modes::parent;
use crate::options::Callbacks;
use crate::report::{count, say};
use crate::scene::Scene;

/// Connections to the switch listener.
const CONNECTIONS: usize = 16;
/// How often the timetable is looked at: what is due since the last look is reported in one request.
const PACE_STEP: Duration = Duration::from_millis(2);
/// Load before it counts: longer than a push may take, so that whoever hangs is known to.
const WARM_UP: Duration = Duration::from_secs(15);
/// Of the files that may be open, so many (in percent) hang at once at most: the server keeps four tenths for
/// pushes, and a quarter of these for the healthy.
const HANGING_SHARE_PERCENT: u64 = 28;
/// How long the hanging pushes have to begin.
const HANGING_WITHIN: Duration = Duration::from_secs(50);
/// Nothing but the way to the sink.
const CONFIGURATION: &str = "[callback]\nallow_networks = [\"127.0.0.0/8\"]\n";
/// For the measurement of memory: no push ends while they begin.
const PATIENT: &str = "[callback]\nallow_networks = [\"127.0.0.0/8\"]\ntimeout_secs = 110\n";

/// Measures and prints. Returns how many reports failed.
pub fn measure(options: &Callbacks) -> Result<u64, Failed> {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = u32::try_from(files / 100 * HANGING_SHARE_PERCENT).unwrap_or(u32::MAX);
    let hung = options.endpoints / 100 * options.hung_percent.min(100);
    say(&format!("{} endpoints, all healthy", options.endpoints));
    let alone = healthy_delays(options, 0)?;
    say(&format!("{} endpoints, {hung} of them hang", options.endpoints));
    let beside = healthy_delays(options, hung)?;
    let ms = |delays: &Histogram<u64>, q| count(delays.value_at_quantile(q)) / 1_000.0;
    let line = |who: &str, run: &Run| {
        let delays = &run.delays;
        say(&format!(
            "{who:<22} p50 {:>7.2} ms   p99 {:>7.2} ms   p99.9 {:>7.2} ms   {} notices, {} hang",
            ms(delays, 0.5),
            ms(delays, 0.99),
            ms(delays, 0.999),
            delays.len(),
            run.hanging
        ));
    };
    say(&format!(
        "\n{}; {} endpoints, {} notices a second, {} s; from report to arrival at the healthy:",
        machine::description(),
        options.endpoints,
        options.notices_per_second,
        options.hung_seconds
    ));
    line("nobody hangs", &alone);
    line(&format!("{} % hang", options.hung_percent), &beside);
    let added = ms(&beside.delays, 0.99) - ms(&alone.delays, 0.99);
    say(&format!("added at p99            {added:.2} ms   (aim: below 100 ms)"));
    let mut failed = 0;
    for (name, times) in alone.errors.iter().chain(&beside.errors) {
        failed += times;
        say(&format!("error: {times} times {name}"));
    }
    memory(options, options.hanging.min(most), files)?;
    Ok(failed)
}

/// What one run came to.
struct Run {
    delays: Histogram<u64>,
    /// Pushes that hang at the end of it.
    hanging: usize,
    errors: BTreeMap<String, u64>,
}

/// From report to arrival, in microseconds, while the first `hung` endpoints do not answer.
fn healthy_delays(options: &Callbacks, hung: u32) -> Result<Run, Failed> {
    let sink = Sink::start(options.endpoints, hung)?;
    let scene = scene(options, &sink, options.endpoints, CONFIGURATION)?;
    let server = Server::real(&binary(options.common.server.as_deref())?, &scene)?;
    say(&format!("ready after {:.2} s with {} apps", server.ready_after.as_secs_f64(), options.endpoints));
    let window = Duration::from_secs_f64(options.hung_seconds.max(1.0));
    let timetable = Arc::new(Timetable {
        sink: sink.clone(),
        hung,
        apps: options.endpoints,
        per_second: options.notices_per_second.max(1),
        until: WARM_UP + window,
        errors: Mutex::default(),
    });
    let (of_thread, target) = (Arc::clone(&timetable), server.switch);
    let reporting = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime without threads of its own");
        runtime.block_on(of_thread.run(target))
    });
    pause(WARM_UP);
    drop(sink.desk.take_delays());
    pause(window);
    let (delays, hanging) = (sink.desk.take_delays(), sink.desk.hanging.load(Ordering::Relaxed));
    reporting.join().map_err(|_| "the switch broke off")??;
    let errors = timetable.errors.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Run { delays, hanging, errors })
}

/// Resident memory before and after so many pushes hang, each to an endpoint of its own.
fn memory(options: &Callbacks, hanging: u32, files: u64) -> Result<(), Failed> {
    let apps = hanging.max(1);
    let sink = Sink::start(apps, apps)?;
    let scene = scene(options, &sink, apps, PATIENT)?;
    let server = Server::real(&binary(options.common.server.as_deref())?, &scene)?;
    let before = resident_bytes(server.id())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(server.switch).await?;
        let now = Clock::system().now();
        let reports: Vec<_> = (0..apps).map(|app| report(app, apps, app.into(), 0, now)).collect();
        for portion in reports.chunks(100) {
            connection.exchange(request(portion.to_vec())).await?;
        }
        Ok::<_, String>(())
    })?;
    let stopwatch = Stopwatch::start();
    let hanging_now = || sink.desk.hanging.load(Ordering::Relaxed);
    while hanging_now() < apps as usize && stopwatch.elapsed() < HANGING_WITHIN {
        pause(Duration::from_millis(20));
    }
    let (after, reached) = (resident_bytes(server.id())?, hanging_now());
    let kib = (count(after) - count(before)) / 1_024.0;
    say(&format!(
        "memory of a hanging push {:.1} KiB, of {reached} at once; {files} files may be open   (aim: below 32 KiB)\n",
        kib / count(reached.max(1) as u64)
    ));
    Ok(())
}

fn scene(options: &Callbacks, sink: &Sink, apps: u32, configuration: &str) -> Result<Scene, Failed> {
    let parent = parent(options.common.dir.as_deref())?;
    Scene::filled(&parent, configuration, |store, now| add_apps(store, apps, |app| sink.own_url(app), now))
}

/// Reports a call to each app in turn, at a fixed rate whatever the answers do.
struct Timetable {
    sink: Sink,
    hung: u32,
    apps: u32,
    per_second: u32,
    until: Duration,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Timetable {
    async fn run(self: Arc<Self>, target: SocketAddr) -> Result<(), String> {
        let (free, mut freed) = tokio::sync::mpsc::channel(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            drop(free.try_send(Connection::open(target).await?));
        }
        let (stopwatch, mut reported, mut requests) = (Stopwatch::start(), 0, JoinSet::new());
        while stopwatch.elapsed() < self.until {
            let due = due_by(stopwatch.elapsed(), self.per_second);
            if due > reported {
                let calls = reported..due;
                reported = due;
                calls.clone().for_each(|call| self.begin(call));
                let Some(mut connection) = freed.recv().await else { break };
                let (this, free) = (Arc::clone(&self), free.clone());
                requests.spawn(async move {
                    let now = Clock::system().now();
                    let reports = calls.map(|call| report(this.app(call), this.apps, call, 0, now)).collect();
                    match connection.exchange(request(reports)).await {
                        Ok((StatusCode::OK, _)) => {}
                        Ok((status, _)) => this.error(format!("status {}", status.as_u16())),
                        Err(error) => this.error(error),
                    }
                    drop(free.send(connection).await);
                });
            }
            while requests.try_join_next().is_some() {}
            tokio::time::sleep(PACE_STEP).await;
        }
        requests.join_all().await;
        Ok(())
    }

    /// Whose call it is. A stride that shares no divisor with the usual counts mixes those that hang among the others.
    fn app(&self, call: u64) -> u32 {
        u32::try_from(call.wrapping_mul(7_919) % u64::from(self.apps.max(1))).expect("one of the apps")
    }

    /// The delay of a notice counts from here, before a connection is free to report it on.
    fn begin(&self, call: u64) {
        let app = self.app(call);
        if app >= self.hung && !self.sink.desk.report(app) {
            self.error("a notice had not arrived when the next of its app was due".to_owned());
        }
    }

    fn error(&self, name: String) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }
}
