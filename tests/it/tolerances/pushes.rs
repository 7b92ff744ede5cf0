//! Section G: what we push.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privnum::domain::signature::{Scheme, digest};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::world::{A, AXB, B, Customer, FEE, Pushed, Reaction, STATUS, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);
const STAGES: [&str; 5] = ["callin", "callout", "alerting", "answer", "disconnect"];

/// A world in which A has called B through X. Returns the five events and the CDR as they were pushed.
async fn after_a_call() -> (World, Customer, Vec<Pushed>, Pushed) {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "userData": "order 17"});
    assert_eq!(app.post(AXB, &body).await.status, 200);
    world.switch().route("c", A, X).await;
    assert_eq!(world.switch().report(&Switch::answered("c", A, X)).await, [5, 0, 0]);
    let mut events = Vec::new();
    for _ in STAGES {
        events.push(world.receiver.next(STATUS).await);
    }
    world.advance(SECOND).await;
    let cdr = world.receiver.next(FEE).await;
    (world, app, events, cdr)
}

// 44
#[tokio::test]
async fn a_receiver_that_takes_the_attributes_by_position_verifies_our_signature() {
    let (world, app, events, cdr) = after_a_call().await;
    for push in events.iter().chain([&cdr]) {
        assert!(push.header("Authorization").starts_with("WSSE realm=\"SDP\""));
        let texts: Vec<_> =
            push.header("X-WSSE").split(',').map(|part| part.split('"').nth(1).unwrap()).collect();
        let [username, sent, nonce, created] = texts.as_slice() else { panic!("{texts:?}") };
        assert_eq!(*username, app.key);
        assert_eq!(*sent, STANDARD.encode(digest(Scheme::Wsse, &app.secret, nonce, created)));
        let names: Vec<_> =
            push.header("X-WSSE").split(',').map(|part| part.split('=').next().unwrap()).collect();
        assert_eq!(names, ["UsernameToken Username", "PasswordDigest", "Nonce", "Created"]);
    }
    drop(world);
}

// 45
#[tokio::test]
async fn pushes_are_posts_of_json_with_a_length() {
    let (_world, _, events, cdr) = after_a_call().await;
    for push in events.iter().chain([&cdr]) {
        assert_eq!(push.method, "POST");
        assert!(push.header("Content-Type").starts_with("application/json"));
        assert_eq!(push.header("Content-Length"), push.body.len().to_string());
    }
}

// 46
#[tokio::test]
async fn any_200_is_success_whatever_its_body_and_nothing_else_is() {
    for body in ["", "Receive call event. \n ", "{\"result\":true}", "验签失败"] {
        assert_eq!(pushes_within_a_minute(Reaction::Answer(200, body)).await, 1, "{body:?}");
    }
    for reaction in
        [Reaction::Answer(500, ""), Reaction::Answer(201, ""), Reaction::Answer(302, ""), Reaction::Close]
    {
        assert_eq!(pushes_within_a_minute(reaction.clone()).await, 2, "{reaction:?}");
    }
}

async fn pushes_within_a_minute(reaction: Reaction) -> usize {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    world.receiver.react(STATUS, reaction);
    world.switch().report(&Switch::callin("c", A, X)).await;
    world.advance(Duration::from_secs(60)).await;
    world.pushed(STATUS).await.len()
}

// 47, 48
#[tokio::test]
async fn every_event_has_its_word_and_the_members_that_receivers_read() {
    let (_world, _, events, _) = after_a_call().await;
    assert_eq!(events.iter().map(Pushed::event).collect::<Vec<_>>(), STAGES);
    for push in &events {
        let status = &push.json()["statusInfo"];
        for member in ["sessionId", "timestamp", "caller", "called", "subscriptionId", "userData"] {
            assert!(status[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {status}");
        }
        assert_is_time(&status["timestamp"]);
        assert_eq!(
            push.event() == "disconnect",
            status["stateCode"].is_u64() && status["stateDesc"].is_string()
        );
    }
}

fn assert_is_time(value: &Value) {
    let shape: String =
        value.as_str().unwrap().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00 00:00:00");
}

// 49
#[tokio::test]
async fn a_single_cdr_comes_in_an_array() {
    let (_world, _, _, cdr) = after_a_call().await;
    assert_eq!(cdr.event(), "fee");
    assert_eq!(cdr.json()["feeLst"].as_array().unwrap().len(), 1);
}

// 50, 51
#[tokio::test]
async fn numbers_in_a_cdr_are_numbers_and_everything_else_is_text() {
    let (_world, _, _, cdr) = after_a_call().await;
    let cdr = cdr.json()["feeLst"][0].clone();
    let numbers = [
        "direction",
        "fwdUnaswRsn",
        "ulFailReason",
        "sipStatusCode",
        "callOutUnaswRsn",
        "recordFlag",
        "ttsPlayTimes",
        "ttsTransDuration",
    ];
    for (member, value) in cdr.as_object().unwrap() {
        assert_eq!(value.is_u64(), numbers.contains(&member.as_str()), "{member}");
        assert_eq!(value.is_string(), !numbers.contains(&member.as_str()), "{member}");
        if member.ends_with("Time") {
            assert_is_time(value);
        }
    }
    assert!(numbers.iter().all(|member| cdr.get(member).is_some()), "{cdr}");
}

// 52
#[tokio::test]
async fn the_cdr_of_an_answered_call_has_its_times_and_keeps_its_icid_on_a_re_push() {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "userData": "order 17"});
    let id = app.post(AXB, &body).await.member("subscriptionId");
    world.receiver.react(FEE, Reaction::Answer(500, ""));
    for call in ["c", "d"] {
        world.switch().route(call, A, X).await;
        world.switch().report(&Switch::answered(call, A, X)).await;
    }
    world.advance(SECOND).await;
    let first = world.receiver.next(FEE).await;
    world.advance(Duration::from_secs(60)).await;
    assert_eq!(world.receiver.next(FEE).await.body, first.body);
    let list = first.json()["feeLst"].clone();
    assert_ne!(list[0]["icid"], list[1]["icid"]);
    let expected = json!({"callInTime": "2026-01-02 03:05:00", "fwdAlertingTime": "2026-01-02 03:05:02",
        "fwdAnswerTime": "2026-01-02 03:05:08", "callEndTime": "2026-01-02 03:05:41", "ulFailReason": 0,
        "subscriptionId": id, "callerNum": A, "fwdDstNum": B, "userData": "order 17"});
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&list[0][member], value, "{member}");
    }
}

// 55
#[tokio::test]
async fn a_receiver_may_unbind_before_it_answers_a_push() {
    let (world, app) = World::axb().await;
    let id = app.bind_axb(X, A, B).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    world.switch().route("c", A, X).await;
    world.switch().report(&Switch::callin("c", A, X)).await;
    world.receiver.next(STATUS).await;
    assert_eq!(app.delete(AXB, &format!("subscriptionId={id}")).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("d", A, X).await["stateCode"], 8014);
    release.add_permits(1);
    world.quiet().await;
    assert!(world.receiver.left().is_empty(), "the push counts as delivered");
}
