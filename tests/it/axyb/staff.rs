//! What operators see and do.

use serde_json::{Value, json};

use super::{OTHER_B, axyb, bind_both, bind_y, query, rows, text};
use crate::world::{A, B};

#[tokio::test]
async fn bindings_are_listed_by_either_number_and_either_party_and_ended_one_by_one() {
    let (world, app) = axyb(3).await;
    let (subscription, x, y) = bind_both(&app).await;
    let other_y = bind_y(&app, &subscription, OTHER_B, json!({})).await;
    let list = async |filter: &str| {
        let path = format!("bindings?{filter}").replace('+', "%2B");
        world.operator().ask("GET", &path, &Value::Null).await.json()["items"].as_array().unwrap().clone()
    };
    let all = list("").await;
    let shown = |row: &Value| ["number", "yNumber", "partyA", "partyB"].map(|member| row[member].clone());
    assert_eq!(
        all.iter().map(shown).collect::<Vec<_>>(),
        [
            [json!(x), json!(other_y), json!(A), json!(OTHER_B)],
            [json!(x), json!(y), json!(A), json!(B)],
            [json!(x), Value::Null, json!(A), Value::Null],
        ]
    );
    assert!(all.iter().all(|row| row["subscriptionId"] == json!(subscription) && row["mode"] == "AXYB"));
    for (filter, expected) in [
        (format!("number={x}"), &all[..]),
        (format!("number={y}"), &all[1..2]),
        (format!("party={A}"), &all[..]),
        (format!("party={OTHER_B}"), &all[..1]),
        (format!("number={y}&party={B}"), &all[1..2]),
        (format!("number={y}&party={OTHER_B}"), &[]),
        (format!("subscriptionId={subscription}"), &all[..]),
        (format!("appKey={}", app.key), &all[..]),
    ] {
        assert_eq!(list(&filter).await, expected, "{filter}");
    }
    let yb = text(&all[1], "ybId");
    let one = world.operator().ask("GET", &format!("bindings/{yb}"), &Value::Null).await;
    assert_eq!(one.json(), all[1]);
    let ended = world.operator().ask("DELETE", &format!("bindings/{yb}"), &Value::Null).await;
    assert_eq!(ended.status, 204, "{}", ended.text());
    assert_eq!(rows(&app, &format!("subscriptionId={subscription}")).await.len(), 1);
    let path = format!("bindings/{subscription}");
    assert_eq!(world.operator().ask("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(query(&app, &format!("subscriptionId={subscription}")).await["resultcode"], "1016001");
    for filter in [format!("number={y}"), format!("party={B}")] {
        let gone = list(&format!("ended=true&{filter}")).await;
        assert_eq!(gone.len(), 1, "{filter}");
        assert_eq!((&gone[0]["ybId"], &gone[0]["endCause"]), (&json!(yb), &json!("operator")));
    }
    assert_eq!(list(&format!("ended=true&subscriptionId={subscription}")).await.len(), 3);
}

#[tokio::test]
async fn an_operator_binds_both_steps_on_behalf_of_the_app() {
    let (world, app) = axyb(2).await;
    let bind = async |body: Value| world.operator().ask("POST", "bindings", &body).await;
    let first = bind(json!({"appKey": app.key, "origNum": A, "areaCode": "0755"})).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let id = first.member("subscriptionId");
    let second = bind(json!({"appKey": app.key, "origNum": B, "subscriptionId": id})).await;
    assert_eq!(second.status, 201, "{}", second.text());
    assert_eq!((second.member("subscriptionId"), second.member("partyB")), (id.clone(), B.to_owned()));
    let again = bind(json!({"appKey": app.key, "origNum": B, "subscriptionId": id})).await;
    assert_eq!(again.status, 409, "{}", again.text());
    let audit = world.operator().ask("GET", "audit?limit=2", &Value::Null).await.json();
    let lines = audit["items"].as_array().unwrap();
    assert!(
        lines.iter().all(|line| line["action"] == "binding.bind" && line["subject"] == json!(id)),
        "{audit}"
    );
}

#[tokio::test]
async fn a_number_shows_what_it_carries_as_x_or_as_y_and_rests_after_it() {
    let (world, app) = axyb(3).await;
    let (subscription, x, y) = bind_both(&app).await;
    let number = async |n: &str| {
        let shown = world.operator().ask("GET", &format!("numbers/{}", &n[1..]), &Value::Null).await.json();
        ["bound", "capacity", "quarantined"].map(|member| shown[member].as_u64().unwrap())
    };
    assert_eq!((number(&x).await, number(&y).await), ([2, 6, 0], [1, 5_000, 0]));
    assert_eq!(number(&super::number(3)).await, [0, 5_000, 0]);
    super::unbind(&app, &format!("subscriptionId={subscription}")).await;
    assert_eq!((number(&x).await, number(&y).await), ([0, 5_000, 1], [0, 5_000, 1]));
}

#[tokio::test]
async fn a_number_that_is_withdrawn_takes_along_what_stands_by_it_and_nothing_else() {
    let (world, app) = axyb(4).await;
    let (subscription, x, y) = bind_both(&app).await;
    bind_y(&app, &subscription, OTHER_B, json!({})).await;
    let which = format!("subscriptionId={subscription}");
    let remove = async |number: &str, force: bool| {
        let path = format!("numbers/{}?force={force}", &number[1..]);
        world.operator().ask("DELETE", &path, &Value::Null).await.status
    };
    assert_eq!((remove(&y, false).await, remove(&x, false).await), (409, 409));
    assert_eq!(remove(&y, true).await, 204);
    let left = rows(&app, &which).await;
    assert_eq!((left.len(), &left[0]["numB"]), (1, &json!(OTHER_B)), "X and the other B stand");
    let again = bind_y(&app, &subscription, B, json!({})).await;
    assert_ne!(again, y);
    let moved = world.app("AXYB", &Value::Null).await;
    let to = json!({"appKey": moved.key});
    let path = format!("numbers/{}/move?force=true", &x[1..]);
    let answer = world.operator().ask("POST", &path, &to).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(query(&app, &which).await["resultcode"], "1016001");
    assert_eq!(world.metric("privnum_bindings"), 0);
    let ended = world.operator().ask("GET", "bindings?ended=true", &Value::Null).await.json();
    let causes: Vec<_> =
        ended["items"].as_array().unwrap().iter().map(|row| row["endCause"].clone()).collect();
    assert_eq!(causes, vec![json!("numberWithdrawn"); 4]);
}

#[tokio::test]
async fn the_log_of_operations_tells_each_step_with_its_numbers() {
    let (world, app) = axyb(2).await;
    let (subscription, x, y) = bind_both(&app).await;
    super::unbind(&app, &format!("subscriptionId={subscription}")).await;
    let log = async |filter: &str| {
        let path = format!("usage/bindings?{filter}").replace('+', "%2B");
        world.operator().ask("GET", &path, &Value::Null).await.json()["items"].as_array().unwrap().clone()
    };
    let all = log("").await;
    let lines: Vec<_> = all.iter().map(|line| (text(line, "operation"), line["yNumber"].clone())).collect();
    let expected = [("unbind", Value::Null), ("unbind", json!(y)), ("bind", json!(y)), ("bind", Value::Null)];
    assert_eq!(lines, expected.map(|(operation, y)| (operation.to_owned(), y)));
    assert!(
        all.iter().all(|line| line["subscriptionId"] == json!(subscription) && line["number"] == json!(x))
    );
    assert_eq!(log(&format!("number={y}")).await, all[1..3]);
}
