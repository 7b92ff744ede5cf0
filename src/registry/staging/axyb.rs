//! AXYB: here it is decided which number becomes an X, and which a Y. None can be named.

use super::{Staging, Touch, Undecided, on};
use crate::domain::allocation::{Fit, Search};
use crate::domain::axyb::{self, AxybBind, Place, YB_PER_Y_MAX, YbBind};
use crate::domain::binding::{AnyBinding, Binding, Change, UnbindCause, Yb};
use crate::domain::command::{AxybSelector, Command};
use crate::domain::customer::CustomerApp;
use crate::domain::id::BindingId;
use crate::domain::number::{E164, Pair, XNumber};
use crate::domain::refusal::Refusal;
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;
use crate::registry::Registry;

/// An X carries one A.
const X_CAPACITY: u32 = 1;

impl Staging {
    pub(super) fn bind_axyb(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        search: &Search,
        wanted: &AxybBind,
        now: Timestamp,
    ) -> Result<Vec<Change>, Undecided> {
        super::check_terms(registry, app, wanted.terms.record, [Some(wanted.a), None])?;
        let fit = self.unless_anothers(app.no, now, |x| self.fit_for_x(x, wanted.a, now));
        let x = self.pool(app.no)?.choose(search, X_CAPACITY, fit).map_err(Refusal::NoneFree)?;
        let id = self.next_key(now);
        on(registry, x, |number, slot| axyb::bind(number, slot, wanted, id, now))
    }

    pub(super) fn bind_yb(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        ax: BindingId,
        search: &Search,
        wanted: &YbBind,
        now: Timestamp,
    ) -> Result<Vec<Change>, Undecided> {
        super::check_terms(registry, app, false, [Some(wanted.b), None])?;
        if self.touched.contains(&Touch::Binding(ax)) {
            // Another B of it, or its end: what stood before the batch says too little.
            return Err(Undecided::Conflict);
        }
        let x = registry.directory.x_of(ax).ok_or(Refusal::NoSuchBinding)?;
        let room = registry.directory.view(x, |entry| {
            match axyb::place(entry.slot.as_ref(), app.no, ax, wanted, now)? {
                Place::Room(pair) => Ok(pair),
                Place::Stands(_) => Err(Refusal::NumberBound(wanted.b)),
            }
        });
        let pair = room.unwrap_or(Err(Refusal::NoSuchBinding))?;
        let fit = self.unless_anothers(app.no, now, |y| self.fit_for_y(registry, y, pair, now));
        let y = self.pool(app.no)?.choose_shared(search, YB_PER_Y_MAX, fit).map_err(Refusal::NoneFree)?;
        let y = registry.directory.view(y, |entry| entry.record.clone()).ok_or(Refusal::XNotOwned)?;
        let id = self.next_key(now);
        on(registry, x, |_, slot| axyb::bind_yb(slot, &y, ax, wanted, id, now))
    }

    fn fit_for_x(&self, x: XNumber, a: E164, now: Timestamp) -> Fit {
        if self.added.contains_key(&x) || self.touched.contains(&Touch::Number(x)) {
            Fit::PartyStands
        } else if self.quarantine.bars_axyb(x, a, now) {
            Fit::Quarantined
        } else {
            Fit::Free
        }
    }

    fn fit_for_y(&self, registry: &Registry, y: XNumber, pair: Pair, now: Timestamp) -> Fit {
        let staged = [Touch::Number(y), Touch::Party(y, pair.a())];
        let can_be = |slot: Option<&XSlot>| axyb::can_be_y(slot, pair.a());
        let stands = registry.directory.view(y, |entry| !can_be(entry.slot.as_ref())).unwrap_or(true);
        if stands || staged.iter().any(|touch| self.touched.contains(touch)) {
            Fit::PartyStands
        } else if self.quarantine.bars_y(y, pair, now) {
            Fit::Quarantined
        } else {
            Fit::Free
        }
    }
}

/// The Y that a calling B has already: there is nothing to change.
pub(super) fn standing(
    registry: &Registry,
    app: &CustomerApp,
    command: &Command,
    now: Timestamp,
) -> Option<AnyBinding> {
    let Command::BindYb(ax, _, wanted) = command else { return None };
    registry.directory.view(registry.directory.x_of(*ax)?, |entry| {
        match axyb::place(entry.slot.as_ref(), app.no, *ax, wanted, now) {
            Ok(Place::Stands(yb)) => Some(AnyBinding::Yb(yb.clone())),
            Ok(Place::Room(_)) | Err(_) => None,
        }
    })?
}

/// The ends of what cannot stand without a binding that expires: each B of an X.
pub(super) fn ending_with(registry: &Registry, binding: &AnyBinding, now: Timestamp) -> Vec<Change> {
    let AnyBinding::Axyb(binding) = binding else { return Vec::new() };
    let ends = registry.directory.view(binding.x, |entry| match &entry.slot {
        Some(XSlot::Axyb(slot)) => {
            slot.ybs().map(|yb| axyb::unbound(yb, UnbindCause::Expired, now)).collect()
        }
        _ => Vec::new(),
    });
    ends.unwrap_or_default()
}

/// What a B touches. Its X only when it is bound: the ends of two B get into nobody's way.
pub(super) fn touch(binding: &Binding<Yb>, bound: bool) -> [Option<Touch>; 3] {
    let Yb { ax, y, pair, .. } = binding.relation;
    let party = Some(Touch::Party(y, pair.a()));
    [Some(Touch::Binding(binding.id)), party, bound.then_some(Touch::Binding(ax))]
}

/// Ends what is meant.
pub(super) fn unbind(
    registry: &Registry,
    app: &CustomerApp,
    which: AxybSelector,
    cause: UnbindCause,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    let (AxybSelector::All(ax) | AxybSelector::Y(ax, _) | AxybSelector::B(ax, _)) = which;
    let x = registry.directory.x_of(ax).ok_or(Refusal::NoSuchBinding)?;
    on(registry, x, |_, slot| match which {
        AxybSelector::All(_) => axyb::unbind_all(slot, app.no, ax, cause, now),
        AxybSelector::Y(_, y) => axyb::unbind_one(slot, app.no, ax, |yb| yb.relation.y == y, (cause, now)),
        AxybSelector::B(_, b) => {
            axyb::unbind_one(slot, app.no, ax, |yb| yb.relation.pair.b() == b, (cause, now))
        }
    })
}
