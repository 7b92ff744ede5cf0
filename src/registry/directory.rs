//! The look-ups over dashmap: from an X number to what stands on it, from a binding to its X number, from an
//! A to its X numbers. No guard ever leaves this file: callers hand in closures and get values back.
//!
//! The X entry owns its bindings. The other two maps hold only X numbers, so they cannot disagree about
//! content, only about existence, and [`Directory::check_consistency`] looks for that.

use dashmap::DashMap;

use crate::domain::binding::{AnyBinding, Change, LastCaller};
use crate::domain::customer::NumberRecord;
use crate::domain::id::{AppNo, BindingId};
use crate::domain::number::{E164, XNumber};
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;

/// One X number with everything that stands on it.
#[derive(Debug)]
pub struct Entry {
    /// As the operator entered it.
    pub record: NumberRecord,
    /// What is bound.
    pub slot: Option<XSlot>,
    /// When a call to it last ended.
    pub last_call_at: Option<Timestamp>,
}

/// The look-ups.
#[derive(Debug, Default)]
pub struct Directory {
    entries: DashMap<XNumber, Entry>,
    by_binding: DashMap<BindingId, XNumber>,
    /// AX: the X numbers of an A (`origNum` in a query).
    by_owner: DashMap<(AppNo, E164), Vec<XNumber>>,
}

impl Directory {
    /// Nothing stands yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at one X number.
    pub fn view<R>(&self, x: XNumber, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        self.entries.get(&x).map(|entry| look(&entry))
    }

    /// Looks at every X number, in no particular order.
    pub fn view_all(&self, mut look: impl FnMut(&Entry)) {
        self.entries.iter().for_each(|entry| look(&entry));
    }

    /// The X number a binding stands on.
    pub fn x_of(&self, id: BindingId) -> Option<XNumber> {
        self.by_binding.get(&id).map(|x| *x)
    }

    /// The binding with this id, whoever's it is and whether or not it has expired.
    pub fn binding(&self, id: BindingId) -> Option<AnyBinding> {
        self.view(self.x_of(id)?, |entry| entry.slot.as_ref().and_then(|slot| slot.by_id(id)))?
    }

    /// AX: the X numbers of an A, in the order bound.
    pub fn owned_by(&self, app: AppNo, a: E164) -> Vec<XNumber> {
        self.by_owner.get(&(app, a)).map(|owned| owned.clone()).unwrap_or_default()
    }

    /// AX: how many X numbers an A has.
    pub fn owned_count(&self, app: AppNo, a: E164) -> usize {
        self.by_owner.get(&(app, a)).map_or(0, |owned| owned.len())
    }

    /// How many bindings stand.
    pub fn binding_count(&self) -> usize {
        self.by_binding.len()
    }

    /// How many X numbers there are.
    pub fn number_count(&self) -> usize {
        self.entries.len()
    }

    /// Adds a number or replaces its record; what is bound stays.
    pub fn put_number(&self, record: NumberRecord, last_call_at: Option<Timestamp>) {
        match self.entries.get_mut(&record.x) {
            Some(mut entry) => {
                entry.last_call_at = entry.last_call_at.max(last_call_at);
                entry.record = record;
            }
            None => drop(self.entries.insert(record.x, Entry { record, slot: None, last_call_at })),
        }
    }

    /// Takes a number out. Whatever was bound on it must have been unbound before.
    pub fn remove_number(&self, x: XNumber) {
        if let Some((_, entry)) = self.entries.remove(&x) {
            assert!(entry.slot.is_none(), "{x} was removed while something is bound on it");
        }
    }

    /// Notes that a call to the number ended.
    pub fn note_call(&self, x: XNumber, at: Timestamp) {
        if let Some(mut entry) = self.entries.get_mut(&x) {
            entry.last_call_at = entry.last_call_at.max(Some(at));
        }
    }

    /// Notes who called through an AXE binding, if it still stands.
    pub fn note_caller(&self, id: BindingId, caller: LastCaller) {
        let Some(mut entry) = self.x_of(id).and_then(|x| self.entries.get_mut(&x)) else { return };
        if let Some(XSlot::Axe(slot)) = &mut entry.slot {
            slot.note_caller(id, caller);
        }
    }

    /// Absorbs a change that is durable. Returns how many bindings the X number carries now.
    pub fn apply(&self, change: &Change) -> u32 {
        let binding = change.binding();
        let x = binding.x();
        let load = {
            let mut entry =
                self.entries.get_mut(&x).expect("what is bound on a number keeps it in the table");
            let before = entry.slot.as_ref().and_then(|slot| owner(slot));
            entry.slot = XSlot::apply(entry.slot.take(), change);
            let after = entry.slot.as_ref().and_then(|slot| owner(slot));
            if before != after {
                self.owner_changes(binding.app(), x, before, after);
            }
            entry.slot.as_ref().map_or(0, XSlot::len)
        };
        match change {
            Change::Bound(binding) => drop(self.by_binding.insert(binding.id(), x)),
            Change::Modified(_) => {}
            Change::Unbound { binding, .. } => drop(self.by_binding.remove(&binding.id())),
        }
        u32::try_from(load).expect("an X carries at most 9,999 bindings")
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.clear();
        self.by_binding.clear();
        self.by_owner.clear();
    }

    /// Compares the maps with each other. Each line names one disagreement.
    pub fn check_consistency(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut bindings = 0;
        for entry in &self.entries {
            let Some(slot) = &entry.slot else { continue };
            bindings += slot.len();
            for binding in slot.bindings() {
                if self.x_of(binding.id()) != Some(entry.record.x) {
                    problems.push(format!("a binding on {} is not found by its id", entry.record.x));
                }
            }
            if let Some(a) =
                owner(slot).filter(|&a| !self.owned_by(entry.record.app, a).contains(&entry.record.x))
            {
                problems.push(format!("{} is not found as a number of {a}", entry.record.x));
            }
        }
        if bindings != self.by_binding.len() {
            problems.push(format!("{bindings} bindings stand, {} are known by id", self.by_binding.len()));
        }
        problems
    }

    fn owner_changes(&self, app: AppNo, x: XNumber, before: Option<E164>, after: Option<E164>) {
        if let Some(before) = before {
            if let Some(mut owned) = self.by_owner.get_mut(&(app, before)) {
                owned.retain(|&known| known != x);
            }
            self.by_owner.remove_if(&(app, before), |_, owned| owned.is_empty());
        }
        if let Some(after) = after {
            self.by_owner.entry((app, after)).or_default().push(x);
        }
    }
}

const fn owner(slot: &XSlot) -> Option<E164> {
    match slot {
        XSlot::Ax(binding) => Some(binding.relation.a),
        XSlot::Axb(_) | XSlot::Axe(_) => None,
    }
}
