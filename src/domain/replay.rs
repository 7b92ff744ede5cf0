//! Replays: pushing deliveries of the past once more, in bulk (delivery R14).
//!
//! What is selected is fixed when a replay is made. Then it is taken portion by portion, oldest first: no faster
//! than its rate, and only while it is in nobody's way. A selected delivery that was taken is under way until a
//! push of it is on record; that it was taken, and that it was pushed, is stored in the same commit as the
//! taking and the push themselves, so a replay counts exactly, whenever the gateway dies.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::delivery::{NoticeKind, State};
use super::id::{AppNo, RowKey};
use super::time::Timestamp;

/// Most deliveries that one replay may select: eight megabytes of ids.
pub const SELECTED_MAX: usize = 1_000_000;
/// Most replays that may be unfinished.
pub const OPEN_MAX: usize = 100;
/// Deliveries per second unless asked otherwise.
pub const PER_SECOND_DEFAULT: NonZeroU32 = NonZeroU32::new(50).expect("is not zero");
/// Most deliveries per second that may be asked for.
pub const PER_SECOND_MAX: u32 = 1_000;

/// A portion is what falls due in this time, so that a fast replay takes few commits.
const PORTION_MS: u32 = 100;
/// Most deliveries taken at once, of one replay.
const PORTION_MAX: u32 = 32;
/// While a replay is in somebody's way, it looks again after this.
pub const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Which deliveries an operator wants: all conditions that are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// To this app.
    pub app: Option<AppNo>,
    /// Of this kind.
    pub kind: Option<NoticeKind>,
    /// In this state when the replay is made.
    pub state: Option<State>,
    /// About this call.
    pub session: Option<Box<str>>,
    /// Queued from this instant on.
    pub from: Option<Timestamp>,
    /// Queued before this instant.
    pub to: Option<Timestamp>,
}

/// Whether a replay goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// More is taken.
    Running,
    /// An operator stopped it for now. What is under way is pushed all the same.
    Paused,
    /// Everything selected has been pushed, or is gone.
    Finished,
}

impl Phase {
    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
        }
    }

    /// Inverse of [`Phase::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Finished].into_iter().find(|phase| phase.as_str() == word)
    }
}

/// One replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Its row; tells when it was made.
    pub id: RowKey,
    /// What was asked for.
    pub selection: Selection,
    /// At most so many are taken per second.
    pub per_second: NonZeroU32,
    /// How many are selected.
    pub total: u32,
    /// How many of them were taken. They are taken in the order of their keys.
    pub taken: u32,
    /// Those taken ones of which no push is on record yet.
    pub under_way: Vec<RowKey>,
    /// How many were removed by the retention before it was their turn.
    pub gone: u32,
    /// Whether it goes on.
    pub phase: Phase,
    /// When it finished.
    pub ended_at: Option<Timestamp>,
}

impl Replay {
    /// One that begins at `now`.
    pub fn new(id: RowKey, selection: Selection, per_second: NonZeroU32, total: u32, now: Timestamp) -> Self {
        let (taken, under_way, gone, ended_at) = (0, Vec::new(), 0, None);
        let phase = Phase::Running;
        Self { id, selection, per_second, total, taken, under_way, gone, phase, ended_at }.settled(now)
    }

    /// How many are through: pushed at least once since they were taken, or gone.
    pub fn done(&self) -> u32 {
        let under_way = u32::try_from(self.under_way.len()).unwrap_or(u32::MAX);
        self.taken.saturating_sub(under_way)
    }

    /// The next one was taken and waits for its push.
    pub fn take(&mut self, delivery: RowKey) {
        self.taken += 1;
        self.under_way.push(delivery);
    }

    /// The next one is not there any more.
    pub fn miss(&mut self) {
        self.taken += 1;
        self.gone += 1;
    }

    /// The replay after a push of `delivery`; `None` when it was not waiting for one.
    #[must_use]
    pub fn pushed(&self, delivery: RowKey, now: Timestamp) -> Option<Self> {
        let at = self.under_way.iter().position(|&id| id == delivery)?;
        let mut after = self.clone();
        after.under_way.swap_remove(at);
        Some(after.settled(now))
    }

    /// The replay, finished at `now` if it is through. Also when it is paused: nothing is left to resume.
    #[must_use]
    pub fn settled(self, now: Timestamp) -> Self {
        let is_through = self.phase != Phase::Finished && self.done() == self.total;
        if is_through { Self { phase: Phase::Finished, ended_at: Some(now), ..self } } else { self }
    }
}

/// How fast one replay may take. Kept in memory only: after a restart it begins anew.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// When the next one may be taken, in microseconds since 1970.
    next_us: u64,
    per_second: NonZeroU32,
}

impl Pace {
    /// A first portion may be taken at once.
    fn new(per_second: NonZeroU32, now: Timestamp) -> Self {
        let pace = Self { next_us: 0, per_second };
        Self { next_us: micros(now).saturating_sub(pace.portion_us()), ..pace }
    }

    fn portion(self) -> u32 {
        (self.per_second.get() * PORTION_MS / 1_000).clamp(1, PORTION_MAX)
    }

    fn step_us(self) -> u64 {
        1_000_000 / u64::from(self.per_second.get())
    }

    /// From the first of a portion to its last.
    fn portion_us(self) -> u64 {
        self.step_us() * u64::from(self.portion() - 1)
    }

    /// When a whole portion may be taken.
    fn next_portion(self) -> Timestamp {
        Timestamp::from_millis((self.next_us + self.portion_us()).div_ceil(1_000))
    }

    /// How many may be taken now: never more than one portion, however long nothing was.
    fn allows(self, now: Timestamp) -> u32 {
        match micros(now).checked_sub(self.next_us) {
            None => 0,
            Some(since_us) => {
                let due = since_us / self.step_us() + 1;
                u32::try_from(due).unwrap_or(u32::MAX).min(self.portion())
            }
        }
    }

    fn took(&mut self, count: u32, now: Timestamp) {
        // What was not used is lost beyond one portion; a rate is no budget to be saved up.
        let earliest_us = micros(now).saturating_sub(self.portion_us());
        self.next_us = self.next_us.max(earliest_us) + self.step_us() * u64::from(count);
    }

    fn clock_was_set(&mut self, by_ms: i64) {
        self.next_us = self.next_us.saturating_add_signed(by_ms.saturating_mul(1_000));
    }
}

fn micros(at: Timestamp) -> u64 {
    at.millis().saturating_mul(1_000)
}

/// The replays that are not finished, and when there is something to take for which.
#[derive(Debug, Default)]
pub struct OpenReplays {
    replays: BTreeMap<RowKey, Open>,
}

#[derive(Debug)]
struct Open {
    replay: Replay,
    pace: Pace,
    /// It was in somebody's way; not before then.
    not_before: Option<Timestamp>,
}

impl Open {
    fn next_due(&self) -> Option<Timestamp> {
        let takes = self.replay.phase == Phase::Running && self.replay.taken < self.replay.total;
        let pace = self.pace.next_portion();
        takes.then(|| self.not_before.map_or(pace, |not_before| pace.max(not_before)))
    }
}

impl OpenReplays {
    /// Takes in a replay, new or as it is now; a finished one leaves.
    pub fn put(&mut self, replay: Replay, now: Timestamp) {
        if replay.phase == Phase::Finished {
            self.replays.remove(&replay.id);
            return;
        }
        let pace = Pace::new(replay.per_second, now);
        match self.replays.get_mut(&replay.id) {
            Some(known) => {
                // A push has ended: there may be room for another one.
                if known.replay.done() < replay.done() {
                    known.not_before = None;
                }
                known.replay = replay;
            }
            None => drop(self.replays.insert(replay.id, Open { replay, pace, not_before: None })),
        }
    }

    /// An unfinished replay.
    pub fn get(&self, id: RowKey) -> Option<&Replay> {
        self.replays.get(&id).map(|open| &open.replay)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.replays.len()
    }

    /// Those that wait for a push of this delivery.
    pub fn waiting_for(&self, delivery: RowKey) -> Vec<RowKey> {
        let waits = |open: &&Open| open.replay.under_way.contains(&delivery);
        self.replays.values().filter(waits).map(|open| open.replay.id).collect()
    }

    /// When something is to be taken next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.replays.values().filter_map(Open::next_due).min()
    }

    /// For which replays something is to be taken now, and how much at most.
    pub fn due(&self, now: Timestamp) -> Vec<(RowKey, u32)> {
        let due = self.replays.values().filter(|open| open.next_due().is_some_and(|due| due <= now));
        due.map(|open| (open.replay.id, open.pace.allows(now))).collect()
    }

    /// So many are taken for it now.
    pub fn took(&mut self, id: RowKey, count: u32, now: Timestamp) {
        if let Some(open) = self.replays.get_mut(&id) {
            open.pace.took(count, now);
        }
    }

    /// It cannot take more for now.
    pub fn put_off(&mut self, id: RowKey, until: Timestamp) {
        if let Some(open) = self.replays.get_mut(&id) {
            open.not_before = Some(until);
        }
    }

    /// The clock was set by so many milliseconds. What is left to wait stays as it was (delivery R15).
    pub fn clock_was_set(&mut self, by_ms: i64) {
        for open in self.replays.values_mut() {
            open.pace.clock_was_set(by_ms);
            open.not_before = open.not_before.map(|at| at.moved(by_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        Replay::new(row(1), Selection::default(), per_second, total, NOON)
    }

    #[test]
    fn a_replay_is_finished_when_everything_taken_was_pushed_or_was_gone() {
        let mut replay = replay(3, 50);
        replay.take(row(10));
        replay.miss();
        replay.take(row(12));
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
        paused.take(row(10));
        paused.phase = Phase::Paused;
        open.put(paused.clone(), NOON);
        assert_eq!((open.next_due(), open.due(after(9_999))), (None, vec![]));
        paused.take(row(11));
        let paused = paused.pushed(row(10), NOON).unwrap().pushed(row(11), NOON).unwrap();
        assert_eq!(paused.phase, Phase::Finished);
        open.put(paused, NOON);
        assert_eq!(open.count(), 0);
    }

    #[test]
    fn what_is_in_somebodys_way_waits_until_it_is_told_or_a_push_of_its_own_has_ended() {
        let mut open = OpenReplays::default();
        let mut replay = replay(9, 10);
        replay.take(row(10));
        open.put(replay.clone(), NOON);
        assert_eq!(open.due(NOON), [(row(1), 1)]);
        open.put_off(row(1), after(100));
        assert_eq!((open.due(after(99)), open.next_due()), (vec![], Some(after(100))));
        open.put(replay.pushed(row(10), NOON).unwrap(), NOON);
        assert_eq!(open.due(NOON), [(row(1), 1)]);
    }

    #[test]
    fn a_push_counts_for_every_replay_that_waits_for_it() {
        let mut open = OpenReplays::default();
        for id in [1, 2] {
            let mut replay = Replay { id: row(id), ..replay(5, 50) };
            replay.take(row(10 * id));
            replay.take(row(99));
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
            open.put_off(row(1), after(200).moved(by_ms));
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
}
