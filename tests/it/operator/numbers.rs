//! X numbers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, assert_refused, audit, each, get};
use crate::world::http::{exchange, request};
use crate::world::{A, AX, B, NUMBER_STATUS, OPERATOR_TOKEN, World, X};

fn csv_headers() -> Vec<(String, String)> {
    vec![
        ("Authorization".into(), format!("Bearer {OPERATOR_TOKEN}")),
        ("Content-Type".into(), "text/csv; charset=utf-8".into()),
    ]
}

#[tokio::test]
async fn a_csv_is_imported_but_for_its_bad_rows() {
    let (world, app) = World::axb().await;
    let key = &app.key;
    let csv = format!(
        "areaCode,number,appKey,sms\r\n0755,+8617000000002,{key},true\r\n,+8617000000003,{key},\r\n\
         0755,+8617000000004,{key}\r\n0755,17000000005,{key},\r\n0755,+8617000000006,nobody,\r\n\
         7,+8617000000007,{key},\r\n0755,+8617000000001,{key},\r\n0755,+8617000000008,{key},yes\r\n"
    );
    let bytes = request("POST", "/operator/v1/numbers", &csv_headers(), csv.as_bytes());
    let answer = exchange(world.operator().address(), bytes).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let added = answer.json();
    assert_eq!(added["added"], 2, "{added}");
    let failed: Vec<_> =
        added["failed"].as_array().unwrap().iter().map(|row| (&row["number"], &row["code"])).collect();
    let expected = json!([
        ["+8617000000004", "invalid_row"],
        ["+8617000000008", "invalid_row"],
        ["17000000005", "invalid_number"],
        ["+8617000000006", "app_not_found"],
        ["+8617000000007", "invalid_area_code"],
        ["+8617000000001", "number_exists"],
    ]);
    assert_eq!(json!(failed), expected);
    let message = added["failed"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("line 4: "), "{message}");
    let shown = get(&world.operator(), "numbers/8617000000003").await;
    let expected = json!({"number": "+8617000000003", "appKey": key, "mode": "AXB", "areaCode": null, "sms": false,
        "status": "5", "cause": null, "bound": 0, "capacity": 5_000, "quarantined": 0, "lastCallAt": null,
        "addedAt": "2026-01-02T03:04:05.000Z"});
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn numbers_that_cannot_be_read_are_refused_by_their_place() {
    let (world, app) = World::axb().await;
    let good = json!({"number": "+8617000000002", "appKey": app.key});
    for (body, field) in [
        (json!({}), "numbers"),
        (json!({"numbers": []}), "numbers"),
        (json!({"numbers": vec![&good; 10_001]}), "numbers"),
        (json!({"numbers": [good, {"number": 1, "appKey": app.key}]}), "numbers[1].number"),
        (json!({"numbers": [{"number": "+8617000000003"}]}), "numbers[0].appKey"),
        (json!({"numbers": [{"number": "+8617000000003", "appKey": "x", "city": "x"}]}), "numbers[0].city"),
        (json!({"numbers": [good], "force": true}), "force"),
    ] {
        let answer = world.operator().ask("POST", "numbers", &body).await;
        assert_refused(&answer, 400, "invalid_request", Some(field));
    }
    let bytes = request("POST", "/operator/v1/numbers", &csv_headers(), b"number,appKey,city\n");
    let refused = exchange(world.operator().address(), bytes).await;
    assert_refused(&refused, 400, "invalid_request", Some("city"));
}

#[tokio::test]
async fn numbers_are_listed_in_their_order_page_by_page_and_by_every_filter() {
    let (world, axb) = World::axb().await;
    let operator = world.operator();
    let ax = world.app("AX", &json!({})).await;
    for n in [7, 5, 3] {
        world.number_in(&axb, &format!("+861700000000{n}"), "010").await;
    }
    world.number(&ax, "+95588").await;
    axb.bind_axb(X, A, B).await;
    operator.ask("POST", "numbers/8617000000003/status", &json!({"status": "10", "cause": "9"})).await;

    let all = all_pages(&operator, "numbers", 2).await;
    let numbers: Vec<_> = all.iter().map(|number| number["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["+95588", X, "+8617000000003", "+8617000000005", "+8617000000007"]);
    for (filter, expected) in [
        (format!("appKey={}", ax.key), vec!["+95588"]),
        ("areaCode=010".into(), vec!["+8617000000003", "+8617000000005", "+8617000000007"]),
        ("status=10".into(), vec!["+8617000000003"]),
        ("bound=true".into(), vec![X]),
        ("bound=false&q=558".into(), vec!["+95588"]),
        ("q=%2B8617000000007".into(), vec!["+8617000000007"]),
        ("q=999".into(), vec![]),
    ] {
        assert_eq!(each(&get(&operator, &format!("numbers?{filter}")).await, "number"), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_cursor_stays_valid_while_numbers_come_and_go() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    for n in [3, 5, 7] {
        world.number(&app, &format!("+861700000000{n}")).await;
    }
    let page = get(&operator, "numbers?limit=2").await;
    assert_eq!(each(&page, "number"), [X, "+8617000000003"]);
    // The row that the cursor was made of goes, others come before and behind it.
    operator.ask("DELETE", "numbers/8617000000003", &Value::Null).await;
    for n in [2, 6] {
        world.number(&app, &format!("+861700000000{n}")).await;
    }
    let rest = get(&operator, &format!("numbers?cursor={}", page["nextCursor"].as_str().unwrap())).await;
    assert_eq!(each(&rest, "number"), ["+8617000000005", "+8617000000006", "+8617000000007"]);
}

#[tokio::test]
async fn a_change_of_status_is_pushed_and_setting_it_twice_is_not() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    for _ in 0..2 {
        let set = operator
            .ask("POST", "numbers/+8617000000001/status", &json!({"status": "10", "cause": "2"}))
            .await;
        assert_eq!((set.status, set.member("status"), set.member("cause")), (200, "10".into(), "2".into()));
    }
    let pushed = world.pushed(NUMBER_STATUS).await;
    let bodies: Vec<_> = pushed.iter().map(|push| push.json()["numInfo"].clone()).collect();
    assert_eq!(bodies, [json!([{"number": X, "status": "10", "cause": "2"}])]);
    for (body, field) in [
        (json!({"status": "9", "cause": "2"}), "cause"),
        (json!({"status": "10", "cause": "4"}), "cause"),
        (json!({"status": "4"}), "status"),
        (json!({"cause": "1"}), "status"),
        (json!({"status": "5", "why": "x"}), "why"),
    ] {
        let refused = operator.ask("POST", "numbers/+8617000000001/status", &body).await;
        assert_refused(&refused, 400, "invalid_request", Some(field));
    }
    let unknown = operator.ask("POST", "numbers/+8617000000002/status", &json!({"status": "9"})).await;
    assert_refused(&unknown, 404, "number_not_found", None);
    let none = operator.ask("GET", "numbers/nonsense", &Value::Null).await;
    assert_refused(&none, 400, "invalid_request", Some("number"));
    drop(app);
}

#[tokio::test]
async fn a_number_that_carries_bindings_is_moved_by_force_only_and_drops_them() {
    let (mut world, from) = World::axb().await;
    let operator = world.operator();
    let to = world.app("AX", &json!({})).await;
    let id = from.bind_axb(X, A, B).await;
    let wanted = json!({"appKey": to.key});
    let refused = operator.ask("POST", "numbers/8617000000001/move", &wanted).await;
    assert_refused(&refused, 409, "number_bound", None);
    assert_eq!(world.switch().route("call-1", A, X).await["action"], "connect");

    let moved = operator.ask("POST", "numbers/8617000000001/move?force=true", &wanted).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    let moved = moved.json();
    assert_eq!(
        (&moved["appKey"], &moved["mode"], &moved["bound"]),
        (&json!(to.key), &json!("AX"), &json!(0))
    );
    assert_eq!(world.switch().route("call-2", A, X).await["action"], "reject");
    let ended = get(&operator, &format!("bindings/{id}")).await;
    assert_eq!((&ended["endCause"], &ended["appKey"]), (&json!("numberWithdrawn"), &json!(from.key)));
    let detail = format!("from {} to {}, 1 bindings dropped", from.key, to.key);
    assert_eq!(audit(&operator).await[0], ("number.move".into(), "+86170****0001".into(), detail));

    to.bind_ax(X, "+8613800000009").await;
    let same = operator.ask("POST", "numbers/8617000000001/move?force=true", &wanted).await;
    assert_eq!(same.json()["bound"], 1, "moving it to where it is drops nothing");
    world.stop().await;
    world.start_again().await;
    assert_eq!(get(&operator, "numbers/8617000000001").await["appKey"], json!(to.key));

    let nobody = operator.ask("POST", "numbers/8617000000001/move", &json!({"appKey": "nobody"})).await;
    assert_refused(&nobody, 404, "app_not_found", None);
    let unknown = operator.ask("POST", "numbers/8617000000002/move", &wanted).await;
    assert_refused(&unknown, 404, "number_not_found", None);
    let missing = operator.ask("POST", "numbers/8617000000001/move", &json!({})).await;
    assert_refused(&missing, 400, "invalid_request", Some("appKey"));
}

/// Found by reading: quarantines knew only bindings of the app's own mode.
#[tokio::test]
async fn who_dials_a_moved_number_because_of_its_old_binding_reaches_no_stranger() {
    let (mut world, from) = World::axb().await;
    let to = world.app("AX", &json!({})).await;
    from.bind_axb(X, A, B).await;
    let path = "numbers/8617000000001/move?force=true";
    assert_eq!(world.operator().ask("POST", path, &json!({"appKey": to.key})).await.status, 200);
    let chosen = json!({"origNum": "+8613800000009", "privateNumType": "mobile-virtual", "areaCode": "0755"});
    for (passed_secs, restarts) in [(299, false), (0, true)] {
        world.advance(Duration::from_secs(passed_secs)).await;
        if restarts {
            world.stop().await;
            world.start_again().await;
        }
        let refused = to.post(AX, &chosen).await;
        assert_eq!(refused.code().1, "1011002", "{}", refused.text());
        assert!(refused.member("resultdesc").contains("1 are in quarantine"), "{}", refused.text());
        let call = format!("call-{restarts}");
        assert_eq!(world.switch().route(&call, A, X).await["action"], "reject");
    }
    world.advance(Duration::from_secs(1)).await;
    let bound = to.post(AX, &chosen).await;
    assert_eq!((bound.code().1, bound.member("privateNum")), ("0".into(), X.into()), "{}", bound.text());
}

#[tokio::test]
async fn a_number_that_carries_bindings_is_removed_by_force_only() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    app.bind_axb(X, A, B).await;
    let refused = operator.ask("DELETE", "numbers/%2B8617000000001", &Value::Null).await;
    assert_refused(&refused, 409, "number_bound", None);
    let removed = operator.ask("DELETE", "numbers/%2B8617000000001?force=true", &Value::Null).await;
    assert_eq!((removed.status, removed.text()), (204, String::new()));
    assert_eq!(get(&operator, "bindings").await["items"], json!([]));
    let gone = operator.ask("DELETE", "numbers/%2B8617000000001?force=true", &Value::Null).await;
    assert_refused(&gone, 404, "number_not_found", None);
}

/// Their time was up, and timers come round on the second: they bar nothing, and nobody withdrew them.
#[tokio::test]
async fn bindings_that_had_expired_unnoticed_bar_no_move_and_end_as_expired() {
    let (world, from) = World::axb().await;
    let operator = world.operator();
    let to = world.app("AX", &json!({})).await;
    world.advance(Duration::from_millis(100)).await;
    let id = from.bind_axb_for(X, A, B, 60).await;
    let wanted = json!({"appKey": to.key});
    let refused = operator.ask("POST", "numbers/8617000000001/move", &wanted).await;
    assert_refused(&refused, 409, "number_bound", None);
    world.advance(Duration::from_millis(60_400)).await;
    let moved = operator.ask("POST", "numbers/8617000000001/move", &wanted).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    let ended = get(&operator, &format!("bindings/{id}")).await;
    assert_eq!(
        (&ended["endCause"], &ended["endedAt"]),
        (&json!("expired"), &json!("2026-01-02T03:05:05.100Z"))
    );
    let detail = format!("from {} to {}, 0 bindings dropped", from.key, to.key);
    assert_eq!(audit(&operator).await[0].2, detail);
}
