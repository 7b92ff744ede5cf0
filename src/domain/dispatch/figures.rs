//! What the scheduler shows of itself (delivery R15).

use std::collections::HashSet;

use super::Dispatch;
use super::health::Lane;
use crate::domain::delivery::Delivery;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;

/// What one lane is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneFigures {
    /// Endpoints that something is due for or being pushed to.
    pub endpoints: usize,
    /// Deliveries that are due and not being pushed.
    pub due: usize,
    /// Pushes under way.
    pub in_flight: usize,
    /// Slots it may use.
    pub slots: usize,
    /// When the oldest of those that are due fell due.
    pub oldest_due: Option<Timestamp>,
}

impl Dispatch {
    /// What a lane is doing. Looks at every endpoint, so it is for whoever reads metrics.
    pub fn lane(&self, lane: Lane) -> LaneFigures {
        let slots = match lane {
            Lane::Good => self.limits.in_flight,
            Lane::Suspect => self.limits.for_suspects(),
        };
        let mut figures = LaneFigures { slots, ..LaneFigures::default() };
        for queue in self.queues.values().filter(|queue| queue.health.lane == lane) {
            let due = queue.due_count();
            figures.endpoints += usize::from(due + queue.open > 0);
            figures.due += due;
            figures.in_flight += queue.open;
            figures.oldest_due = [figures.oldest_due, queue.oldest_due()].into_iter().flatten().min();
        }
        figures
    }

    /// Endpoints whose due deliveries wait for the receiver to get well: suspects at their share of the slots,
    /// and those that asked to be left alone.
    pub fn parked(&self) -> usize {
        let (share, window_max) = (self.suspect_share(), self.limits.per_endpoint);
        self.queues.values().filter(|queue| queue.is_parked(share, window_max)).count()
    }

    /// Endpoints that answered 410 and have taken nothing since.
    pub fn gone(&self) -> usize {
        self.queues.values().filter(|queue| queue.health.gone).count()
    }

    /// How many wait, due or not.
    pub fn waiting(&self) -> usize {
        self.stages.iter().sum()
    }

    /// How many wait, by the number of pushes made; the last entry counts all from there on.
    pub fn stages(&self) -> &[usize] {
        &self.stages
    }

    /// How many pushes are under way.
    pub fn in_flight(&self) -> usize {
        self.open.all
    }

    /// How many pushes have ended without being on record yet.
    pub fn unrecorded(&self) -> usize {
        self.flights.len() - self.open.all
    }

    /// Whether a push of it is under way, or has ended and is not on record yet.
    pub fn is_in_flight(&self, id: RowKey) -> bool {
        self.flights.contains_key(&id)
    }

    /// The delivery that is being pushed, as it was when that began.
    pub fn pushing(&self, id: RowKey) -> Option<Delivery> {
        self.flights.get(&id).map(|flight| flight.waiting.delivery())
    }

    /// Whether nothing is under way or waits for its record, and nothing could go out at `now`.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        let (share, window_max) = (self.suspect_share(), self.limits.per_endpoint);
        let due = self.next_due().is_some_and(|due| due <= now);
        let could_start = || self.queues.values().any(|queue| queue.may_start(share, window_max));
        self.flights.is_empty() && !due && !could_start()
    }

    /// When the oldest that is due and not being pushed fell due.
    pub fn oldest_due(&self) -> Option<Timestamp> {
        self.queues.values().filter_map(super::Queue::oldest_due).min()
    }

    /// Deliveries that are queued or under way, for tests that compare with a list.
    pub fn known(&self) -> HashSet<RowKey> {
        let queued = self.queues.values().flat_map(super::Queue::waiting);
        let waiting = self.later.iter().chain(queued).map(|waiting| waiting.id);
        waiting.chain(self.flights.keys().copied()).collect()
    }
}
