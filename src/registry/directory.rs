//! The look-ups over dashmap: from an X number to what stands on it, from a binding to its X number, from an
//! A to its X numbers. No guard ever leaves this file: callers hand in closures and get values back.
//!
//! The X entry owns its bindings. The other two maps hold only X numbers, so they cannot disagree about
//! content, only about existence, and [`Directory::check_consistency`] looks for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::domain::binding::{AnyBinding, Binding, Change, LastCaller, Yb};
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
    /// How many bindings stand. Asked after each change, and asking the map looks at all of its shards.
    bindings: AtomicUsize,
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
        self.bindings.load(Ordering::Relaxed)
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

    /// The bindings that end when a number is withdrawn: of an X those on it, of a Y those it is the Y of; none
    /// before another that cannot stand without it.
    pub fn standing_by(&self, x: XNumber) -> Vec<AnyBinding> {
        let (mut bindings, elsewhere) = self
            .view(x, |entry| match &entry.slot {
                Some(XSlot::Y(slot)) => (Vec::new(), slot.belongs_to()),
                slot => (slot.as_ref().map(XSlot::bindings).unwrap_or_default(), Vec::new()),
            })
            .unwrap_or_default();
        // The oldest of AXYB is the one that the others need.
        bindings.reverse();
        bindings.extend(elsewhere.into_iter().filter_map(|(id, _)| self.binding(id)));
        bindings
    }

    /// Absorbs a change that is durable. Returns the number whose load it changes, and how loaded that is now.
    pub fn apply(&self, change: &Change) -> (XNumber, u32) {
        let binding = change.binding();
        let x = binding.x();
        let (load, yb) = {
            let mut entry =
                self.entries.get_mut(&x).expect("what is bound on a number keeps it in the table");
            let before = entry.slot.as_ref().and_then(owner);
            entry.slot = XSlot::apply(entry.slot.take(), change);
            let after = entry.slot.as_ref().and_then(owner);
            if before != after {
                self.owner_changes(binding.app(), x, before, after);
            }
            let yb = match (&entry.slot, binding) {
                (Some(XSlot::Axyb(slot)), AnyBinding::Yb(yb)) => slot.yb(yb.id).map(Arc::clone),
                _ => None,
            };
            (entry.slot.as_ref().map_or(0, XSlot::load), yb)
        };
        let (of, load) = match binding {
            AnyBinding::Yb(binding) => self.lend(binding, yb),
            _ => (x, load),
        };
        match change {
            Change::Bound(binding) => {
                self.by_binding.insert(binding.id(), x);
                self.bindings.fetch_add(1, Ordering::Relaxed);
            }
            Change::Modified(_) | Change::PartyLeft { .. } => {}
            Change::Unbound { binding, .. } => {
                self.by_binding.remove(&binding.id());
                self.bindings.fetch_sub(1, Ordering::Relaxed);
            }
        }
        (of, load)
    }

    /// AXYB: lets the number of a Y follow what became of the binding on its X. `stands` is what stands there.
    fn lend(&self, binding: &Binding<Yb>, stands: Option<Arc<Binding<Yb>>>) -> (XNumber, u32) {
        let y = binding.relation.y;
        let mut entry = self.entries.get_mut(&y).expect("what is bound on a number keeps it in the table");
        let slot = entry.slot.take();
        entry.slot = match stands {
            Some(yb) => Some(XSlot::lend(slot, yb)),
            None => XSlot::take_back(slot, binding),
        };
        (y, entry.slot.as_ref().map_or(0, XSlot::load))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.clear();
        self.by_binding.clear();
        self.bindings.store(0, Ordering::Relaxed);
        self.by_owner.clear();
    }

    /// Compares the maps with each other. Each line names one disagreement.
    pub fn check_consistency(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let (mut bindings, mut owners, mut lent) = (0, 0, 0);
        let mut ybs = Vec::new();
        for entry in &self.entries {
            let Some(slot) = &entry.slot else { continue };
            if let XSlot::Y(slot) = slot {
                lent += slot.len();
            }
            for binding in slot.bindings() {
                bindings += 1;
                if self.x_of(binding.id()) != Some(entry.record.x) {
                    problems.push(format!("a binding on {} is not found by its id", entry.record.x));
                }
                if binding.y().is_some() {
                    ybs.push(binding);
                }
            }
            if let Some(a) = owner(slot) {
                owners += 1;
                if !self.owned_by(entry.record.app, a).contains(&entry.record.x) {
                    problems.push(format!("{} is not found as a number of {a}", entry.record.x));
                }
            }
        }
        let (known, counted) = (self.by_binding.len(), self.binding_count());
        if bindings != known || bindings != counted {
            let what = format!("{bindings} bindings stand, {known} are known by id, {counted} are counted");
            problems.push(what);
        }
        // Now that no entry is held.
        for yb in &ybs {
            if yb.y().is_some_and(|y| !self.is_lent(y, yb)) {
                problems.push(format!("a Y of {} does not stand for its B", yb.x()));
            }
        }
        if ybs.len() != lent {
            problems.push(format!("{} bindings have a Y, numbers are a Y {lent} times", ybs.len()));
        }
        let known: usize = self.by_owner.iter().map(|owned| owned.len()).sum();
        if owners != known {
            problems.push(format!("{owners} numbers have an owner, {known} are known by it"));
        }
        problems
    }

    /// Whether the number of a Y leads to this binding.
    fn is_lent(&self, y: XNumber, binding: &AnyBinding) -> bool {
        let known = |entry: &Entry| match &entry.slot {
            Some(XSlot::Y(slot)) => slot.by_a(binding.a()).is_some_and(|yb| yb.id == binding.id()),
            _ => false,
        };
        self.view(y, known).unwrap_or(false)
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
        XSlot::Axb(_) | XSlot::Axe(_) | XSlot::Axyb(_) | XSlot::Y(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::binding::{Ax, Expiry, UnbindCause};
    use crate::domain::customer::NumberStatus;
    use crate::domain::sample::{APP, at, ax, axb, id, number, record, x};

    fn directory() -> Directory {
        let directory = Directory::new();
        for n in 1..=6 {
            directory.put_number(NumberRecord { x: x(n), ..record(NumberStatus::Normal) }, None);
        }
        directory
    }

    /// The owner of X `n`.
    fn owner(n: u64, a: u64) -> Binding<Ax> {
        Binding { x: x(n), ..ax(n, a) }
    }

    fn bound(binding: Binding<Ax>) -> Change {
        Change::Bound(AnyBinding::Ax(binding))
    }

    fn unbound(binding: AnyBinding) -> Change {
        Change::Unbound { binding, cause: UnbindCause::Customer, at: at(9) }
    }

    #[test]
    fn the_numbers_of_an_a_follow_every_bind_modify_and_unbind() {
        let directory = directory();
        let owned = |a| directory.owned_by(APP, number(a));
        directory.apply(&bound(owner(2, 1)));
        directory.apply(&bound(owner(1, 1)));
        assert_eq!(owned(1), [x(2), x(1)], "in the order bound");
        directory.apply(&Change::Modified(AnyBinding::Ax(owner(2, 7))));
        assert_eq!((owned(1), owned(7)), (vec![x(1)], vec![x(2)]));
        assert_eq!(directory.owned_count(AppNo(2), number(1)), 0, "another app's A is another A");
        directory.apply(&unbound(AnyBinding::Ax(owner(1, 1))));
        assert_eq!((owned(1), directory.by_owner.len()), (vec![], 1), "nothing is kept of who has none");
        assert_eq!(directory.check_consistency(), Vec::<String>::new());
    }

    #[test]
    fn a_binding_is_found_by_its_id_until_it_ends_and_the_load_is_told() {
        let directory = directory();
        let bind = |n, a, b| Change::Bound(AnyBinding::Axb(axb(n, a, b, Expiry::Never)));
        assert_eq!(
            (directory.apply(&bind(1, 1, 2)), directory.apply(&bind(2, 3, 4))),
            ((x(1), 1), (x(1), 2))
        );
        let first = directory.binding(id(1)).unwrap();
        assert_eq!((first.x(), directory.binding_count()), (x(1), 2));
        assert_eq!(directory.apply(&unbound(first)), (x(1), 1));
        assert_eq!((directory.binding(id(1)), directory.x_of(id(2))), (None, Some(x(1))));
    }

    #[test]
    fn a_record_is_replaced_and_what_is_bound_and_the_last_call_stay() {
        let directory = directory();
        directory.apply(&bound(owner(1, 1)));
        directory.note_call(x(1), at(50));
        directory.note_call(x(1), at(20));
        let frozen = record(NumberStatus::BindingFrozen);
        directory.put_number(frozen, None);
        let seen =
            directory.view(x(1), |entry| (entry.record.status, entry.slot.is_some(), entry.last_call_at));
        assert_eq!(seen, Some((NumberStatus::BindingFrozen, true, Some(at(50)))));
        assert_eq!(directory.number_count(), 6);
    }

    #[test]
    #[should_panic(expected = "removed while something is bound")]
    fn a_number_on_which_something_is_bound_cannot_be_taken_out() {
        let directory = directory();
        directory.apply(&bound(owner(1, 1)));
        directory.remove_number(x(1));
    }

    #[test]
    fn every_disagreement_of_the_look_ups_is_named() {
        let broken = |spoil: fn(&Directory)| {
            let directory = directory();
            directory.apply(&bound(owner(1, 1)));
            assert_eq!(directory.check_consistency(), Vec::<String>::new());
            spoil(&directory);
            directory.check_consistency().join("; ")
        };
        assert!(broken(|all| _ = all.by_binding.remove(&id(1))).contains("is not found by its id"));
        assert!(broken(|all| _ = all.by_binding.insert(id(9), x(2))).contains("2 are known by id"));
        assert!(
            broken(|all| drop(all.by_owner.remove(&(APP, number(1))))).contains("is not found as a number")
        );
        let stale = broken(|all| drop(all.by_owner.insert((APP, number(9)), vec![x(2)])));
        assert_eq!(stale, "1 numbers have an owner, 2 are known by it");
    }
}
