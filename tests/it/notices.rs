//! Fetching notices (proto-docs/customer.md, "Fetching notices").

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{A, B, Customer, FEE, NUMBER_STATUS, Reaction, STATUS, Switch, World, X};

const NOTICES: &str = "/rest/notifications/v1";

async fn fetch(app: &Customer, query: &str) -> Value {
    let answer = app.get(NOTICES, query).await;
    assert_eq!(answer.code(), (200, "0".into()), "{}", answer.text());
    answer.json()
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().unwrap().clone()
}

/// Follows from a cursor on until nothing comes. Returns the items and the cursor to go on with.
async fn follow(app: &Customer, cursor: &str, limit: usize) -> (Vec<Value>, String) {
    let (mut all, mut cursor) = (Vec::new(), cursor.to_owned());
    loop {
        let answer = fetch(app, &format!("after={cursor}&limit={limit}")).await;
        let found = items(&answer);
        answer["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
        if found.is_empty() {
            return (all, cursor);
        }
        all.extend(found);
    }
}

#[tokio::test]
async fn everything_that_was_and_will_be_pushed_is_fetched_in_order_as_it_is_pushed() {
    let (world, app) = World::axb().await;
    let nothing = fetch(&app, "").await;
    assert_eq!(items(&nothing), [] as [Value; 0]);
    app.bind_axb(X, A, B).await;
    world.receiver.react(FEE, Reaction::Answer(500, ""));
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.advance(Duration::from_secs(10)).await;
    world.operator().ask("POST", "numbers/8617000000001/status", &json!({"status": "9"})).await;
    world.quiet().await;

    let text = app.get(NOTICES, "").await.text();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let kinds: Vec<_> = items(&answer).iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["event", "event", "event", "event", "event", "cdr", "numStatus"]);
    let mut pushed = world.receiver.all(STATUS);
    pushed.extend(world.receiver.all(FEE));
    pushed.extend(world.receiver.all(NUMBER_STATUS));
    let mut rest = text.as_str();
    for push in &pushed {
        let at =
            rest.find(&format!("\"body\":{}", push.body)).unwrap_or_else(|| panic!("{}: {rest}", push.body));
        rest = &rest[at + push.body.len()..];
    }
    assert_eq!(pushed.len(), 7);
    assert_eq!(items(&answer)[0]["at"], "2026-01-02T03:04:05.000Z");
    assert_eq!(items(&answer)[6]["cursor"], answer["nextCursor"]);
    // The cursor that a reader of nothing got leads to the beginning.
    let from_the_start = follow(&app, nothing["nextCursor"].as_str().unwrap(), 3).await;
    assert_eq!(from_the_start.0, items(&answer));
}

#[tokio::test]
async fn a_reader_who_follows_misses_nothing_across_restarts_and_gets_nothing_twice() {
    let (mut world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    let (mut all, mut cursor) = follow(&app, "", 2).await;
    for call in 0..5 {
        world.switch().report(&Switch::answered(&format!("call-{call}"), A, X)).await;
        let (more, next) = follow(&app, &cursor, 2).await;
        (all, cursor) = (all.into_iter().chain(more).collect(), next);
        world.advance(Duration::from_secs(1)).await;
        if call % 2 == 1 {
            world.stop().await;
            world.start_again().await;
        }
    }
    all.extend(follow(&app, &cursor, 100).await.0);
    assert_eq!(all.len(), 30, "five events and a CDR of each call");
    assert_eq!(all, items(&fetch(&app, "limit=1000").await));
    // Any item's own cursor leads behind it.
    let third = all[2]["cursor"].as_str().unwrap();
    assert_eq!(items(&fetch(&app, &format!("after={third}&limit=4")).await), all[3..7]);
}

#[tokio::test]
async fn an_app_of_any_mode_fetches_its_own_notices_and_no_others() {
    let (world, app) = World::axb().await;
    let other = world.app("AX", &Value::Null).await;
    app.bind_axb(X, A, B).await;
    world.switch().report(&json!([Switch::callin("call-1", A, X)])).await;
    let mine = fetch(&app, "").await;
    assert_eq!(items(&mine).len(), 1);
    let theirs = fetch(&other, "").await;
    assert_eq!(items(&theirs), [] as [Value; 0]);
    let cursor = mine["nextCursor"].as_str().unwrap();
    let refused = other.get(NOTICES, &format!("after={cursor}")).await;
    assert_eq!(refused.code(), (403, "1010002".into()));
    assert!(refused.text().contains("Invalid request.after must be"), "{}", refused.text());
    assert_eq!(app.with_secret("wrong").get(NOTICES, "").await.code(), (401, "1010010".into()));
    drop(world.pushed(STATUS).await);
}

#[tokio::test]
async fn a_cursor_or_a_limit_that_cannot_be_used_is_refused_by_its_name() {
    let (_world, app) = World::axb().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("after=0", "after"),
        ("after=3701523456789012345", "after"),
        ("after=ffffffffffffffffffffffffffffffff", "after"),
        ("after=%00%FF", "after"),
    ] {
        let refused = app.get(NOTICES, query).await;
        assert_eq!(refused.code(), (403, "1010002".into()), "{query}");
        assert!(refused.text().contains(&format!("Invalid request.{name} ")), "{}", refused.text());
    }
    assert_eq!(app.post(NOTICES, &json!({})).await.code(), (404, "1010002".into()));
}

#[tokio::test]
async fn of_a_kind_without_a_url_nothing_is_kept_to_be_fetched() {
    let (world, app) = World::axb().await;
    world.change_app(&app, &json!({"callStatusUrl": null})).await;
    app.bind_axb(X, A, B).await;
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.advance(Duration::from_secs(10)).await;
    let kinds: Vec<_> = items(&fetch(&app, "").await).iter().map(|item| item["kind"].clone()).collect();
    assert_eq!(kinds, [json!("cdr")]);
    assert_eq!(world.pushed(FEE).await.len(), 1);
}

#[tokio::test]
async fn what_is_beyond_the_retention_is_not_given_and_a_cursor_from_then_still_leads_on() {
    let (world, app) = World::one_app("AXB", "retention.notices_days = 1").await;
    app.bind_axb(X, A, B).await;
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    let early = fetch(&app, "limit=2").await["nextCursor"].as_str().unwrap().to_owned();
    world.advance(Duration::from_secs(3 * 86_400)).await;
    world.switch().report(&json!([Switch::callin("call-2", A, X)])).await;
    world.advance(Duration::from_secs(120)).await;
    let kept = items(&fetch(&app, "").await);
    assert!(kept.iter().all(|item| item["at"].as_str().unwrap() > "2026-01-04"), "{kept:?}");
    assert_eq!(items(&fetch(&app, &format!("after={early}")).await), kept);
    assert!(!kept.is_empty());
    drop((world.pushed(STATUS).await, world.pushed(FEE).await));
}
