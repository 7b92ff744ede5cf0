//! Short messages: relayed between people who see X only, each told to its app once.

mod contract;
mod questions;
mod results;

use serde_json::{Value, json};

use crate::world::{A, AX, AXB, B, Customer, Pushed, SMS, World, X};

/// Binds A and B on X; answers the subscriptionId.
async fn bind_pair(app: &Customer, more: &Value) -> String {
    let mut body = json!({"callerNum": A, "calleeNum": B, "relationNum": X});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    app.post(AXB, &body).await.member("subscriptionId")
}

/// Gives X to A; answers the subscriptionId.
async fn bind_owner(app: &Customer) -> String {
    app.post(AX, &json!({"origNum": A, "privateNum": X, "userData": "of A"})).await.member("subscriptionId")
}

/// A world in which A and B are bound on X by AXB.
async fn paired() -> (World, Customer) {
    let (world, app) = World::sms("AXB", &Value::Null).await;
    bind_pair(&app, &Value::Null).await;
    (world, app)
}

/// `action`, and where a forwarded message goes, or why a dropped one does not.
fn told(answer: &Value) -> (String, String) {
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    let whither = if answer["action"] == "forward" { text("to") } else { answer["sendResult"].to_string() };
    (text("action"), whither)
}

fn identifier(answer: &Value) -> String {
    answer["smsIdentifier"].as_str().unwrap().to_owned()
}

/// The results that the app was told, once there are no more to come.
async fn results(world: &World) -> Vec<Value> {
    world.pushed(SMS).await.iter().map(Pushed::json).collect()
}
