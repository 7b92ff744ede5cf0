//! What the commands of one batch may and may not do beside each other.

use super::{Logged, START, Under};
use crate::domain::allocation::{AreaMatch, Search};
use crate::domain::ax::AxBind;
use crate::domain::axb::{AxbBind, AxbPatch};
use crate::domain::binding::{AnyBinding, Axb, Binding, Change, Expiry, Terms, UnbindCause};
use crate::domain::command::{AppCommand, AxbSelector, Command, Done, XChoice};
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{Pair, XNumber};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::registry::staging::Decided;
use crate::store::contract::sample::{number as party, x};

const ANYWHERE: Search = Search { area: None, province: Vec::new(), matching: AreaMatch::Loose };

fn pair(a: u64, b: u64) -> Pair {
    Pair::new(party(a), party(b)).unwrap()
}

fn bind_axb(choice: XChoice, a: u64, b: u64, duration_secs: u32) -> AppCommand {
    let wanted = AxbBind { pair: pair(a, b), terms: Terms::default(), duration_secs };
    AppCommand { app: AppNo(1), command: Command::BindAxb(choice, wanted) }
}

fn bind_ax(a: u64) -> AppCommand {
    let wanted = AxBind { a: party(a), terms: Terms::default(), direction_given: false, turned_on: true };
    AppCommand { app: AppNo(2), command: Command::BindAx(XChoice::Chosen(ANYWHERE), wanted) }
}

fn unbind(id: BindingId) -> AppCommand {
    AppCommand { app: AppNo(1), command: Command::UnbindAxb(AxbSelector::Id(id), UnbindCause::Customer) }
}

fn modify(id: BindingId, patch: AxbPatch) -> AppCommand {
    AppCommand { app: AppNo(1), command: Command::ModifyAxb(id, patch) }
}

impl Under {
    /// Decides within the batch that was begun.
    fn stage(&mut self, asked: &AppCommand, now: Timestamp) -> Decided {
        self.staging.decide(&self.registry, asked, now)
    }

    /// Carries a command out in a batch of its own.
    fn carry_out(&mut self, asked: &AppCommand, now: Timestamp) -> AnyBinding {
        let Decided::Changes(changes, Done::Stands(binding)) = self.decide(asked, now) else {
            panic!("{asked:?} does not bind");
        };
        self.take_changes(changes);
        binding
    }
}

fn named(n: u64) -> XChoice {
    XChoice::Named(x(n))
}

fn bound_on(decided: &Decided) -> XNumber {
    match decided {
        Decided::Changes(_, Done::Stands(binding)) => binding.x(),
        other => panic!("{other:?} binds nothing"),
    }
}

#[test]
fn two_commands_on_one_party_or_one_binding_do_not_share_a_batch() {
    let mut under = Under::new();
    let stands = under.carry_out(&bind_axb(named(1), 1, 2, 0), START).id();
    let move_away = modify(stands, AxbPatch { a: Some(party(5)), ..AxbPatch::default() });
    for (first, second) in [
        (bind_axb(named(1), 3, 4, 0), bind_axb(named(1), 4, 6, 0)),
        (unbind(stands), unbind(stands)),
        (unbind(stands), modify(stands, AxbPatch::default())),
        (bind_axb(named(1), 5, 6, 0), move_away),
    ] {
        under.staging.begin(START);
        assert!(matches!(under.stage(&first, START), Decided::Changes(..)), "{first:?}");
        assert!(matches!(under.stage(&second, START), Decided::NextBatch), "{second:?}");
    }
    under.staging.begin(START);
    assert!(matches!(under.stage(&bind_axb(named(1), 3, 4, 0), START), Decided::Changes(..)));
    let elsewhere = under.stage(&bind_axb(named(2), 4, 6, 0), START);
    assert!(matches!(elsewhere, Decided::Changes(..)), "another X is another matter");
}

#[test]
fn numbers_chosen_in_one_batch_are_different_where_they_must_be() {
    let mut under = Under::new();
    under.staging.begin(START);
    let choose = |under: &mut Under, a, b| {
        bound_on(&under.stage(&bind_axb(XChoice::Chosen(ANYWHERE), a, b, 0), START))
    };
    assert_eq!(
        [choose(&mut under, 1, 2), choose(&mut under, 2, 3), choose(&mut under, 3, 1)],
        [x(1), x(2), x(3)]
    );
    let owners: Vec<_> = (1..=3).map(|a| bound_on(&under.stage(&bind_ax(a), START))).collect();
    assert_eq!(owners, [x(4), x(5), x(6)]);
}

#[test]
fn the_fifth_number_of_an_a_is_not_given_out_twice_in_one_batch() {
    let mut under = Under::new();
    for _ in 0..4 {
        under.carry_out(&bind_ax(1), START);
    }
    under.staging.begin(START);
    let Decided::Changes(changes, _) = under.stage(&bind_ax(1), START) else { panic!("four are not five") };
    assert!(matches!(under.stage(&bind_ax(1), START), Decided::NextBatch));
    under.take_changes(changes);
    assert!(matches!(under.decide(&bind_ax(1), START), Decided::Refused(Refusal::TooManyX)));
}

#[test]
fn the_last_place_on_an_x_is_not_given_out_twice_in_one_batch() {
    let mut under = Under::new();
    for n in 1..5_000 {
        let relation = Axb { pair: pair(2 * n + 100, 2 * n + 101), duration_secs: 0 };
        let (id, app, terms) = (RowKey::floor(n), AppNo(1), Terms::default());
        let binding = Binding { id, app, x: x(1), relation, terms, expiry: Expiry::Never, since: START };
        under.take(Logged::Change(Change::Bound(AnyBinding::Axb(binding))));
    }
    under.staging.begin(START);
    let Decided::Changes(changes, _) = under.stage(&bind_axb(named(1), 1, 2, 0), START) else {
        panic!("there is a place left");
    };
    assert!(matches!(under.stage(&bind_axb(named(1), 3, 4, 0), START), Decided::NextBatch));
    under.take_changes(changes);
    assert!(matches!(under.decide(&bind_axb(named(1), 3, 4, 0), START), Decided::Refused(Refusal::XFull)));
}

#[test]
fn auto_unbind_passes_over_what_the_batch_touches_and_comes_back_to_it() {
    let mut under = Under::new();
    let (first, second) = (bind_axb(named(1), 1, 2, 60), bind_axb(named(1), 3, 4, 60));
    let (first, second) = (under.carry_out(&first, START).id(), under.carry_out(&second, START).id());
    let end = Timestamp::from_millis(START.millis() + 60_000);
    under.staging.begin(end);
    // An expired occupant makes room, so the batch has ended the first already.
    assert!(matches!(under.stage(&bind_axb(named(1), 1, 5, 0), end), Decided::Changes(..)));
    let ids = |changes: &[Change]| changes.iter().map(|change| change.binding().id()).collect::<Vec<_>>();
    assert_eq!(ids(&under.staging.expire(&under.registry, end)), [second]);
    // The batch failed: both are due again.
    assert_eq!(under.staging.next_expiry(), Some(end));
    under.staging.begin(end);
    assert_eq!(ids(&under.staging.expire(&under.registry, end)), [first]);
}

#[test]
fn what_a_failed_batch_would_have_expired_is_due_again() {
    let mut under = Under::new();
    let stands = under.carry_out(&bind_axb(named(1), 1, 2, 60), START).id();
    let end = Timestamp::from_millis(START.millis() + 60_000);
    under.staging.begin(end);
    let changes = under.staging.expire(&under.registry, end);
    assert_eq!(under.staging.next_expiry(), None);
    under.staging.note_again(changes.iter());
    under.staging.begin(end);
    assert_eq!(under.staging.expire(&under.registry, end)[0].binding().id(), stands);
}

#[test]
fn a_modified_binding_expires_at_its_new_instant_only() {
    let mut under = Under::new();
    let stands = under.carry_out(&bind_axb(named(1), 1, 2, 60), START).id();
    under.carry_out(&modify(stands, AxbPatch { duration_secs: Some(90), ..AxbPatch::default() }), START);
    let after = |secs: u64| Timestamp::from_millis(START.millis() + 1_000 * secs);
    for (secs, ended) in [(60, 0), (89, 0), (90, 1)] {
        under.staging.begin(after(secs));
        assert_eq!(under.staging.expire(&under.registry, after(secs)).len(), ended, "after {secs} s");
    }
}

#[test]
fn keys_go_on_from_what_the_store_has_and_never_back() {
    let mut under = Under::new();
    let first = under.staging.next_key(START);
    under.staging.keys_continue_after(RowKey::floor(START.millis() + 5_000));
    let second = under.staging.next_key(START);
    under.staging.keys_continue_after(first);
    assert!(first < second && second < under.staging.next_key(START));
}

#[test]
fn how_many_are_in_quarantine_on_an_x_is_told_until_it_is_over() {
    let mut under = Under::new();
    let stands = under.carry_out(&bind_axb(named(1), 1, 2, 0), START).id();
    let Decided::Changes(changes, _) = under.decide(&unbind(stands), START) else { panic!("it stands") };
    under.take_changes(changes);
    let mut told = std::collections::HashMap::new();
    under.staging.publish_quarantine(&mut told);
    assert_eq!(told.get(&x(1)), Some(&2));
    under.staging.begin(START.after(super::QUARANTINE));
    under.staging.publish_quarantine(&mut told);
    assert_eq!(told.get(&x(1)), None);
}

/// A late call of the one who left must not reach whoever is bound with him next.
#[test]
fn who_was_replaced_by_a_modify_is_barred_from_strangers_like_who_was_unbound() {
    let mut under = Under::new();
    let stands = under.carry_out(&bind_axb(named(1), 1, 2, 0), START).id();
    let replaced = AxbPatch { b: Some(party(3)), ..AxbPatch::default() };
    under.carry_out(&modify(stands, replaced), START);
    let second = START.after(super::QUARANTINE);
    let with_stranger = bind_axb(XChoice::Chosen(ANYWHERE), 2, 4, 0);
    for n in [2, 3] {
        under.carry_out(&bind_axb(named(n), 2, 7, 0), START);
    }
    let Decided::Refused(Refusal::NoneFree(none)) = under.decide(&with_stranger, START) else {
        panic!("two stands on x2 and x3, and is barred on x1")
    };
    assert_eq!((none.quarantined, none.party_stands), (1, 2));
    assert_eq!(bound_on(&under.decide(&with_stranger, second)), x(1));
}
