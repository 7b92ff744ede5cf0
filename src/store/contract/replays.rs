//! Replays and what they select.

use super::sample::{self, at, key, replay};
use super::{Place, all, commit, first, load};
use crate::domain::id::RowKey;
use crate::domain::replay::{Phase, Replay};
use crate::store::query::{Page, Retention};
use crate::store::{Store, Write};

fn put(store: &dyn Store, replay: Replay) {
    commit(store, vec![Write::Replay(Box::new(replay))]);
}

fn finished(secs: u64) -> Replay {
    let ended_at = Some(at(secs + 1));
    Replay { phase: Phase::Finished, taken: 9, under_way: vec![], ended_at, ..replay(secs) }
}

pub(crate) fn a_replay_is_loaded_until_it_is_finished<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let bare = Replay { selection: crate::domain::replay::Selection::default(), ..replay(2) };
    put(&*store, replay(1));
    put(&*store, bare.clone());
    assert_eq!(load(&*store).replays, [replay(1), bare.clone()]);
    let mut further = replay(1);
    further.take(1, key(7));
    further.phase = Phase::Running;
    put(&*store, further.clone());
    assert_eq!(load(&*store).replays, [further.clone(), bare.clone()]);
    assert_eq!(store.replay(key(1)).unwrap(), Some(further));
    for over in [finished(1), Replay { phase: Phase::Cancelled, ..finished(3) }] {
        put(&*store, over);
    }
    drop(store);
    let store = place.open();
    assert_eq!(load(&*store).replays, [bare]);
    assert_eq!(store.replay(key(1)).unwrap(), Some(finished(1)));
    assert_eq!(store.replay(key(3)).unwrap().map(|replay| replay.phase), Some(Phase::Cancelled));
    assert_eq!(store.replay(key(9)).unwrap(), None);
}

pub(crate) fn what_a_replay_selects_is_given_from_any_place_on_until_it_is_finished<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let deliveries: Vec<RowKey> = (10..2_510).map(key).collect();
    for secs in [1, 2] {
        let selected = Write::Selected { replay: key(secs), deliveries: deliveries.clone().into() };
        commit(&*store, vec![selected, Write::Replay(Box::new(replay(secs)))]);
    }
    for (from, limit) in [(0, 1), (0, 3_000), (999, 2), (1_000, 1_000), (2_499, 32), (2_500, 32), (9_999, 1)]
    {
        let place = usize::try_from(from).unwrap();
        let expected: Vec<_> = deliveries.iter().skip(place).take(limit).copied().collect();
        assert_eq!(store.selected(key(1), from, limit).unwrap(), expected, "{limit} from {from}");
    }
    put(&*store, finished(1));
    assert_eq!(store.selected(key(1), 0, 10).unwrap(), []);
    assert_eq!(store.selected(key(2), 0, 10).unwrap(), deliveries[..10]);
}

pub(crate) fn replays_are_listed_newest_first<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    for secs in 1..=3 {
        put(&*store, replay(secs));
    }
    let ids = |page| store.find_replays(page).unwrap().iter().map(|replay| replay.id).collect::<Vec<_>>();
    assert_eq!(ids(first(2)), [key(3), key(2)]);
    assert_eq!(ids(Page { before: Some(key(2)), limit: 2 }), [key(1)]);
}

pub(crate) fn finished_replays_are_forgotten_and_unfinished_ones_never<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    put(&*store, Replay { phase: Phase::Cancelled, ..finished(1) });
    for secs in [2, 100] {
        put(&*store, finished(secs));
    }
    put(&*store, sample::replay(3));
    let than = Retention { cdrs_before: at(50), notices_before: at(0), exhausted_before: at(0) };
    assert_eq!(store.forget_older(than, 1).unwrap(), 1);
    assert_eq!(store.forget_older(than, 9).unwrap(), 1);
    let left: Vec<_> = store.find_replays(all()).unwrap().iter().map(|replay| replay.id).collect();
    assert_eq!(left, [key(100), key(3)]);
}
