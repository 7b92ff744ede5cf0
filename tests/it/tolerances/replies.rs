//! Section E: what every reply must be.

use serde_json::{Value, json};

use crate::world::http::Answer;
use crate::world::{A, AX, AX_CALLEE, AXB, B, World, X};

/// 34, 36, 37: exactly 200, a body, a string of digits, ASCII, no byte order mark.
fn succeeded(answer: &Answer) -> Value {
    assert_eq!(answer.code(), (200, "0".into()), "{}", answer.text());
    assert!(
        answer.text().starts_with("{\"resultcode\":\"0\",\"resultdesc\":\"Success\""),
        "{}",
        answer.text()
    );
    answer.json()
}

// 34, 36, 37
#[tokio::test]
async fn every_success_is_200_with_an_envelope() {
    let (_world, axb) = World::axb().await;
    let bound = axb.post(AXB, &json!({"callerNum": A, "calleeNum": B, "relationNum": X})).await;
    let id = succeeded(&bound)["subscriptionId"].clone();
    succeeded(&axb.put(AXB, &json!({"subscriptionId": id, "maxDuration": 1})).await);
    let query = format!("subscriptionId={}", id.as_str().unwrap());
    succeeded(&axb.get(AXB, &query).await);
    succeeded(&axb.delete(AXB, &query).await);

    let (_world, ax) = World::ax().await;
    succeeded(&ax.post(AX, &json!({"origNum": A, "privateNum": X})).await);
    succeeded(&ax.put(AX, &json!({"privateNum": X, "maxDuration": 1})).await);
    succeeded(&ax.put(AX_CALLEE, &json!({"privateNum": X, "calleeNum": B})).await);
    succeeded(&ax.get(AX, "privateNum=%2B8617000000001").await);
    succeeded(&ax.delete(AX, "privateNum=%2B8617000000001").await);
}

// 35, 36, 37
#[tokio::test]
async fn every_failure_is_an_envelope_with_a_code_of_digits() {
    let (_world, app) = World::axb().await;
    for (method, target, body, expected) in [
        ("POST", AXB, "", (403, "1010002")),
        ("POST", AXB, "[]", (403, "1010002")),
        ("GET", AXB, "", (403, "1010002")),
        ("DELETE", AXB, "", (403, "1012001")),
        ("PUT", AXB, "{\"subscriptionId\":\"none\"}", (403, "1012007")),
        ("POST", AX, "{}", (403, "1010040")),
        ("PATCH", AXB, "", (404, "1010002")),
        ("GET", "/", "", (404, "1010002")),
        ("OPTIONS", "*", "", (404, "1010002")),
    ] {
        let answer = app.ask(method, target, body.as_bytes()).await;
        assert_eq!(answer.code(), (expected.0, expected.1.into()), "{method} {target} {body}");
        let members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["resultcode", "resultdesc"]);
    }
    let unsigned = app.ask_with(&Vec::new(), "GET", AXB, b"").await;
    assert_eq!(unsigned.code(), (400, "1023006".into()));
}

// 38
#[tokio::test]
async fn the_answer_to_a_bind_has_the_members_that_clients_cannot_do_without() {
    let (_world, axb) = World::axb().await;
    let answer = axb.post(AXB, &json!({"callerNum": A, "calleeNum": B, "relationNum": X})).await.json();
    assert!(answer["subscriptionId"].is_string());
    assert_eq!(answer["relationNum"], X);
    for member in ["duration", "callDirection", "maxDuration"] {
        assert_eq!(answer[member].to_string(), "0", "{member} is a whole number");
    }
    let (_world, ax) = World::ax().await;
    let answer = ax.post(AX, &json!({"origNum": A, "privateNum": X})).await.json();
    assert!(answer["subscriptionId"].is_string());
    assert_eq!((&answer["privateNum"], &answer["origNum"]), (&json!(X), &json!(A)));
}

// 39
#[tokio::test]
async fn a_query_that_finds_something_has_list_and_count_and_one_that_finds_nothing_is_no_success() {
    let (world, axb) = World::axb().await;
    let id = axb.bind_axb_for(X, A, B, 60).await;
    let query = format!("subscriptionId={id}");
    let found = axb.get(AXB, &query).await.json();
    assert_eq!((&found["totalCount"], found["relationNumList"].as_array().unwrap().len()), (&json!(1), 1));
    world.advance(std::time::Duration::from_secs(60)).await;
    for query in [
        query.as_str(),
        "subscriptionId=0167ecc9-0000-4eec-b671-0a7dab2ba78c",
        "relationNum=%2B8617000000001",
    ] {
        assert_eq!(axb.get(AXB, query).await.code(), (403, "1012007".into()), "{query}");
    }
}
