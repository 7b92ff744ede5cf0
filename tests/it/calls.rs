//! Calls: what the switch asks and reports, however it does that, and what the customer is told in the end.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{A, AX_CALLEE, AXB, B, Customer, FEE, Pushed, STATUS, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const STAGES: [&str; 5] = ["callin", "callout", "alerting", "answer", "disconnect"];
const STRANGER: &str = "+8613800000009";

/// The records of all CDRs pushed so far, by sessionId.
async fn cdrs(world: &World) -> HashMap<String, Value> {
    let lists = world.pushed(FEE).await.into_iter().map(|push| push.json()["feeLst"].clone());
    let records = lists.flat_map(|list| list.as_array().unwrap().clone());
    records.map(|cdr| (cdr["sessionId"].as_str().unwrap().to_owned(), cdr)).collect()
}

/// The events pushed so far, by sessionId.
async fn events(world: &World) -> HashMap<String, Vec<Pushed>> {
    let mut by_session: HashMap<_, Vec<_>> = HashMap::new();
    for push in world.pushed(STATUS).await {
        let session = push.json()["statusInfo"]["sessionId"].as_str().unwrap().to_owned();
        by_session.entry(session).or_default().push(push);
    }
    by_session
}

async fn bound_pair() -> (World, Customer, String) {
    let (world, app) = World::axb().await;
    let id = app.bind_axb(X, A, B).await;
    (world, app, id)
}

fn permutations(items: &[Value]) -> Vec<Vec<Value>> {
    if items.len() <= 1 {
        return vec![items.to_vec()];
    }
    let with_first = |at: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |mut rest| {
            rest.insert(0, first.clone());
            rest
        })
    };
    (0..items.len()).flat_map(with_first).collect()
}

#[tokio::test]
async fn in_whatever_order_the_events_come_the_cdr_is_the_same_and_each_is_told_once() {
    let (world, _, _) = bound_pair().await;
    let orders = permutations(Switch::answered("c", A, X).as_array().unwrap());
    assert_eq!(orders.len(), 120);
    for (n, order) in orders.iter().enumerate() {
        let call = format!("c-{n}");
        if n % 2 == 0 {
            world.switch().route(&call, A, X).await;
        }
        for event in order {
            let mut event = event.clone();
            event["callId"] = call.clone().into();
            world.switch().report(&event).await;
        }
    }
    for (session, told) in events(&world).await {
        let mut told: Vec<_> = told.iter().map(Pushed::event).collect();
        told.sort_by_key(|event| STAGES.iter().position(|stage| stage == event));
        assert_eq!(told, STAGES, "{session}");
    }
    world.advance(SECOND).await;
    let cdrs = cdrs(&world).await;
    assert_eq!(cdrs.len(), 120);
    let alike = |cdr: &Value| {
        let mut cdr = cdr.clone();
        cdr["sessionId"].take();
        cdr["icid"].take();
        cdr
    };
    let first = alike(cdrs.values().next().unwrap());
    assert!(cdrs.values().all(|cdr| alike(cdr) == first));
}

#[tokio::test]
async fn an_event_reported_again_is_a_duplicate_and_a_stage_counts_once_with_its_earliest_time() {
    let (world, _, _) = bound_pair().await;
    let switch = world.switch();
    switch.route("c", A, X).await;
    assert_eq!(switch.report(&Switch::answered("c", A, X)).await, [5, 0, 0]);
    assert_eq!(switch.report(&Switch::answered("c", A, X)).await, [0, 5, 0]);
    let earlier =
        Switch::event("c", "alerting", "2026-01-02T03:05:01Z", &json!({"eventId": "of its own"}));
    assert_eq!(switch.report(&earlier).await, [1, 0, 0]);
    assert_eq!(world.pushed(STATUS).await.len(), 5, "nothing is told twice");
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!(cdr["fwdAlertingTime"], "2026-01-02 03:05:01");
}

#[tokio::test]
async fn what_comes_after_the_cdr_changes_nothing() {
    let (world, _, _) = bound_pair().await;
    world.switch().route("c", A, X).await;
    world.switch().report(&Switch::callin("c", A, X)).await;
    let end = Switch::event("c", "disconnect", "2026-01-02T03:05:41Z", &json!({"sip": 486}));
    world.switch().report(&end).await;
    world.advance(SECOND).await;
    assert_eq!(cdrs(&world).await.len(), 1);
    world.pushed(STATUS).await;
    let late = Switch::event("c", "answer", "2026-01-02T03:05:08Z", &Value::Null);
    assert_eq!(world.switch().report(&late).await, [0, 1, 0]);
    world.advance(HOUR).await;
    assert_eq!((world.pushed(STATUS).await, cdrs(&world).await.len()), (vec![], 0));
}

#[tokio::test]
async fn the_cdr_waits_a_while_for_the_answer_that_its_end_tells_of() {
    let (world, _, _) = bound_pair().await;
    let all = Switch::answered("c", A, X);
    let without = |left_out: &str, call: &str| -> Value {
        let kept = all.as_array().unwrap().iter().filter(|event| event["event"] != left_out);
        kept.map(|event| {
            let mut event = event.clone();
            event["callId"] = call.into();
            event
        })
        .collect()
    };
    world.switch().report(&without("answer", "late")).await;
    world.switch().report(&without("answer", "never")).await;
    world.advance(29 * SECOND).await;
    assert!(cdrs(&world).await.is_empty());
    world.switch().report(&Switch::event("late", "answer", "2026-01-02T03:05:08Z", &Value::Null)).await;
    world.advance(SECOND).await;
    let mut times: Vec<_> = cdrs(&world)
        .await
        .into_values()
        .map(|cdr| (cdr["fwdAnswerTime"].clone(), cdr["ulFailReason"].clone()))
        .collect();
    times.sort_by_key(|(time, _)| time.to_string());
    assert_eq!(times, [
        (json!("2026-01-02 03:05:02"), json!(0)),
        (json!("2026-01-02 03:05:08"), json!(0)),
    ]);
}

#[tokio::test]
async fn events_of_a_call_nobody_announced_are_parked_and_told_in_order_once_it_is_known() {
    let (world, _, id) = bound_pair().await;
    let events = Switch::answered("c", A, X);
    let (callin, rest) = events.as_array().unwrap().split_first().unwrap();
    for event in rest.iter().rev() {
        assert_eq!(world.switch().report(event).await, [0, 0, 1]);
    }
    assert_eq!(world.pushed(STATUS).await, []);
    assert_eq!(world.switch().report(callin).await, [1, 0, 0]);
    let told = world.pushed(STATUS).await;
    assert_eq!(told.iter().map(Pushed::event).collect::<Vec<_>>(), STAGES);
    assert!(told.iter().all(|push| push.json()["statusInfo"]["subscriptionId"] == id));
}

#[tokio::test]
async fn parked_events_are_told_when_the_switch_asks_and_reports_more() {
    let (world, _, _) = bound_pair().await;
    let event = |stage| Switch::event("c", stage, "2026-01-02T03:05:00Z", &Value::Null);
    assert_eq!(world.switch().report(&event("callout")).await, [0, 0, 1]);
    assert_eq!(world.switch().route("c", A, X).await["action"], "connect");
    assert_eq!(world.switch().report(&event("alerting")).await, [1, 0, 0]);
    let told: Vec<_> = world.pushed(STATUS).await.iter().map(Pushed::event).collect();
    assert_eq!(told, ["callout", "alerting"]);
}

#[tokio::test]
async fn a_silent_call_is_closed_after_a_day() {
    let (world, _, _) = bound_pair().await;
    let switch = world.switch();
    switch.report(&Switch::callin("unanswered", A, X)).await;
    let mut talking = Switch::answered("talking", A, X);
    talking.as_array_mut().unwrap().pop();
    switch.report(&talking).await;
    let sessions =
        [switch.route("unanswered", A, X).await, switch.route("talking", A, X).await];
    world.advance(24 * HOUR - SECOND).await;
    assert!(cdrs(&world).await.is_empty());
    world.advance(10 * SECOND).await;
    let cdrs = cdrs(&world).await;
    for (session, reason, end) in
        [(&sessions[0], 8020, "2026-01-02 03:05:00"), (&sessions[1], 0, "2026-01-02 03:05:08")]
    {
        let cdr = &cdrs[session["sessionId"].as_str().unwrap()];
        assert_eq!((&cdr["ulFailReason"], &cdr["callEndTime"]), (&json!(reason), &json!(end)));
    }
    assert!(world.pushed(STATUS).await.iter().all(|push| push.event() != "disconnect"), "none was reported");
}

#[tokio::test]
async fn a_call_with_a_longest_duration_is_closed_a_minute_after_it_must_have_ended() {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "maxDuration": 10});
    assert_eq!(app.post(AXB, &body).await.status, 200);
    world.switch().route("c", A, X).await;
    let mut talking = Switch::answered("c", A, X);
    talking.as_array_mut().unwrap().pop();
    world.switch().report(&talking).await;
    world.advance(659 * SECOND).await;
    assert!(cdrs(&world).await.is_empty());
    world.advance(11 * SECOND).await;
    assert_eq!(cdrs(&world).await.len(), 1);
}

#[tokio::test]
async fn a_call_at_the_expiry_instant_is_rejected_and_one_before_goes_on() {
    let (world, app) = World::axb().await;
    let id = app.bind_axb_for(X, A, B, 60).await;
    world.advance(60 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(world.switch().route("c", A, X).await["action"], "connect");
    world.switch().report(&Switch::callin("c", A, X)).await;
    world.advance(Duration::from_millis(1)).await;
    assert_eq!(world.switch().route("d", A, X).await["stateCode"], 8014);
    assert_eq!(world.switch().route("c", A, X).await["action"], "connect", "decided before");
    world.switch().report(&Switch::answered("c", A, X)).await;
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!((&cdr["subscriptionId"], &cdr["ulFailReason"]), (&json!(id), &json!(0)));
}

#[tokio::test]
async fn an_unbind_during_a_call_lets_it_go_on_and_the_next_is_rejected() {
    let (world, app, id) = bound_pair().await;
    let decision = world.switch().route("c", A, X).await;
    world.switch().report(&Switch::callin("c", A, X)).await;
    assert_eq!(app.delete(AXB, &format!("subscriptionId={id}")).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("d", A, X).await["stateCode"], 8014);
    assert_eq!(world.switch().route("c", A, X).await, decision);
    world.switch().report(&Switch::answered("c", A, X)).await;
    assert!(world.pushed(STATUS).await.iter().all(|push| push.json()["statusInfo"]["subscriptionId"] == id));
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!((&cdr["subscriptionId"], &cdr["fwdDstNum"]), (&json!(id), &json!(B)));
}

#[tokio::test]
async fn the_same_call_gets_the_same_decision_also_after_a_restart() {
    let (mut world, app, id) = bound_pair().await;
    let decision = world.switch().route("c", A, X).await;
    world.switch().report(&Switch::callin("c", A, X)).await;
    app.delete(AXB, &format!("subscriptionId={id}")).await;
    world.stop().await;
    world.start_again().await;
    assert_eq!(world.switch().route("c", A, X).await, decision);
    assert_eq!(world.switch().route("d", A, X).await["action"], "reject");
}

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
    let (world, _, _) = bound_pair().await;
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

#[tokio::test]
async fn every_rejection_of_an_axb_call_has_its_documented_cause() {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "callDirection": 1});
    assert_eq!(app.post(AXB, &body).await.status, 200);
    assert_rejected(&world, "stranger", STRANGER, 8014).await;
    assert_rejected(&world, "withheld", "anonymous", 8014).await;
    assert_rejected(&world, "no number", "sip:nobody@nowhere", 8014).await;
    assert_rejected(&world, "against the direction", B, 8016).await;
    world.change_app(&app, |app| app.suspended = true).await;
    assert_rejected(&world, "suspended app", A, 8051).await;
    world.change_app(&app, |app| app.suspended = false).await;
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
    assert_eq!(app.post(crate::world::AX, &body).await.status, 200);
    assert_rejected(&world, "no temporary callee", A, 8013).await;
    assert_rejected(&world, "against the direction", STRANGER, 8016).await;
    assert_rejected(&world, "withheld", "anonymous", 8014).await;
    let callee = json!({"privateNum": X, "calleeNum": B, "duration": 60});
    assert_eq!(app.put(AX_CALLEE, &callee).await.status, 200);
    assert_eq!(world.switch().route("in time", A, X).await["callee"], B);
    world.advance(60 * SECOND).await;
    assert_rejected(&world, "too late", A, 8019).await;
    world.change_app(&app, |app| app.suspended = true).await;
    assert_rejected(&world, "suspended app", A, 8051).await;
    world.change_app(&app, |app| app.suspended = false).await;
    set_status(&world, json!({"status": "9"})).await;
    assert_rejected(&world, "suspended X", STRANGER, 8055).await;
}
