//! AX.

use serde_json::{Value, json};

use super::{SECOND, assert_members, ended, recorder};
use crate::calls::STRANGER;
use crate::world::{A, AX, AX_CALLEE, B, X};

/// A bind with every field but those that choose X.
fn everything() -> Value {
    json!({"origNum": A, "privateNum": X, "recordFlag": "true", "recordHintTone": "rec.wav",
        "calleeNumDisplay": "1", "privateSms": "false", "maxDuration": 5, "lastMinVoice": "last.wav",
        "preVoice": {"callerHintTone": "a.wav", "calleeHintTone": "b.wav"}, "callDirection": 2,
        "turnFlag": "off", "userData": "order 1"})
}

#[tokio::test]
async fn each_field_of_an_ax_bind_takes_effect() {
    let (world, app) = recorder("AX").await;
    let answer = app.post(AX, &everything()).await.json();
    assert_members(&answer, &json!({"resultcode": "0", "origNum": A, "privateNum": X}));
    let route = world.switch().route("c", STRANGER, X).await;
    let wanted = json!({"action": "connect", "callee": A, "displayNum": X, "maxDuration": 300, "recordFlag": 1,
        "recordTone": "rec.wav", "lastMinuteTone": "last.wav", "callerTone": "b.wav",
        "subscriptionId": answer["subscriptionId"]});
    assert_members(&route, &wanted);
    assert_eq!(world.switch().route("against", A, X).await["stateCode"], 8016, "callDirection 2");
    let (told, cdr) = ended(&world, "c", STRANGER).await;
    assert_eq!((&told["userData"], &cdr["userData"]), (&json!("order 1"), &json!("order 1")));
}

#[tokio::test]
async fn each_member_of_an_ax_query_tells_what_was_bound() {
    let (_world, app) = recorder("AX").await;
    let id = app.post(AX, &everything()).await.member("subscriptionId");
    let wanted = json!({"origNum": A, "privateNum": X, "privateNumType": "mobile-virtual", "subscriptionId": id,
        "subscribeTime": "2026-01-02 03:04:05", "recordFlag": "true", "recordHintTone": "rec.wav",
        "calleeNumDisplay": "0", "privateSms": "false",
        "preVoice": {"callerHintTone": "a.wav", "calleeHintTone": "b.wav"}, "maxDuration": 5,
        "lastMinVoice": "last.wav", "callDirection": 2, "turnFlag": "off", "userData": "order 1"});
    let [a, x] = [A, X].map(|number| number.replace('+', "%2B"));
    for query in [format!("subscriptionId={id}"), format!("origNum={a}"), format!("privateNum={x}")] {
        assert_eq!(app.get(AX, &query).await.json()["privateNumList"], json!([wanted]), "{query}");
    }
}

#[tokio::test]
async fn each_field_of_an_ax_modify_takes_effect() {
    let (world, app) = recorder("AX").await;
    app.bind_ax(X, B).await;
    let mut change = everything();
    change.as_object_mut().unwrap().remove("calleeNumDisplay");
    assert_eq!(
        app.put(AX, &change).await.code(),
        (200, "0".into()),
        "privateNum selects, origNum is the new A"
    );
    let route = world.switch().route("c", STRANGER, X).await;
    let wanted = json!({"callee": A, "maxDuration": 300, "recordFlag": 1, "recordTone": "rec.wav",
        "lastMinuteTone": "last.wav", "callerTone": "b.wav"});
    assert_members(&route, &wanted);
    let found = app.get(AX, &format!("privateNum={}", X.replace('+', "%2B"))).await.json();
    let wanted = json!({"origNum": A, "privateSms": "false", "callDirection": 2, "turnFlag": "off",
        "userData": "order 1"});
    assert_members(&found["privateNumList"][0], &wanted);
}

#[tokio::test]
async fn each_field_of_a_temporary_callee_takes_effect() {
    let (world, app) = recorder("AX").await;
    let id = app.bind_ax(X, A).await;
    let by_id = json!({"subscriptionId": id, "origNum": A, "calleeNum": "+8695588", "duration": 5, "userData": "bank"});
    assert_eq!(app.put(AX_CALLEE, &by_id).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("bank", A, X).await["callee"], "+8695588");
    let (told, cdr) = ended(&world, "bank", A).await;
    assert_eq!((&told["userData"], &cdr["userData"]), (&json!("bank"), &json!("bank")));
    world.advance(5 * SECOND).await;
    assert_eq!(world.switch().route("late", A, X).await["stateCode"], 8019, "duration is over");
    let by_x = json!({"privateNum": X, "calleeNum": B});
    assert_eq!(app.put(AX_CALLEE, &by_x).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("x", A, X).await["callee"], B);
    let by_a = json!({"origNum": A, "calleeNum": STRANGER});
    assert_eq!(app.put(AX_CALLEE, &by_a).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("a", A, X).await["callee"], STRANGER);
    let other_a = json!({"privateNum": X, "origNum": B, "calleeNum": STRANGER});
    assert_eq!(app.put(AX_CALLEE, &other_a).await.code(), (403, "1016001".into()), "origNum is a check");
}
