//! Recordings that lie with the gateway.

use super::sample::{at, key, recording_file};
use super::{Place, commit, load};
use crate::domain::id::RowKey;
use crate::store::{Store, Write};

fn stored(n: u64, gone: Option<u64>) -> Write {
    Write::Recording(Box::new(recording_file(n, gone)))
}

fn gone_by(store: &dyn Store, secs: u64, limit: usize) -> Vec<RowKey> {
    store.expired_recordings(at(secs), limit).unwrap().iter().map(|file| file.key).collect()
}

pub(crate) fn recordings_are_found_by_their_keys<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, vec![stored(1, None), stored(2, Some(50))]);
    drop(store);
    let store = place.open();
    let found = store.recordings(&[key(2), key(3), key(1)]).unwrap();
    assert_eq!(found, [recording_file(2, Some(50)), recording_file(1, None)]);
    assert_eq!(load(&*store).last_key, Some(key(2)), "the next keys are above it");
}

pub(crate) fn recordings_that_are_gone_are_found_in_the_order_they_went<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    commit(&*store, vec![stored(1, Some(60)), stored(2, Some(50)), stored(3, None), stored(4, Some(70))]);
    assert_eq!(gone_by(&*store, 49, 10), []);
    assert_eq!(gone_by(&*store, 60, 10), [key(2), key(1)], "at the instant they are gone");
    assert_eq!(gone_by(&*store, 99, 2), [key(2), key(1)]);
    assert_eq!(store.expired_recordings(at(50), 1).unwrap(), [recording_file(2, Some(50))]);
}

pub(crate) fn a_recording_has_one_expiry_and_none_when_it_is_removed<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let expiry = |n, secs| Write::RecordingExpiry { recording: key(n), at: at(secs) };
    commit(&*store, vec![stored(1, None), stored(2, Some(40)), expiry(1, 50), expiry(2, 60), expiry(9, 10)]);
    assert_eq!(store.recordings(&[key(1), key(9)]).unwrap(), [recording_file(1, Some(50))]);
    assert_eq!(gone_by(&*store, 50, 10), [key(1)]);
    assert_eq!(gone_by(&*store, 60, 10), [key(1), key(2)]);
    commit(&*store, vec![Write::RecordingRemoved(key(1)), Write::RecordingRemoved(key(9))]);
    assert_eq!(store.recordings(&[key(1)]).unwrap(), []);
    assert_eq!(gone_by(&*store, 60, 10), [key(2)]);
    commit(&*store, vec![stored(1, Some(45))]);
    assert_eq!(gone_by(&*store, 60, 10), [key(1), key(2)]);
}
