//! AXE through the real listeners: from the bind over calls with an extension and calls back to the CDR.

mod bindings;
mod calls;

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{A, AXE, Customer, World, X, at};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const OTHER_A: &str = "+8613800000003";
const STAND_IN: &str = "+8613800000008";
const FOREIGN_X: &str = "+8617000000002";

async fn axe(digits: u8) -> (World, Customer) {
    let world = World::new().await;
    // Just after what the switch reports has happened.
    world.set_time(at("2026-01-02T03:05:41Z")).await;
    let app = world.app("AXE", &json!({"extensionDigits": digits})).await;
    world.number(&app, X).await;
    (world, app)
}

/// Binds A to X with more members. Returns the answer.
async fn bind(app: &Customer, more: Value) -> Value {
    let answer = try_bind(app, more).await;
    assert_eq!(answer["resultcode"], "0", "{answer}");
    answer
}

async fn try_bind(app: &Customer, more: Value) -> Value {
    let mut body = json!({"bindNum": A, "virtualNum": X});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    app.post(AXE, &body).await.json()
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}
