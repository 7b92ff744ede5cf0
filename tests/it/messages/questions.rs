//! Messages that only the customer can decide about: each is asked about once, and what the answer says is followed.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{bind_owner, identifier, results, told};
use crate::world::{A, B, Customer, Pushed, Reaction, SMS_CONTROL, World, X};

/// A world in which X belongs to A by AX.
async fn owned(settings: &Value) -> (World, Customer, String) {
    let (world, app) = World::sms("AX", settings).await;
    let subscription = bind_owner(&app).await;
    (world, app, subscription)
}

/// What becomes of a message from A that names nobody, when the customer answers so: the switch's answer, and what
/// the app is told at the end.
async fn decided(world: &World, id: &str, reaction: Reaction) -> (Value, Option<Value>) {
    world.receiver.react(SMS_CONTROL, reaction);
    let answer = world.switch().text(id, A, "hello").await;
    world.receiver.next(SMS_CONTROL).await;
    let result = results(world).await.pop().map(|told| told["smsEvent"]["sendResult"].clone());
    (answer, result)
}

#[tokio::test]
async fn the_question_has_the_documented_members_and_the_answer_is_followed() {
    let (world, app, subscription) = owned(&json!({"smsContent": true})).await;
    let reply = r#"{"actions":[{"operation":"vNumberRoute","message":{"called":"+8613800000002","calling":"+8613800000001"},"userData":"chosen"}]}"#;
    world.receiver.react(SMS_CONTROL, Reaction::Answer(200, reply));
    let answer = world.switch().text("m-1", A, "hello").await;
    let sent = identifier(&answer);
    let expected =
        json!({"action": "forward", "smsIdentifier": sent, "to": B, "displayNum": X, "text": "hello"});
    assert_eq!(answer, expected);
    let question = world.receiver.next(SMS_CONTROL).await;
    let expected = format!(
        r#"{{"appKey":"{}","smsEvent":{{"smsIdentifier":"{sent}","notificationMode":"Block","calling":"{A}","virtualNumber":"{X}","event":"TextSMS","timeStamp":"2026-01-02T03:04:05.250Z","subscriptionId":"{subscription}","smsContent":"hello","extInfo":{{"extParas":[{{"key":"splitNum","value":"1"}},{{"key":"direction","value":"1"}}]}},"userData":"of A"}}}}"#,
        app.key
    );
    assert_eq!(question.body, expected);
    assert!(question.header("x-wsse").contains(&app.key));
    world.switch().message_sent(&sent, &json!({"sendResult": 0})).await;
    let told = &results(&world).await[0]["smsEvent"];
    assert_eq!(
        (&told["called"], &told["sendResult"], &told["userData"]),
        (&json!(B), &json!(0), &json!("chosen"))
    );
    let shown = world.operator().ask("GET", &format!("messages/{sent}"), &Value::Null).await.json();
    assert_eq!((&shown["question"]["status"], &shown["question"]["failure"]), (&json!(200), &Value::Null));
    assert_eq!(shown["question"]["answer"], reply);
    assert_eq!(world.metric("privnum_questions_total{kind=\"message\",result=\"answered\"}"), 1);
}

#[tokio::test]
async fn in_x_mode_the_customer_decides_about_every_message() {
    let (world, app) = World::sms("X", &Value::Null).await;
    let reply = r#"{"actions":{"operation":"vNumberRoute","message":{"called":"+8613800000002"}}}"#;
    world.receiver.react(SMS_CONTROL, Reaction::Answer(200, reply));
    let answer = world.switch().text("m-1", A, "hello@13800000009").await;
    assert_eq!((&answer["to"], &answer["displayNum"]), (&json!(B), &json!(X)));
    assert_eq!(answer["text"], "hello@13800000009", "what is behind the @ means something in AX only");
    world.switch().message_sent(&identifier(&answer), &json!({"sendResult": 9, "segments": 1})).await;
    let told = results(&world).await.remove(0);
    let expected = json!({"appKey": app.key, "smsEvent": {"smsIdentifier": answer["smsIdentifier"],
        "notificationMode": "Notify", "calling": A, "called": B, "virtualNumber": X, "event": "TextSMS",
        "timeStamp": "2026-01-02T03:04:05.250Z", "sendResult": 9, "extInfo": {"extParas":
        [{"key": "splitNum", "value": "1"}, {"key": "direction", "value": "1"}]}}});
    assert_eq!(told, expected);
    world.switch().text("m-2", "", "who am I?").await;
    assert_eq!(
        results(&world).await[0]["smsEvent"]["sendResult"],
        2,
        "nobody is asked about a hidden sender"
    );
    assert_eq!(world.receiver.all(SMS_CONTROL).len(), 1);
}

#[tokio::test]
async fn every_answer_comes_to_its_documented_result() {
    let (world, _app, _) = owned(&Value::Null).await;
    let route = |message: &'static str| -> Reaction { Reaction::Answer(200, message) };
    for (n, (reaction, code)) in [
        (route(r#"{"actions":[{"operation":"DiscardMessage"}]}"#), 6),
        (route(r#"{"actions":{"operation":"DiscardMessage"}}"#), 6),
        (route(r#"{"actions":[{"operation":"vNumberRoute"}]}"#), 10),
        (route(r#"{"actions":[{"operation":"vNumberRoute","message":{}}]}"#), 10),
        (route(r#"{"actions":[{"operation":"vNumberRoute","message":{"called":"nobody"}}]}"#), 10),
        (route(r#"{"actions":[{"operation":"vNumberRoute","message":{"called":"+8617000000001"}}]}"#), 10),
        (route(r#"{"actions":[{"operation":"vNumberRoute","message":{"called":"+8613800000001"}}]}"#), 10),
        (
            route(
                r#"{"actions":[{"operation":"vNumberRoute","message":{"called":"+8613800000002","calling":"+8613800000009"}}]}"#,
            ),
            10,
        ),
        (route(r#"{"actions":[]}"#), 7),
        (route(r#"{"actions":[{"operation":"connect"}]}"#), 7),
        (route(r#"{"actions":"x"}"#), 7),
        (route("{}"), 7),
        (route(""), 7),
        (route("Receive sms event. \n "), 7),
        (Reaction::Answer(500, r#"{"actions":[{"operation":"DiscardMessage"}]}"#), 7),
        (Reaction::Close, 7),
    ]
    .into_iter()
    .enumerate()
    {
        let case = format!("{reaction:?}");
        let (answer, result) = decided(&world, &format!("m-{n}"), reaction).await;
        assert_eq!(told(&answer), ("discard".into(), code.to_string()), "{case}");
        assert_eq!(result, Some(json!(code)), "{case}");
    }
    let shown = world.operator().ask("GET", "messages?result=7&limit=1", &Value::Null).await.json();
    let path = format!("messages/{}", shown["items"][0]["smsIdentifier"].as_str().unwrap());
    let shown = world.operator().ask("GET", &path, &Value::Null).await.json();
    assert_eq!((&shown["cause"], shown["question"]["failure"].is_string()), (&json!("noDecision"), true));
}

#[tokio::test]
async fn a_customer_that_does_not_answer_in_time_loses_the_message_and_delays_no_other() {
    let world = World::with("callback.question_timeout_secs = 0.5").await;
    let app = world.sms_app("AX", &Value::Null).await;
    world.sms_number(&app, X).await;
    bind_owner(&app).await;
    let other = world.sms_app("X", &json!({"smsControlUrl": world.receiver.url("/other")})).await;
    world.sms_number(&other, "+8617000000002").await;
    let drop_it = r#"{"actions":[{"operation":"DiscardMessage"}]}"#;
    world.receiver.react("/other", Reaction::Answer(200, drop_it));
    let (answer, result) = decided(&world, "m-1", Reaction::Hang(Arc::new(Semaphore::new(0)))).await;
    assert_eq!((told(&answer), result), (("discard".into(), "7".into()), Some(json!(7))));
    assert_eq!(world.switch().text("m-1", A, "hello").await, answer, "it is not asked again");
    assert_eq!(world.receiver.all(SMS_CONTROL), []);
    let body = json!({"messageId": "m-2", "sender": B, "x": "+8617000000002", "text": "hello"});
    assert_eq!(told(&world.switch().message(&body).await), ("discard".into(), "6".into()));
}

#[tokio::test]
async fn a_message_is_asked_about_once_however_often_the_switch_asks_meanwhile() {
    let (world, _app, _) = owned(&Value::Null).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(SMS_CONTROL, Reaction::Hang(Arc::clone(&release)));
    let ask = || {
        let switch = world.switch();
        tokio::spawn(async move { switch.text("m-1", A, "hello").await })
    };
    let first = ask();
    world.receiver.next(SMS_CONTROL).await;
    let second = ask();
    release.add_permits(1);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((told(&first).1, &first), ("7".into(), &second), "an empty answer says nothing");
    assert_eq!(world.receiver.all(SMS_CONTROL), []);
    assert_eq!(results(&world).await.len(), 1);
}

#[tokio::test]
async fn an_app_without_an_address_for_questions_is_not_asked() {
    let (world, _app, _) = owned(&json!({"smsControlUrl": null})).await;
    assert_eq!(told(&world.switch().text("m-1", A, "hello").await), ("discard".into(), "7".into()));
    assert_eq!(results(&world).await[0]["smsEvent"]["sendResult"], 7);
}

#[tokio::test]
async fn what_ends_while_the_customer_thinks_is_ended_for_the_message() {
    let (world, app, subscription) = owned(&Value::Null).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(SMS_CONTROL, Reaction::Hang(Arc::clone(&release)));
    let switch = world.switch();
    let asked = tokio::spawn(async move { switch.text("m-1", A, "hello").await });
    world.receiver.next(SMS_CONTROL).await;
    let unbound = app.delete(crate::world::AX, &format!("subscriptionId={subscription}")).await;
    assert_eq!(unbound.code().1, "0");
    release.add_permits(1);
    assert_eq!(told(&asked.await.unwrap()), ("discard".into(), "2".into()));
}

#[tokio::test]
async fn a_question_is_no_delivery_and_no_notice_to_fetch() {
    let (world, app, _) = owned(&json!({"smsNotifyUrl": null})).await;
    decided(&world, "m-1", Reaction::Answer(200, "")).await;
    let listed = world.operator().ask("GET", "deliveries", &Value::Null).await.json();
    assert_eq!(listed["items"], json!([]));
    assert_eq!(app.get("/rest/notifications/v1", "").await.json()["items"], json!([]));
    assert_eq!(world.pushed(SMS_CONTROL).await, [] as [Pushed; 0]);
}

#[tokio::test]
async fn an_app_whose_number_goes_to_another_while_it_is_asked_does_not_decide_about_the_message() {
    let (world, _) = World::sms("X", &Value::Null).await;
    let heir = world.app("X", &json!({"sms": true})).await;
    let release = Arc::new(Semaphore::new(0));
    let reply = r#"{"actions":[{"operation":"vNumberRoute","message":{"called":"+8613800000002"}}]}"#;
    world.receiver.react(SMS_CONTROL, Reaction::HangThen(Arc::clone(&release), reply.into()));
    let switch = world.switch();
    let asking = tokio::spawn(async move { switch.text("m-1", A, "hello").await });
    world.receiver.next(SMS_CONTROL).await;
    let moved =
        world.operator().ask("POST", "numbers/8617000000001/move", &json!({"appKey": heir.key})).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    release.add_permits(1);
    assert_eq!(told(&asking.await.unwrap()), ("discard".to_owned(), "7".to_owned()));
}
