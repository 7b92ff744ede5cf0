//! The subscribers of one X number that callers tell apart by extension.

use hashbrown::HashTable;

use super::hash;
use crate::domain::binding::{Axe, Binding, LastCaller};
use crate::domain::extension::Extension;
use crate::domain::id::BindingId;
use crate::domain::number::E164;

/// The subscribers on one X: one array of records and three small indexes of array positions.
#[derive(Clone, Default)]
pub struct AxeSlot {
    records: Vec<Record>,
    indexes: [HashTable<u32>; Key::ALL.len()],
}

/// A binding, and who called through it last. That is no part of the binding: it changes with calls, not with
/// commands, so a modification must not put an older one back.
#[derive(Clone, Debug)]
struct Record {
    binding: Binding<Axe>,
    last_caller: Option<LastCaller>,
}

/// What a record can be found by.
#[derive(Clone, Copy)]
enum Key {
    Extension,
    /// Not unique: one A may have several extensions.
    A,
    Id,
}

impl Key {
    const ALL: [Self; 3] = [Self::Extension, Self::A, Self::Id];

    fn of(self, record: &Record) -> u64 {
        let binding = &record.binding;
        match self {
            Self::Extension => binding.relation.extension.word(),
            Self::A => binding.relation.a.word(),
            Self::Id => binding.id.get(),
        }
    }
}

impl AxeSlot {
    /// How many subscribers stand here.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no subscriber stands here.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The binding with this extension.
    pub fn by_extension(&self, extension: Extension) -> Option<&Binding<Axe>> {
        self.position(Key::Extension, extension.word()).map(|at| &self.records[at as usize].binding)
    }

    /// The binding with this id.
    pub fn by_id(&self, id: BindingId) -> Option<&Binding<Axe>> {
        self.position(Key::Id, id.get()).map(|at| &self.records[at as usize].binding)
    }

    /// The bindings in which `a` is the subscriber, each with who called through it last; in no particular
    /// order.
    pub fn by_a(&self, a: E164) -> impl Iterator<Item = (&Binding<Axe>, Option<LastCaller>)> {
        let records = self.index(Key::A).iter_hash(hash(a.word())).map(|&at| &self.records[at as usize]);
        records
            .filter(move |record| record.binding.relation.a == a)
            .map(|record| (&record.binding, record.last_caller))
    }

    /// All bindings, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Binding<Axe>> {
        self.records.iter().map(|record| &record.binding)
    }

    /// All bindings, oldest first.
    pub fn in_order(&self) -> Vec<&Binding<Axe>> {
        let mut bindings: Vec<_> = self.iter().collect();
        bindings.sort_unstable_by_key(|binding| binding.id);
        bindings
    }

    /// Who called last through the binding with this id.
    pub fn last_caller(&self, id: BindingId) -> Option<LastCaller> {
        self.position(Key::Id, id.get()).and_then(|at| self.records[at as usize].last_caller)
    }

    /// Notes who called through a binding, if it still stands and nobody is known who called later.
    pub fn note_caller(&mut self, id: BindingId, caller: LastCaller) {
        let Some(at) = self.position(Key::Id, id.get()) else { return };
        let last = &mut self.records[at as usize].last_caller;
        if last.is_none_or(|last| last.at <= caller.at) {
            *last = Some(caller);
        }
    }

    pub(super) fn insert(&mut self, binding: Binding<Axe>) {
        let (id, extension) = (binding.id, binding.relation.extension);
        assert!(self.by_id(id).is_none(), "a binding stands on {} twice", binding.x);
        assert!(self.by_extension(extension).is_none(), "extension {extension} stands on {}", binding.x);
        if self.records.len() == self.records.capacity() {
            // Grow by an eighth, not twofold, as in AXB.
            self.records.reserve_exact(4 + self.records.len() / 8);
        }
        let at = u32::try_from(self.records.len()).expect("an X carries at most 9,999 subscribers");
        self.records.push(Record { binding, last_caller: None });
        let records = &self.records;
        for key in Key::ALL {
            let hash_of = |at: &u32| hash(key.of(&records[*at as usize]));
            self.indexes[key as usize].insert_unique(hash_of(&at), at, hash_of);
        }
    }

    /// Puts a binding in place of its former self. A and extension never change (customer-api 5.3).
    pub(super) fn replace(&mut self, binding: Binding<Axe>) {
        let at = self.position(Key::Id, binding.id.get()).expect("a modified binding stands on its X");
        let old = &mut self.records[at as usize].binding;
        let key = |binding: &Binding<Axe>| (binding.relation.extension, binding.relation.a);
        assert_eq!(key(old), key(&binding), "a modification moved a binding on {}", binding.x);
        *old = binding;
    }

    pub(super) fn remove(&mut self, id: BindingId) -> Option<Binding<Axe>> {
        let at = self.position(Key::Id, id.get())?;
        for key in Key::ALL {
            let hash = hash(key.of(&self.records[at as usize]));
            let Ok(entry) = self.indexes[key as usize].find_entry(hash, |&found| found == at) else {
                panic!("every record is in every index")
            };
            entry.remove();
        }
        let last = u32::try_from(self.records.len() - 1).expect("an X carries at most 9,999 subscribers");
        if at != last {
            self.renumber(last, at);
        }
        Some(self.records.swap_remove(at as usize).binding)
    }

    /// Lets the index entries that point at `from` point at `to`.
    fn renumber(&mut self, from: u32, to: u32) {
        for key in Key::ALL {
            let hash = hash(key.of(&self.records[from as usize]));
            let entry = self.indexes[key as usize].find_mut(hash, |&found| found == from);
            *entry.expect("every record is in every index") = to;
        }
    }

    fn position(&self, key: Key, value: u64) -> Option<u32> {
        self.index(key).find(hash(value), |&at| key.of(&self.records[at as usize]) == value).copied()
    }

    const fn index(&self, key: Key) -> &HashTable<u32> {
        &self.indexes[key as usize]
    }
}

impl std::fmt::Debug for AxeSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.in_order()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::binding::{AnyBinding, Change, Expiry, FirstGiven, Span, Terms, UnbindCause};
    use crate::domain::id::{AppNo, RowKey};
    use crate::domain::number::XNumber;
    use crate::domain::slot::XSlot;
    use crate::domain::time::Timestamp;

    const EXTENSIONS: u16 = 9;
    const SUBSCRIBERS: u64 = 4;

    fn number(n: u64) -> E164 {
        E164::from_word(8_613_800_000_000 + n).unwrap()
    }

    fn extension(n: u16) -> Extension {
        Extension::new(1, n).unwrap()
    }

    fn binding(id: u64, a: u64, n: u16) -> Binding<Axe> {
        Binding {
            id: RowKey::from_stored(id).unwrap(),
            app: AppNo(1),
            x: XNumber::new(number(999)),
            relation: Axe {
                a: number(a),
                extension: extension(n),
                life: Span::NONE,
                callback: Span::NONE,
                first: FirstGiven::default(),
                fallback: None,
                shows_caller: false,
            },
            terms: Terms::default(),
            expiry: Expiry::Never,
            since: Timestamp::from_secs(1),
        }
    }

    fn caller(n: u64, at: u64) -> LastCaller {
        LastCaller { caller: number(100 + n), at: Timestamp::from_secs(at) }
    }

    /// A slot as a list that is scanned.
    #[derive(Default)]
    struct Model(Vec<(Binding<Axe>, Option<LastCaller>)>);

    impl Model {
        fn step(&mut self, id: u64, (kind, a, n): (u8, u64, u16)) -> Option<Change> {
            let at = usize::from(n) % self.0.len().max(1);
            match kind {
                0 if self.0.iter().all(|(known, _)| known.relation.extension != extension(n)) => {
                    self.0.push((binding(id, a, n), None));
                    Some(Change::Bound(AnyBinding::Axe(binding(id, a, n))))
                }
                1 if !self.0.is_empty() => {
                    let (gone, _) = self.0.remove(at);
                    let (cause, at) = (UnbindCause::Customer, Timestamp::from_secs(2));
                    Some(Change::Unbound { binding: AnyBinding::Axe(gone), cause, at })
                }
                2 if !self.0.is_empty() => {
                    self.0[at].0.since = Timestamp::from_secs(id);
                    Some(Change::Modified(AnyBinding::Axe(self.0[at].0.clone())))
                }
                _ => None,
            }
        }
    }

    proptest! {
        #[test]
        fn an_axe_slot_agrees_with_a_list_that_is_scanned(
            steps in prop::collection::vec((0u8..4, 0..SUBSCRIBERS, 1..=EXTENSIONS), 1..200),
        ) {
            let (mut slot, mut model) = (None, Model::default());
            for (id, step) in (1u64..).zip(steps) {
                if let Some(change) = model.step(id, step) {
                    slot = XSlot::apply(slot, &change);
                } else if let (Some(XSlot::Axe(slot)), 3) = (&mut slot, step.0) {
                    let at = usize::from(step.2) % model.0.len();
                    let (known, last) = &mut model.0[at];
                    slot.note_caller(known.id, caller(step.1, id));
                    *last = Some(caller(step.1, id));
                }
                let Some(XSlot::Axe(slot)) = &slot else {
                    prop_assert!(slot.is_none() && model.0.is_empty());
                    continue;
                };
                let all: Vec<_> = model.0.iter().map(|(known, _)| known).collect();
                prop_assert_eq!(slot.in_order(), all.clone());
                for n in 1..=EXTENSIONS {
                    let expected = all.iter().find(|known| known.relation.extension == extension(n));
                    prop_assert_eq!(slot.by_extension(extension(n)), expected.copied());
                }
                for a in (0..SUBSCRIBERS).map(number) {
                    let mut found: Vec<_> = slot.by_a(a).collect();
                    found.sort_by_key(|(binding, _)| binding.id);
                    let expected = model.0.iter().filter(|(known, _)| known.relation.a == a);
                    prop_assert_eq!(found, expected.map(|(known, last)| (known, *last)).collect::<Vec<_>>());
                }
                for (known, last) in &model.0 {
                    prop_assert_eq!(slot.by_id(known.id), Some(known));
                    prop_assert_eq!(slot.last_caller(known.id), *last);
                }
            }
        }
    }

    #[test]
    fn an_earlier_caller_that_is_heard_of_later_does_not_replace_a_later_one() {
        let mut slot = AxeSlot::default();
        slot.insert(binding(1, 1, 1));
        let id = RowKey::from_stored(1).unwrap();
        slot.note_caller(id, caller(1, 20));
        slot.note_caller(id, caller(2, 10));
        assert_eq!(slot.last_caller(id), Some(caller(1, 20)));
        slot.note_caller(RowKey::from_stored(2).unwrap(), caller(2, 30));
        assert_eq!(slot.last_caller(id), Some(caller(1, 20)));
    }

    #[test]
    fn a_modification_keeps_who_called_last() {
        let mut slot = AxeSlot::default();
        slot.insert(binding(1, 1, 1));
        slot.note_caller(RowKey::from_stored(1).unwrap(), caller(1, 20));
        slot.replace(binding(1, 1, 1));
        assert_eq!(slot.last_caller(RowKey::from_stored(1).unwrap()), Some(caller(1, 20)));
    }

    #[test]
    #[should_panic(expected = "extension 1 stands")]
    fn applying_a_bind_of_an_extension_that_is_given_out_stops_the_program() {
        let slot = XSlot::apply(None, &Change::Bound(AnyBinding::Axe(binding(1, 1, 1))));
        XSlot::apply(slot, &Change::Bound(AnyBinding::Axe(binding(2, 2, 1))));
    }
}
