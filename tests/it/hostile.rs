//! Whatever arrives, on whichever listener: a bounded, documented answer in JSON or a close; never a 500, never a
//! hang, and the gateway goes on.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::http::{Answer, Connection, Headers, exchange, request};
use crate::world::{A, AX, AX_CALLEE, AXB, B, Customer, OPERATOR_TOKEN, SWITCH_TOKEN, World, X};

const BODY_BYTES_MAX: usize = 65_536;

/// A bind that is as long as wanted.
fn padded_bind(length: usize) -> Vec<u8> {
    let mut bind = json!({"callerNum": A, "calleeNum": B, "relationNum": X}).to_string().into_bytes();
    bind.resize(length, b' ');
    bind
}

fn is(answer: &Answer, (status, code): (u16, &str)) -> bool {
    answer.code() == (status, code.into())
}

fn lines(headers: &Headers) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// The gateway still does its work.
async fn still_serves(app: &Customer) {
    assert!(is(&app.get(AXB, "subscriptionId=none").await, (403, "1012007")));
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_refused() {
    let (_world, app) = World::axb().await;
    let longer = app.ask("POST", AXB, &padded_bind(BODY_BYTES_MAX + 1)).await;
    assert!(is(&longer, (413, "1010002")));
    assert!(is(&app.ask("POST", AXB, &padded_bind(BODY_BYTES_MAX)).await, (200, "0")));
}

#[tokio::test]
async fn a_chunked_body_over_64_kib_is_refused_and_one_that_never_ends_is_cut() {
    let (_world, app) = World::axb().await;
    let head = format!(
        "POST {AXB} HTTP/1.1\r\nHost: h\r\n{}Transfer-Encoding: chunked\r\n\r\n",
        lines(&app.signed())
    );
    let mut connection = Connection::to(app.gateway()).await;
    connection.send(head).await;
    let chunk = [format!("{:x}\r\n", 16_384).as_bytes(), &[b' '; 16_384], b"\r\n"].concat();
    for _ in 0..64 {
        connection.send(&chunk).await;
    }
    assert!(is(&connection.answer().await.unwrap(), (413, "1010002")));
    still_serves(&app).await;
}

#[tokio::test]
async fn a_body_that_promises_terabytes_is_refused_at_once() {
    let (_world, app) = World::axb().await;
    for length in ["1000000000000", "18446744073709551615", "99999999999999999999999", "-1", "ten"] {
        let signed = lines(&app.signed());
        let head = format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{signed}Content-Length: {length}\r\n\r\n");
        let (status, code) = exchange(app.gateway(), head).await.code();
        assert!([400, 413, 431].contains(&status) && code == "1010002", "{length}: {status}");
    }
    still_serves(&app).await;
}

#[tokio::test]
async fn headers_over_16_kib_or_more_than_a_hundred_are_refused() {
    let (_world, app) = World::axb().await;
    let long = [("X-Long".to_owned(), "x".repeat(20_000))];
    let many: Vec<_> = (0..101).map(|n| (format!("X-{n}"), "x".to_owned())).collect();
    for headers in [&long[..], &many[..]] {
        let answer = exchange(app.gateway(), request("GET", AXB, headers, b"")).await;
        assert!(is(&answer, (431, "1010002")));
    }
    let target = format!("{AXB}?{}", "x".repeat(20_000));
    assert!(is(&exchange(app.gateway(), request("GET", &target, &[], b"")).await, (431, "1010002")));
    still_serves(&app).await;
}

#[tokio::test]
async fn a_slow_body_is_told_so_and_a_slow_head_is_cut() {
    let limits = "limits.header_read_secs = 0.05\nlimits.body_read_secs = 0.05\nlimits.idle_secs = 0.05";
    let (_world, app) = World::one_app("AXB", limits).await;
    let mut slow_body = Connection::to(app.gateway()).await;
    let signed = lines(&app.signed());
    slow_body.send(format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{signed}Content-Length: 9\r\n\r\n{{")).await;
    assert!(is(&slow_body.answer().await.unwrap(), (408, "1010002")));
    assert!(slow_body.is_closed().await);

    let mut slow_head = Connection::to(app.gateway()).await;
    slow_head.send(format!("GET {AXB} HTTP/1.1\r\nHost:")).await;
    assert!(slow_head.is_closed().await);
    let mut silent = Connection::to(app.gateway()).await;
    assert!(silent.is_closed().await);
    still_serves(&app).await;
}

/// A thousand, or fewer where the system does not let a process open so many files.
fn many_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_024);
    1_000.min(files / 4)
}

#[tokio::test]
async fn a_thousand_idle_connections_are_kept_and_hinder_nobody() {
    let (_world, app) = World::axb().await;
    let mut idle = Vec::new();
    for _ in 0..many_connections() {
        idle.push(Connection::to(app.gateway()).await);
    }
    still_serves(&app).await;
    let last = idle.last_mut().unwrap();
    last.send(request("GET", &format!("{AXB}?subscriptionId=none"), &app.signed(), b"")).await;
    assert!(is(&last.answer().await.unwrap(), (403, "1012007")), "an idle one is still good");
}

#[tokio::test]
async fn one_connection_too_many_is_told_to_come_back_later() {
    let (_world, app) = World::one_app("AXB", "limits.connections_max = 2").await;
    let target = format!("{AXB}?subscriptionId=none");
    let kept = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{}\r\n", lines(&app.signed()));
    let mut seated = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::to(app.gateway()).await;
        connection.send(&kept).await;
        assert!(is(&connection.answer().await.unwrap(), (403, "1012007")));
        seated.push(connection);
    }
    let mut turned_away = Connection::to(app.gateway()).await;
    assert!(is(&turned_away.answer().await.unwrap(), (403, "1010010")));
    assert!(turned_away.is_closed().await);
    seated[0].send(&kept).await;
    assert!(is(&seated[0].answer().await.unwrap(), (403, "1012007")));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let (_world, app) = World::axb().await;
    let mut requests = String::new();
    for n in 0..100 {
        let body = json!({"callerNum": format!("+8613800001{n:03}"), "calleeNum": format!("+8613800002{n:03}"),
            "relationNum": X, "duration": 1000 + n})
        .to_string();
        let head = format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{}", lines(&app.signed()));
        requests += &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    }
    let mut connection = Connection::to(app.gateway()).await;
    connection.send(requests).await;
    for n in 0..100 {
        assert_eq!(connection.answer().await.unwrap().json()["duration"], 1000 + n);
    }
}

/// A world in a runtime of its own, for tests that try many inputs on it. Nobody is banned in it, so that the
/// inputs get as far as they can.
struct Laboratory {
    runtime: Runtime,
    world: World,
    app: Customer,
}

impl Laboratory {
    fn new(mode: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let (world, app) = runtime.block_on(World::one_app(mode, "auth.ban.failures = 1000000"));
        Self { runtime, world, app }
    }

    fn listeners(&self) -> [SocketAddr; 3] {
        [self.app.gateway(), self.world.switch().address(), self.world.operator().address()]
    }

    /// Sends bytes and an end to each listener, and looks at all that comes back.
    fn bombard(&self, address: SocketAddr, bytes: &[u8]) -> Vec<Answer> {
        self.runtime.block_on(async {
            let mut connection = Connection::to(address).await;
            connection.send(bytes).await;
            connection.finish().await;
            let mut answers = Vec::new();
            while let Some(answer) = connection.answer().await {
                answers.push(answer);
            }
            answers
        })
    }

    fn try_many<S: Strategy>(&self, cases: u32, strategy: &S, test: impl Fn(S::Value)) {
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
        let mut runner = TestRunner::new(config);
        let tried = runner.run(strategy, |value| {
            test(value);
            Ok(())
        });
        tried.unwrap();
        self.runtime.block_on(still_serves_either(&self.app));
    }
}

/// The app of either mode still gets the answer it should.
async fn still_serves_either(app: &Customer) {
    let (axb, ax) = (app.get(AXB, "subscriptionId=none").await, app.get(AX, "subscriptionId=none").await);
    let codes = [axb.code().1, ax.code().1];
    assert!(codes == ["1012007", "1010040"] || codes == ["1010040", "1016001"], "{codes:?}");
}

#[test]
fn random_bytes_get_a_refusal_in_json_or_a_close() {
    let laboratory = Laboratory::new("AXB");
    laboratory.try_many(150, &vec(any::<u8>(), 1..600), |bytes| {
        for address in laboratory.listeners() {
            for answer in laboratory.bombard(address, &bytes) {
                assert!((400..500).contains(&answer.status), "{} to {bytes:?}", answer.status);
                assert!(answer.json().is_object());
            }
        }
    });
}

#[test]
fn a_good_request_that_was_damaged_on_the_way_never_brings_a_500() {
    let laboratory = Laboratory::new("AXB");
    let damage = vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6);
    laboratory.try_many(300, &damage, |damage| {
        let body = padded_bind(200);
        let mut bytes = request("POST", AXB, &laboratory.app.signed(), &body);
        for (place, byte, kind) in &damage {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = *byte,
                1 => bytes.insert(at, *byte),
                _ => drop(bytes.remove(at)),
            }
        }
        for answer in laboratory.bombard(laboratory.app.gateway(), &bytes) {
            assert!(answer.status < 500, "{damage:?}");
            answer.code();
        }
    });
}

const NUMBERS: &[&str] =
    &["+8613800000001", "+8613800000002", X, "+86", "13800000001", "", " 8613800000003"];

/// Any JSON, not too large.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..8_i64).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        proptest::sample::select(NUMBERS).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z]{1,12}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// A request whose members have the right names and any values.
fn any_members(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    vec((proptest::sample::select(names), any_json()), 0..12).prop_map(|members| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
    })
}

const CUSTOMER_MEMBERS: &[&str] = &[
    "callerNum",
    "calleeNum",
    "relationNum",
    "origNum",
    "privateNum",
    "privateNumType",
    "areaCode",
    "areaMatchMode",
    "callDirection",
    "duration",
    "recordFlag",
    "recordHintTone",
    "maxDuration",
    "lastMinVoice",
    "privateSms",
    "preVoice",
    "userData",
    "calleeNumDisplay",
    "turnFlag",
    "subscriptionId",
    "pageIndex",
    "pageSize",
];

#[test]
fn whatever_stands_in_the_members_of_a_request_the_answer_is_documented() {
    for (mode, targets) in [("AXB", &[AXB][..]), ("AX", &[AX, AX_CALLEE][..])] {
        let laboratory = Laboratory::new(mode);
        laboratory.try_many(60, &any_members(CUSTOMER_MEMBERS), |members| {
            for &target in targets {
                for method in ["POST", "PUT", "DELETE"] {
                    let body = members.to_string();
                    let asked = laboratory.app.ask(method, target, body.as_bytes());
                    let answer = laboratory.runtime.block_on(asked);
                    assert!(answer.status < 500, "{method} {target} {members}");
                    answer.code();
                }
            }
        });
    }
}

#[test]
fn whatever_stands_in_a_query_the_answer_is_documented() {
    let laboratory = Laboratory::new("AXB");
    let parameters = vec((proptest::sample::select(CUSTOMER_MEMBERS), "[!-\"$-~]{0,20}"), 0..8);
    laboratory.try_many(100, &parameters, |parameters| {
        let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for method in ["GET", "DELETE"] {
            let target = format!("{AXB}?{}", query.join("&"));
            let answer = laboratory.runtime.block_on(laboratory.app.ask(method, &target, b""));
            assert!(answer.status < 500, "{method} {target}");
            answer.code();
        }
    });
}

const SWITCH_MEMBERS: &[&str] = &[
    "callId", "caller", "called", "ts", "eventId", "event", "sip", "q850", "by", "domain", "bucket", "object",
    "startedAt", "seconds", "numbers", "number", "status", "cause",
];

#[test]
fn the_switch_always_gets_an_answer_that_does_not_block_its_queue() {
    let laboratory = Laboratory::new("AXB");
    let token = ("Authorization".to_owned(), format!("Bearer {SWITCH_TOKEN}"));
    laboratory.try_many(60, &any_members(SWITCH_MEMBERS), |members| {
        for path in ["route", "events", "recordings", "numbers/status"] {
            for body in [members.clone(), json!([members])] {
                let target = format!("/switch/v1/{path}");
                let bytes = request("POST", &target, std::slice::from_ref(&token), body.to_string().as_bytes());
                let answers = laboratory.bombard(laboratory.world.switch().address(), &bytes);
                assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200], "{path} {body}");
            }
        }
    });
}

#[test]
fn whatever_an_operator_sends_the_answer_is_json_and_no_500() {
    let laboratory = Laboratory::new("AXB");
    let token = ("Authorization".to_owned(), format!("Bearer {OPERATOR_TOKEN}"));
    let names = &["name", "mode", "appKey", "ipWhitelist", "recording", "cdrUrl", "numbers", "status", "cause"];
    laboratory.try_many(60, &any_members(names), |members| {
        for path in ["apps", "numbers", &format!("numbers/{X}/status"), "nothing"] {
            let target = format!("/operator/v1/{path}");
            let bytes = request("POST", &target, std::slice::from_ref(&token), members.to_string().as_bytes());
            for answer in laboratory.bombard(laboratory.world.operator().address(), &bytes) {
                assert!(answer.status < 500, "{path} {members}: {}", answer.text());
                assert!(answer.json().is_object());
            }
        }
    });
}
