use proptest::prelude::*;

use super::super::XSlot;
use super::*;
use crate::domain::binding::{AnyBinding, Change, Expiry, UnbindCause};
use crate::domain::sample::{APP, at, id, lent, number, pair, x};

const PARTIES: u64 = 6;

/// B of the A of X `ax`, by Y 100.
fn yb(n: u64, ax: u64, a: u64, b: u64) -> Binding<Yb> {
    let relation = Yb { ax: id(ax), y: x(100), pair: pair(a, b), duration_secs: 0 };
    let (terms, expiry) = (crate::domain::binding::Terms::default(), Expiry::Never);
    Binding { id: id(n), app: APP, x: x(ax), relation, terms, expiry, since: at(0) }
}

proptest! {
    #[test]
    fn a_y_agrees_with_a_list_that_is_scanned(
        steps in prop::collection::vec((any::<bool>(), 0..PARTIES, 0..PARTIES), 1..150),
    ) {
        let (mut slot, mut model): (Option<XSlot>, Vec<Binding<Yb>>) = (None, Vec::new());
        for (n, (bind, a, b)) in (1u64..).zip(steps) {
            if bind && a != b && model.iter().all(|known| known.relation.pair.a() != number(a)) {
                model.push(yb(n, 1 + a, a, b));
                slot = Some(XSlot::lend(slot, Arc::new(yb(n, 1 + a, a, b))));
            } else if !bind && !model.is_empty() {
                let gone = model.remove(usize::try_from(a).unwrap() % model.len());
                slot = XSlot::take_back(slot, &gone);
            }
            let Some(slot) = &slot else {
                prop_assert!(model.is_empty());
                continue;
            };
            let XSlot::Y(y) = slot else { panic!("a Y became something else") };
            prop_assert_eq!((slot.len(), y.len(), slot.bindings()), (model.len(), model.len(), vec![]));
            let belongs: Vec<_> = model.iter().map(|known| (known.id, known.x)).collect();
            prop_assert_eq!(y.belongs_to(), belongs);
            for party in (0..PARTIES).map(number) {
                let known = model.iter().find(|known| known.relation.pair.a() == party);
                prop_assert_eq!(y.by_a(party), known);
                let mut of_b: Vec<_> = y.of_b(party).map(|yb| yb.id).collect();
                of_b.sort();
                let expected = model.iter().filter(|known| known.relation.pair.b() == party);
                prop_assert_eq!(of_b, expected.map(|known| known.id).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn an_x_takes_nothing_more_and_a_y_as_much_as_it_carries() {
    let ax = lent(crate::domain::sample::axyb(1, 1), []).unwrap();
    assert_eq!((ax.load(), ax.capacity(), ax.len()), (u32::MAX, Some(6), 1));
    let y = XSlot::lend(Some(XSlot::lend(None, Arc::new(yb(2, 1, 1, 2)))), Arc::new(yb(3, 2, 3, 2)));
    assert_eq!((y.load(), y.capacity(), y.len()), (2, None, 2));
}

#[test]
fn a_b_that_is_bound_and_ended_leaves_its_x_standing() {
    let slot = lent(crate::domain::sample::axyb(1, 1), [yb(2, 1, 1, 2)]);
    assert_eq!(slot.as_ref().unwrap().by_id(id(2)), Some(AnyBinding::Yb(yb(2, 1, 1, 2))));
    let (binding, cause) = (AnyBinding::Yb(yb(2, 1, 1, 2)), UnbindCause::Customer);
    let slot = XSlot::apply(slot, &Change::Unbound { binding, cause, at: at(2) }).unwrap();
    assert_eq!((slot.len(), slot.by_id(id(2))), (1, None));
}

#[test]
#[should_panic(expected = "would stand for two")]
fn lending_a_y_twice_to_one_a_stops_the_program() {
    let y = XSlot::lend(None, Arc::new(yb(2, 1, 1, 2)));
    drop(XSlot::lend(Some(y), Arc::new(yb(3, 1, 1, 3))));
}
