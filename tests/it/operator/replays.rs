//! Replays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, assert_refused, audit, each, get};
use crate::world::{A, B, Customer, FEE, Operator, Pushed, Reaction, Receiver, STATUS, Switch, World, X};

/// As many calls that came in, each with one event that was delivered. Takes the pushes.
async fn delivered(world: &World, app: &Customer, calls: u64) -> Vec<Pushed> {
    app.bind_axb(X, A, B).await;
    for call in 0..calls {
        world.switch().report(&json!([Switch::callin(&format!("call-{call}"), A, X)])).await;
    }
    let pushes = world.pushed(STATUS).await;
    assert_eq!(pushes.len() as u64, calls);
    pushes
}

async fn replay(operator: &Operator, body: &Value) -> Value {
    let made = operator.ask("POST", "replays", body).await;
    assert_eq!(made.status, 202, "{}", made.text());
    made.json()
}

/// Lets time pass until the replay is finished; at most so many steps.
async fn finish(world: &World, id: &str, step: Duration, steps: usize) -> Value {
    for _ in 0..steps {
        world.advance(step).await;
        world.quiet().await;
        let replay = get(&world.operator(), &format!("replays/{id}")).await;
        if replay["state"] == "finished" {
            return replay;
        }
    }
    panic!("not finished: {}", get(&world.operator(), &format!("replays/{id}")).await);
}

fn bodies(pushes: &[Pushed]) -> BTreeSet<&str> {
    pushes.iter().map(|push| push.body.as_str()).collect()
}

fn id_of(replay: &Value) -> String {
    replay["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_selected_delivery_is_pushed_once_more_and_no_other() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let first = delivered(&world, &app, 10).await;
    let made = replay(&operator, &json!({"appKey": app.key, "kind": "event", "state": "delivered"})).await;
    let expected = json!({"id": made["id"], "state": "running", "total": 10, "done": 0, "gone": 0,
        "ratePerSecond": 50, "createdAt": "2026-01-02T03:04:05.000Z", "endedAt": null,
        "filter": {"appKey": app.key, "kind": "event", "state": "delivered", "sessionId": null,
            "from": null, "to": null}});
    assert_eq!(made, expected);
    // What comes later is not among them.
    world.switch().report(&json!([Switch::callin("later", A, X)])).await;
    let id = id_of(&made);
    let finished = finish(&world, &id, Duration::from_millis(100), 20).await;
    assert_eq!((&finished["done"], &finished["gone"]), (&json!(10), &json!(0)));
    assert!(finished["endedAt"].is_string(), "{finished}");
    let mut again = world.pushed(STATUS).await;
    again.retain(|push| bodies(&first).contains(push.body.as_str()));
    assert_eq!((again.len(), bodies(&again)), (10, bodies(&first)));
    let deliveries = get(&operator, "deliveries").await;
    let pushes: Vec<_> = deliveries["items"].as_array().unwrap().iter().map(|it| &it["pushes"]).collect();
    assert_eq!(pushes[1..], vec![&json!(2); 10]);
    assert_eq!(audit(&operator).await[0], ("replay.create".into(), id.clone(), "10 deliveries".into()));
    world.advance(Duration::from_secs(60)).await;
    assert_eq!(world.pushed(STATUS).await, []);
    for verb in ["pause", "resume"] {
        let steered = operator.ask("POST", &format!("replays/{id}/{verb}"), &Value::Null).await;
        assert_refused(&steered, 409, "replay_finished", None);
    }
}

#[tokio::test]
async fn a_replay_keeps_its_rate_stops_when_paused_and_goes_on_when_resumed() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    delivered(&world, &app, 5).await;
    let id = id_of(&replay(&operator, &json!({"ratePerSecond": 1})).await);
    let second = Duration::from_secs(1);
    world.advance(second).await;
    world.advance(second).await;
    world.quiet().await;
    let before = get(&operator, &format!("replays/{id}")).await["done"].as_u64().unwrap();
    assert!((2..=3).contains(&before), "one at once and one each second: {before}");
    for _ in 0..2 {
        let paused = operator.ask("POST", &format!("replays/{id}/pause"), &Value::Null).await;
        assert_eq!((paused.status, paused.json()["state"].clone()), (200, json!("paused")));
    }
    world.advance(60 * second).await;
    assert_eq!(get(&operator, &format!("replays/{id}")).await["done"], before);
    drop(world.pushed(STATUS).await);
    for _ in 0..2 {
        let resumed = operator.ask("POST", &format!("replays/{id}/resume"), &Value::Null).await;
        assert_eq!((resumed.status, resumed.json()["state"].clone()), (200, json!("running")));
    }
    assert_eq!(finish(&world, &id, second, 3).await["done"], 5);
    assert_eq!(world.pushed(STATUS).await.len() as u64, 5 - before);
    let actions: Vec<_> = audit(&operator).await.into_iter().take(3).map(|(action, ..)| action).collect();
    assert_eq!(actions, ["replay.resume", "replay.pause", "replay.create"], "each once");
}

#[tokio::test]
async fn a_replay_goes_on_after_a_restart_and_counts_exactly() {
    let (mut world, app) = World::axb().await;
    let first = delivered(&world, &app, 9).await;
    let id = id_of(&replay(&world.operator(), &json!({"ratePerSecond": 2})).await);
    let mut again = Vec::new();
    for _ in 0..3 {
        world.advance(Duration::from_secs(1)).await;
        again.extend(world.pushed(STATUS).await);
        world.stop().await;
        world.start_again().await;
    }
    assert!((1..9).contains(&again.len()), "{}", again.len());
    let finished = finish(&world, &id, Duration::from_secs(1), 20).await;
    assert_eq!((&finished["done"], &finished["total"]), (&json!(9), &json!(9)));
    again.extend(world.pushed(STATUS).await);
    assert_eq!((again.len(), bodies(&again)), (9, bodies(&first)));
}

#[tokio::test]
async fn a_push_that_fails_counts_and_leaves_its_delivery_as_any_failed_push_does() {
    let (world, app) = World::one_app("AXB", "callback.schedule_minutes = [1]").await;
    let operator = world.operator();
    world.receiver.react(STATUS, Reaction::Answer(500, ""));
    delivered(&world, &app, 3).await;
    world.advance(Duration::from_secs(120)).await;
    assert_eq!(world.pushed(STATUS).await.len(), 3);
    let exhausted = json!({"state": "exhausted"});
    let id = id_of(&replay(&operator, &exhausted).await);
    let finished = finish(&world, &id, Duration::from_millis(100), 20).await;
    assert_eq!(finished["done"], 3);
    assert_eq!(world.pushed(STATUS).await.len(), 3);
    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    let id = id_of(&replay(&operator, &exhausted).await);
    assert_eq!(finish(&world, &id, Duration::from_millis(100), 20).await["done"], 3);
    assert_eq!(each(&get(&operator, "deliveries").await, "state"), ["delivered"; 3]);
    let nothing = replay(&operator, &exhausted).await;
    assert_eq!((&nothing["total"], &nothing["state"]), (&json!(0), &json!("finished")));
    assert_eq!(each(&get(&operator, "replays").await, "state"), ["finished"; 3]);
}

#[tokio::test]
async fn a_pending_delivery_is_hurried_by_a_replay() {
    let (world, app) = World::axb().await;
    world.receiver.react(STATUS, Reaction::Answer(500, ""));
    delivered(&world, &app, 2).await;
    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    let id = id_of(&replay(&world.operator(), &json!({"state": "pending"})).await);
    let finished = finish(&world, &id, Duration::from_millis(100), 20).await;
    assert_eq!((&finished["done"], &finished["total"]), (&json!(2), &json!(2)));
    assert_eq!(world.pushed(STATUS).await.len(), 2);
    world.advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(world.pushed(STATUS).await, [], "nothing follows a success");
}

#[tokio::test]
async fn what_happens_now_is_pushed_while_a_replay_waits_for_its_receiver() {
    let (world, app) = World::axb().await;
    let first = delivered(&world, &app, 30).await;
    let release = Arc::new(tokio::sync::Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    let made = replay(&world.operator(), &json!({"ratePerSecond": 1000})).await;
    world.receiver.next(STATUS).await;
    world.switch().report(&json!([Switch::callin("live", A, X)])).await;
    loop {
        let push = world.receiver.next(STATUS).await;
        if !bodies(&first).contains(push.body.as_str()) {
            break;
        }
    }
    let shown = get(&world.operator(), &format!("replays/{}", id_of(&made))).await;
    assert_eq!((&shown["done"], &shown["state"]), (&json!(0), &json!("running")), "{shown}");
    release.add_permits(1_000);
    let finished = finish(&world, &id_of(&made), Duration::from_millis(100), 60).await;
    assert_eq!(finished["done"], 30);
}

#[tokio::test]
async fn what_the_retention_removes_before_its_turn_is_counted_as_gone() {
    let (world, app) = World::one_app("AXB", "retention.notices_days = 1").await;
    let operator = world.operator();
    delivered(&world, &app, 3).await;
    let id = id_of(&replay(&operator, &json!({"ratePerSecond": 1, "kind": "event"})).await);
    operator.ask("POST", &format!("replays/{id}/pause"), &Value::Null).await;
    // One may have been taken before.
    let pushed = world.pushed(STATUS).await.len();
    assert!(pushed <= 1);
    world.advance(Duration::from_secs(3 * 86_400)).await;
    assert_eq!(get(&operator, "deliveries?kind=event").await["items"], json!([]));
    operator.ask("POST", &format!("replays/{id}/resume"), &Value::Null).await;
    let finished = finish(&world, &id, Duration::from_secs(1), 9).await;
    assert_eq!((&finished["done"], &finished["gone"]), (&json!(3), &json!(3 - pushed)));
}

#[tokio::test]
async fn a_replay_selects_by_every_condition_of_the_list_of_deliveries() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let other = world.app("AX", &json!({})).await;
    app.bind_axb(X, A, B).await;
    let session = world.switch().route("call-1", A, X).await["sessionId"].as_str().unwrap().to_owned();
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.advance(Duration::from_secs(60)).await;
    world.switch().report(&json!([Switch::callin("call-2", A, X)])).await;
    world.quiet().await;
    for (filter, total) in [
        (json!({}), 7),
        (json!({"kind": "cdr"}), 1),
        (json!({"sessionId": session}), 6),
        (json!({"sessionId": session, "kind": "event"}), 5),
        (json!({"appKey": other.key}), 0),
        (json!({"state": "exhausted"}), 0),
        (json!({"from": "2026-01-02T03:05:00Z"}), 2),
        (json!({"to": "2026-01-02T11:05:00+08:00", "appKey": app.key}), 5),
    ] {
        let made = replay(&operator, &filter).await;
        assert_eq!(made["total"], total, "{filter}");
        operator.ask("POST", &format!("replays/{}/pause", id_of(&made)), &Value::Null).await;
    }
    let listed = all_pages(&operator, "replays", 3).await;
    assert_eq!(listed.len(), 8);
    let ids: BTreeSet<_> = listed.iter().map(id_of).collect();
    assert_eq!(ids.len(), 8);
    drop((world.pushed(STATUS).await, world.pushed(FEE).await));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_refused_by_its_name() {
    let world = World::new().await;
    let operator = world.operator();
    for (body, field) in [
        (json!({"kind": "fax"}), Some("kind")),
        (json!({"state": "lost"}), Some("state")),
        (json!({"from": "yesterday"}), Some("from")),
        (json!({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), Some("to")),
        (json!({"ratePerSecond": 0}), Some("ratePerSecond")),
        (json!({"ratePerSecond": 1001}), Some("ratePerSecond")),
        (json!({"sessionId": 5}), Some("sessionId")),
        (json!({"limit": 5}), Some("limit")),
        (json!([]), None),
    ] {
        let refused = operator.ask("POST", "replays", &body).await;
        assert_refused(&refused, 400, "invalid_request", field);
    }
    let refused = operator.ask("POST", "replays?appKey=x", &json!({})).await;
    assert_refused(&refused, 400, "invalid_request", Some("appKey"));
    let refused = operator.ask("POST", "replays", &json!({"appKey": "nobody"})).await;
    assert_refused(&refused, 404, "app_not_found", None);
    for (method, path) in [("GET", "replays/1"), ("POST", "replays/x/pause"), ("POST", "replays/99/resume")] {
        assert_refused(&operator.ask(method, path, &Value::Null).await, 404, "replay_not_found", None);
    }
    assert_eq!(get(&operator, "replays").await, json!({"items": [], "nextCursor": null}));
}

#[tokio::test]
async fn there_are_at_most_a_hundred_unfinished_replays() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    delivered(&world, &app, 3).await;
    // At one a second three take longer than this clock, which stands still.
    let slow = json!({"ratePerSecond": 1});
    for _ in 0..100 {
        replay(&operator, &slow).await;
    }
    assert_refused(&operator.ask("POST", "replays", &slow).await, 409, "too_many_replays", None);
    let oldest = all_pages(&operator, "replays", 100).await.pop().unwrap();
    finish(&world, &id_of(&oldest), Duration::from_secs(1), 9).await;
    replay(&operator, &slow).await;
}

/// Two apps, one of which takes nothing: the other gets all of its own, and the replay stays until it is cancelled.
#[tokio::test]
async fn a_replay_over_two_apps_goes_on_with_one_while_the_other_takes_nothing() {
    let world = World::with("callback.timeout_secs = 120").await;
    let operator = world.operator();
    let other = Receiver::start().await;
    let hung = world.app("AXB", &Value::Null).await;
    let well = world.app("AXB", &json!({"callStatusUrl": other.url(STATUS)})).await;
    world.number(&hung, X).await;
    world.number(&well, "+8617000000002").await;
    delivered(&world, &hung, 20).await;
    well.bind_axb("+8617000000002", A, B).await;
    for call in 0..20 {
        let callin = Switch::callin(&format!("well-{call}"), A, "+8617000000002");
        world.switch().report(&json!([callin])).await;
    }
    world.quiet().await;
    assert_eq!(other.all(STATUS).len(), 20);
    let release = Arc::new(tokio::sync::Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    let id = id_of(&replay(&operator, &json!({"kind": "event", "ratePerSecond": 1000})).await);
    for _ in 0..20 {
        // The clock moves while the pushes of the other hang.
        let next = other.next(STATUS);
        tokio::pin!(next);
        loop {
            tokio::select! {
                biased;
                _ = &mut next => break,
                () = tokio::task::yield_now() => world.pass(Duration::from_millis(10)),
            }
        }
    }
    let shown = get(&operator, &format!("replays/{id}")).await;
    assert_eq!((&shown["total"], &shown["state"]), (&json!(40), &json!("running")));
    assert_eq!(world.metric("privnum_replays{state=\"running\"}"), 1);
    world.pass(Duration::from_secs(700));
    assert!(world.metric("privnum_replay_idle_seconds") >= 700);

    for _ in 0..2 {
        let cancelled = operator.ask("POST", &format!("replays/{id}/cancel"), &Value::Null).await;
        assert_eq!((cancelled.status, cancelled.json()["state"].clone()), (200, json!("cancelled")));
    }
    for verb in ["pause", "resume"] {
        let steered = operator.ask("POST", &format!("replays/{id}/{verb}"), &Value::Null).await;
        assert_refused(&steered, 409, "replay_finished", None);
    }
    assert_eq!(audit(&operator).await[0], ("replay.cancel".into(), id.clone(), String::new()));
    let gauges = [
        "privnum_replays{state=\"running\"}",
        "privnum_replay_deliveries_left",
        "privnum_replay_idle_seconds",
    ];
    assert_eq!(gauges.map(|series| world.metric(series)), [0, 0, 0]);
    release.add_permits(1_000);
    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    world.quiet().await;
    let ended = get(&operator, &format!("replays/{id}")).await;
    assert!(ended["endedAt"].is_string() && ended["done"].as_u64().unwrap() >= 20, "{ended}");
    let pushed = world.pushed(STATUS).await.len();
    world.advance(Duration::from_secs(3_600)).await;
    assert_eq!(world.pushed(STATUS).await.len(), 0, "after {pushed} nothing more is taken");
}
