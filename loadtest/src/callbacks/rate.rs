//! How many notices a second go from the report of the switch, over the disk, to the receiver's answer.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use hyper::StatusCode;
use privnum::clock::{Clock, Stopwatch};
use serde_json::Value;

use super::calls::{STAGES, add_apps, report, request};
use super::pusher::Pusher;
use super::sink::{Desk, Sink};
use crate::Failed;
use crate::child::{Server, binary};
use crate::drive::{Connection, Window, latencies, pause};
use crate::machine::{self, CpuTimes};
use crate::modes::parent;
use crate::options::{Callbacks, Client};
use crate::report::{Figures, Row, count, print, say};
use crate::scene::Scene;

/// Apps, each with one endpoint: enough that no limit of an endpoint decides.
const APPS: u32 = 64;
/// Most notices that were reported and have not arrived. Accepting is quicker than delivering; without a bound the
/// rate of the one would hide the rate of the other.
const UNDELIVERED_MAX: u64 = 2_048;
/// How long what was reported has to arrive when the load has ended.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Nothing but the way to the sink.
const CONFIGURATION: &str = "[callback]\nallow_networks = [\"127.0.0.0/8\"]\n";

/// Measures and prints.
pub fn measure(options: &Callbacks) -> Result<u64, Failed> {
    let common = &options.common;
    let title = format!(
        "{}; notices delivered, over {} connections; median of {} rounds of {} s",
        machine::description(),
        options.connections,
        common.rounds.max(1),
        common.seconds
    );
    let window = Window { warm_up: common.warm_up(), length: common.window() };
    let binary = binary(common.server.as_deref())?;
    let parent = parent(common.dir.as_deref())?;
    let mut rows = Vec::new();
    for &reports in &options.reports {
        let (mut hyper, mut reqwest, mut real) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=common.rounds.max(1) {
            say(&format!("notices, {reports} reports in a request, round {round}"));
            let sink = Sink::start(APPS, 0)?;
            let url = |app| sink.own_url(app);
            let fill = |store: &dyn privnum::store::Store, now| add_apps(store, APPS, url, now);
            let scene = Scene::filled(&parent, CONFIGURATION, fill)?;
            let server = Server::real(&binary, &scene)?;
            real.push(deliver(&server, &sink, reports, options, window)?);
            drop(server);
            let bodies = scene.folder().join("bodies");
            fs::write(&bodies, sink.desk.kept().join(&b'\n'))?;
            let all = window.end() + Duration::from_secs(1);
            for (client, bare) in [(Client::Hyper, &mut hyper), (Client::Reqwest, &mut reqwest)] {
                let pusher = Pusher::start(client, sink.address(), &bodies, options.connections, all)?;
                bare.push(figures(&sink.desk, pusher.id(), window)?);
            }
        }
        let mut add = |who: &str, rounds: &[Figures], ceiling: &[Figures], aim: &str| {
            let (rounds, ceiling) = (rounds.to_vec(), ceiling.to_vec());
            let (who, connections, aim) = (who.to_owned(), options.connections, aim.to_owned());
            rows.push(Row { who, connections, rounds, ceiling, aim });
        };
        add("bare loop, reqwest", &reqwest, &[], "");
        add(&format!("server, {reports} reports a request"), &real, &reqwest, ">= 0.50");
        add("bare loop, hyper alone", &hyper, &[], "");
        add("the server beside it", &real, &hyper, "");
    }
    Ok(print(&title, &rows))
}

/// Reports calls to a server until the window is over, and waits until all notices have arrived.
fn deliver(
    server: &Server,
    sink: &Sink,
    reports: usize,
    options: &Callbacks,
    window: Window,
) -> Result<Figures, Failed> {
    let feed = Arc::new(Feed {
        desk: Arc::clone(&sink.desk),
        reports,
        accepted: AtomicU64::new(0),
        window,
        stopwatch: Stopwatch::start(),
        outcome: Mutex::new((latencies(), BTreeMap::new())),
    });
    sink.desk.arrivals.add_permits(usize::try_from(UNDELIVERED_MAX)?);
    let (of_thread, target, connections) = (Arc::clone(&feed), server.switch, options.connections);
    let feeding = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime without threads of its own");
        runtime.block_on(of_thread.run(target, connections))
    });
    let mut figures = figures(&sink.desk, server.id(), window)?;
    feeding.join().map_err(|_| "the switch broke off")??;
    let drained = Stopwatch::start();
    let missing = || feed.accepted.load(Ordering::Relaxed) - sink.desk.received.load(Ordering::Relaxed);
    while missing() > 0 && drained.elapsed() < DRAIN_MAX {
        pause(Duration::from_millis(5));
    }
    let outcome = feed.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    figures.latencies_ms = [0.5, 0.99, 0.999].map(|q| count(outcome.0.value_at_quantile(q)) / 1_000.0);
    figures.errors.clone_from(&outcome.1);
    if missing() > 0 {
        figures.errors.insert("accepted and not delivered".to_owned(), missing());
    }
    Ok(figures)
}

/// What arrives at the sink within the window, and the CPU that `process` and this one spend on it.
fn figures(desk: &Desk, process: u32, window: Window) -> Result<Figures, Failed> {
    let received = || desk.received.load(Ordering::Relaxed);
    pause(window.warm_up);
    let (before, cpu, stopwatch) = (received(), CpuTimes::now(process)?, Stopwatch::start());
    pause(window.length);
    let cpu = CpuTimes::now(process)?.since(cpu);
    let (arrived, seconds) = (count(received() - before), stopwatch.elapsed().as_secs_f64());
    let each = |time: Duration| time.as_secs_f64() * 1e6 / arrived.max(1.0);
    Ok(Figures {
        per_second: arrived / seconds,
        latencies_ms: [0.0; 3],
        server_us: each(cpu.server),
        client_us: each(cpu.client),
        others_percent: 100.0 * cpu.others().as_secs_f64() / seconds,
        errors: BTreeMap::new(),
    })
}

/// The switch.
struct Feed {
    desk: Arc<Desk>,
    /// Reports in one request.
    reports: usize,
    /// Reports that were answered.
    accepted: AtomicU64,
    window: Window,
    stopwatch: Stopwatch,
    /// How long a request took, in microseconds, and what was not answered well.
    outcome: Mutex<(Histogram<u64>, BTreeMap<String, u64>)>,
}

impl Feed {
    async fn run(self: Arc<Self>, target: std::net::SocketAddr, connections: usize) -> Result<(), String> {
        let mut loops = tokio::task::JoinSet::new();
        for which in 0..connections.max(1) as u64 {
            let connection = Connection::open(target).await?;
            let this = Arc::clone(&self);
            loops.spawn(async move { this.feed(connection, which, connections.max(1) as u64).await });
        }
        loops.join_all().await;
        Ok(())
    }

    /// One call after the other, each of them reported from its first stage to its last.
    async fn feed(&self, mut connection: Connection, which: u64, connections: u64) {
        let clock = Clock::system();
        let stages = STAGES.len() as u64;
        let mut next = 0;
        while self.stopwatch.elapsed() < self.window.end() {
            let wanted = u32::try_from(self.reports).expect("a few");
            let Ok(room) = self.desk.arrivals.acquire_many(wanted).await else { return };
            room.forget();
            let now = clock.now();
            let stage_of = |nth: u64| {
                let call = which + connections * (nth / stages);
                let stage = usize::try_from(nth % stages).expect("one of five");
                report(u32::try_from(call % u64::from(APPS)).expect("an app"), APPS, call, stage, now)
            };
            let events: Vec<Value> = (next..next + self.reports as u64).map(stage_of).collect();
            next += self.reports as u64;
            let asked = Stopwatch::start();
            let answer = connection.exchange(request(events)).await;
            self.note(asked.elapsed(), answer);
        }
    }

    fn note(&self, took: Duration, answer: Result<(StatusCode, Bytes), String>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match answer {
            Ok((StatusCode::OK, body)) => {
                let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                let accepted = answer["accepted"].as_u64().unwrap_or_default();
                self.accepted.fetch_add(accepted, Ordering::Relaxed);
                (accepted != self.reports as u64).then(|| "reports were not all accepted".to_owned())
            }
            Ok((status, _)) => Some(format!("status {}", status.as_u16())),
            Err(error) => Some(error),
        };
        match fault {
            Some(name) => *outcome.1.entry(name).or_default() += 1,
            None => outcome.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
        }
    }
}
