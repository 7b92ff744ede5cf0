//! Pushes over real sockets: receivers that hang, that fail, and a clock that is set meanwhile.

use std::sync::Arc;
use std::time::Duration;

use privnum::app::Gateway;
use privnum::clock::{Clock, ClockHand, Stopwatch};
use privnum::config::Config;
use privnum::domain::delivery::{Delivery, NoticeKind};
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::time::Timestamp;
use privnum::store::embedded::EmbeddedStore;
use privnum::store::{Batch, Store as _, Write};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const CONFIG: &str = "[listen]\ncustomer = \"127.0.0.1:0\"\nswitch = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
    [store]\nkind = \"embedded\"\ndir = \"data\"\n[operator]\ntoken = \"operator-token-of-a-test\"\n\
    [switch]\ntoken = \"switch-token-of-a-test\"\n\
    [callback]\nallow_networks = [\"127.0.0.0/8\"]\njitter_secs = 0\ntimeout_secs = 120\n";
/// Only a test that has failed already waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    gateway: Gateway,
    hand: ClockHand,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let gateway = Gateway::start(&Config::parse(CONFIG, dir.path()).unwrap(), clock).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { gateway, hand, client, _dir: dir }
    }

    async fn operator(&self, path: &str, body: Value) -> Value {
        let url = format!("http://{}/operator/v1/{path}", self.gateway.operator);
        let request = self.client.post(url).bearer_auth("operator-token-of-a-test");
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }

    /// An app that is told of its number's status at that receiver.
    async fn app(&self, number: &str, receiver: &Receiver) {
        let wanted = json!({
            "name": "app", "mode": "AXB", "pushNumberStatus": true, "numberStatusUrl": receiver.url,
        });
        let app = self.operator("apps", wanted).await;
        let numbers = json!({"numbers": [{"number": number, "appKey": app["appKey"], "areaCode": "0755"}]});
        self.operator("numbers", numbers).await;
    }

    /// Causes so many notices.
    async fn notices(&self, number: &str, count: usize) {
        for n in 0..count {
            let status = if n % 2 == 0 { "9" } else { "5" };
            let path = format!("numbers/{}/status", number.replace('+', "%2B"));
            self.operator(&path, json!({"status": status})).await;
        }
    }

    fn metric(&self, series: &str) -> i64 {
        self.gateway.engine().refresh_gauges();
        let text = self.gateway.engine().shared().metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
    }
}

/// A customer's server. Tells of each push, and answers it when it is told how.
struct Receiver {
    url: String,
    pushes: mpsc::UnboundedReceiver<Asked>,
}

/// A push that waits for its answer.
struct Asked(TcpStream);

impl Receiver {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notice", listener.local_addr().unwrap());
        let (arrived, pushes) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let arrived = arrived.clone();
                tokio::spawn(async move {
                    read_request(&mut stream).await;
                    drop(arrived.send(Asked(stream)));
                });
            }
        });
        Self { url, pushes }
    }

    async fn next(&mut self) -> Asked {
        tokio::time::timeout(PATIENCE, self.pushes.recv()).await.expect("no push came").unwrap()
    }
}

impl Asked {
    async fn answer(mut self, status: &str) {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.0.shutdown().await.unwrap();
    }
}

async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return;
            }
        }
        if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other() {
    let world = World::new().await;
    let (mut hangs, mut answers) = (Receiver::new().await, Receiver::new().await);
    world.app("+8617000000001", &hangs).await;
    world.app("+8617000000002", &answers).await;
    world.notices("+8617000000001", 20).await;
    world.notices("+8617000000002", 20).await;
    // Its first four hang until the end of the test, and the other sixteen wait for them.
    let mut hung = Vec::new();
    for _ in 0..4 {
        hung.push(hangs.next().await);
    }
    for _ in 0..20 {
        answers.next().await.answer("200 OK").await;
    }
    assert!(hangs.pushes.try_recv().is_err(), "no more at once than an endpoint starts with");
    assert_eq!(world.metric("privnum_push_due{lane=\"good\"}"), 16);
    // After two seconds it is suspect, and may have eight.
    world.hand.advance(Duration::from_secs(2));
    for _ in 0..4 {
        hung.push(hangs.next().await);
    }
    assert_eq!(world.metric("privnum_push_in_flight{lane=\"suspect\"}"), 8);
    for asked in hung {
        asked.answer("200 OK").await;
    }
    for _ in 8..20 {
        hangs.next().await.answer("200 OK").await;
    }
    world.gateway.stop().await;
}

#[tokio::test]
async fn a_clock_set_by_an_hour_neither_fires_a_re_push_nor_freezes_it() {
    for by_ms in [3_600_000, -3_600_000] {
        let world = World::new().await;
        let mut receiver = Receiver::new().await;
        world.app("+8617000000001", &receiver).await;
        world.notices("+8617000000001", 1).await;
        receiver.next().await.answer("500 Internal Server Error").await;
        wait_for(&world, "privnum_deliveries_pending{pushes=\"1\"}", 1).await;
        world.hand.jump(by_ms);
        world.hand.advance(Duration::from_secs(59));
        assert_eq!(world.metric("privnum_clock_jumps_total"), 1);
        assert_eq!(world.metric("privnum_deliveries_pending{pushes=\"1\"}"), 1, "not fired");
        world.hand.advance(Duration::from_secs(2));
        receiver.next().await.answer("200 OK").await;
        world.gateway.stop().await;
    }
}

/// Returns when the series has that value. The gateway works on its own threads, so we look until it is there.
async fn wait_for(world: &World, series: &str, value: i64) {
    let looks = async {
        while world.metric(series) != value {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.unwrap_or_else(|_| panic!("{series} never was {value}"));
}

/// What a million pending re-pushes cost at start-up (delivery R4). Run it alone:
/// `cargo test --test it a_million -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a minute and a gigabyte of disk: writes a million deliveries first"]
async fn a_million_pending_re_pushes_load_within_seconds_and_64_mib() {
    const COUNT: u64 = 1_000_000;
    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse(CONFIG, dir.path()).unwrap();
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
