//! A switch that does everything right, and what is said of it when it does one thing else.

use std::net::SocketAddr;

use hyper::Method;
use serde_json::{Value, json};

use super::super::super::report::{Finding, Verdict};
use super::super::desk::{Desk, Incoming};
use super::super::log::Order;
use super::super::step::Step;
use super::judge;
use crate::wire::time_text::parse_switch_time;

const X: &str = "+8617000000001";
const CALLER: &str = "+8613800000001";

/// A pretended switch: its messages, each of which a test may change or withhold.
struct Switch {
    desk: Desk,
    /// What is done to an event before it is sent; `false` = it is withheld.
    twist: fn(&mut Value) -> bool,
    has_token: bool,
    keeps_connections: bool,
    repeats: bool,
    port: u16,
}

impl Switch {
    fn new(plan: &[Step]) -> Self {
        let desk = Desk::new(plan.to_vec(), "+8613800000002".into());
        Self { desk, twist: |_| true, has_token: true, keeps_connections: true, repeats: true, port: 4_000 }
    }

    fn send(&mut self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        self.port += u16::from(!self.keeps_connections);
        let peer = SocketAddr::from(([127, 0, 0, 1], self.port));
        let request = Incoming { peer, has_token: self.has_token, method, path, body };
        self.desk.answer(&request, parse_switch_time("2026-01-02T03:04:05Z").unwrap())
    }

    fn ask(&mut self, question: &Value) -> Value {
        self.send(&Method::POST, "/switch/v1/route", question.to_string().as_bytes()).1
    }

    fn report(&mut self, event: Value) {
        let mut event = event;
        if !(self.twist)(&mut event) {
            return;
        }
        let body = event.to_string();
        let (status, _) = self.send(&Method::POST, "/switch/v1/events", body.as_bytes());
        if status != 200 && self.repeats {
            self.send(&Method::POST, "/switch/v1/events", body.as_bytes());
        }
    }

    /// The stages of a call, one a second, and its end.
    fn call(&mut self, id: &str, stages: &[&str], end: &Value) {
        for (second, stage) in stages.iter().enumerate() {
            let mut event = json!({"eventId": format!("{id}-{stage}"), "callId": id, "event": stage,
                "ts": format!("2026-01-02T03:05:{second:02}Z")});
            if *stage == "callin" {
                (event["caller"], event["called"]) = (CALLER.into(), X.into());
            }
            if *stage == "disconnect" {
                event.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
            }
            self.report(event);
        }
    }

    /// Places the test calls of the plan as they have to be.
    fn play(&mut self, plan: &[Step]) {
        let talked = ["callin", "callout", "alerting", "answer", "disconnect"];
        for step in plan {
            let id = step.as_str();
            let question = json!({"callId": id, "caller": CALLER, "called": X});
            let decision = self.ask(&question);
            match step {
                Step::Answered => {
                    self.call(id, &talked, &json!({"sip": 200, "by": "caller"}));
                }
                Step::GivenUp => {
                    let stages = ["callin", "callout", "alerting", "disconnect"];
                    self.call(id, &stages, &json!({"sip": 487, "by": "caller"}));
                }
                Step::Refused => {
                    self.call(id, &["callin", "callout", "disconnect"], &json!({"sip": 603, "by": "callee"}));
                }
                Step::Rejected => {
                    assert_eq!(decision["action"], "reject");
                    self.call(id, &["callin", "disconnect"], &json!({"sip": 403, "by": "gateway"}));
                }
                Step::Extension => {
                    assert_eq!(decision["action"], "collect");
                    let keyed = json!({"eventId": "k", "callId": id, "event": "collectInfo", "digits": "1234",
                        "ts": "2026-01-02T03:05:00.5Z"});
                    self.report(keyed);
                    let mut again = question.clone();
                    again["extension"] = "1234".into();
                    assert_eq!(self.ask(&again)["action"], "connect");
                    self.call(id, &talked, &json!({"sip": 200, "by": "callee"}));
                }
                Step::Cut => {
                    assert_eq!(decision["maxDuration"], 5);
                    let end = json!({"sip": 200, "by": "maxDuration", "ts": "2026-01-02T03:05:08.5Z"});
                    self.call(id, &talked, &end);
                }
                Step::Stopped => {
                    self.call(id, &talked[..4], &Value::Null);
                    assert_eq!(self.desk.to_stop().as_deref(), Some(id));
                    self.desk.log.orders.push(Order::Ending);
                    self.call(
                        id,
                        &talked[4..],
                        &json!({"sip": 200, "by": "gateway", "ts": "2026-01-02T03:05:09Z"}),
                    );
                    assert_eq!(self.desk.to_stop_again().as_deref(), Some(id));
                    self.desk.log.orders.extend([Order::NotThere, Order::NotThere]);
                }
                Step::Recorded => {
                    assert_eq!(decision["recordFlag"], 1);
                    self.call(id, &talked[..4], &Value::Null);
                    let path = format!("/switch/v1/recordings/{id}");
                    self.send(&Method::PUT, &path, b"RIFF....WAVEfmt ");
                    self.call(
                        id,
                        &talked[4..],
                        &json!({"sip": 200, "by": "caller", "ts": "2026-01-02T03:05:09Z"}),
                    );
                }
                Step::Unanswered => {
                    assert_eq!(decision["error"]["code"], "unavailable");
                    self.call(id, &["callin", "disconnect"], &json!({"sip": 503, "by": "switch"}));
                }
            }
        }
    }
}

/// What is said of a switch that plays all calls, but for what `change` does to it.
fn judged(change: impl FnOnce(&mut Switch)) -> Vec<Finding> {
    let mut switch = Switch::new(&Step::ALL);
    change(&mut switch);
    switch.play(&Step::ALL);
    assert!(switch.desk.next_step().is_none() || !switch.repeats || !switch.has_token);
    judge(&switch.desk.log, &Step::ALL, &[])
}

/// What is missing or wrong.
fn faults(findings: &[Finding]) -> Vec<(&'static str, Verdict)> {
    let failed = findings.iter().filter(|finding| finding.verdict != Verdict::Ok);
    failed.map(|finding| (finding.check, finding.verdict)).collect()
}

#[test]
fn a_switch_that_does_everything_right_is_told_so() {
    let findings = judged(|_| ());
    assert_eq!(faults(&findings), []);
    assert_eq!(findings.len(), 13 + 11, "every check was made");
}

#[test]
fn each_thing_that_a_switch_does_else_is_found_and_named() {
    type Twist = fn(&mut Value) -> bool;
    let cases: &[(&str, Verdict, Twist)] = &[
        ("events.wellFormed", Verdict::Wrong, |event| {
            if event["event"] == "alerting" {
                event["event"] = "ringing".into();
            }
            true
        }),
        ("events.ts", Verdict::Missing, |event| {
            event.as_object_mut().unwrap().remove("ts");
            true
        }),
        ("events.ts", Verdict::Wrong, |event| {
            event["ts"] = "yesterday".into();
            true
        }),
        ("events.rising", Verdict::Wrong, |event| {
            if event["event"] == "callin" {
                event["ts"] = "2026-01-02T03:06:00Z".into();
            }
            true
        }),
        ("events.eventId", Verdict::Wrong, |event| {
            event["eventId"] = event["callId"].clone();
            true
        }),
        ("events.callId", Verdict::Wrong, |event| {
            event["callId"] = format!("sip-{}", event["callId"].as_str().unwrap()).into();
            true
        }),
        ("events.oneEnd", Verdict::Missing, |event| event["event"] != "disconnect"),
        ("events.callin", Verdict::Missing, |event| event["event"] != "callin"),
        ("events.by", Verdict::Missing, |event| {
            event.as_object_mut().unwrap().remove("by");
            true
        }),
        ("events.by", Verdict::Wrong, |event| {
            if event["event"] == "disconnect" {
                event["by"] = "the caller".into();
            }
            true
        }),
        ("call.answered", Verdict::Missing, |event| event["event"] != "answer"),
        ("call.rejected", Verdict::Wrong, |event| {
            if event["event"] == "disconnect" {
                event["sip"] = 480.into();
            }
            true
        }),
        ("call.extension", Verdict::Missing, |event| event["event"] != "collectInfo"),
        ("call.cut", Verdict::Wrong, |event| {
            if event["by"] == "maxDuration" {
                event["ts"] = "2026-01-02T03:05:30Z".into();
            }
            true
        }),
        ("call.unanswered", Verdict::Wrong, |event| {
            if event["sip"] == 503 {
                event["sip"] = 480.into();
            }
            true
        }),
    ];
    for (check, verdict, twist) in cases {
        // Where an order waits for an answer that never comes, that call is left out.
        let plan: Vec<_> = Step::ALL.into_iter().filter(|step| *step != Step::Stopped).collect();
        let mut switch = Switch::new(&plan);
        switch.twist = *twist;
        switch.play(&plan);
        let found = faults(&judge(&switch.desk.log, &plan, &[]));
        assert!(found.contains(&(check, *verdict)), "{check}: {found:?}");
    }
}

#[test]
fn a_switch_that_forgets_what_was_answered_503_is_found() {
    let mut switch = Switch::new(&[Step::Answered]);
    switch.repeats = false;
    switch.play(&[Step::Answered]);
    let found = faults(&judge(&switch.desk.log, &[Step::Answered], &[]));
    assert!(found.contains(&("events.again", Verdict::Missing)), "{found:?}");
    assert!(found.contains(&("call.answered", Verdict::Missing)), "the callin is gone: {found:?}");
}

#[test]
fn tokens_uris_and_connections_are_judged() {
    let stranger = judged(|switch| {
        switch.keeps_connections = false;
        switch.send(&Method::GET, "/switch/v1/route", b"");
        switch.has_token = false;
        switch.send(&Method::POST, "/switch/v1/events", b"{}");
        switch.has_token = true;
    });
    assert_eq!(
        faults(&stranger),
        [
            ("requests.token", Verdict::Wrong),
            ("requests.uris", Verdict::Wrong),
            ("requests.keepAlive", Verdict::Wrong)
        ]
    );
}

#[test]
fn a_reject_that_is_not_obeyed_is_found() {
    let mut switch = Switch::new(&[Step::Rejected]);
    switch.ask(&json!({"callId": "c", "caller": CALLER, "called": X}));
    switch.call("c", &["callin", "callout", "disconnect"], &json!({"sip": 403, "by": "gateway"}));
    let found = faults(&judge(&switch.desk.log, &[Step::Rejected], &[]));
    assert_eq!(found, [("call.rejected", Verdict::Wrong)]);
}

#[test]
fn a_recording_after_the_end_or_of_another_kind_is_found() {
    for (body, late, seen) in [
        (&b"RIFF....WAVEfmt "[..], true, "the first word of it came after the disconnect"),
        (b"ID3 and music", false, "what was sent is no WAV file"),
    ] {
        let mut switch = Switch::new(&[Step::Recorded]);
        switch.ask(&json!({"callId": "c", "caller": CALLER, "called": X}));
        let end = json!({"sip": 200, "by": "caller", "ts": "2026-01-02T03:05:09Z"});
        switch.call("c", &["callin", "callout", "alerting", "answer"], &Value::Null);
        if late {
            switch.call("c", &["disconnect"], &end);
        }
        switch.send(&Method::PUT, "/switch/v1/recordings/c", body);
        if !late {
            switch.call("c", &["disconnect"], &end);
        }
        let findings = judge(&switch.desk.log, &[Step::Recorded], &[]);
        let told = findings.iter().find(|finding| finding.check == "call.recorded").unwrap();
        assert_eq!((told.verdict, told.seen.as_str()), (Verdict::Wrong, seen));
    }
}

#[test]
fn orders_that_are_not_obeyed_are_found() {
    let judged = |orders: [Order; 3]| {
        let mut switch = Switch::new(&[Step::Stopped]);
        switch.play(&[Step::Stopped]);
        switch.desk.log.orders = orders.to_vec();
        faults(&judge(&switch.desk.log, &[Step::Stopped], &[]))
    };
    assert_eq!(
        judged([Order::NotThere, Order::Ending, Order::NotThere]),
        [("call.stopped", Verdict::Wrong), ("stop.over", Verdict::Wrong)]
    );
    let away = Order::Failed("the switch did not answer".into());
    assert_eq!(judged([Order::Ending, Order::NotThere, away]), [("stop.unknown", Verdict::Wrong)]);
}

#[test]
fn calls_that_did_not_come_are_missing_and_those_left_out_are_not() {
    let plan = [Step::Answered, Step::Rejected];
    let mut switch = Switch::new(&plan);
    switch.play(&plan[..1]);
    let findings = judge(&switch.desk.log, &plan, &[(Step::Stopped, "no --control was given")]);
    let of = |check: &str| findings.iter().find(|finding| finding.check == check).map(|found| found.verdict);
    assert_eq!(of("call.rejected"), Some(Verdict::Missing));
    assert_eq!(of("call.stopped"), Some(Verdict::NotChecked));
    assert_eq!(of("call.recorded"), None);
    let nothing = judge(&Desk::new(plan.to_vec(), X.into()).log, &plan, &[]);
    assert!(nothing.iter().all(|finding| finding.verdict != Verdict::Ok), "nothing came, nothing is right");
}

#[test]
fn messages_and_what_came_of_them_are_no_unknown_uris() {
    let mut switch = Switch::new(&[Step::Rejected]);
    let (status, answer) = switch.send(&Method::POST, "/switch/v1/messages", b"{\"messageId\":\"m-1\"}");
    assert_eq!((status, &answer["action"]), (200, &json!("discard")));
    assert_eq!(switch.send(&Method::POST, "/switch/v1/messages/m-1/result", b"{\"sendResult\":0}").0, 200);
    assert_eq!(switch.desk.log.elsewhere, [] as [String; 0]);
    for stray in ["/switch/v1/messages//result", "/switch/v1/messages/m/1/result", "/switch/v1/messages/m-1"]
    {
        assert_eq!(switch.send(&Method::POST, stray, b"{}").0, 404, "{stray}");
    }
    assert_eq!(switch.desk.log.elsewhere.len(), 3);
}
