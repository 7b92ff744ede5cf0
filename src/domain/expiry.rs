//! Auto-unbind. Timers here are hints: `route` checks the expiry itself, so a late wake-up is harmless.
//!
//! Buckets by second, cancelled lazily: an entry whose binding was unbound or given another expiry stays until
//! its second comes and is then recognised as stale by whoever looks the binding up. When stale entries
//! outnumber live bindings two to one, the owner rebuilds the queue.

use std::collections::BTreeMap;

use super::binding::Expiry;
use super::id::BindingId;
use super::time::Timestamp;

/// Which binding is due when.
#[derive(Clone, Debug, Default)]
pub struct ExpiryQueue {
    by_second: BTreeMap<u64, Vec<BindingId>>,
    entries: usize,
}

impl ExpiryQueue {
    /// Notes when `id` is due. A binding whose expiry changed is simply noted again.
    pub fn note(&mut self, id: BindingId, expiry: Expiry) {
        let Expiry::At(at) = expiry else { return };
        // Rounded up: looking before the instant would find nothing due.
        self.by_second.entry(at.millis().div_ceil(1_000)).or_default().push(id);
        self.entries += 1;
    }

    /// When something may be due next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.by_second.keys().next().map(|&second| Timestamp::from_secs(second))
    }

    /// Takes at most `limit` entries whose second has come, earliest first.
    pub fn pop_due(&mut self, now: Timestamp, limit: usize) -> Vec<BindingId> {
        let mut due = Vec::new();
        while let Some(mut bucket) = self.by_second.first_entry() {
            if *bucket.key() > now.secs() || due.len() >= limit {
                break;
            }
            let room = limit - due.len();
            if bucket.get().len() > room {
                let rest = bucket.get_mut().split_off(room);
                due.append(bucket.get_mut());
                *bucket.get_mut() = rest;
            } else {
                due.append(&mut bucket.remove());
            }
        }
        self.entries -= due.len();
        due
    }

    /// Entries held, stale ones included.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::RowKey;
    use super::*;

    fn id(n: u64) -> BindingId {
        RowKey::from_stored(n).unwrap()
    }

    #[test]
    fn entries_come_out_when_their_second_has_come_and_not_before() {
        let mut queue = ExpiryQueue::default();
        queue.note(id(1), Expiry::At(Timestamp::from_millis(10_500)));
        queue.note(id(2), Expiry::At(Timestamp::from_millis(10_000)));
        queue.note(id(3), Expiry::Never);
        assert_eq!(queue.next_due(), Some(Timestamp::from_secs(10)));
        assert_eq!(queue.pop_due(Timestamp::from_millis(9_999), 10), []);
        assert_eq!(queue.pop_due(Timestamp::from_millis(10_999), 10), [id(2)]);
        assert_eq!(queue.pop_due(Timestamp::from_millis(11_000), 10), [id(1)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_crowded_second_comes_out_in_portions() {
        let mut queue = ExpiryQueue::default();
        for n in 1..=5 {
            queue.note(id(n), Expiry::At(Timestamp::from_secs(10)));
        }
        let now = Timestamp::from_secs(11);
        assert_eq!(queue.pop_due(now, 2), [id(1), id(2)]);
        assert_eq!(queue.pop_due(now, 2), [id(3), id(4)]);
        assert_eq!(queue.pop_due(now, 2), [id(5)]);
        assert_eq!(queue.len(), 0);
    }
}
