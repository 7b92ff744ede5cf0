//! Puts load on a server and measures. Each load has threads and runtimes of its own, so that the latency of one
//! does not contain the waiting of another inside this process.
//!
//! Closed loop: each connection asks again as soon as it is answered; a slow server is asked less. Open loop:
//! requests start by a timetable whatever the answers do, and a latency counts from the instant the timetable
//! says, waiting for a free connection included (no coordinated omission).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use privnum::clock::{Clock, Stopwatch};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Failed;
use crate::child::Server;
use crate::machine::CpuTimes;
use crate::report::count;
use crate::traffic::Traffic;

/// How often the timetable is looked at: what is due since the last look starts together.
const PACE_STEP: Duration = Duration::from_micros(200);
/// Longest latency that is told from a longer one, in microseconds, and the significant digits of each.
const LATENCY_MAX: u64 = 60_000_000;
const DIGITS: u8 = 3;

/// One kind of request over some connections.
#[derive(Clone, Debug)]
pub struct Load {
    /// Which listener.
    pub target: SocketAddr,
    /// What is asked.
    pub traffic: Traffic,
    /// Over how many connections.
    pub connections: usize,
    /// When.
    pub pace: Pace,
    /// On how many threads the connections are.
    pub threads: usize,
}

impl Load {
    /// One load for each thread, which together are this one.
    fn split(&self) -> Vec<Self> {
        let threads = self.threads.clamp(1, self.connections.max(1));
        let share = |all: usize, which: usize| all / threads + usize::from(which < all % threads);
        let part = |which| Self {
            connections: share(self.connections, which),
            pace: match self.pace {
                Pace::Closed => Pace::Closed,
                Pace::Open(per_second) => {
                    let share = share(per_second as usize, which);
                    Pace::Open(u32::try_from(share).expect("no more than the whole"))
                }
            },
            threads: 1,
            ..self.clone()
        };
        (0..threads).map(part).collect()
    }
}

/// When requests start.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// When the one before is answered.
    Closed,
    /// So many per second.
    Open(u32),
}

/// Which part of the time counts.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Before it counts.
    pub warm_up: Duration,
    /// While it counts.
    pub length: Duration,
}

impl Window {
    fn contains(self, at: Duration) -> bool {
        at >= self.warm_up && at < self.end()
    }

    /// When it is over.
    pub fn end(self) -> Duration {
        self.warm_up + self.length
    }
}

/// What one load came to within the window.
#[derive(Debug)]
pub struct Tally {
    /// Latencies of good answers in microseconds.
    pub latencies: Histogram<u64>,
    /// What else came, by name. Counted outside the window as well.
    pub errors: BTreeMap<String, u64>,
}

/// For latencies in microseconds.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX, DIGITS).expect("the bounds are in order")
}

impl Tally {
    fn new() -> Self {
        Self { latencies: latencies(), errors: BTreeMap::new() }
    }

    fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies).expect("both have the same bounds");
        for (name, times) in other.errors {
            *self.errors.entry(name).or_default() += times;
        }
    }
}

/// What a measurement came to.
#[derive(Debug)]
pub struct Measured {
    /// One for each load.
    pub tallies: Vec<Tally>,
    /// CPU time within the window.
    pub cpu: CpuTimes,
    /// Length of the window.
    pub length: Duration,
}

/// Puts the loads on the server together.
pub fn drive(server: &Server, loads: &[Load], window: Window) -> Result<Measured, Failed> {
    let (connected, all_connected) = mpsc::channel();
    let start_all = |load: &Load| -> Vec<_> {
        load.split().into_iter().map(|part| start(part, window, connected.clone())).collect()
    };
    let threads: Vec<Vec<_>> = loads.iter().map(start_all).collect();
    let mut starts = Vec::new();
    for _ in threads.iter().flatten() {
        starts.push(all_connected.recv()??);
    }
    let stopwatch = Stopwatch::start();
    for start in starts {
        start.send(stopwatch)?;
    }
    pause_until(stopwatch, window.warm_up);
    let (before, from) = (CpuTimes::now(server.id())?, stopwatch.elapsed());
    pause_until(stopwatch, window.end());
    let (cpu, length) = (CpuTimes::now(server.id())?.since(before), stopwatch.elapsed().saturating_sub(from));
    let mut tallies = Vec::new();
    for parts in threads {
        let mut whole = Tally::new();
        for part in parts {
            whole.add(part.join().map_err(|_| "a load broke off")?);
        }
        tallies.push(whole);
    }
    Ok(Measured { tallies, cpu, length })
}

/// Where a load says that it is connected, and is told when to start; or why it is not.
type Connected = mpsc::Sender<Result<mpsc::Sender<Stopwatch>, String>>;

fn start(load: Load, window: Window, connected: Connected) -> JoinHandle<Tally> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime without threads of its own");
        runtime.block_on(async {
            let mut connections = Vec::new();
            for _ in 0..load.connections.max(1) {
                match Connection::open(load.target).await {
                    Ok(connection) => connections.push(connection),
                    Err(error) => {
                        drop(connected.send(Err(error)));
                        return Tally::new();
                    }
                }
            }
            let (go, told) = mpsc::channel();
            drop(connected.send(Ok(go)));
            match told.recv() {
                Ok(stopwatch) => run(load, connections, window, stopwatch).await,
                Err(_) => Tally::new(),
            }
        })
    })
}

/// Runs all connections of a load to the end of the window.
async fn run(load: Load, connections: Vec<Connection>, window: Window, stopwatch: Stopwatch) -> Tally {
    let timetable = match load.pace {
        Pace::Closed => None,
        Pace::Open(per_second) => Some(Timetable::start(per_second, connections.len(), window, stopwatch)),
    };
    // All on one thread, so nobody ever waits for this lock.
    let tally = Arc::new(Mutex::new(Tally::new()));
    let mut workers = JoinSet::new();
    for connection in connections {
        let (traffic, tally) = (load.traffic.clone(), Arc::clone(&tally));
        let worker = Worker { connection, traffic, clock: Clock::system(), window, stopwatch, tally };
        match &timetable {
            None => workers.spawn(worker.closed()),
            Some(timetable) => workers.spawn(worker.open(Arc::clone(timetable))),
        };
    }
    workers.join_all().await;
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *tally, Tally::new())
}

/// One connection that asks one thing after the other.
struct Worker {
    connection: Connection,
    traffic: Traffic,
    clock: Clock,
    window: Window,
    stopwatch: Stopwatch,
    tally: Arc<Mutex<Tally>>,
}

impl Worker {
    async fn closed(mut self) {
        loop {
            let begun = self.stopwatch.elapsed();
            if begun >= self.window.end() {
                return;
            }
            self.ask(begun).await;
        }
    }

    async fn open(mut self, timetable: Arc<Timetable>) {
        while let Some(intended) = timetable.next().await {
            self.ask(intended).await;
        }
    }

    /// Asks once; the latency counts from `begun`.
    async fn ask(&mut self, begun: Duration) {
        let answer = self.connection.exchange(self.traffic.request(&self.clock)).await;
        let ended = self.stopwatch.elapsed();
        let fault = match answer {
            Ok((status, body)) => self.traffic.fault(status, &body),
            Err(error) => Some(error),
        };
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(name) => *tally.errors.entry(name).or_default() += 1,
            None if self.window.contains(ended) => {
                let micros = u64::try_from(ended.saturating_sub(begun).as_micros()).unwrap_or(u64::MAX);
                tally.latencies.saturating_record(micros);
            }
            None => {}
        }
    }
}

/// The instants at which the requests of an open loop start, handed out to whichever connection is free.
struct Timetable {
    per_second: u32,
    total: u64,
    next: AtomicU64,
    due: Semaphore,
}

impl Timetable {
    /// Runs in a thread of its own: timers of the runtime are no finer than a millisecond.
    fn start(per_second: u32, connections: usize, window: Window, stopwatch: Stopwatch) -> Arc<Self> {
        let per_second = per_second.max(1);
        let total = due_by(window.end(), per_second);
        let timetable = Arc::new(Self { per_second, total, next: AtomicU64::new(0), due: Semaphore::new(0) });
        let pacer = Arc::clone(&timetable);
        thread::spawn(move || {
            let mut released = 0;
            while released < total {
                let due = due_by(stopwatch.elapsed(), per_second).min(total);
                pacer.release(due - released);
                released = due;
                pause(PACE_STEP);
            }
            // One more for each connection, which then finds that the timetable is over.
            pacer.release(connections as u64);
        });
        timetable
    }

    fn release(&self, count: u64) {
        self.due.add_permits(usize::try_from(count).expect("a few at a time"));
    }

    /// Waits until a request is due, and says since when it is. `None` after the last.
    async fn next(&self) -> Option<Duration> {
        self.due.acquire().await.ok()?.forget();
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        (n < self.total).then(|| Duration::from_secs_f64(count(n) / f64::from(self.per_second)))
    }
}

/// How many requests are due `after` the start.
pub fn due_by(after: Duration, per_second: u32) -> u64 {
    let due = after.as_nanos() * u128::from(per_second) / 1_000_000_000;
    u64::try_from(due).unwrap_or(u64::MAX)
}

fn pause_until(stopwatch: Stopwatch, at: Duration) {
    pause(at.saturating_sub(stopwatch.elapsed()));
}

/// Waits on this thread.
#[expect(clippy::disallowed_methods, reason = "here it is time that is waited for")]
pub fn pause(time: Duration) {
    thread::sleep(time);
}

/// A connection that is opened again when the server closes it.
#[derive(Debug)]
pub struct Connection {
    target: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    pub async fn open(target: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(target).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("connect: {error}"))?;
        let opened = handshake(TokioIo::new(stream)).await.map_err(|error| format!("connect: {error}"));
        let (sender, connection) = opened?;
        // Its end shows in the sender.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { target, sender })
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        if self.sender.ready().await.is_err() {
            *self = Self::open(self.target).await?;
        }
        let answer = self.sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Numbering;

    #[test]
    fn a_timetable_is_even_and_ends_with_the_window() {
        assert_eq!(due_by(Duration::ZERO, 2_000), 0);
        assert_eq!(due_by(Duration::from_micros(1_499), 2_000), 2);
        assert_eq!(due_by(Duration::from_secs(6), 2_000), 12_000);
    }

    #[test]
    fn the_parts_of_a_load_are_together_the_whole() {
        let (target, traffic) = ("127.0.0.1:1".parse().unwrap(), Traffic::routes(Numbering { xs: 1 }, 1));
        let whole = Load { target, traffic, connections: 7, pace: Pace::Open(1_001), threads: 2 };
        let rate = |part: &Load| if let Pace::Open(per_second) = part.pace { per_second } else { 0 };
        let parts: Vec<_> = whole.split().iter().map(|part| (part.connections, rate(part))).collect();
        assert_eq!(parts, [(4, 501), (3, 500)]);
    }

    #[test]
    fn only_what_ends_within_the_window_counts() {
        let window = Window { warm_up: Duration::from_secs(1), length: Duration::from_secs(5) };
        for (millis, counts) in [(999, false), (1_000, true), (5_999, true), (6_000, false)] {
            assert_eq!(window.contains(Duration::from_millis(millis)), counts, "{millis}");
        }
    }
}
