//! Replays: pushing deliveries of the past once more, in bulk (delivery R14).
//!
//! What is selected is fixed when a replay is made, in tracks: one for each endpoint, so that a receiver that takes
//! nothing holds up nobody else's. They are taken in turn, portion by portion, each track oldest first: no faster than
//! the replay's rate, and only while it is in nobody's way. A selected delivery that was taken is under way until a
//! push of it is on record; that it was taken, and that it was pushed, is stored in the same commit as the
//! taking and the push themselves, so a replay counts exactly, whenever the gateway dies.

mod open;
mod pace;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

pub use self::open::{LOOK_AGAIN, OpenReplays, ReplayFigures};
use super::delivery::{Delivery, NoticeKind, State};
use super::dispatch::Endpoint;
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

/// Most tracks of one replay: with more endpoints some share one. They are stored with every portion that is taken.
pub const TRACKS_MAX: usize = 256;

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
    /// An operator ended it: nothing more is taken. What is under way is pushed all the same and no longer counted.
    Cancelled,
}

impl Phase {
    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing follows any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled)
    }

    /// Inverse of [`Phase::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Finished, Self::Cancelled]
            .into_iter()
            .find(|phase| phase.as_str() == word)
    }
}

/// What a replay selects, track after track, each in the order of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// All of it.
    pub deliveries: Vec<RowKey>,
    /// How many each track has.
    pub tracks: Vec<u32>,
}

impl Selected {
    /// Puts deliveries, which come in the order of their keys, on the tracks of their endpoints.
    pub fn on_tracks(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        let mut by_endpoint: BTreeMap<Endpoint, Vec<RowKey>> = BTreeMap::new();
        for Delivery { id, app, kind, .. } in deliveries {
            by_endpoint.entry(Endpoint { app, kind }).or_default().push(id);
        }
        let per_track = by_endpoint.len().div_ceil(TRACKS_MAX).max(1);
        let mut endpoints = by_endpoint.into_values();
        let mut selected = Self::default();
        loop {
            let mut track: Vec<RowKey> = endpoints.by_ref().take(per_track).flatten().collect();
            if track.is_empty() {
                return selected;
            }
            track.sort_unstable();
            selected.tracks.push(u32::try_from(track.len()).expect("a selection is bounded"));
            selected.deliveries.append(&mut track);
        }
    }
}

/// The deliveries of a replay that wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// How many there are.
    pub total: u32,
    /// How many of them were taken. They are taken in the order of their keys.
    pub taken: u32,
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
    /// How many of them were taken, of all tracks.
    pub taken: u32,
    /// Its tracks, in the order of what is selected.
    pub tracks: Vec<Track>,
    /// Those taken ones of which no push is on record yet.
    pub under_way: Vec<RowKey>,
    /// How many were removed by the retention before it was their turn.
    pub gone: u32,
    /// Whether it goes on.
    pub phase: Phase,
    /// When it finished or was cancelled.
    pub ended_at: Option<Timestamp>,
}

impl Replay {
    /// One that begins at `now`, with so many deliveries on each track.
    pub fn new(
        id: RowKey,
        selection: Selection,
        per_second: NonZeroU32,
        tracks: &[u32],
        now: Timestamp,
    ) -> Self {
        let (taken, under_way, gone, ended_at) = (0, Vec::new(), 0, None);
        let (phase, total) = (Phase::Running, tracks.iter().sum());
        let tracks = tracks.iter().map(|&total| Track { total, taken: 0 }).collect();
        Self { id, selection, per_second, total, taken, tracks, under_way, gone, phase, ended_at }
            .settled(now)
    }

    /// The place, in what is selected, of the next one on a track; `None` when all of it was taken.
    pub fn next_on(&self, track: usize) -> Option<u32> {
        let before: u32 = self.tracks[..track].iter().map(|track| track.total).sum();
        let Track { total, taken } = self.tracks[track];
        (taken < total).then_some(before + taken)
    }

    /// How many are through: pushed at least once since they were taken, or gone.
    pub fn done(&self) -> u32 {
        let under_way = u32::try_from(self.under_way.len()).unwrap_or(u32::MAX);
        self.taken.saturating_sub(under_way)
    }

    /// The next one on a track was taken and waits for its push.
    pub fn take(&mut self, track: usize, delivery: RowKey) {
        self.pass(track);
        self.under_way.push(delivery);
    }

    /// The next one on a track is not there any more.
    pub fn miss(&mut self, track: usize) {
        self.pass(track);
        self.gone += 1;
    }

    fn pass(&mut self, track: usize) {
        self.taken += 1;
        self.tracks[track].taken += 1;
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
        let is_through = !self.phase.is_over() && self.done() == self.total;
        if is_through { Self { phase: Phase::Finished, ended_at: Some(now), ..self } } else { self }
    }
}
