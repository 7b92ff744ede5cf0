//! What is not due yet, in one bucket per second (delivery R4): adding and taking cost next to nothing, and a
//! million fit into about 46 MB. A heap would cost more time, a task for each thirty times the memory.

use std::collections::BTreeMap;
use std::vec::IntoIter;

use super::waiting::Waiting;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;

/// Records in one piece of a bucket. A piece never grows, nor moves: one large vector that did would leave holes
/// of all sizes behind, which cost more memory than the room that is left in the last pieces.
const PIECE: usize = 8;

type Bucket = Vec<Vec<Waiting>>;

/// Deliveries by the second in which they are due, rounded up: never early.
#[derive(Debug, Default)]
pub(super) struct Later {
    buckets: BTreeMap<u64, Bucket>,
    /// The piece that is being emptied, and the rest of its bucket. A second may hold a million, after a long stop
    /// for example.
    opened: IntoIter<Waiting>,
    unopened: IntoIter<Vec<Waiting>>,
}

impl Later {
    pub(super) fn add(&mut self, waiting: Waiting) {
        let bucket = self.buckets.entry(second_of(waiting.due)).or_default();
        match bucket.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(waiting),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(waiting);
                bucket.push(piece);
            }
        }
    }

    /// Takes out one that is due, those of the earliest second first.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Waiting> {
        loop {
            if let Some(waiting) = self.opened.next() {
                return Some(waiting);
            }
            if let Some(piece) = self.unopened.next() {
                self.opened = piece.into_iter();
                continue;
            }
            let bucket = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now.secs())?;
            self.unopened = bucket.remove().into_iter();
        }
    }

    /// When the next one is due; may have passed.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let opened = self.of_the_open_bucket().next().map(|waiting| waiting.due);
        opened.or_else(|| self.buckets.keys().next().map(|&second| Timestamp::from_secs(second)))
    }

    /// Takes out that one, which is due then.
    pub(super) fn take(&mut self, id: RowKey, due: Timestamp) -> Option<Waiting> {
        let bucket = self.buckets.get_mut(&second_of(due))?;
        let mut places = bucket.iter().enumerate();
        let (piece, at) = places.find_map(|(piece, records)| {
            records.iter().position(|waiting| waiting.id == id).map(|at| (piece, at))
        })?;
        let taken = bucket[piece].swap_remove(at);
        if bucket[piece].is_empty() {
            bucket.swap_remove(piece);
        }
        if bucket.is_empty() {
            self.buckets.remove(&second_of(due));
        }
        Some(taken)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.of_the_open_bucket().chain(self.buckets.values().flatten().flatten())
    }

    fn of_the_open_bucket(&self) -> impl Iterator<Item = &Waiting> {
        self.opened.as_slice().iter().chain(self.unopened.as_slice().iter().flatten())
    }

    /// The clock was set: what is left to wait stays as it was.
    pub(super) fn moved(&mut self, by_ms: i64) {
        let Self { buckets, opened, unopened } = std::mem::take(self);
        let closed = buckets.into_values().flatten().flatten();
        for waiting in opened.chain(unopened.flatten()).chain(closed) {
            self.add(waiting.moved(by_ms));
        }
    }

    /// Bytes that the records take, with what their buckets have in reserve.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let of_bucket = |bucket: &Bucket| {
            let records: usize = bucket.iter().map(Vec::capacity).sum();
            records * size_of::<Waiting>() + bucket.capacity() * size_of::<Vec<Waiting>>()
        };
        let buckets: usize = self.buckets.values().map(of_bucket).sum();
        buckets + self.buckets.len() * (8 + size_of::<Bucket>())
    }
}

fn second_of(due: Timestamp) -> u64 {
    due.millis().div_ceil(1_000)
}
