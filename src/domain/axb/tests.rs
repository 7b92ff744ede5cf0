use super::super::binding::UnbindCause::{Customer, Expired, Modified};
use super::super::customer::NumberStatus;
use super::super::sample::{APP, at, axb, id, just_before, number, pair, record, slot};
use super::*;

const STRANGER: AppNo = AppNo(2);

fn wanted(a: u64, b: u64, duration_secs: u32) -> AxbBind {
    AxbBind { pair: pair(a, b), terms: Terms::default(), duration_secs }
}

fn bind_on(slot: Option<&XSlot>, a: u64, b: u64, now: Timestamp) -> Result<Vec<Change>, Refusal> {
    bind(&record(NumberStatus::Normal), slot, &wanted(a, b, 0), id(99), now)
}

type Told = (char, u64, Option<(UnbindCause, Timestamp)>);

/// Changes in short: `+` bound, `=` modified, `-` ended, with the cause and the instant, `<` a party left.
fn told(changes: &[Change]) -> Vec<Told> {
    let short = |change: &Change| match change {
        Change::Bound(binding) => ('+', binding.id().get(), None),
        Change::Modified(binding) => ('=', binding.id().get(), None),
        Change::Unbound { binding, cause, at } => ('-', binding.id().get(), Some((*cause, *at))),
        Change::PartyLeft { before, at } => ('<', before.id().get(), Some((Modified, *at))),
    };
    changes.iter().map(short).collect()
}

fn only(changes: &[Change]) -> &Binding<Axb> {
    let (Some(Change::Bound(AnyBinding::Axb(binding)) | Change::Modified(AnyBinding::Axb(binding))), rest) =
        changes.split_last().map_or((None, changes), |(last, rest)| (Some(last), rest))
    else {
        panic!("{changes:?} puts no binding");
    };
    let is_leave = |change: &Change| matches!(change, Change::PartyLeft { .. });
    assert!(rest.iter().all(is_leave), "{changes:?} is not one binding");
    binding
}

#[test]
fn a_duration_counts_from_the_bind_and_zero_means_never() {
    for (secs, expiry) in
        [(0, Expiry::Never), (1, Expiry::At(at(11))), (7_776_000, Expiry::At(at(10 + 7_776_000)))]
    {
        let changes = bind(&record(NumberStatus::Normal), None, &wanted(1, 2, secs), id(9), at(10)).unwrap();
        let bound = only(&changes);
        assert_eq!((bound.expiry, bound.since, bound.relation.duration_secs), (expiry, at(10), secs));
    }
}

#[test]
fn a_party_stands_on_an_x_once_whichever_side_it_is() {
    let slot = slot([axb(1, 1, 2, Expiry::Never)]);
    for (a, b) in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)] {
        assert_eq!(bind_on(slot.as_ref(), a, b, at(1)), Err(Refusal::PartyAlreadyBound), "{a} {b}");
    }
    assert_eq!(told(&bind_on(slot.as_ref(), 3, 4, at(1)).unwrap()), [('+', 99, None)]);
}

#[test]
fn an_occupant_makes_room_from_its_expiry_instant_on() {
    let slot = slot([axb(1, 1, 2, Expiry::At(at(100)))]);
    assert_eq!(bind_on(slot.as_ref(), 1, 3, just_before(100)), Err(Refusal::PartyAlreadyBound));
    for now in [at(100), at(5_000)] {
        let changes = bind_on(slot.as_ref(), 1, 3, now).unwrap();
        assert_eq!(told(&changes), [('-', 1, Some((Expired, at(100)))), ('+', 99, None)]);
    }
}

#[test]
fn expired_occupants_of_both_parties_end_each_once() {
    let ended = |n| ('-', n, Some((Expired, at(100))));
    let together = slot([axb(1, 1, 2, Expiry::At(at(100)))]);
    assert_eq!(told(&bind_on(together.as_ref(), 2, 1, at(100)).unwrap()), [ended(1), ('+', 99, None)]);
    let apart = slot([axb(1, 1, 3, Expiry::At(at(100))), axb(2, 2, 4, Expiry::At(at(100)))]);
    assert_eq!(told(&bind_on(apart.as_ref(), 1, 2, at(100)).unwrap()), [ended(1), ended(2), ('+', 99, None)]);
}

#[test]
fn only_a_number_in_normal_state_is_bound() {
    for (status, takes) in [
        (NumberStatus::Normal, true),
        (NumberStatus::Suspended, false),
        (NumberStatus::Unavailable(Some(3)), false),
        (NumberStatus::BindingFrozen, false),
    ] {
        let bound = bind(&record(status), None, &wanted(1, 2, 0), id(9), at(1));
        assert_eq!(bound.err(), (!takes).then_some(Refusal::XNotUsable(status)));
    }
}

#[test]
fn the_5001st_pair_is_refused_unless_one_of_the_others_has_expired() {
    let pairs = |n: u64| (1..=n).map(|n| axb(n, 2 * n + 10, 2 * n + 11, Expiry::Never));
    assert!(bind_on(slot(pairs(4_999)).as_ref(), 1, 2, at(1)).is_ok());
    assert_eq!(bind_on(slot(pairs(5_000)).as_ref(), 1, 2, at(1)), Err(Refusal::XFull));
    let with_expired = slot(
        pairs(4_998).chain([axb(6_000, 3, 4, Expiry::At(at(50))), axb(6_001, 5, 6, Expiry::At(at(60)))]),
    );
    assert_eq!(bind_on(with_expired.as_ref(), 1, 2, just_before(50)), Err(Refusal::XFull));
    let changes = bind_on(with_expired.as_ref(), 1, 2, at(50)).unwrap();
    assert_eq!(told(&changes), [('-', 6_000, Some((Expired, at(50)))), ('+', 99, None)]);
}

#[test]
fn a_modify_changes_what_is_given_and_keeps_the_rest() {
    let slot = slot([axb(1, 1, 2, Expiry::At(at(100)))]);
    for (a, b, expected) in [
        (None, None, (1, 2)),
        (Some(3), None, (3, 2)),
        (None, Some(3), (1, 3)),
        (Some(2), Some(1), (2, 1)),
        (Some(1), Some(2), (1, 2)),
    ] {
        let patch = AxbPatch { a: a.map(number), b: b.map(number), ..AxbPatch::default() };
        let changes = modify(APP, slot.as_ref(), id(1), &patch, at(50)).unwrap();
        let new = only(&changes);
        assert_eq!(new.relation.pair, pair(expected.0, expected.1));
        assert_eq!((new.expiry, new.since, new.id), (Expiry::At(at(100)), at(50), id(1)));
    }
}

#[test]
fn whoever_is_replaced_by_a_modify_leaves_and_whoever_only_changes_sides_stays() {
    let stood = axb(1, 1, 2, Expiry::Never);
    let slot = slot([stood.clone()]);
    let to = |a: Option<u64>, b: Option<u64>| AxbPatch {
        a: a.map(number),
        b: b.map(number),
        ..AxbPatch::default()
    };
    for (patch, leaves) in [
        (to(None, None), false),
        (to(Some(1), Some(2)), false),
        (to(Some(2), Some(1)), false),
        (to(None, Some(3)), true),
        (to(Some(2), Some(3)), true),
        (to(Some(3), Some(4)), true),
    ] {
        let changes = modify(APP, slot.as_ref(), id(1), &patch, at(50)).unwrap();
        let left = leaves.then(|| Change::PartyLeft { before: AnyBinding::Axb(stood.clone()), at: at(50) });
        assert_eq!(changes[..changes.len() - 1], left.into_iter().collect::<Vec<_>>(), "{patch:?}");
        assert!(matches!(changes.last(), Some(Change::Modified(_))), "{patch:?}");
    }
}

#[test]
fn a_duration_given_in_a_modify_starts_anew_at_the_modification() {
    let slot = slot([axb(1, 1, 2, Expiry::At(at(100)))]);
    for (secs, expiry) in [
        (None, Expiry::At(at(100))),
        (Some(0), Expiry::Never),
        (Some(1), Expiry::At(at(51))),
        (Some(500), Expiry::At(at(550))),
    ] {
        let patch = AxbPatch { duration_secs: secs, ..AxbPatch::default() };
        let changes = modify(APP, slot.as_ref(), id(1), &patch, at(50)).unwrap();
        assert_eq!(only(&changes).expiry, expiry);
        assert_eq!(only(&changes).relation.duration_secs, secs.unwrap_or(0));
    }
}

#[test]
fn a_modify_obeys_the_rules_of_a_bind() {
    let slot =
        slot([axb(1, 1, 2, Expiry::Never), axb(2, 3, 4, Expiry::Never), axb(3, 5, 6, Expiry::At(at(100)))]);
    let to = |a, b, now| {
        let patch = AxbPatch { a: Some(number(a)), b: Some(number(b)), ..AxbPatch::default() };
        modify(APP, slot.as_ref(), id(1), &patch, now).map(|changes| told(&changes))
    };
    assert_eq!(to(7, 7, at(1)), Err(Refusal::SameNumber));
    assert_eq!(to(1, 4, at(1)), Err(Refusal::PartyAlreadyBound));
    assert_eq!(to(1, 5, just_before(100)), Err(Refusal::PartyAlreadyBound));
    assert_eq!(
        to(1, 5, at(100)).unwrap(),
        [('-', 3, Some((Expired, at(100)))), ('<', 1, Some((Modified, at(100)))), ('=', 1, None)]
    );
}

#[test]
fn only_an_own_binding_is_modified_or_ended_and_only_before_its_expiry_instant() {
    let slot = slot([axb(1, 1, 2, Expiry::At(at(100)))]);
    for (app, which, now, found) in [
        (APP, 1, just_before(100), true),
        (APP, 1, at(100), false),
        (APP, 2, at(1), false),
        (STRANGER, 1, at(1), false),
    ] {
        let missing = (!found).then_some(Refusal::NoSuchBinding);
        assert_eq!(modify(app, slot.as_ref(), id(which), &AxbPatch::default(), now).err(), missing);
        assert_eq!(unbind(app, slot.as_ref(), id(which), Customer, now).err(), missing);
    }
    assert_eq!(unbind(APP, None, id(1), Customer, at(1)), Err(Refusal::NoSuchBinding));
    let ended = unbind(APP, slot.as_ref(), id(1), Customer, at(7)).unwrap();
    assert_eq!(told(&ended), [('-', 1, Some((Customer, at(7))))]);
}

#[test]
fn emptying_an_x_ends_what_is_live_as_asked_and_the_rest_as_expired() {
    let slot = slot([axb(1, 1, 2, Expiry::At(at(100))), axb(2, 3, 4, Expiry::At(at(200)))]);
    let all = |now| unbind_all(slot.as_ref(), Customer, now).map(|changes| told(&changes));
    let both = |first, second| vec![('-', 1, Some(first)), ('-', 2, Some(second))];
    assert_eq!(all(at(50)), Ok(both((Customer, at(50)), (Customer, at(50)))));
    assert_eq!(all(at(100)), Ok(both((Expired, at(100)), (Customer, at(100)))));
    assert_eq!(all(at(200)), Err(Refusal::NoSuchBinding));
    assert_eq!(unbind_all(None, Customer, at(1)), Err(Refusal::NoSuchBinding));
}

#[test]
fn a_text_that_is_not_given_stays_and_an_empty_one_removes() {
    let text = |text: &str| Some(text.into());
    let extras = Extras { user_data: text("old"), last_minute_tone: text("old.wav"), ..Extras::default() };
    let old = Terms { record: true, max_duration_minutes: 5, ..Terms::default() }.with_extras(extras);
    assert_eq!(TermsPatch::default().applied_to(&old), old);
    let patch = TermsPatch {
        user_data: text("new"),
        last_minute_tone: text(""),
        a_calls_tone: text("a.wav"),
        record: Some(false),
        direction: Some(CallDirection::BToA),
        ..TermsPatch::default()
    };
    let new = patch.applied_to(&old);
    assert_eq!((new.direction, new.record, new.max_duration_minutes), (CallDirection::BToA, false, 5));
    let extras = Extras { user_data: text("new"), a_calls_tone: text("a.wav"), ..Extras::default() };
    assert_eq!(new.extras(), &extras);
    let nothing = TermsPatch { user_data: text(""), last_minute_tone: text(""), ..TermsPatch::default() };
    assert_eq!(nothing.applied_to(&old).extras, None, "without texts a binding stays small");
}
