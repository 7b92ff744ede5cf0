//! A flush that hangs, as on a disk that has lost its controller: nothing fails, nothing returns. Seen from outside, over
//! HTTP; `tests/sim/engine.rs` has the same for many at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::http::{Answer, Headers, exchange, request, soon};
use crate::world::{A, AXB, B, Customer, FEE, Frost, Reaction, SMS_CONTROL, STATUS, Switch, World, X};

/// How long anybody waits for the disk (proto-docs/switch.md, customer.md, operator.md).
const PATIENCE: Duration = Duration::from_secs(20);
/// A millisecond less.
const NEARLY: Duration = Duration::from_millis(19_999);
const OTHERS: [&str; 2] = ["+8613800000003", "+8613800000004"];

struct Frozen {
    world: World,
    app: Customer,
    frost: Frost,
}

impl Frozen {
    /// A world in which A and B are bound on X.
    async fn new() -> Self {
        let frost = Frost::default();
        let world = World::on(&frost).await;
        let app = world.app("AXB", &Value::Null).await;
        world.number(&app, X).await;
        app.bind_axb(X, A, B).await;
        Self { world, app, frost }
    }

    /// What is answered to a request that has to be written while the disk hangs. It is the only one, so the commit
    /// that hangs is its own.
    async fn answered<T: Send + 'static>(&self, asked: impl Future<Output = T> + Send + 'static) -> T {
        self.frost.freeze();
        let asked = tokio::spawn(asked);
        self.world.until_a_commit_runs().await;
        self.world.pass(NEARLY);
        let call = format!("at-{}", self.world.now().millis());
        assert_eq!(
            self.world.switch().route(&call, A, X).await["action"],
            "connect",
            "routes come from memory"
        );
        assert_eq!(self.bound().await, json!(1), "queries come from memory");
        assert!(!asked.is_finished(), "answered before it was durable");
        self.world.pass(Duration::from_millis(1));
        let answer = soon(asked).await.unwrap();
        self.frost.thaw();
        self.world.advance(Duration::ZERO).await;
        answer
    }

    async fn bound(&self) -> Value {
        let query = format!("relationNum=%2B{}&pageSize=100", &X[1..]);
        self.app.get(AXB, &query).await.json().get("totalCount").cloned().unwrap_or(json!(0))
    }

    async fn ready(&self) -> Answer {
        let address = self.world.operator().address();
        exchange(address, request("GET", "/readyz", &Headers::new(), b"")).await
    }
}

#[tokio::test]
async fn a_bind_that_waits_for_a_disk_that_hangs_is_answered_in_time_and_stands_once_the_disk_goes_on() {
    let mut frozen = Frozen::new().await;
    let pair = json!({"callerNum": OTHERS[0], "calleeNum": OTHERS[1], "relationNum": X});
    let app = frozen.app.clone();
    let answer = frozen.answered(async move { app.post(AXB, &pair).await }).await;
    assert_eq!(answer.code(), (500, "1010001".into()));
    for restarts in [false, true] {
        if restarts {
            frozen.world.stop().await;
            frozen.world.start_again().await;
        }
        assert_eq!(frozen.bound().await, json!(2));
        let call = format!("afterwards-{restarts}");
        assert_eq!(frozen.world.switch().route(&call, OTHERS[0], X).await["action"], "connect");
    }
}

#[tokio::test]
async fn reports_that_wait_for_a_disk_that_hangs_are_asked_for_again_and_told_once() {
    let frozen = Frozen::new().await;
    frozen.world.switch().route("c", A, X).await;
    let (switch, events) = (frozen.world.switch(), Switch::answered("c", A, X));
    let reported = events.clone();
    let answer = frozen.answered(async move { switch.try_report(&reported).await.unwrap() }).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (503, json!("unavailable")));
    assert!(answer.text().contains("20 s"), "{}", answer.text());
    assert_eq!(frozen.world.switch().report(&events).await, [0, 5, 0]);
    frozen.world.advance(Duration::from_secs(1)).await;
    assert_eq!(frozen.world.pushed(STATUS).await.len(), 5);
    assert_eq!(frozen.world.pushed(FEE).await.len(), 1);
}

#[tokio::test]
async fn an_operator_who_waits_for_a_disk_that_hangs_is_told_that_it_may_still_be_done() {
    let frozen = Frozen::new().await;
    let (operator, path) = (frozen.world.operator(), format!("apps/{}", frozen.app.key));
    let change = async move { operator.ask("PATCH", &path, &json!({"name": "renamed"})).await };
    let answer = frozen.answered(change).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("may still do so"), "{}", answer.text());
    let path = format!("apps/{}", frozen.app.key);
    assert_eq!(frozen.world.operator().ask("GET", &path, &Value::Null).await.member("name"), "renamed");
}

#[tokio::test]
async fn an_operator_whose_bind_waits_for_a_disk_that_hangs_is_told_that_it_may_still_be_done() {
    let frozen = Frozen::new().await;
    let bind = json!({
        "appKey": frozen.app.key, "callerNum": OTHERS[0], "calleeNum": OTHERS[1], "relationNum": X,
    });
    let operator = frozen.world.operator();
    let answer = frozen.answered(async move { operator.ask("POST", "bindings", &bind).await }).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("may still do so"), "{}", answer.text());
    assert_eq!(frozen.bound().await, json!(2));
}

/// Nobody could ask for the secret later, and rotating once more would put an end to the one in use.
#[tokio::test]
async fn an_operator_who_rotates_a_secret_is_told_it_however_long_the_disk_hangs() {
    let frozen = Frozen::new().await;
    let (operator, path) = (frozen.world.operator(), format!("apps/{}/rotateSecret", frozen.app.key));
    frozen.frost.freeze();
    let rotated = tokio::spawn(async move { operator.ask("POST", &path, &json!({})).await });
    frozen.world.until_a_commit_runs().await;
    frozen.world.pass(PATIENCE + PATIENCE);
    frozen.frost.thaw();
    let answer = soon(rotated).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.json()["appSecret"].as_str().unwrap_or_default().is_empty(), "{}", answer.text());
}

/// Its decision is not durable, so the switch is not told it; but the customer was asked, and is not asked again.
#[tokio::test]
async fn a_message_whose_decision_waits_for_a_disk_that_hangs_is_asked_about_once() {
    let frost = Frost::default();
    let world = World::on(&frost).await;
    let app = world.sms_app("X", &Value::Null).await;
    world.sms_number(&app, X).await;
    let reply = r#"{"actions":{"operation":"vNumberRoute","message":{"called":"+8613800000002"}}}"#;
    world.receiver.react(SMS_CONTROL, Reaction::Answer(200, reply));
    let ask = || {
        let switch = world.switch();
        async move { switch.try_text("m-1", A, "hello").await }
    };
    frost.freeze();
    let first = tokio::spawn(ask());
    world.until_a_commit_runs().await;
    world.pass(PATIENCE);
    assert_eq!(soon(first).await.unwrap().status, 503);
    assert_eq!(soon(ask()).await.status, 503, "it still hangs");
    frost.thaw();
    world.advance(Duration::ZERO).await;
    assert_eq!(soon(ask()).await.json()["action"], "forward");
    assert_eq!(world.receiver.all(SMS_CONTROL).len(), 1);
}

#[tokio::test]
async fn a_disk_that_hangs_is_not_ready_with_the_reason_and_is_again_when_it_goes_on() {
    let frozen = Frozen::new().await;
    assert_eq!(frozen.ready().await.status, 200);
    frozen.frost.freeze();
    let (switch, events) = (frozen.world.switch(), Switch::callin("c", A, X));
    let report = tokio::spawn(async move { switch.report(&events).await });
    frozen.world.until_a_commit_runs().await;
    frozen.world.pass(Duration::from_secs(10));
    let answer = frozen.ready().await;
    let reason = "the disk hangs: a commit has been under way for 10 s";
    assert_eq!((answer.status, answer.json()), (503, json!({"ready": false, "reason": reason})));
    assert_eq!(frozen.world.metric("privnum_commit_running_seconds"), 10);

    frozen.frost.thaw();
    assert_eq!(soon(report).await.unwrap(), [1, 0, 0], "whoever still waits is answered");
    assert_eq!(frozen.ready().await.status, 200);
}

/// Only a probe shows it while nobody writes.
#[tokio::test]
async fn a_disk_that_hangs_while_nobody_writes_is_not_ready_either() {
    let frozen = Frozen::new().await;
    frozen.frost.freeze();
    let before = frozen.frost.probes();
    let address = frozen.world.operator().address();
    let asked = tokio::spawn(exchange(address, request("GET", "/readyz", &Headers::new(), b"")));
    soon(async {
        while frozen.frost.probes() == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    frozen.world.pass(Duration::from_secs(10));
    let answer = soon(asked).await.unwrap();
    let reason = "the store is unavailable: the disk hangs";
    assert_eq!((answer.status, answer.json()), (503, json!({"ready": false, "reason": reason})));
    frozen.frost.thaw();
    assert_eq!(frozen.ready().await.status, 200);
}
