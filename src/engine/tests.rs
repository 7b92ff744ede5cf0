//! The handle by itself, without a writer.

use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::domain::bulkhead::BulkheadLimits;
use crate::domain::id::PublicIds;
use crate::domain::number::CallingParty;
use crate::domain::route::CallSetup;
use crate::domain::sample::{at, number};
use crate::outbound::{Outbound, OutboundSettings};
use crate::remote::Remote;
use crate::store::embedded::EmbeddedStore;

/// Only the handle: nobody writes.
fn engine(dir: &std::path::Path) -> Engine {
    let store = Arc::new(EmbeddedStore::open(dir, [7; 32]).unwrap());
    let origin = Origin {
        ids: PublicIds::new(&[7; 32]),
        sp_id: "sp".into(),
        host_name: "host".into(),
        record_domain: "domain".into(),
    };
    let limits = PushLimits { in_flight: 1, per_app: 1, ..PushLimits::default() };
    let (clock, _) = Clock::manual(at(0));
    let outbound = Outbound::new(OutboundSettings::default()).unwrap();
    let tester = Arc::new(Tester::new(outbound.clone()));
    let seats = BulkheadLimits { in_all: 1, per_app: 1 };
    let question_limits = QuestionLimits { timeout: Duration::from_secs(1), seats };
    let questions =
        |kind| Questions::new(kind, clock.clone(), outbound.clone(), Metrics::new(), question_limits);
    let (call_questions, message_questions) = (questions("call"), questions("message"));
    let shared = Shared::new(store, clock, origin, AreaTable::default(), Metrics::new(), limits);
    let remote = Remote::new().unwrap();
    let config = "operator.token = \"operator-0123456789\"\nswitch.token = \"switch-0123456789\"";
    let config = Config::parse(config, dir).unwrap();
    let recordings = Recordings::open(&config.recording, &remote).unwrap();
    let outside = Outside {
        recordings,
        deleting: tokio::sync::Mutex::new(()),
        links: LinkKey::new(&[7; 32]),
        control: SwitchControl::new(None, remote),
    };
    Engine {
        shared: Arc::new(shared),
        inbox: mpsc::channel(1).0,
        reports_room: Arc::new(Semaphore::new(10)),
        outside: Arc::new(outside),
        tester,
        call_questions: Arc::new(call_questions),
        calls_under_way: Arc::default(),
        message_questions: Arc::new(message_questions),
        messages_under_way: Arc::default(),
        cdr_files: None,
    }
}

#[test]
fn what_was_seen_while_memory_was_loaded_again_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path());
    assert_eq!(engine.read(|_| ()), Err(Unserved::NotServing));
    engine.shared.set_serving(true);
    assert_eq!(engine.read(|_| 5), Ok(5));
    assert_eq!(engine.read(|shared| shared.set_serving(false)), Err(Unserved::NotServing));
    engine.shared.set_serving(true);
    let loaded_meanwhile = |shared: &Shared| {
        shared.set_serving(false);
        shared.set_serving(true);
    };
    assert_eq!(engine.read(loaded_meanwhile), Err(Unserved::NotServing));
    assert_eq!(engine.read(|_| 5), Ok(5));
}

#[tokio::test]
async fn a_route_is_answered_only_while_serving_and_then_binds() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path());
    let id = CallId::new("c").unwrap();
    let setup = CallSetup { caller: CallingParty::Withheld, called: Some(number(1)), extension: None };
    let ask = || engine.route(&id, setup);
    assert_eq!(ask().await, Err(Unserved::NotServing));
    assert_eq!(engine.shared.registry.calls.unreported_count(), 0);
    engine.shared.set_serving(true);
    assert_eq!(ask().await, ask().await);
    assert_eq!(engine.shared.registry.calls.unreported_count(), 1);
}

/// The clock of tokio jumps to the end of the patience, because nothing else is going on.
#[tokio::test]
async fn reports_that_nobody_writes_are_refused_before_they_fill_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, mut jobs) = mpsc::channel(8);
    let engine = Engine { inbox, ..engine(dir.path()) };
    engine.shared.set_serving(true);
    let event = Arc::new(CallEvent {
        event_id: "1".into(),
        stage: crate::domain::call::Stage::Incoming,
        at: at(1),
        received_at: at(1),
        caller: None,
        called: None,
        digits: None,
        sip: None,
        q850: None,
        by: None,
    });
    let report = |count: usize| {
        let (engine, event) = (engine.clone(), Arc::clone(&event));
        let reports = vec![(CallId::new("c").unwrap(), event); count];
        tokio::spawn(async move { engine.report(reports).await })
    };
    let (_first, _second) = (report(6), report(4));
    let first = jobs.recv().await;
    jobs.recv().await.unwrap();
    // The second job is gone with its room, the first is not.
    assert_eq!(report(5).await.unwrap(), Err(Unserved::Overloaded), "there is room for four");
    drop(first);
    let _third = report(10);
    assert!(jobs.recv().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_needs_a_y_waits_for_the_writer_two_seconds_at_most() {
    use crate::domain::binding::{AnyBinding, Change};
    use crate::domain::customer::{Mode, NumberStatus};
    use crate::domain::route::{NoY, RejectCause, Route};
    use crate::domain::sample::{app, axyb, id, record, x};

    let dir = tempfile::tempdir().unwrap();
    let (inbox, _unread) = mpsc::channel(1);
    let engine = Engine { inbox, ..engine(dir.path()) };
    let registry = &engine.shared.registry;
    registry.customers.put(Arc::new(app(Mode::Axyb)));
    registry.directory.put_number(record(NumberStatus::Normal), None);
    registry.directory.apply(&Change::Bound(AnyBinding::Axyb(axyb(1, 1))));
    engine.shared.set_serving(true);
    let began = tokio::time::Instant::now();
    let called = Some(x(1).number());
    let setup = CallSetup { caller: CallingParty::Number(number(2)), called, extension: None };
    let decision = engine.route(&CallId::new("c").unwrap(), setup).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let Route::Reject(reject) = &decision.route else { panic!("{decision:?}") };
    assert_eq!(reject.cause, RejectCause::NoY(NoY::NotWritten));
    assert_eq!(reject.through.as_ref().and_then(|through| through.subscription), Some(id(1)));
}
