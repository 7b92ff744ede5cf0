//! The two things that a number of an AXYB app can be: the X of one A, or a Y for several.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::binding::{Axyb, Binding, Yb};
use crate::domain::id::BindingId;
use crate::domain::number::{E164, XNumber};
use crate::domain::time::Timestamp;

/// An X: its binding, and the B that have a Y of it; few, so that they are scanned.
#[derive(Clone, Debug)]
pub struct AxybSlot {
    /// What A and X were bound by.
    pub binding: Binding<Axyb>,
    ybs: Vec<Arc<Binding<Yb>>>,
}

impl AxybSlot {
    pub(super) const fn new(binding: Binding<Axyb>) -> Self {
        Self { binding, ybs: Vec::new() }
    }

    /// How many bindings stand here: that of A, and one for each B.
    pub fn len(&self) -> usize {
        1 + self.ybs.len()
    }

    /// Never true.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Each B, the first bound first.
    pub fn ybs(&self) -> impl Iterator<Item = &Binding<Yb>> {
        self.ybs.iter().map(|yb| &**yb)
    }

    /// What this B was bound by.
    pub fn by_b(&self, b: E164) -> Option<&Binding<Yb>> {
        self.ybs().find(|yb| yb.relation.pair.b() == b)
    }

    /// The binding of a B with this id, as the number that is its Y keeps it too.
    pub fn yb(&self, id: BindingId) -> Option<&Arc<Binding<Yb>>> {
        self.ybs.iter().find(|yb| yb.id == id)
    }

    pub(super) fn insert(&mut self, yb: Binding<Yb>) {
        assert_eq!(yb.relation.ax, self.binding.id, "a Y of another binding than stands on {}", yb.x);
        assert!(self.by_b(yb.relation.pair.b()).is_none(), "a B has a Y of {} already", yb.x);
        self.ybs.push(Arc::new(yb));
    }

    pub(super) fn remove(&mut self, id: BindingId) -> Option<Arc<Binding<Yb>>> {
        let at = self.ybs.iter().position(|yb| yb.id == id)?;
        Some(self.ybs.remove(at))
    }
}

/// A Y: whom it stands for, by who knows it. The bindings belong to their X; here is the way to them.
#[derive(Clone, Debug, Default)]
pub struct YSlot {
    by_a: HashMap<E164, Arc<Binding<Yb>>>,
    /// B and A of each.
    by_b: BTreeSet<(E164, E164)>,
}

impl YSlot {
    /// For how many A the number stands for somebody.
    pub fn len(&self) -> usize {
        self.by_a.len()
    }

    /// Whether it is no Y any more.
    pub fn is_empty(&self) -> bool {
        self.by_a.is_empty()
    }

    /// Whom the number stands for when this A dials it.
    pub fn by_a(&self, a: E164) -> Option<&Binding<Yb>> {
        self.by_a.get(&a).map(|yb| &**yb)
    }

    /// Whether the number stands for this B towards anybody at `now`.
    pub fn stands_for(&self, b: E164, now: Timestamp) -> bool {
        self.of_b(b).any(|yb| yb.is_live(now))
    }

    /// The bindings in which the number stands for this B.
    pub fn of_b(&self, b: E164) -> impl Iterator<Item = &Binding<Yb>> {
        let from = self.by_b.range((b, E164::LOWEST)..);
        from.take_while(move |(of, _)| *of == b).map(|(_, a)| &*self.by_a[a])
    }

    /// All bindings of which it is the Y, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Binding<Yb>> {
        self.by_a.values().map(|yb| &**yb)
    }

    /// The X of each of them, with its id, the oldest first.
    pub fn belongs_to(&self) -> Vec<(BindingId, XNumber)> {
        let mut found: Vec<_> = self.iter().map(|yb| (yb.id, yb.x)).collect();
        found.sort_unstable();
        found
    }

    pub(super) fn insert(&mut self, yb: Arc<Binding<Yb>>) {
        let (pair, y) = (yb.relation.pair, yb.relation.y);
        let before = self.by_a.insert(pair.a(), yb);
        assert!(before.is_none(), "{y} would stand for two towards {}", pair.a());
        self.by_b.insert((pair.b(), pair.a()));
    }

    pub(super) fn remove(&mut self, yb: &Binding<Yb>) {
        let pair = yb.relation.pair;
        let gone = self.by_a.remove(&pair.a()).filter(|gone| gone.id == yb.id);
        assert!(gone.is_some(), "{} did not stand for the B of a binding that ends", yb.relation.y);
        self.by_b.remove(&(pair.b(), pair.a()));
    }
}

#[cfg(test)]
mod tests;
