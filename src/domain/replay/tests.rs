use std::time::Duration;

use proptest::prelude::*;

use super::pace::PORTION_MAX;
use super::*;

const NOON: Timestamp = Timestamp::from_secs(1_790_000_000);

fn row(n: u64) -> RowKey {
    RowKey::from_stored(n).unwrap()
}

fn after(millis: u64) -> Timestamp {
    NOON.after(Duration::from_millis(millis))
}

fn replay(total: u32, per_second: u32) -> Replay {
    let per_second = NonZeroU32::new(per_second).unwrap();
    Replay::new(row(1), Selection::default(), per_second, &[total], NOON)
}

#[test]
fn a_replay_is_finished_when_everything_taken_was_pushed_or_was_gone() {
    let mut replay = replay(3, 50);
    replay.take(0, row(10));
    replay.miss(0);
    replay.take(0, row(12));
    assert_eq!((replay.taken, replay.done(), replay.gone), (3, 1, 1));
    assert_eq!(replay.pushed(row(11), NOON), None, "nobody waits for it");
    let replay = replay.pushed(row(12), NOON).unwrap();
    assert_eq!((replay.done(), replay.phase), (2, Phase::Running));
    let replay = replay.pushed(row(10), after(5)).unwrap();
    assert_eq!((replay.done(), replay.phase, replay.ended_at), (3, Phase::Finished, Some(after(5))));
    assert_eq!(replay.pushed(row(10), NOON), None, "a later push of it no longer counts");
}

#[test]
fn a_replay_that_selects_nothing_is_finished_at_once() {
    assert_eq!(replay(0, 50).phase, Phase::Finished);
}

#[test]
fn a_paused_replay_takes_nothing_and_finishes_when_nothing_is_left() {
    let mut open = OpenReplays::default();
    let mut paused = replay(2, 50);
    paused.take(0, row(10));
    paused.phase = Phase::Paused;
    open.put(paused.clone(), NOON);
    assert_eq!((open.next_due(), open.due(after(9_999))), (None, vec![]));
    paused.take(0, row(11));
    let paused = paused.pushed(row(10), NOON).unwrap().pushed(row(11), NOON).unwrap();
    assert_eq!(paused.phase, Phase::Finished);
    open.put(paused, NOON);
    assert_eq!(open.count(), 0);
}

const HERE: Endpoint = Endpoint { app: AppNo(1), kind: NoticeKind::Event };

#[test]
fn a_track_in_somebodys_way_waits_longer_each_time_or_until_a_push_to_its_endpoint_has_ended() {
    let mut open = OpenReplays::default();
    open.put(replay(9, 10), NOON);
    let mut now = NOON;
    for wait in [100, 200, 400, 800, 1_600, 3_200, 6_400, 6_400] {
        assert_eq!((open.due(now), open.tracks(row(1), 9, now)), (vec![(row(1), 1)], vec![0]), "{wait}");
        open.put_off(row(1), 0, Some(HERE), now);
        assert_eq!(open.due(now.after(Duration::from_millis(wait - 1))), []);
        now = now.after(Duration::from_millis(wait));
        assert_eq!(open.next_due(), Some(now));
    }
    open.put_off(row(1), 0, Some(HERE), now);
    open.push_ended(Endpoint { kind: NoticeKind::Cdr, ..HERE });
    assert_eq!(open.due(now), []);
    open.push_ended(HERE);
    assert_eq!(open.tracks(row(1), 9, now), [0]);
    open.track_moved(row(1), 0);
    open.put_off(row(1), 0, None, now);
    assert_eq!(open.next_due(), Some(now.after(LOOK_AGAIN)), "it begins anew");
}

#[test]
fn tracks_take_turns_and_one_that_waits_holds_up_no_other() {
    let mut open = OpenReplays::default();
    let mut replay = Replay::new(row(1), Selection::default(), PER_SECOND_DEFAULT, &[5, 1, 5, 5], NOON);
    replay.take(1, row(10));
    open.put(replay, NOON);
    assert_eq!(open.tracks(row(1), 2, NOON), [0, 2]);
    assert_eq!(open.tracks(row(1), 2, NOON), [3, 0]);
    open.put_off(row(1), 2, Some(HERE), NOON);
    assert_eq!(open.tracks(row(1), 9, NOON), [3, 0]);
    assert_eq!(open.due(NOON).len(), 1);
    open.put_off(row(1), 0, None, NOON);
    open.put_off(row(1), 3, None, NOON);
    assert_eq!((open.due(NOON), open.next_due()), (vec![], Some(after(100))));
}

#[test]
fn what_is_selected_lies_on_one_track_for_each_endpoint_in_the_order_of_keys() {
    let to = |id, app, kind| Delivery::new(row(id), AppNo(app), kind, None, NOON);
    let selected = Selected::on_tracks([
        to(1, 7, NoticeKind::Event),
        to(2, 7, NoticeKind::Cdr),
        to(3, 7, NoticeKind::Event),
        to(4, 8, NoticeKind::Event),
    ]);
    let replay = Replay::new(row(9), Selection::default(), PER_SECOND_DEFAULT, &selected.tracks, NOON);
    assert_eq!((replay.total, replay.tracks.len()), (4, 3));
    let first = |track| selected.deliveries[replay.next_on(track).unwrap() as usize].get();
    let mut firsts = [first(0), first(1), first(2)];
    firsts.sort_unstable();
    assert_eq!(firsts, [1, 2, 4]);
    assert_eq!(Selected::on_tracks([]), Selected::default());
}

#[test]
fn endpoints_beyond_the_most_tracks_share_them() {
    let most = u32::try_from(TRACKS_MAX).unwrap();
    for apps in [most, most + 1, 5 * most + 3] {
        let each = (1..=u64::from(3 * apps)).map(|id| {
            let app = AppNo(1 + u32::try_from(id).unwrap() % apps);
            Delivery::new(row(id), app, NoticeKind::Event, None, NOON)
        });
        let selected = Selected::on_tracks(each);
        assert!(selected.tracks.len() <= TRACKS_MAX && selected.tracks.len() > TRACKS_MAX / 2, "{apps}");
        assert_eq!(selected.tracks.iter().sum::<u32>(), 3 * apps);
        let mut all = selected.deliveries;
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 3 * apps as usize);
    }
}

#[test]
fn a_cancelled_replay_takes_nothing_and_counts_nothing_more() {
    let mut replay = replay(3, 50);
    replay.take(0, row(10));
    let cancelled = Replay { phase: Phase::Cancelled, ended_at: Some(after(5)), ..replay };
    let mut open = OpenReplays::default();
    open.put(cancelled.clone(), NOON);
    assert_eq!((open.count(), open.next_due()), (0, None));
    assert_eq!(cancelled.pushed(row(10), after(9)).unwrap().ended_at, Some(after(5)));
}

#[test]
fn figures_tell_how_much_is_left_and_for_how_long_nothing_was_pushed() {
    let mut open = OpenReplays::default();
    assert_eq!(open.figures(), ReplayFigures::default());
    let mut running = replay(9, 50);
    running.take(0, row(10));
    open.put(running.clone(), NOON);
    open.put(Replay { id: row(2), phase: Phase::Paused, ..replay(5, 50) }, NOON);
    let figures = ReplayFigures { running: 1, paused: 1, left: 9, idle_since: Some(NOON) };
    assert_eq!(open.figures(), figures);
    assert_eq!(open.put(running.clone(), after(7_000)), 0);
    assert_eq!(open.figures(), figures, "nothing was pushed");
    assert_eq!(open.put(running.pushed(row(10), after(8_000)).unwrap(), after(8_000)), 1);
    assert_eq!(open.figures(), ReplayFigures { left: 8, idle_since: Some(after(8_000)), ..figures });
}

#[test]
fn a_push_counts_for_every_replay_that_waits_for_it() {
    let mut open = OpenReplays::default();
    for id in [1, 2] {
        let mut replay = Replay { id: row(id), ..replay(5, 50) };
        replay.take(0, row(10 * id));
        replay.take(0, row(99));
        open.put(replay, NOON);
    }
    assert_eq!(open.waiting_for(row(10)), [row(1)]);
    assert_eq!(open.waiting_for(row(99)), [row(1), row(2)]);
    assert_eq!(open.waiting_for(row(98)), []);
}

#[test]
fn time_without_room_is_not_made_up_for() {
    let mut open = OpenReplays::default();
    open.put(replay(10_000, 100), NOON);
    assert_eq!(open.due(after(3_600_000)), [(row(1), 10)]);
    open.took(row(1), 10, after(3_600_000));
    assert_eq!(open.next_due(), Some(after(3_600_100)));
}

#[test]
fn a_clock_that_is_set_neither_freezes_a_replay_nor_hurries_it() {
    for by_ms in [-3_600_000, 3_600_000] {
        let mut open = OpenReplays::default();
        open.put(replay(10_000, 100), NOON);
        open.took(row(1), 10, NOON);
        let now = NOON.moved(by_ms);
        open.clock_was_set(by_ms);
        assert_eq!((open.next_due(), open.due(now)), (Some(after(100).moved(by_ms)), vec![]));
        open.put_off(row(1), 0, None, after(100).moved(by_ms));
        open.clock_was_set(-by_ms);
        assert_eq!(open.next_due(), Some(after(200)));
    }
}

proptest! {
    #[test]
    fn the_rate_is_kept_and_never_exceeded(
        per_second in 1..=PER_SECOND_MAX, looks in prop::collection::vec(0u64..400, 1..200),
    ) {
        let mut open = OpenReplays::default();
        open.put(replay(u32::MAX, per_second), NOON);
        let (mut now, mut taken) = (NOON, 0_u64);
        for millis in looks {
            now = now.after(Duration::from_millis(millis));
            for (id, count) in open.due(now) {
                taken += u64::from(count);
                open.took(id, count, now);
            }
            let most = (now.millis() - NOON.millis()) * u64::from(per_second) / 1_000;
            prop_assert!(taken <= most + u64::from(PORTION_MAX), "{taken} in {:?}", now.since(NOON));
        }
    }

    #[test]
    fn who_looks_whenever_something_is_due_keeps_the_rate(per_second in 1u32..=300) {
        let mut open = OpenReplays::default();
        open.put(replay(u32::MAX, per_second), NOON);
        let mut taken = 0;
        while let Some(now) = open.next_due().filter(|due| *due < after(10_000)) {
            for (id, count) in open.due(now) {
                prop_assert!(count > 0, "looked for nothing");
                taken += count;
                open.took(id, count, now);
            }
        }
        let expected = per_second * 10;
        prop_assert!(taken + PORTION_MAX >= expected && taken <= expected + PORTION_MAX, "{taken}");
    }
}
