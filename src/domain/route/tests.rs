use super::super::binding::{CallDirection, Expiry, Extras, NextCallee};
use super::super::customer::NumberStatus;
use super::super::id::RowKey;
use super::super::sample::{app, at, ax, axb, id, just_before, number, record, slot, x};
use super::*;

const NORMAL: NumberStatus = NumberStatus::Normal;

fn from(n: u64) -> CallingParty {
    CallingParty::Number(number(n))
}

fn setup(caller: CallingParty) -> CallSetup<'static> {
    CallSetup { caller, called: Some(x(1).number()), extension: None }
}

fn dial(mode: Mode, slot: Option<&XSlot>, caller: CallingParty, now: Timestamp) -> Route {
    let (number, app) = (record(NORMAL), app(mode));
    route(Some(Dialled { number: &number, app: &app, slot }), setup(caller), now)
}

/// Whom a call reaches, or why not, with the binding it belongs to.
fn told(route: &Route) -> (Result<u64, RejectCause>, Option<u64>) {
    let through = route.through().and_then(|through| through.subscription).map(RowKey::get);
    match route {
        Route::Connect(connect) => {
            assert_eq!(connect.display, x(1), "a leg is shown X and nothing else");
            (Ok(connect.callee.word() - number(0).word()), through)
        }
        Route::Collect(_) | Route::Undecided(_) => panic!("AX and AXB are decided at once"),
        Route::Reject(reject) => (Err(reject.cause), through),
    }
}

fn connected(route: Route) -> Connect {
    let Route::Connect(connect) = route else { panic!("{route:?} does not connect") };
    *connect
}

#[test]
fn each_party_of_a_pair_reaches_the_other_as_far_as_the_direction_lets_it() {
    let direction = Err(RejectCause::Direction);
    for (code, a_calls, b_calls) in [(0, Ok(2), Ok(1)), (1, Ok(2), direction), (2, direction, Ok(1))] {
        let mut binding = axb(5, 1, 2, Expiry::Never);
        binding.terms.direction = CallDirection::from_code(code).unwrap();
        let slot = slot([binding, axb(6, 3, 4, Expiry::Never)]);
        let call = |caller| told(&dial(Mode::Axb, slot.as_ref(), from(caller), at(1)));
        assert_eq!(call(1), (a_calls, Some(5)));
        assert_eq!(call(2), (b_calls, Some(5)));
        assert_eq!(call(3), (Ok(4), Some(6)));
        assert_eq!(call(9), (Err(RejectCause::NoAxbBinding), None));
    }
}

#[test]
fn a_call_at_the_expiry_instant_is_rejected() {
    let slot = slot([axb(5, 1, 2, Expiry::At(at(100)))]);
    let call = |now| told(&dial(Mode::Axb, slot.as_ref(), from(1), now)).0;
    assert_eq!(call(just_before(100)), Ok(2));
    assert_eq!(call(at(100)), Err(RejectCause::NoAxbBinding));
}

#[test]
fn whoever_dials_an_ax_number_reaches_a_and_a_reaches_the_temporary_callee_while_it_lasts() {
    let mut binding = ax(5, 1);
    let call = |binding: &Binding<Ax>, caller, now| {
        told(&dial(Mode::Ax, Some(&XSlot::Ax(binding.clone())), from(caller), now))
    };
    assert_eq!(call(&binding, 9, at(1)), (Ok(1), Some(5)));
    assert_eq!(call(&binding, 1, at(1)), (Err(RejectCause::NoNextCallee), Some(5)));
    let next = NextCallee { callee: number(7), until: at(60), user_data: None };
    binding.relation.next_callee = Some(Box::new(next));
    assert_eq!(call(&binding, 1, at(1)), (Ok(7), Some(5)));
    assert_eq!(call(&binding, 1, just_before(60)), (Ok(7), Some(5)), "valid for several calls");
    assert_eq!(call(&binding, 1, at(60)), (Err(RejectCause::NextCalleeExpired), Some(5)));
    assert_eq!(call(&binding, 7, at(1)), (Ok(1), Some(5)), "the temporary callee calls like anyone else");
    binding.terms.direction = CallDirection::BToA;
    assert_eq!(call(&binding, 1, at(1)), (Err(RejectCause::Direction), Some(5)));
    binding.terms.direction = CallDirection::AToB;
    assert_eq!(call(&binding, 9, at(1)), (Err(RejectCause::Direction), Some(5)));
}

#[test]
fn a_number_without_a_binding_rejects_by_the_mode_of_its_app() {
    assert_eq!(told(&dial(Mode::Ax, None, from(1), at(1))), (Err(RejectCause::NoAxBinding), None));
    assert_eq!(told(&dial(Mode::Axb, None, from(1), at(1))), (Err(RejectCause::NoAxbBinding), None));
}

#[test]
fn the_number_is_judged_before_the_app_and_the_app_before_the_caller() {
    let slot = slot([axb(5, 1, 2, Expiry::Never)]);
    let unusable = NumberStatus::Unavailable(Some(3));
    for (status, suspended, caller, expected) in [
        (NORMAL, false, from(1), Ok(2)),
        (NumberStatus::BindingFrozen, false, from(1), Ok(2)),
        (
            NumberStatus::Suspended,
            true,
            CallingParty::Withheld,
            Err(RejectCause::NumberUnusable(NumberStatus::Suspended)),
        ),
        (unusable, false, from(1), Err(RejectCause::NumberUnusable(unusable))),
        (NORMAL, true, CallingParty::Withheld, Err(RejectCause::AppSuspended)),
        (NORMAL, true, from(1), Err(RejectCause::AppSuspended)),
        (NORMAL, false, CallingParty::Withheld, Err(RejectCause::CallerUnusable)),
        (NORMAL, false, CallingParty::Unusable, Err(RejectCause::CallerUnusable)),
    ] {
        let number = record(status);
        let app = CustomerApp { suspended, ..app(Mode::Axb) };
        let dialled = Dialled { number: &number, app: &app, slot: slot.as_ref() };
        assert_eq!(told(&route(Some(dialled), setup(caller), at(1))).0, expected);
        // A frozen account is looked at after a suspended app, and before the caller.
        let expected = match expected {
            Ok(_) | Err(RejectCause::CallerUnusable) => Err(RejectCause::AccountFrozen),
            refused => refused,
        };
        let frozen = Dialled { app: &CustomerApp { frozen: true, ..app.clone() }, ..dialled };
        assert_eq!(told(&route(Some(frozen), setup(caller), at(1))).0, expected);
    }
    assert_eq!(told(&route(None, setup(from(1)), at(1))), (Err(RejectCause::UnknownNumber), None));
}

#[test]
fn every_cause_has_the_documented_state_code() {
    let codes = RejectCause::ALL.map(|cause| cause.state_code().number());
    let expected = [8014, 8014, 8055, 8051, 7108, 8014, 8018, 8016, 8013, 8019, 8022, 8033, 8019];
    assert_eq!(codes[..13], expected);
    assert_eq!(codes[13..19], [8030, 8032, 8031, 8031, 8031, 8031], "AXYB");
    assert_eq!(codes[19..], [8014, 8014, 8006, 8017], "X mode");
}

#[test]
fn tones_and_limits_go_with_the_side_that_calls_and_only_where_they_can_sound() {
    let text = |text: &str| Some(text.into());
    let extras = Extras {
        record_hint_tone: text("record.wav"),
        last_minute_tone: text("last.wav"),
        a_calls_tone: text("a.wav"),
        others_call_tone: text("others.wav"),
        user_data: text("u"),
    };
    let mut binding = axb(5, 1, 2, Expiry::Never);
    binding.terms = Terms::default().with_extras(extras);
    let call = |binding: &Binding<Axb>, caller| {
        connected(dial(Mode::Axb, slot([binding.clone()]).as_ref(), from(caller), at(1)))
    };
    let (a, b) = (call(&binding, 1), call(&binding, 2));
    assert_eq!((a.caller_tone, b.caller_tone), (text("a.wav"), text("others.wav")));
    assert_eq!((a.record_tone, a.last_minute_tone, a.max_duration), (None, None, None));
    assert_eq!((a.through.a_calls, b.through.a_calls), (true, false));
    assert_eq!(a.through.user_data, text("u"));
    (binding.terms.record, binding.terms.max_duration_minutes) = (true, 2);
    let a = call(&binding, 1);
    assert_eq!((a.record_tone, a.last_minute_tone), (text("record.wav"), text("last.wav")));
    assert_eq!((a.record, a.max_duration), (true, Some(Duration::from_secs(120))));
}

#[test]
fn the_user_data_of_a_temporary_callee_stands_for_the_calls_of_a() {
    let text = |text: &str| Some(text.into());
    let mut binding = ax(5, 1);
    binding.terms = Terms::default().with_extras(Extras { user_data: text("binding"), ..Extras::default() });
    for (given, expected) in [(text("callee"), text("callee")), (None, text("binding"))] {
        let next = NextCallee { callee: number(7), until: at(60), user_data: given };
        binding.relation.next_callee = Some(Box::new(next));
        let slot = XSlot::Ax(binding.clone());
        let user_data =
            |caller| connected(dial(Mode::Ax, Some(&slot), from(caller), at(1))).through.user_data;
        assert_eq!(user_data(1), expected);
        assert_eq!(user_data(9), text("binding"));
    }
    assert_eq!(binding.id, id(5));
}

#[test]
fn a_reason_in_words_shows_no_full_number() {
    for cause in RejectCause::ALL {
        let words = cause.in_words(from(1), Some(x(1)));
        assert!(!words.contains("8613800000001") && !words.contains("8617000000001"), "{words}");
    }
}
