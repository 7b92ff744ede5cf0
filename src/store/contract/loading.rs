//! What has been committed is what is loaded.

use std::sync::Arc;

use super::sample::{self, at, audit, axb, bound, cdr, delivery, key, number_record, unbound, x};
use super::{Everything, Place, commit, is_corrupt, load, load_from};
use crate::domain::binding::{AnyBinding, Change, Terms, UnbindCause};
use crate::domain::customer::NumberStatus;
use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::route::RejectCause;
use crate::domain::time::Timestamp;
use crate::domain::tone::Tone;
use crate::store::query::{EndedFilter, Page};
use crate::store::{Batch, LoadFrom, Store, Write};

pub(crate) fn a_new_store_holds_nothing_but_its_secret<P: Place>() {
    let place = P::fresh();
    let found = load(&*place.open());
    let secret = found.secret;
    assert!(secret.is_some());
    assert_eq!(found, Everything { secret, last_key: RowKey::from_stored(1), ..Everything::default() });
}

/// One of everything; and what a load makes of it.
fn one_of_everything() -> (Vec<Write>, Everything) {
    let mut everything = Everything {
        apps: vec![sample::app(1), sample::plain_app(2)],
        numbers: vec![(number_record(1), Some(at(30))), (number_record(2), None)],
        bindings: vec![
            axb(key(3), 1, 2),
            sample::ax(key(4)),
            sample::axe(key(6), "0042"),
            sample::axyb(key(9)),
            sample::yb(key(10), key(9)),
        ],
        last_callers: vec![(key(6), sample::last_caller(5, 20))],
        ended: vec![
            (sample::ax(key(5)), at(31)),
            (sample::axe(key(7), "0043"), at(32)),
            (sample::yb(key(12), key(9)), at(33)),
        ],
        deliveries: vec![delivery(8, 1, NoticeKind::Event)],
        messages: vec![sample::message(33), sample::ended_message(34)],
        replays: vec![sample::replay(45)],
        last_key: Some(key(50)),
        ..Everything::default()
    };
    let mut closed = sample::call(1);
    everything.calls = vec![
        sample::refused_call(2, RejectCause::NumberUnusable(NumberStatus::Unavailable(Some(4)))),
        sample::unknown_call(3),
        sample::call(4),
    ];
    let mut writes: Vec<Write> = everything.apps.iter().cloned().map(Arc::new).map(Write::App).collect();
    writes.extend(everything.numbers.iter().map(|(number, _)| Write::Number(number.clone())));
    writes.extend(everything.bindings.iter().cloned().map(bound));
    writes.push(sample::called(key(6), sample::last_caller(5, 20)));
    writes.push(bound(sample::ax(key(5))));
    writes.push(bound(sample::axe(key(7), "0043")));
    writes.push(unbound(sample::ax(key(5)), UnbindCause::Expired, at(31)));
    writes.push(unbound(sample::axe(key(7), "0043"), UnbindCause::Customer, at(32)));
    writes.push(bound(sample::yb(key(12), key(9))));
    writes.push(unbound(sample::yb(key(12), key(9)), UnbindCause::Expired, at(33)));
    writes.extend(everything.calls.iter().flat_map(sample::written));
    writes.extend(sample::written(&closed));
    writes.push(sample::closed(&mut closed, at(30)));
    writes.extend(everything.messages.iter().cloned().map(Box::new).map(Write::Message));
    writes.push(sample::queued(everything.deliveries[0]));
    writes.push(Write::Cdr(Box::new(cdr(40))));
    writes.push(Write::Replay(Box::new(sample::replay(45))));
    writes.push(Write::Audit(audit(50)));
    everything.calls.push(closed);
    (writes, everything)
}

pub(crate) fn every_kind_of_write_is_loaded_as_it_was<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let (writes, expected) = one_of_everything();
    commit(&*store, writes);
    let found = load(&*store);
    assert_eq!(found, Everything { secret: found.secret, ..expected });
    assert_eq!(store.binding_count().unwrap(), 5);
}

pub(crate) fn opening_again_loads_the_same<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, one_of_everything().0);
    let before = load(&*store);
    drop(store);
    assert_eq!(load(&*place.open()), before);
}

pub(crate) fn a_tone_file_is_kept_with_its_sound_until_it_is_removed<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let (first, other) = (sample::tone(1, "a@1.wav", b"one"), sample::tone(2, "a@1.wav", b"other"));
    let put = |tone: &Tone, sound: &'static [u8]| Write::ToneUploaded(tone.clone(), sound.into());
    commit(&*store, vec![put(&first, b"one"), put(&other, b"other")]);
    let content = |store: &dyn Store, app| store.tone_content(AppNo(app), "a@1.wav").unwrap();
    assert_eq!(content(&*store, 1).as_deref(), Some(&b"one"[..]));

    let replaced = Tone::uploaded(AppNo(1), first.name.clone(), b"two", sample::at(5));
    let rejected = replaced.decided(false, sample::at(6)).unwrap();
    commit(&*store, vec![put(&replaced, b"two"), Write::ToneDecided(rejected.clone())]);
    drop(store);
    let store = place.open();
    assert_eq!(load(&*store).tones, [rejected, other.clone()]);
    assert_eq!(content(&*store, 1).as_deref(), Some(&b"two"[..]));

    commit(&*store, vec![Write::ToneRemoved(AppNo(1), first.name)]);
    assert_eq!(load(&*store).tones, [other]);
    assert_eq!(content(&*store, 1), None);
    assert_eq!(content(&*store, 2).as_deref(), Some(&b"other"[..]));
}

pub(crate) fn an_app_or_a_number_written_again_replaces_its_former_self<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut number = number_record(1);
    commit(&*store, vec![Write::App(Arc::new(sample::app(1))), Write::Number(number.clone())]);
    (number.status, number.area, number.sms) = (NumberStatus::BindingFrozen, None, false);
    commit(&*store, vec![Write::App(Arc::new(sample::plain_app(1))), Write::Number(number.clone())]);
    let found = load(&*store);
    assert_eq!((found.apps, found.numbers), (vec![sample::plain_app(1)], vec![(number, None)]));
    commit(&*store, vec![Write::NumberRemoved(x(1))]);
    assert_eq!(load(&*store).numbers, []);
}

pub(crate) fn a_number_keeps_its_last_call_when_it_is_written_again<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut call = sample::call(1);
    commit(&*store, vec![Write::Number(number_record(1))]);
    commit(&*store, sample::written(&call));
    commit(&*store, vec![sample::closed(&mut call, at(9)), Write::Number(number_record(1))]);
    assert_eq!(load(&*store).numbers, [(number_record(1), Some(at(9)))]);
}

pub(crate) fn a_modified_binding_is_loaded_as_modified<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut modified = sample::ax(key(1));
    commit(&*store, vec![bound(modified.clone()), bound(axb(key(2), 1, 2))]);
    if let AnyBinding::Ax(binding) = &mut modified {
        binding.relation.next_callee = None;
        binding.terms = Terms::default();
    }
    commit(&*store, vec![Write::Binding(Change::Modified(modified.clone()))]);
    assert_eq!(load(&*store).bindings, [modified, axb(key(2), 1, 2)]);
}

pub(crate) fn what_a_party_left_is_loaded_as_ended_and_its_binding_stands<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let (before, after) = (axb(key(1), 1, 2), axb(key(1), 1, 3));
    let left = Write::Binding(Change::PartyLeft { before: before.clone(), at: at(30) });
    commit(&*store, vec![bound(before.clone())]);
    commit(&*store, vec![left, Write::Binding(Change::Modified(after.clone()))]);
    let found = load(&*store);
    assert_eq!((found.bindings, found.ended), (vec![after], vec![(before.clone(), at(30))]));
    let rows = store.find_ended(&EndedFilter::default(), Page { before: None, limit: 9 }).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].binding, rows[0].cause), (&before, UnbindCause::Modified));
}

pub(crate) fn a_later_caller_replaces_an_earlier_one_and_goes_with_its_binding<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let [one, other] = [(key(1), "0001"), (key(2), "0002")].map(|(id, digits)| sample::axe(id, digits));
    commit(&*store, vec![bound(one.clone()), bound(other)]);
    let called = |n, secs| sample::called(key(1), sample::last_caller(n, secs));
    commit(&*store, vec![called(5, 20), called(6, 30), called(7, 25)]);
    commit(&*store, vec![called(8, 29), sample::called(key(2), sample::last_caller(9, 21))]);
    let last = [(key(1), sample::last_caller(6, 30)), (key(2), sample::last_caller(9, 21))];
    assert_eq!(load(&*store).last_callers, last);
    commit(&*store, vec![Write::Binding(Change::Modified(one.clone()))]);
    assert_eq!(load(&*store).last_callers, last);
    commit(&*store, vec![unbound(one, UnbindCause::Customer, at(40))]);
    assert_eq!(load(&*store).last_callers, last[1..]);
}

pub(crate) fn a_caller_of_a_binding_that_does_not_stand_is_not_kept<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let binding = sample::axe(key(1), "0001");
    let called = || sample::called(key(1), sample::last_caller(5, 20));
    let ended = unbound(binding.clone(), UnbindCause::Customer, at(40));
    commit(&*store, vec![called(), bound(binding), ended, called()]);
    assert_eq!(load(&*store).last_callers, []);
}

pub(crate) fn a_batch_is_stored_whole_or_not_at_all<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let missing = axb(key(2), 3, 4);
    for impossible in
        [Write::Binding(Change::Modified(missing.clone())), unbound(missing, UnbindCause::Operator, at(5))]
    {
        let writes = vec![Write::Number(number_record(1)), bound(axb(key(1), 1, 2)), impossible];
        assert!(is_corrupt(&store.commit(&Batch { writes })), "the binding does not stand");
        let found = load(&*store);
        assert_eq!((found.numbers, found.bindings, found.ended), (vec![], vec![], vec![]));
    }
    commit(&*store, vec![bound(axb(key(1), 1, 2))]);
    assert_eq!(load(&*store).bindings.len(), 1);
}

pub(crate) fn an_ended_binding_is_loaded_only_while_it_is_recent<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    for secs in [10, 20, 30] {
        let binding = axb(key(secs), 1, 2);
        commit(&*store, vec![bound(binding.clone())]);
        commit(&*store, vec![unbound(binding, UnbindCause::Customer, at(secs + 1))]);
    }
    let ended = |after| load_from(&*store, LoadFrom { ended_after: after, closed_after: after }).ended;
    assert_eq!(ended(at(21)), [(axb(key(30), 1, 2), at(31))]);
    assert_eq!(ended(at(20)).len(), 2);
    assert_eq!(ended(Timestamp::from_millis(u64::MAX)), []);
}

pub(crate) fn a_closed_call_is_loaded_only_while_it_is_recent<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut calls = [sample::call(1), sample::call(2), sample::call(3)];
    for call in &calls {
        commit(&*store, sample::written(call));
    }
    // The oldest call is the last to be closed.
    for (call, secs) in [(1, 40), (2, 50), (0, 60)] {
        commit(&*store, vec![sample::closed(&mut calls[call], at(secs))]);
    }
    let loaded = |after| load_from(&*store, LoadFrom { ended_after: after, closed_after: after }).calls;
    assert_eq!(loaded(at(50)), [calls[0].clone()]);
    assert_eq!(loaded(at(49)), [calls[2].clone(), calls[0].clone()]);
    assert_eq!(loaded(at(60)), []);
}

pub(crate) fn a_call_written_again_after_its_closing_stays_closed<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut call = sample::call(1);
    let recording = call.recording.take();
    commit(&*store, sample::written(&call));
    commit(&*store, vec![sample::closed(&mut call, at(50))]);
    call.recording = recording;
    commit(&*store, vec![Write::Call(Arc::new(call.clone()))]);
    assert_eq!(load(&*store).calls, [call]);
}

pub(crate) fn the_last_key_is_the_highest_of_any_table<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let last = || load(&*store).last_key;
    commit(&*store, vec![bound(axb(key(1), 1, 2))]);
    assert_eq!(last(), Some(key(1)));
    commit(&*store, sample::written(&sample::unknown_call(2)));
    assert_eq!(last(), Some(key(2)));
    commit(&*store, vec![Write::Cdr(Box::new(cdr(3)))]);
    assert_eq!(last(), Some(key(3)));
    commit(&*store, vec![sample::queued(delivery(4, 1, NoticeKind::Cdr))]);
    assert_eq!(last(), Some(key(4)));
    commit(&*store, vec![Write::Audit(audit(5))]);
    assert_eq!(last(), Some(key(5)));
    commit(&*store, vec![Write::Replay(Box::new(sample::replay(6)))]);
    commit(&*store, vec![Write::Operation(sample::operation(6, &Change::Bound(axb(key(5), 1, 2))))]);
    assert_eq!(last(), Some(key(6)));
    // A binding that came and went, and ended by a clock that had gone back.
    commit(&*store, vec![bound(axb(key(7), 1, 2))]);
    commit(&*store, vec![unbound(axb(key(7), 1, 2), UnbindCause::Expired, at(0))]);
    assert!(last() >= Some(key(7)));
}

pub(crate) fn only_pending_deliveries_are_loaded<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let waiting = delivery(1, 1, NoticeKind::Event);
    let delivered = delivery(2, 1, NoticeKind::Event);
    let failed_once = delivery(3, 1, NoticeKind::Event);
    commit(&*store, [waiting, delivered, failed_once].map(sample::queued).into());
    let (_, success) = sample::pushed(delivered, true, 1);
    let (failed_once, failure) = sample::pushed(failed_once, false, 1);
    commit(&*store, vec![success, failure]);
    assert_eq!(load(&*store).deliveries, [waiting, failed_once]);
}
