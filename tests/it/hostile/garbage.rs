//! Random input of all kinds: bytes, damaged requests, senseless members. A failing case is shrunk and printed.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::padded_bind;
use crate::world::http::{Answer, Connection, request};
use crate::world::{
    AX, AX_CALLEE, AXB, AXE, AXE_LIST, AXYB, Customer, OPERATOR_TOKEN, SWITCH_TOKEN, World, X,
};

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

/// The app of whichever mode still gets the answer it should.
async fn still_serves_either(app: &Customer) {
    let mut codes = Vec::new();
    for target in [AXB, AX, AXE, AXYB] {
        codes.push(app.get(target, &format!("app_key={}&subscriptionId=none", app.key)).await.code().1);
    }
    let of_mode = [
        ["1012007", "1010040", "1010040", "1010040"],
        ["1010040", "1016001", "1010040", "1010040"],
        ["1010040", "1010040", "1016001", "1010040"],
        ["1010040", "1010040", "1010040", "1016001"],
    ];
    assert!(of_mode.iter().any(|expected| codes == *expected), "{codes:?}");
}

#[test]
fn what_is_no_http_request_is_told_so() {
    let laboratory = Laboratory::new("AXB");
    let customer = laboratory.listeners()[0];
    let answer = laboratory.bombard(customer, b"no request\r\n\r\n").remove(0);
    assert_eq!(answer.code(), (400, "1010002".into()));
    assert_eq!(answer.member("resultdesc"), "Invalid request.Not an HTTP request.");
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

const NUMBERS: &[&str] = &["+8613800000001", "+8613800000002", X, "+86", "13800000001", "", " 8613800000003"];

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
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<serde_json::Map<_, _>>()
            .into()
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
    "bindNum",
    "virtualNum",
    "extendNum",
    "timeUnit",
    "bindExpiredTime",
    "callbackExpiredTime",
    "callbackTone",
    "callbackNum",
    "displayNumMode",
    "cursor",
    "limit",
    "ybDuration",
    "preVoiceX",
    "preVoiceY",
    "yNum",
    "bNum",
];

#[test]
fn whatever_stands_in_the_members_of_a_request_the_answer_is_documented() {
    for (mode, targets) in
        [("AXB", &[AXB][..]), ("AX", &[AX, AX_CALLEE][..]), ("AXE", &[AXE][..]), ("AXYB", &[AXYB][..])]
    {
        let laboratory = Laboratory::new(mode);
        laboratory.try_many(60, &any_members(CUSTOMER_MEMBERS), |members| {
            for &target in targets {
                for method in ["POST", "PUT", "DELETE"] {
                    let body = members.to_string();
                    let target = format!("{target}?app_key={}", laboratory.app.key);
                    let asked = laboratory.app.ask(method, &target, body.as_bytes());
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
    for (mode, targets) in [("AXB", &[AXB][..]), ("AXE", &[AXE, AXE_LIST][..]), ("AXYB", &[AXYB][..])] {
        let laboratory = Laboratory::new(mode);
        let parameters = vec((proptest::sample::select(CUSTOMER_MEMBERS), "[!-\"$-~]{0,20}"), 0..8);
        laboratory.try_many(100, &parameters, |parameters| {
            let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            for target in targets {
                for method in ["GET", "DELETE"] {
                    let target = format!("{target}?app_key={}&{}", laboratory.app.key, query.join("&"));
                    let answer = laboratory.runtime.block_on(laboratory.app.ask(method, &target, b""));
                    assert!(answer.status < 500, "{method} {target}");
                    answer.code();
                }
            }
        });
    }
}

const SWITCH_MEMBERS: &[&str] = &[
    "callId",
    "caller",
    "called",
    "extension",
    "digits",
    "ts",
    "eventId",
    "event",
    "sip",
    "q850",
    "by",
    "domain",
    "bucket",
    "object",
    "startedAt",
    "seconds",
    "numbers",
    "number",
    "status",
    "cause",
    "messageId",
    "sender",
    "x",
    "text",
    "segments",
    "sendResult",
];

#[test]
fn the_switch_always_gets_an_answer_that_does_not_block_its_queue() {
    let laboratory = Laboratory::new("AXE");
    let token = ("Authorization".to_owned(), format!("Bearer {SWITCH_TOKEN}"));
    laboratory.try_many(60, &any_members(SWITCH_MEMBERS), |members| {
        for path in ["route", "events", "recordings", "messages", "messages/m/result", "numbers/status"] {
            for body in [members.clone(), json!([members])] {
                let target = format!("/switch/v1/{path}");
                let bytes =
                    request("POST", &target, std::slice::from_ref(&token), body.to_string().as_bytes());
                let answers = laboratory.bombard(laboratory.world.switch().address(), &bytes);
                assert_eq!(
                    answers.iter().map(|answer| answer.status).collect::<Vec<_>>(),
                    [200],
                    "{path} {body}"
                );
            }
        }
    });
}

#[test]
fn whatever_an_operator_sends_the_answer_is_json_and_no_500() {
    let laboratory = Laboratory::new("AXB");
    let token = ("Authorization".to_owned(), format!("Bearer {OPERATOR_TOKEN}"));
    let names =
        &["name", "mode", "appKey", "ipWhitelist", "recording", "cdrUrl", "numbers", "status", "cause"];
    laboratory.try_many(60, &any_members(names), |members| {
        for path in ["apps", "numbers", &format!("numbers/{X}/status"), "nothing"] {
            let target = format!("/operator/v1/{path}");
            let bytes =
                request("POST", &target, std::slice::from_ref(&token), members.to_string().as_bytes());
            for answer in laboratory.bombard(laboratory.world.operator().address(), &bytes) {
                assert!(answer.status < 500, "{path} {members}: {}", answer.text());
                assert!(answer.json().is_object());
            }
        }
    });
}
