//! How fast a replay may take.

use std::num::NonZeroU32;

use crate::domain::time::Timestamp;

/// A portion is what falls due in this time, so that a fast replay takes few commits.
const PORTION_MS: u32 = 100;
/// Most deliveries taken at once, of one replay.
pub(super) const PORTION_MAX: u32 = 32;

/// How fast one replay may take. Kept in memory only: after a restart it begins anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When the next one may be taken, in microseconds since 1970.
    next_us: u64,
    per_second: NonZeroU32,
}

impl Pace {
    /// A first portion may be taken at once.
    pub(super) fn new(per_second: NonZeroU32, now: Timestamp) -> Self {
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
    pub(super) fn next_portion(self) -> Timestamp {
        Timestamp::from_millis((self.next_us + self.portion_us()).div_ceil(1_000))
    }

    /// How many may be taken now: never more than one portion, however long nothing was.
    pub(super) fn allows(self, now: Timestamp) -> u32 {
        match micros(now).checked_sub(self.next_us) {
            None => 0,
            Some(since_us) => {
                let due = since_us / self.step_us() + 1;
                u32::try_from(due).unwrap_or(u32::MAX).min(self.portion())
            }
        }
    }

    pub(super) fn took(&mut self, count: u32, now: Timestamp) {
        // What was not used is lost beyond one portion; a rate is no budget to be saved up.
        let earliest_us = micros(now).saturating_sub(self.portion_us());
        self.next_us = self.next_us.max(earliest_us) + self.step_us() * u64::from(count);
    }

    pub(super) fn clock_was_set(&mut self, by_ms: i64) {
        self.next_us = self.next_us.saturating_add_signed(by_ms.saturating_mul(1_000));
    }
}

fn micros(at: Timestamp) -> u64 {
    at.millis().saturating_mul(1_000)
}
