//! Bindings.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, assert_refused, audit, each, get};
use crate::world::{A, AX, AX_CALLEE, AXB, B, World, X};

#[tokio::test]
async fn a_bind_on_behalf_of_an_app_routes_calls_and_is_the_operators_in_the_audit() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let body = json!({"appKey": app.key, "callerNum": A, "calleeNum": B, "areaCode": "0755", "duration": 3_600,
        "maxDuration": 5, "callDirection": 1, "userData": "order 7"});
    let bound = operator.ask("POST", "bindings", &body).await;
    assert_eq!(bound.status, 201, "{}", bound.text());
    let id = bound.member("subscriptionId");
    let expected = json!({"subscriptionId": id, "appKey": app.key, "mode": "AXB", "number": X, "partyA": A,
        "partyB": B, "extension": null, "ybId": null, "yNumber": null, "callDirection": 1, "duration": 3_600, "expiresAt": "2026-01-02T04:04:05.000Z", "maxDuration": 5,
        "recordFlag": false, "userData": "order 7", "since": "2026-01-02T03:04:05.000Z", "temporaryCallee": null,
        "endedAt": null, "endCause": null});
    assert_eq!(bound.json(), expected);
    assert_eq!(get(&operator, &format!("bindings/{id}")).await, expected);
    assert_eq!(world.switch().route("call", A, X).await["callee"], B);
    let detail = format!("+86170****0001 of {}", app.key);
    assert_eq!(audit(&operator).await[0], ("binding.bind".into(), id.clone(), detail.clone()));

    assert_eq!(operator.ask("DELETE", &format!("bindings/{id}"), &Value::Null).await.status, 204);
    assert_eq!(app.get(AXB, &format!("subscriptionId={id}")).await.code().1, "1012007");
    assert_eq!(audit(&operator).await[0], ("binding.unbind".into(), id.clone(), detail));
    let ended = get(&operator, &format!("bindings/{id}")).await;
    assert_eq!(
        (&ended["endCause"], &ended["endedAt"]),
        (&json!("operator"), &json!("2026-01-02T03:04:05.000Z"))
    );
    let again = operator.ask("DELETE", &format!("bindings/{id}"), &Value::Null).await;
    assert_refused(&again, 404, "binding_not_found", None);
}

#[tokio::test]
async fn what_the_rules_of_the_customer_api_refuse_is_refused_with_their_code() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    app.bind_axb(X, A, B).await;
    let bind = |more: Value| {
        let mut body =
            json!({"appKey": app.key, "callerNum": A, "calleeNum": "+8613800000003", "relationNum": X});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let operator = operator.clone();
        async move { operator.ask("POST", "bindings", &body).await }
    };
    for (more, resultcode) in [
        (json!({}), "1012010"),
        (json!({"relationNum": "+8617000000099"}), "1012001"),
        (json!({"callerNum": "+8613800000009", "recordFlag": true}), "1012012"),
    ] {
        let refused = bind(more).await;
        assert_refused(&refused, 409, "binding_refused", None);
        assert_eq!(refused.json()["error"]["resultcode"], resultcode, "{}", refused.text());
    }
    for (more, field) in [
        (json!({"callerNum": null}), Some("callerNum")),
        (json!({"duration": -1}), Some("duration")),
        (json!({"appKey": null}), Some("appKey")),
    ] {
        assert_refused(&bind(more).await, 400, "invalid_request", field);
    }
    assert_refused(&bind(json!({"appKey": "nobody"})).await, 404, "app_not_found", None);
    world.suspend(&app, true).await;
    let suspended = bind(json!({"callerNum": "+8613800000009"})).await;
    assert_eq!(suspended.json()["error"]["resultcode"], "1010008");
    world.suspend(&app, false).await;
    operator.ask("POST", &format!("apps/{}/freeze", app.key), &Value::Null).await;
    let frozen = bind(json!({"callerNum": "+8613800000009"})).await;
    assert_eq!(frozen.json()["error"]["resultcode"], "1010029");
    let ids = each(&get(&operator, "bindings").await, "partyA");
    assert_eq!(ids, [A], "nothing was bound");
}

#[tokio::test]
async fn an_ax_binding_shows_its_temporary_callee() {
    let (world, app) = World::ax().await;
    let operator = world.operator();
    let body = json!({"appKey": app.key, "origNum": A, "privateNum": X});
    let bound = operator.ask("POST", "bindings", &body).await;
    assert_eq!((bound.status, bound.member("mode"), bound.member("partyA")), (201, "AX".into(), A.into()));
    assert_eq!((&bound.json()["partyB"], &bound.json()["temporaryCallee"]), (&Value::Null, &Value::Null));
    let set = app.put(AX_CALLEE, &json!({"privateNum": X, "calleeNum": B, "duration": 90})).await;
    assert_eq!(set.code().1, "0");
    let shown = get(&operator, &format!("bindings/{}", bound.member("subscriptionId"))).await;
    assert_eq!(shown["temporaryCallee"], json!({"calleeNum": B, "expiresAt": "2026-01-02T03:05:35.000Z"}));
    let taken = operator.ask("POST", "bindings", &body).await;
    assert_refused(&taken, 409, "binding_refused", None);
    let unbound =
        operator.ask("DELETE", &format!("bindings/{}", bound.member("subscriptionId")), &Value::Null).await;
    assert_eq!(unbound.status, 204);
    assert_eq!(app.get(AX, "privateNum=%2B8617000000001").await.code().1, "1016001");
}

#[tokio::test]
async fn live_bindings_are_listed_newest_first_page_by_page_and_by_every_filter() {
    let (world, axb) = World::axb().await;
    let operator = world.operator();
    let ax = world.app("AX", &json!({})).await;
    world.number(&axb, "+8617000000002").await;
    world.number(&ax, "+8617000000003").await;
    let mut ids = Vec::new();
    for n in 0..4_u64 {
        let x = if n % 2 == 0 { X } else { "+8617000000002" };
        ids.push(
            axb.bind_axb(x, A.replace("0001", &format!("1{n:03}")).as_str(), &format!("+861390000{n:04}"))
                .await,
        );
    }
    ids.push(ax.bind_ax("+8617000000003", "+8613900000002").await);
    let short = axb.bind_axb_for(X, "+8613700000001", "+8613700000002", 60).await;
    ids.push(short.clone());
    ids.reverse();

    let listed = |list: Vec<Value>| -> Vec<String> {
        list.iter().map(|binding| binding["subscriptionId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(all_pages(&operator, "bindings", 4).await), ids);
    assert_eq!(listed(all_pages(&operator, "bindings", 3).await), ids, "the last page is exactly full");
    assert_eq!(
        listed(all_pages(&operator, "bindings?number=%2B8617000000001", 1).await),
        [&ids[0], &ids[3], &ids[5]].map(Clone::clone)
    );
    for (filter, expected) in [
        ("party=%2B8613900000002".to_owned(), vec![&ids[1], &ids[3]]),
        ("party=8613900000002&number=8617000000001".into(), vec![&ids[3]]),
        (format!("appKey={}", ax.key), vec![&ids[1]]),
        (format!("party=8613900000002&appKey={}", axb.key), vec![&ids[3]]),
        (format!("subscriptionId={}", ids[4]), vec![&ids[4]]),
        (format!("subscriptionId={}&appKey={}", ids[4], ax.key), vec![]),
    ] {
        assert_eq!(
            each(&get(&operator, &format!("bindings?{filter}")).await, "subscriptionId")
                .iter()
                .collect::<Vec<_>>(),
            expected,
            "{filter}"
        );
    }

    world.advance(Duration::from_secs(60)).await;
    let gone = get(&operator, &format!("bindings?subscriptionId={short}")).await;
    assert_eq!(gone["items"], json!([]));
    let ended = get(&operator, &format!("bindings?ended=true&subscriptionId={short}")).await;
    let ended = &ended["items"][0];
    assert_eq!(
        (&ended["endCause"], &ended["endedAt"]),
        (&json!("expired"), &json!("2026-01-02T03:05:05.000Z"))
    );
}

#[tokio::test]
async fn ended_bindings_are_listed_by_every_filter_the_last_ended_first() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let mut ids = Vec::new();
    for n in 1..=3 {
        let id = app.bind_axb(X, A, &format!("+861390000000{n}")).await;
        assert_eq!(app.delete(AXB, &format!("subscriptionId={id}")).await.code().1, "0");
        world.advance(Duration::from_secs(1)).await;
        ids.insert(0, id);
    }
    let listed: Vec<_> = all_pages(&operator, "bindings?ended=true", 2).await;
    let listed: Vec<_> = listed.iter().map(|binding| binding["subscriptionId"].as_str().unwrap()).collect();
    assert_eq!(listed, ids);
    for (filter, expected) in [
        ("party=8613900000002".to_owned(), &ids[1..2]),
        (format!("subscriptionId={}", ids[0]), &ids[..1]),
        ("number=8617000000001".into(), &ids[..]),
        (format!("appKey={}", app.key), &ids[..]),
    ] {
        let found = get(&operator, &format!("bindings?ended=true&{filter}")).await;
        assert_eq!(each(&found, "subscriptionId"), expected, "{filter}");
    }
    assert_eq!(get(&operator, "bindings").await["items"], json!([]));
}

#[tokio::test]
async fn a_binding_nobody_made_is_not_found() {
    let world = World::new().await;
    for id in ["x", "0167ecc9-0000-4eec-b671-0a7dab2ba78c"] {
        for method in ["GET", "DELETE"] {
            let answer = world.operator().ask(method, &format!("bindings/{id}"), &Value::Null).await;
            assert_refused(&answer, 404, "binding_not_found", None);
        }
    }
}
