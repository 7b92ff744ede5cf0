//! AXYB through the real listeners: two steps of a bind, a Y for an unknown B who calls, calls both ways, their ends.

mod bindings;
mod calls;
mod staff;

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{A, AXYB, B, Customer, World, at};

const SECOND: Duration = Duration::from_secs(1);
const OTHER_A: &str = "+8613800000003";
const OTHER_B: &str = "+8613800000004";

/// The `n`th number of a world.
fn number(n: u32) -> String {
    format!("+861700000000{n}")
}

/// A world with one AXYB app that has so many numbers in area 0755.
async fn axyb(numbers: u32) -> (World, Customer) {
    axyb_with(numbers, &Value::Null).await
}

async fn axyb_with(numbers: u32, more: &Value) -> (World, Customer) {
    let world = World::new().await;
    // Just after what the switch reports has happened.
    world.set_time(at("2026-01-02T03:05:41Z")).await;
    let app = world.app("AXYB", more).await;
    for n in 1..=numbers {
        world.number(&app, &number(n)).await;
    }
    (world, app)
}

fn target(app: &Customer) -> String {
    format!("{AXYB}?app_key={}", app.key)
}

async fn try_bind(app: &Customer, body: &Value) -> Value {
    app.post(&target(app), body).await.json()
}

/// Gives A an X, with more members. Returns its subscriptionId and X.
async fn bind_x(app: &Customer, a: &str, more: Value) -> (String, String) {
    let mut body = json!({"origNum": a, "areaCode": "0755"});
    merge(&mut body, &more);
    bound(&try_bind(app, &body).await)
}

/// Gives B a Y. Returns it.
async fn bind_y(app: &Customer, subscription: &str, b: &str, more: Value) -> String {
    let mut body = json!({"origNum": b, "subscriptionId": subscription});
    merge(&mut body, &more);
    let (id, y) = bound(&try_bind(app, &body).await);
    assert_eq!(id, subscription, "both steps have one id");
    y
}

fn bound(answer: &Value) -> (String, String) {
    assert_eq!(answer["resultcode"], "0", "{answer}");
    (text(answer, "subscriptionId"), text(answer, "relationNumber"))
}

/// A with an X, and B with a Y.
async fn bind_both(app: &Customer) -> (String, String, String) {
    let (subscription, x) = bind_x(app, A, json!({})).await;
    let y = bind_y(app, &subscription, B, json!({})).await;
    (subscription, x, y)
}

async fn query(app: &Customer, which: &str) -> Value {
    app.get(AXYB, &format!("app_key={}&{which}", app.key)).await.json()
}

/// The rows of the answer to a query.
async fn rows(app: &Customer, which: &str) -> Vec<Value> {
    let answer = query(app, which).await;
    assert_eq!(answer["resultcode"], "0", "{answer}");
    answer["xyRelationNumList"].as_array().unwrap().clone()
}

async fn unbind(app: &Customer, which: &str) -> (u16, String) {
    app.delete(AXYB, &format!("app_key={}&{which}", app.key)).await.code()
}

fn merge(body: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}
