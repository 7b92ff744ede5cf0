//! What a customer fetches.

use std::time::Duration;

use super::sample::{self, at, delivery, key};
use super::{Place, commit};
use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, RowKey};
use crate::store::query::{Notice, Notices, NoticesAfter, Retention};
use crate::store::{Store, Write};

fn after(app: u32, after: Option<RowKey>, limit: usize) -> NoticesAfter {
    NoticesAfter { app: AppNo(app), after, limit, bytes_max: 1_000_000 }
}

fn notice(secs: u64, kind: NoticeKind) -> Notice {
    Notice { id: key(secs), kind, body: sample::body(delivery(secs, 1, kind)) }
}

/// Queues one per second, in turn for app 1 and app 2, one commit each.
fn queue(store: &dyn Store, secs: impl IntoIterator<Item = u64>) {
    for secs in secs {
        let app = u32::try_from(2 - secs % 2).unwrap();
        commit(store, vec![sample::queued(delivery(secs, app, NoticeKind::Event))]);
    }
}

fn ids(found: &Notices) -> Vec<RowKey> {
    found.notices.iter().map(|notice| notice.id).collect()
}

pub(crate) fn notices_of_an_app_are_given_in_the_order_of_their_commit_and_as_pushed<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let empty = store.notices(after(1, None, 10)).unwrap();
    assert_eq!(empty, Notices { notices: vec![], reached: None });
    let kinds = [NoticeKind::Event, NoticeKind::Cdr, NoticeKind::NumberStatus, NoticeKind::Sms];
    for (kind, secs) in kinds.into_iter().zip([1, 3, 5, 7]) {
        let queued = delivery(secs, 1, kind);
        commit(&*store, vec![sample::queued(queued), sample::queued(delivery(secs + 1, 2, kind))]);
        // Whether it has been pushed, and with what success, makes no difference.
        commit(&*store, vec![sample::pushed(queued, secs == 3, 0).1]);
    }
    let found = store.notices(after(1, None, 10)).unwrap();
    let expected: Vec<_> =
        kinds.into_iter().zip([1, 3, 5, 7]).map(|(kind, secs)| notice(secs, kind)).collect();
    assert_eq!(found, Notices { notices: expected, reached: Some(key(7)) });
    assert_eq!(store.notices(after(3, None, 10)).unwrap().notices, []);
}

pub(crate) fn a_reader_who_goes_on_where_it_stopped_misses_nothing_and_gets_nothing_twice<P: Place>() {
    const DAY_SECS: u64 = 86_400;
    let place = P::fresh();
    let store = place.open();
    let (mut read, mut reached) = (Vec::new(), None);
    for portion in [1..4, 4..11, 11..12, DAY_SECS..DAY_SECS + 6, 3 * DAY_SECS..3 * DAY_SECS + 1] {
        queue(&*store, portion);
        loop {
            let found = store.notices(after(1, reached, 2)).unwrap();
            assert!(found.notices.len() <= 2 && found.reached >= reached);
            let is_last = found.notices.is_empty();
            read.extend(ids(&found));
            reached = found.reached;
            if is_last {
                break;
            }
        }
    }
    let all = (1..12).chain(DAY_SECS..DAY_SECS + 6).chain([3 * DAY_SECS]);
    assert_eq!(read, all.filter(|secs| secs % 2 == 1).map(key).collect::<Vec<_>>());
}

pub(crate) fn an_answer_of_notices_is_bounded_in_bytes_and_gives_one_in_any_case<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    queue(&*store, [1, 3, 5, 7]);
    let bytes_max = sample::body(delivery(1, 1, NoticeKind::Event)).len() * 2;
    let found = store.notices(NoticesAfter { bytes_max, ..after(1, None, 10) }).unwrap();
    assert_eq!((ids(&found), found.reached), (vec![key(1), key(3)], Some(key(3))));
    let found = store.notices(NoticesAfter { bytes_max: 0, ..after(1, found.reached, 10) }).unwrap();
    assert_eq!((ids(&found), found.reached), (vec![key(5)], Some(key(5))));
}

pub(crate) fn notices_that_were_removed_are_passed_over<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    queue(&*store, [1]);
    let deliveries: Vec<_> = [3, 5, 7, 9].map(|secs| delivery(secs, 1, NoticeKind::Event)).into();
    commit(&*store, deliveries.iter().copied().map(sample::queued).collect());
    let delivered = deliveries[..3].iter().map(|&delivery| sample::pushed(delivery, true, 0).1);
    commit(&*store, delivered.collect::<Vec<Write>>());
    let long_ago = at(0).before(Duration::from_secs(1));
    let than = Retention { cdrs_before: long_ago, notices_before: at(1_000), exhausted_before: long_ago };
    assert_eq!(store.forget_older(than, 100).unwrap(), 3);
    let (mut read, mut reached) = (Vec::new(), None);
    for _ in 0..8 {
        let found = store.notices(after(1, reached, 1)).unwrap();
        read.extend(ids(&found));
        reached = found.reached;
    }
    assert_eq!((read, reached), (vec![key(1), key(9)], Some(key(9))));
    // A reader whose place was removed goes on behind it.
    assert_eq!(ids(&store.notices(after(1, Some(key(5)), 10)).unwrap()), [key(9)]);
}
