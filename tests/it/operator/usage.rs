//! Usage records: what was done to bindings, and calls.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, each, get};
use crate::world::{A, AX, AX_CALLEE, AXB, AXE, B, Customer, OPERATOR_TOKEN, Switch, World, X};

/// The lines of the log, oldest first: what, whose doing, when.
async fn log(world: &World, filter: &str) -> Vec<(String, String, String)> {
    let text = |line: &Value, member: &str| line[member].as_str().unwrap().to_owned();
    let mut lines = all_pages(&world.operator(), &format!("usage/bindings?{filter}"), 3).await;
    lines.reverse();
    lines.iter().map(|line| (text(line, "operation"), text(line, "actor"), text(line, "at"))).collect()
}

fn line(operation: &str, actor: &str, time: &str) -> (String, String, String) {
    (operation.into(), actor.into(), format!("2026-01-02T{time}.000Z"))
}

async fn bind_for(app: &Customer, duration: u32) -> String {
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "duration": duration});
    app.post(AXB, &body).await.member("subscriptionId")
}

#[tokio::test]
async fn every_bind_modify_and_end_leaves_one_line_that_a_restart_keeps() {
    let (mut world, app) = World::axb().await;
    let minute = Duration::from_secs(60);
    let first = bind_for(&app, 0).await;
    world.advance(minute).await;
    app.put(AXB, &json!({"subscriptionId": first, "calleeNum": "+8613800000003"})).await;
    world.advance(minute).await;
    app.delete(AXB, &format!("subscriptionId={first}")).await;
    world.advance(10 * minute).await;
    bind_for(&app, 60).await;
    world.advance(minute).await;
    let body = json!({"appKey": app.key, "callerNum": A, "calleeNum": B, "relationNum": X});
    let on_behalf = world.operator().ask("POST", "bindings", &body).await.member("subscriptionId");
    world.advance(minute).await;
    world.operator().ask("DELETE", &format!("bindings/{on_behalf}"), &Value::Null).await;
    bind_for(&app, 0).await;
    world.operator().ask("DELETE", &format!("numbers/{X}?force=true"), &Value::Null).await;
    let expected = [
        line("bind", "customer", "03:04:05"),
        line("modify", "customer", "03:05:05"),
        line("unbind", "customer", "03:06:05"),
        line("bind", "customer", "03:16:05"),
        line("expire", "system", "03:17:05"),
        line("bind", "operator", "03:17:05"),
        line("unbind", "operator", "03:18:05"),
        line("bind", "customer", "03:18:05"),
        line("withdraw", "operator", "03:18:05"),
    ];
    assert_eq!(log(&world, "").await, expected);
    // What is refused has not been done.
    assert_eq!(app.delete(AXB, &format!("subscriptionId={first}")).await.code().1, "1012007");
    world.stop().await;
    world.start_again().await;
    assert_eq!(log(&world, "").await, expected);
}

#[tokio::test]
async fn operations_are_listed_by_every_filter_and_shown_whole() {
    let world = World::new().await;
    let (axb, ax) = (world.app("AXB", &Value::Null).await, world.app("AX", &Value::Null).await);
    world.number(&axb, X).await;
    world.number(&ax, "+8617000000002").await;
    let id = bind_for(&axb, 3_600).await;
    world.advance(Duration::from_secs(60)).await;
    ax.post(AX, &json!({"origNum": A, "privateNum": "+8617000000002"})).await;
    let callee = json!({"privateNum": "+8617000000002", "calleeNum": "+8613800000009", "duration": 60});
    assert_eq!(ax.put(AX_CALLEE, &callee).await.code().1, "0");
    let newest = &get(&world.operator(), "usage/bindings?limit=1").await["items"][0];
    let expected = json!({"at": "2026-01-02T03:05:05.000Z", "operation": "modify", "actor": "customer",
        "appKey": ax.key, "mode": "AX", "number": "+8617000000002", "partyA": A, "partyB": null, "extension": null, "yNumber": null,
        "temporaryCallee": "+8613800000009", "expiresAt": null, "subscriptionId": newest["subscriptionId"]});
    assert_eq!(newest, &expected);
    for (filter, expected) in [
        (format!("appKey={}", ax.key), vec!["modify", "bind"]),
        ("number=%2B8617000000001".into(), vec!["bind"]),
        (format!("party=%2B{}", &A[1..]), vec!["modify", "bind", "bind"]),
        (format!("party=%2B{}", &B[1..]), vec!["bind"]),
        ("party=8613800000009".into(), vec!["modify"]),
        (format!("subscriptionId={id}"), vec!["bind"]),
        ("subscriptionId=never-given-out".into(), vec![]),
        ("operation=bind".into(), vec!["bind", "bind"]),
        ("operation=expire".into(), vec![]),
        ("from=2026-01-02T03:05:05Z".into(), vec!["modify", "bind"]),
        ("to=2026-01-02T03:05:05Z".into(), vec!["bind"]),
    ] {
        let found = get(&world.operator(), &format!("usage/bindings?{filter}")).await;
        assert_eq!(each(&found, "operation"), expected, "{filter}");
    }
}

#[tokio::test]
async fn an_operation_on_an_axe_binding_shows_its_extension() {
    let (world, app) = World::one_app("AXE", "").await;
    app.post(AXE, &json!({"bindNum": A, "virtualNum": X, "extendNum": "0042"})).await;
    let line = &get(&world.operator(), "usage/bindings").await["items"][0];
    let shown = ["operation", "mode", "partyA", "extension"].map(|member| line[member].as_str().unwrap());
    assert_eq!(shown, ["bind", "AXE", A, "0042"]);
}

#[tokio::test]
async fn usage_of_calls_is_the_list_of_cdrs_and_has_the_unanswered_ones() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    world.switch().report(&Switch::answered("answered", A, X)).await;
    let given_up = Switch::event("given up", "disconnect", "2026-01-02T03:05:09Z", &Value::Null);
    world.switch().report(&json!([Switch::callin("given up", A, X), given_up])).await;
    world.advance(Duration::from_secs(60)).await;
    let usage = get(&world.operator(), &format!("usage/calls?appKey={}", app.key)).await;
    assert_eq!(usage["items"].as_array().unwrap().len(), 2);
    assert_eq!(usage, get(&world.operator(), "cdrs").await);
    let unanswered = get(&world.operator(), "usage/calls?result=unanswered").await;
    assert_eq!(unanswered["items"].as_array().unwrap().len(), 1);
}

async fn csv(world: &World, list: &str) -> String {
    let url = format!("http://{}/operator/v1/{list}", world.operator().address());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer =
        client.get(url).bearer_auth(OPERATOR_TOKEN).header("Accept", "text/csv").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    answer.text().await.unwrap()
}

#[tokio::test]
async fn an_export_of_operations_has_each_once_however_many_portions_it_takes() {
    let (world, app) = World::axb().await;
    assert_eq!(csv(&world, "usage/bindings").await.lines().count(), 1, "the header row");
    for n in 0..260_u64 {
        app.bind_axb(X, &format!("+{}", 8_613_900_000_000 + n), &format!("+{}", 8_613_950_000_000 + n)).await;
    }
    let text = csv(&world, "usage/bindings").await;
    let listed = all_pages(&world.operator(), "usage/bindings", 100).await;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), listed.len()), (260, 260));
    for (row, line) in rows.iter().zip(&listed) {
        for (column, cell) in columns.iter().zip(row) {
            assert_eq!(cell, line[column].as_str().unwrap_or_default(), "{column}");
        }
    }
    assert!(csv(&world, "usage/calls").await.starts_with("mode,direction,appKey,"));
}
