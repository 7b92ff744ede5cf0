//! `xmode`: what the others notice when customers of X mode never answer where calls go.
//!
//! Every customer has an X and a receiver at an address of its own, and takes a time of its own to answer. The switch
//! asks for routes at a fixed rate, to all customers in turn. What counts is what the gateway adds: from the instant at
//! which the timetable says that a route is asked for, to its answer, less the time that the customer itself took.

mod customers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use privnum::clock::Stopwatch;
use privnum::domain::customer::{CustomerApp, Mode, NumberRecord};
use privnum::domain::id::{AppKey, AppNo};
use privnum::store::Write;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::customers::Customers;
use crate::Failed;
use crate::child::{Server, binary};
use crate::drive::{Connection, due_by, latencies, pause};
use crate::machine;
use crate::modes::parent;
use crate::options::XMode;
use crate::report::{count, say};
use crate::scene::{self, Numbering, Scene, TOKEN, commit_all};

/// How often the timetable is looked at.
const PACE_STEP: Duration = Duration::from_micros(500);
/// Load before it counts: longer than a question may take, so that as many hang as ever will.
const WARM_UP: Duration = Duration::from_secs(5);
/// Nothing but the way to the customers.
const CONFIGURATION: &str = "[callback]\nallow_networks = [\"127.0.0.0/8\"]\n";
/// The callers' numbers begin here, one for each call.
const FIRST_CALLER: u64 = 8_613_000_000_000;

/// Measures and prints. Returns how many requests failed.
pub fn run(options: &XMode) -> Result<u64, Failed> {
    let hung = options.hung.min(options.customers);
    say(&format!("{} customers, all of them answer", options.customers));
    let alone = added(options, 0)?;
    say(&format!("{} customers, {hung} of them never answer", options.customers));
    let beside = added(options, hung)?;
    say(&format!(
        "\n{}; {} customers that take 1 to {} ms to answer, {} routes a second, {} s; what the gateway adds:\n",
        machine::description(),
        options.customers,
        options.answer_ms,
        options.rate,
        options.seconds
    ));
    say(
        "| who                                | routes | added p50 ms | added p99 ms | added p99.9 ms | ratio |         aim |",
    );
    say(
        "|------------------------------------|--------|--------------|--------------|----------------|-------|-------------|",
    );
    let ms = |added: &Histogram<u64>, q| count(added.value_at_quantile(q)) / 1_000.0;
    let line = |who: &str, run: &Run, ratio: &str, aim: &str| {
        say(&format!(
            "| {who:<34} | {:>6} | {:>12.2} | {:>12.2} | {:>14.2} | {ratio:>5} | {aim:>11} |",
            run.added.len(),
            ms(&run.added, 0.5),
            ms(&run.added, 0.99),
            ms(&run.added, 0.999),
        ));
    };
    line("the answering, nobody hangs", &alone, "", "");
    let ratio = ms(&beside.added, 0.99) / ms(&alone.added, 0.99).max(0.001);
    line(&format!("the answering, {hung} hang"), &beside, &format!("{ratio:.2}"), "p99 < 5 ms");
    say("");
    let mut failed = 0;
    for (name, times) in alone.errors.iter().chain(&beside.errors) {
        failed += times;
        say(&format!("error: {times} times {name}"));
    }
    Ok(failed)
}

/// What one run came to.
struct Run {
    /// In microseconds.
    added: Histogram<u64>,
    errors: BTreeMap<String, u64>,
}

/// What the gateway adds to the answers of the others while the first `hung` customers never answer.
fn added(options: &XMode, hung: u32) -> Result<Run, Failed> {
    let customers = Customers::start(options.customers, hung, options.answer_ms)?;
    let numbering = Numbering { xs: options.customers.into() };
    let scene = Scene::filled(&parent(options.dir.as_deref())?, CONFIGURATION, |store, now| {
        let owner = |n: u64| AppNo(u32::try_from(n).expect("one of the customers") + 1);
        let app = |n: u64| {
            let key = AppKey::new(&format!("loadtestKey{n:021}")).expect("letters and digits");
            let mut app = CustomerApp { no: owner(n), key, mode: Mode::X, ..scene::app(now) };
            app.urls.call_status = Some(customers.url(n).into());
            Write::App(Arc::new(app))
        };
        let number =
            |n: u64| Write::Number(NumberRecord { app: owner(n), ..scene::number(numbering.x(n), now) });
        commit_all(store, numbering.xs, app)?;
        commit_all(store, numbering.xs, number)
    })?;
    let server = Server::real(&binary(options.server.as_deref())?, &scene)?;
    let switch = Arc::new(Switch {
        target: server.switch,
        numbering,
        hung,
        rate: options.rate.max(1),
        until: WARM_UP + Duration::from_secs_f64(options.seconds.max(1.0)),
        customers,
        free: Mutex::default(),
        added: Mutex::new(latencies()),
        errors: Mutex::default(),
    });
    let of_thread = Arc::clone(&switch);
    let asking = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime without threads of its own").block_on(of_thread.run());
    });
    pause(WARM_UP);
    drop(switch.take_added());
    asking.join().map_err(|_| "the switch broke off")?;
    let errors = lock(&switch.errors).clone();
    Ok(Run { added: switch.take_added(), errors })
}

/// Asks for routes at a fixed rate, whatever the answers do.
struct Switch {
    target: SocketAddr,
    numbering: Numbering,
    hung: u32,
    rate: u32,
    until: Duration,
    customers: Customers,
    /// As many as were ever needed at once: a switch must not wait with one call for another.
    free: Mutex<Vec<Connection>>,
    added: Mutex<Histogram<u64>>,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Switch {
    async fn run(self: Arc<Self>) {
        let (stopwatch, mut asked, mut calls) = (Stopwatch::start(), 0, JoinSet::new());
        while stopwatch.elapsed() < self.until {
            let due = due_by(stopwatch.elapsed(), self.rate);
            for call in asked..due {
                let intended = Duration::from_secs_f64(count(call) / f64::from(self.rate));
                let this = Arc::clone(&self);
                calls.spawn(async move {
                    if let Err(error) = this.ask(call, stopwatch, intended).await {
                        *lock(&this.errors).entry(error).or_default() += 1;
                    }
                });
            }
            asked = due;
            while calls.try_join_next().is_some() {}
            tokio::time::sleep(PACE_STEP).await;
        }
        calls.join_all().await;
    }

    async fn ask(&self, call: u64, stopwatch: Stopwatch, intended: Duration) -> Result<(), String> {
        let kept = lock(&self.free).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.target).await?,
        };
        let (status, body) = connection.exchange(self.question(call)).await?;
        let took = stopwatch.elapsed().saturating_sub(intended);
        lock(&self.free).push(connection);
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let held = self.customers.held(FIRST_CALLER + call);
        let hangs = call % self.numbering.xs < self.hung.into();
        match (status, answer["action"].as_str(), held) {
            (StatusCode::OK, Some("connect"), Some(held)) if !hangs => {
                let added = u64::try_from(took.saturating_sub(held).as_micros()).unwrap_or(u64::MAX);
                lock(&self.added).saturating_record(added);
                Ok(())
            }
            (StatusCode::OK, Some("reject"), None) if hangs => Ok(()),
            (status, action, _) => Err(format!("status {}, {action:?}", status.as_u16())),
        }
    }

    fn question(&self, call: u64) -> Request<Full<Bytes>> {
        let (caller, called) = (FIRST_CALLER + call, self.numbering.x(call));
        let body = json!({"callId": format!("x-{call}"), "caller": format!("+{caller}"), "called": format!("+{called}")});
        Request::builder()
            .method(Method::POST)
            .uri("/switch/v1/route")
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::from(body.to_string()))
            .expect("a valid request")
    }

    fn take_added(&self) -> Histogram<u64> {
        std::mem::replace(&mut *lock(&self.added), latencies())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
