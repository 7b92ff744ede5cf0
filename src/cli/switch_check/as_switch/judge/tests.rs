//! What is said of answers, questions and notices that are as they have to be, and of others.

use serde_json::json;

use super::super::super::report::Verdict;
use super::*;

const CHECK: Check = Check { id: "a.b", title: "it works", advice: "Make it work." };

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, location: None, body }
}

#[test]
fn an_answer_is_wrong_missing_or_as_it_has_to_be() {
    let wanted = Wanted::status(200).with("action", "connect").filled("sessionId");
    let body = json!({"action": "connect", "sessionId": "s"});
    let refused = json!({"error": {"code": "not_found", "message": "there is no such URI"}});
    for (heard, verdict, seen) in [
        (Ok(answer(200, body.clone())), Verdict::Ok, "200, action \"connect\""),
        (
            Ok(answer(200, json!({"action": "connect", "sessionId": ""}))),
            Verdict::Missing,
            "sessionId is \"\"",
        ),
        (
            Ok(answer(200, json!({"action": "reject", "reason": "no binding"}))),
            Verdict::Wrong,
            "action is \"reject\" instead of \"connect\" (no binding)",
        ),
        (Ok(answer(404, refused)), Verdict::Missing, "404 instead of 200 (not_found: there is no such URI)"),
        (Ok(answer(500, Value::Null)), Verdict::Wrong, "500 instead of 200"),
        (Err("no answer: refused".into()), Verdict::Missing, "no answer: refused"),
    ] {
        let finding = judge(&CHECK, &heard, &wanted);
        assert_eq!((finding.verdict, finding.seen.as_str()), (verdict, seen), "{heard:?}");
    }
}

fn event(stage: &str) -> Notice {
    let body = json!({"eventType": stage, "statusInfo": {"sessionId": "s"}});
    Notice { kind: "event".into(), body }
}

#[test]
fn each_stage_has_to_be_told_once() {
    let wanted = ["callin", "disconnect"];
    let verdict = |told: &[&str]| {
        let notices: Vec<_> = told.iter().map(|stage| event(stage)).collect();
        judge_stages(&CHECK, &notices, "s", &wanted).verdict
    };
    assert_eq!(verdict(&["callin", "disconnect"]), Verdict::Ok);
    assert_eq!(verdict(&["disconnect", "callin"]), Verdict::Ok);
    assert_eq!(verdict(&["callin"]), Verdict::Missing);
    assert_eq!(verdict(&["callin", "disconnect", "disconnect"]), Verdict::Wrong);
    assert_eq!(judge_stages(&CHECK, &[event("callin")], "t", &wanted).verdict, Verdict::Missing);
}

fn cdr(end: &str, reason: u16) -> Notice {
    let cdr = json!({"sessionId": "s", "callInTime": "2026-01-02 03:04:05", "fwdStartTime": "2026-01-02 03:04:06",
        "fwdAlertingTime": "2026-01-02 03:04:07", "fwdAnswerTime": "2026-01-02 03:04:08", "callEndTime": end,
        "ulFailReason": reason});
    Notice { kind: "cdr".into(), body: json!({"eventType": "fee", "feeLst": [cdr]}) }
}

#[test]
fn a_call_has_one_cdr_with_rising_times() {
    let verdict = |notices: &[Notice]| judge_cdr(&CHECK, notices, "s").verdict;
    let good = cdr("2026-01-02 03:04:09", 0);
    assert_eq!(verdict(std::slice::from_ref(&good)), Verdict::Ok);
    assert_eq!(verdict(&[]), Verdict::Missing);
    assert_eq!(verdict(&[good.clone(), good]), Verdict::Wrong);
    assert_eq!(verdict(&[cdr("2026-01-02 03:04:01", 0)]), Verdict::Wrong);
    assert_eq!(verdict(&[cdr("2026-01-02 03:04:09", 8020)]), Verdict::Wrong);
}

#[test]
fn an_order_has_to_name_the_call() {
    let done = Ok(answer(200, json!({"resultcode": "0"})));
    let wanted = Wanted::status(200).with("resultcode", "0");
    let verdict = |orders: &[String]| judge_order(&CHECK, orders, "/calls/c/stop", &done, &wanted).verdict;
    assert_eq!(verdict(&["/base/calls/c/stop".into()]), Verdict::Ok);
    assert_eq!(verdict(&["/calls/d/stop".into()]), Verdict::Wrong);
    assert_eq!(verdict(&[]), Verdict::Missing);
}
#[test]
fn a_decision_of_the_app_is_no_fault_of_the_gateway() {
    let wanted = Wanted::status(200).with("action", "connect").filled("callee");
    for (body, verdict, seen) in [
        (json!({"action": "connect", "callee": "+1"}), Verdict::Ok, "200, action \"connect\""),
        (
            json!({"action": "reject", "stateCode": 8017, "reason": "is to end"}),
            Verdict::NotChecked,
            "the app declined (is to end)",
        ),
        (
            json!({"action": "reject", "stateCode": 8014, "reason": "no URL"}),
            Verdict::Missing,
            "the app did not decide (no URL)",
        ),
        (json!({"action": "connect"}), Verdict::Missing, "callee is absent"),
    ] {
        let finding = judge_own_decision(&CHECK, &Ok(answer(200, body)), &wanted);
        assert_eq!((finding.verdict, finding.seen.as_str()), (verdict, seen));
    }
}

#[test]
fn a_question_is_asked_once_and_about_the_call() {
    let question = json!({"statusInfo": {"called": "+1"}});
    let wanted = [("/statusInfo/called", json!("+1"))];
    let judged = |questions: &[Value]| judge_question(&CHECK, questions, &wanted);
    assert_eq!(judged(std::slice::from_ref(&question)).verdict, Verdict::Ok);
    assert_eq!(judged(&[]).verdict, Verdict::Missing);
    assert_eq!(judged(&[question.clone(), question]).seen, "asked 2 times");
    let other = judged(&[json!({"statusInfo": {"called": "+2"}})]);
    assert_eq!(
        (other.verdict, other.seen.as_str()),
        (Verdict::Wrong, "statusInfo/called is \"+2\" instead of \"+1\"")
    );
}

#[test]
fn the_application_is_told_once_what_came_of_a_message() {
    let told = |result: u8| Notice {
        kind: "sms".into(),
        body: json!({"smsEvent": {"smsIdentifier": "m", "sendResult": result}}),
    };
    let verdict = |notices: &[Notice]| judge_message(&CHECK, notices, "m").verdict;
    assert_eq!(verdict(&[told(0)]), Verdict::Ok);
    assert_eq!(verdict(&[]), Verdict::Missing);
    assert_eq!(verdict(&[told(0), told(0)]), Verdict::Wrong);
    assert_eq!(verdict(&[told(5)]), Verdict::Wrong);
}

#[test]
fn what_differs_from_the_first_answer_is_named_and_what_people_write_is_not_shown() {
    let first = json!({"action": "forward", "to": "+8613800000001", "text": "at the gate"});
    let judged = |body: Value| judge_repeat(&CHECK, &Ok(answer(200, first.clone())), &Ok(answer(200, body)));
    assert_eq!(judged(first.clone()).verdict, Verdict::Ok);
    for (member, value, seen) in [
        ("to", json!("+8613800000002"), "to is +8613800000002 instead of +8613800000001"),
        ("text", json!("at the gates"), "text is another one, 12 characters instead of 11 characters"),
        ("reason", json!("none"), "reason is \"none\" instead of absent"),
    ] {
        let mut again = first.clone();
        again[member] = value;
        let finding = judged(again);
        assert_eq!((finding.verdict, finding.seen.as_str()), (Verdict::Wrong, seen));
    }
}
