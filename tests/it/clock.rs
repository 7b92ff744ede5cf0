//! A clock that is set by an hour, forward or back, while calls are under way: what waits keeps the time that is left
//! of it; bindings alone follow the clock, because their end is a time that customers were told.

use std::time::Duration;

use serde_json::json;

use crate::calls::cdrs;
use crate::world::http::soon;
use crate::world::{A, AXB, B, FEE, NUMBER_STATUS, Reaction, SMS, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR_MS: i64 = 3_600_000;
const BOTH_WAYS: [i64; 2] = [HOUR_MS, -HOUR_MS];

/// The reports of a call that was answered and goes on.
fn talking(call: &str) -> serde_json::Value {
    let mut reports = Switch::answered(call, A, X);
    reports.as_array_mut().unwrap().pop();
    reports
}

#[tokio::test]
async fn calls_under_way_are_closed_neither_sooner_nor_later_than_without_the_jump() {
    for by_ms in BOTH_WAYS {
        let world = World::with("calls.max_silence_hours = 0.5").await;
        let app = world.app("AXB", &json!({})).await;
        world.number(&app, X).await;
        let limited = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "maxDuration": 10});
        assert_eq!(app.post(AXB, &limited).await.status, 200);
        let switch = world.switch();
        let session = |answer: serde_json::Value| answer["sessionId"].as_str().unwrap().to_owned();
        let limited = session(switch.route("limited", A, X).await);
        switch.report(&talking("limited")).await;
        // Without an answer it may be silent for half an hour.
        let silent = session(switch.route("silent", A, X).await);
        switch.report(&Switch::callin("silent", A, X)).await;
        let ended = session(switch.route("ended", A, X).await);
        switch.report(&Switch::answered("ended", A, X)).await;

        world.jump(by_ms);
        world.advance(Duration::from_millis(499)).await;
        assert!(cdrs(&world).await.is_empty(), "{by_ms}: the window for merging is open");
        world.advance(Duration::from_millis(1)).await;
        assert_eq!(cdrs(&world).await.into_keys().collect::<Vec<_>>(), [ended], "{by_ms}");

        // Ten minutes and one of grace; a sweep may be ten seconds away.
        world.advance(659 * SECOND).await;
        assert!(cdrs(&world).await.is_empty(), "{by_ms}: swept too soon");
        world.jump(by_ms);
        world.advance(11 * SECOND).await;
        assert_eq!(cdrs(&world).await.into_keys().collect::<Vec<_>>(), [limited], "{by_ms}");
        world.advance(18 * MINUTE).await;
        assert!(cdrs(&world).await.is_empty(), "{by_ms}: swept too soon");
        world.advance(MINUTE).await;
        assert_eq!(cdrs(&world).await.into_keys().collect::<Vec<_>>(), [silent], "{by_ms}");
        assert_eq!(world.metric("privnum_clock_jumps_total"), 2);
        // What is reported again of a call that is over changes nothing, for as long as without the jumps.
        world.jump(by_ms);
        assert_eq!(switch.report(&Switch::answered("ended", A, X)).await, [0, 5, 0], "{by_ms}");
    }
}

#[tokio::test]
async fn an_answered_call_that_goes_on_over_a_jump_gets_its_own_end_in_its_cdr() {
    for by_ms in BOTH_WAYS {
        let (world, app) = World::axb().await;
        app.bind_axb(X, A, B).await;
        world.switch().route("c", A, X).await;
        world.switch().report(&talking("c")).await;
        world.jump(by_ms);
        world.advance(MINUTE).await;
        let whole = Switch::answered("c", A, X);
        assert_eq!(world.switch().report(&json!([whole[4]])).await, [1, 0, 0]);
        world.advance(SECOND).await;
        let cdr = &cdrs(&world).await.into_values().next().expect("one CDR");
        assert_eq!(
            (&cdr["callEndTime"], &cdr["ulFailReason"]),
            (&json!("2026-01-02 03:05:41"), &json!(0)),
            "{by_ms}"
        );
    }
}

/// While nobody listened the switch kept the end. The sweeper must not be faster than the switch.
#[tokio::test]
async fn a_call_that_ended_while_the_gateway_was_down_gets_its_own_end_if_it_is_reported_within_the_grace() {
    for is_told in [true, false] {
        let (mut world, app) = World::axb().await;
        let limited = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "maxDuration": 10});
        assert_eq!(app.post(AXB, &limited).await.status, 200);
        world.switch().route("c", A, X).await;
        world.switch().report(&talking("c")).await;
        world.stop().await;
        world.pass_while_stopped(30 * MINUTE);
        world.start_again().await;
        world.advance(59 * SECOND).await;
        assert!(cdrs(&world).await.is_empty(), "swept within the grace");
        if is_told {
            let whole = Switch::answered("c", A, X);
            assert_eq!(world.switch().report(&json!([whole[4]])).await, [1, 0, 0]);
        }
        world.advance(SECOND).await;
        let cdr = &cdrs(&world).await.into_values().next().expect("one CDR");
        // Without a report of its end a call ends with its last event.
        let end = if is_told { "2026-01-02 03:05:41" } else { "2026-01-02 03:05:08" };
        assert_eq!(cdr["callEndTime"], end);
    }
}

/// Nobody asks: the timekeeper has to notice by itself.
#[tokio::test]
async fn with_no_request_at_all_a_cdr_leaves_half_a_second_after_the_end_though_the_clock_was_set() {
    for by_ms in BOTH_WAYS {
        let (world, app) = World::axb().await;
        app.bind_axb(X, A, B).await;
        world.switch().report(&Switch::answered("c", A, X)).await;
        world.quiet().await;
        world.jump(by_ms);
        world.pass(Duration::from_millis(500));
        assert_eq!(world.receiver.next(FEE).await.json()["feeLst"].as_array().unwrap().len(), 1, "{by_ms}");
    }
}

#[tokio::test]
async fn a_binding_expires_when_the_clock_shows_its_time_however_it_got_there() {
    let (world, app) = World::axb().await;
    let bind = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "duration": 1_800});
    assert_eq!(app.post(AXB, &bind).await.status, 200);
    world.jump(-HOUR_MS);
    world.advance(30 * MINUTE).await;
    assert_eq!(world.switch().route("before", A, X).await["action"], "connect");
    world.jump(HOUR_MS);
    assert_eq!(world.switch().route("after", A, X).await["action"], "reject");
    soon(async {
        while world.metric("privnum_bindings") != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_quarantine_lasts_as_long_as_without_the_jump() {
    for by_ms in BOTH_WAYS {
        let (world, app) = World::axb().await;
        let id = app.bind_axb(X, A, B).await;
        assert_eq!(app.delete(AXB, &format!("subscriptionId={id}")).await.status, 200);
        world.jump(by_ms);
        let another = json!({"callerNum": A, "calleeNum": "+8613800000003", "areaCode": "0755"});
        assert_ne!(app.post(AXB, &another).await.status, 200, "{by_ms}: A would reach a stranger");
        world.advance(5 * MINUTE).await;
        assert_eq!(app.post(AXB, &another).await.status, 200, "{by_ms}: barred for too long");
    }
}

#[tokio::test]
async fn a_replay_goes_on_at_its_rate_when_the_clock_is_set() {
    for by_ms in BOTH_WAYS {
        let (world, _app) = World::axb().await;
        world.receiver.react(NUMBER_STATUS, Reaction::Answer(200, ""));
        for n in 0..6 {
            let status = json!({"status": if n % 2 == 0 { "9" } else { "5" }});
            let path = format!("numbers/{}/status", X.replace('+', "%2B"));
            assert_eq!(world.operator().ask("POST", &path, &status).await.status, 200);
        }
        assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 6);
        let made = world.operator().ask("POST", "replays", &json!({"ratePerSecond": 1})).await;
        assert_eq!(made.status, 202, "{}", made.text());
        world.advance(Duration::ZERO).await;
        let mut pushed = world.pushed(NUMBER_STATUS).await.len();
        world.jump(by_ms);
        for second in 1..=6 {
            assert!(pushed <= second, "{by_ms}: {pushed} within {second} s");
            world.advance(SECOND).await;
            pushed += world.pushed(NUMBER_STATUS).await.len();
        }
        assert_eq!(pushed, 6, "{by_ms}");
    }
}

#[tokio::test]
async fn the_result_of_a_message_is_awaited_for_as_long_as_without_the_jump() {
    for by_ms in BOTH_WAYS {
        let (world, app) = World::sms("AXB", &json!({})).await;
        assert_eq!(
            app.post(AXB, &json!({"callerNum": A, "calleeNum": B, "relationNum": X})).await.status,
            200
        );
        let switch = world.switch();
        let sent = |answer: serde_json::Value| answer["smsIdentifier"].as_str().unwrap().to_owned();
        let reported = sent(switch.text("m-1", A, "hello").await);
        switch.text("m-2", B, "hello").await;
        world.jump(by_ms);
        world.advance(59 * MINUTE).await;
        assert_eq!(switch.message_sent(&reported, &json!({"sendResult": 0})).await, [1, 0, 0], "{by_ms}");
        assert_eq!(world.receiver.next(SMS).await.json()["smsEvent"]["sendResult"], 0, "{by_ms}");
        assert!(world.pushed(SMS).await.is_empty(), "{by_ms}: swept too soon");
        world.advance(71 * SECOND).await;
        assert_eq!(world.receiver.next(SMS).await.json()["smsEvent"]["sendResult"], 5, "{by_ms}");
    }
}
