//! Section D: the JSON that clients send.

use serde_json::{Value, json};

use crate::world::{A, AX, AX_CALLEE, AXB, B, Customer, World, X};

/// Binds A and B with more members, unbinds, and returns what a query had shown.
async fn bound_with(app: &Customer, more: &Value) -> Value {
    let mut body = json!({"callerNum": A, "calleeNum": B, "relationNum": X});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = app.post(AXB, &body).await;
    assert_eq!(answer.code(), (200, "0".into()), "{more}: {}", answer.text());
    let query = format!("subscriptionId={}", answer.member("subscriptionId"));
    let shown = app.get(AXB, &query).await.json()["relationNumList"][0].clone();
    assert_eq!(app.delete(AXB, &query).await.code(), (200, "0".into()));
    shown
}

async fn recording_world(mode: &str) -> (World, Customer) {
    let world = World::new().await;
    let app = world.app(mode, &json!({"recording": true})).await;
    world.number(&app, X).await;
    (world, app)
}

// 26, 27
#[tokio::test]
async fn flags_come_as_booleans_as_words_and_as_digits() {
    let (_world, app) = recording_world("AXB").await;
    for flag in ["recordFlag", "privateSms"] {
        for (value, shown) in [
            (json!(true), "true"),
            (json!("true"), "true"),
            (json!("True"), "true"),
            (json!(1), "true"),
            (json!("1"), "true"),
            (json!(false), "false"),
            (json!("false"), "false"),
            (json!("FALSE"), "false"),
            (json!(0), "false"),
            (json!("0"), "false"),
        ] {
            assert_eq!(bound_with(&app, &json!({flag: value})).await[flag], shown, "{flag} {value}");
        }
    }
}

// 28
#[tokio::test]
async fn integers_come_as_numbers_and_as_digits_in_text() {
    let (_world, app) = World::axb().await;
    for body in [
        json!({"callDirection": 1, "duration": 7200, "maxDuration": 60}),
        json!({"callDirection": "1", "duration": "7200", "maxDuration": "60"}),
        json!({"callDirection": 1.0, "duration": 7200.0, "maxDuration": 60.0}),
    ] {
        let shown = bound_with(&app, &body).await;
        for (member, value) in [("callDirection", 1), ("duration", 7200), ("maxDuration", 60)] {
            assert_eq!(shown[member], value, "{member} of {body}");
        }
    }
    let (_world, ax) = World::ax().await;
    for (n, choice) in [json!("0"), json!(0), json!("1")].into_iter().enumerate() {
        let a = format!("+861380000010{n}");
        let body = json!({"origNum": a, "privateNum": X, "calleeNumDisplay": choice});
        assert_eq!(ax.post(AX, &body).await.code(), (200, "0".into()), "{choice}");
        assert_eq!(ax.delete(AX, "privateNum=%2B8617000000001").await.code(), (200, "0".into()));
    }
}

// 29
#[tokio::test]
async fn null_is_the_same_as_absent() {
    let (_world, app) = World::axb().await;
    let nulls = json!({"lastMinVoice": null, "preVoice": null, "userData": null, "duration": null,
        "recordFlag": null, "areaCode": null, "callDirection": null});
    assert_eq!(without_ids(bound_with(&app, &nulls).await), without_ids(bound_with(&app, &json!({})).await));
}

fn without_ids(mut shown: Value) -> Value {
    shown["subscriptionId"].take();
    shown
}

// 30
#[tokio::test]
async fn members_that_do_not_belong_there_pass() {
    let (_world, axb) = World::axb().await;
    let id = axb.bind_axb(X, A, B).await;
    let body = json!({"subscriptionId": id, "recordFlag": "false", "callDirection": 0, "legacy": {"a": [1]}});
    assert_eq!(axb.put(AXB, &body).await.code(), (200, "0".into()));
    let (_world, ax) = World::ax().await;
    let body = json!({"origNum": A, "privateNum": X, "maxDuration": 60, "lastMinVoice": "last.wav", "x": 1});
    assert_eq!(ax.post(AX, &body).await.code(), (200, "0".into()));
    let body = json!({"privateNum": X, "calleeNum": B, "duration": 300, "callerNum": A});
    assert_eq!(ax.put(AX_CALLEE, &body).await.code(), (200, "0".into()));
}

// 31
#[tokio::test]
async fn a_bind_may_leave_the_choice_of_x_to_us() {
    let (_world, axb) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "areaCode": "0755"});
    let answer = axb.post(AXB, &body).await;
    assert_eq!(answer.member("relationNum"), X);
    let both = json!({"callerNum": "+8613800000003", "calleeNum": "+8613800000004", "areaCode": "010",
        "relationNum": X});
    assert_eq!(axb.post(AXB, &both).await.member("relationNum"), X, "the number wins over the area");

    let (_world, ax) = World::ax().await;
    let body = json!({"origNum": A, "areaCode": "0755", "privateNumType": "mobile-virtual"});
    assert_eq!(ax.post(AX, &body).await.member("privateNum"), X);
}

// 31
#[tokio::test]
async fn a_modify_may_change_one_field_and_leaves_the_others() {
    let (_world, axb) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "userData": "order 17"});
    let id = axb.post(AXB, &body).await.member("subscriptionId");
    assert_eq!(
        axb.put(AXB, &json!({"subscriptionId": id, "maxDuration": 30})).await.code(),
        (200, "0".into())
    );
    assert_eq!(
        axb.put(AXB, &json!({"subscriptionId": id, "privateSms": "false"})).await.code(),
        (200, "0".into())
    );
    let shown = axb.get(AXB, &format!("subscriptionId={id}")).await.json()["relationNumList"][0].clone();
    assert_eq!(
        (&shown["maxDuration"], &shown["privateSms"], &shown["userData"]),
        (&json!(30), &json!("false"), &json!("order 17"))
    );
}

// 33
#[tokio::test]
async fn user_data_that_holds_escaped_json_comes_back_as_it_was_meant() {
    let (_world, app) = World::axb().await;
    let body = format!(
        r#"{{ "userData": "{{\"order\": \"\u8ba2\u5355\"}}", "relationNum": "{X}", "calleeNum": "{B}", "callerNum": "{A}" }}"#
    );
    let answer = app.ask("POST", AXB, body.as_bytes()).await;
    assert_eq!(answer.code(), (200, "0".into()));
    let query = format!("subscriptionId={}", answer.member("subscriptionId"));
    let shown = app.get(AXB, &query).await.json()["relationNumList"][0]["userData"].clone();
    assert_eq!(shown, "{\"order\": \"\u{8ba2}\u{5355}\"}");
}

// 32, 40: stopping a call is not in this version; what asks for it must be told so in the way of a failure.
#[tokio::test]
async fn a_stop_of_a_call_is_answered_as_a_failure_with_a_code() {
    let (_world, app) = World::axb().await;
    let body = json!({"sessionid": "none", "signal": "call_stop"});
    let (status, code) = app.post("/rest/httpsessions/callStop/v2.0", &body).await.code();
    assert!((400..500).contains(&status) && code != "0", "{status} {code}");
}
