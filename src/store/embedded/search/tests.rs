//! What is particular to the index; that it answers as the main file does is in the contract, which is also run
//! through it.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::number::{CallingParty, E164};
use crate::domain::time::Timestamp;
use crate::store::contract::sample::{self, at, cdr, key, number, x};
use crate::store::embedded::{EmbeddedStore, SEARCH_FILE};
use crate::store::query::{CdrFilter, NoticesAfter, Page, Retention, Span};
use crate::store::{Batch, Store, Write};

fn open(dir: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(dir.path(), [7; 32]).unwrap()
}

fn store_cdrs(store: &EmbeddedStore, secs: impl IntoIterator<Item = u64>) {
    let writes = secs.into_iter().map(|secs| Write::Cdr(Box::new(cdr(secs)))).collect();
    store.commit(&Batch { writes }).unwrap();
}

fn of_party(store: &EmbeddedStore, party: E164) -> Vec<RowKey> {
    let filter = CdrFilter { party: Some(party), ..CdrFilter::default() };
    let found = store.find_cdrs(&filter, Page { before: None, limit: 1_000 }).unwrap();
    found.into_iter().map(|row| row.cdr.id).collect()
}

#[test]
fn rows_in_the_index_and_rows_not_yet_in_it_are_found_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store_cdrs(&store, 10..15);
    store.search.catch_up().unwrap();
    store_cdrs(&store, 15..20);
    let expected: Vec<_> = (10..20).rev().map(key).collect();
    assert_eq!(of_party(&store, number(2)), expected);
}

#[test]
fn a_row_committed_after_one_with_a_higher_key_is_found_before_and_after_it_is_moved() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store_cdrs(&store, [20]);
    store.search.catch_up().unwrap();
    {
        let _the_index_stands_still = super::lock(&store.search.mover);
        store_cdrs(&store, [10]);
        assert_eq!(of_party(&store, number(2)), [key(20), key(10)]);
        assert_eq!(store.search_lags_since().unwrap(), Some(at(10)));
    }
    store.search.catch_up().unwrap();
    assert_eq!(of_party(&store, number(2)), [key(20), key(10)]);
    assert_eq!(store.search_lags_since().unwrap(), None);
}

#[test]
fn an_index_that_is_lost_or_damaged_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store_cdrs(&store, 10..20);
    store.search.catch_up().unwrap();
    drop(store);
    for damage in [None, Some("no database ".repeat(500))] {
        fs::remove_file(dir.path().join(SEARCH_FILE)).unwrap();
        if let Some(damage) = damage {
            fs::write(dir.path().join(SEARCH_FILE), damage).unwrap();
        }
        let store = open(&dir);
        assert_eq!(of_party(&store, number(2)).len(), 10);
        store.search.catch_up().unwrap();
        assert_eq!(of_party(&store, number(2)).len(), 10);
        drop(store);
    }
}

#[test]
fn the_index_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store_cdrs(&store, 10..20);
    store.search.catch_up().unwrap();
    drop(store);
    let store = open(&dir);
    store_cdrs(&store, 20..25);
    assert_eq!(of_party(&store, number(2)).len(), 15);
    store.search.catch_up().unwrap();
    assert_eq!(of_party(&store, number(2)).len(), 15);
}

#[test]
fn a_day_is_dropped_whole_once_no_retention_needs_it() {
    const DAY_SECS: u64 = 86_400;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store_cdrs(&store, [10, 10 + DAY_SECS, 10 + 2 * DAY_SECS]);
    store.search.catch_up().unwrap();
    let days = || -> i64 {
        let count = |db: &rusqlite::Connection| {
            Ok(db.query_row(
                "SELECT count(*) FROM day JOIN sqlite_schema ON name = entries AND type = 'table'",
                [],
                |row| row.get(0),
            )?)
        };
        store.search.readers.read(count).unwrap()
    };
    assert_eq!(days(), 3);
    let before = at(20 + 2 * DAY_SECS);
    let longer = before.before(Duration::from_secs(DAY_SECS));
    let mut retention = Retention { cdrs_before: before, notices_before: before, exhausted_before: longer };
    store.forget_older(retention, 100).unwrap();
    store.search.catch_up().unwrap();
    assert_eq!(days(), 2, "exhausted notices are kept a day longer");
    retention.exhausted_before = before;
    store.forget_older(retention, 100).unwrap();
    store.search.catch_up().unwrap();
    assert_eq!(days(), 1, "the day that is not over is kept");
    assert_eq!(of_party(&store, number(2)), []);
    store_cdrs(&store, [30 + 2 * DAY_SECS]);
    store.search.catch_up().unwrap();
    assert_eq!(of_party(&store, number(2)), [key(30 + 2 * DAY_SECS)]);
}

fn queue(store: &EmbeddedStore, app: u32, secs: impl IntoIterator<Item = u64>) {
    let writes = secs.into_iter().map(|secs| sample::queued(sample::delivery(secs, app, NoticeKind::Event)));
    store.commit(&Batch { writes: writes.collect() }).unwrap();
}

fn notices(store: &EmbeddedStore, app: u32, after: Option<RowKey>) -> (Vec<RowKey>, Option<RowKey>) {
    let asked = NoticesAfter { app: AppNo(app), after, limit: 10, bytes_max: 1_000_000 };
    let found = store.notices(asked).unwrap();
    (found.notices.iter().map(|notice| notice.id).collect(), found.reached)
}

#[test]
fn while_the_index_is_behind_a_reader_of_notices_comes_along_in_bounded_steps() {
    const OTHERS: u64 = 30_000;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let _the_index_stands_still = super::lock(&store.search.mover);
    queue(&store, 2, 10..10 + OTHERS);
    queue(&store, 1, [10 + OTHERS]);
    let (found, reached) = notices(&store, 1, None);
    assert_eq!((found, reached), (vec![], Some(key(10 + 19_999))));
    assert_eq!(notices(&store, 1, reached), (vec![key(10 + OTHERS)], Some(key(10 + OTHERS))));
    assert_eq!(notices(&store, 2, None).0.len(), 10, "who has much is not held up");
}

#[test]
fn notices_in_the_index_and_not_yet_in_it_are_given_together_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    queue(&store, 1, [10, 11]);
    store.search.catch_up().unwrap();
    let _the_index_stands_still = super::lock(&store.search.mover);
    queue(&store, 1, [12, 13]);
    assert_eq!(notices(&store, 1, None), ([10, 11, 12, 13].map(key).into(), Some(key(13))));
    assert_eq!(notices(&store, 1, Some(key(12))), (vec![key(13)], Some(key(13))));
}

#[test]
fn an_index_of_version_1_learns_the_apps_of_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    queue(&store, 1, [10, 11]);
    store.search.catch_up().unwrap();
    drop(store);
    let index = rusqlite::Connection::open(dir.path().join(SEARCH_FILE)).unwrap();
    let table: String = index.query_row("SELECT entries FROM day", [], |row| row.get(0)).unwrap();
    index.execute_batch(&format!("DELETE FROM {table} WHERE field = 11; PRAGMA user_version = 1;")).unwrap();
    drop(index);
    let store = open(&dir);
    store.search.catch_up().unwrap();
    assert_eq!(notices(&store, 1, None).0, [key(10), key(11)]);
    let count: i64 = store
        .search
        .readers
        .read(|db| {
            let sql = format!("SELECT count(*) FROM {table} WHERE field = 11");
            Ok(db.query_row(&sql, [], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(count, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_search_through_the_index_finds_what_a_scan_finds(
        rows in prop::collection::btree_map(1u64..600_000, (0u64..4, 0u64..4, 0u64..3, any::<bool>()), 1..60),
        moves in prop::collection::vec(any::<bool>(), 60),
        party in 0u64..4, by_x in any::<bool>(), limit in 1usize..8,
        span in (prop::option::of(0u64..600_000), prop::option::of(0u64..600_000)),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let mut all = Vec::new();
        for ((secs, (caller, destination, lent, answered)), moves) in rows.into_iter().zip(moves) {
            let mut cdr = sample::bare_cdr(secs);
            cdr.caller = CallingParty::Number(number(caller));
            cdr.destination = Some(number(destination));
            cdr.display = Some(cdr.x);
            cdr.x = x(lent);
            cdr.answer = answered.then(|| at(1));
            store.commit(&Batch { writes: vec![Write::Cdr(Box::new(cdr.clone()))] }).unwrap();
            all.push(cdr);
            if moves {
                store.search.catch_up().unwrap();
            }
        }
        let span = Span { from: span.0.map(at), to: span.1.map(at) };
        let filter = CdrFilter {
            party: (!by_x).then(|| number(party)),
            x: by_x.then(|| x(party)),
            answered: Some(true),
            span,
            ..CdrFilter::default()
        };
        let party = number(party);
        let expected: Vec<_> = all.into_iter().rev().filter(|cdr| {
            let made = Timestamp::from_millis(cdr.id.millis());
            let of_party = cdr.caller == CallingParty::Number(party) || cdr.destination == Some(party);
            let found = if by_x { cdr.x.number() == filter.x.unwrap().number() } else { of_party };
            found && cdr.answer.is_some()
                && span.from.is_none_or(|from| made >= from) && span.to.is_none_or(|to| made < to)
        }).collect();
        let mut page = Page { before: None, limit };
        let mut found = Vec::new();
        loop {
            let rows = store.find_cdrs(&filter, page).unwrap();
            prop_assert!(rows.len() <= limit);
            let Some(last) = rows.last() else { break };
            page.before = Some(last.cdr.id);
            found.extend(rows.into_iter().map(|row| row.cdr));
        }
        prop_assert_eq!(found, expected);
    }
}
