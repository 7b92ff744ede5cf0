//! The pairs on one X number.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::hash;
use crate::domain::binding::{Axb, Binding};
use crate::domain::id::BindingId;
use crate::domain::number::E164;

/// The pairs on one X: one array of records and two small indexes of array positions.
#[derive(Clone, Default)]
pub struct AxbSlot {
    records: Vec<Binding<Axb>>,
    by_party: HashTable<Seat>,
    by_id: HashTable<u32>,
}

/// Where a party stands: the array position of its record, and whether it is A or B there.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seat(u32);

impl Seat {
    const fn a(at: u32) -> Self {
        Self(at << 1)
    }

    const fn b(at: u32) -> Self {
        Self(at << 1 | 1)
    }

    const fn at(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn party(self, records: &[Binding<Axb>]) -> E164 {
        let pair = records[self.at()].relation.pair;
        if self.0 & 1 == 0 { pair.a() } else { pair.b() }
    }
}

impl AxbSlot {
    /// How many pairs stand here.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no pair stands here.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The binding in which `party` is A or B.
    pub fn by_party(&self, party: E164) -> Option<&Binding<Axb>> {
        let seat = self.by_party.find(hash(party.word()), |seat| seat.party(&self.records) == party)?;
        Some(&self.records[seat.at()])
    }

    /// The binding with this id.
    pub fn by_id(&self, id: BindingId) -> Option<&Binding<Axb>> {
        self.position(id).map(|at| &self.records[at as usize])
    }

    /// All bindings, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Binding<Axb>> {
        self.records.iter()
    }

    /// All bindings, oldest first.
    pub fn in_order(&self) -> Vec<&Binding<Axb>> {
        let mut records: Vec<_> = self.records.iter().collect();
        records.sort_unstable_by_key(|binding| binding.id);
        records
    }

    fn position(&self, id: BindingId) -> Option<u32> {
        self.by_id.find(hash(id.get()), |&at| self.records[at as usize].id == id).copied()
    }

    pub(super) fn insert(&mut self, binding: Binding<Axb>) {
        if self.records.len() == self.records.capacity() {
            // Grow by an eighth, not twofold: at ten million bindings the slack would be hundreds of megabytes.
            self.records.reserve_exact(4 + self.records.len() / 8);
        }
        let at = u32::try_from(self.records.len()).expect("an X carries at most 5,000 pairs");
        self.records.push(binding);
        let (records, binding) = (&self.records, &self.records[at as usize]);
        let key = |&at: &u32| hash(records[at as usize].id.get());
        match self.by_id.entry(key(&at), |&other| records[other as usize].id == binding.id, key) {
            Entry::Vacant(place) => drop(place.insert(at)),
            Entry::Occupied(_) => panic!("a binding stands on {} twice", binding.x),
        }
        for seat in [Seat::a(at), Seat::b(at)] {
            let key = |seat: &Seat| hash(seat.party(records).word());
            let party = seat.party(records);
            match self.by_party.entry(key(&seat), |other| other.party(records) == party, key) {
                Entry::Vacant(place) => drop(place.insert(seat)),
                Entry::Occupied(_) => panic!("party {party} stands on {} already", binding.x),
            }
        }
    }

    pub(super) fn remove(&mut self, id: BindingId) -> Option<Binding<Axb>> {
        let at = self.position(id)?;
        self.forget(at);
        let last = u32::try_from(self.records.len() - 1).expect("an X carries at most 5,000 pairs");
        if at != last {
            self.renumber(last, at);
        }
        Some(self.records.swap_remove(at as usize))
    }

    /// Drops the index entries that point at `at`.
    fn forget(&mut self, at: u32) {
        let id = self.records[at as usize].id;
        let entry = self.by_id.find_entry(hash(id.get()), |&found| found == at);
        entry.expect("every record is indexed by id").remove();
        for seat in [Seat::a(at), Seat::b(at)] {
            let entry =
                self.by_party.find_entry(hash(seat.party(&self.records).word()), |&found| found == seat);
            entry.ok().expect("every record is indexed by both parties").remove();
        }
    }

    /// Lets the index entries that point at `from` point at `to`.
    fn renumber(&mut self, from: u32, to: u32) {
        let id = self.records[from as usize].id;
        let entry = self.by_id.find_mut(hash(id.get()), |&found| found == from);
        *entry.expect("every record is indexed by id") = to;
        for (old, new) in [(Seat::a(from), Seat::a(to)), (Seat::b(from), Seat::b(to))] {
            let key = hash(old.party(&self.records).word());
            let entry = self.by_party.find_mut(key, |&found| found == old);
            *entry.expect("every record is indexed by both parties") = new;
        }
    }
}

impl std::fmt::Debug for AxbSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.in_order()).finish()
    }
}
