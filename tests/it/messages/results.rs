//! What the app is told: each `sendResult`, exactly once per message.

use std::time::Duration;

use serde_json::{Value, json};

use super::{bind_owner, bind_pair, identifier, paired, results, told};
use crate::world::{A, AXB, AXE, B, Reaction, SMS, World, X};

#[tokio::test]
async fn what_came_of_a_message_is_told_with_the_documented_members_in_their_order() {
    let (world, app) = World::sms("AXB", &Value::Null).await;
    let subscription = bind_pair(&app, &json!({"userData": "order 7"})).await;
    let sent = identifier(&world.switch().text("m-1", B, "hello").await);
    assert_eq!(world.switch().message_sent(&sent, &json!({"sendResult": 0, "segments": 2})).await, [1, 0, 0]);
    let told = world.receiver.next(SMS).await.body;
    let expected = format!(
        r#"{{"appKey":"{}","smsEvent":{{"smsIdentifier":"{sent}","notificationMode":"Notify","calling":"{B}","called":"{A}","virtualNumber":"{X}","event":"TextSMS","timeStamp":"2026-01-02T03:04:05.250Z","subscriptionId":"{subscription}","extInfo":{{"extParas":[{{"key":"splitNum","value":"2"}},{{"key":"direction","value":"0"}}]}},"sendResult":0,"userData":"order 7"}}}}"#,
        app.key
    );
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_message_that_nothing_is_bound_for_is_told_as_the_documented_sample_has_it() {
    let (world, app) = paired().await;
    let stranger = "+8613800000009";
    let sent = identifier(&world.switch().text("m-1", stranger, "hello").await);
    let expected = format!(
        r#"{{"appKey":"{}","smsEvent":{{"smsIdentifier":"{sent}","notificationMode":"Notify","calling":"{stranger}","virtualNumber":"{X}","event":"TextSMS","timeStamp":"2026-01-02T03:04:05.250Z","extInfo":{{"extParas":[{{"key":"splitNum","value":"0"}},{{"key":"direction","value":"2"}}]}},"sendResult":2}}}}"#,
        app.key
    );
    assert_eq!(world.receiver.next(SMS).await.body, expected);
}

#[tokio::test]
async fn every_result_that_the_switch_can_report_reaches_the_app_as_it_is() {
    let (world, _app) = paired().await;
    for code in 0..=13 {
        let sent = identifier(&world.switch().text(&format!("m-{code}"), A, "hello").await);
        assert_eq!(world.switch().message_sent(&sent, &json!({"sendResult": code})).await, [1, 0, 0]);
        assert_eq!(world.switch().message_sent(&sent, &json!({"sendResult": 0})).await, [0, 1, 0]);
        let told = world.receiver.next(SMS).await.json()["smsEvent"].clone();
        let split = if code == 0 { "1" } else { "0" };
        let expected = json!([{"key": "splitNum", "value": split}, {"key": "direction", "value": "1"}]);
        assert_eq!((&told["sendResult"], &told["extInfo"]["extParas"]), (&json!(code), &expected));
        assert_eq!(world.metric(&format!("privnum_message_results_total{{result=\"{code}\"}}")), 1);
    }
    assert_eq!(results(&world).await, [] as [Value; 0]);
    assert_eq!(world.metric("privnum_messages_total{decision=\"forward\"}"), 14);
}

/// What becomes of a message from A, with the metric that counts it.
async fn fate(world: &World, id: &str, decision: &str) -> (String, Value) {
    let answer = world.switch().text(id, A, "hello").await;
    assert_eq!(world.metric(&format!("privnum_messages_total{{decision=\"{decision}\"}}")), 1);
    let told_app = world.receiver.next(SMS).await.json()["smsEvent"].clone();
    assert_eq!(told_app["smsIdentifier"], answer["smsIdentifier"]);
    (told(&answer).1, told_app["sendResult"].clone())
}

#[tokio::test]
async fn each_reason_to_drop_a_message_has_its_result() {
    let (world, app) = paired().await;
    let status = |code: &'static str| {
        let operator = world.operator();
        async move { operator.ask("POST", &format!("numbers/{X}/status"), &json!({"status": code})).await.status }
    };
    for (id, code) in [("m-1", "9"), ("m-2", "10")] {
        assert_eq!(status(code).await, 200);
        let answer = world.switch().text(id, A, "hello").await;
        assert_eq!(told(&answer), ("discard".into(), "3".into()));
    }
    assert_eq!(results(&world).await.len(), 2);
    assert_eq!(status("11").await, 200);
    assert_eq!(
        told(&world.switch().text("m-3", A, "hello").await).0,
        "forward",
        "a frozen X carries messages"
    );
    world.suspend(&app, true).await;
    assert_eq!(fate(&world, "m-4", "appSuspended").await, ("4".into(), json!(4)));
    world.suspend(&app, false).await;
    world.operator().ask("POST", &format!("apps/{}/freeze", app.key), &Value::Null).await;
    assert_eq!(fate(&world, "m-5", "accountFrozen").await, ("1".into(), json!(1)));
    world.operator().ask("POST", &format!("apps/{}/unfreeze", app.key), &Value::Null).await;
    world.change_app(&app, &json!({"sms": false})).await;
    assert_eq!(fate(&world, "m-6", "appWithoutSms").await, ("4".into(), json!(4)));
    world.change_app(&app, &json!({"sms": true})).await;
    let query = app.get(AXB, &format!("relationNum=%2B{}", &X[1..])).await.json();
    let subscription = query["relationNumList"][0]["subscriptionId"].as_str().unwrap().to_owned();
    app.put(AXB, &json!({"subscriptionId": subscription, "privateSms": "false"})).await;
    assert_eq!(fate(&world, "m-7", "bindingWithoutSms").await, ("11".into(), json!(11)));
    app.delete(AXB, &format!("subscriptionId={subscription}")).await;
    assert_eq!(fate(&world, "m-8", "noBinding").await, ("2".into(), json!(2)));
}

#[tokio::test]
async fn an_x_without_sms_ability_carries_no_message() {
    let world = World::new().await;
    let app = world.sms_app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    bind_pair(&app, &Value::Null).await;
    assert_eq!(fate(&world, "m-1", "numberWithoutSms").await, ("11".into(), json!(11)));
}

#[tokio::test]
async fn axe_has_no_messages() {
    let (world, app) = World::sms("AXE", &Value::Null).await;
    app.post(AXE, &json!({"bindNum": A, "virtualNum": X})).await;
    assert_eq!(fate(&world, "m-1", "appWithoutSms").await, ("4".into(), json!(4)));
}

#[tokio::test]
async fn at_the_expiry_instant_a_message_is_not_forwarded() {
    let (world, app) = World::sms("AXB", &Value::Null).await;
    bind_pair(&app, &json!({"duration": 60})).await;
    world.advance(Duration::from_millis(59_999)).await;
    assert_eq!(told(&world.switch().text("m-1", A, "hello").await).0, "forward");
    world.pass(Duration::from_millis(1));
    assert_eq!(told(&world.switch().text("m-2", A, "hello").await), ("discard".into(), "2".into()));
}

#[tokio::test]
async fn a_message_whose_result_never_comes_is_told_as_an_internal_error_after_an_hour() {
    let (mut world, _app) = paired().await;
    world.switch().text("m-1", A, "hello").await;
    assert_eq!(world.metric("privnum_messages_open"), 1);
    world.advance(Duration::from_millis(3_599_999)).await;
    assert_eq!(results(&world).await, [] as [Value; 0]);
    world.stop().await;
    world.start_again().await;
    world.advance(Duration::from_secs(61)).await;
    let told = results(&world).await;
    assert_eq!((told.len(), &told[0]["smsEvent"]["sendResult"]), (1, &json!(5)));
    assert_eq!(told[0]["smsEvent"]["extInfo"]["extParas"][0]["value"], "0");
    world.advance(Duration::from_secs(3_600)).await;
    assert_eq!((results(&world).await.len(), world.metric("privnum_messages_open")), (0, 0));
}

#[tokio::test]
async fn the_text_is_told_only_to_an_app_that_may_read_it_and_as_it_was_written() {
    let (world, app) = World::sms("AX", &Value::Null).await;
    bind_owner(&app).await;
    let content = |told: &Value| told["smsEvent"].get("smsContent").cloned();
    let sent = identifier(&world.switch().text("m-1", A, "hi@13800000002").await);
    world.switch().message_sent(&sent, &json!({"sendResult": 0})).await;
    assert_eq!(content(&results(&world).await[0]), None);
    world.change_app(&app, &json!({"smsContent": true})).await;
    let sent = identifier(&world.switch().text("m-2", A, "hi@13800000002").await);
    world.switch().message_sent(&sent, &json!({"sendResult": 0})).await;
    let told = results(&world).await.remove(0);
    assert_eq!(
        (content(&told), &told["smsEvent"]["userData"]),
        (Some(json!("hi@13800000002")), &json!("of A"))
    );
}

#[tokio::test]
async fn the_text_leaves_the_disk_with_the_result() {
    let (mut world, _app) = paired().await;
    let sent = identifier(&world.switch().text("m-1", A, "find me on the disk").await);
    let kept = |world: &World| -> i64 {
        let db = rusqlite::Connection::open(world.dir.path().join("data/privnum.db")).unwrap();
        db.query_row("SELECT count(*) FROM open_message WHERE text = 'find me on the disk'", [], |row| {
            row.get(0)
        })
        .unwrap()
    };
    assert_eq!(kept(&world), 1);
    world.switch().message_sent(&sent, &json!({"sendResult": 0})).await;
    world.switch().text("m-2", "+8613800000009", "find me on the disk").await;
    assert_eq!(kept(&world), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_result_is_pushed_again_on_the_schedule_listed_and_fetched() {
    let (world, app) = paired().await;
    world.receiver.react(SMS, Reaction::Answer(500, ""));
    let sent = identifier(&world.switch().text("m-1", A, "hello").await);
    world.switch().message_sent(&sent, &json!({"sendResult": 10})).await;
    let first = world.pushed(SMS).await.remove(0);
    world.receiver.react(SMS, Reaction::Answer(200, ""));
    world.advance(Duration::from_secs(60)).await;
    let second = world.pushed(SMS).await.remove(0);
    assert_eq!(first.body, second.body);
    assert_ne!(first.header("x-wsse"), second.header("x-wsse"));
    let path = format!("deliveries?kind=sms&sessionId={sent}");
    let listed = world.operator().ask("GET", &path, &Value::Null).await.json();
    let delivery = &listed["items"][0];
    assert_eq!((&delivery["state"], &delivery["kind"]), (&json!("delivered"), &json!("sms")));
    let fetched = app.get("/rest/notifications/v1", "").await.json();
    assert_eq!(fetched["items"][0]["kind"], "sms");
    assert_eq!(fetched["items"][0]["body"], first.json());
}

#[tokio::test]
async fn without_an_address_for_results_none_is_pushed() {
    let (world, app) = World::sms("AXB", &json!({"smsNotifyUrl": null})).await;
    bind_pair(&app, &Value::Null).await;
    let sent = identifier(&world.switch().text("m-1", A, "hello").await);
    assert_eq!(world.switch().message_sent(&sent, &json!({"sendResult": 0})).await, [1, 0, 0]);
    world.switch().text("m-2", "+8613800000009", "hello").await;
    assert_eq!(results(&world).await, [] as [Value; 0]);
    let fetched = app.get("/rest/notifications/v1", "").await.json();
    assert_eq!(fetched["items"], json!([]));
}
