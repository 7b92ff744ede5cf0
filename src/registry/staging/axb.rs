//! AXB: many pairs share an X; a party stands there once.

use super::{Staging, Touch, Undecided, on, on_own};
use crate::domain::allocation::Fit;
use crate::domain::axb::{self, AxbPatch};
use crate::domain::binding::{AXB_PAIRS_MAX, Change, UnbindCause};
use crate::domain::command::{AxbSelector, XChoice};
use crate::domain::customer::CustomerApp;
use crate::domain::id::BindingId;
use crate::domain::number::{Pair, XNumber};
use crate::domain::refusal::Refusal;
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;
use crate::registry::Registry;

impl Staging {
    pub(super) fn bind_axb(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        choice: &XChoice,
        wanted: &axb::AxbBind,
        now: Timestamp,
    ) -> Result<Vec<Change>, Undecided> {
        let parties = [Some(wanted.pair.a()), Some(wanted.pair.b())];
        super::check_terms(registry, app, wanted.terms.record, parties)?;
        let x = match choice {
            XChoice::Named(x) => *x,
            XChoice::Chosen(search) => {
                let fit =
                    self.unless_anothers(app.no, now, |x| self.fit_for_pair(registry, x, wanted.pair, now));
                self.pool(app.no)?.choose(search, app.x_capacity(), fit).map_err(Refusal::NoneFree)?
            }
        };
        let added = self.added.get(&x).copied().unwrap_or(0) as usize;
        let carried =
            registry.directory.view(x, |entry| entry.slot.as_ref().map_or(0, XSlot::len)).unwrap_or(0);
        if added > 0 && carried + added >= AXB_PAIRS_MAX as usize {
            return Err(Undecided::Conflict);
        }
        let id = self.next_key(now);
        on_own(registry, app, x, |number, slot| axb::bind(number, slot, wanted, id, now))
    }

    fn fit_for_pair(&self, registry: &Registry, x: XNumber, pair: Pair, now: Timestamp) -> Fit {
        let staged = |party| self.touched.contains(&Touch::Party(x, party));
        let stands = |party| {
            registry.directory.view(x, |entry| axb::stands(entry.slot.as_ref(), party, now)).unwrap_or(false)
        };
        if [pair.a(), pair.b()].into_iter().any(|party| staged(party) || stands(party)) {
            Fit::PartyStands
        } else if self.quarantine.bars_pair(x, pair, now) {
            Fit::Quarantined
        } else {
            Fit::Free
        }
    }
}

/// Changes what stands.
pub(super) fn modify(
    registry: &Registry,
    app: &CustomerApp,
    id: BindingId,
    patch: &AxbPatch,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    super::check_terms(registry, app, patch.terms.record == Some(true), [patch.a, patch.b])?;
    let x = registry.directory.x_of(id).ok_or(Refusal::NoSuchBinding)?;
    on(registry, x, |_, slot| axb::modify(app.no, slot, id, patch, now))
}

/// Ends what is meant.
pub(super) fn unbind(
    registry: &Registry,
    app: &CustomerApp,
    which: AxbSelector,
    cause: UnbindCause,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    match which {
        AxbSelector::Id(id) => {
            let x = registry.directory.x_of(id).ok_or(Refusal::NoSuchBinding)?;
            on(registry, x, |_, slot| axb::unbind(app.no, slot, id, cause, now))
        }
        AxbSelector::AllOn(x) => on_own(registry, app, x, |_, slot| axb::unbind_all(slot, cause, now)),
    }
}
