use super::super::binding::CallDirection;
use super::super::customer::NumberStatus;
use super::super::sample::{APP, at, ax, id, number, record};
use super::*;

fn wanted(a: u64) -> AxBind {
    AxBind { a: number(a), terms: Terms::default(), direction_given: false, turned_on: true }
}

fn only(changes: &[Change]) -> &Binding<Ax> {
    let [Change::Bound(AnyBinding::Ax(binding)) | Change::Modified(AnyBinding::Ax(binding))] = changes else {
        panic!("{changes:?} is not one binding");
    };
    binding
}

#[test]
fn an_x_belongs_to_one_a_and_the_refusal_says_whether_it_is_the_same() {
    let slot = XSlot::Ax(ax(1, 1));
    let normal = record(NumberStatus::Normal);
    let on = |slot, a| bind(&normal, slot, &wanted(a), 0, id(2), at(1));
    assert_eq!(on(Some(&slot), 1), Err(Refusal::SamePairBound));
    assert_eq!(on(Some(&slot), 2), Err(Refusal::XTaken));
    let bound = on(None, 2).unwrap();
    let bound = only(&bound);
    assert_eq!((bound.relation.a, bound.expiry, bound.app), (number(2), Expiry::Never, APP));
}

#[test]
fn an_a_has_at_most_five_x_and_only_numbers_in_normal_state() {
    let on = |status, owned| bind(&record(status), None, &wanted(1), owned, id(2), at(1)).err();
    for (status, owned, refusal) in [
        (NumberStatus::Normal, 0, None),
        (NumberStatus::Normal, 4, None),
        (NumberStatus::Normal, 5, Some(Refusal::TooManyX)),
        (NumberStatus::Suspended, 0, Some(Refusal::XNotUsable(NumberStatus::Suspended))),
        (NumberStatus::Unavailable(None), 0, Some(Refusal::XNotUsable(NumberStatus::Unavailable(None)))),
        (NumberStatus::BindingFrozen, 0, Some(Refusal::XNotUsable(NumberStatus::BindingFrozen))),
    ] {
        assert_eq!(on(status, owned), refusal, "{status:?} {owned}");
    }
}

#[test]
fn a_new_a_counts_against_its_own_limit_and_the_old_a_against_none() {
    let to = |a: Option<u64>, owned| {
        modify(&ax(1, 1), &AxPatch { a: a.map(number), ..AxPatch::default() }, owned, at(9)).err()
    };
    assert_eq!(to(Some(2), 4), None);
    assert_eq!(to(Some(2), 5), Some(Refusal::TooManyX));
    assert_eq!(to(Some(1), 5), None);
    assert_eq!(to(None, 5), None);
}

#[test]
fn a_temporary_callee_stays_with_its_a() {
    let set = set_next_callee(&ax(1, 1), number(7), 60, None, at(1)).unwrap();
    let binding = only(&set);
    for (a, kept) in [(None, true), (Some(1), true), (Some(2), false)] {
        let patch = AxPatch { a: a.map(number), ..AxPatch::default() };
        let changes = modify(binding, &patch, 0, at(9)).unwrap();
        assert_eq!(only(&changes).relation.next_callee.is_some(), kept, "{a:?}");
        assert_eq!(only(&changes).since, at(9));
    }
}

#[test]
fn a_direction_once_given_counts_as_given_for_ever() {
    let given = TermsPatch { direction: Some(CallDirection::Both), ..TermsPatch::default() };
    let changes = modify(&ax(1, 1), &AxPatch { terms: given, ..AxPatch::default() }, 0, at(1)).unwrap();
    assert!(only(&changes).relation.direction_given);
    let again = modify(only(&changes), &AxPatch::default(), 0, at(2)).unwrap();
    assert!(only(&again).relation.direction_given);
    let never = modify(&ax(1, 1), &AxPatch::default(), 0, at(1)).unwrap();
    assert!(!only(&never).relation.direction_given);
}

#[test]
fn a_temporary_callee_lasts_its_seconds_overwrites_the_former_and_is_not_a_itself() {
    assert_eq!(set_next_callee(&ax(1, 1), number(1), 60, None, at(1)), Err(Refusal::SameNumber));
    let first = set_next_callee(&ax(1, 1), number(7), 60, Some("u".into()), at(10)).unwrap();
    let second = set_next_callee(only(&first), number(8), 259_200, None, at(20)).unwrap();
    let next = |changes: &[Change]| only(changes).relation.next_callee.as_deref().cloned().unwrap();
    let (callee, until) = (number(7), at(70));
    assert_eq!(next(&first), NextCallee { callee, until, user_data: Some("u".into()) });
    let (callee, until) = (number(8), at(20 + 259_200));
    assert_eq!(next(&second), NextCallee { callee, until, user_data: None });
    assert_eq!(only(&second).since, at(0), "a query still shows when it was bound");
}

#[test]
fn a_binding_is_found_by_its_app_and_id_only() {
    let slot = XSlot::Ax(ax(1, 1));
    for (slot, app, which, found) in [
        (Some(&slot), APP, None, true),
        (Some(&slot), APP, Some(id(1)), true),
        (Some(&slot), APP, Some(id(2)), false),
        (Some(&slot), AppNo(2), None, false),
        (None, APP, None, false),
    ] {
        let missing = (!found).then_some(Refusal::NoSuchBinding);
        assert_eq!(live(slot, app, which, at(1)).err(), missing, "{app:?} {which:?}");
    }
}
