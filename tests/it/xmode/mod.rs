//! X mode through the real listeners: the customer is asked at each call, and its answer is followed.

mod calls;
mod replies;
mod trouble;

use serde_json::{Value, json};

use crate::world::{A, B, Customer, Pushed, Reaction, STATUS, World, X};

const OTHER_X: &str = "+8617000000002";

/// A world with one X-mode app that has two numbers.
async fn xmode(more: &Value) -> (World, Customer) {
    let world = World::new().await;
    let app = world.app("X", more).await;
    world.number(&app, X).await;
    world.number(&app, OTHER_X).await;
    (world, app)
}

/// The reply that connects to B, with further members of `connectInfo`.
fn connect(more: &Value) -> Value {
    let mut info = json!({"calleeNum": B});
    info.as_object_mut()
        .unwrap()
        .extend(more.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    json!({"operation": "connect", "connectInfo": info})
}

/// What the customer answers to questions from now on.
fn answers(world: &World, reply: &Value) {
    world.receiver.react(STATUS, Reaction::Decide(reply.to_string()));
}

/// The decision about a call from A, and the question that was asked.
async fn ask(world: &World, call: &str) -> (Value, Pushed) {
    let decision = world.switch().route(call, A, X).await;
    (decision, world.receiver.next(STATUS).await)
}

/// What operators see of a call.
async fn shown(world: &World, decision: &Value) -> Value {
    let path = format!("calls/{}", decision["sessionId"].as_str().unwrap());
    world.operator().ask("GET", &path, &Value::Null).await.json()
}
