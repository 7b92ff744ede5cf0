//! One endpoint: what is due for it, and whether it has a place in a ring.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use super::gate::Right;
use super::health::{Health, Lane, SUSPECT_WINDOW};
use super::waiting::Waiting;
use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::time::Timestamp;

/// Whose queue a delivery waits in: one app's address for one kind of notice.
///
/// Not the URL itself: a delivery goes to the URL that the app has when it is pushed, so that a corrected URL
/// heals the backlog; a queue under the old URL would have to be moved. Two endpoints that lead to the same
/// host share its limit all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Whose.
    pub app: AppNo,
    /// For what.
    pub kind: NoticeKind,
}

/// A place in a ring or at a gate. Void when the endpoint has drawn another number since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) endpoint: Endpoint,
    pub(super) number: u32,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) due: VecDeque<Waiting>,
    /// Calls with a first push due or under way.
    busy: HashSet<RowKey>,
    /// First pushes that wait behind those, by call.
    held: HashMap<RowKey, VecDeque<Waiting>>,
    /// Pushes under way.
    pub(super) open: usize,
    pub(super) health: Health,
    /// While it drains: no push starts before then.
    pub(super) paced_until: Option<Timestamp>,
    /// Where the receiver was last found.
    pub(super) address: Option<SocketAddr>,
    /// Whether it has a valid turn somewhere.
    pub(super) has_turn: bool,
    turn_number: u32,
    /// What it counts for in the demand of the suspects.
    pub(super) counted: usize,
}

impl Queue {
    /// Takes in what is due. A first push waits behind that of the same call's stage before.
    pub(super) fn line_up(&mut self, waiting: Waiting) {
        match waiting.ordered_by() {
            Some(call) if !self.busy.insert(call) => self.held.entry(call).or_default().push_back(waiting),
            _ => self.due.push_back(waiting),
        }
    }

    /// The oldest that is due.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        let taken = self.due.pop_front();
        if self.due.is_empty() {
            self.due = VecDeque::new();
        }
        taken
    }

    /// A first push has ended, so the next stage of its call may go out. It is older than what came after it
    /// was held back, hence to the front.
    pub(super) fn first_push_ended(&mut self, call: RowKey) {
        let Some(held) = self.held.get_mut(&call) else {
            self.busy.remove(&call);
            if self.busy.is_empty() {
                self.busy = HashSet::new();
            }
            return;
        };
        if let Some(next) = held.pop_front() {
            self.due.push_front(next);
        }
        if held.is_empty() {
            self.held.remove(&call);
        }
    }

    /// Draws a turn, which voids the one before.
    pub(super) fn draw_turn(&mut self, endpoint: Endpoint) -> Turn {
        self.turn_number = self.turn_number.wrapping_add(1);
        self.has_turn = true;
        Turn { endpoint, number: self.turn_number }
    }

    pub(super) fn is_valid(&self, turn: Turn) -> bool {
        self.has_turn && self.turn_number == turn.number
    }

    /// Whether one more may start, as far as the endpoint itself is concerned.
    pub(super) fn may_start(&self, suspect_share: usize, window_max: usize) -> bool {
        let cap = self.health.cap(suspect_share).min(window_max);
        let is_open = self.health.closed_until.is_none() && self.paced_until.is_none();
        !self.due.is_empty() && is_open && self.open < cap
    }

    /// A push starts. While it drains, the next one waits for a `step`; until when, if it does.
    pub(super) fn pace(&mut self, step: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
        self.health.draining &= !self.due.is_empty();
        let draining = self.health.draining && self.health.lane == Lane::Good;
        self.paced_until = step.filter(|_| draining).map(|step| now.after(step));
        self.paced_until
    }

    pub(super) fn right(&self) -> Right {
        match self.health.lane {
            Lane::Suspect if self.open > 0 => Right::Reduced,
            Lane::Good | Lane::Suspect => Right::Whole,
        }
    }

    /// How many slots it would use as a suspect; zero when it is none.
    pub(super) fn suspect_demand(&self) -> usize {
        match self.health.lane {
            Lane::Good => 0,
            Lane::Suspect => (self.due.len() + self.open).min(SUSPECT_WINDOW),
        }
    }

    /// Whether what is due waits for the receiver to get well, rather than for a slot.
    pub(super) fn is_parked(&self, suspect_share: usize, window_max: usize) -> bool {
        let ill = self.health.lane == Lane::Suspect || self.health.closed_until.is_some();
        ill && !self.due.is_empty() && !self.may_start(suspect_share, window_max)
    }

    /// When the oldest that could go out fell due.
    pub(super) fn oldest_due(&self) -> Option<Timestamp> {
        self.due.front().map(|waiting| waiting.due)
    }

    /// How many are due, those included that wait for the stage before.
    pub(super) fn due_count(&self) -> usize {
        self.due.len() + self.held.values().map(VecDeque::len).sum::<usize>()
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.due.iter().chain(self.held.values().flatten())
    }

    /// The clock was set.
    pub(super) fn moved(&mut self, by_ms: i64) {
        for waiting in self.due.iter_mut().chain(self.held.values_mut().flatten()) {
            *waiting = waiting.moved(by_ms);
        }
        self.health.moved(by_ms);
        self.paced_until = self.paced_until.map(|until| until.moved(by_ms));
    }
}
