//! Refusals that no example file shows: each operation with each of its codes.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::http::{Answer, Connection, request};
use crate::world::{A, AX, AXB, AXE, AXE_LIST, B, Customer, World, X};

const RECORD: &str = "/rest/provision/voice/record/v1.0";
/// A number of nobody.
const FOREIGN_X: &str = "+8617000009999";

#[track_caller]
fn assert_code(answer: &Answer, code: &str) {
    assert_eq!(answer.code(), (403, code.into()), "{}", answer.text());
}

async fn freeze(world: &World, x: &str) {
    let frozen = json!({"status": "11"});
    assert_eq!(world.operator().ask("POST", &format!("numbers/{x}/status"), &frozen).await.status, 200);
}

fn encoded(x: &str) -> String {
    x.replace('+', "%2B")
}

#[tokio::test]
async fn an_x_holds_five_thousand_pairs_and_the_next_bind_is_told_so() {
    let (world, app) = World::axb().await;
    let mut clients = JoinSet::new();
    for client in 0..50 {
        let app: Customer = app.clone();
        clients.spawn(async move {
            for n in client * 100..(client + 1) * 100 {
                app.bind_axb(X, &format!("+86138{n:08}"), &format!("+86139{n:08}")).await;
            }
        });
    }
    clients.join_all().await;
    let one_more = json!({"callerNum": "+8613700000001", "calleeNum": "+8613700000002", "relationNum": X});
    assert_code(&app.post(AXB, &one_more).await, "1012009");
    let by_area = json!({"callerNum": "+8613700000001", "calleeNum": "+8613700000002", "areaCode": "0755"});
    assert_code(&app.post(AXB, &by_area).await, "1012008");
    let shown = world.operator().ask("GET", &format!("numbers/{X}"), &Value::Null).await.json();
    assert_eq!((&shown["bound"], &shown["capacity"]), (&json!(5_000), &json!(5_000)), "{shown}");
}

#[tokio::test]
async fn what_an_ax_app_may_not_do_has_its_code() {
    let (world, app) = World::ax().await;
    let recorded = json!({"origNum": A, "privateNum": X, "recordFlag": "true"});
    assert_code(&app.post(AX, &recorded).await, "1012012");
    app.bind_ax(X, A).await;
    assert_code(&app.put(AX, &json!({"privateNum": X, "recordFlag": "true"})).await, "1012012");
    for n in 2..=6 {
        let x = format!("+8617000000{n:03}");
        world.number(&app, &x).await;
        app.bind_ax(&x, B).await;
    }
    assert_code(&app.put(AX, &json!({"privateNum": X, "origNum": B})).await, "1011003");
    world.number(&app, "+8617000000007").await;
    freeze(&world, "+8617000000007").await;
    let frozen = json!({"origNum": A, "privateNum": "+8617000000007"});
    assert_code(&app.post(AX, &frozen).await, "1012102");
}

#[tokio::test]
async fn what_an_axe_app_may_not_do_has_its_code() {
    let (world, app) = World::one_app("AXE", "").await;
    let bind = json!({"bindNum": A, "virtualNum": X, "extendNum": "0042"});
    assert_eq!(app.post(AXE, &bind).await.code(), (200, "0".into()));
    let modify = |more: Value| {
        let mut body = json!({"virtualNum": X, "extendNum": "0042"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_code(&app.put(AXE, &json!({"userData": "u"})).await, "1010002");
    assert_code(&app.put(AXE, &modify(json!({"virtualNum": FOREIGN_X}))).await, "1012001");
    assert_code(&app.put(AXE, &modify(json!({"extendNum": "0043"}))).await, "1016001");
    assert_code(&app.put(AXE, &modify(json!({"recordFlag": "true"}))).await, "1012012");
    assert_code(&app.get(AXE_LIST, &format!("virtualNum={}", encoded(FOREIGN_X))).await, "1012001");
    world.number(&app, "+8617000000002").await;
    assert_code(&app.get(AXE_LIST, &format!("virtualNum={}", encoded("+8617000000002"))).await, "1016001");
    freeze(&world, X).await;
    assert_code(&app.post(AXE, &json!({"bindNum": B, "virtualNum": X})).await, "1012102");
}

#[tokio::test]
async fn an_app_without_recording_is_told_so_when_it_asks_for_a_link() {
    let (_world, app) = World::axb().await;
    assert_code(
        &app.get(RECORD, "recordDomain=privnum&fileName=26010203040512345678901.wav").await,
        "1012012",
    );
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_told_so() {
    let (_world, app) = World::axb().await;
    let whole = request("POST", AXB, &app.signed(), br#"{"callerNum":"+8613800000001"}"#);
    let mut connection = Connection::to(app.gateway()).await;
    connection.send(&whole[..whole.len() - 5]).await;
    connection.finish().await;
    let answer = connection.answer().await.unwrap();
    assert_eq!(answer.code(), (400, "1010002".into()));
    assert_eq!(answer.member("resultdesc"), "Invalid request.The body is cut short.");
}

#[tokio::test]
async fn of_what_is_given_twice_the_documented_one_counts() {
    let (world, app) = World::axb().await;
    world.number(&app, "+8617000000002").await;
    let twice =
        format!(r#"{{"callerNum":"{A}","calleeNum":"{B}","relationNum":"{FOREIGN_X}","relationNum":"{X}"}}"#);
    let bound = app.ask("POST", AXB, twice.as_bytes()).await;
    assert_eq!(bound.member("relationNum"), X, "of JSON members the last");
    let query = format!("relationNum={}&relationNum={}", encoded(X), encoded("+8617000000002"));
    assert_eq!(app.get(AXB, &query).await.json()["totalCount"], 1, "of query parameters the first");
}
