//! Calls and CDRs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all_pages, assert_refused, each, get};
use crate::world::{A, B, Customer, OPERATOR_TOKEN, Switch, World, X};

/// Lets a call of A to X be answered and end, and its CDR be made.
async fn answered_call(world: &World, call: &str) {
    world.switch().route(call, A, X).await;
    assert_eq!(world.switch().report(&Switch::answered(call, A, X)).await, [5, 0, 0]);
    world.advance(Duration::from_secs(1)).await;
}

async fn bound_world() -> (World, Customer, String) {
    let (world, app) = World::axb().await;
    let id = app.bind_axb(X, A, B).await;
    (world, app, id)
}

#[tokio::test]
async fn a_call_shows_every_event_and_what_was_decided() {
    let (world, app, id) = bound_world().await;
    let operator = world.operator();
    let asked = world.switch().route("call-1", A, X).await;
    let session = asked["sessionId"].as_str().unwrap().to_owned();
    let routed = get(&operator, &format!("calls/{session}")).await;
    assert_eq!((&routed["state"], &routed["events"]), (&json!("open"), &json!([])));
    assert_eq!(world.switch().report(&json!([Switch::callin("call-1", A, X)])).await, [1, 0, 0]);
    let open = get(&operator, "calls?open=true").await;
    assert_eq!(each(&open, "sessionId"), [session.as_str()]);

    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.advance(Duration::from_secs(1)).await;
    assert_eq!(get(&operator, "calls?open=true").await["items"], json!([]));
    let call = get(&operator, &format!("calls/{session}")).await;
    let expected = json!({"sessionId": session, "callId": "call-1", "appKey": app.key, "mode": "AXB", "number": X,
        "subscriptionId": id, "caller": A, "called": X, "callee": B, "state": "ended",
        "startedAt": "2026-01-02T03:05:00.000Z", "endedAt": "2026-01-02T03:05:41.000Z", "stateCode": 0,
        "closedBySweeper": false});
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&call[member], value, "{member}");
    }
    assert_eq!(get(&operator, &format!("calls?sessionId={session}")).await["items"], json!([expected]));
    let decision = json!({"at": "2026-01-02T03:04:05.000Z", "basis": "asked", "action": "connect", "cause": null,
        "stateCode": null, "reason": null, "displayNum": X, "maxDuration": 0, "recordFlag": 0});
    assert_eq!(call["decision"], decision);
    assert_eq!(call["recording"], Value::Null);
    let events = call["events"].as_array().unwrap();
    let stages: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(stages, ["callin", "callout", "alerting", "answer", "disconnect"]);
    let last = json!({"eventId": "call-1-disconnect", "event": "disconnect", "ts": "2026-01-02T03:05:41.000Z",
        "receivedAt": "2026-01-02T03:04:05.000Z", "caller": null, "called": null, "digits": null, "sip": 200, "q850": 16, "by": "callee"});
    assert_eq!(events[4], last);
}

#[tokio::test]
async fn the_view_of_a_call_explains_why_it_was_rejected() {
    let (world, app, _) = bound_world().await;
    let operator = world.operator();
    let stranger = "+8613800000009";
    let session = world.switch().route("call-1", stranger, X).await["sessionId"].as_str().unwrap().to_owned();
    let events = json!([
        Switch::callin("call-1", stranger, X),
        Switch::event(
            "call-1",
            "disconnect",
            "2026-01-02T03:05:01Z",
            &json!({"sip": 403, "q850": 21, "by": "gateway"})
        ),
    ]);
    let expected = json!({"at": "2026-01-02T03:04:05.000Z", "basis": "asked", "action": "reject",
        "cause": "noAxbBinding", "stateCode": 8_014, "reason": "no binding of +86138****0009 on +86170****0001",
        "displayNum": null, "maxDuration": null, "recordFlag": null});
    // Before anything is reported, and after.
    assert_eq!(get(&operator, &format!("calls/{session}")).await["decision"], expected);
    world.switch().report(&events).await;
    let call = get(&operator, &format!("calls/{session}")).await;
    assert_eq!(call["decision"], expected);
    assert_eq!(
        (&call["state"], &call["stateCode"], &call["callee"]),
        (&json!("ended"), &json!(8_014), &Value::Null)
    );
    assert_eq!((&call["appKey"], &call["subscriptionId"]), (&json!(app.key), &Value::Null));
    let unknown = operator.ask("GET", "calls/0123456789abcdef", &Value::Null).await;
    assert_refused(&unknown, 404, "call_not_found", None);
}

#[tokio::test]
async fn parked_events_of_an_unknown_call_are_shown_as_unannounced() {
    let world = World::new().await;
    let event =
        Switch::event("stray", "alerting", "2026-01-02T03:05:02Z", &json!({"caller": A, "called": B}));
    assert_eq!(world.switch().report(&json!([event])).await, [0, 0, 1]);
    let calls = get(&world.operator(), "calls").await;
    let call = &calls["items"][0];
    assert_eq!(
        (&call["state"], &call["callId"], &call["appKey"]),
        (&json!("unannounced"), &json!("stray"), &Value::Null)
    );
    assert_eq!((&call["caller"], &call["called"]), (&json!(A), &json!(B)));
}

#[tokio::test]
async fn calls_are_listed_newest_first_and_by_every_filter() {
    let (world, app, _) = bound_world().await;
    let operator = world.operator();
    for call in ["call-1", "call-2", "call-3"] {
        world.switch().report(&json!([Switch::callin(call, A, X)])).await;
        world.advance(Duration::from_secs(60)).await;
    }
    world.switch().report(&json!([Switch::callin("elsewhere", A, "+8617000000009")])).await;
    let listed: Vec<_> = all_pages(&operator, "calls", 3).await;
    let listed: Vec<_> = listed.iter().map(|call| call["callId"].as_str().unwrap()).collect();
    assert_eq!(listed, ["elsewhere", "call-3", "call-2", "call-1"]);
    for (filter, expected) in [
        (format!("appKey={}", app.key), vec!["call-3", "call-2", "call-1"]),
        ("number=%2B8617000000001&to=2026-01-02T03:05:05Z".into(), vec!["call-1"]),
        ("from=2026-01-02T03:05:05Z&to=2026-01-02T03:06:05Z".into(), vec!["call-2"]),
        ("from=2026-01-02T11:07:05%2B08:00".into(), vec!["elsewhere"]),
    ] {
        assert_eq!(each(&get(&operator, &format!("calls?{filter}")).await, "callId"), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_cdr_has_the_members_of_the_push_in_the_operators_way() {
    let (world, app, id) = bound_world().await;
    answered_call(&world, "call-1").await;
    let cdrs = get(&world.operator(), "cdrs").await;
    let cdr = &cdrs["items"][0];
    let expected = json!({"mode": "AXB", "direction": 1, "appKey": app.key, "icid": cdr["icid"], "bindNum": X,
        "sessionId": cdr["sessionId"], "subscriptionId": id, "callerNum": A, "calleeNum": X, "fwdDisplayNum": X,
        "fwdDstNum": B, "callInTime": "2026-01-02T03:05:00.000Z", "fwdStartTime": "2026-01-02T03:05:00.000Z",
        "fwdAlertingTime": "2026-01-02T03:05:02.000Z", "fwdAnswerTime": "2026-01-02T03:05:08.000Z",
        "callEndTime": "2026-01-02T03:05:41.000Z", "fwdUnaswRsn": 0, "failTime": null, "ulFailReason": 0,
        "sipStatusCode": 0, "recordFlag": 0, "recordStartTime": null, "recordDomain": null, "recordBucketName": null,
        "recordObjectName": null, "serviceType": "004", "userData": null, "extendNumber": null,
        "closedBySweeper": false, "madeAt": "2026-01-02T03:04:06.000Z"});
    assert_eq!(cdr, &expected);
    assert_eq!(cdrs["nextCursor"], Value::Null);
}

#[tokio::test]
async fn a_number_keeps_when_it_was_last_called_also_when_it_is_moved() {
    let (world, _, _) = bound_world().await;
    let operator = world.operator();
    answered_call(&world, "call-1").await;
    let at = json!("2026-01-02T03:04:06.000Z");
    assert_eq!(get(&operator, "numbers/8617000000001").await["lastCallAt"], at);
    let to = world.app("AXB", &Value::Null).await;
    let moved =
        operator.ask("POST", "numbers/8617000000001/move?force=true", &json!({"appKey": to.key})).await;
    assert_eq!(moved.json()["lastCallAt"], at);
}

#[tokio::test]
async fn cdrs_are_listed_by_every_filter() {
    let (world, app, id) = bound_world().await;
    let operator = world.operator();
    answered_call(&world, "call-1").await;
    let rejected = "+8613800000009";
    world.switch().route("call-2", rejected, X).await;
    world
        .switch()
        .report(&json!([
            Switch::callin("call-2", rejected, X),
            Switch::event("call-2", "disconnect", "2026-01-02T03:05:01Z", &Value::Null),
        ]))
        .await;
    world.advance(Duration::from_secs(1)).await;
    let sessions = each(&get(&operator, "cdrs").await, "sessionId");
    assert_eq!(sessions.len(), 2);
    for (filter, expected) in [
        ("result=answered".to_owned(), &sessions[1..]),
        ("result=unanswered".into(), &sessions[..1]),
        ("party=8613800000002".into(), &sessions[1..]),
        ("party=%2B8613800000009".into(), &sessions[..1]),
        (format!("subscriptionId={id}"), &sessions[1..]),
        (format!("sessionId={}", sessions[0]), &sessions[..1]),
        (format!("appKey={}&number=8617000000001", app.key), &sessions[..]),
        ("number=8617000000002".into(), &[]),
        ("from=2026-01-02T03:04:07Z".into(), &sessions[..1]),
        ("to=2026-01-02T03:04:07Z".into(), &sessions[1..]),
    ] {
        assert_eq!(each(&get(&operator, &format!("cdrs?{filter}")).await, "sessionId"), expected, "{filter}");
    }
}

/// Makes more CDRs than the export takes from the store at a time.
async fn many_cdrs(world: &World, count: usize) {
    let events: Vec<_> = (0..count)
        .flat_map(|n| {
            let call = format!("call-{n}");
            let end = Switch::event(&call, "disconnect", "2026-01-02T03:05:09Z", &Value::Null);
            [Switch::callin(&call, A, X), end]
        })
        .collect();
    for portion in events.chunks(1_000) {
        world.switch().report(&json!(portion)).await;
    }
    world.advance(Duration::from_secs(1)).await;
}

async fn csv(world: &World, query: &str) -> (u16, String) {
    let url = format!("http://{}/operator/v1/cdrs?{query}", world.operator().address());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(url).bearer_auth(OPERATOR_TOKEN).header("Accept", "text/csv, */*;q=0.1");
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with(if status == 200 { "text/csv" } else { "application/json" }), "{kind}");
    (status, answer.text().await.unwrap())
}

#[tokio::test]
async fn an_export_holds_every_cdr_once_however_many_portions_it_takes() {
    let (world, _, _) = bound_world().await;
    many_cdrs(&world, 520).await;
    let listed = all_pages(&world.operator(), "cdrs", 100).await;
    let (status, text) = csv(&world, "").await;
    assert_eq!(status, 200);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut members: Vec<_> = listed[0].as_object().unwrap().keys().cloned().collect();
    let mut sorted = columns.clone();
    members.sort();
    sorted.sort();
    assert_eq!(sorted, members);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), listed.len()), (520, 520));
    for (row, cdr) in rows.iter().zip(&listed) {
        for (column, cell) in columns.iter().zip(row) {
            let value = &cdr[column];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(cell, if value.is_null() { "" } else { &text }, "{column}");
        }
    }
}

#[tokio::test]
async fn an_export_of_nothing_is_the_header_row_and_a_bad_filter_is_no_csv() {
    let world = World::new().await;
    let (status, text) = csv(&world, "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").await;
    assert_eq!((status, text.lines().count()), (200, 1));
    assert!(text.starts_with("mode,direction,appKey,icid,"), "{text}");
    assert_eq!(csv(&world, "result=busy").await.0, 400);
}
