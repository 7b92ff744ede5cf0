//! All bindings on one X number, compactly. An X number works in one mode at a time, so "AX and AXB on the
//! same X" cannot be written down; a party is a key of an AXB slot, and an extension one of an AXE slot, so
//! neither can stand there twice. A number of AXYB is an X or a Y, never both.
//!
//! [`XSlot::apply`] is the only way a slot changes. It asserts, it does not check: what it is given has been
//! decided by the rules in `ax.rs`, `axb.rs`, `axe.rs` and `axyb.rs`.

mod axb;
mod axe;
mod axyb;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

pub use self::axb::AxbSlot;
pub use self::axe::AxeSlot;
pub use self::axyb::{AxybSlot, YSlot};
use super::axyb::YB_PER_X_MAX;
use super::binding::{AnyBinding, Ax, Binding, Change, Yb};
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
    /// Many A, each with an extension.
    Axe(AxeSlot),
    /// AXYB: the X of one A, with each B of that A.
    Axyb(Box<AxybSlot>),
    /// AXYB: a Y. What it is the Y of stands on the X numbers.
    Y(Box<YSlot>),
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
            (None, Change::Bound(AnyBinding::Axe(binding))) => {
                let mut slot = AxeSlot::default();
                slot.insert(binding.clone());
                Some(Self::Axe(slot))
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
                (!slot.is_empty()).then_some(Self::Axb(slot))
            }
            (Some(Self::Axe(mut slot)), Change::Bound(AnyBinding::Axe(binding))) => {
                slot.insert(binding.clone());
                Some(Self::Axe(slot))
            }
            (Some(Self::Axe(mut slot)), Change::Modified(AnyBinding::Axe(binding))) => {
                slot.replace(binding.clone());
                Some(Self::Axe(slot))
            }
            (Some(Self::Axe(mut slot)), Change::Unbound { binding, .. }) => {
                slot.remove(binding.id()).expect("an ended binding stood on its X");
                (!slot.is_empty()).then_some(Self::Axe(slot))
            }
            (Some(slot), Change::PartyLeft { .. }) => Some(slot),
            (None, Change::Bound(AnyBinding::Axyb(binding))) => {
                Some(Self::Axyb(Box::new(AxybSlot::new(binding.clone()))))
            }
            (Some(Self::Axyb(mut slot)), Change::Bound(AnyBinding::Yb(yb))) => {
                slot.insert(yb.clone());
                Some(Self::Axyb(slot))
            }
            (Some(Self::Axyb(mut slot)), Change::Unbound { binding: AnyBinding::Yb(yb), .. }) => {
                slot.remove(yb.id).expect("an ended binding stood on its X");
                Some(Self::Axyb(slot))
            }
            (Some(Self::Axyb(slot)), Change::Unbound { binding: AnyBinding::Axyb(binding), .. }) => {
                assert_eq!(slot.binding.id, binding.id, "another AXYB binding stands on {}", binding.x);
                assert_eq!(slot.len(), 1, "a Y of {} would be left without its X", binding.x);
                None
            }
            (slot, change) => panic!("{:?} does not fit {change:?}", slot.map(|slot| slot.len())),
        }
    }

    /// The slot of a number that is lent out as a Y too.
    ///
    /// # Panics
    /// As [`XSlot::apply`].
    #[must_use]
    pub fn lend(slot: Option<Self>, yb: Arc<Binding<Yb>>) -> Self {
        let mut slot = match slot {
            None => Box::new(YSlot::default()),
            Some(Self::Y(slot)) => slot,
            Some(_) => panic!("{} is no Y", yb.relation.y),
        };
        slot.insert(yb);
        Self::Y(slot)
    }

    /// The slot of a number that is no Y for this B any more.
    ///
    /// # Panics
    /// As [`XSlot::apply`].
    #[must_use]
    pub fn take_back(slot: Option<Self>, yb: &Binding<Yb>) -> Option<Self> {
        let Some(Self::Y(mut slot)) = slot else { panic!("{} is no Y", yb.relation.y) };
        slot.remove(yb);
        (!slot.is_empty()).then_some(Self::Y(slot))
    }

    /// How many bindings a number with this slot can carry, where that is not the same for all numbers of its app.
    pub const fn capacity(&self) -> Option<u32> {
        match self {
            Self::Axyb(_) => Some(1 + YB_PER_X_MAX),
            Self::Ax(_) | Self::Axb(_) | Self::Axe(_) | Self::Y(_) => None,
        }
    }

    /// How loaded the number is for whoever looks for one: an X of AXYB can take nothing more.
    pub fn load(&self) -> u32 {
        match self {
            Self::Axyb(_) => u32::MAX,
            Self::Ax(_) | Self::Axb(_) | Self::Axe(_) | Self::Y(_) => {
                u32::try_from(self.len()).expect("a number carries at most 9,999 bindings")
            }
        }
    }

    /// How many bindings stand here, expired ones that no timer has removed yet included. Of a Y: how many it is
    /// the Y of.
    pub fn len(&self) -> usize {
        match self {
            Self::Ax(_) => 1,
            Self::Axb(slot) => slot.len(),
            Self::Axe(slot) => slot.len(),
            Self::Axyb(slot) => slot.len(),
            Self::Y(slot) => slot.len(),
        }
    }

    /// The ids of the bindings that are live at `now`, in no particular order. Of a Y: those it is the Y of.
    pub fn each_live(&self, now: Timestamp, mut see: impl FnMut(BindingId)) {
        fn live<'s, R: 's>(
            bindings: impl Iterator<Item = &'s Binding<R>>,
            now: Timestamp,
            see: impl FnMut(BindingId),
        ) {
            bindings.filter(|binding| binding.is_live(now)).map(|binding| binding.id).for_each(see);
        }
        match self {
            Self::Ax(binding) => live(std::iter::once(binding), now, see),
            Self::Axb(slot) => live(slot.iter(), now, see),
            Self::Axe(slot) => live(slot.iter(), now, see),
            Self::Axyb(slot) => {
                live(std::iter::once(&slot.binding), now, &mut see);
                live(slot.ybs(), now, see);
            }
            Self::Y(slot) => live(slot.iter(), now, see),
        }
    }

    /// The ids of the live bindings in which `party` is A or B, in no particular order.
    pub fn each_live_of(&self, party: E164, now: Timestamp, mut see: impl FnMut(BindingId)) {
        match self {
            Self::Ax(binding) if binding.relation.a == party && binding.is_live(now) => see(binding.id),
            Self::Ax(_) => {}
            Self::Axb(slot) => {
                if let Some(binding) = slot.by_party(party).filter(|binding| binding.is_live(now)) {
                    see(binding.id);
                }
            }
            Self::Axe(slot) => slot
                .by_a(party)
                .filter(|(binding, _)| binding.is_live(now))
                .for_each(|(binding, _)| see(binding.id)),
            Self::Axyb(slot) => {
                if slot.binding.relation.a == party && slot.binding.is_live(now) {
                    see(slot.binding.id);
                }
                let of_party = slot.ybs().filter(|yb| yb.relation.pair.has(party) && yb.is_live(now));
                of_party.for_each(|yb| see(yb.id));
            }
            Self::Y(slot) => {
                let known_to = slot.by_a(party).into_iter();
                known_to.chain(slot.of_b(party)).filter(|yb| yb.is_live(now)).for_each(|yb| see(yb.id));
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
            Self::Axe(slot) => slot.by_id(id).cloned().map(AnyBinding::Axe),
            Self::Axyb(slot) if slot.binding.id == id => Some(AnyBinding::Axyb(slot.binding.clone())),
            Self::Axyb(slot) => slot.yb(id).map(|yb| AnyBinding::Yb((**yb).clone())),
            Self::Y(_) => None,
        }
    }

    /// Every binding here, oldest first. None on a Y: its bindings stand on their X.
    pub fn bindings(&self) -> Vec<AnyBinding> {
        match self {
            Self::Ax(binding) => vec![AnyBinding::Ax(binding.clone())],
            Self::Axb(slot) => slot.in_order().into_iter().cloned().map(AnyBinding::Axb).collect(),
            Self::Axe(slot) => slot.in_order().into_iter().cloned().map(AnyBinding::Axe).collect(),
            Self::Axyb(slot) => {
                let ax = AnyBinding::Axyb(slot.binding.clone());
                std::iter::once(ax).chain(slot.ybs().cloned().map(AnyBinding::Yb)).collect()
            }
            Self::Y(_) => Vec::new(),
        }
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

    use super::*;
    use crate::domain::binding::{Axb, Expiry, Terms, UnbindCause};
    use crate::domain::id::{AppNo, RowKey};
    use crate::domain::number::{Pair, XNumber};

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
                    Some(XSlot::Ax(_) | XSlot::Axe(_) | XSlot::Axyb(_) | XSlot::Y(_)) => prop_assert!(false, "an AXB slot changed its mode"),
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
