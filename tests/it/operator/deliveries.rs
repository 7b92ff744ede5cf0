//! Deliveries.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, assert_refused, audit, each, get};
use crate::world::{A, B, Customer, FEE, NUMBER_STATUS, Reaction, STATUS, Switch, World, X};

/// A call that came in, so that one event is delivered.
async fn incoming(world: &World, app: &Customer) -> String {
    app.bind_axb(X, A, B).await;
    world.switch().report(&json!([Switch::callin("call-1", A, X)])).await;
    world.quiet().await;
    let deliveries = get(&world.operator(), "deliveries").await;
    assert_eq!(deliveries["items"].as_array().unwrap().len(), 1);
    deliveries["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_delivery_shows_its_attempts_and_what_is_pushed() {
    let (world, app) = World::axb().await;
    world.receiver.react(STATUS, Reaction::Answer(503, "come back later"));
    let id = incoming(&world, &app).await;
    let operator = world.operator();
    let delivery = get(&operator, &format!("deliveries/{id}")).await;
    assert_eq!((&delivery["id"], &delivery["appKey"]), (&json!(id), &json!(app.key)));
    assert_eq!(
        (&delivery["kind"], &delivery["state"], &delivery["pushes"]),
        (&json!("event"), &json!("pending"), &json!(1))
    );
    assert_eq!(
        (&delivery["nextAt"], &delivery["endedAt"]),
        (&json!("2026-01-02T03:05:05.000Z"), &Value::Null)
    );
    assert_eq!(delivery["body"], world.receiver.next(STATUS).await.json());
    let session = delivery["body"]["statusInfo"]["sessionId"].clone();
    assert_eq!(delivery["sessionId"], session);
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["at"], &attempt["status"]), (&json!("2026-01-02T03:04:05.000Z"), &json!(503)));
    assert_eq!(attempt["url"], world.receiver.url(STATUS));
    assert_eq!(attempt["address"], world.receiver.address.to_string());
    assert_eq!(attempt["answer"], "come back later");
    assert!(attempt["failure"].as_str().unwrap().contains("503"), "{attempt}");
    assert!(attempt["timings"]["total"].is_u64(), "{attempt}");
    for unknown in ["1", "x", "99999999999999999999"] {
        let answer = operator.ask("GET", &format!("deliveries/{unknown}"), &Value::Null).await;
        assert_refused(&answer, 404, "delivery_not_found", None);
        let answer = operator.ask("POST", &format!("deliveries/{unknown}/redeliver"), &Value::Null).await;
        assert_refused(&answer, 404, "delivery_not_found", None);
    }
}

#[tokio::test]
async fn a_pending_delivery_is_hurried_and_a_delivered_one_pushed_once_more() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    world.receiver.react(STATUS, Reaction::Answer(500, ""));
    let id = incoming(&world, &app).await;
    let first = world.receiver.next(STATUS).await;
    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    for pushes in 2..=3 {
        let again = operator.ask("POST", &format!("deliveries/{id}/redeliver"), &Value::Null).await;
        assert_eq!((again.status, again.member("id")), (202, id.clone()), "{}", again.text());
        assert_eq!(world.receiver.next(STATUS).await.body, first.body);
        world.quiet().await;
        let delivery = get(&operator, &format!("deliveries/{id}")).await;
        assert_eq!((&delivery["state"], &delivery["pushes"]), (&json!("delivered"), &json!(pushes)));
        assert_eq!(delivery["attempts"].as_array().unwrap().len(), pushes);
        assert_eq!(audit(&operator).await[0], ("delivery.redeliver".into(), id.clone(), String::new()));
    }
    world.advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(world.pushed(STATUS).await, [], "nothing follows a success");
}

#[tokio::test]
async fn an_exhausted_delivery_is_pushed_once_more() {
    let (world, app) = World::one_app("AXB", "callback.schedule_minutes = [1]").await;
    let operator = world.operator();
    world.receiver.react(STATUS, Reaction::Answer(500, ""));
    let id = incoming(&world, &app).await;
    world.advance(Duration::from_secs(60)).await;
    world.quiet().await;
    let exhausted = get(&operator, "deliveries?state=exhausted").await;
    assert_eq!(each(&exhausted, "id"), [id.as_str()]);
    // When the push began and how long it took by a stopwatch.
    let ended_at = exhausted["items"][0]["endedAt"].as_str().unwrap();
    assert!(ended_at.starts_with("2026-01-02T03:05:"), "{ended_at}");
    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    operator.ask("POST", &format!("deliveries/{id}/redeliver"), &Value::Null).await;
    world.quiet().await;
    assert_eq!(get(&operator, &format!("deliveries/{id}")).await["state"], "delivered");
    assert_eq!(world.pushed(STATUS).await.len(), 3);
}

#[tokio::test]
async fn redelivering_many_times_at_once_pushes_and_goes_on() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let id = incoming(&world, &app).await;
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let (operator, path) = (operator.clone(), format!("deliveries/{id}/redeliver"));
            tokio::spawn(async move { operator.ask("POST", &path, &Value::Null).await.status })
        })
        .collect();
    for status in asked {
        assert_eq!(status.await.unwrap(), 202);
    }
    world.quiet().await;
    let delivery = get(&operator, &format!("deliveries/{id}")).await;
    let pushes = delivery["pushes"].as_u64().unwrap();
    assert!((2..=9).contains(&pushes), "{pushes}");
    assert_eq!(world.receiver.all(STATUS).len() as u64, pushes, "each push is on record once");
    // The app's place in the queue is not lost over it.
    world
        .switch()
        .report(&json!([Switch::event("call-1", "disconnect", "2026-01-02T03:05:01Z", &Value::Null)]))
        .await;
    assert_eq!(world.receiver.next(STATUS).await.event(), "disconnect");
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_and_by_every_filter() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let other = world.app("AX", &json!({})).await;
    app.bind_axb(X, A, B).await;
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(500, ""));
    let session = world.switch().route("call-1", A, X).await["sessionId"].as_str().unwrap().to_owned();
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.advance(Duration::from_secs(60)).await;
    operator.ask("POST", "numbers/8617000000001/status", &json!({"status": "9"})).await;
    world.quiet().await;
    let kinds = |list: Vec<Value>| -> Vec<String> {
        list.iter().map(|delivery| delivery["kind"].as_str().unwrap().to_owned()).collect()
    };
    let all = all_pages(&operator, "deliveries", 2).await;
    assert_eq!(kinds(all), ["numStatus", "cdr", "event", "event", "event", "event", "event"]);
    for (filter, expected) in [
        ("state=pending".to_owned(), vec!["numStatus"]),
        ("kind=cdr".into(), vec!["cdr"]),
        (
            format!("sessionId={session}&state=delivered"),
            vec!["cdr", "event", "event", "event", "event", "event"],
        ),
        (format!("appKey={}", other.key), vec![]),
        (format!("appKey={}&from=2026-01-02T03:05:05Z", app.key), vec!["numStatus", "cdr"]),
        ("to=2026-01-02T03:05:05Z&kind=cdr".into(), vec![]),
        ("state=exhausted".into(), vec![]),
    ] {
        assert_eq!(
            each(&get(&operator, &format!("deliveries?{filter}")).await, "kind"),
            expected,
            "{filter}"
        );
    }
    assert_eq!(world.receiver.all(FEE).len(), 1);
}
