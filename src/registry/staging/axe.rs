//! AXE: many A share an X, each with an extension. Here it is decided which extension is given out.

use super::{Staging, Touch, Undecided, on, on_own};
use crate::domain::allocation::Fit;
use crate::domain::axe::{self, AxeBind, AxePatch};
use crate::domain::binding::{Axe, Binding, Change, Fallback, UnbindCause};
use crate::domain::command::{AxeSelector, XChoice};
use crate::domain::customer::CustomerApp;
use crate::domain::extension::{Extension, FreeExtensions};
use crate::domain::number::{E164, XNumber};
use crate::domain::refusal::{NoFreeExtension, Refusal};
use crate::domain::slot::{AxeSlot, XSlot};
use crate::domain::time::Timestamp;
use crate::registry::Registry;

impl Staging {
    pub(super) fn bind_axe(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        choice: &XChoice,
        wanted: &AxeBind,
        now: Timestamp,
    ) -> Result<Vec<Change>, Undecided> {
        axe::check(wanted)?;
        let parties = [Some(wanted.a), number_of(wanted.fallback.as_ref())];
        super::check_terms(registry, app, wanted.terms.record, parties)?;
        let (x, extension) = match choice {
            XChoice::Named(x) => (*x, wanted.extension),
            XChoice::Chosen(search) => {
                let fit = self.unless_anothers(app.no, now, |x| self.fit_for_extension(registry, app, x));
                let chosen = self.pool(app.no)?.choose(search, app.x_capacity(), fit);
                (chosen.map_err(Refusal::NoneFree)?, None)
            }
        };
        let extension = match extension {
            Some(extension) => extension,
            None => self.give_out(registry, app, x, wanted.draw)?,
        };
        let id = self.next_key(now);
        on_own(registry, app, x, |number, slot| axe::bind(number, slot, wanted, extension, id, now))
    }

    /// Extensions that the last batch was given and did not bind, and those that have rested, can be given out.
    pub(super) fn give_back_extensions(&mut self) {
        for (x, extension) in self.given_out.drain(..).chain(self.quarantine.take_rested()) {
            if let Some(free) = self.extensions.get_mut(&x)
                && !self.quarantine.rests(x, extension)
            {
                free.give_back(extension);
            }
        }
    }

    /// Keeps what can be given out in step with what is bound.
    pub(super) fn note_extension(&mut self, change: &Change, binding: &Binding<Axe>) {
        let Some(free) = self.extensions.get_mut(&binding.x) else { return };
        match change {
            Change::Bound(_) => free.note_bound(binding.relation.extension),
            Change::Modified(_) | Change::PartyLeft { .. } => {}
            Change::Unbound { .. } => free.note_unbound(binding.relation.extension),
        }
    }

    /// Takes a free extension of one of the app's own X numbers.
    fn give_out(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        x: XNumber,
        draw: u16,
    ) -> Result<Extension, Undecided> {
        // Said before "none is left": more extensions would not help.
        let bound = on_own(registry, app, x, |number, slot| {
            let usable = number.status.takes_bindings();
            usable.then(|| slot.map_or(0, XSlot::len)).ok_or(Refusal::XNotUsable(number.status))
        })?;
        let free = self.free_extensions(registry, x, app.extension_digits);
        let none = Refusal::NoFreeExtension(NoFreeExtension { all: app.x_capacity(), bound });
        let extension = free.choose(draw).ok_or(none)?;
        free.hold(extension);
        self.given_out.push((x, extension));
        Ok(extension)
    }

    /// What can be given out on an X; found out anew when it was never asked, or the app's digits changed.
    fn free_extensions(&mut self, registry: &Registry, x: XNumber, digits: u8) -> &mut FreeExtensions {
        let known = self.extensions.get(&x).is_some_and(|free| free.digits() == digits);
        if !known {
            let mut free = FreeExtensions::new(digits);
            registry.directory.view(x, |entry| {
                if let Some(XSlot::Axe(slot)) = &entry.slot {
                    slot.iter().for_each(|binding| free.note_bound(binding.relation.extension));
                }
            });
            self.quarantine.resting_on(x).for_each(|extension| free.hold(extension));
            self.given_out.iter().filter(|(of, _)| *of == x).for_each(|(_, extension)| free.hold(*extension));
            self.extensions.insert(x, free);
        }
        self.extensions.get_mut(&x).expect("it was there, or has just been put there")
    }

    fn fit_for_extension(&self, registry: &Registry, app: &CustomerApp, x: XNumber) -> Fit {
        let known = self.extensions.get(&x).filter(|free| free.digits() == app.extension_digits);
        let any = known.map_or_else(
            || {
                let taken = registry.directory.view(x, |entry| {
                    let slot = match &entry.slot {
                        Some(XSlot::Axe(slot)) => Some(slot),
                        _ => None,
                    };
                    let stands = |extension| slot.is_some_and(|slot| slot.by_extension(extension).is_some());
                    // One that rests may have been asked for, and is bound.
                    let resting = self.quarantine.resting_on(x).filter(|extension| !stands(*extension));
                    slot.map_or(0, AxeSlot::len) + resting.count()
                });
                taken.unwrap_or(0) < app.x_capacity() as usize
            },
            FreeExtensions::any,
        );
        if any { Fit::Free } else { Fit::Quarantined }
    }
}

pub(super) fn touch(binding: &Binding<Axe>) -> [Touch; 2] {
    [Touch::Binding(binding.id), Touch::Extension(binding.x, binding.relation.extension)]
}

fn with_axe(
    registry: &Registry,
    app: &CustomerApp,
    which: AxeSelector,
    now: Timestamp,
    change: impl FnOnce(&Binding<Axe>) -> Result<Vec<Change>, Refusal>,
) -> Result<Vec<Change>, Undecided> {
    match which {
        AxeSelector::Id(id) => {
            let x = registry.directory.x_of(id).ok_or(Refusal::NoSuchBinding)?;
            on(registry, x, |_, slot| change(axe::live_by_id(slot, app.no, id, now)?))
        }
        AxeSelector::Extension(x, extension) => {
            on_own(registry, app, x, |_, slot| change(axe::live_by_extension(slot, app.no, extension, now)?))
        }
    }
}

fn number_of(fallback: Option<&Fallback>) -> Option<E164> {
    match fallback {
        Some(Fallback::Number(number)) => Some(*number),
        Some(Fallback::Tone(_)) | None => None,
    }
}

/// Changes what stands.
pub(super) fn modify(
    registry: &Registry,
    app: &CustomerApp,
    which: AxeSelector,
    patch: &AxePatch,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    let number = number_of(patch.fallback.new.as_ref());
    super::check_terms(registry, app, patch.terms.record == Some(true), [number, None])?;
    with_axe(registry, app, which, now, |binding| axe::modify(binding, patch, now))
}

/// Ends what is meant.
pub(super) fn unbind(
    registry: &Registry,
    app: &CustomerApp,
    which: AxeSelector,
    cause: UnbindCause,
    now: Timestamp,
) -> Result<Vec<Change>, Undecided> {
    with_axe(registry, app, which, now, |binding| Ok(axe::unbind(binding, cause, now)))
}

#[cfg(test)]
mod tests;
