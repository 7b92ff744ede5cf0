//! AX: an X stands for one A, and an A has at most five.

use super::{Staging, Touch, Undecided, on, on_own};
use crate::domain::allocation::Fit;
use crate::domain::ax::{self, AxPatch};
use crate::domain::binding::{Ax, Binding, Change, UnbindCause};
use crate::domain::command::{AxSelector, XChoice};
use crate::domain::customer::{CustomerApp, NumberRecord};
use crate::domain::number::{E164, XNumber};
use crate::domain::refusal::Refusal;
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;
use crate::registry::Registry;

impl Staging {
    pub(super) fn bind_ax(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        choice: &XChoice,
        wanted: &ax::AxBind,
        now: Timestamp,
    ) -> Result<Vec<Change>, Undecided> {
        super::check_terms(registry, app, wanted.terms.record, [Some(wanted.a), None])?;
        let owned = registry.directory.owned_count(app.no, wanted.a);
        let x = match choice {
            XChoice::Named(x) => *x,
            // Said before looking for a number: more numbers would not help.
            XChoice::Chosen(_) if owned >= ax::X_PER_A_MAX => return Err(Refusal::TooManyX.into()),
            XChoice::Chosen(search) => {
                let fit = self.unless_anothers(app.no, now, |x| self.fit_for_owner(x, wanted.a, now));
                self.pool(app.no)?.choose(search, app.x_capacity(), fit).map_err(Refusal::NoneFree)?
            }
        };
        let id = self.next_key(now);
        on_own(registry, app, x, |number, slot| ax::bind(number, slot, wanted, owned, id, now))
    }

    fn fit_for_owner(&self, x: XNumber, a: E164, now: Timestamp) -> Fit {
        if self.touched.contains(&Touch::Number(x)) {
            Fit::PartyStands
        } else if self.quarantine.bars_owner(x, a, now) {
            Fit::Quarantined
        } else {
            Fit::Free
        }
    }
}

fn with_ax(
    registry: &Registry,
    app: &CustomerApp,
    which: AxSelector,
    now: Timestamp,
    change: impl FnOnce(&Binding<Ax>) -> Result<Vec<Change>, Refusal>,
) -> Result<Vec<Change>, Undecided> {
    let x_of = |id| registry.directory.x_of(id).ok_or(Refusal::NoSuchBinding);
    let (x, id, a) = match which {
        AxSelector::Id(id) => (x_of(id)?, Some(id), None),
        AxSelector::IdAndA(id, a) => (x_of(id)?, Some(id), Some(a)),
        AxSelector::X(x) => (x, None, None),
        AxSelector::XAndA(x, a) => (x, None, Some(a)),
    };
    let decide = |_: &NumberRecord, slot: Option<&XSlot>| {
        let binding = ax::live(slot, app.no, id, now)?;
        if a.is_some_and(|a| a != binding.relation.a) {
            return Err(Refusal::NoSuchBinding);
        }
        change(binding)
    };
    if id.is_some() { on(registry, x, decide) } else { on_own(registry, app, x, decide) }
}

/// Changes what stands.
pub(super) fn modify(
    registry: &Registry,
    app: &CustomerApp,
    which: AxSelector,
    patch: &AxPatch,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    super::check_terms(registry, app, patch.terms.record == Some(true), [patch.a, None])?;
    let owned = patch.a.map_or(0, |a| registry.directory.owned_count(app.no, a));
    with_ax(registry, app, which, now, |binding| ax::modify(binding, patch, owned, now))
}

/// Sets whom A reaches by calling X.
pub(super) fn set_next_callee(
    registry: &Registry,
    app: &CustomerApp,
    which: AxSelector,
    (callee, secs, user_data): (E164, u32, Option<Box<str>>),
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    super::check_terms(registry, app, false, [Some(callee), None])?;
    with_ax(registry, app, which, now, |binding| ax::set_next_callee(binding, callee, secs, user_data, now))
}

/// Ends what is meant.
pub(super) fn unbind(
    registry: &Registry,
    app: &CustomerApp,
    which: AxSelector,
    cause: UnbindCause,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    with_ax(registry, app, which, now, |binding| Ok(ax::unbind(binding, cause, now)))
}
