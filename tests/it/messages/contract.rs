//! What the switch can rely on: the same answer however often it asks, and a decision whatever it sends.

use std::time::Duration;

use serde_json::{Value, json};

use super::{bind_owner, bind_pair, identifier, paired, results, told};
use crate::world::http::{exchange, request};
use crate::world::process::Process;
use crate::world::{A, B, SMS, Switch, World, X, configuration};

#[tokio::test]
async fn in_axb_each_party_reaches_the_other_under_x() {
    let (world, _app) = paired().await;
    let answer = world.switch().text("m-1", A, "I am at the gate @13800000009").await;
    let identifier = identifier(&answer);
    assert_eq!(identifier.len(), 32);
    let expected = json!({"action": "forward", "smsIdentifier": identifier, "to": B, "displayNum": X,
        "text": "I am at the gate @13800000009"});
    assert_eq!(answer, expected);
    let back = world.switch().text("m-2", B, "coming").await;
    assert_eq!((&back["to"], &back["displayNum"], &back["text"]), (&json!(A), &json!(X), &json!("coming")));
    assert_ne!(back["smsIdentifier"], answer["smsIdentifier"]);
    assert_eq!(results(&world).await, [] as [Value; 0], "nobody knows yet what comes of them");
}

#[tokio::test]
async fn in_ax_a_names_whom_it_writes_to_and_reads_who_has_written() {
    let (world, app) = World::sms("AX", &Value::Null).await;
    bind_owner(&app).await;
    let from_b = world.switch().text("m-1", B, "hello").await;
    assert_eq!((&from_b["to"], &from_b["text"]), (&json!(A), &json!(format!("hello[From{B}]"))));
    let to_b = world.switch().text("m-2", A, "hi@13800000002").await;
    assert_eq!((&to_b["to"], &to_b["displayNum"], &to_b["text"]), (&json!(B), &json!(X), &json!("hi")));
    let to_lent = world.switch().text("m-3", A, &format!("hi@{X}")).await;
    assert_eq!(told(&to_lent), ("discard".into(), "7".into()), "nobody writes to a number that is lent out");
}

#[tokio::test]
async fn a_message_asked_about_again_is_answered_the_same_and_told_once_also_after_a_restart() {
    let (mut world, app) = paired().await;
    let first = world.switch().text("m-1", A, "hello").await;
    let dropped = world.switch().text("m-2", "+8613800000009", "hello").await;
    app.delete(crate::world::AXB, &format!("relationNum=%2B{}", &X[1..])).await;
    for _ in 0..2 {
        assert_eq!(world.switch().text("m-1", A, "another text").await, first);
        assert_eq!(world.switch().text("m-2", "+8613800000009", "hello").await, dropped);
        world.stop().await;
        world.start_again().await;
    }
    assert_eq!(world.switch().message_sent(&identifier(&first), &json!({"sendResult": 0})).await, [1, 0, 0]);
    let told: Vec<_> =
        results(&world).await.iter().map(|told| told["smsEvent"]["sendResult"].clone()).collect();
    assert_eq!(told, [2, 0]);
}

#[tokio::test]
async fn a_message_whose_result_is_on_record_is_not_sent_once_more() {
    let (world, _app) = paired().await;
    let sent = world.switch().text("m-1", A, "hello").await;
    world.switch().message_sent(&identifier(&sent), &json!({"sendResult": 9})).await;
    let again = world.switch().text("m-1", A, "hello").await;
    assert_eq!(told(&again), ("discard".into(), "9".into()));
    assert_eq!(again["smsIdentifier"], sent["smsIdentifier"]);
}

#[tokio::test]
async fn a_message_is_remembered_for_an_hour_and_longer_while_its_result_is_awaited() {
    let (world, _app) = paired().await;
    let stranger = "+8613800000009";
    assert_eq!(told(&world.switch().text("m-1", stranger, "hello").await).1, "2");
    let first = world.switch().text("m-2", A, "hello").await;
    world.advance(Duration::from_secs(3_590)).await;
    world.switch().text("m-1", stranger, "hello").await;
    assert_eq!(results(&world).await.len(), 1);
    world.advance(Duration::from_secs(20)).await;
    world.switch().text("m-1", stranger, "hello").await;
    let told: Vec<_> =
        results(&world).await.iter().map(|told| told["smsEvent"]["sendResult"].clone()).collect();
    assert_eq!(told, [5, 2], "the sweep, and a new message");
    let late = world.switch().message_sent(&identifier(&first), &json!({"sendResult": 0})).await;
    assert_eq!(late, [0, 1, 0], "it has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_answered_survives_kill_9_with_its_text_and_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("privnum.toml"), configuration("")).unwrap();
    let mut world = World::begin(privnum::clock::Clock::system().now(), "", folder).await;
    let app = world.sms_app("AXB", &Value::Null).await;
    world.sms_number(&app, X).await;
    bind_pair(&app, &Value::Null).await;
    world.stop().await;
    let mut process = Process::serve(world.dir.path());
    let first = process.switch().text("m-1", A, "hello").await;
    assert_eq!(first["action"], "forward");
    process.kill();
    drop(process);

    let process = Process::serve(world.dir.path());
    assert_eq!(process.switch().text("m-1", A, "hello").await, first);
    assert_eq!(
        process.switch().message_sent(&identifier(&first), &json!({"sendResult": 0})).await,
        [1, 0, 0]
    );
    assert_eq!(
        process.switch().message_sent(&identifier(&first), &json!({"sendResult": 0})).await,
        [0, 1, 0]
    );
    assert_eq!(world.receiver.next(SMS).await.json()["smsEvent"]["smsIdentifier"], first["smsIdentifier"]);
}

#[tokio::test]
async fn whatever_the_switch_sends_is_answered_by_a_decision() {
    let (world, _app) = paired().await;
    let long = "长".repeat(2_000);
    let good = json!({"messageId": "m", "sender": A, "x": X, "text": "hello"});
    let with = |id: &str, name: &str, value: Value| {
        let mut body = good.clone();
        body["messageId"] = id.into();
        body[name] = value;
        body
    };
    for (body, action, whither) in [
        (json!({}), "discard", "5"),
        (json!([]), "discard", "5"),
        (json!("text"), "discard", "5"),
        (with("", "x", json!(X)), "discard", "5"),
        (with(&"m".repeat(257), "x", json!(X)), "discard", "5"),
        (with("1", "x", json!("+8617000000009")), "discard", "2"),
        (with("2", "x", json!("sip:x@y")), "discard", "2"),
        (with("3", "x", Value::Null), "discard", "2"),
        (with("4", "sender", json!("BANK")), "discard", "2"),
        (with("5", "sender", Value::Null), "discard", "2"),
        (with("6", "text", json!({"a": 1})), "discard", "10"),
        (with("7", "text", json!(format!("{long}x"))), "discard", "10"),
        (with("8", "text", json!(long)), "forward", B),
        (with("9", "text", Value::Null), "forward", B),
        (with("10", "text", json!("a\0b\u{1F600}\"\\")), "forward", B),
        (with("11", "segments", json!("99999999999")), "forward", B),
        (with("12", "segments", json!(-1)), "forward", B),
        (with("13", "ts", json!("yesterday")), "forward", B),
        (with("14", "sender", json!(&A[1..])), "forward", B),
        (with("15", "surplus", json!([1, 2])), "forward", B),
    ] {
        let answer = world.switch().message(&body).await;
        assert_eq!(told(&answer), (action.into(), whither.into()), "{body}: {answer}");
        if action == "forward" {
            assert_eq!(answer["text"], body["text"].as_str().unwrap_or_default());
        } else {
            assert!(answer["reason"].as_str().unwrap().len() > 10);
        }
    }
    for bytes in [&b"\xff\xfe"[..], b"{", b""] {
        let asked = request("POST", "/switch/v1/messages", &Switch::headers(), bytes);
        let answer = exchange(world.switch().address(), asked).await;
        assert_eq!((answer.status, told(&answer.json()).1), (200, "5".into()));
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_used_is_parked_and_changes_nothing() {
    let (world, _app) = paired().await;
    let sent = identifier(&world.switch().text("m-1", A, "hello").await);
    let result = |code: Value| json!({"sendResult": code});
    for body in [
        json!({}),
        json!([]),
        result(json!(14)),
        result(json!(-1)),
        result(json!("none")),
        result(json!(0.5)),
    ] {
        assert_eq!(world.switch().message_sent(&sent, &body).await, [0, 0, 1], "{body}");
    }
    for unknown in ["x", "%2e", &"f".repeat(32), &sent.to_uppercase()[1..]] {
        assert_eq!(world.switch().message_sent(unknown, &result(json!(0))).await, [0, 0, 1]);
    }
    assert_eq!(results(&world).await, [] as [Value; 0]);
    assert_eq!(world.switch().message_sent(&sent, &result(json!("0"))).await, [1, 0, 0]);
    assert_eq!(results(&world).await.len(), 1);
}

#[tokio::test]
async fn without_a_token_nothing_is_relayed() {
    let (world, _app) = paired().await;
    for target in ["/switch/v1/messages", "/switch/v1/messages/x/result"] {
        let asked = request("POST", target, &[], b"{}");
        assert_eq!(exchange(world.switch().address(), asked).await.status, 401);
    }
    let asked = request("GET", "/switch/v1/messages", &Switch::headers(), b"");
    assert_eq!(exchange(world.switch().address(), asked).await.status, 404);
}
