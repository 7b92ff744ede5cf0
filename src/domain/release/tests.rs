use proptest::prelude::*;

use super::ReleasedBy::{Callee, Caller, Gateway, MaxDuration, Switch, Timeout};
use super::*;

const DIALLED: CallProgress =
    CallProgress { forwarded: false, alerted: false, answered: false, rejected_with: None };
const FORWARDED: CallProgress = CallProgress { forwarded: true, ..DIALLED };
const RINGING: CallProgress = CallProgress { alerted: true, ..FORWARDED };
const TALKING: CallProgress = CallProgress { answered: true, ..RINGING };
const REJECTED: CallProgress = CallProgress { rejected_with: Some(StateCode::NO_BINDING), ..DIALLED };

type Told = (u16, u16, u16, u16);

fn told(
    sip: impl Into<Option<u16>>,
    q850: impl Into<Option<u16>>,
    by: impl Into<Option<ReleasedBy>>,
    progress: CallProgress,
) -> Told {
    let report = ReleaseReport { sip: sip.into(), q850: q850.into(), by: by.into() };
    let release = Release::of(report, progress);
    (release.state.number(), release.fail_reason, release.q850, release.sip)
}

#[test]
fn an_answered_call_has_no_failure_whatever_was_reported() {
    for by in [Caller, Callee, Switch, Gateway, Timeout] {
        assert_eq!(told(200, 16, by, TALKING), (0, 0, 0, 0));
    }
    assert_eq!(told(503, 38, None, TALKING), (0, 0, 0, 0));
    assert_eq!(told(200, 102, MaxDuration, TALKING), (8010, 0, 0, 0));
    let rejected_and_answered = CallProgress { rejected_with: Some(StateCode::NO_BINDING), ..TALKING };
    assert_eq!(told(None, None, None, rejected_and_answered), (0, 0, 0, 0));
}

#[test]
fn a_rejected_call_carries_the_cause_of_the_route_decision() {
    assert_eq!(told(None, None, Gateway, REJECTED), (8014, 8014, 0, 403));
    assert_eq!(told(404, 1, Gateway, REJECTED), (8014, 8014, 0, 404));
    assert_eq!(told(487, 16, Caller, REJECTED), (8014, 8014, 0, 487));
    let rejected_with_nothing = CallProgress { rejected_with: Some(StateCode::RELEASED), ..DIALLED };
    assert_eq!(told(403, 21, Gateway, rejected_with_nothing), (8020, 8020, 0, 403));
}

#[test]
fn a_caller_who_gives_up_is_told_apart_by_how_far_the_call_was() {
    for (progress, code) in [(DIALLED, 7516), (FORWARDED, 7501), (RINGING, 7502)] {
        assert_eq!(told(487, 16, Caller, progress), (code, code, 0, 487));
        assert_eq!(told(487, None, None, progress), (code, code, 0, 487));
        assert_eq!(told(487, 16, Switch, progress), (code, code, 0, 487));
        assert_eq!(told(None, None, Caller, progress), (code, code, 0, 487));
    }
}

#[test]
fn a_stop_by_the_gateway_blames_nobody() {
    assert_eq!(told(480, 31, Gateway, RINGING), (8020, 8020, 0, 480));
    assert_eq!(told(None, None, Gateway, FORWARDED), (8020, 8020, 0, 480));
}

#[test]
fn a_failed_leg_is_named_after_its_cause() {
    let cases: &[(Option<u16>, Option<u16>, CallProgress, Told)] = &[
        (Some(603), None, RINGING, (7503, 7503, 21, 603)),
        (Some(403), None, FORWARDED, (7503, 7503, 21, 403)),
        (None, Some(21), RINGING, (7503, 7503, 21, 603)),
        (Some(486), Some(17), FORWARDED, (8102, 8102, 17, 486)),
        (Some(486), None, RINGING, (8102, 8102, 17, 486)),
        (Some(600), Some(16), FORWARDED, (8102, 8102, 17, 600)),
        (Some(486), Some(31), FORWARDED, (8102, 8102, 17, 486)),
        (None, Some(17), FORWARDED, (8102, 8102, 17, 486)),
        (Some(480), Some(17), RINGING, (8102, 8102, 17, 480)),
        (None, Some(19), FORWARDED, (8101, 8101, 19, 480)),
        (Some(480), None, RINGING, (8101, 8101, 19, 480)),
        (Some(408), None, RINGING, (8101, 8101, 19, 408)),
        (Some(408), None, FORWARDED, (8035, 8035, 102, 408)),
        (Some(408), Some(18), FORWARDED, (8035, 8035, 102, 408)),
        (None, Some(102), FORWARDED, (8035, 8035, 102, 408)),
        (Some(480), None, FORWARDED, (8103, 8103, 18, 480)),
        (Some(480), Some(20), FORWARDED, (8103, 8103, 20, 480)),
        (None, Some(18), RINGING, (8103, 8103, 18, 480)),
        (Some(480), Some(27), FORWARDED, (8104, 8104, 27, 480)),
        (Some(404), None, FORWARDED, (8100, 8100, 1, 404)),
        (Some(604), None, FORWARDED, (8100, 8100, 1, 604)),
        (Some(410), Some(22), FORWARDED, (8100, 8100, 22, 410)),
        (None, Some(1), FORWARDED, (8100, 8100, 1, 404)),
        (Some(500), Some(50), FORWARDED, (8105, 8105, 50, 500)),
        (None, Some(57), FORWARDED, (8105, 8105, 57, 404)),
        (None, Some(3), FORWARDED, (7508, 7508, 3, 404)),
        (Some(484), None, FORWARDED, (7506, 7506, 28, 484)),
        (Some(484), None, DIALLED, (7506, 7506, 28, 484)),
        (Some(503), Some(38), FORWARDED, (7506, 7506, 38, 503)),
        (Some(503), None, FORWARDED, (7506, 7506, 41, 503)),
        (Some(503), Some(38), DIALLED, (7505, 7505, 38, 503)),
        (Some(500), None, FORWARDED, (7506, 7506, 31, 500)),
        (None, Some(34), DIALLED, (7505, 7505, 34, 503)),
        (Some(488), None, FORWARDED, (8020, 8020, 31, 488)),
        (Some(200), Some(16), FORWARDED, (8020, 8020, 31, 480)),
        (Some(9999), Some(9999), FORWARDED, (8020, 8020, 31, 480)),
        (None, None, DIALLED, (8020, 8020, 31, 480)),
    ];
    for &(sip, q850, progress, expected) in cases {
        assert_eq!(told(sip, q850, Switch, progress), expected, "{sip:?} {q850:?} {progress:?}");
        assert_eq!(told(sip, q850, None, progress), expected, "{sip:?} {q850:?} {progress:?}");
    }
}

#[test]
fn a_timer_of_the_switch_is_no_answer_after_ringing_and_a_set_up_timeout_before() {
    assert_eq!(told(408, 19, Timeout, RINGING), (8101, 8101, 19, 408));
    assert_eq!(told(487, 19, Timeout, RINGING), (8101, 8101, 19, 480));
    assert_eq!(told(408, 18, Timeout, FORWARDED), (8035, 8035, 102, 408));
    assert_eq!(told(None, None, Timeout, DIALLED), (8035, 8035, 102, 408));
}

#[test]
fn a_callee_that_ends_the_call_without_a_cause_rejected_it() {
    assert_eq!(told(None, None, Callee, RINGING), (7503, 7503, 21, 603));
    assert_eq!(told(486, 17, Callee, FORWARDED), (8102, 8102, 17, 486));
}

#[test]
fn descriptions_are_sorted_and_fit_the_wire() {
    assert!(DESCRIPTIONS.is_sorted_by(|a, b| a.0 < b.0));
    for code in StateCode::all() {
        assert!(code.desc().is_ascii() && (1..=128).contains(&code.desc().len()), "{code:?}");
        assert_eq!(StateCode::from_number(code.number()), Some(code));
    }
    assert_eq!(StateCode::from_number(1), None);
    assert_eq!(StateCode::RELEASED.desc(), "The user releases the call.");
}

#[test]
fn every_named_code_is_in_the_list() {
    let named = [
        StateCode::RELEASED,
        StateCode::CALLER_GAVE_UP_BEFORE_RINGING,
        StateCode::CALLER_GAVE_UP_WHILE_RINGING,
        StateCode::CALLEE_REJECTED,
        StateCode::CALLER_NETWORK,
        StateCode::CALLEE_NETWORK,
        StateCode::NO_ROUTE,
        StateCode::CALLER_GAVE_UP_BEFORE_FORWARDING,
        StateCode::MAX_DURATION,
        StateCode::NO_TEMPORARY_CALLEE,
        StateCode::NO_BINDING,
        StateCode::DIRECTION_NOT_ALLOWED,
        StateCode::NO_PERMISSION,
        StateCode::NO_CALLBACK_RECORD,
        StateCode::ABNORMAL,
        StateCode::SETUP_TIMEOUT,
        StateCode::X_NOT_USABLE,
        StateCode::NUMBER_MISSING,
        StateCode::NO_ANSWER,
        StateCode::BUSY,
        StateCode::UNREACHABLE,
        StateCode::SWITCHED_OFF,
        StateCode::SERVICE_STOPPED,
    ];
    for code in named {
        assert_eq!(StateCode::from_number(code.number()), Some(code));
    }
}

fn any_release() -> impl Strategy<Value = (ReleaseReport, CallProgress)> {
    let by = proptest::sample::select(vec![Caller, Callee, Switch, Gateway, Timeout, MaxDuration]);
    let codes: Vec<StateCode> = StateCode::all().collect();
    let report = (
        proptest::option::of(prop_oneof![0_u16..800, any::<u16>()]),
        proptest::option::of(prop_oneof![0_u16..140, any::<u16>()]),
        proptest::option::of(by),
    )
        .prop_map(|(sip, q850, by)| ReleaseReport { sip, q850, by });
    let progress = (any::<[bool; 3]>(), proptest::option::of(proptest::sample::select(codes))).prop_map(
        |([forwarded, alerted, answered], rejected_with)| CallProgress {
            forwarded,
            alerted,
            answered,
            rejected_with,
        },
    );
    (report, progress)
}

proptest! {
    #[test]
    fn the_fail_reason_is_zero_exactly_for_answered_calls((report, progress) in any_release()) {
        let release = Release::of(report, progress);
        prop_assert_eq!(release.fail_reason == 0, progress.answered);
        if progress.answered {
            prop_assert_eq!((release.q850, release.sip), (0, 0));
        } else {
            prop_assert_eq!(release.fail_reason, release.state.number());
            prop_assert!((400..700).contains(&release.sip) && release.q850 < 128);
        }
        prop_assert!(!release.state.desc().is_empty());
    }
}
