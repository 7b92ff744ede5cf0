//! Room for what can wait.

use super::Dispatch;
use super::endpoint::Endpoint;

impl Dispatch {
    /// How many pushes that can wait an endpoint may be given now: none while something is due for it or it wants
    /// to be left alone, and never more than leaves half of every limit to what cannot wait (delivery R14).
    pub fn room_to_spare(&self, endpoint: Endpoint) -> usize {
        let half = |limit: usize, taken: usize| limit.div_ceil(2).saturating_sub(taken);
        let shared = self.gates.usage(&self.gates_of(endpoint), &self.limits);
        let shared = shared.into_iter().map(|(taken, limit)| half(limit, taken)).min();
        let of_all = half(self.limits.in_flight, self.flights.len());
        let queue = self.queues.get(&endpoint);
        let (health, open) = queue.map(|queue| (queue.health, queue.open)).unwrap_or_default();
        if health.closed_until.is_some() || queue.is_some_and(|queue| queue.due_count() > 0) {
            return 0;
        }
        let cap = health.cap(self.suspect_share()).min(self.limits.per_endpoint);
        half(cap, open).min(of_all).min(shared.unwrap_or(usize::MAX))
    }
}
