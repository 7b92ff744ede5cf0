//! Call stop: a customer or an operator ends a call, through the switch.

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::world::http::{Answer, Headers, exchange, request};
use crate::world::{A, AX, AXB, B, Customer, FEE, Reaction, Receiver, STATUS, Switch, World, X};

const STOP: &str = "/rest/httpsessions/callStop/v2.0";
const CONTROL: &str = "/calls/c/stop";

/// A world whose switch takes orders, with a call `c` from A to B that is being talked.
async fn talking(more: &str) -> (World, Customer, Receiver, String) {
    let control = Receiver::start().await;
    let more = format!("switch.control_url = \"http://{}\"\n{more}", control.address);
    let (world, app) = World::one_app("AXB", &more).await;
    let session = call(&world, &app).await;
    (world, app, control, session)
}

/// Connects the call `c`. Returns its sessionId.
async fn call(world: &World, app: &Customer) -> String {
    app.bind_axb(X, A, B).await;
    let decision = world.switch().route("c", A, X).await;
    let mut events = Switch::answered("c", A, X);
    events.as_array_mut().unwrap().pop();
    world.switch().report(&events).await;
    decision["sessionId"].as_str().unwrap().to_owned()
}

async fn stop(app: &Customer, session: &str) -> Answer {
    app.post(STOP, &json!({"sessionid": session, "signal": "call_stop"})).await
}

async fn stops(world: &World, outcome: &str) -> bool {
    let metrics = exchange(world.operator().address(), request("GET", "/metrics", &[], b"")).await;
    metrics.text().contains(&format!("privnum_call_stops_total{{outcome=\"{outcome}\"}} 1"))
}

#[tokio::test]
async fn a_stop_is_given_to_the_switch_and_its_events_tell_of_the_end() {
    let (world, app, control, session) =
        talking("switch.control_token = \"for-the-switch\"\ncdr_merge_ms = 0").await;
    let answer = stop(&app, &session).await;
    assert_eq!(answer.text(), r#"{"resultcode":"0","resultdesc":"Success"}"#);
    assert_eq!(answer.code(), (200, "0".into()));
    let order = control.next(CONTROL).await;
    assert_eq!((&*order.method, &*order.body), ("POST", ""));
    assert_eq!(order.header("authorization"), "Bearer for-the-switch");
    assert!(stops(&world, "ending").await);
    let end = json!({"by": "gateway", "sip": 200, "q850": 16});
    world.switch().report(&Switch::event("c", "disconnect", "2026-01-02T03:05:41Z", &end)).await;
    let told = world.pushed(STATUS).await.pop().unwrap().json()["statusInfo"].clone();
    assert_eq!((&told["sessionId"], &told["stateCode"]), (&json!(session), &json!(0)));
    world.advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(world.receiver.next(FEE).await.json()["feeLst"][0]["sessionId"], session);
    assert_eq!(stop(&app, &session).await.code(), (403, "1020152".into()), "it has ended");
    assert_eq!(control.left(), [], "the switch was asked once");
}

#[tokio::test]
async fn an_app_of_any_mode_may_stop_its_calls() {
    let control = Receiver::start().await;
    let more = format!("switch.control_url = \"http://{}/base/\"", control.address);
    let (world, app) = World::one_app("AX", &more).await;
    assert_eq!(app.post(AX, &json!({"origNum": B, "privateNum": X})).await.status, 200);
    let session = world.switch().route("a/../b", A, X).await["sessionId"].as_str().unwrap().to_owned();
    world.switch().report(&Switch::callin("a/../b", A, X)).await;
    assert_eq!(stop(&app, &session).await.code(), (200, "0".into()));
    control.next("/base/calls/a%2F..%2Fb/stop").await;
}

#[tokio::test]
async fn whether_a_call_is_unknown_somebody_elses_or_over_nobody_learns() {
    let (world, app, control, session) = talking("").await;
    let stranger = world.app("AXB", &Value::Null).await;
    let unknown = stop(&app, "0123456789abcdef0123456789abcdef").await;
    assert_eq!(unknown.code(), (403, "1020152".into()));
    assert_eq!(unknown.json()["resultdesc"], "Invalid sessionId.");
    assert_eq!(stop(&stranger, &session).await.body, unknown.body);
    assert_eq!(stop(&app, &"s".repeat(10_000)).await.body, unknown.body);
    assert_eq!(control.left(), [], "the switch was not asked");
    for status in [404, 409] {
        control.react(CONTROL, Reaction::Answer(status, "{\"error\":\"...\"}"));
        assert_eq!(stop(&app, &session).await.body, unknown.body, "{status}");
    }
    world.switch().report(&Switch::answered("c", A, X).as_array().unwrap()[4]).await;
    control.all(CONTROL);
    assert_eq!(stop(&app, &session).await.body, unknown.body, "its end was reported");
    assert_eq!(control.left(), []);
}

#[tokio::test]
async fn what_the_switch_does_not_carry_out_is_never_a_success() {
    let (world, app, control, session) = talking("switch.control_timeout_secs = 0.05").await;
    let failed = |answer: Answer| assert_eq!(answer.code(), (500, "1010001".into()));
    for status in [302, 401, 403, 500, 503] {
        control.react(CONTROL, Reaction::Answer(status, ""));
        failed(stop(&app, &session).await);
    }
    control.react(CONTROL, Reaction::Close);
    failed(stop(&app, &session).await);
    control.react(CONTROL, Reaction::Hang(std::sync::Arc::new(Semaphore::new(0))));
    failed(stop(&app, &session).await);
    let metrics = exchange(world.operator().address(), request("GET", "/metrics", &[], b"")).await;
    assert!(metrics.text().contains("privnum_call_stops_total{outcome=\"failed\"} 7"));
}

#[tokio::test]
async fn a_switch_that_is_away_is_a_clear_error() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for url in [format!("http://{gone}"), String::new()] {
        let (world, app) = World::one_app("AXB", &format!("switch.control_url = \"{url}\"")).await;
        let session = call(&world, &app).await;
        assert_eq!(stop(&app, &session).await.code(), (500, "1010001".into()));
        let answer = world.operator().ask("POST", &format!("calls/{session}/stop"), &Value::Null).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("switch_unavailable")));
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        let reason = if url.is_empty() { "switch.control_url is not set" } else { &url };
        assert!(message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let (_world, app, control, session) = talking("").await;
    for (body, what) in [
        (json!({"signal": "call_stop"}), "sessionid is missing."),
        (json!({"sessionId": session, "signal": "call_stop"}), "sessionid is missing."),
        (json!({"sessionid": "", "signal": "call_stop"}), "sessionid is missing."),
        (json!({"sessionid": 7, "signal": "call_stop"}), "sessionid must be a string."),
        (json!({"sessionid": session}), "signal is missing."),
        (json!({"sessionid": session, "signal": "call_hold"}), "signal must be call_stop."),
        (json!([]), "The body must be a JSON object."),
    ] {
        let answer = app.post(STOP, &body).await;
        assert_eq!(answer.code(), (403, "1010002".into()));
        assert_eq!(answer.json()["resultdesc"], format!("Invalid request.{what}"));
    }
    assert_eq!(control.left(), []);
}

#[tokio::test]
async fn an_operator_may_stop_any_call_and_is_on_record_for_it() {
    let (world, _, control, session) = talking("").await;
    let stop = async |session: &str| {
        world.operator().ask("POST", &format!("calls/{session}/stop"), &Value::Null).await
    };
    let answer = stop(&session).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"sessionId": session, "status": "stopping"})));
    control.next(CONTROL).await;
    let audit = world.operator().ask("GET", "audit?limit=1", &Value::Null).await.json();
    let entry = &audit["items"][0];
    assert_eq!((&entry["actor"], &entry["action"]), (&json!("operator"), &json!("call.stop")));
    assert_eq!(entry["subject"], session);
    let unknown = stop("nothing").await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("call_not_found")));
    control.react(CONTROL, Reaction::Answer(409, ""));
    assert_eq!(stop(&session).await.status, 404);
}

#[tokio::test]
async fn a_client_with_the_token_of_an_older_service_is_refused_with_a_code() {
    let (_world, app, _control, session) = talking("").await;
    let body = json!({"sessionid": session, "signal": "call_stop"}).to_string();
    let token = format!("app_key={}&access_token=abc&format=json", app.key);
    let plain: Headers = vec![("Content-Type".into(), "application/json".into())];
    let record = format!("/rest/provision/voice/record/v1.0?{token}&recordDomain=d&fileName=f.wav");
    for (method, target, body) in [("POST", format!("{STOP}?{token}"), &*body), ("GET", record, "")] {
        let answer = app.ask_with(&plain, method, &target, body.as_bytes()).await;
        assert_eq!(answer.code(), (400, "1023006".into()));
    }
    assert_eq!(app.post(AXB, &json!({})).await.code().1, "1010002", "the connection is fine");
}
