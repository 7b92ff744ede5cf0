//! All bindings on one X number, compactly. An X number works in one mode at a time, so "AX and AXB on the
//! same X" cannot be written down; a party is a key of an AXB slot, so it cannot stand there twice.
//!
//! [`XSlot::apply`] is the only way a slot changes. It asserts, it does not check: what it is given has been
//! decided by the rules in `ax.rs` and `axb.rs`.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use super::binding::{AnyBinding, Ax, Axb, Binding, Change};
use super::id::BindingId;
use super::number::E164;
use super::time::Timestamp;

/// All bindings on one X number. A number without bindings has no slot.
#[derive(Clone, Debug)]
pub enum XSlot {
    /// One A.
    Ax(Binding<Ax>),
    /// Many pairs.
    Axb(AxbSlot),
}

impl XSlot {
    /// The slot after `change`; `None` when nothing is bound any more.
    ///
    /// # Panics
    /// When `change` does not fit what stands here: that is a mistake of ours, and going on could connect
    /// strangers.
    pub fn apply(slot: Option<Self>, change: &Change) -> Option<Self> {
        match (slot, change) {
            (None, Change::Bound(AnyBinding::Ax(binding))) => Some(Self::Ax(binding.clone())),
            (None, Change::Bound(AnyBinding::Axb(binding))) => {
                let mut slot = AxbSlot::default();
                slot.insert(binding.clone());
                Some(Self::Axb(slot))
            }
            (Some(Self::Ax(old)), Change::Modified(AnyBinding::Ax(binding))) => {
                assert_eq!(old.id, binding.id, "another AX binding stands on {}", binding.x);
                Some(Self::Ax(binding.clone()))
            }
            (Some(Self::Ax(old)), Change::Unbound { binding, .. }) => {
                assert_eq!(old.id, binding.id(), "another AX binding stands on {}", old.x);
                None
            }
            (Some(Self::Axb(mut slot)), Change::Bound(AnyBinding::Axb(binding))) => {
                slot.insert(binding.clone());
                Some(Self::Axb(slot))
            }
            (Some(Self::Axb(mut slot)), Change::Modified(AnyBinding::Axb(binding))) => {
                slot.remove(binding.id).expect("a modified binding stands on its X");
                slot.insert(binding.clone());
                Some(Self::Axb(slot))
            }
            (Some(Self::Axb(mut slot)), Change::Unbound { binding, .. }) => {
                slot.remove(binding.id()).expect("an ended binding stood on its X");
                (slot.len() > 0).then_some(Self::Axb(slot))
            }
            (slot, change) => panic!("{:?} does not fit {change:?}", slot.map(|slot| slot.len())),
        }
    }

    /// How many bindings stand here, expired ones that no timer has removed yet included.
    pub fn len(&self) -> usize {
        match self {
            Self::Ax(_) => 1,
            Self::Axb(slot) => slot.len(),
        }
    }

    /// The ids of the bindings that are live at `now`, in no particular order.
    pub fn each_live(&self, now: Timestamp, mut see: impl FnMut(BindingId)) {
        match self {
            Self::Ax(binding) if binding.is_live(now) => see(binding.id),
            Self::Ax(_) => {}
            Self::Axb(slot) => {
                slot.records
                    .iter()
                    .filter(|binding| binding.is_live(now))
                    .for_each(|binding| see(binding.id));
            }
        }
    }

    /// The live binding in which `party` is A or B.
    pub fn live_of(&self, party: E164, now: Timestamp) -> Option<BindingId> {
        match self {
            Self::Ax(binding) => (binding.relation.a == party && binding.is_live(now)).then_some(binding.id),
            Self::Axb(slot) => {
                slot.by_party(party).filter(|binding| binding.is_live(now)).map(|binding| binding.id)
            }
        }
    }

    /// Never true: an empty slot is no slot. Here because a `len` wants it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The binding with this id.
    pub fn by_id(&self, id: BindingId) -> Option<AnyBinding> {
        match self {
            Self::Ax(binding) => (binding.id == id).then(|| AnyBinding::Ax(binding.clone())),
            Self::Axb(slot) => slot.by_id(id).cloned().map(AnyBinding::Axb),
        }
    }

    /// Every binding here, oldest first.
    pub fn bindings(&self) -> Vec<AnyBinding> {
        match self {
            Self::Ax(binding) => vec![AnyBinding::Ax(binding.clone())],
            Self::Axb(slot) => slot.in_order().into_iter().cloned().map(AnyBinding::Axb).collect(),
        }
    }
}

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

    /// All bindings, oldest first.
    pub fn in_order(&self) -> Vec<&Binding<Axb>> {
        let mut records: Vec<_> = self.records.iter().collect();
        records.sort_unstable_by_key(|binding| binding.id);
        records
    }

    fn position(&self, id: BindingId) -> Option<u32> {
        self.by_id.find(hash(id.get()), |&at| self.records[at as usize].id == id).copied()
    }

    fn insert(&mut self, binding: Binding<Axb>) {
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

    fn remove(&mut self, id: BindingId) -> Option<Binding<Axb>> {
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
        entry.ok().expect("every record is indexed by id").remove();
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

/// Hashes with a key drawn once per process: parties are chosen by customers, who must not be able to pile
/// them onto one bucket. Which bucket a number falls into decides nothing.
fn hash(word: u64) -> u64 {
    static KEYED: OnceLock<RandomState> = OnceLock::new();
    KEYED.get_or_init(RandomState::new).hash_one(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::binding::{Expiry, Terms, UnbindCause};
    use super::super::id::{AppNo, RowKey};
    use super::super::number::{Pair, XNumber};
    use super::super::time::Timestamp;
    use super::*;

    fn number(n: u64) -> E164 {
        E164::from_word(8_613_800_000_000 + n).unwrap()
    }

    fn axb(id: u64, a: u64, b: u64) -> Binding<Axb> {
        Binding {
            id: RowKey::from_stored(id).unwrap(),
            app: AppNo(1),
            x: XNumber::new(number(999)),
            relation: Axb { pair: Pair::new(number(a), number(b)).unwrap(), duration_secs: 0 },
            terms: Terms::default(),
            expiry: Expiry::Never,
            since: Timestamp::from_secs(1),
        }
    }

    fn unbound(binding: Binding<Axb>) -> Change {
        let cause = UnbindCause::Customer;
        Change::Unbound { binding: AnyBinding::Axb(binding), cause, at: Timestamp::from_secs(2) }
    }

    proptest! {
        #[test]
        fn an_axb_slot_agrees_with_a_list_that_is_scanned(steps in prop::collection::vec((any::<bool>(), 0u64..40, 0u64..40), 1..200)) {
            let mut slot: Option<XSlot> = None;
            let mut model: Vec<Binding<Axb>> = Vec::new();
            for (id, (bind, a, b)) in (1u64..).zip(steps) {
                let free = |party: u64| model.iter().all(|known| !known.relation.pair.has(number(party)));
                if bind && a != b && free(a) && free(b) {
                    let binding = axb(id, a, b);
                    model.push(binding.clone());
                    slot = XSlot::apply(slot, &Change::Bound(AnyBinding::Axb(binding)));
                } else if !bind && !model.is_empty() {
                    let gone = model.remove(usize::try_from(a).unwrap() % model.len());
                    slot = XSlot::apply(slot, &unbound(gone));
                }
                match &slot {
                    None => prop_assert!(model.is_empty()),
                    Some(XSlot::Ax(_)) => prop_assert!(false, "an AXB slot turned into an AX one"),
                    Some(XSlot::Axb(slot)) => {
                        prop_assert_eq!(slot.in_order(), model.iter().collect::<Vec<_>>());
                        for party in (0..40).map(number) {
                            let expected = model.iter().find(|known| known.relation.pair.has(party));
                            prop_assert_eq!(slot.by_party(party), expected);
                        }
                        for known in &model {
                            prop_assert_eq!(slot.by_id(known.id), Some(known));
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "stands on")]
    fn applying_a_bind_of_a_party_that_stands_there_already_stops_the_program() {
        let slot = XSlot::apply(None, &Change::Bound(AnyBinding::Axb(axb(1, 1, 2))));
        XSlot::apply(slot, &Change::Bound(AnyBinding::Axb(axb(2, 2, 3))));
    }
}
