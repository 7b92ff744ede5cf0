use super::*;
use crate::domain::customer::NumberStatus;
use crate::domain::id::RowKey;
use crate::domain::number::XNumber;

const HOUR: u64 = 3_600;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn number(n: u64) -> E164 {
    E164::from_word(8_613_800_000_000 + n).unwrap()
}

fn extension(text: &str) -> Extension {
    Extension::parse(text).unwrap()
}

fn record(status: NumberStatus) -> NumberRecord {
    let x = XNumber::new(number(999));
    NumberRecord { x, app: AppNo(1), area: None, sms: false, status, added_at: at(1) }
}

fn wanted() -> AxeBind {
    AxeBind {
        a: number(1),
        extension: None,
        unit: None,
        life: None,
        callback: None,
        fallback: None,
        shows_caller: false,
        terms: Terms::default(),
        draw: 0,
    }
}

fn bound(wanted: &AxeBind, now: u64) -> Result<Binding<Axe>, Refusal> {
    let record = record(NumberStatus::Normal);
    let changes = bind(&record, None, wanted, extension("0001"), RowKey::floor(now), at(now))?;
    match changes.as_slice() {
        [Change::Bound(AnyBinding::Axe(binding))] => Ok(binding.clone()),
        _ => panic!("{changes:?}"),
    }
}

fn modified(old: &Binding<Axe>, patch: &AxePatch, now: u64) -> Result<Binding<Axe>, Refusal> {
    match modify(old, patch, at(now))?.as_slice() {
        [Change::Modified(AnyBinding::Axe(binding))] => Ok(binding.clone()),
        changes => panic!("{changes:?}"),
    }
}

fn hours(amount: u16) -> Span {
    Span { amount, unit: TimeUnit::Hours }
}

fn minutes(amount: u16) -> Span {
    Span { amount, unit: TimeUnit::Minutes }
}

#[test]
fn the_times_of_a_bind_have_their_unit_their_defaults_and_their_limits() {
    use TimeUnit::{Hours, Minutes};
    let too_long = Err(Refusal::TimeTooLong);
    let outlives = Err(Refusal::CallbackOutlivesBinding);
    for (unit, life, callback, expected) in [
        (None, None, None, Ok((hours(0), hours(24)))),
        (Some(Minutes), None, None, Ok((minutes(0), minutes(1_440)))),
        (None, Some(0), Some(0), Ok((hours(0), hours(0)))),
        (None, Some(720), None, Ok((hours(720), hours(24)))),
        (Some(Hours), Some(721), None, too_long.clone()),
        (Some(Minutes), Some(43_200), Some(43_200), Ok((minutes(43_200), minutes(43_200)))),
        (Some(Minutes), Some(43_201), None, too_long.clone()),
        (None, None, Some(721), too_long),
        (None, Some(5), None, Ok((hours(5), hours(5)))),
        (None, Some(5), Some(5), Ok((hours(5), hours(5)))),
        (None, Some(5), Some(6), outlives),
        (None, Some(0), Some(720), Ok((hours(0), hours(720)))),
    ] {
        let bound = bound(&AxeBind { unit, life, callback, ..wanted() }, 1_000);
        let times = bound.map(|binding| (binding.relation.life, binding.relation.callback));
        assert_eq!(times, expected, "{unit:?} {life:?} {callback:?}");
    }
}

#[test]
fn a_binding_lives_as_long_as_was_asked_and_a_new_life_starts_at_the_modification() {
    let binding = bound(&AxeBind { life: Some(2), ..wanted() }, 1_000).unwrap();
    assert_eq!(binding.expiry, Expiry::At(at(1_000 + 2 * HOUR)));
    let kept = modified(&binding, &AxePatch { shows_caller: Some(true), ..AxePatch::default() }, 2_000);
    let kept = kept.unwrap();
    assert_eq!((kept.expiry, kept.since), (binding.expiry, at(2_000)));
    let new = modified(&binding, &AxePatch { life: Some(3), ..AxePatch::default() }, 2_000).unwrap();
    assert_eq!(new.expiry, Expiry::At(at(2_000 + 3 * HOUR)));
    let never = modified(&binding, &AxePatch { life: Some(0), ..AxePatch::default() }, 2_000).unwrap();
    assert_eq!(never.expiry, Expiry::Never);
}

#[test]
fn what_the_bind_gave_first_stays_what_a_query_reports() {
    let first = |binding: &Binding<Axe>| (binding.relation.first.unit, binding.relation.first.amount);
    let patch = AxePatch { unit: Some(TimeUnit::Minutes), life: Some(90), ..AxePatch::default() };
    let given = AxeBind { unit: Some(TimeUnit::Hours), life: Some(2), callback: Some(1), ..wanted() };
    let new = modified(&bound(&given, 1_000).unwrap(), &patch, 2_000).unwrap();
    assert_eq!(first(&new), (Some(TimeUnit::Hours), Some(2)));
    assert_eq!(new.relation.life, minutes(90), "it takes effect all the same");
    let new = modified(&bound(&wanted(), 1_000).unwrap(), &patch, 2_000).unwrap();
    assert_eq!(first(&new), (Some(TimeUnit::Minutes), Some(90)));
}

#[test]
fn a_modification_without_a_unit_means_the_one_of_the_binding() {
    let given = AxeBind { unit: Some(TimeUnit::Minutes), life: Some(600), callback: Some(60), ..wanted() };
    let binding = bound(&given, 1_000).unwrap();
    let patch = AxePatch { life: Some(800), callback: Some(30), ..AxePatch::default() };
    let new = modified(&binding, &patch, 2_000).unwrap();
    assert_eq!((new.relation.life, new.relation.callback), (minutes(800), minutes(30)));
    let longer = AxePatch { callback: Some(601), ..AxePatch::default() };
    assert_eq!(modified(&binding, &longer, 2_000), Err(Refusal::CallbackOutlivesBinding));
    let too_long = AxePatch { unit: Some(TimeUnit::Hours), life: Some(800), ..AxePatch::default() };
    assert_eq!(modified(&binding, &too_long, 2_000), Err(Refusal::TimeTooLong));
}

#[test]
fn a_shorter_life_shortens_the_time_for_calling_back_unless_that_is_given_too() {
    let binding = bound(&wanted(), 1_000).unwrap();
    let shorter = AxePatch { life: Some(12), ..AxePatch::default() };
    assert_eq!(modified(&binding, &shorter, 2_000).unwrap().relation.callback, hours(12));
    let both = AxePatch { callback: Some(13), ..shorter };
    assert_eq!(modified(&binding, &both, 2_000), Err(Refusal::CallbackOutlivesBinding));
}

#[test]
fn a_tone_takes_the_place_of_a_number_and_an_emptied_one_only_its_own() {
    let tone = || Fallback::Tone("t.wav".into());
    let number = || Fallback::Number(number(9));
    let patch = |new: Option<Fallback>, no_tone, no_number| FallbackPatch { new, no_tone, no_number };
    for (old, patch, expected) in [
        (Some(tone()), patch(None, false, false), Some(tone())),
        (Some(tone()), patch(Some(number()), false, false), Some(number())),
        (Some(number()), patch(Some(tone()), false, true), Some(tone())),
        (Some(tone()), patch(None, true, false), None),
        (Some(tone()), patch(None, false, true), Some(tone())),
        (Some(number()), patch(None, false, true), None),
        (None, patch(None, true, true), None),
    ] {
        let binding = bound(&AxeBind { fallback: old.clone(), ..wanted() }, 1_000).unwrap();
        let new = modified(&binding, &AxePatch { fallback: patch.clone(), ..AxePatch::default() }, 2_000);
        assert_eq!(new.unwrap().relation.fallback.as_deref(), expected.as_ref(), "{old:?} {patch:?}");
    }
}

#[test]
fn a_bind_that_leads_a_back_to_itself_or_wants_a_frozen_number_is_refused() {
    let itself = AxeBind { fallback: Some(Fallback::Number(number(1))), ..wanted() };
    assert_eq!(bound(&itself, 1_000), Err(Refusal::SameNumber));
    let frozen = record(NumberStatus::BindingFrozen);
    let refused = bind(&frozen, None, &wanted(), extension("1"), RowKey::floor(1), at(1));
    assert_eq!(refused, Err(Refusal::XNotUsable(NumberStatus::BindingFrozen)));
}

#[test]
fn an_extension_is_taken_until_the_instant_its_binding_expires() {
    let record = record(NumberStatus::Normal);
    let old = bound(&AxeBind { life: Some(1), ..wanted() }, 1_000).unwrap();
    let slot = XSlot::apply(None, &Change::Bound(AnyBinding::Axe(old.clone())));
    let again =
        |extension, now| bind(&record, slot.as_ref(), &wanted(), extension, RowKey::floor(2), at(now));
    assert_eq!(again(extension("0001"), 1_000 + HOUR - 1), Err(Refusal::ExtensionTaken));
    assert_eq!(again(extension("0002"), 1_001).unwrap().len(), 1, "one A may have several");
    let changes = again(extension("0001"), 1_000 + HOUR).unwrap();
    let ended =
        Change::Unbound { binding: AnyBinding::Axe(old), cause: UnbindCause::Expired, at: at(1_000 + HOUR) };
    assert_eq!((&changes[0], changes.len()), (&ended, 2));
}

#[test]
fn a_binding_is_found_only_while_it_lives_and_by_its_own_app() {
    let binding = bound(&AxeBind { life: Some(1), ..wanted() }, 1_000).unwrap();
    let slot = XSlot::apply(None, &Change::Bound(AnyBinding::Axe(binding.clone())));
    let slot = slot.as_ref();
    for (app, now, found) in [(1, 1_001, true), (2, 1_001, false), (1, 1_000 + HOUR, false)] {
        let (app, now) = (AppNo(app), at(now));
        assert_eq!(live_by_id(slot, app, binding.id, now).is_ok(), found);
        assert_eq!(live_by_extension(slot, app, extension("0001"), now).is_ok(), found);
    }
    assert!(live_by_extension(slot, AppNo(1), extension("1"), at(1_001)).is_err());
}

#[test]
fn pages_follow_each_other_without_gaps_and_say_when_more_follow() {
    let record = record(NumberStatus::Normal);
    let mut slot = None;
    for n in 1..=7 {
        let extension = Extension::new(2, n).unwrap();
        let life = Some(u16::from(n == 3)); // one that has expired by then
        let wanted = AxeBind { life, ..wanted() };
        let changes = bind(&record, slot.as_ref(), &wanted, extension, RowKey::floor(n.into()), at(1));
        for change in changes.unwrap() {
            slot = XSlot::apply(slot, &change);
        }
    }
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let (bindings, more) = page(slot.as_ref(), after, 2, at(1 + HOUR));
        after = bindings.last().map(|binding| binding.id);
        found.extend(bindings.iter().map(|binding| binding.relation.extension.to_string()));
        if !more {
            break;
        }
    }
    assert_eq!(found, ["01", "02", "04", "05", "06", "07"]);
    assert_eq!(page(slot.as_ref(), after, 2, at(1 + HOUR)), (vec![], false));
}
