//! Short messages as operators see them.

use serde_json::{Value, json};

use super::{all_pages, each, get};
use crate::world::{A, AXB, B, Customer, OPERATOR_TOKEN, World, X};

const STRANGER: &str = "+8613800000009";

/// A sent message, one that is awaited and one that was dropped; the smsIdentifier of each.
async fn three() -> (World, Customer, [String; 3]) {
    let (world, app) = World::sms("AXB", &Value::Null).await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "userData": "order 7"});
    app.post(AXB, &body).await;
    let mut ids = Vec::new();
    for (id, sender) in [("m-1", A), ("m-2", B), ("m-3", STRANGER)] {
        let answer = world.switch().text(id, sender, "hello").await;
        ids.push(answer["smsIdentifier"].as_str().unwrap().to_owned());
        world.advance(std::time::Duration::from_secs(1)).await;
    }
    world.switch().message_sent(&ids[0], &json!({"sendResult": 0, "segments": 2})).await;
    world.quiet().await;
    (world, app, ids.try_into().unwrap())
}

#[tokio::test]
async fn messages_are_listed_by_every_filter_without_their_text() {
    let (world, app, [sent, awaited, dropped]) = three().await;
    let operator = world.operator();
    let listed = get(&operator, "messages").await;
    assert_eq!(each(&listed, "smsIdentifier"), [&*dropped, &*awaited, &*sent]);
    let subscription = &listed["items"][2]["subscriptionId"];
    let expected = json!({"at": "2026-01-02T03:04:05.000Z", "smsIdentifier": sent, "appKey": app.key, "mode": "AXB",
        "number": X, "sender": A, "receiver": B, "direction": 1, "segments": 1, "subscriptionId": subscription,
        "userData": "order 7", "action": "forward", "cause": null, "sendResult": 0, "splitNum": 2,
        "endedAt": "2026-01-02T03:04:08.000Z", "closedBySweeper": false});
    assert_eq!(listed["items"][2], expected);
    assert!(!listed.to_string().contains("hello"));
    for (filter, expected) in [
        (format!("appKey={}", app.key), vec![&dropped, &awaited, &sent]),
        ("appKey=nobodys".into(), vec![]),
        ("number=8617000000001".into(), vec![&dropped, &awaited, &sent]),
        ("number=8617000000002".into(), vec![]),
        (format!("party=%2B{}", &A[1..]), vec![&awaited, &sent]),
        (format!("party=%2B{}", &STRANGER[1..]), vec![&dropped]),
        ("result=0".into(), vec![&sent]),
        ("result=2".into(), vec![&dropped]),
        ("result=13".into(), vec![]),
        ("result=awaited".into(), vec![&awaited]),
        (format!("smsIdentifier={awaited}"), vec![&awaited]),
        ("from=2026-01-02T03:04:06Z&to=2026-01-02T03:04:07Z".into(), vec![&awaited]),
    ] {
        let found = get(&operator, &format!("messages?{filter}")).await;
        assert_eq!(each(&found, "smsIdentifier").iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    assert_eq!(get(&operator, "usage/messages").await, listed);
    assert_eq!(all_pages(&operator, "messages", 2).await, *listed["items"].as_array().unwrap());
    for filter in ["result=14", "result=lost", "number=x", "open=true"] {
        let refused = operator.ask("GET", &format!("messages?{filter}"), &Value::Null).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (400, &json!("invalid_request")),
            "{filter}"
        );
    }
}

#[tokio::test]
async fn one_message_is_shown_with_the_reason_and_the_notices_about_it() {
    let (world, _app, [_, awaited, dropped]) = three().await;
    let shown = get(&world.operator(), &format!("messages/{dropped}")).await;
    assert_eq!(shown["messageId"], "m-3");
    assert_eq!(shown["sentAt"], "2026-01-02T03:04:05.250Z");
    assert_eq!((&shown["action"], &shown["cause"]), (&json!("discard"), &json!("noBinding")));
    assert_eq!(
        (&shown["reason"], &shown["sendResult"]),
        (&json!("nothing is bound on x for this sender"), &json!(2))
    );
    let notices = shown["deliveries"].as_array().unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!((&notices[0]["kind"], &notices[0]["state"]), (&json!("sms"), &json!("delivered")));
    assert_eq!(notices[0]["sessionId"], json!(dropped));
    let shown = get(&world.operator(), &format!("messages/{awaited}")).await;
    assert_eq!(
        (&shown["sendResult"], &shown["endedAt"], &shown["deliveries"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    let missing = world.operator().ask("GET", "messages/none", &Value::Null).await;
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &json!("message_not_found")));
}

#[tokio::test]
async fn an_export_of_messages_is_the_list_as_csv() {
    let (world, _app, _) = three().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for list in ["messages", "usage/messages"] {
        let url = format!("http://{}/operator/v1/{list}", world.operator().address());
        let asked = client.get(url).bearer_auth(OPERATOR_TOKEN).header("Accept", "text/csv");
        let text = asked.send().await.unwrap().text().await.unwrap();
        let listed = get(&world.operator(), list).await;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        for (row, item) in rows.iter().zip(listed["items"].as_array().unwrap()) {
            assert_eq!(columns.len(), item.as_object().unwrap().len());
            for (column, cell) in columns.iter().zip(row) {
                let value = &item[column];
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                assert_eq!(cell, if value.is_null() { "" } else { &text }, "{column}");
            }
        }
    }
}
