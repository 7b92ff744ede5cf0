//! What operators ask for, and what is forgotten.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::sample::{self, at, audit, axb, bound, cdr, delivery, key, number, unbound, x};
use super::{Place, all, commit, first, load};
use crate::domain::binding::{Change, UnbindCause};
use crate::domain::call::{Call, Cdr};
use crate::domain::cdr_file::Day;
use crate::domain::delivery::{NoticeKind, State};
use crate::domain::id::{AppNo, RowKey};
use crate::domain::operation::OperationKind;
use crate::domain::route::RejectCause;
use crate::domain::time::Timestamp;
use crate::store::query::{
    CallFilter, CdrFilter, DeliveryFilter, EndedFilter, OperationFilter, Page, Retention, Span,
};
use crate::store::{Attempt, Store, Write};

/// Asks once per filter and compares the keys found.
fn check<F: Debug>(find: impl Fn(&F) -> Vec<RowKey>, cases: impl IntoIterator<Item = (F, Vec<u64>)>) {
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(key).collect();
        assert_eq!(find(&filter), expected, "{filter:?}");
    }
}

pub(crate) fn ended_bindings_are_found_by_every_filter<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let causes = [UnbindCause::Customer, UnbindCause::Operator, UnbindCause::NumberWithdrawn];
    let bindings = [axb(key(1), 1, 2), axb(key(2), 3, 4), sample::ax(key(3))];
    for ((binding, cause), secs) in bindings.iter().zip(causes).zip(11..) {
        commit(&*store, vec![bound(binding.clone()), unbound(binding.clone(), cause, at(secs))]);
    }
    let everything = store.find_ended(&EndedFilter::default(), all()).unwrap();
    for (row, ((binding, cause), secs)) in everything.iter().rev().zip(bindings.iter().zip(causes).zip(11..))
    {
        assert_eq!((row.key, &row.binding, row.cause, row.at), (key(secs), binding, cause, at(secs)));
    }
    let find =
        |filter: &EndedFilter| store.find_ended(filter, all()).unwrap().iter().map(|row| row.key).collect();
    let any = EndedFilter::default;
    check(
        find,
        [
            (any(), vec![13, 12, 11]),
            (EndedFilter { x: Some(x(1)), ..any() }, vec![12, 11]),
            (EndedFilter { app: Some(AppNo(2)), ..any() }, vec![13]),
            (EndedFilter { party: Some(number(1)), ..any() }, vec![13, 11]),
            (EndedFilter { party: Some(number(4)), ..any() }, vec![12]),
            (EndedFilter { id: Some(key(2)), ..any() }, vec![12]),
            (EndedFilter { id: Some(key(2)), x: Some(x(2)), ..any() }, vec![]),
        ],
    );
}

pub(crate) fn endings_of_one_instant_are_listed_in_their_order<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let bindings: Vec<_> = (1..4).map(|n| axb(key(n), 2 * n, 2 * n + 1)).collect();
    commit(&*store, bindings.iter().cloned().map(bound).collect());
    let end = |binding| unbound(binding, UnbindCause::Expired, at(9));
    commit(&*store, bindings.iter().cloned().map(end).collect());
    let found = store.find_ended(&EndedFilter::default(), all()).unwrap();
    let newest_first: Vec<_> = bindings.into_iter().rev().collect();
    assert_eq!(found.into_iter().map(|row| row.binding).collect::<Vec<_>>(), newest_first);
}

pub(crate) fn operations_on_bindings_are_found_by_every_filter<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let ended = Change::Unbound { binding: axb(key(1), 1, 2), cause: UnbindCause::Expired, at: at(13) };
    let operations = [
        sample::operation(11, &Change::Bound(axb(key(1), 1, 2))),
        sample::operation(12, &Change::Modified(sample::ax(key(3)))),
        sample::operation(13, &ended),
    ];
    commit(&*store, operations.into_iter().map(Write::Operation).collect());
    drop(store);
    let store = place.open();
    let mut newest_first = operations;
    newest_first.reverse();
    assert_eq!(store.find_operations(&OperationFilter::default(), all()).unwrap(), newest_first);
    let find = |filter: &OperationFilter| {
        store.find_operations(filter, all()).unwrap().iter().map(|line| line.key).collect()
    };
    let any = OperationFilter::default;
    check(
        find,
        [
            (OperationFilter { app: Some(AppNo(2)), ..any() }, vec![12]),
            (OperationFilter { x: Some(x(1)), ..any() }, vec![13, 11]),
            (OperationFilter { party: Some(number(1)), ..any() }, vec![13, 12, 11]),
            (OperationFilter { party: Some(number(2)), x: Some(x(2)), ..any() }, vec![12]),
            (OperationFilter { binding: Some(key(1)), ..any() }, vec![13, 11]),
            (OperationFilter { kind: Some(OperationKind::Expire), ..any() }, vec![13]),
            (OperationFilter { kind: Some(OperationKind::Unbind), ..any() }, vec![]),
            (OperationFilter { span: Span { from: Some(at(12)), to: Some(at(13)) }, ..any() }, vec![12]),
        ],
    );
    let page = Page { before: Some(key(13)), limit: 1 };
    assert_eq!(store.find_operations(&any(), page).unwrap(), [newest_first[1]]);
}

fn find_cdrs(store: &dyn Store, filter: &CdrFilter, page: Page) -> Vec<Cdr> {
    store.find_cdrs(filter, page).unwrap().into_iter().map(|row| row.cdr).collect()
}

pub(crate) fn cdrs_are_found_by_every_filter<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let cdrs = [cdr(10), sample::bare_cdr(20), cdr(30)];
    commit(&*store, cdrs.iter().map(|cdr| Write::Cdr(Box::new(cdr.clone()))).collect());
    let any = CdrFilter::default;
    let newest_first: Vec<_> = cdrs.into_iter().rev().collect();
    assert_eq!(find_cdrs(&*store, &any(), all()), newest_first);
    let find = |filter: &CdrFilter| find_cdrs(&*store, filter, all()).iter().map(|cdr| cdr.id).collect();
    check(
        find,
        [
            (CdrFilter { app: Some(AppNo(1)), ..any() }, vec![30, 10]),
            (CdrFilter { x: Some(x(2)), ..any() }, vec![20]),
            (CdrFilter { party: Some(number(1)), ..any() }, vec![30, 10]),
            (CdrFilter { party: Some(number(2)), ..any() }, vec![30, 10]),
            (CdrFilter { party: Some(number(9)), ..any() }, vec![]),
            (CdrFilter { subscription: Some(key(7)), ..any() }, vec![30, 10]),
            (CdrFilter { session: Some("session-20".into()), ..any() }, vec![20]),
            (CdrFilter { answered: Some(true), ..any() }, vec![30, 10]),
            (CdrFilter { answered: Some(false), ..any() }, vec![20]),
            (CdrFilter { answered: Some(false), app: Some(AppNo(1)), ..any() }, vec![]),
        ],
    );
}

pub(crate) fn the_last_day_with_a_cdr_file_is_kept<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    assert_eq!(store.cdr_files_done().unwrap(), None);
    for day in [20_000, 20_001, 20_001] {
        commit(&*store, vec![Write::CdrFileDone(Day::from_count(day))]);
    }
    drop(store);
    assert_eq!(place.open().cdr_files_done().unwrap(), Some(Day::from_count(20_001)));
}

pub(crate) fn calls_are_found_by_every_filter<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut calls = vec![
        sample::call(1),
        sample::refused_call(2, RejectCause::NoAxBinding),
        sample::unknown_call(3),
        sample::call(4),
    ];
    for call in &calls {
        commit(&*store, sample::written(call));
    }
    commit(&*store, vec![sample::closed(&mut calls[0], at(50))]);
    calls.reverse();
    assert_eq!(store.find_calls(&CallFilter::default(), all()).unwrap(), calls);
    let any = CallFilter::default;
    let find = |filter: &CallFilter| -> Vec<RowKey> {
        store.find_calls(filter, all()).unwrap().iter().map(|call: &Call| call.key).collect()
    };
    check(
        find,
        [
            (CallFilter { app: Some(AppNo(1)), ..any() }, vec![4, 1]),
            (CallFilter { x: Some(x(2)), ..any() }, vec![2]),
            (CallFilter { session: Some("session-3".into()), ..any() }, vec![3]),
            (CallFilter { open_only: true, ..any() }, vec![4, 3, 2]),
            (CallFilter { open_only: true, app: Some(AppNo(1)), ..any() }, vec![4]),
        ],
    );
}

/// Four deliveries: two pending, one of them pushed in vain; one delivered; one exhausted.
fn deliveries_in_every_state(store: &dyn Store) {
    let waiting = delivery(1, 1, NoticeKind::Event);
    let retried = delivery(2, 2, NoticeKind::Cdr);
    let delivered = delivery(3, 1, NoticeKind::Cdr);
    let exhausted = delivery(4, 1, NoticeKind::NumberStatus);
    commit(store, [waiting, retried, delivered].map(sample::queued).into());
    let body = sample::body(exhausted);
    commit(store, vec![Write::Delivery { delivery: exhausted, session: None, body }]);
    let pushes = [(retried, false, 1), (delivered, true, 1), (exhausted, false, 0)];
    commit(
        store,
        pushes.map(|(delivery, succeeds, retries)| sample::pushed(delivery, succeeds, retries).1).into(),
    );
}

pub(crate) fn deliveries_are_found_by_every_filter<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    deliveries_in_every_state(&*store);
    let any = DeliveryFilter::default;
    let find = |filter: &DeliveryFilter| {
        store.find_deliveries(filter, all()).unwrap().iter().map(|row| row.delivery.id).collect()
    };
    check(
        find,
        [
            (any(), vec![4, 3, 2, 1]),
            (DeliveryFilter { app: Some(AppNo(1)), ..any() }, vec![4, 3, 1]),
            (DeliveryFilter { session: Some("session-1".into()), ..any() }, vec![3, 2, 1]),
            (DeliveryFilter { kind: Some(NoticeKind::Cdr), ..any() }, vec![3, 2]),
            (DeliveryFilter { state: Some(State::Pending), ..any() }, vec![2, 1]),
            (DeliveryFilter { state: Some(State::Delivered), ..any() }, vec![3]),
            (DeliveryFilter { state: Some(State::Exhausted), ..any() }, vec![4]),
            (DeliveryFilter { state: Some(State::Pending), kind: Some(NoticeKind::Cdr), ..any() }, vec![2]),
            (DeliveryFilter { state: Some(State::Delivered), app: Some(AppNo(2)), ..any() }, vec![]),
        ],
    );
}

pub(crate) fn a_delivery_is_shown_with_its_attempts_and_its_body<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let queued = delivery(1, 1, NoticeKind::Event);
    commit(&*store, vec![sample::queued(queued)]);
    let (failed, failure) = sample::pushed(queued, false, 1);
    let (delivered, success) = sample::pushed(failed, true, 1);
    let bare = Attempt {
        at: at(500),
        address: None,
        status: None,
        timings: Vec::new(),
        answer: Box::default(),
        failure: None,
        ..sample::attempt()
    };
    let again = Write::Attempt { delivery: delivered, attempt: Arc::new(bare.clone()) };
    commit(&*store, vec![failure, success, again]);
    let found = store.delivery(key(1)).unwrap().unwrap();
    assert_eq!(found.row.delivery, delivered);
    assert_eq!(found.row.session.as_deref(), Some("session-1"));
    assert_eq!(found.row.ended_at, Some(bare.at.after(Duration::from_millis(250))));
    assert_eq!(found.body, sample::body(queued));
    let began: Vec<_> = found.attempts.iter().map(|attempt| attempt.at).collect();
    assert_eq!(began, [at(61), failed.due.after(Duration::from_secs(60)), at(500)]);
    assert_eq!(found.attempts[0], Attempt { at: at(61), ..sample::attempt() });
    assert_eq!(found.attempts[2], bare);
    assert!(store.delivery(key(2)).unwrap().is_none());
}

pub(crate) fn a_delivery_can_be_made_pending_again<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let queued = delivery(1, 1, NoticeKind::Event);
    let (exhausted, failure) = sample::pushed(queued, false, 0);
    commit(&*store, vec![sample::queued(queued), failure]);
    let again = exhausted.again(at(900));
    commit(&*store, vec![Write::Redeliver(again)]);
    let found = store.delivery(key(1)).unwrap().unwrap();
    assert_eq!((found.row.delivery, found.row.ended_at), (again, None));
    assert_eq!(load(&*store).deliveries, [again]);
    // And one that is pending is only hurried.
    let hurried = again.again(at(950));
    commit(&*store, vec![Write::Redeliver(hurried)]);
    assert_eq!(load(&*store).deliveries, [hurried]);
    let (delivered, success) = sample::pushed(hurried, true, 0);
    commit(&*store, vec![success]);
    assert_eq!(store.delivery(key(1)).unwrap().unwrap().row.delivery, delivered);
    assert_eq!(load(&*store).deliveries, []);
}

pub(crate) fn bodies_that_are_not_there_are_left_out<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let here = [delivery(1, 1, NoticeKind::Event), delivery(2, 1, NoticeKind::Event)];
    commit(&*store, here.map(sample::queued).into());
    let found = store.bodies(&[key(2), key(9), key(1)]).unwrap();
    assert_eq!(found, [(key(2), sample::body(here[1])), (key(1), sample::body(here[0]))]);
}

pub(crate) fn a_list_is_paged_without_gaps_or_repeats<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, (1..=7).map(|secs| Write::Audit(audit(secs))).collect());
    let mut page = first(3);
    let mut found = Vec::new();
    loop {
        let entries = store.find_audit(page).unwrap();
        assert!(entries.len() <= 3);
        let Some(last) = entries.last() else { break };
        page.before = Some(last.id);
        found.extend(entries);
    }
    assert_eq!(found, (1..=7).rev().map(audit).collect::<Vec<_>>());
}

pub(crate) fn a_span_of_time_bounds_a_list<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, (1..=5).map(|secs| Write::Cdr(Box::new(cdr(secs)))).collect());
    let find = |&(from, to): &(Option<Timestamp>, Option<Timestamp>)| {
        let filter = CdrFilter { span: Span { from, to }, ..CdrFilter::default() };
        find_cdrs(&*store, &filter, all()).iter().map(|cdr| cdr.id).collect()
    };
    let end_of_time = Timestamp::from_millis(u64::MAX);
    check(
        find,
        [
            ((Some(at(2)), Some(at(4))), vec![3, 2]),
            ((Some(at(4)), None), vec![5, 4]),
            ((None, Some(at(2))), vec![1]),
            ((None, Some(end_of_time)), vec![5, 4, 3, 2, 1]),
            ((Some(end_of_time), None), vec![]),
        ],
    );
}

fn before(secs: u64) -> Retention {
    Retention { cdrs_before: at(secs), notices_before: at(secs), exhausted_before: at(secs) }
}

pub(crate) fn what_is_older_than_the_retention_is_forgotten<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    for secs in [1, 100] {
        let mut call = sample::call(secs);
        commit(&*store, sample::written(&call));
        let binding = axb(key(secs), 1, 2);
        commit(
            &*store,
            vec![
                sample::closed(&mut call, at(secs + 2)),
                bound(binding.clone()),
                unbound(binding, UnbindCause::Customer, at(secs + 3)),
                Write::Cdr(Box::new(cdr(secs))),
                Write::Audit(audit(secs)),
                Write::Operation(sample::operation(secs, &Change::Bound(axb(key(secs), 1, 2)))),
            ],
        );
    }
    deliveries_in_every_state(&*store);
    // All but the exhausted one ended at second 63; the exhausted one at second 64.
    let retention = Retention { notices_before: at(64), exhausted_before: at(64), ..before(50) };
    assert!(store.forget_older(retention, 100).unwrap() > 0);
    let keys = |rows: Vec<Cdr>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(keys(find_cdrs(&*store, &CdrFilter::default(), all())), [key(100)]);
    assert_eq!(store.find_audit(all()).unwrap(), [audit(100)]);
    assert_eq!(store.find_ended(&EndedFilter::default(), all()).unwrap().len(), 1);
    assert_eq!(store.find_operations(&OperationFilter::default(), all()).unwrap().len(), 1);
    let calls = store.find_calls(&CallFilter::default(), all()).unwrap();
    assert_eq!(calls.iter().map(|call| call.key).collect::<Vec<_>>(), [key(100)]);
    assert_eq!(load(&*store).calls, calls);
    let deliveries = store.find_deliveries(&DeliveryFilter::default(), all()).unwrap();
    let kept: Vec<_> = deliveries.iter().map(|row| row.delivery.id).collect();
    assert_eq!(kept, [key(4), key(2), key(1)]);
    assert_eq!(store.forget_older(retention, 100).unwrap(), 0);
}

pub(crate) fn forgetting_is_done_in_portions<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, (1..=5).map(|secs| Write::Audit(audit(secs))).collect());
    let portions: Vec<_> = (0..4).map(|_| store.forget_older(before(5), 2).unwrap()).collect();
    assert_eq!(portions, [2, 2, 0, 0]);
    assert_eq!(store.find_audit(all()).unwrap(), [audit(5)]);
}

pub(crate) fn what_is_open_or_pending_is_never_forgotten<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, sample::written(&sample::call(1)));
    let pending = delivery(1, 1, NoticeKind::Event);
    commit(&*store, vec![sample::queued(pending), bound(axb(key(1), 1, 2))]);
    let everything = load(&*store);
    assert_eq!(store.forget_older(before(1_000_000), 100).unwrap(), 0);
    assert_eq!(load(&*store), everything);
}

pub(crate) fn a_store_that_works_answers_a_ping<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    store.ping().unwrap();
    store.ping().unwrap();
    drop(store);
    place.open().ping().unwrap();
}
