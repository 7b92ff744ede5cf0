use crate::domain::binding::{AnyBinding, Binding, CallDirection, Change, Expiry, Extras, Terms, Yb};
use crate::domain::customer::{Mode, NumberRecord, NumberStatus};
use crate::domain::number::CallingParty;
use crate::domain::route::{CallSetup, Connect, Dialled, NoY, RejectCause, Route, no_y, route, shown};
use crate::domain::sample::{app, at, axyb, id, just_before, lent, number, record, x, y_slot, yb};
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;

const A: u64 = 1;
const B: u64 = 2;
const UNKNOWN_B: u64 = 3;
/// X is 1.
const Y: u64 = 5;

fn dial(n: u64, slot: Option<&XSlot>, caller: CallingParty, now: Timestamp) -> Route {
    let (number, app) = (NumberRecord { x: x(n), ..record(NumberStatus::Normal) }, app(Mode::Axyb));
    let setup = CallSetup { caller, called: Some(x(n).number()), extension: None };
    route(Some(Dialled { number: &number, app: &app, slot }), setup, now)
}

fn from(n: u64) -> CallingParty {
    CallingParty::Number(number(n))
}

fn connected(route: Route) -> Connect {
    let Route::Connect(connect) = route else { panic!("{route:?} does not connect") };
    *connect
}

fn refused(route: &Route) -> RejectCause {
    let Route::Reject(reject) = route else { panic!("{route:?} is no refusal") };
    reject.cause
}

fn b_until(expiry: Expiry) -> Binding<Yb> {
    yb(2, 1, B, Y, expiry)
}

fn directed(direction: CallDirection) -> (Option<XSlot>, Option<XSlot>) {
    let terms = Terms { direction, ..Terms::default() };
    let of_b = Binding { terms: terms.clone(), ..b_until(Expiry::Never) };
    (lent(Binding { terms, ..axyb(1, A) }, [of_b.clone()]), y_slot([of_b]))
}

#[test]
fn b_dials_x_and_a_sees_y_while_a_dials_y_and_b_sees_x() {
    let x_slot = lent(axyb(1, A), [b_until(Expiry::Never)]);
    let to_a = connected(dial(1, x_slot.as_ref(), from(B), at(1)));
    assert_eq!((to_a.callee, to_a.display), (number(A), x(Y)));
    assert_eq!((to_a.through.subscription, to_a.through.a_calls, to_a.through.x), (Some(id(1)), false, None));
    let y_slot = y_slot([b_until(Expiry::Never)]);
    let to_b = connected(dial(Y, y_slot.as_ref(), from(A), at(1)));
    assert_eq!((to_b.callee, to_b.display), (number(B), x(1)));
    assert_eq!(
        (to_b.through.subscription, to_b.through.a_calls, to_b.through.x),
        (Some(id(1)), true, Some(x(1)))
    );
}

#[test]
fn a_y_reaches_a_different_b_for_each_a_and_nobody_for_a_stranger() {
    let other = Yb { ax: id(7), pair: crate::domain::sample::pair(8, 9), ..b_until(Expiry::Never).relation };
    let other = Binding { id: id(6), x: x(4), relation: other, ..b_until(Expiry::Never) };
    let slot = y_slot([b_until(Expiry::Never), other]);
    let reached = |caller| connected(dial(Y, slot.as_ref(), from(caller), at(1)));
    assert_eq!((reached(A).callee, reached(8).callee), (number(B), number(9)));
    assert_eq!((reached(A).display, reached(8).display), (x(1), x(4)));
    assert_eq!(refused(&dial(Y, slot.as_ref(), from(UNKNOWN_B), at(1))), RejectCause::NoAxybBinding);
}

#[test]
fn an_unknown_b_who_dials_x_is_to_be_given_a_y_first() {
    let slot = lent(axyb(1, A), [b_until(Expiry::At(at(100)))]);
    for (caller, now) in [(UNKNOWN_B, at(1)), (B, at(100))] {
        let undecided = dial(1, slot.as_ref(), from(caller), now);
        assert!(matches!(undecided, Route::Undecided(_)) && !undecided.is_final());
        assert_eq!(undecided.through().unwrap().subscription, Some(id(1)));
        let refusal = no_y(undecided, NoY::TooManyB);
        assert_eq!(refused(&refusal), RejectCause::NoY(NoY::TooManyB));
        assert_eq!(refusal.through().unwrap().subscription, Some(id(1)), "the notices name the binding");
    }
}

#[test]
fn at_the_expiry_instant_neither_x_nor_y_connects() {
    let ends = Expiry::At(at(100));
    let x_slot = lent(Binding { expiry: ends, ..axyb(1, A) }, [b_until(ends)]);
    let y_slot = y_slot([b_until(ends)]);
    assert!(matches!(dial(1, x_slot.as_ref(), from(B), just_before(100)), Route::Connect(_)));
    assert!(matches!(dial(Y, y_slot.as_ref(), from(A), just_before(100)), Route::Connect(_)));
    for caller in [A, B, UNKNOWN_B] {
        assert_eq!(refused(&dial(1, x_slot.as_ref(), from(caller), at(100))), RejectCause::NoAxybBinding);
        assert_eq!(refused(&dial(Y, y_slot.as_ref(), from(caller), at(100))), RejectCause::NoAxybBinding);
    }
}

#[test]
fn who_dials_the_number_that_stands_for_itself_is_told_so() {
    let (x_slot, y_slot) = directed(CallDirection::Both);
    assert_eq!(refused(&dial(1, x_slot.as_ref(), from(A), at(1))), RejectCause::OwnNumber);
    assert_eq!(refused(&dial(Y, y_slot.as_ref(), from(B), at(1))), RejectCause::OwnNumber);
}

#[test]
fn a_direction_shuts_one_of_the_two_ways_and_no_y_is_given_for_it() {
    let (x_slot, y_slot) = directed(CallDirection::AToB);
    assert!(matches!(dial(Y, y_slot.as_ref(), from(A), at(1)), Route::Connect(_)));
    for caller in [B, UNKNOWN_B] {
        assert_eq!(refused(&dial(1, x_slot.as_ref(), from(caller), at(1))), RejectCause::Direction);
    }
    let (x_slot, y_slot) = directed(CallDirection::BToA);
    assert!(matches!(dial(1, x_slot.as_ref(), from(B), at(1)), Route::Connect(_)));
    assert_eq!(refused(&dial(Y, y_slot.as_ref(), from(A), at(1))), RejectCause::Direction);
}

#[test]
fn a_caller_who_cannot_be_called_back_is_refused() {
    let (x_slot, y_slot) = directed(CallDirection::Both);
    for caller in [CallingParty::Withheld, CallingParty::Unusable] {
        for (n, slot) in [(1, &x_slot), (Y, &y_slot), (9, &None)] {
            assert_eq!(refused(&dial(n, slot.as_ref(), caller, at(1))), RejectCause::CallerUnusable);
        }
    }
    assert_eq!(refused(&dial(9, None, from(A), at(1))), RejectCause::NoAxybBinding);
}

#[test]
fn a_call_whose_callee_would_see_a_number_that_carries_no_calls_is_refused() {
    let (x_slot, _) = directed(CallDirection::Both);
    let call = || dial(1, x_slot.as_ref(), from(B), at(1));
    for status in [NumberStatus::Normal, NumberStatus::BindingFrozen] {
        assert!(matches!(shown(call(), Some(status)), Route::Connect(_)));
    }
    for status in [NumberStatus::Suspended, NumberStatus::Unavailable(None)] {
        assert_eq!(refused(&shown(call(), Some(status))), RejectCause::NumberUnusable(status));
    }
    assert_eq!(refused(&shown(call(), None)), RejectCause::NoAxybBinding);
}

#[test]
fn each_side_hears_the_tone_of_the_number_it_dials() {
    let extras = Extras {
        others_call_tone: Some("x.wav".into()),
        a_calls_tone: Some("y.wav".into()),
        ..Extras::default()
    };
    let terms = Terms::default().with_extras(extras);
    let of_b = Binding { terms, ..b_until(Expiry::Never) };
    let x_slot = lent(axyb(1, A), [of_b.clone()]);
    let heard = |route| connected(route).caller_tone;
    assert_eq!(heard(dial(1, x_slot.as_ref(), from(B), at(1))).as_deref(), Some("x.wav"));
    assert_eq!(heard(dial(Y, y_slot([of_b]).as_ref(), from(A), at(1))).as_deref(), Some("y.wav"));
}

#[test]
#[should_panic(expected = "left without its X")]
fn ending_an_x_before_its_b_stops_the_program() {
    let slot = lent(axyb(1, A), [b_until(Expiry::Never)]);
    let (binding, cause) = (AnyBinding::Axyb(axyb(1, A)), crate::domain::binding::UnbindCause::Customer);
    XSlot::apply(slot, &Change::Unbound { binding, cause, at: at(2) });
}
