//! What holds for every request: the token, errors with their field, limits, cursors, health; the audit and bans.

use serde_json::{Value, json};

use super::{all_pages, assert_refused, audit, each, get};
use crate::world::http::{exchange, request};
use crate::world::{AXB, Operator, World};

#[tokio::test]
async fn everything_but_health_and_metrics_needs_a_live_token() {
    let world = World::new().await;
    let operator = world.operator();
    for path in ["apps", "numbers", "bindings", "calls", "cdrs", "deliveries", "replays", "audit", "bans"] {
        for headers in [vec![], vec![("Authorization".to_owned(), "Bearer wrong".to_owned())]] {
            let bytes = request("GET", &format!("/operator/v1/{path}"), &headers, b"");
            assert_refused(&exchange(operator.address(), bytes).await, 401, "unauthorized", None);
        }
        get(&operator, path).await;
    }
    for (path, body) in [("/healthz", json!({"status": "ok"})), ("/readyz", json!({"ready": true}))] {
        let answer = exchange(operator.address(), request("GET", path, &[], b"")).await;
        assert_eq!((answer.status, answer.json()), (200, body));
    }
    let metrics = exchange(operator.address(), request("GET", "/metrics", &[], b"")).await;
    assert!(metrics.text().contains("privnum_requests_total{"), "{}", metrics.text());
}

#[tokio::test]
async fn what_is_no_uri_of_this_api_is_not_found() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "nothing"),
        ("DELETE", "apps"),
        ("PUT", "apps/key"),
        ("GET", "apps/key/suspend"),
        ("POST", "replays/1/stop"),
        ("GET", "numbers/8617000000001/more/still"),
    ] {
        assert_refused(&world.operator().ask(method, path, &Value::Null).await, 404, "not_found", None);
    }
}

#[tokio::test]
async fn a_parameter_that_is_unknown_or_cannot_be_used_is_refused_by_its_name() {
    let world = World::new().await;
    for (path, field) in [
        ("apps?limt=5", "limt"),
        ("apps?limit=0", "limit"),
        ("apps?limit=1001", "limit"),
        ("apps?cursor=nonsense", "cursor"),
        ("apps/key?force=true", "force"),
        ("numbers?status=7", "status"),
        ("numbers?bound=perhaps", "bound"),
        ("numbers?areaCode=Shenzhen", "areaCode"),
        ("numbers?q=%2B", "q"),
        ("bindings?party=nobody", "party"),
        ("bindings?ended=1", "ended"),
        ("calls?from=yesterday", "from"),
        ("calls?number=12", "number"),
        ("cdrs?result=busy", "result"),
        ("cdrs?to=2026-13-01T00:00:00Z", "to"),
        ("deliveries?state=lost", "state"),
        ("deliveries?kind=mail", "kind"),
        ("replays?state=running", "state"),
        ("replays?cursor=YXVkaXQgMQ", "cursor"),
        ("usage/bindings?operation=call", "operation"),
        ("usage/bindings?result=answered", "result"),
        ("calls?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("cdrs?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "to"),
        ("deliveries?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("messages?to=2026-01-01T00:00:00Z&from=2026-01-01T08:00:00.001%2B08:00", "to"),
        ("usage/bindings?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("audit?from=2026-01-01T00:00:00Z", "from"),
        ("bans?cursor=YmFucyAx", "cursor"),
        ("bans?limit=5&limit=6", "limit"),
    ] {
        let answer = world.operator().ask("GET", path, &Value::Null).await;
        assert_refused(&answer, 400, "invalid_request", Some(field));
    }
    let taken = world.operator().ask("DELETE", "numbers/8617000000001?frce=true", &Value::Null).await;
    assert_refused(&taken, 400, "invalid_request", Some("frce"));
}

#[tokio::test]
async fn a_filter_that_names_nobody_finds_nothing() {
    let (world, app) = World::axb().await;
    app.bind_axb("+8617000000001", "+8613800000001", "+8613800000002").await;
    for path in [
        "numbers?appKey=nobody",
        "bindings?appKey=nobody",
        "bindings?subscriptionId=never-given-out",
        "bindings?number=8617000000099",
        "bindings?ended=true&subscriptionId=x",
        "calls?appKey=nobody",
        "cdrs?subscriptionId=x",
        "deliveries?appKey=nobody",
    ] {
        assert_eq!(get(&world.operator(), path).await, json!({"items": [], "nextCursor": null}), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_as_a_whole() {
    let world = World::new().await;
    let operator = world.operator();
    for body in ["", "[]", "{\"name\":", "nonsense"] {
        let bytes = request("POST", "/operator/v1/apps", &Operator::headers(), body.as_bytes());
        assert_refused(&exchange(operator.address(), bytes).await, 400, "invalid_request", None);
    }
}

#[tokio::test]
async fn a_body_of_more_than_16_mib_is_refused() {
    let world = World::new().await;
    let mut headers = Operator::headers();
    headers.push(("Content-Length".into(), (16 * 1_048_576 + 1).to_string()));
    let bytes = request("POST", "/operator/v1/numbers", &headers, b"");
    assert_refused(&exchange(world.operator().address(), bytes).await, 413, "too_large", None);
}

#[tokio::test]
async fn the_audit_names_what_was_done_to_what_and_hides_numbers_and_secrets() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    world.change_app(&app, &json!({"cdrUrl": null, "recording": true, "sms": false})).await;
    let rotated = operator.ask("POST", &format!("apps/{}/rotateSecret", app.key), &Value::Null).await;
    operator.ask("POST", "numbers/8617000000001/status", &json!({"status": "10", "cause": "2"})).await;
    operator.ask("DELETE", "numbers/8617000000001", &Value::Null).await;
    let key = app.key.as_str();
    let entry = |action: &str, subject: &str, detail: &str| (action.into(), subject.into(), detail.into());
    let expected = [
        entry("number.remove", "+86170****0001", "0 bindings dropped"),
        entry("number.status", "+86170****0001", "5 to 10"),
        entry("app.rotateSecret", key, "appSecret"),
        entry("app.change", key, "recording, cdrUrl"),
        entry("number.add", "+86170****0001", &format!("to {key}")),
        entry("app.create", key, "mode AXB"),
    ];
    assert_eq!(audit(&operator).await, expected);
    let text = operator.ask("GET", "audit", &Value::Null).await.text();
    assert!(!text.contains("8617000000001") && !text.contains(&app.secret), "{text}");
    assert!(!text.contains(&rotated.member("appSecret")), "{text}");
    let newest = &get(&operator, "audit?limit=1").await["items"][0];
    assert_eq!((&newest["actor"], &newest["at"]), (&json!("operator"), &json!("2026-01-02T03:04:05.000Z")));
    assert_eq!(all_pages(&operator, "audit", 4).await.len(), expected.len());
}

#[tokio::test]
async fn a_ban_is_listed_and_lifted_at_once() {
    let (world, app) =
        World::one_app("AXB", "auth.ban = { failures = 2, window_secs = 300, for_secs = 1800 }").await;
    let operator = world.operator();
    assert_eq!(get(&operator, "bans").await["items"], json!([]));
    let stranger = app.with_secret("not the secret");
    let query = "relationNum=%2B8617000000001";
    for _ in 0..2 {
        assert_eq!(stranger.get(AXB, query).await.code().1, "1010010");
    }
    assert_eq!(app.get(AXB, query).await.code().1, "1020176");
    let bans = get(&operator, "bans").await;
    assert_eq!(bans["items"], json!([{"ip": "127.0.0.1", "until": "2026-01-02T03:34:05.000Z"}]));

    for ip in ["203.0.113.7", "nowhere", "127.0.0.0%2F8"] {
        let answer = operator.ask("DELETE", &format!("bans/{ip}"), &Value::Null).await;
        assert_refused(&answer, 404, "ban_not_found", None);
    }
    assert_eq!(operator.ask("DELETE", "bans/127.0.0.1", &Value::Null).await.status, 204);
    assert_eq!(app.get(AXB, query).await.code().1, "1012007");
    assert_eq!(each(&get(&operator, "bans").await, "ip"), Vec::<String>::new());
    assert_eq!(audit(&operator).await[0], ("ban.lift".into(), "127.0.0.1".into(), String::new()));
    let again = operator.ask("DELETE", "bans/127.0.0.1", &Value::Null).await;
    assert_refused(&again, 404, "ban_not_found", None);
}
