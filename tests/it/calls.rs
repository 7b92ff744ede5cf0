//! Calls: what the switch asks and reports, however it does that, and what the customer is told in the end.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{A, AXB, B, Customer, FEE, Pushed, STATUS, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const STAGES: [&str; 5] = ["callin", "callout", "alerting", "answer", "disconnect"];
pub const STRANGER: &str = "+8613800000009";

/// The records of all CDRs pushed so far, by sessionId.
pub async fn cdrs(world: &World) -> HashMap<String, Value> {
    let lists = world.pushed(FEE).await.into_iter().map(|push| push.json()["feeLst"].clone());
    let records = lists.flat_map(|list| list.as_array().unwrap().clone());
    records.map(|cdr| (cdr["sessionId"].as_str().unwrap().to_owned(), cdr)).collect()
}

/// The events pushed so far, by sessionId.
pub async fn events(world: &World) -> HashMap<String, Vec<Pushed>> {
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
    let earlier = Switch::event("c", "alerting", "2026-01-02T03:05:01Z", &json!({"eventId": "of its own"}));
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
    assert_eq!(times, [(json!("2026-01-02 03:05:02"), json!(0)), (json!("2026-01-02 03:05:08"), json!(0)),]);
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
    let sessions = [switch.route("unanswered", A, X).await, switch.route("talking", A, X).await];
    world.advance(86_399 * SECOND).await;
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
    world.advance(Duration::from_millis(59_999)).await;
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
