//! How far the index reaches in each table, exactly enough that a query which looks into the index up to there
//! and into the table beyond misses nothing.
//!
//! Keys are drawn before they are committed, so a row can be committed after one with a higher key. When that
//! one has been moved already, the frontier steps back behind the late row, and the next round of the mover
//! goes over that stretch again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::day_of;
use crate::domain::time::Timestamp;
use crate::store::row::first_key_at;

/// A table of the main file that is moved into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// CDRs.
    Cdr,
    /// Deliveries.
    Delivery,
    /// Calls, once they are closed.
    Closing,
    /// Ended bindings.
    Ended,
    /// Short messages.
    Message,
}

impl Source {
    pub(super) const ALL: [Self; 5] = [Self::Cdr, Self::Delivery, Self::Closing, Self::Ended, Self::Message];
}

/// The frontier of every source.
#[derive(Debug)]
pub(super) struct Frontier {
    marks: Mutex<[Mark; Source::ALL.len()]>,
    /// Days before this one are not needed any more.
    first_kept: AtomicI64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Every row up to and including this key is in the index.
    reached: i64,
    /// The lowest key committed since the mover began its round.
    lowest_since: i64,
}

impl Frontier {
    /// A frontier that reaches up to these keys, in the order of [`Source::ALL`].
    pub(super) fn new(reached: [i64; Source::ALL.len()]) -> Self {
        let marks = Mutex::new(reached.map(|reached| Mark { reached, lowest_since: i64::MAX }));
        Self { marks, first_kept: AtomicI64::new(0) }
    }

    fn marks(&self) -> MutexGuard<'_, [Mark; Source::ALL.len()]> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every row of `source` up to and including this key is in the index.
    pub(super) fn reached(&self, source: Source) -> i64 {
        self.marks()[source as usize].reached
    }

    /// A row has become visible. To be called after its commit, before anybody is told of it.
    pub(super) fn committed(&self, source: Source, key: i64) {
        let mark = &mut self.marks()[source as usize];
        mark.lowest_since = mark.lowest_since.min(key);
        mark.reached = mark.reached.min(key - 1);
    }

    /// The days that lie whole before that instant are not needed any more.
    pub(super) fn forget_before(&self, before: Timestamp) {
        self.first_kept.store(day_of(first_key_at(before)), Ordering::Relaxed);
    }

    /// The first day that is needed.
    pub(super) fn first_kept(&self) -> i64 {
        self.first_kept.load(Ordering::Relaxed)
    }

    /// The mover begins a round: it will move the rows above the returned key.
    pub(super) fn begin(&self, source: Source) -> i64 {
        let mark = &mut self.marks()[source as usize];
        mark.lowest_since = i64::MAX;
        mark.reached
    }

    /// The mover has moved the rows up to `key` that it saw after [`Frontier::begin`].
    pub(super) fn moved(&self, source: Source, key: i64) {
        let mark = &mut self.marks()[source as usize];
        mark.reached = key.min(mark.lowest_since - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_committed_after_a_higher_one_was_moved_is_not_passed_over() {
        let frontier = Frontier::new([10; Source::ALL.len()]);
        frontier.begin(Source::Cdr);
        frontier.moved(Source::Cdr, 20);
        assert_eq!((frontier.reached(Source::Cdr), frontier.reached(Source::Ended)), (20, 10));
        frontier.committed(Source::Cdr, 15);
        assert_eq!(frontier.begin(Source::Cdr), 14);
    }

    #[test]
    fn a_row_committed_while_the_mover_works_is_left_to_its_next_round() {
        let frontier = Frontier::new([10; Source::ALL.len()]);
        frontier.begin(Source::Cdr);
        frontier.committed(Source::Cdr, 15);
        frontier.moved(Source::Cdr, 20);
        assert_eq!(frontier.begin(Source::Cdr), 14);
        frontier.moved(Source::Cdr, 20);
        assert_eq!(frontier.reached(Source::Cdr), 20);
    }
}
