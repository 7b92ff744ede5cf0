//! AXE.

use serde_json::{Value, json};

use super::{MINUTE, assert_members, ended, recorder};
use crate::calls::STRANGER;
use crate::world::{A, AXE, AXE_LIST, B, X};

/// A bind with every field but those that exclude each other or choose X.
fn everything() -> Value {
    json!({"bindNum": A, "virtualNum": X, "extendNum": "0042", "displayNumMode": "1", "recordFlag": "true",
        "recordHintTone": "rec.wav", "callbackTone": "nobody.wav", "timeUnit": "1", "bindExpiredTime": 60,
        "callbackExpiredTime": 30, "userData": "order 1"})
}

#[tokio::test]
async fn each_field_of_an_axe_bind_takes_effect() {
    let (world, app) = recorder("AXE").await;
    let answer = app.post(AXE, &everything()).await.json();
    let wanted = json!({"resultcode": "0", "virtualNum": X, "extendNum": "0042", "bindExpiredTime": 60,
        "callbackExpiredTime": 30});
    assert_members(&answer, &wanted);
    let nobody = world.switch().route("nobody", A, X).await;
    assert_members(&nobody, &json!({"action": "reject", "stateCode": 8019, "tone": "nobody.wav"}));
    let asked = world.switch().route("c", STRANGER, X).await;
    assert_members(&asked, &json!({"action": "collect", "digits": 4}));
    let route = world.switch().route_keyed("c", STRANGER, X, "0042").await;
    let wanted = json!({"callee": A, "displayNum": X, "recordFlag": 1, "recordTone": "rec.wav", "maxDuration": 0,
        "subscriptionId": answer["subscriptionId"]});
    assert_members(&route, &wanted);
    let (told, cdr) = ended(&world, "c", STRANGER).await;
    assert_eq!((&told["userData"], &cdr["userData"]), (&json!("order 1"), &json!("order 1")));
    assert_eq!(world.switch().route("back", A, X).await["callee"], STRANGER);
    world.advance(31 * MINUTE).await;
    assert_eq!(world.switch().route("too late", A, X).await["stateCode"], 8019, "callbackExpiredTime");
    world.advance(30 * MINUTE).await;
    world.switch().route("gone", STRANGER, X).await;
    assert_eq!(
        world.switch().route_keyed("gone", STRANGER, X, "0042").await["stateCode"],
        8022,
        "bindExpiredTime"
    );
}

#[tokio::test]
async fn each_member_of_an_axe_query_tells_what_was_bound() {
    let (_world, app) = recorder("AXE").await;
    let id = app.post(AXE, &everything()).await.member("subscriptionId");
    let members = json!({"subscriptionId": id, "virtualNum": X, "extendNum": "0042", "bindNum": A,
        "displayNumMode": "1", "recordFlag": "true", "recordHintTone": "rec.wav", "callbackTone": "nobody.wav",
        "timeUnit": "1", "bindExpiredTime": 60, "callbackExpiredTime": 30, "userData": "order 1"});
    let flat = app.get(AXE, &format!("subscriptionId={id}")).await.json();
    assert_members(&flat, &json!({"resultcode": "0", "resultdesc": "Success"}));
    assert_members(&flat, &members);
    let listed = app.get(AXE_LIST, &format!("virtualNum={}", X.replace('+', "%2B"))).await.json();
    assert_eq!(listed["extendNumList"], json!([members]));
    assert_eq!(listed.get("nextCusor"), None, "there is no further page");
}

#[tokio::test]
async fn each_field_of_an_axe_modify_takes_effect() {
    let (world, app) = recorder("AXE").await;
    let bound = app.post(AXE, &json!({"bindNum": A, "virtualNum": X, "extendNum": "0042"})).await.json();
    let mut change = everything();
    change.as_object_mut().unwrap().remove("bindNum");
    assert_eq!(app.put(AXE, &change).await.code(), (200, "0".into()), "virtualNum and extendNum select");
    let found =
        app.get(AXE, &format!("subscriptionId={}", bound["subscriptionId"].as_str().unwrap())).await.json();
    let wanted = json!({"displayNumMode": "1", "recordFlag": "true", "recordHintTone": "rec.wav",
        "callbackTone": "nobody.wav", "timeUnit": "1", "bindExpiredTime": 60, "callbackExpiredTime": 30,
        "userData": "order 1"});
    assert_members(&found, &wanted);
    let stand_in = json!({"subscriptionId": bound["subscriptionId"], "callbackNum": B});
    assert_eq!(app.put(AXE, &stand_in).await.code(), (200, "0".into()));
    assert_eq!(
        world.switch().route("nobody", A, X).await["callee"],
        B,
        "callbackNum instead of callbackTone"
    );
    world.advance(60 * MINUTE).await;
    let gone = app.get(AXE, &format!("subscriptionId={}", bound["subscriptionId"].as_str().unwrap())).await;
    assert_eq!(gone.code(), (403, "1016001".into()), "bindExpiredTime counts from the modify");
}
