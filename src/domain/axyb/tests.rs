use super::super::binding::UnbindCause::{Customer, Expired};
use super::super::customer::NumberStatus;
use super::super::sample::{APP, at, axyb as ax, id, just_before, lent, number, record, x, yb};
use super::*;

const STRANGER: AppNo = AppNo(2);

fn wanted(duration_secs: u32, yb_duration_secs: u32) -> AxybBind {
    let area = AreaCode::parse("0755").unwrap();
    let matching = AreaMatch::Strict;
    AxybBind { a: number(1), area, matching, duration_secs, yb_duration_secs, terms: Terms::default() }
}

fn wanted_yb(b: u64, duration_secs: Option<u32>) -> YbBind {
    YbBind { b: number(b), duration_secs, tone: None, user_data: None, on_call: false }
}

fn bound(duration_secs: u32, yb_duration_secs: u32) -> Binding<Axyb> {
    let changes =
        bind(&record(NumberStatus::Normal), None, &wanted(duration_secs, yb_duration_secs), id(9), at(0));
    match changes.unwrap().as_slice() {
        [Change::Bound(AnyBinding::Axyb(binding))] => binding.clone(),
        changes => panic!("{changes:?}"),
    }
}

fn y_record(n: u64) -> NumberRecord {
    NumberRecord { x: x(n), ..record(NumberStatus::Normal) }
}

/// What the second step makes of B 2 on X with this binding.
fn bound_yb(binding: &Binding<Axyb>, wanted: &YbBind, now: Timestamp) -> Binding<Yb> {
    let slot = lent(binding.clone(), []);
    let changes = bind_yb(slot.as_ref(), &y_record(2), binding.id, wanted, id(50), now).unwrap();
    match changes.as_slice() {
        [Change::Bound(AnyBinding::Yb(yb))] => yb.clone(),
        changes => panic!("{changes:?}"),
    }
}

/// The ends in short: which, why, when.
fn ends(changes: &[Change]) -> Vec<(u64, UnbindCause, Timestamp)> {
    let end = |change: &Change| match change {
        Change::Unbound { binding, cause, at } => (binding.id().get(), *cause, *at),
        _ => panic!("{change:?} is no end"),
    };
    changes.iter().map(end).collect()
}

#[test]
fn an_x_lives_for_its_duration_and_zero_means_until_unbound() {
    assert_eq!(bound(7_200, 0).expiry, Expiry::At(at(7_200)));
    assert_eq!(bound(0, 0).expiry, Expiry::Never);
}

#[test]
fn a_y_lives_as_its_own_step_says_else_as_the_first_and_never_longer_than_its_x() {
    for (duration, of_first, of_second, effective, expiry) in [
        (7_200, 0, None, 0, Expiry::At(at(7_200))),
        (7_200, 600, None, 600, Expiry::At(at(700))),
        (7_200, 600, Some(60), 60, Expiry::At(at(160))),
        (7_200, 600, Some(0), 0, Expiry::At(at(7_200))),
        (7_200, 0, Some(9_000), 7_200, Expiry::At(at(7_200))),
        (7_200, 9_000, None, 7_200, Expiry::At(at(7_200))),
        (7_200, 0, Some(7_150), 7_150, Expiry::At(at(7_200))),
        (0, 0, None, 0, Expiry::Never),
        (0, 600, None, 600, Expiry::At(at(700))),
        (0, 0, Some(7_776_000), 7_776_000, Expiry::At(at(100 + 7_776_000))),
    ] {
        let yb = bound_yb(&bound(duration, of_first), &wanted_yb(2, of_second), at(100));
        assert_eq!(
            (yb.relation.duration_secs, yb.expiry),
            (effective, expiry),
            "{duration} {of_first} {of_second:?}"
        );
    }
}

#[test]
fn a_y_has_the_terms_of_its_x_with_its_own_tone_and_data() {
    let extras = crate::domain::binding::Extras {
        others_call_tone: Some("x.wav".into()),
        record_hint_tone: Some("record.wav".into()),
        user_data: Some("first".into()),
        ..Default::default()
    };
    let terms = Terms { record: true, ..Terms::default() }.with_extras(extras);
    let binding = Binding { terms, ..bound(0, 0) };
    let plain = bound_yb(&binding, &wanted_yb(2, None), at(1));
    assert_eq!(plain.terms, binding.terms);
    let wanted =
        YbBind { tone: Some("y.wav".into()), user_data: Some("second".into()), ..wanted_yb(2, None) };
    let own = bound_yb(&binding, &wanted, at(1)).terms;
    assert!(own.record);
    assert_eq!(own.extras().a_calls_tone.as_deref(), Some("y.wav"));
    assert_eq!(own.extras().others_call_tone.as_deref(), Some("x.wav"));
    assert_eq!(own.extras().user_data.as_deref(), Some("second"));
}

#[test]
fn a_b_has_one_y_at_a_time_and_a_calling_b_keeps_it() {
    let slot = lent(ax(1, 1), [yb(2, 1, 2, 5, Expiry::At(at(100)))]);
    let place = |wanted: &YbBind, now| {
        place(slot.as_ref(), APP, id(1), wanted, now).map(|place| match place {
            Place::Stands(yb) => Some(yb.relation.y),
            Place::Room(_) => None,
        })
    };
    let calling = YbBind { on_call: true, ..wanted_yb(2, None) };
    assert_eq!(place(&wanted_yb(2, None), just_before(100)), Err(Refusal::NumberBound(number(2))));
    assert_eq!(place(&calling, just_before(100)), Ok(Some(x(5))));
    assert_eq!(place(&wanted_yb(2, None), at(100)), Ok(None));
    assert_eq!(place(&calling, at(100)), Ok(None), "its time is over, so it gets another");
    assert_eq!(place(&wanted_yb(1, None), at(1)), Err(Refusal::SameNumber));
}

#[test]
fn the_sixth_b_is_refused_until_the_time_of_another_is_over() {
    let ybs = (1..=5).map(|n| yb(10 + n, 1, 10 + n, 5 + n, Expiry::At(at(100 * n))));
    let slot = lent(ax(1, 1), ybs);
    let room = |now| place(slot.as_ref(), APP, id(1), &wanted_yb(2, None), now).map(|_| ());
    assert_eq!(room(just_before(100)), Err(Refusal::TooManyB));
    assert_eq!(room(at(100)), Ok(()));
    let changes = bind_yb(slot.as_ref(), &y_record(20), id(1), &wanted_yb(2, None), id(50), at(200)).unwrap();
    let (bound, ended) = changes.split_last().unwrap();
    assert!(matches!(bound, Change::Bound(AnyBinding::Yb(yb)) if yb.id == id(50)));
    assert_eq!(ends(ended), [(11, Expired, at(100)), (12, Expired, at(200))]);
}

#[test]
fn everything_on_an_x_ends_with_it_and_the_x_last() {
    let binding = Binding { expiry: Expiry::At(at(500)), ..ax(1, 1) };
    let ybs = [yb(2, 1, 2, 5, Expiry::At(at(100))), yb(3, 1, 3, 6, Expiry::At(at(500)))];
    let slot = lent(binding, ybs);
    assert_eq!(
        ends(&unbind_all(slot.as_ref(), APP, id(1), Customer, at(200)).unwrap()),
        [(2, Expired, at(100)), (3, Customer, at(200)), (1, Customer, at(200))]
    );
    assert_eq!(unbind_all(slot.as_ref(), APP, id(1), Customer, at(500)), Err(Refusal::NoSuchBinding));
}

#[test]
fn one_b_is_ended_alone_while_it_stands() {
    let slot = lent(ax(1, 1), [yb(2, 1, 2, 5, Expiry::At(at(100))), yb(3, 1, 3, 6, Expiry::Never)]);
    let end = |y, now| unbind_one(slot.as_ref(), APP, id(1), |yb| yb.relation.y == y, (Customer, now));
    assert_eq!(ends(&end(x(6), at(200)).unwrap()), [(3, Customer, at(200))]);
    assert_eq!(end(x(5), at(100)), Err(Refusal::NoSuchBinding), "its time is over");
    assert_eq!(end(x(7), at(1)), Err(Refusal::NoSuchBinding));
}

#[test]
fn a_binding_is_found_under_its_own_id_by_its_own_app_alone() {
    let slot = lent(ax(1, 1), [yb(2, 1, 2, 5, Expiry::Never)]);
    assert!(live(slot.as_ref(), APP, id(1), at(1)).is_ok());
    for (app, id) in [(STRANGER, id(1)), (APP, id(2)), (APP, id(3))] {
        assert!(matches!(live(slot.as_ref(), app, id, at(1)), Err(Refusal::NoSuchBinding)));
    }
}

#[test]
fn only_a_number_in_normal_state_becomes_an_x_or_a_y() {
    let slot = lent(ax(1, 1), []);
    for status in [NumberStatus::Suspended, NumberStatus::Unavailable(Some(3)), NumberStatus::BindingFrozen] {
        let refused = Some(Refusal::XNotUsable(status));
        assert_eq!(bind(&record(status), None, &wanted(0, 0), id(9), at(1)).err(), refused);
        let y = NumberRecord { status, ..y_record(2) };
        assert_eq!(bind_yb(slot.as_ref(), &y, id(1), &wanted_yb(2, None), id(9), at(1)).err(), refused);
    }
}

#[test]
fn a_number_is_a_y_once_for_each_a_and_never_where_it_is_an_x() {
    let as_y = crate::domain::sample::y_slot([yb(2, 1, 2, 5, Expiry::Never)]);
    assert!(can_be_y(None, number(1)) && can_be_y(as_y.as_ref(), number(9)));
    assert!(!can_be_y(as_y.as_ref(), number(1)), "towards A 1 it stands for somebody");
    assert!(!can_be_y(lent(ax(1, 1), []).as_ref(), number(9)));
}
