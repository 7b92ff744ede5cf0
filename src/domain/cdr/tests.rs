use std::sync::Arc;

use super::super::call::{Basis, CallEvent, Decision};
use super::super::customer::Mode;
use super::super::number::CallingParty;
use super::super::route::{Connect, Reject, RejectCause, Through};
use super::super::sample::{APP, at, id, just_before, number, x};
use super::*;

const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(3_600),
    grace: Duration::from_secs(60),
    answer: Duration::from_secs(5),
};

fn connect(max_secs: Option<u64>) -> Route {
    Route::Connect(Box::new(Connect {
        callee: number(2),
        display: x(1),
        through: Through {
            subscription: Some(id(7)),
            a_calls: true,
            extension: None,
            x: None,
            user_data: Some("u".into()),
        },
        max_duration: max_secs.map(Duration::from_secs),
        record: false,
        caller_tone: None,
        callee_tone: None,
        record_tone: None,
        last_minute_tone: None,
    }))
}

const fn reject(cause: RejectCause) -> Route {
    Route::Reject(Reject { cause, through: None, tone: None })
}

/// A call decided at 0 with these stages; the end says what is given.
fn call(route: Option<Route>, stages: &[(Stage, u64)], sip: Option<u16>, by: Option<ReleasedBy>) -> Call {
    let mut call = Call::new(id(1), CallId::new("c").unwrap(), "s".into());
    call.decision = route.map(|route| Decision {
        at: at(0),
        caller: CallingParty::Number(number(1)),
        called: Some(x(1).number()),
        app: Some(APP),
        mode: Some(Mode::Axb),
        route,
        basis: Basis::Asked,
        question: None,
    });
    for &(stage, secs) in stages {
        let ends = stage == Stage::Released;
        call.events.push(Arc::new(CallEvent {
            event_id: stage.as_str().into(),
            stage,
            at: at(secs),
            received_at: at(secs + 1),
            caller: None,
            called: None,
            digits: None,
            sip: sip.filter(|_| ends),
            q850: None,
            by: by.filter(|_| ends),
        }));
    }
    call
}

use Stage::{Alerting, Answered, Incoming, Outgoing, Released};

#[test]
fn the_causes_in_a_cdr_are_those_of_the_table() {
    let rejected = Some(reject(RejectCause::NoAxbBinding));
    let reached = [(Incoming, 0), (Outgoing, 1), (Alerting, 2), (Answered, 3), (Released, 9)];
    let ringing = [(Incoming, 0), (Outgoing, 1), (Alerting, 2), (Released, 9)];
    let dialled = [(Incoming, 0), (Outgoing, 1), (Released, 9)];
    let refused = [(Incoming, 0), (Released, 1)];
    for (route, stages, sip, by, expected) in [
        (Some(connect(None)), &reached[..], Some(200), ReleasedBy::Callee, (0, 0, 0, 0)),
        (Some(connect(None)), &ringing, Some(487), ReleasedBy::Caller, (7502, 7502, 0, 487)),
        (Some(connect(None)), &dialled, Some(487), ReleasedBy::Caller, (7501, 7501, 0, 487)),
        (Some(connect(None)), &refused, None, ReleasedBy::Caller, (7516, 7516, 0, 487)),
        (Some(connect(None)), &ringing, Some(486), ReleasedBy::Callee, (8102, 8102, 17, 486)),
        (Some(connect(None)), &ringing, None, ReleasedBy::Timeout, (8101, 8101, 19, 480)),
        (Some(connect(None)), &dialled, None, ReleasedBy::Timeout, (8035, 8035, 102, 408)),
        (Some(connect(None)), &reached, None, ReleasedBy::MaxDuration, (8010, 0, 0, 0)),
        (rejected, &refused, None, ReleasedBy::Gateway, (8014, 8014, 0, 403)),
    ] {
        let release = call(route, stages, sip, Some(by)).release();
        let told = (release.state.number(), release.fail_reason, release.q850, release.sip);
        assert_eq!(told, expected, "{stages:?} {by:?}");
    }
}

#[test]
fn a_cdr_says_what_was_reached_and_leaves_out_what_was_not() {
    let stages = [(Incoming, 0), (Outgoing, 1), (Alerting, 2), (Released, 9)];
    let cdr = call(Some(connect(None)), &stages, Some(486), None).cdr(id(2), at(20)).unwrap();
    assert_eq!((cdr.call_in, cdr.forward_start, cdr.alerting), (Some(at(0)), Some(at(1)), Some(at(2))));
    assert_eq!((cdr.answer, cdr.end, cdr.swept), (None, at(9), false));
    assert_eq!((cdr.destination, cdr.direction, cdr.subscription), (Some(number(2)), 1, Some(id(7))));
    let never_dialled = call(Some(connect(None)), &[(Incoming, 0), (Released, 1)], None, None);
    assert_eq!(never_dialled.cdr(id(2), at(20)).unwrap().destination, None);
}

#[test]
fn a_call_without_a_binding_has_direction_2_and_one_to_a_foreign_number_no_cdr() {
    let route = reject(RejectCause::NoAxbBinding);
    let mut call = call(Some(route), &[(Incoming, 0), (Released, 1)], None, None);
    let cdr = call.cdr(id(2), at(20)).unwrap();
    assert_eq!((cdr.direction, cdr.subscription, cdr.destination), (2, None, None));
    call.decision.as_mut().unwrap().app = None;
    assert_eq!(call.cdr(id(2), at(20)), None);
    call.decision = None;
    assert_eq!(call.cdr(id(2), at(20)), None);
}

#[test]
fn an_end_that_says_answered_makes_an_answered_cdr_even_without_the_answer_event() {
    for (stages, answer) in [
        (&[(Incoming, 0), (Outgoing, 1), (Alerting, 2), (Released, 9)][..], Some(at(2))),
        (&[(Incoming, 0), (Outgoing, 1), (Released, 9)], Some(at(1))),
        (&[(Incoming, 0), (Outgoing, 1), (Answered, 4), (Released, 9)], Some(at(4))),
    ] {
        let call = call(Some(connect(None)), stages, Some(200), None);
        assert_eq!(call.cdr(id(2), at(20)).unwrap().answer, answer);
        assert!(call.was_answered());
    }
    let rejected =
        call(Some(reject(RejectCause::Direction)), &[(Incoming, 0), (Released, 1)], Some(200), None);
    assert!(!rejected.was_answered(), "a call that was rejected was answered by an announcement");
}

#[test]
fn a_cdr_waits_for_the_answer_event_until_its_patience_ends() {
    let waits = |stages: &[(Stage, u64)], sip, now| {
        call(Some(connect(None)), stages, sip, None).waits_until(PATIENCE, now).is_some()
    };
    let silent = [(Incoming, 0), (Outgoing, 1), (Released, 9)];
    // The end reached us at 10.
    assert!(waits(&silent, Some(200), just_before(15)));
    assert!(!waits(&silent, Some(200), at(15)));
    assert!(!waits(&silent, Some(486), at(10)));
    assert!(!waits(&[(Incoming, 0), (Answered, 2), (Released, 9)], Some(200), at(10)));
    assert!(!waits(&[(Incoming, 0), (Outgoing, 1)], None, at(10)));
}

#[test]
fn a_silent_call_is_swept_by_its_last_report_or_by_its_longest_duration() {
    for (route, stages, expected) in [
        (Some(connect(None)), &[][..], Some(at(3_600))),
        (Some(connect(None)), &[(Incoming, 10)], Some(at(3_611))),
        (Some(connect(None)), &[(Incoming, 10), (Answered, 20)], Some(at(3_621))),
        (Some(connect(Some(120))), &[(Incoming, 10), (Answered, 20)], Some(at(21 + 120 + 60))),
        (Some(connect(Some(120))), &[(Incoming, 10)], Some(at(3_611))),
        (Some(connect(None)), &[(Incoming, 10), (Released, 20)], None),
        (None, &[(Alerting, 10)], Some(at(3_611))),
        // Nothing else would ever close the end of a call that nobody announced.
        (None, &[(Alerting, 10), (Released, 20)], Some(at(3_621))),
    ] {
        assert_eq!(call(route, stages, None, None).silent_until(PATIENCE), expected, "{stages:?}");
    }
}

#[test]
fn a_swept_call_ends_with_its_last_event() {
    let call = call(Some(connect(None)), &[(Incoming, 0), (Outgoing, 1), (Answered, 3)], None, None);
    let cdr = call.cdr(id(2), at(9_000)).unwrap();
    assert_eq!((cdr.end, cdr.swept, cdr.release.fail_reason), (at(3), true, 0));
}

#[test]
fn fifty_cdrs_of_one_app_share_a_push_and_the_next_one_has_its_own() {
    let call = call(Some(connect(None)), &[(Incoming, 0), (Released, 1)], None, None);
    let cdr = |n: u64, app| Cdr { app: AppNo(app), ..call.cdr(id(n), at(20)).unwrap() };
    let cdrs = (1..=51).map(|n| cdr(n, 1)).chain([cdr(100, 2), cdr(101, 1)]).collect();
    let sizes: Vec<_> = batches(cdrs).into_iter().map(|(app, batch)| (app.0, batch.len())).collect();
    assert_eq!(sizes, [(1, 50), (1, 2), (2, 1)]);
}

fn calls(names: &[&str]) -> Vec<CallId> {
    names.iter().map(|name| CallId::new(name).unwrap()).collect()
}

fn note(queue: &mut ClosingQueue, name: &str, app: Option<u32>, now: Timestamp) {
    queue.note(CallId::new(name).unwrap(), app.map(AppNo), now);
}

#[test]
fn calls_of_an_app_that_end_within_a_window_come_out_together() {
    let mut queue = ClosingQueue::new(Duration::from_secs(10));
    note(&mut queue, "a", Some(1), at(0));
    note(&mut queue, "b", Some(1), just_before(10));
    note(&mut queue, "c", Some(2), at(4));
    assert_eq!(queue.next_due(), Some(at(10)));
    assert_eq!(queue.pop_due(just_before(10), 9), []);
    assert_eq!(queue.pop_due(at(10), 9), calls(&["a", "b"]));
    note(&mut queue, "d", Some(1), at(10));
    assert_eq!(queue.pop_due(at(19), 9), calls(&["c"]));
    assert_eq!(queue.pop_due(at(20), 9), calls(&["d"]));
    assert_eq!(queue.next_due(), None);
}

#[test]
fn a_call_waits_once_and_for_the_time_it_was_given_last() {
    let mut queue = ClosingQueue::new(Duration::ZERO);
    note(&mut queue, "a", Some(1), at(0));
    let [call] = &calls(&["a"])[..] else { unreachable!() };
    queue.postpone(call.clone(), at(5));
    queue.postpone(call.clone(), at(3));
    assert_eq!(queue.next_due(), Some(at(3)));
    assert_eq!(queue.pop_due(at(9), 9), calls(&["a"]));
    assert_eq!(queue.pop_due(at(9), 9), []);
}

#[test]
fn a_crowd_of_ended_calls_comes_out_in_portions_in_their_order() {
    let mut queue = ClosingQueue::new(Duration::ZERO);
    for name in ["a", "b", "c"] {
        note(&mut queue, name, None, at(0));
    }
    assert_eq!(queue.pop_due(at(0), 2), calls(&["a", "b"]));
    assert_eq!(queue.pop_due(at(0), 2), calls(&["c"]));
}
