//! Calls with an extension, and calls back.

use serde_json::{Value, json};

use super::{SECOND, STAND_IN, axe, bind, text};
use crate::calls::{STRANGER, cdrs, events};
use crate::world::{A, AXE, B, Pushed, Switch, World, X, at};

/// A call in which the caller keys `keyed` when asked, is connected, and the callee answers.
async fn call_through(world: &World, call: &str, caller: &str, keyed: &str) -> Value {
    let switch = world.switch();
    let asked = switch.route(call, caller, X).await;
    assert_eq!(asked["action"], "collect", "{asked}");
    let decision = switch.route_keyed(call, caller, X, keyed).await;
    assert_eq!(decision["action"], "connect", "{decision}");
    let mut reports = Switch::answered(call, caller, X);
    let keyed = Switch::event(call, "collectInfo", "2026-01-02T03:05:00Z", &json!({"digits": keyed}));
    reports.as_array_mut().unwrap().insert(1, keyed);
    switch.report(&reports).await;
    decision
}

#[tokio::test]
async fn a_caller_who_keys_the_extension_reaches_a_and_the_customer_hears_of_every_step() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042", "userData": "order 7"})).await;
    assert_eq!(
        (&bound["virtualNum"], &bound["extendNum"], &bound["bindExpiredTime"], &bound["callbackExpiredTime"]),
        (&json!(X), &json!("0042"), &json!(0), &json!(24))
    );
    let asked = world.switch().route("c", B, X).await;
    let session = text(&asked, "sessionId");
    let expected = json!({"action": "collect", "sessionId": session, "tone": "", "digits": 4, "timeout": 30});
    assert_eq!(asked, expected);
    assert_eq!(world.switch().route("c", B, X).await, expected, "asked again without digits");
    let decision = call_through(&world, "c", B, "0042").await;
    assert_eq!((&decision["callee"], &decision["displayNum"]), (&json!(A), &json!(X)));
    assert_eq!(decision["subscriptionId"], bound["subscriptionId"]);
    for keyed in ["0042", "0043", ""] {
        let again = world.switch().route_keyed("c", B, X, keyed).await;
        assert_eq!(again, decision, "the first answer to an extension binds");
    }

    let told = &events(&world).await[&session];
    let names: Vec<_> = told.iter().map(Pushed::event).collect();
    assert_eq!(names, ["callin", "collectInfo", "callout", "alerting", "answer", "disconnect"]);
    let info = |at: usize| told[at].json()["statusInfo"].clone();
    let callin = json!({"sessionId": session, "timestamp": "2026-01-02 03:05:00", "caller": B, "called": X});
    assert_eq!(info(0), callin);
    let keyed = json!({"sessionId": session, "timestamp": "2026-01-02 03:05:00", "digitInfo": "0042"});
    assert_eq!(info(1), keyed);
    for at in 2..6 {
        let info = info(at);
        assert_eq!((&info["caller"], &info["called"]), (&json!(X), &json!(A)));
        assert_eq!(
            (&info["subscriptionId"], &info["userData"]),
            (&bound["subscriptionId"], &json!("order 7"))
        );
    }
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await[&session].clone();
    for (member, expected) in [
        ("direction", json!(0)),
        ("serviceType", json!("005")),
        ("extendNumber", json!("0042")),
        ("extendNum", json!("0042")),
        ("subscriptionId", bound["subscriptionId"].clone()),
        ("callerNum", json!(B)),
        ("bindNum", json!(X)),
        ("fwdDstNum", json!(A)),
        ("ulFailReason", json!(0)),
        ("userData", json!("order 7")),
    ] {
        assert_eq!(cdr[member], expected, "{member}");
    }
}

#[tokio::test]
async fn a_switch_that_knows_the_extension_may_give_it_with_the_first_question() {
    let (world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    let decision = world.switch().route_keyed("c-1", B, X, "0042").await;
    assert_eq!((&decision["action"], &decision["callee"]), (&json!("connect"), &json!(A)));
    let empty = world.switch().route_keyed("c-2", B, X, "").await;
    assert_eq!(empty["action"], "collect", "nobody was asked for it yet");
}

/// Each way in which a call with an extension comes to nothing: what is keyed, how the switch ends it, stateCode.
const FAILURES: &[(&str, Option<&str>, &str, u16)] = &[
    ("hangs up before keying", None, r#"{"by":"caller","sip":487}"#, 7516),
    ("never keys and times out", None, r#"{"by":"timeout"}"#, 8033),
    ("keys nothing", Some(""), r#"{"by":"gateway","sip":403}"#, 8033),
    ("keys what is not bound", Some("0777"), r#"{"by":"gateway","sip":403}"#, 8022),
    ("keys too much", Some("00420"), r#"{"by":"gateway","sip":403}"#, 8022),
];

#[tokio::test]
async fn a_call_without_a_valid_extension_has_its_documented_cause_and_no_binding() {
    let (world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    for (n, (what, keyed, end, state)) in FAILURES.iter().enumerate() {
        let call = format!("c-{n}");
        let session = text(&world.switch().route(&call, B, X).await, "sessionId");
        let mut reports = vec![Switch::callin(&call, B, X)];
        if let Some(keyed) = keyed {
            let decision = world.switch().route_keyed(&call, B, X, keyed).await;
            assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(state)));
            let digits = json!({"digits": keyed});
            reports.push(Switch::event(&call, "collectInfo", "2026-01-02T03:05:01Z", &digits));
        }
        let end = serde_json::from_str(end).unwrap();
        reports.push(Switch::event(&call, "disconnect", "2026-01-02T03:05:31Z", &end));
        world.switch().report(&reports.into()).await;
        let told = events(&world).await.remove(&session).unwrap();
        let info = told.last().unwrap().json()["statusInfo"].clone();
        assert_eq!((&info["stateCode"], &info["subscriptionId"]), (&json!(state), &json!("")), "{what}");
        assert_eq!((&info["caller"], &info["called"]), (&json!(B), &json!(X)), "{what}");
        world.advance(SECOND).await;
        let cdr = cdrs(&world).await[&session].clone();
        assert_eq!((&cdr["ulFailReason"], &cdr["direction"]), (&json!(state), &json!(2)), "{what}");
        let extension = if *keyed == Some("0777") { json!("0777") } else { Value::Null };
        assert_eq!(cdr["extendNumber"], extension, "{what}");
    }
}

#[tokio::test]
async fn a_calls_back_the_last_caller_until_that_is_too_long_ago() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042", "callbackExpiredTime": 1})).await;
    let session = text(&call_through(&world, "c-1", STRANGER, "0042").await, "sessionId");
    call_through(&world, "c-2", B, "0042").await;
    let decision = world.switch().route("back", A, X).await;
    assert_eq!((&decision["action"], &decision["callee"]), (&json!("connect"), &json!(B)));
    assert_eq!(decision["subscriptionId"], bound["subscriptionId"]);
    world.switch().report(&Switch::answered("back", A, X)).await;
    let back = text(&decision, "sessionId");
    let told = events(&world).await;
    let names: Vec<_> = told[&back].iter().map(Pushed::event).collect();
    assert_eq!(names, ["callin", "callout", "alerting", "answer", "disconnect"]);
    assert_eq!(told[&back][0].json()["statusInfo"]["subscriptionId"], Value::Null);
    world.advance(SECOND).await;
    let records = cdrs(&world).await;
    let direction = |session: &str| records[session]["direction"].clone();
    assert_eq!((direction(&back), direction(&session)), (json!(1), json!(0)));
    assert_eq!(records[&back]["extendNum"], "0042");

    // The second caller was put through at 03:05:00.
    world.set_time(at("2026-01-02T04:04:59Z")).await;
    assert_eq!(world.switch().route("in time", A, X).await["callee"], B);
    world.set_time(at("2026-01-02T04:05:00Z")).await;
    let late = world.switch().route("late", A, X).await;
    assert_eq!((&late["action"], &late["stateCode"]), (&json!("reject"), &json!(8019)));
}

#[tokio::test]
async fn a_call_back_survives_a_restart_and_ends_with_its_binding() {
    let (mut world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042"})).await;
    call_through(&world, "c-1", B, "0042").await;
    world.stop().await;
    world.start_again().await;
    assert_eq!(world.switch().route("back", A, X).await["callee"], B);
    let id = text(&bound, "subscriptionId");
    assert_eq!(app.delete(AXE, &format!("subscriptionId={id}")).await.code(), (200, "0".into()));
    bind(&app, json!({"extendNum": "0042"})).await;
    let decision = world.switch().route("another binding", A, X).await;
    assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(8019)));
}

#[tokio::test]
async fn a_call_whose_second_answer_was_lost_in_a_crash_is_made_whole_from_what_was_keyed() {
    let (mut world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042"})).await;
    world.switch().route("c", B, X).await;
    let keyed = Switch::event("c", "collectInfo", "2026-01-02T03:05:01Z", &json!({"digits": "0042"}));
    world.switch().report(&json!([Switch::callin("c", B, X), keyed])).await;
    world.switch().route_keyed("c", B, X, "0042").await;
    world.stop().await; // No event has brought the second answer to the disk.
    world.start_again().await;
    let reports = Switch::answered("c", B, X);
    world.switch().report(&reports).await;
    let told = events(&world).await;
    let (_, told) = told.iter().next().unwrap();
    assert_eq!(told.last().unwrap().json()["statusInfo"]["subscriptionId"], bound["subscriptionId"]);
    world.advance(SECOND).await;
    let records = cdrs(&world).await;
    let (_, cdr) = records.iter().next().unwrap();
    assert_eq!((&cdr["fwdDstNum"], &cdr["direction"]), (&json!(A), &json!(0)));
    assert_eq!(world.switch().route("back", A, X).await["callee"], B);
}

#[tokio::test]
async fn a_caller_who_was_asked_before_a_restart_is_not_asked_again() {
    let (mut world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    for call in ["keys", "keys nothing"] {
        assert_eq!(world.switch().route(call, B, X).await["action"], "collect");
        world.switch().report(&json!([Switch::callin(call, B, X)])).await;
    }
    world.stop().await;
    world.start_again().await;
    assert_eq!(world.switch().route("keys", B, X).await["action"], "collect", "without digits, as before");
    assert_eq!(world.switch().route_keyed("keys", B, X, "0042").await["callee"], A);
    assert_eq!(world.switch().route_keyed("keys nothing", B, X, "").await["stateCode"], 8033);
}

#[tokio::test]
async fn with_nobody_to_call_back_a_meets_what_the_binding_or_the_app_has() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042", "callbackTone": "nobody.wav"})).await;
    let rejected = world.switch().route("c-1", A, X).await;
    assert_eq!((&rejected["stateCode"], &rejected["tone"]), (&json!(8019), &json!("nobody.wav")));
    assert!(text(&rejected, "reason").contains("nobody called"), "{rejected}");

    let id = text(&bound, "subscriptionId");
    let to_number = json!({"subscriptionId": id, "callbackNum": STAND_IN});
    assert_eq!(app.put(AXE, &to_number).await.code(), (200, "0".into()));
    let connected = world.switch().route("c-2", A, X).await;
    assert_eq!((&connected["action"], &connected["callee"]), (&json!("connect"), &json!(STAND_IN)));

    let neither = json!({"subscriptionId": id, "callbackNum": ""});
    assert_eq!(app.put(AXE, &neither).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("c-3", A, X).await["tone"], "");
    world.change_app(&app, &json!({"callbackTone": "app.wav", "extensionTone": "prompt.wav"})).await;
    assert_eq!(world.switch().route("c-4", A, X).await["tone"], "app.wav");
    assert_eq!(world.switch().route("c-5", B, X).await["tone"], "prompt.wav");
    world.change_app(&app, &json!({"callbackNum": STAND_IN})).await;
    assert_eq!(world.switch().route("c-6", A, X).await["callee"], STAND_IN);
}
