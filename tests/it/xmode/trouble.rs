//! Customers that do not answer, answer late or too much, and gateways that die with a question under way.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{answers, ask, connect, shown, xmode};
use crate::calls::{cdrs, events};
use crate::world::{A, B, Customer, Pushed, Reaction, STATUS, Switch, World, X};

/// Questions time out soon: long enough for an answer on a busy machine, short enough to be waited for.
const HASTE: &str = "callback.question_timeout_secs = 0.5";

/// A world in haste with one X-mode app.
async fn hasty() -> (World, Customer) {
    World::one_app("X", HASTE).await
}

#[tokio::test]
async fn a_customer_that_does_not_answer_in_time_ends_the_call() {
    let (world, _) = hasty().await;
    world.receiver.react(STATUS, Reaction::Hang(Arc::new(Semaphore::new(0))));
    let (decision, _) = ask(&world, "c").await;
    assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(8014)));
    assert_eq!(
        decision["reason"],
        "the app did not answer where the call to +86170****0001 goes: no answer within 0.5 s"
    );
    assert_eq!(world.switch().route("c", A, X).await, decision, "it is not asked again");
    assert_eq!(world.metric("privnum_questions_total{kind=\"call\",result=\"failed\"}"), 1);
    let end = Switch::event("c", "disconnect", "2026-01-02T03:05:01Z", &json!({"by": "gateway", "sip": 403}));
    world.switch().report(&json!([Switch::callin("c", A, X), end])).await;
    let call = shown(&world, &decision).await;
    assert_eq!(call["question"]["failure"], "no answer within 0.5 s", "{call}");
    assert_eq!((&call["stateCode"], &call["question"]["status"]), (&json!(8014), &Value::Null));
}

#[tokio::test]
async fn a_body_that_is_late_too_long_or_cut_off_is_no_answer() {
    let (world, _) = hasty().await;
    let head = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    let ten_gigabytes = head("10737418240");
    let endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let stuck = [head("100"), b"{\"operation\":".to_vec()].concat();
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n".to_vec();
    for (n, (first, again, words)) in [
        (ten_gigabytes, "0123456789abcdef", "the answer has more than 65536 bytes"),
        (endless, "          ", "the answer has more than 65536 bytes"),
        (stuck, "", "the answer was not complete within 0.5 s"),
        (redirect, "", "answered 302, a redirect to 192.0.2.1; redirects are not followed"),
        (b"nonsense\r\n\r\n".to_vec(), "", "answer is not HTTP"),
    ]
    .into_iter()
    .enumerate()
    {
        world.receiver.react(STATUS, Reaction::Bytes(first, again));
        let (decision, _) = ask(&world, &format!("c-{n}")).await;
        assert_eq!(decision["stateCode"], 8014);
        let reason = decision["reason"].as_str().unwrap();
        assert!(reason.ends_with(words), "{reason}");
    }
    world.receiver.react(STATUS, Reaction::Close);
    let (decision, _) = ask(&world, "closed").await;
    assert!(
        decision["reason"].as_str().unwrap().ends_with("connection closed before an answer"),
        "{decision}"
    );
}

#[tokio::test]
async fn a_customer_that_never_answers_delays_nobody_and_is_refused_when_it_has_its_share() {
    let more = "callback.question_timeout_secs = 10\ncallback.max_questions = 64\ncallback.max_questions_per_app = 2";
    let (world, _) = World::one_app("X", more).await;
    let other = world.app("X", &json!({"callStatusUrl": world.receiver.url("/other")})).await;
    world.number(&other, "+8617000000002").await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    world.receiver.react("/other", Reaction::Decide(connect(&Value::Null).to_string()));
    let held: Vec<_> = ["held-1", "held-2"]
        .map(|call| {
            let switch = world.switch();
            tokio::spawn(async move { switch.route(call, A, X).await })
        })
        .into();
    for _ in &held {
        world.receiver.next(STATUS).await;
    }
    let refused = world.switch().route("refused", A, X).await;
    assert_eq!(refused["stateCode"], 8014);
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.ends_with("2 questions to the app are under way, and it may not have more"), "{reason}");
    assert_eq!(world.metric("privnum_questions_total{kind=\"call\",result=\"full\"}"), 1);
    for n in 0..10 {
        let decision = world.switch().route(&format!("other-{n}"), A, "+8617000000002").await;
        assert_eq!(decision["action"], "connect", "{decision}");
    }
    release.add_permits(2);
    for held in held {
        assert_eq!(held.await.unwrap()["stateCode"], 8014, "an empty answer says nothing");
    }
    answers(&world, &connect(&Value::Null));
    assert_eq!(world.switch().route("again", A, X).await["action"], "connect");
}

#[tokio::test]
async fn a_caller_who_hangs_up_while_the_customer_is_asked_has_a_cdr_and_operators_see_the_question() {
    let (world, _) = xmode(&Value::Null).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    let switch = world.switch();
    let asking = tokio::spawn(async move { switch.route("c", A, X).await });
    world.receiver.next(STATUS).await;
    let end = Switch::event("c", "disconnect", "2026-01-02T03:05:01Z", &json!({"by": "caller", "sip": 487}));
    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    world.switch().report(&json!([Switch::callin("c", A, X), end])).await;
    let told = world.pushed(STATUS).await;
    assert_eq!(told.iter().map(Pushed::event).collect::<Vec<_>>(), ["disconnect"]);
    assert_eq!(told[0].json()["statusInfo"]["stateCode"], 7516);
    assert_eq!(told[0].json()["statusInfo"]["callRelDirection"], 1);
    release.add_permits(1);
    let decision = asking.await.unwrap();
    world.advance(std::time::Duration::from_secs(2)).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!((&cdr["ulFailReason"], &cdr["direction"]), (&json!(7516), &json!(2)));
    let call = shown(&world, &decision).await;
    assert_eq!((&call["decision"]["action"], &call["stateCode"]), (&json!("ask"), &json!(7516)));
    assert_eq!(call["question"]["status"], 200, "{call}");
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_in_a_crash_is_told_by_the_number_that_was_dialled() {
    let (mut world, _) = xmode(&Value::Null).await;
    answers(&world, &connect(&json!({"userData": "lost"})));
    assert_eq!(ask(&world, "c").await.0["action"], "connect");
    // Nothing of the call was reported, so nothing of it is durable.
    world.stop().await;
    world.start_again().await;
    let mut reports = Switch::answered("c", A, X);
    reports[1]["called"] = B.into();
    world.switch().report(&reports).await;
    for told in events(&world).await.into_values().next().unwrap() {
        let info = told.json()["statusInfo"].clone();
        assert_eq!((&info["caller"], &info["called"]), (&json!(X), &json!(B)), "{info}");
    }
    world.advance(std::time::Duration::from_secs(1)).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!((&cdr["fwdDstNum"], &cdr["ulFailReason"]), (&json!(B), &json!(0)));
    assert_eq!((&cdr["userData"], &cdr["notifyMode"]), (&Value::Null, &json!("Block")));
}

#[tokio::test]
async fn a_decision_and_its_question_survive_a_restart_once_the_call_was_reported() {
    let (mut world, _) = xmode(&Value::Null).await;
    answers(&world, &connect(&json!({"userData": "kept"})));
    let (decision, _) = ask(&world, "c").await;
    world.switch().report(&Switch::callin("c", A, X)).await;
    world.stop().await;
    world.start_again().await;
    answers(&world, &json!({"operation": "close"}));
    assert_eq!(world.switch().route("c", A, X).await, decision);
    let call = shown(&world, &decision).await;
    assert!(call["question"]["answer"].as_str().unwrap().contains("kept"), "{call}");
    assert_eq!(world.receiver.left().len(), 0, "nobody was asked again");
}

#[tokio::test]
async fn a_switch_that_hangs_up_its_own_question_finds_the_decision_when_it_asks_again() {
    let (world, _) = xmode(&Value::Null).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    let switch = world.switch();
    let asking = tokio::spawn(async move { switch.route("c", A, X).await });
    world.receiver.next(STATUS).await;
    asking.abort();
    let switch = world.switch();
    let again = tokio::spawn(async move { switch.route("c", A, X).await });
    release.add_permits(1);
    assert_eq!(again.await.unwrap()["stateCode"], 8014, "an empty answer says nothing");
    assert_eq!(world.receiver.left().len(), 0, "the customer was asked once");
}

#[tokio::test]
async fn a_number_or_app_that_carries_no_calls_is_refused_without_a_question() {
    let (world, app) = xmode(&Value::Null).await;
    answers(&world, &connect(&Value::Null));
    world.suspend(&app, true).await;
    assert_eq!(world.switch().route("suspended", A, X).await["stateCode"], 8051);
    world.suspend(&app, false).await;
    assert_eq!(world.switch().route("withheld", "anonymous", X).await["stateCode"], 8014);
    assert_eq!(world.receiver.left().len(), 0);
}

#[tokio::test]
async fn a_switch_that_gives_up_before_the_customer_answers_ends_the_call_with_8014() {
    let (world, _) = xmode(&Value::Null).await;
    let end = Switch::event("c", "disconnect", "2026-01-02T03:05:05Z", &json!({"by": "switch", "sip": 503}));
    world.switch().report(&json!([Switch::callin("c", A, X), end])).await;
    let told = world.pushed(STATUS).await;
    assert_eq!(told[0].json()["statusInfo"]["stateCode"], 8014);
    world.advance(std::time::Duration::from_secs(31)).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!((&cdr["ulFailReason"], &cdr["direction"]), (&json!(8014), &json!(2)));
}

#[tokio::test]
async fn a_gateway_that_stops_with_a_question_under_way_leaves_its_store_and_asks_again_when_it_is_back() {
    let (mut world, _) = xmode(&Value::Null).await;
    world.receiver.react(STATUS, Reaction::Hang(Arc::new(Semaphore::new(0))));
    let switch = world.switch();
    let asking = tokio::spawn(async move { switch.route("c", A, X).await });
    world.receiver.next(STATUS).await;
    asking.abort();
    world.stop().await;
    world.start_again().await;
    answers(&world, &connect(&Value::Null));
    let (decision, question) = ask(&world, "c").await;
    assert_eq!(decision["action"], "connect", "the first answer never came");
    assert_eq!(question.json()["statusInfo"]["sessionId"], decision["sessionId"]);
}

#[tokio::test]
async fn an_app_whose_number_goes_to_another_while_it_is_asked_does_not_decide_the_call() {
    let (world, _) = xmode(&Value::Null).await;
    let heir = world.app("X", &Value::Null).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::HangThen(Arc::clone(&release), connect(&Value::Null).to_string()));
    let switch = world.switch();
    let asking = tokio::spawn(async move { switch.route("c", A, X).await });
    world.receiver.next(STATUS).await;
    let moved =
        world.operator().ask("POST", "numbers/8617000000001/move", &json!({"appKey": heir.key})).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    release.add_permits(1);
    let decision = asking.await.unwrap();
    assert_eq!(decision["stateCode"], 8014);
    let reason = decision["reason"].as_str().unwrap();
    assert!(reason.ends_with("the number went to another app while this one was asked"), "{reason}");
}
