//! Who gets pushes when some receivers hang, what a clock that is set does to them, and what a million cost.

use std::sync::Arc;
use std::time::Duration;

use privnum::app::Gateway;
use privnum::clock::{Clock, Stopwatch};
use privnum::config::Config;
use privnum::domain::delivery::{Delivery, NoticeKind};
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::time::Timestamp;
use privnum::store::embedded::EmbeddedStore;
use privnum::store::{Batch, Store as _, Write};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::world::{NUMBER_STATUS, Reaction, Receiver, World, X, configuration};

const OTHER_X: &str = "+8617000000002";

/// Causes so many notices of an app, by changing the status of its number.
async fn notices(world: &World, x: &str, count: usize) {
    for n in 0..count {
        let status = if n % 2 == 0 { "9" } else { "5" };
        let path = format!("numbers/{}/status", x.replace('+', "%2B"));
        let changed = world.operator().ask("POST", &path, &json!({"status": status})).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other() {
    let world = World::with("callback.timeout_secs = 120").await;
    let other = Receiver::start().await;
    let hung = world.app("AXB", &Value::Null).await;
    let well = world.app("AXB", &json!({"numberStatusUrl": other.url(NUMBER_STATUS)})).await;
    world.number(&hung, X).await;
    world.number(&well, OTHER_X).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(NUMBER_STATUS, Reaction::Hang(Arc::clone(&release)));
    notices(&world, X, 20).await;
    notices(&world, OTHER_X, 20).await;
    // Its first four hang until the end of the test, and the other sixteen wait for them.
    for _ in 0..4 {
        world.receiver.next(NUMBER_STATUS).await;
    }
    for _ in 0..20 {
        other.next(NUMBER_STATUS).await;
    }
    assert_eq!(world.receiver.left().len(), 0, "no more at once than an endpoint starts with");
    assert_eq!(world.metric("privnum_push_due{lane=\"good\"}"), 16);
    // After two seconds it is suspect, and may have eight.
    world.pass(Duration::from_secs(2));
    for _ in 0..4 {
        world.receiver.next(NUMBER_STATUS).await;
    }
    assert_eq!(world.metric("privnum_push_in_flight{lane=\"suspect\"}"), 8);
    release.add_permits(20);
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 12);
}

#[tokio::test]
async fn a_clock_set_by_an_hour_neither_fires_a_re_push_nor_freezes_it() {
    for by_ms in [3_600_000, -3_600_000] {
        let (world, _app) = World::axb().await;
        world.receiver.react(NUMBER_STATUS, Reaction::Answer(500, ""));
        notices(&world, X, 1).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
        world.receiver.react(NUMBER_STATUS, Reaction::Answer(200, ""));
        world.jump(by_ms);
        world.advance(Duration::from_secs(59)).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 0, "{by_ms}: fired");
        assert_eq!(world.metric("privnum_clock_jumps_total"), 1);
        world.advance(Duration::from_secs(1)).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1, "{by_ms}: frozen");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_one_push_a_minute_until_its_url_is_corrected() {
    let (world, app) = World::axb().await;
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(410, ""));
    notices(&world, X, 1).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    notices(&world, X, 10).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 0);
    assert_eq!(world.metric("privnum_push_endpoints_gone"), 1);
    world.advance(Duration::from_secs(60)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    let other = Receiver::start().await;
    world.change_app(&app, &json!({"numberStatusUrl": other.url("/new")})).await;
    world.quiet().await;
    // The two that were pushed wait for their time; the others go at once.
    assert_eq!(other.all("/new").len(), 9);
}

/// What a million pending re-pushes cost at start-up (delivery R4). Run it alone:
/// `cargo test --test it a_million -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a minute and a gigabyte of disk: writes a million deliveries first"]
async fn a_million_pending_re_pushes_load_within_seconds_and_64_mib() {
    const COUNT: u64 = 1_000_000;
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse(&configuration(""), dir.path()).unwrap();
    let start = Timestamp::from_secs(1_800_000_000);
    let first = Gateway::start(&config, Clock::manual(start).0).await.unwrap();
    first.stop().await;
    let resident_empty = {
        let gateway = Gateway::start(&config, Clock::manual(start).0).await.unwrap();
        let resident = resident_kib();
        gateway.stop().await;
        resident
    };
    {
        let store = EmbeddedStore::open(&dir.path().join("data"), [1; 32]).unwrap();
        let body: Arc<[u8]> = vec![b'x'; 600].into();
        for portion in 0..COUNT / 10_000 {
            let ids = portion * 10_000..(portion + 1) * 10_000;
            let writes = ids.map(|n| Write::Delivery {
                delivery: Delivery {
                    pushes: 3,
                    first_push_at: Some(start.before(Duration::from_secs(600))),
                    due: start.after(Duration::from_secs(60 + n % 6_000)),
                    ..Delivery::new(
                        RowKey::floor(start.millis() - COUNT + n),
                        AppNo(1),
                        NoticeKind::Event,
                        None,
                        start,
                    )
                },
                session: None,
                body: Arc::clone(&body),
            });
            store.commit(&Batch { writes: writes.collect() }).unwrap();
        }
    }
    let stopwatch = Stopwatch::start();
    let gateway = Gateway::start(&config, Clock::manual(start).0).await.unwrap();
    let took = stopwatch.elapsed();
    let grown_mib = (resident_kib() - resident_empty) / 1_024;
    println!("start-up with {COUNT} pending: {took:?}, {grown_mib} MiB more than without");
    gateway.engine().refresh_gauges();
    let text = gateway.engine().shared().metrics.render();
    assert!(text.contains("privnum_deliveries_pending{pushes=\"3\"} 1000000"));
    gateway.stop().await;
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
