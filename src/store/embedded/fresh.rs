//! Deliveries that wait for their first push. Most have been pushed a moment later, so no row says that they wait:
//! they are those which have no outcome. That saves a row that would be written only to be removed.
//!
//! So that start-up finds them without reading all deliveries, a frontier is stored: below it every delivery has
//! an outcome, or a row among the pending. It moves on in strides of a bounded number of deliveries, and what it
//! passes that still waits is given its row among the pending then.

use std::collections::{BTreeSet, HashSet};

use rusqlite::Connection;

use super::sqlite::{cell, execute, gather};
use crate::domain::delivery::Delivery;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// Deliveries queued between two moves of the frontier. Start-up looks through about twice as many at most.
const STRIDE: usize = 16_384;

/// What is fresh as of the last commit.
#[derive(Debug)]
pub(super) struct Fresh {
    waiting: BTreeSet<RowKey>,
    /// Where the frontier moves next: the delivery queued last when it moved before.
    next: RowKey,
    /// The one queued last.
    newest: RowKey,
    /// How many have been queued beyond `next`.
    queued: usize,
}

/// What a batch in the making changes in it.
#[derive(Debug)]
pub(super) struct FreshChanges<'f> {
    before: &'f Fresh,
    change: FreshChange,
}

/// To be made once the batch is committed.
#[derive(Debug, Default)]
pub(super) struct FreshChange {
    /// These wait for their first push, in the order of their keys.
    queued: Vec<RowKey>,
    /// These have an outcome, or a row among the pending.
    noted: HashSet<RowKey>,
    /// The frontier has moved.
    moved: bool,
}

/// Whether a delivery is as every new one is, so that nothing has to be written about where it stands.
pub(super) fn is_fresh(delivery: &Delivery) -> bool {
    let Delivery { id, app, kind, call, .. } = *delivery;
    *delivery == Delivery::new(id, app, kind, call, Timestamp::from_millis(id.millis()))
}

impl Fresh {
    /// What is fresh as it is stored.
    pub(super) fn read(db: &Connection) -> Result<Self, StoreError> {
        let waiting = gather(db, "SELECT id FROM delivery_fresh", [], |cells| cells.column("delivery.id"))?;
        let sql = "SELECT coalesce(max(id), 1), count(*) FROM delivery \
                   WHERE id > (SELECT up_to FROM delivery_frontier)";
        let beyond = gather(db, sql, [], |cells| Ok((cells.column("delivery.id")?, cells.column("count")?)))?;
        let (newest, queued): (RowKey, u32) = beyond.first().copied().unwrap_or((RowKey::floor(0), 0));
        let queued = usize::try_from(queued).unwrap_or(usize::MAX);
        Ok(Self { waiting: waiting.into_iter().collect(), next: newest, newest, queued })
    }

    /// A batch begins.
    pub(super) fn begin(&self) -> FreshChanges<'_> {
        FreshChanges { before: self, change: FreshChange::default() }
    }

    /// A batch is committed.
    pub(super) fn committed(&mut self, change: FreshChange) {
        self.queued += change.queued.len();
        self.newest = change.queued.last().map_or(self.newest, |last| self.newest.max(*last));
        if change.moved {
            (self.next, self.queued) = (self.newest, 0);
        }
        self.waiting.extend(change.queued);
        for id in change.noted {
            self.waiting.remove(&id);
        }
    }
}

impl FreshChanges<'_> {
    /// A delivery was queued. It is fresh unless [`FreshChanges::noted`] says otherwise.
    pub(super) fn queued(&mut self, id: RowKey) {
        self.change.queued.push(id);
    }

    /// A delivery has an outcome now, or a row among the pending. Returns whether it was fresh: had neither before.
    pub(super) fn noted(&mut self, id: RowKey) -> bool {
        self.change.noted.insert(id) && self.before.waiting.contains(&id)
    }

    /// Moves the frontier if it is time. What the batch has changed until now is in the tables.
    pub(super) fn finish(mut self, db: &Connection) -> Result<FreshChange, StoreError> {
        if self.before.queued + self.change.queued.len() >= STRIDE {
            let sql = "INSERT INTO delivery_pending (id, pushes, first_push_at, due, app, kind, call) \
                       SELECT id, 0, NULL, id >> 21, app, kind, call FROM delivery_fresh WHERE id <= ?1 \
                       RETURNING id";
            let next = cell(&self.before.next, "delivery.id")?;
            let passed: Vec<RowKey> =
                gather(db, sql, [next.clone()], |cells| cells.column("delivery_pending.id"))?;
            self.change.noted.extend(passed);
            execute(db, "UPDATE delivery_frontier SET up_to = max(up_to, ?1)", [next])?;
            self.change.moved = true;
        }
        Ok(self.change)
    }
}

#[cfg(test)]
mod tests {
    use super::super::EmbeddedStore;
    use super::*;
    use crate::domain::delivery::{NoticeKind, State};
    use crate::store::contract::sample;
    use crate::store::query::{DeliveryFilter, Page};
    use crate::store::{Batch, LoadFrom, Loaded, Store as _};

    #[test]
    fn what_waits_for_its_first_push_is_pending_also_when_the_frontier_has_passed_it() {
        let dir = tempfile::tempdir().unwrap();
        let open = || EmbeddedStore::open(dir.path(), [7; 32]).unwrap();
        let store = open();
        let stride = u64::try_from(STRIDE).unwrap();
        let queued = |secs| sample::delivery(secs, 1, NoticeKind::Event);
        for seconds in [1..=stride, stride + 1..=2 * stride, 2 * stride + 1..=2 * stride + 2] {
            store
                .commit(&Batch { writes: seconds.map(|secs| sample::queued(queued(secs))).collect() })
                .unwrap();
        }
        let rows: i64 = {
            let shell = Connection::open(dir.path().join(super::super::MAIN_FILE)).unwrap();
            shell.query_row("SELECT count(*) FROM delivery_pending", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(rows.unsigned_abs(), stride, "those of the first batch");
        // One that the frontier has passed, and one that it has not.
        let pushes = [3, 2 * stride + 1].map(|secs| sample::pushed(queued(secs), true, 0).1);
        store.commit(&Batch { writes: pushes.into() }).unwrap();
        let waiting = |store: &EmbeddedStore| {
            let mut found = Vec::new();
            let from = LoadFrom { ended_after: sample::at(0), closed_after: sample::at(0) };
            let mut gather = |loaded| {
                if let Loaded::Delivery(delivery) = loaded {
                    found.push(delivery);
                }
            };
            store.load(from, &mut gather).unwrap();
            found
        };
        let all = 1..=2 * stride + 2;
        let expected: Vec<_> = all.filter(|secs| ![3, 2 * stride + 1].contains(secs)).map(queued).collect();
        assert!(waiting(&store) == expected);
        let filter = DeliveryFilter { state: Some(State::Pending), ..DeliveryFilter::default() };
        let newest = store.find_deliveries(&filter, Page { before: None, limit: 2 }).unwrap();
        let newest: Vec<_> = newest.into_iter().map(|row| row.delivery).collect();
        assert_eq!(newest, [queued(2 * stride + 2), queued(2 * stride)]);
        drop(store);
        assert!(waiting(&open()) == expected, "after a restart");
    }
}
