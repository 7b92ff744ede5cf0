//! Apps.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, assert_refused, audit, each, get};
use crate::world::{A, AXB, B, FEE, NUMBER_STATUS, Reaction, STATUS, World, X};

const KEY: &str = "demoAppKey00000000000000000001";

#[tokio::test]
async fn a_new_app_is_shown_whole_and_its_secret_only_once() {
    let world = World::new().await;
    let operator = world.operator();
    let wanted = json!({"name": "出行", "mode": "AXE", "appKey": KEY, "appSecret": "an-imported-secret",
        "ipWhitelist": ["203.0.113.7", "2001:db8::/32"], "recording": true, "recordingDays": 30, "sms": true, "smsContent": true,
        "callStatusUrl": "https://app.example.com/status", "cdrUrl": "https://app.example.com/fee",
        "numberStatusUrl": "https://app.example.com/number", "smsNotifyUrl": "https://app.example.com/sms",
        "smsControlUrl": "http://app.example.com/control", "pushNumberStatus": true, "extensionDigits": 2,
        "extensionTone": "prompt.wav", "callbackTone": null, "callbackNum": "+8613800000008",
        "flowLimitPerSecond": 300, "checkTones": true, "noBindingTone": "nobody.wav", "noCalleeTone": "a@1.wav",
        "authSchemes": ["WSSE"], "acceptPlus8h": false, "refuseReusedNonce": true,
        "pushScheme": "AKSK", "acceptAny2xx": true, "standardWebhooks": true, "callbackCa": null,
        "callbackClientCert": null});
    let made = operator.ask("POST", "apps", &wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let mut expected = wanted.clone();
    expected["ipWhitelist"] = json!(["203.0.113.7/32", "2001:db8::/32"]);
    expected["status"] = json!("active");
    expected["frozen"] = json!(false);
    expected["oldSecretValidUntil"] = Value::Null;
    expected["createdAt"] = json!("2026-01-02T03:04:05.000Z");
    assert_eq!(made.json(), expected);
    expected.as_object_mut().unwrap().remove("appSecret");
    assert_eq!(get(&operator, &format!("apps/{KEY}")).await, expected);
    assert_eq!(get(&operator, "apps").await["items"], json!([expected]));

    let again = operator.ask("POST", "apps", &json!({"name": "x", "mode": "AXB", "appKey": KEY})).await;
    assert_refused(&again, 409, "app_exists", None);
    assert_refused(&operator.ask("GET", "apps/nobody", &Value::Null).await, 404, "app_not_found", None);
}

#[tokio::test]
async fn slips_of_the_pen_are_refused_with_what_is_wrong() {
    let world = World::new().await;
    for (body, field) in [
        (json!({"name": "x", "mode": "AXB", "recordng": true}), "recordng"),
        (json!({"name": "x", "mode": "no mode"}), "mode"),
        (json!({"mode": "AXB"}), "name"),
        (json!({"name": "x", "mode": "AXB", "cdrUrl": "ftp://x"}), "cdrUrl"),
        (json!({"name": "x", "mode": "AXB", "ipWhitelist": ["nowhere"]}), "ipWhitelist"),
        (json!({"name": "x", "mode": "AXB", "recordingDays": 0}), "recordingDays"),
    ] {
        let answer = world.operator().ask("POST", "apps", &body).await;
        assert_refused(&answer, 400, "invalid_request", Some(field));
    }
    assert_eq!(get(&world.operator(), "apps").await["items"], json!([]));
}

#[tokio::test]
async fn apps_are_listed_in_the_order_of_their_keys_page_by_page() {
    let world = World::new().await;
    let operator = world.operator();
    for key in ["d", "b", "e", "a", "c"] {
        let body = json!({"name": key, "mode": "AXB", "appKey": key});
        assert_eq!(operator.ask("POST", "apps", &body).await.status, 201);
    }
    let page = get(&operator, "apps?limit=2").await;
    assert_eq!(each(&page, "appKey"), ["a", "b"]);
    // One more behind the cursor and one before it: the next page begins where this one ended.
    for key in ["b2", "a2"] {
        operator.ask("POST", "apps", &json!({"name": key, "mode": "AXB", "appKey": key})).await;
    }
    let next = page["nextCursor"].as_str().unwrap();
    let rest = get(&operator, &format!("apps?cursor={next}")).await;
    assert_eq!(
        (each(&rest, "appKey"), &rest["nextCursor"]),
        (["b2", "c", "d", "e"].map(String::from).to_vec(), &Value::Null)
    );
    assert_eq!(all_pages(&operator, "apps", 7).await.len(), 7);
}

#[tokio::test]
async fn a_change_of_an_app_counts_for_its_next_request() {
    let (world, app) = World::axb().await;
    let query = "relationNum=%2B8617000000001";
    assert_eq!(app.get(AXB, query).await.code().1, "1012007");
    world.change_app(&app, &json!({"ipWhitelist": ["203.0.113.0/24"]})).await;
    assert_eq!(app.get(AXB, query).await.code().1, "1020166");
    world
        .change_app(&app, &json!({"ipWhitelist": ["203.0.113.0/24", "127.0.0.1"], "authSchemes": ["WSSE"]}))
        .await;
    assert_eq!(app.get(AXB, query).await.code().1, "1010010");
    world.change_app(&app, &json!({"authSchemes": ["WSSE", "AKSK"], "flowLimitPerSecond": 1})).await;
    assert_eq!(app.get(AXB, query).await.code().1, "1012007");
    assert_eq!(app.get(AXB, query).await.code(), (403, "1010010".into()));
    world.change_app(&app, &json!({"flowLimitPerSecond": null})).await;
    assert_eq!(app.get(AXB, query).await.code().1, "1012007");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let path = format!("apps/{}", app.key);
    let before = get(&operator, &path).await;
    let patch = json!({"name": "renamed", "cdrUrl": null, "extensionDigits": 1});
    let changed = operator.ask("PATCH", &path, &patch).await;
    let mut expected = before.clone();
    for member in ["name", "cdrUrl", "extensionDigits"] {
        expected[member] = patch[member].clone();
    }
    assert_eq!((changed.status, changed.json()), (200, expected.clone()));
    let entries = audit(&operator).await.len();
    assert_eq!(operator.ask("PATCH", &path, &json!({})).await.json(), expected);
    assert_eq!(audit(&operator).await.len(), entries, "a patch without effect is no change");

    for field in ["mode", "appKey", "appSecret", "status", "oldSecretValidUntil", "createdAt", "nme"] {
        let refused = operator.ask("PATCH", &path, &json!({field: "x", "name": "not taken"})).await;
        assert_refused(&refused, 400, "invalid_request", Some(field));
    }
    assert_eq!(get(&operator, &path).await, expected);
    assert_refused(&operator.ask("PATCH", "apps/nobody", &json!({})).await, 404, "app_not_found", None);
}

#[tokio::test]
async fn patches_at_the_same_time_lose_nothing() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    let path = format!("apps/{}", app.key);
    let patches = [
        json!({"name": "at once"}),
        json!({"recording": true}),
        json!({"sms": true}),
        json!({"flowLimitPerSecond": 77}),
        json!({"acceptAny2xx": true}),
        json!({"pushScheme": "AKSK"}),
        json!({"smsNotifyUrl": "http://app.example.com/sms"}),
        json!({"extensionDigits": 3}),
    ];
    let asked = patches.clone().map(|patch| {
        let (operator, path) = (operator.clone(), path.clone());
        tokio::spawn(async move { operator.ask("PATCH", &path, &patch).await.status })
    });
    for status in asked {
        assert_eq!(status.await.unwrap(), 200);
    }
    let app = get(&operator, &path).await;
    for (name, value) in patches.iter().flat_map(|patch| patch.as_object().unwrap()) {
        assert_eq!(&app[name], value, "{name}");
    }
}

#[tokio::test]
async fn after_a_rotation_both_secrets_verify_until_the_old_ones_time_is_over() {
    let (mut world, app) = World::axb().await;
    let operator = world.operator();
    let path = format!("apps/{}/rotateSecret", app.key);
    let rotated = operator.ask("POST", &path, &json!({"keepOldForSecs": 60})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    let until = "2026-01-02T03:05:05.000Z";
    assert_eq!(rotated.member("oldSecretValidUntil"), until);
    assert_eq!(get(&operator, &format!("apps/{}", app.key)).await["oldSecretValidUntil"], until);
    let renewed = app.with_secret(&rotated.member("appSecret"));
    let query = "relationNum=%2B8617000000001";
    world.advance(Duration::from_secs(59)).await;
    for customer in [&app, &renewed] {
        assert_eq!(customer.get(AXB, query).await.code().1, "1012007");
    }
    world.advance(Duration::from_secs(1)).await;
    assert_eq!(app.get(AXB, query).await.code().1, "1010010");
    assert_eq!(renewed.get(AXB, query).await.code().1, "1012007");
    assert_eq!(get(&operator, &format!("apps/{}", app.key)).await["oldSecretValidUntil"], Value::Null);

    world.stop().await;
    world.start_again().await;
    assert_eq!(app.get(AXB, query).await.code().1, "1010010");
    assert_eq!(renewed.get(AXB, query).await.code().1, "1012007");

    let at_once = operator.ask("POST", &path, &json!({"keepOldForSecs": 0})).await;
    assert_eq!(renewed.get(AXB, query).await.code().1, "1010010");
    let renewed = renewed.with_secret(&at_once.member("appSecret"));
    assert_eq!(renewed.get(AXB, query).await.code().1, "1012007");
    let day = operator.ask("POST", &path, &Value::Null).await;
    assert_eq!(day.member("oldSecretValidUntil"), "2026-01-03T03:05:05.000Z");
    let refused = operator.ask("POST", &path, &json!({"keepOldForSecs": 2_592_001})).await;
    assert_refused(&refused, 400, "invalid_request", Some("keepOldForSecs"));
}

#[tokio::test]
async fn calls_of_a_suspended_app_are_rejected_until_it_is_resumed() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    world.suspend(&app, true).await;
    assert_eq!(world.switch().route("call-1", A, X).await["action"], "reject");
    world.suspend(&app, false).await;
    assert_eq!(world.switch().route("call-2", A, X).await["action"], "connect");
}

#[tokio::test]
async fn a_test_push_goes_to_every_url_and_the_answers_are_told() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    world.change_app(&app, &json!({"smsControlUrl": "http://127.0.0.1:1/block"})).await;
    world.receiver.react(FEE, Reaction::Answer(503, "come back later"));
    let tested = operator.ask("POST", &format!("apps/{}/testCallback", app.key), &Value::Null).await;
    assert_eq!(tested.status, 200, "{}", tested.text());
    let tested = tested.json();
    let settings = ["callStatusUrl", "cdrUrl", "numberStatusUrl", "smsControlUrl"];
    assert_eq!(each(&tested, "setting"), settings);
    assert_eq!(each(&tested, "kind"), ["event", "cdr", "numStatus", "sms"]);
    let item = |at: usize| &tested["items"][at];
    assert_eq!((&item(0)["status"], &item(0)["failure"]), (&json!(200), &Value::Null));
    assert_eq!(item(0)["url"], world.receiver.url(STATUS));
    assert_eq!(item(0)["address"], world.receiver.address.to_string());
    assert!(item(0)["timings"]["total"].is_u64(), "{tested}");
    assert_eq!((&item(1)["status"], &item(1)["answer"]), (&json!(503), &json!("come back later")));
    assert_eq!(item(1)["failure"], "answered 503, expected 200");
    assert!(item(3)["failure"].as_str().unwrap().contains("refused"), "{tested}");

    let event = world.receiver.next(STATUS).await;
    let session = event.json()["statusInfo"]["sessionId"].as_str().unwrap().to_owned();
    assert!(session.starts_with("test-"), "{session}");
    assert!(event.header("x-wsse").contains(&format!("Username=\"{}\"", app.key)));
    assert_eq!(world.receiver.next(FEE).await.json()["feeLst"][0]["sessionId"], json!(session));
    assert_eq!(world.receiver.next(NUMBER_STATUS).await.json()["eventType"], "numStatus");

    assert_eq!(get(&operator, "deliveries").await["items"], json!([]), "they are no deliveries");
    assert_eq!(audit(&operator).await[0], ("app.testCallback".into(), app.key.clone(), String::new()));
    world.advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(world.receiver.left(), [], "nothing is repeated");
}

#[tokio::test]
async fn a_test_of_an_app_without_urls_pushes_nothing_and_one_of_no_app_is_refused() {
    let world = World::new().await;
    let operator = world.operator();
    let none = json!({"callStatusUrl": null, "cdrUrl": null, "numberStatusUrl": null});
    let app = world.app("AX", &none).await;
    let path = format!("apps/{}/testCallback", app.key);
    let tested = operator.ask("POST", &path, &json!({})).await;
    assert_eq!((tested.status, tested.json()), (200, json!({"items": []})));
    let refused = operator.ask("POST", &path, &json!({"url": "http://127.0.0.1/"})).await;
    assert_refused(&refused, 400, "invalid_request", Some("url"));
    let refused = operator.ask("POST", "apps/nobody/testCallback", &Value::Null).await;
    assert_refused(&refused, 404, "app_not_found", None);
}

#[tokio::test]
async fn an_account_stays_frozen_over_a_restart_and_leaves_one_trace_in_the_audit() {
    let (mut world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    let path = format!("apps/{}", app.key);
    for _ in 0..2 {
        let frozen = world.operator().ask("POST", &format!("{path}/freeze"), &Value::Null).await;
        assert_eq!((frozen.status, &frozen.json()["frozen"]), (200, &json!(true)));
        assert_eq!(frozen.json()["status"], "active");
    }
    world.stop().await;
    world.start_again().await;
    let operator = world.operator();
    assert_eq!(get(&operator, &path).await["frozen"], true);
    assert_eq!(world.switch().route("call-1", A, X).await["stateCode"], 7108);
    assert_eq!(operator.ask("POST", &format!("{path}/unfreeze"), &Value::Null).await.status, 200);
    assert_eq!(world.switch().route("call-2", A, X).await["action"], "connect");
    let actions: Vec<_> = audit(&operator).await.into_iter().map(|(action, ..)| action).take(2).collect();
    assert_eq!(actions, ["app.unfreeze", "app.freeze"]);
}
