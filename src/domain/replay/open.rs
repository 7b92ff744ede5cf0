//! The replays that are not over, and when there is something to take for which.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::pace::Pace;
use super::{Phase, Replay};
use crate::domain::dispatch::Endpoint;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;

/// While a track is in somebody's way, it looks again after this; after twice as long each time that nothing came of
/// it, or when a push to its endpoint has ended.
pub const LOOK_AGAIN: Duration = Duration::from_millis(100);
const DOUBLINGS_MAX: u8 = 6;

/// The replays that are not over.
#[derive(Debug, Default)]
pub struct OpenReplays {
    replays: BTreeMap<RowKey, Open>,
    /// Tracks that were in the way of others at this endpoint.
    waiting: HashMap<Endpoint, Vec<(RowKey, usize)>>,
}

/// What is shown of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayFigures {
    /// How many run.
    pub running: usize,
    /// How many are paused.
    pub paused: usize,
    /// How many of what is selected is still to be pushed, of those that run.
    pub left: u64,
    /// When the running one that has waited longest for a push of its own last had one, or began.
    pub idle_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Open {
    replay: Replay,
    pace: Pace,
    waits: Vec<Wait>,
    /// The track whose turn it is.
    turn: usize,
    /// When its last push was on record, or when it was taken in or resumed.
    moved_at: Timestamp,
}

/// When a track that was in somebody's way looks again.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    not_before: Option<Timestamp>,
    /// How often in a row.
    times: u8,
}

impl Open {
    /// The tracks that have something to take, with the time before which they do not want to look.
    fn unfinished(&self) -> impl Iterator<Item = (usize, Option<Timestamp>)> {
        let tracks = self.replay.tracks.iter().zip(&self.waits).enumerate();
        tracks
            .filter(|(_, (track, _))| track.taken < track.total)
            .map(|(at, (_, wait))| (at, wait.not_before))
    }

    fn next_due(&self) -> Option<Timestamp> {
        let pace = self.pace.next_portion();
        let ready = self.unfinished().map(|(_, not_before)| not_before.map_or(pace, |at| pace.max(at)));
        ready.min().filter(|_| self.replay.phase == Phase::Running)
    }
}

impl OpenReplays {
    /// Takes in a replay, new or as it is now; one that is over leaves. Returns how many more are through.
    pub fn put(&mut self, replay: Replay, now: Timestamp) -> u32 {
        let id = replay.id;
        let through =
            self.replays.get(&id).map_or(0, |known| replay.done().saturating_sub(known.replay.done()));
        if replay.phase.is_over() {
            self.replays.remove(&id);
            self.waiting.retain(|_, tracks| {
                tracks.retain(|(of, _)| *of != id);
                !tracks.is_empty()
            });
            return through;
        }
        if let Some(known) = self.replays.get_mut(&id) {
            if through > 0 || replay.phase != known.replay.phase {
                known.moved_at = now;
            }
            known.replay = replay;
        } else {
            let pace = Pace::new(replay.per_second, now);
            let waits = vec![Wait::default(); replay.tracks.len()];
            self.replays.insert(id, Open { replay, pace, waits, turn: 0, moved_at: now });
        }
        through
    }

    /// One that is not over.
    pub fn get(&self, id: RowKey) -> Option<&Replay> {
        self.replays.get(&id).map(|open| &open.replay)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.replays.len()
    }

    /// What is shown of all of them.
    pub fn figures(&self) -> ReplayFigures {
        let running = || self.replays.values().filter(|open| open.replay.phase == Phase::Running);
        ReplayFigures {
            running: running().count(),
            paused: self.count() - running().count(),
            left: running().map(|open| u64::from(open.replay.total - open.replay.done())).sum(),
            idle_since: running().map(|open| open.moved_at).min(),
        }
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

    /// The tracks of a replay that may be looked at now, at most so many, from the one whose turn it is.
    pub fn tracks(&mut self, id: RowKey, at_most: u32, now: Timestamp) -> Vec<usize> {
        let Some(open) = self.replays.get_mut(&id) else { return Vec::new() };
        let is_ready = |&(_, not_before): &(usize, Option<Timestamp>)| not_before.is_none_or(|at| at <= now);
        let mut ready: Vec<usize> = open.unfinished().filter(is_ready).map(|(track, _)| track).collect();
        let first = ready.partition_point(|&track| track < open.turn);
        ready.rotate_left(first);
        ready.truncate(at_most as usize);
        open.turn = ready.last().map_or(0, |last| last + 1);
        ready
    }

    /// So many are taken for it now.
    pub fn took(&mut self, id: RowKey, count: u32, now: Timestamp) {
        if let Some(open) = self.replays.get_mut(&id) {
            open.pace.took(count, now);
        }
    }

    /// Something was taken from a track.
    pub fn track_moved(&mut self, id: RowKey, track: usize) {
        if let Some(open) = self.replays.get_mut(&id) {
            open.waits[track] = Wait::default();
        }
    }

    /// The next one on a track cannot be taken for now: it is in somebody's way at `endpoint`, where that is known.
    pub fn put_off(&mut self, id: RowKey, track: usize, endpoint: Option<Endpoint>, now: Timestamp) {
        let Some(open) = self.replays.get_mut(&id) else { return };
        let wait = &mut open.waits[track];
        wait.not_before = Some(now.after(LOOK_AGAIN * 2_u32.pow(wait.times.into())));
        wait.times = (wait.times + 1).min(DOUBLINGS_MAX);
        if let Some(endpoint) = endpoint {
            let waiting = self.waiting.entry(endpoint).or_default();
            if !waiting.contains(&(id, track)) {
                waiting.push((id, track));
            }
        }
    }

    /// A push to an endpoint has ended: there may be room for what waits there.
    pub fn push_ended(&mut self, endpoint: Endpoint) {
        for (id, track) in self.waiting.remove(&endpoint).unwrap_or_default() {
            if let Some(open) = self.replays.get_mut(&id) {
                open.waits[track].not_before = None;
            }
        }
    }

    /// The clock was set by so many milliseconds. What is left to wait stays as it was (delivery R15).
    pub fn clock_was_set(&mut self, by_ms: i64) {
        for open in self.replays.values_mut() {
            open.pace.clock_was_set(by_ms);
            open.moved_at = open.moved_at.moved(by_ms);
            for wait in &mut open.waits {
                wait.not_before = wait.not_before.map(|at| at.moved(by_ms));
            }
        }
    }
}
