//! The real tasks, writer, timekeeper and deliverer, over the simulation's disk and its faults.

use std::sync::Arc;
use std::time::Duration;

use privnum::clock::{Clock, ClockHand};
use privnum::config::Config;
use privnum::control::SwitchControl;
use privnum::domain::area::AreaTable;
use privnum::domain::axb::AxbBind;
use privnum::domain::binding::Terms;
use privnum::domain::bulkhead::BulkheadLimits;
use privnum::domain::call::{CallEvent, CallId, Stage};
use privnum::domain::command::{Command, Done, XChoice};
use privnum::domain::customer::Mode;
use privnum::domain::delivery::Schedule;
use privnum::domain::id::AppNo;
use privnum::domain::number::{CallingParty, Pair};
use privnum::domain::refusal::Refusal;
use privnum::domain::route::{CallSetup, Route};
use privnum::engine::job::{SettingChange, Unserved};
use privnum::engine::{Engine, PushLimits, QuestionLimits, Running, Settings, start};
use privnum::metrics::Metrics;
use privnum::outbound::{Outbound, OutboundSettings};
use privnum::recording::Recordings;
use privnum::remote::Remote;
use tempfile::TempDir;

use tokio::task::JoinSet;

use super::cast::{START, app, number, party, x};
use super::disk::{Disk, Fault};
use super::world::RULES;

/// How long to wait for what must happen, before the test is given up.
const GIVE_UP: Duration = Duration::from_secs(60);

struct Live {
    disk: Arc<Disk>,
    hand: ClockHand,
    running: Running,
    /// Holds no recording.
    _folder: TempDir,
}

impl Live {
    /// An engine with one AXB app that wants no notices, and one X number of it.
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let disk = Arc::new(Disk::new(None));
        let (clock, hand) = Clock::manual(START);
        let folder = tempfile::tempdir().unwrap();
        let config = "operator.token = \"operator-0123456789\"\nswitch.token = \"switch-0123456789\"";
        let config = Config::parse(config, folder.path()).unwrap();
        let remote = Remote::new().unwrap();
        let settings = Settings {
            recordings: Recordings::open(&config.recording, &remote).unwrap(),
            control: SwitchControl::new(None, remote),
            record_domain: "domain".into(),
            sp_id: "sp".into(),
            host_name: "host".into(),
            ledger: RULES,
            schedule: Schedule::default(),
            push_limits: PushLimits { in_flight: 6, per_app: 4, ..PushLimits::default() },
            questions: QuestionLimits {
                timeout: Duration::from_secs(1),
                seats: BulkheadLimits { in_all: 1, per_app: 1 },
            },
            areas: AreaTable::default(),
            cdr_files: None,
        };
        let outbound = Outbound::new(OutboundSettings::default()).unwrap();
        let store = Arc::clone(&disk) as _;
        let running = start(store, clock, Metrics::new(), outbound, settings, &mut |_| {}).unwrap();
        let create = SettingChange::CreateApp(Box::new(app(1, Mode::Axb, false)));
        running.engine.change("test", create).await.unwrap().unwrap();
        running.engine.change("test", SettingChange::AddNumbers(vec![number(1)])).await.unwrap().unwrap();
        Self { disk, hand, running, _folder: folder }
    }

    fn engine(&self) -> &Engine {
        &self.running.engine
    }

    async fn bind(&self, a: u64, b: u64, duration_secs: u32) -> Result<Result<Done, Refusal>, Unserved> {
        let pair = Pair::new(party(a), party(b)).unwrap();
        let wanted = AxbBind { pair, terms: Terms::default(), duration_secs };
        self.engine().command(AppNo(1), Command::BindAxb(XChoice::Named(x(1)), wanted)).await
    }

    fn bound(&self) -> usize {
        self.engine().shared().registry.directory.binding_count()
    }

    /// Lets the tasks work until `it` is so.
    async fn until(&self, it: impl Fn(&Self) -> bool) {
        let wait = async {
            while !it(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(GIVE_UP, wait).await.expect("it never came to be");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bind_that_the_store_refuses_changes_nothing_and_may_be_asked_again() {
    let live = Live::new().await;
    live.disk.fail_next(Fault::Unavailable);
    assert_eq!(live.bind(1, 2, 0).await.unwrap_err(), Unserved::StoreUnavailable);
    assert_eq!((live.bound(), live.disk.tables().bindings.len()), (0, 0));
    assert!(live.engine().is_serving());
    assert!(live.bind(1, 2, 0).await.unwrap().is_ok());
    live.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_unknown_outcome_what_is_served_is_what_the_store_has() {
    for (fault, stands) in [(Fault::UnknownWritten, true), (Fault::UnknownLost, false)] {
        let live = Live::new().await;
        live.disk.fail_next(fault);
        live.disk.fail_next_load();
        assert_eq!(live.bind(1, 2, 0).await.unwrap_err(), Unserved::StoreUnavailable);
        live.until(|live| live.engine().is_serving()).await;
        let again = live.bind(1, 3, 0).await.unwrap();
        assert_eq!(again.err(), stands.then_some(Refusal::PartyAlreadyBound), "{fault:?}");
        assert_eq!(live.bound(), 1);
        live.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_binds_that_race_for_one_party_exactly_one_wins() {
    let live = Live::new().await;
    let binds: Vec<_> = (2..34).map(|b| live.bind(1, b, 0)).collect();
    let mut won = 0;
    for answer in join_all(binds).await {
        match answer.unwrap() {
            Ok(_) => won += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::PartyAlreadyBound),
        }
    }
    assert_eq!((won, live.bound()), (1, 1));
    live.running.stop().await;
}

/// More bindings than one round of auto-unbind ends are due at the same second, so that the next tick is due
/// when this one was. The timekeeper used to wait for another time to be announced, and for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_in_which_very_many_bindings_expire_does_not_stop_the_timers() {
    let live = Live::new().await;
    let binds: Vec<_> = (1..=700).map(|n| live.bind(2 * n, 2 * n + 1, 60)).collect();
    assert!(join_all(binds).await.into_iter().all(|answer| answer.unwrap().is_ok()));
    live.hand.advance(Duration::from_secs(60));
    live.until(|live| live.bound() == 0).await;
    live.running.stop().await;
}

/// As above: what the store did not take is due again at the same second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_error_while_bindings_expire_does_not_stop_the_timers() {
    let live = Live::new().await;
    assert!(live.bind(1, 2, 60).await.unwrap().is_ok());
    live.disk.fail_next(Fault::Unavailable);
    live.hand.advance(Duration::from_secs(60));
    live.until(|live| live.engine().shared().metrics.store_errors.get() == 1).await;
    assert_eq!(live.bound(), 1);
    live.hand.advance(Duration::from_secs(1));
    live.until(|live| live.bound() == 0).await;
    live.running.stop().await;
}

/// What is asked while a flush hangs waits in an inbox that is bounded; beyond it the answer is "overloaded", at
/// once. Whoever only reads notices nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_commit_hangs_reads_go_on_and_what_waits_is_bounded_and_afterwards_done() {
    const BINDS: u64 = 100;
    /// More than the inbox (8,192 jobs) and the batch that the writer holds (1,024) take together.
    const FLUSHES: usize = 20_000;
    const WAITING_MAX: usize = 8_192 + 1_024;
    let live = Live::new().await;
    live.disk.freeze();
    let mut binds: Vec<_> = (0..BINDS).map(|n| Box::pin(live.bind(2 * n + 1, 2 * n + 2, 0))).collect();
    // The first look at each sends it to the writer.
    let all_wait = std::future::poll_fn(|context| {
        std::task::Poll::Ready(binds.iter_mut().all(|bind| bind.as_mut().poll(context).is_pending()))
    });
    assert!(all_wait.await, "a bind was answered before it was durable");
    let mut flushes = JoinSet::new();
    for _ in 0..FLUSHES {
        let engine = live.engine().clone();
        flushes.spawn(async move { engine.flush().await });
    }
    let refused = async {
        for _ in 0..FLUSHES - WAITING_MAX {
            assert_eq!(flushes.join_next().await.unwrap().unwrap(), Err(Unserved::Overloaded));
        }
    };
    tokio::time::timeout(GIVE_UP, refused).await.expect("the inbox takes more than it may");
    let call = CallId::new("c").unwrap();
    let setup = CallSetup { caller: CallingParty::Withheld, called: Some(party(1)), extension: None };
    assert!(live.engine().route(&call, setup).await.is_ok(), "routes come from memory");
    assert_eq!((live.bound(), live.disk.tables().bindings.len()), (0, 0));

    live.disk.thaw();
    for bind in binds {
        assert!(bind.await.unwrap().is_ok());
    }
    assert_eq!((live.bound(), live.disk.tables().bindings.len()), (100, 100));
    while let Some(ended) = flushes.join_next().await {
        assert!(matches!(ended.unwrap(), Ok(()) | Err(Unserved::Overloaded)));
    }
    live.running.stop().await;
}

/// That a call came in at the X of these tests.
fn incoming(event: u64) -> CallEvent {
    CallEvent {
        event_id: event.to_string().into(),
        stage: Stage::Incoming,
        at: START,
        received_at: START,
        caller: Some(CallingParty::Number(party(1))),
        called: Some(x(1).number()),
        digits: None,
        sip: None,
        q850: None,
        by: None,
    }
}

/// The flush of a disk hangs for half a minute while the switch goes on asking and reporting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_hangs_for_half_a_minute_is_seen_stops_no_route_and_loses_no_report() {
    const REPORTS: u64 = 500;
    let live = Live::new().await;
    assert!(live.bind(1, 2, 0).await.unwrap().is_ok());
    assert!(live.bind(3, 4, 20).await.unwrap().is_ok());
    live.disk.freeze();
    let report = |n: u64| {
        let call = CallId::new(&format!("call-{n}")).unwrap();
        live.engine().report(vec![(call, incoming(n).into())])
    };
    let mut reports: Vec<_> = (0..REPORTS).map(|n| Box::pin(report(n))).collect();
    // The first look at each sends it to the writer.
    let all_wait = std::future::poll_fn(|context| {
        std::task::Poll::Ready(reports.iter_mut().all(|report| report.as_mut().poll(context).is_pending()))
    });
    assert!(all_wait.await, "a report was answered before it was durable");
    live.until(|live| live.engine().shared().commit_running().is_some()).await;
    let routed = async |n: u64, party_no: u64| {
        let call = CallId::new(&format!("routed-{n}")).unwrap();
        let caller = CallingParty::Number(party(party_no));
        let setup = CallSetup { caller, called: Some(x(1).number()), extension: None };
        matches!(live.engine().route(&call, setup).await.unwrap().route, Route::Connect(_))
    };
    for second in 0..30 {
        assert!(routed(2 * second, 1).await, "routes come from memory");
        // Its end cannot be recorded, and counts all the same.
        assert_eq!(routed(2 * second + 1, 3).await, second < 20, "{second}");
        assert_eq!(live.engine().commit_hangs().is_some(), second >= 10, "{second}");
        live.hand.advance(Duration::from_secs(1));
    }
    live.engine().refresh_gauges();
    assert_eq!(live.engine().shared().metrics.commit_running_seconds.get(), 30);
    // Nobody waits for half a minute.
    assert!(join_all(reports).await.iter().all(|waited| *waited == Err(Unserved::NotInTime)));
    assert!(live.disk.tables().calls.is_empty());

    live.disk.thaw();
    // The switch reports again, and all were taken meanwhile.
    for n in 0..REPORTS {
        assert_eq!(report(n).await.unwrap().duplicates, 1);
    }
    assert_eq!(live.disk.tables().calls.len() as u64, REPORTS);
    live.until(|live| live.bound() == 1).await;
    assert_eq!(live.engine().commit_hangs(), None);
    live.running.stop().await;
}

/// Polls all of them together, so that they are asked at once.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<_> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if outputs.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
