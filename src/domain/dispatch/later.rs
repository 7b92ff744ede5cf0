//! What is not due yet, in one bucket per second (delivery R4): adding and taking cost next to nothing, and a
//! million fit into about 42 MB. A heap would cost more time, a task for each thirty times the memory.

use std::collections::BTreeMap;

use super::waiting::Waiting;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;

/// Deliveries by the second in which they are due, rounded up: never early.
#[derive(Debug, Default)]
pub(super) struct Later {
    buckets: BTreeMap<u64, Vec<Waiting>>,
    /// The bucket that is being emptied. A second may hold a million, after a long stop for example.
    opened: std::vec::IntoIter<Waiting>,
}

impl Later {
    pub(super) fn add(&mut self, waiting: Waiting) {
        let bucket = self.buckets.entry(second_of(waiting.due)).or_default();
        if bucket.len() == bucket.capacity() {
            // Doubling, as a vector does by itself, would leave room for a third of a million more unused.
            bucket.reserve_exact((bucket.len() / 8).max(4));
        }
        bucket.push(waiting);
    }

    /// Takes out one that is due, those of the earliest second first.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Waiting> {
        loop {
            if let Some(waiting) = self.opened.next() {
                return Some(waiting);
            }
            let bucket = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now.secs())?;
            self.opened = bucket.remove().into_iter();
        }
    }

    /// When the next one is due; may have passed.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let opened = self.opened.as_slice().first().map(|waiting| waiting.due);
        opened.or_else(|| self.buckets.keys().next().map(|&second| Timestamp::from_secs(second)))
    }

    /// Takes out that one, which is due then.
    pub(super) fn take(&mut self, id: RowKey, due: Timestamp) -> Option<Waiting> {
        let bucket = self.buckets.get_mut(&second_of(due))?;
        let at = bucket.iter().position(|waiting| waiting.id == id)?;
        let taken = bucket.swap_remove(at);
        if bucket.is_empty() {
            self.buckets.remove(&second_of(due));
        }
        Some(taken)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.opened.as_slice().iter().chain(self.buckets.values().flatten())
    }

    /// The clock was set: what is left to wait stays as it was.
    pub(super) fn moved(&mut self, by_ms: i64) {
        let before = std::mem::take(self);
        for waiting in before.opened.chain(before.buckets.into_values().flatten()) {
            self.add(waiting.moved(by_ms));
        }
    }

    /// Bytes that the records take, with what their buckets have in reserve.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let records: usize = self.buckets.values().map(Vec::capacity).sum();
        records * size_of::<Waiting>() + self.buckets.len() * (8 + size_of::<Vec<Waiting>>())
    }
}

fn second_of(due: Timestamp) -> u64 {
    due.millis().div_ceil(1_000)
}
