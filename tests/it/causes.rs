//! Why calls end: every row of proto-docs/causes.md provoked, for AX, AXB and AXE, and compared with what the
//! customer is told.

use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::{STRANGER, cdrs, events};
use crate::world::{A, AX, AX_CALLEE, AXB, AXE, B, Customer, Pushed, STATUS, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);

/// How a call ends: the stages before its end, what the end event says, and what becomes of it: stateCode,
/// ulFailReason, fwdUnaswRsn, sipStatusCode (proto-docs/causes.md, with the row of its first table).
type End = (u8, &'static str, &'static str, u16, u16, u16, u16);

const DIALLED: &str = "callin callout";
const RANG: &str = "callin callout alerting";
const ANSWERED: &str = "callin callout alerting answer";

const ENDS: &[End] = &[
    (1, ANSWERED, r#"{"sip":200,"by":"maxDuration"}"#, 8010, 0, 0, 0),
    (1, RANG, r#"{"by":"maxDuration"}"#, 8010, 0, 0, 0),
    (2, ANSWERED, r#"{"sip":200,"q850":16,"by":"caller"}"#, 0, 0, 0, 0),
    (2, ANSWERED, r#"{"sip":503,"q850":41,"by":"gateway"}"#, 0, 0, 0, 0),
    (2, RANG, r#"{"sip":200}"#, 0, 0, 0, 0),
    (4, RANG, r#"{"by":"gateway"}"#, 8020, 8020, 0, 480),
    (5, RANG, r#"{"by":"caller","sip":500}"#, 7502, 7502, 0, 487),
    (5, RANG, r#"{"sip":487}"#, 7502, 7502, 0, 487),
    (6, DIALLED, r#"{"by":"caller"}"#, 7501, 7501, 0, 487),
    (6, DIALLED, r#"{"sip":487,"by":"switch"}"#, 7501, 7501, 0, 487),
    (7, "callin", r#"{"by":"caller"}"#, 7516, 7516, 0, 487),
    (8, RANG, r#"{"by":"timeout"}"#, 8101, 8101, 19, 480),
    (8, RANG, r#"{"by":"timeout","sip":408}"#, 8101, 8101, 19, 408),
    (8, RANG, r#"{"by":"timeout","sip":487}"#, 8101, 8101, 19, 480),
    (9, DIALLED, r#"{"by":"timeout"}"#, 8035, 8035, 102, 408),
    (10, RANG, r#"{"sip":603}"#, 7503, 7503, 21, 603),
    (10, RANG, r#"{"q850":21}"#, 7503, 7503, 21, 603),
    (10, RANG, r#"{"sip":403,"by":"callee"}"#, 7503, 7503, 21, 403),
    (10, RANG, r#"{"by":"callee"}"#, 7503, 7503, 21, 603),
    (11, DIALLED, r#"{"sip":486}"#, 8102, 8102, 17, 486),
    (11, DIALLED, r#"{"sip":600}"#, 8102, 8102, 17, 600),
    (11, DIALLED, r#"{"q850":17}"#, 8102, 8102, 17, 486),
    (12, DIALLED, r#"{"q850":19}"#, 8101, 8101, 19, 480),
    (13, RANG, r#"{"sip":480}"#, 8101, 8101, 19, 480),
    (13, RANG, r#"{"sip":408}"#, 8101, 8101, 19, 408),
    (13, RANG, r#"{"q850":102}"#, 8101, 8101, 19, 480),
    (14, DIALLED, r#"{"sip":408}"#, 8035, 8035, 102, 408),
    (14, DIALLED, r#"{"q850":102}"#, 8035, 8035, 102, 408),
    (15, DIALLED, r#"{"q850":18}"#, 8103, 8103, 18, 480),
    (15, DIALLED, r#"{"q850":20,"sip":480}"#, 8103, 8103, 20, 480),
    (15, DIALLED, r#"{"sip":480}"#, 8103, 8103, 18, 480),
    (16, DIALLED, r#"{"q850":27}"#, 8104, 8104, 27, 480),
    (17, DIALLED, r#"{"sip":404}"#, 8100, 8100, 1, 404),
    (17, DIALLED, r#"{"sip":410}"#, 8100, 8100, 1, 410),
    (17, DIALLED, r#"{"sip":604}"#, 8100, 8100, 1, 604),
    (17, DIALLED, r#"{"q850":22}"#, 8100, 8100, 22, 404),
    (18, DIALLED, r#"{"q850":50}"#, 8105, 8105, 50, 404),
    (18, DIALLED, r#"{"q850":57,"sip":503}"#, 8105, 8105, 57, 503),
    (19, DIALLED, r#"{"q850":3}"#, 7508, 7508, 3, 404),
    (20, DIALLED, r#"{"sip":484}"#, 7506, 7506, 28, 484),
    (20, DIALLED, r#"{"q850":28}"#, 7506, 7506, 28, 503),
    (21, DIALLED, r#"{"sip":503}"#, 7506, 7506, 41, 503),
    (21, DIALLED, r#"{"sip":500}"#, 7506, 7506, 31, 500),
    (21, DIALLED, r#"{"q850":34}"#, 7506, 7506, 34, 503),
    (22, "callin", r#"{"sip":502}"#, 7505, 7505, 38, 502),
    (22, "callin", r#"{"q850":42}"#, 7505, 7505, 42, 503),
    (23, DIALLED, r#"{"sip":400}"#, 8020, 8020, 31, 400),
    (23, DIALLED, r#"{"q850":127}"#, 8020, 8020, 127, 480),
    (23, DIALLED, "{}", 8020, 8020, 31, 480),
];

/// Plays every end as a call from `caller`, and compares what the customer is told.
async fn assert_ends(world: &World, caller: &str) {
    let mut sessions = Vec::new();
    for (n, (row, stages, end, ..)) in ENDS.iter().enumerate() {
        let call = format!("c-{n}");
        let decision = world.switch().route(&call, caller, X).await;
        assert_eq!(decision["action"], "connect", "row {row}: {decision}");
        let mut reports = vec![Switch::callin(&call, caller, X)];
        let stages = stages.split(' ').skip(1);
        reports.extend(stages.map(|stage| Switch::event(&call, stage, "2026-01-02T03:05:05Z", &Value::Null)));
        let end = serde_json::from_str(end).unwrap();
        reports.push(Switch::event(&call, "disconnect", "2026-01-02T03:05:41Z", &end));
        world.switch().report(&reports.into()).await;
        sessions.push(decision["sessionId"].as_str().unwrap().to_owned());
    }
    let events = events(world).await;
    world.advance(31 * SECOND).await;
    let cdrs = cdrs(world).await;
    for (session, (row, stages, end, state, reason, q850, sip)) in sessions.iter().zip(ENDS) {
        let place = format!("row {row}: {stages} {end}");
        let told = events[session].last().unwrap().json()["statusInfo"].clone();
        assert_eq!(told["stateCode"], *state, "{place}");
        let cdr = &cdrs[session];
        let numbers = ["ulFailReason", "fwdUnaswRsn", "sipStatusCode"].map(|member| cdr[member].clone());
        assert_eq!(numbers, [json!(reason), json!(q850), json!(sip)], "{place}");
        assert_eq!(cdr["fwdAnswerTime"].is_string(), *reason == 0, "{place}");
        assert_eq!(cdr["failTime"].is_string(), *reason != 0, "{place}");
    }
}

#[tokio::test]
async fn every_end_of_an_axb_call_has_its_documented_cause() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    assert_ends(&world, B).await;
}

#[tokio::test]
async fn every_end_of_an_ax_call_has_its_documented_cause() {
    let (world, app) = World::ax().await;
    app.bind_ax(X, A).await;
    assert_ends(&world, STRANGER).await;
}

/// A call that the gateway rejects: what the switch is told, and what the customer is told.
async fn assert_rejected(world: &World, call: &str, caller: &str, state: u16) {
    let decision = world.switch().route(call, caller, X).await;
    assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(state)));
    let end = json!({"sip": 403, "q850": 21, "by": "gateway"});
    let end = Switch::event(call, "disconnect", "2026-01-02T03:05:00Z", &end);
    world.switch().report(&json!([Switch::callin(call, caller, X), end])).await;
    let told = world.pushed(STATUS).await;
    assert_eq!(told.iter().map(Pushed::event).collect::<Vec<_>>(), ["callin", "disconnect"]);
    assert_eq!(told[1].json()["statusInfo"]["stateCode"], state);
    world.advance(SECOND).await;
    let cdr = cdrs(world).await.into_values().next().unwrap();
    let numbers = ["ulFailReason", "fwdUnaswRsn", "sipStatusCode"].map(|member| cdr[member].clone());
    assert_eq!(numbers, [json!(state), json!(0), json!(403)]);
    assert!(cdr.get("fwdDstNum").is_none() && cdr.get("fwdAnswerTime").is_none(), "{cdr}");
}

async fn set_status(world: &World, body: Value) {
    let answer = world.operator().ask("POST", &format!("numbers/{X}/status"), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn freeze(world: &World, app: &Customer, verb: &str) {
    let answer = world.operator().ask("POST", &format!("apps/{}/{verb}", app.key), &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn every_rejection_of_an_axb_call_has_its_documented_cause() {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "callDirection": 1});
    assert_eq!(app.post(AXB, &body).await.status, 200);
    assert_rejected(&world, "stranger", STRANGER, 8014).await;
    assert_rejected(&world, "withheld", "anonymous", 8014).await;
    assert_rejected(&world, "no number", "sip:nobody@nowhere", 8014).await;
    assert_rejected(&world, "against the direction", B, 8016).await;
    world.suspend(&app, true).await;
    assert_rejected(&world, "suspended app", A, 8051).await;
    world.suspend(&app, false).await;
    freeze(&world, &app, "freeze").await;
    assert_rejected(&world, "frozen account", A, 7108).await;
    freeze(&world, &app, "unfreeze").await;
    set_status(&world, json!({"status": "9"})).await;
    assert_rejected(&world, "suspended X", A, 8055).await;
    set_status(&world, json!({"status": "10", "cause": "2"})).await;
    assert_rejected(&world, "unavailable X", A, 8055).await;
    set_status(&world, json!({"status": "11"})).await;
    assert_eq!(world.switch().route("frozen X", A, X).await["action"], "connect");
}

#[tokio::test]
async fn every_rejection_of_an_ax_call_has_its_documented_cause() {
    let (world, app) = World::ax().await;
    assert_rejected(&world, "nothing bound", STRANGER, 8018).await;
    let body = json!({"origNum": A, "privateNum": X, "callDirection": 1});
    assert_eq!(app.post(AX, &body).await.status, 200);
    assert_rejected(&world, "no temporary callee", A, 8013).await;
    assert_rejected(&world, "against the direction", STRANGER, 8016).await;
    assert_rejected(&world, "withheld", "anonymous", 8014).await;
    let callee = json!({"privateNum": X, "calleeNum": B, "duration": 60});
    assert_eq!(app.put(AX_CALLEE, &callee).await.status, 200);
    assert_eq!(world.switch().route("in time", A, X).await["callee"], B);
    world.advance(60 * SECOND).await;
    assert_rejected(&world, "too late", A, 8019).await;
    world.suspend(&app, true).await;
    assert_rejected(&world, "suspended app", A, 8051).await;
    world.suspend(&app, false).await;
    freeze(&world, &app, "freeze").await;
    assert_rejected(&world, "frozen account", A, 7108).await;
    freeze(&world, &app, "unfreeze").await;
    set_status(&world, json!({"status": "9"})).await;
    assert_rejected(&world, "suspended X", STRANGER, 8055).await;
}

/// A call whose caller was asked for an extension and keyed this, which the gateway then rejects.
async fn assert_rejected_keyed(world: &World, call: &str, keyed: &str, state: u16) {
    assert_eq!(world.switch().route(call, STRANGER, X).await["action"], "collect");
    let decision = world.switch().route_keyed(call, STRANGER, X, keyed).await;
    assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(state)));
    let keys = Switch::event(call, "collectInfo", "2026-01-02T03:05:01Z", &json!({"digits": keyed}));
    let end = json!({"sip": 403, "q850": 21, "by": "gateway"});
    let end = Switch::event(call, "disconnect", "2026-01-02T03:05:02Z", &end);
    world.switch().report(&json!([Switch::callin(call, STRANGER, X), keys, end])).await;
    let told = world.pushed(STATUS).await;
    assert_eq!(told.last().unwrap().json()["statusInfo"]["stateCode"], state);
    world.advance(SECOND).await;
    let cdr = cdrs(world).await.into_values().next().unwrap();
    assert_eq!((&cdr["ulFailReason"], &cdr["sipStatusCode"]), (&json!(state), &json!(403)));
}

#[tokio::test]
async fn every_rejection_of_an_axe_call_has_its_documented_cause() {
    let (world, app) = World::one_app("AXE", "").await;
    let body = json!({"bindNum": A, "virtualNum": X, "extendNum": "0042"});
    assert_eq!(app.post(AXE, &body).await.status, 200);
    assert_rejected_keyed(&world, "wrong extension", "0043", 8022).await;
    assert_rejected_keyed(&world, "no extension", "", 8033).await;
    assert_rejected(&world, "nobody to call back", A, 8019).await;
    assert_rejected(&world, "withheld", "anonymous", 8014).await;
    world.suspend(&app, true).await;
    assert_rejected(&world, "suspended app", STRANGER, 8051).await;
    world.suspend(&app, false).await;
    freeze(&world, &app, "freeze").await;
    assert_rejected(&world, "frozen account", STRANGER, 7108).await;
    freeze(&world, &app, "unfreeze").await;
    set_status(&world, json!({"status": "9"})).await;
    assert_rejected(&world, "suspended X", STRANGER, 8055).await;
}
