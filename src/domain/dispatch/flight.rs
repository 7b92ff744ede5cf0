//! What is under way, and what is counted of it.

use super::gate::Passed;
use super::waiting::Waiting;
use crate::domain::time::Timestamp;

/// Pushes under way, without those that only wait for their record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Open {
    pub(super) all: usize,
    pub(super) suspect: usize,
}

/// What suspects would use if they could.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    pub(super) endpoints: usize,
    pub(super) slots: usize,
}

/// What holds a slot.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) waiting: Waiting,
    pub(super) started: Timestamp,
    pub(super) passed: Passed,
    pub(super) last_push: bool,
    /// The receiver is done with it; its outcome is not on record yet.
    pub(super) answered: bool,
    /// By how much the clock was set since it started.
    pub(super) moved_ms: i64,
}
