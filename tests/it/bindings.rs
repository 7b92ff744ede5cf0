//! Bindings over time: raced for, kept across restarts, ended at their second (the rules themselves are tested
//! beside them in `domain/`, their answers in the examples).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{A, AX, AXB, B, Customer, World, X};

/// How many strangers race.
const RACERS: u32 = 24;

/// Posts all bodies at once. Returns the result codes with how often each came, and the X numbers given out.
async fn race(
    app: &Customer,
    target: &'static str,
    bodies: Vec<Value>,
) -> (BTreeMap<String, u32>, Vec<String>) {
    let mut racers = JoinSet::new();
    for body in bodies {
        let app = app.clone();
        racers.spawn(async move { app.post(target, &body).await });
    }
    let (mut codes, mut numbers) = (BTreeMap::new(), Vec::new());
    for answer in racers.join_all().await {
        *codes.entry(answer.code().1).or_default() += 1;
        let answer = answer.json();
        let x = answer["relationNum"].as_str().or(answer["privateNum"].as_str());
        numbers.extend(x.map(str::to_owned));
    }
    numbers.sort();
    (codes, numbers)
}

fn counts(codes: &[(&str, u32)]) -> BTreeMap<String, u32> {
    codes.iter().map(|&(code, count)| (code.to_owned(), count)).collect()
}

fn stranger(n: u32) -> String {
    format!("+8613900000{n:03}")
}

#[tokio::test]
async fn of_many_binds_of_one_party_on_one_x_exactly_one_wins() {
    let (world, app) = World::axb().await;
    let bodies = (0..RACERS).map(|n| json!({"callerNum": A, "calleeNum": stranger(n), "relationNum": X}));
    let (codes, _) = race(&app, AXB, bodies.collect()).await;
    assert_eq!(codes, counts(&[("0", 1), ("1012010", RACERS - 1)]));
    assert_eq!(app.get(AXB, "relationNum=%2B8617000000001").await.json()["totalCount"], 1);
    drop(world);
}

#[tokio::test]
async fn of_many_who_want_one_ax_number_exactly_one_gets_it() {
    let (_world, app) = World::ax().await;
    let bodies = (0..RACERS).map(|n| json!({"origNum": stranger(n), "privateNum": X}));
    let (codes, _) = race(&app, AX, bodies.collect()).await;
    assert_eq!(codes, counts(&[("0", 1), ("1011005", RACERS - 1)]));
}

#[tokio::test]
async fn binds_that_leave_the_choice_to_us_never_put_a_party_on_one_x_twice() {
    let (world, app) = World::axb().await;
    let others = ["+8617000000002", "+8617000000003"];
    for x in others {
        world.number(&app, x).await;
    }
    let bodies = (0..RACERS).map(|n| json!({"callerNum": A, "calleeNum": stranger(n), "areaCode": "0755"}));
    let (codes, numbers) = race(&app, AXB, bodies.collect()).await;
    assert_eq!(codes, counts(&[("0", 3), ("1012008", RACERS - 3)]));
    assert_eq!(numbers, [X, others[0], others[1]]);
}

#[tokio::test]
async fn an_a_that_races_for_many_x_ends_with_five() {
    let (world, app) = World::ax().await;
    for n in 2..=8 {
        world.number(&app, &format!("+861700000000{n}")).await;
    }
    let body = json!({"origNum": A, "areaCode": "0755", "privateNumType": "mobile-virtual"});
    let (codes, numbers) = race(&app, AX, vec![body; 8]).await;
    assert_eq!((codes, numbers.len()), (counts(&[("0", 5), ("1011003", 3)]), 5));
}

#[tokio::test]
async fn a_binding_is_the_same_after_a_restart_and_ends_at_its_second() {
    let (mut world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "duration": 600, "callDirection": 1,
        "maxDuration": 9, "lastMinVoice": "last.wav", "userData": "order 17",
        "preVoice": {"callerHintTone": "a.wav", "calleeHintTone": "b.wav"}});
    let query = format!("subscriptionId={}", app.post(AXB, &body).await.member("subscriptionId"));
    let before = app.get(AXB, &query).await;
    assert_eq!(before.code(), (200, "0".into()));
    world.stop().await;
    world.start_again().await;
    assert_eq!(app.get(AXB, &query).await.text(), before.text());
    world.advance(Duration::from_secs(599)).await;
    assert_eq!(app.get(AXB, &query).await.text(), before.text());
    world.advance(Duration::from_secs(1)).await;
    assert_eq!(app.get(AXB, &query).await.code(), (403, "1012007".into()));
    app.bind_axb(X, A, "+8613800000003").await;
}

#[tokio::test]
async fn a_binding_that_expired_while_the_gateway_was_down_is_gone() {
    let (mut world, app) = World::axb().await;
    let id = app.bind_axb_for(X, A, B, 60).await;
    world.stop().await;
    world.pass_while_stopped(Duration::from_secs(60));
    world.start_again().await;
    assert_eq!(app.get(AXB, &format!("subscriptionId={id}")).await.code(), (403, "1012007".into()));
    assert_eq!(world.switch().route("c", A, X).await["stateCode"], 8014);
    app.bind_axb(X, A, B).await;
}

#[tokio::test]
async fn what_was_unbound_stays_unbound_after_a_restart() {
    let (mut world, app) = World::axb().await;
    let query = format!("subscriptionId={}", app.bind_axb(X, A, B).await);
    assert_eq!(app.delete(AXB, &query).await.code(), (200, "0".into()));
    world.stop().await;
    world.start_again().await;
    assert_eq!(app.get(AXB, &query).await.code(), (403, "1012007".into()));
    assert_eq!(world.switch().route("c", A, X).await["action"], "reject");
}

#[tokio::test]
async fn a_party_that_a_modify_replaced_meets_no_stranger_for_five_minutes_also_after_a_restart() {
    let (mut world, app) = World::axb().await;
    let id = app.bind_axb(X, A, B).await;
    let replaced = json!({"subscriptionId": id, "calleeNum": "+8613800000003"});
    assert_eq!(app.put(AXB, &replaced).await.code(), (200, "0".into()));
    let stranger = json!({"callerNum": B, "calleeNum": "+8613800000004", "areaCode": "0755"});
    assert_eq!(app.post(AXB, &stranger).await.code(), (403, "1012008".into()));
    world.stop().await;
    world.start_again().await;
    assert_eq!(app.post(AXB, &stranger).await.code(), (403, "1012008".into()));
    let ended = world.operator().ask("GET", "bindings?ended=true", &Value::Null).await.json();
    let members = ["subscriptionId", "partyB", "endCause"].map(|name| ended["items"][0][name].clone());
    assert_eq!(members, [json!(id), json!(B), json!("modified")]);
    world.advance(Duration::from_secs(300)).await;
    assert_eq!(app.post(AXB, &stranger).await.code(), (200, "0".into()));
    // The usage records show one modify, and no end.
    let rows = world.operator().ask("GET", "usage/bindings", &Value::Null).await.json();
    let kinds: Vec<_> =
        rows["items"].as_array().unwrap().iter().map(|row| row["operation"].clone()).collect();
    assert_eq!(kinds, [json!("bind"), json!("modify"), json!("bind")], "{rows}");
}
