//! AXB.

use serde_json::{Value, json};

use super::{MINUTE, SECOND, assert_members, ended, recorder};
use crate::world::{A, AXB, B, X};

const OTHER: &str = "+8613800000003";

/// A bind with every field but those that choose X.
fn everything() -> Value {
    json!({"callerNum": A, "calleeNum": B, "relationNum": X, "callDirection": 1, "duration": 600,
        "recordFlag": "true", "recordHintTone": "rec.wav", "maxDuration": 5, "lastMinVoice": "last.wav",
        "privateSms": "false", "preVoice": {"callerHintTone": "a.wav", "calleeHintTone": "b.wav"},
        "userData": "order 1"})
}

#[tokio::test]
async fn each_field_of_an_axb_bind_takes_effect() {
    let (world, app) = recorder("AXB").await;
    let answer = app.post(AXB, &everything()).await.json();
    assert_members(
        &answer,
        &json!({"relationNum": X, "callDirection": 1, "duration": 600, "maxDuration": 5}),
    );
    let route = world.switch().route("c", A, X).await;
    let wanted = json!({"action": "connect", "callee": B, "displayNum": X, "maxDuration": 300, "recordFlag": 1,
        "recordTone": "rec.wav", "lastMinuteTone": "last.wav", "callerTone": "a.wav",
        "subscriptionId": answer["subscriptionId"]});
    assert_members(&route, &wanted);
    assert_eq!(world.switch().route("against", B, X).await["stateCode"], 8016, "callDirection 1");
    let (told, cdr) = ended(&world, "c", A).await;
    assert_eq!((&told["userData"], &cdr["userData"]), (&json!("order 1"), &json!("order 1")));
    world.advance(600 * SECOND).await;
    assert_eq!(world.switch().route("late", A, X).await["stateCode"], 8014, "duration is over");
}

#[tokio::test]
async fn each_member_of_an_axb_query_tells_what_was_bound() {
    let (_world, app) = recorder("AXB").await;
    let id = app.post(AXB, &everything()).await.member("subscriptionId");
    let answer = app.get(AXB, &format!("subscriptionId={id}")).await.json();
    let head = json!({"resultcode": "0", "resultdesc": "Success", "app_key": app.key, "totalCount": 1,
        "pageIndex": 1, "pageSize": 50});
    assert_members(&answer, &head);
    let wanted = json!({"subscriptionId": id, "relationNum": X, "callerNum": A, "calleeNum": B, "callDirection": 1,
        "duration": 600, "maxDuration": 5, "recordFlag": "true", "recordHintTone": "rec.wav",
        "lastMinVoice": "last.wav", "privateSms": "false",
        "preVoice": {"callerHintTone": "a.wav", "calleeHintTone": "b.wav"},
        "subscribeTime": "2026-01-02 03:04:05", "userData": "order 1"});
    assert_eq!(answer["relationNumList"], json!([wanted]));
}

#[tokio::test]
async fn each_field_of_an_axb_modify_takes_effect() {
    let (world, app) = recorder("AXB").await;
    let id = app.bind_axb(X, B, OTHER).await;
    let mut change = everything();
    change["subscriptionId"] = id.as_str().into();
    change["callDirection"] = 2.into();
    world.advance(MINUTE).await;
    assert_eq!(app.put(AXB, &change).await.code(), (200, "0".into()));
    let route = world.switch().route("c", B, X).await;
    let wanted = json!({"action": "connect", "callee": A, "maxDuration": 300, "recordFlag": 1,
        "recordTone": "rec.wav", "lastMinuteTone": "last.wav", "callerTone": "b.wav"});
    assert_members(&route, &wanted);
    assert_eq!(world.switch().route("against", A, X).await["stateCode"], 8016, "callDirection 2");
    let found = app.get(AXB, &format!("subscriptionId={id}")).await.json()["relationNumList"][0].clone();
    let wanted = json!({"callerNum": A, "calleeNum": B, "callDirection": 2, "duration": 600, "maxDuration": 5,
        "recordFlag": "true", "privateSms": "false", "subscribeTime": "2026-01-02 03:05:05", "userData": "order 1"});
    assert_members(&found, &wanted);
    assert_eq!(world.switch().route("gone", OTHER, X).await["stateCode"], 8014, "the former B");
    world.advance(599 * SECOND).await;
    assert_eq!(world.switch().route("in time", B, X).await["action"], "connect", "counted from the modify");
    world.advance(SECOND).await;
    assert_eq!(world.switch().route("late", B, X).await["stateCode"], 8014);
}
