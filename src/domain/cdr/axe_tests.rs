//! What AXE adds: calls that wait for an extension, and whom A can call back.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::call::{Basis, CallEvent, Decision};
use crate::domain::number::{E164, XNumber};
use crate::domain::route::{Collect, Connect, Reject, RejectCause, Through};

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn number(n: u64) -> E164 {
    E164::from_word(8_613_800_000_000 + n).unwrap()
}

fn event(stage: Stage, secs: u64) -> CallEvent {
    CallEvent {
        event_id: format!("{stage:?}").into(),
        stage,
        at: at(secs),
        received_at: at(secs),
        caller: None,
        called: None,
        digits: None,
        sip: None,
        q850: None,
        by: None,
    }
}

fn released(by: ReleasedBy, sip: u16) -> CallEvent {
    CallEvent { by: Some(by), sip: Some(sip), ..event(Stage::Released, 90) }
}

fn keyed(digits: &str) -> CallEvent {
    CallEvent { digits: Some(digits.into()), ..event(Stage::Collected, 20) }
}

fn collect() -> Route {
    Route::Collect(Collect { tone: None, digits: 4 })
}

fn connect(a_calls: bool) -> Route {
    let extension = Extension::parse("0042");
    let subscription = Some(RowKey::floor(7));
    let through = Through { subscription, a_calls, extension, x: None, user_data: None };
    Route::Connect(Box::new(Connect {
        callee: number(1),
        display: XNumber::new(number(999)),
        through,
        max_duration: None,
        record: false,
        caller_tone: None,
        callee_tone: None,
        record_tone: None,
        last_minute_tone: None,
    }))
}

fn reject(cause: RejectCause) -> Route {
    Route::Reject(Reject { cause, through: None, tone: None })
}

fn call(mode: Mode, route: Route, events: Vec<CallEvent>) -> Call {
    let mut call = Call::new(RowKey::floor(1), CallId::new("c").unwrap(), "s".into());
    call.decision = Some(Decision {
        at: at(10),
        caller: CallingParty::Number(number(2)),
        called: Some(number(999)),
        app: Some(AppNo(1)),
        mode: Some(mode),
        route,
        basis: Basis::Asked,
        question: None,
    });
    call.events = events.into_iter().map(Arc::new).collect();
    call
}

#[test]
fn a_caller_without_an_extension_is_told_apart_from_one_with_a_wrong_one() {
    use ReleasedBy::{Caller, Gateway, Switch, Timeout};
    for (route, keyed_before, end, state) in [
        (collect(), None, released(Caller, 487), 7516),
        (collect(), Some("0042"), released(Caller, 487), 7516),
        (collect(), None, released(Timeout, 408), 8033),
        (collect(), None, released(Switch, 403), 8033),
        (collect(), Some(""), released(Switch, 403), 8033),
        (collect(), Some("0042"), released(Switch, 503), 7505),
        (collect(), None, released(Switch, 487), 7516),
        (reject(RejectCause::EmptyExtension), Some(""), released(Gateway, 403), 8033),
        (reject(RejectCause::NoAxeBinding), Some("0042"), released(Gateway, 403), 8022),
        (reject(RejectCause::NobodyToCallBack), None, released(Gateway, 403), 8019),
    ] {
        let events = keyed_before.map(keyed).into_iter().chain([event(Stage::Incoming, 10), end]);
        let call = call(Mode::Axe, route, events.collect());
        let cdr = call.cdr(RowKey::floor(2), at(100)).unwrap();
        assert_eq!((cdr.release.state.number(), cdr.release.fail_reason), (state, state), "{call:?}");
        assert_eq!((cdr.direction, cdr.answer), (2, None));
    }
}

#[test]
fn a_dialog_that_was_only_set_up_for_the_prompt_was_not_answered() {
    let events = vec![event(Stage::Incoming, 10), released(ReleasedBy::Caller, 200)];
    assert!(!call(Mode::Axe, collect(), events).was_answered());
}

#[test]
fn the_extension_in_a_cdr_is_that_of_the_binding_or_else_what_was_keyed() {
    let extension = |route, events| {
        let cdr = call(Mode::Axe, route, events).cdr(RowKey::floor(2), at(100)).unwrap();
        cdr.extension.map(|extension| extension.to_string())
    };
    assert_eq!(extension(connect(false), vec![keyed("0042")]).as_deref(), Some("0042"));
    assert_eq!(extension(connect(true), vec![]).as_deref(), Some("0042"));
    let wrong = || reject(RejectCause::NoAxeBinding);
    assert_eq!(extension(wrong(), vec![keyed("0777")]).as_deref(), Some("0777"));
    assert_eq!(extension(wrong(), vec![keyed("77777")]), None);
    assert_eq!(extension(wrong(), vec![]), None);
}

#[test]
fn only_a_call_in_which_a_was_dialled_can_be_called_back() {
    let dialled = || vec![event(Stage::Alerting, 31), event(Stage::Outgoing, 30)];
    let last = |call: &Call| call.to_call_back().map(|(id, last)| (id, last.caller, last.at));
    let expected = Some((RowKey::floor(7), number(2), at(30)));
    assert_eq!(last(&call(Mode::Axe, connect(false), dialled())), expected);
    for (mode, route, events) in [
        (Mode::Axe, connect(false), vec![event(Stage::Incoming, 10)]),
        (Mode::Axe, connect(true), dialled()),
        (Mode::Axe, collect(), dialled()),
        (Mode::Axe, reject(RejectCause::NoAxeBinding), dialled()),
        (Mode::Axb, connect(false), dialled()),
    ] {
        assert_eq!(last(&call(mode, route, events)), None);
    }
}

#[test]
fn a_switch_whose_clock_is_ahead_does_not_keep_later_callers_out() {
    let ahead = CallEvent { at: at(9_000), received_at: at(30), ..event(Stage::Outgoing, 30) };
    let call = call(Mode::Axe, connect(false), vec![ahead]);
    assert_eq!(call.to_call_back().map(|(_, last)| last.at), Some(at(30)));
}

#[test]
fn a_call_that_waits_for_digits_is_swept_like_any_silent_one() {
    let patience = Patience {
        silence: Duration::from_secs(60),
        grace: Duration::from_secs(1),
        answer: Duration::from_secs(1),
    };
    let call = call(Mode::Axe, collect(), vec![event(Stage::Incoming, 10)]);
    assert_eq!(call.silent_until(patience), Some(at(70)));
}
