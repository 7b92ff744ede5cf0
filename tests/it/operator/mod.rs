//! The operator API (proto-docs/operator.md), row by row.

mod apps;
mod bindings;
mod cdrs;
mod common;
mod deliveries;
mod messages;
mod numbers;
mod replays;
mod usage;

use serde_json::{Value, json};

use crate::world::http::Answer;
use crate::world::{AXB, Operator, World};

/// Fails unless the answer is this refusal.
fn assert_refused(answer: &Answer, status: u16, code: &str, field: Option<&str>) {
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["code"]), (status, &json!(code)), "{error}");
    assert_eq!(error["field"], json!(field), "{error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
}

/// The answer to a GET that must succeed.
async fn get(operator: &Operator, path: &str) -> Value {
    let answer = operator.ask("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// One member of every item of a list.
fn each(list: &Value, member: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item[member].as_str().unwrap_or_else(|| panic!("{item}")).to_owned()).collect()
}

/// Reads a list page by page to its end. Every page but the last is full.
async fn all_pages(operator: &Operator, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let between = if path.contains('?') { '&' } else { '?' };
        let page = get(operator, &format!("{path}{between}limit={limit}{cursor}")).await;
        let shown = page["items"].as_array().unwrap().clone();
        items.extend(shown.iter().cloned());
        let Some(next) = page["nextCursor"].as_str() else { return items };
        assert_eq!(shown.len(), limit, "a page before the last is not full");
        cursor = format!("&cursor={next}");
    }
}

/// The actions in the audit, newest first, with subject and detail.
async fn audit(operator: &Operator) -> Vec<(String, String, String)> {
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap().to_owned();
    let entries = all_pages(operator, "audit", 1_000).await;
    entries
        .iter()
        .map(|entry| (text(entry, "action"), text(entry, "subject"), text(entry, "detail")))
        .collect()
}

#[tokio::test]
async fn an_app_made_by_an_operator_binds_until_its_number_or_itself_is_suspended() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let bind = |n: u64| {
        let body =
            json!({"callerNum": format!("+86{n}"), "calleeNum": format!("+86{}", n + 1), "areaCode": "0755"});
        let app = app.clone();
        async move { app.post(AXB, &body).await }
    };
    assert_eq!(bind(13_800_000_001).await.code(), (200, "0".into()));
    let shown = get(&operator, "numbers/%2B8617000000001").await;
    assert_eq!(
        (&shown["bound"], &shown["capacity"], &shown["status"]),
        (&json!(1), &json!(5_000), &json!("5"))
    );

    let frozen = operator.ask("POST", "numbers/8617000000001/status", &json!({"status": "11"})).await;
    assert_eq!(frozen.json()["status"], "11");
    let refused = bind(13_800_000_003).await;
    assert_eq!(refused.code().1, "1012008");
    assert!(refused.text().contains("1 are not usable"), "{}", refused.text());

    world.suspend(&app, true).await;
    assert_eq!(bind(13_800_000_003).await.code(), (403, "1010008".into()));
    world.suspend(&app, true).await;
    assert_eq!(get(&operator, &format!("apps/{}", app.key)).await["status"], "suspended");
    let suspended = audit(&operator).await.iter().filter(|(action, ..)| action == "app.suspend").count();
    assert_eq!(suspended, 1, "suspending what is suspended changes nothing");
}
