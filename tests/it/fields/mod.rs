//! Every documented field of every operation: what it does, and that a value it cannot have is refused by its name
//! (proto-docs/coverage.md).

mod ax;
mod axb;
mod axe;
mod codes;
mod refusals;

use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::{cdrs, events};
use crate::world::{Customer, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A world with one app that may record and has the number [`X`].
async fn recorder(mode: &str) -> (World, Customer) {
    let world = World::new().await;
    let app = world.app(mode, &json!({"recording": true})).await;
    world.number(&app, X).await;
    (world, app)
}

/// Compares the members that are named.
#[track_caller]
fn assert_members(answer: &Value, wanted: &Value) {
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&answer[name], value, "{name} in {answer}");
    }
}

/// Lets a connected call be answered and end. Returns the statusInfo of its disconnect event, and its CDR.
async fn ended(world: &World, call: &str, caller: &str) -> (Value, Value) {
    world.switch().report(&Switch::answered(call, caller, X)).await;
    let told = events(world).await.into_values().next().unwrap();
    world.advance(SECOND).await;
    let cdr = cdrs(world).await.into_values().next().unwrap();
    (told.last().unwrap().json()["statusInfo"].clone(), cdr)
}
