//! What only the writer knows: how loaded each X number is, who is in quarantine, what expires when, and what
//! the batch in the making already touches.
//!
//! Every command of a batch is decided against the registry as it was before the batch. That is right as long
//! as no two commands of a batch touch the same party or binding; the first that would ends the batch and
//! opens the next. Commands that arrive together have no order among each other, so a refusal based on what
//! stood before the batch is as good as any.

mod ax;
mod axb;
mod axe;
mod axyb;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Registry;
use super::directory::Entry;
use crate::domain::allocation::{Fit, Pool};
use crate::domain::binding::{AnyBinding, Change, Expiry, UnbindCause};
use crate::domain::command::{AppCommand, Command, Done};
use crate::domain::customer::{CustomerApp, Mode, NumberRecord};
use crate::domain::expiry::ExpiryQueue;
use crate::domain::extension::{Extension, FreeExtensions};
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{E164, XNumber};
use crate::domain::quarantine::Quarantine;
use crate::domain::refusal::Refusal;
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;

/// Most bindings that one round of auto-unbind ends.
const EXPIRED_PER_ROUND: usize = 512;

/// The writer's own view.
#[derive(Debug)]
pub struct Staging {
    pools: HashMap<AppNo, Pool>,
    quarantine: Quarantine,
    expiry: ExpiryQueue,
    last_key: RowKey,
    /// Parties, bindings and owners that the batch in the making touches.
    touched: HashSet<Touch>,
    /// Binds that the batch in the making adds to an X number.
    added: HashMap<XNumber, u32>,
    /// AXE: which extensions can be given out, for each X of which one ever was.
    extensions: HashMap<XNumber, FreeExtensions>,
    /// AXE: the extensions that the batch in the making gives out.
    given_out: Vec<(XNumber, Extension)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Touch {
    Party(XNumber, E164),
    /// AXE.
    Extension(XNumber, Extension),
    Binding(BindingId),
    /// AX, AXYB: the X number as a whole.
    Number(XNumber),
    /// AX: how many X numbers an A has.
    Owner(AppNo, E164),
}

/// What a command comes to.
#[derive(Debug)]
pub enum Decided {
    /// It changes this, and is answered so once that is durable.
    Changes(Vec<Change>, Done),
    /// It is refused.
    Refused(Refusal),
    /// It touches what the batch already touches: decide it again in the next one.
    NextBatch,
}

impl Staging {
    /// Nothing stands yet.
    pub fn new(quarantine: Duration) -> Self {
        Self {
            pools: HashMap::new(),
            quarantine: Quarantine::new(quarantine),
            expiry: ExpiryQueue::default(),
            last_key: RowKey::floor(1),
            touched: HashSet::new(),
            added: HashMap::new(),
            extensions: HashMap::new(),
            given_out: Vec::new(),
        }
    }

    /// Draws the next row key.
    pub fn next_key(&mut self, now: Timestamp) -> RowKey {
        self.last_key = self.last_key.next(now.millis());
        self.last_key
    }

    /// Goes on from a key that the store has.
    pub fn keys_continue_after(&mut self, key: RowKey) {
        self.last_key = self.last_key.max(key);
    }

    /// Begins a batch.
    pub fn begin(&mut self, now: Timestamp) {
        self.touched.clear();
        self.added.clear();
        self.quarantine.forget(now);
        self.give_back_extensions();
    }

    /// Decides one command of the batch.
    pub fn decide(&mut self, registry: &Registry, asked: &AppCommand, now: Timestamp) -> Decided {
        let app = registry.customers.by_no(asked.app);
        if let Some(binding) = axyb::standing(registry, &app, &asked.command, now) {
            return Decided::Changes(Vec::new(), Done::Stands(binding));
        }
        match self.changes_of(registry, &app, &asked.command, now) {
            Err(Undecided::Refused(refusal)) => Decided::Refused(refusal),
            Err(Undecided::Conflict) => Decided::NextBatch,
            Ok(changes) => {
                if self.conflicts(&changes) {
                    return Decided::NextBatch;
                }
                self.touch(&changes);
                let done = done_by(&changes);
                Decided::Changes(changes, done)
            }
        }
    }

    /// Ends, within the batch, what has expired. Entries that the batch touches already come back later.
    pub fn expire(&mut self, registry: &Registry, now: Timestamp) -> Vec<Change> {
        let (mut changes, mut staged) = (Vec::new(), HashSet::new());
        for id in self.expiry.pop_due(now, EXPIRED_PER_ROUND) {
            let Some(binding) = registry.directory.binding(id) else { continue };
            let Expiry::At(at) = binding.expiry() else { continue };
            if at > now {
                continue; // Modified: it was noted again under its new expiry.
            }
            if !staged.insert(id) {
                continue; // AXYB: it ends with its X.
            }
            let mut ends = axyb::ending_with(registry, &binding, now);
            ends.retain(|end| staged.insert(end.binding().id()));
            ends.push(Change::Unbound { binding, cause: UnbindCause::Expired, at });
            if self.conflicts(&ends) {
                for end in &ends {
                    staged.remove(&end.binding().id());
                    self.expiry.note(end.binding().id(), end.binding().expiry());
                }
            } else {
                self.touch(&ends);
                changes.extend(ends);
            }
        }
        changes
    }

    /// Takes back what [`Staging::expire`] took out: the batch was not written.
    pub fn note_again<'a>(&mut self, expired: impl Iterator<Item = &'a Change>) {
        for change in expired {
            self.expiry.note(change.binding().id(), change.binding().expiry());
        }
    }

    /// When auto-unbind has something to do next.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.expiry.next_due()
    }

    /// The clock was set by so many milliseconds. Quarantines keep the time that is left of them; bindings expire
    /// by the clock as it is now, because that is what customers were told.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.quarantine.clock_was_set(by_ms);
    }

    /// Ends, within the batch, everything on an X number that is withdrawn from its app; what had expired unnoticed
    /// ends as expired.
    pub fn vacate(&mut self, registry: &Registry, x: XNumber, now: Timestamp) -> Vec<Change> {
        let bindings = registry.directory.standing_by(x);
        let ends = |binding: AnyBinding| match binding.expiry() {
            Expiry::At(at) if at <= now => Change::Unbound { binding, cause: UnbindCause::Expired, at },
            _ => Change::Unbound { binding, cause: UnbindCause::NumberWithdrawn, at: now },
        };
        let changes: Vec<_> = bindings.into_iter().map(ends).collect();
        self.touch(&changes);
        changes
    }

    /// Takes in a change that is durable.
    pub fn absorb(&mut self, registry: &Registry, change: &Change) {
        let (number, load) = registry.directory.apply(change);
        let binding = change.binding();
        if let AnyBinding::Axe(binding) = binding {
            self.note_extension(change, binding);
        }
        if let Some(pool) = self.pools.get_mut(&binding.app()) {
            pool.set_load(number, load);
        }
        match change {
            Change::Bound(binding) | Change::Modified(binding) => {
                self.expiry.note(binding.id(), binding.expiry());
            }
            Change::Unbound { binding, at, .. } | Change::PartyLeft { before: binding, at } => {
                self.quarantine.note(binding, *at);
            }
        }
        if self.expiry.len() > 1_000 + 2 * registry.directory.binding_count() {
            self.rebuild_expiry(registry);
        }
    }

    /// Notes, at start-up, that a binding ended a moment ago, or that a party left it.
    pub fn note_ended(&mut self, binding: &AnyBinding, at: Timestamp) {
        self.quarantine.note(binding, at);
    }

    /// Adds a number to its app's pool, or changes its area or whether it takes bindings.
    pub fn put_number(&mut self, record: &NumberRecord) {
        let pool = self.pools.entry(record.app).or_default();
        pool.put(record.x, record.area, record.status.takes_bindings());
    }

    /// Takes a number out of its app's pool.
    pub fn remove_number(&mut self, app: AppNo, x: XNumber) {
        self.extensions.remove(&x);
        if let Some(pool) = self.pools.get_mut(&app) {
            pool.remove(x);
        }
    }

    /// Copies how many parties are in quarantine on each X number, for readers on other threads.
    pub fn publish_quarantine(&mut self, to: &mut HashMap<XNumber, u32>) {
        for (x, count) in self.quarantine.take_changed() {
            if count == 0 {
                to.remove(&x)
            } else {
                to.insert(x, count)
            };
        }
    }

    fn changes_of(
        &mut self,
        registry: &Registry,
        app: &CustomerApp,
        command: &Command,
        now: Timestamp,
    ) -> Result<Vec<Change>, Undecided> {
        let mode = match command {
            Command::BindAx(..)
            | Command::ModifyAx(..)
            | Command::SetNextCallee { .. }
            | Command::UnbindAx(..) => Mode::Ax,
            Command::BindAxb(..) | Command::ModifyAxb(..) | Command::UnbindAxb(..) => Mode::Axb,
            Command::BindAxe(..) | Command::ModifyAxe(..) | Command::UnbindAxe(..) => Mode::Axe,
            Command::BindAxyb(..) | Command::BindYb(..) | Command::UnbindAxyb(..) => Mode::Axyb,
        };
        if app.mode != mode {
            return Err(Refusal::WrongMode(app.mode).into());
        }
        match command {
            Command::BindAx(choice, wanted) => self.bind_ax(registry, app, choice, wanted, now),
            Command::ModifyAx(which, patch) => ax::modify(registry, app, *which, patch, now),
            Command::SetNextCallee { which, callee, secs, user_data } => {
                let user_data = user_data.clone();
                ax::set_next_callee(registry, app, *which, (*callee, *secs, user_data), now)
            }
            Command::UnbindAx(which, cause) => ax::unbind(registry, app, *which, *cause, now),
            Command::BindAxb(choice, wanted) => self.bind_axb(registry, app, choice, wanted, now),
            Command::ModifyAxb(id, patch) => axb::modify(registry, app, *id, patch, now),
            Command::UnbindAxb(which, cause) => axb::unbind(registry, app, *which, *cause, now),
            Command::BindAxe(choice, wanted) => self.bind_axe(registry, app, choice, wanted, now),
            Command::ModifyAxe(which, patch) => axe::modify(registry, app, *which, patch, now),
            Command::UnbindAxe(which, cause) => axe::unbind(registry, app, *which, *cause, now),
            Command::BindAxyb(search, wanted) => self.bind_axyb(registry, app, search, wanted, now),
            Command::BindYb(ax, search, wanted) => self.bind_yb(registry, app, *ax, search, wanted, now),
            Command::UnbindAxyb(which, cause) => axyb::unbind(registry, app, *which, *cause, now),
        }
    }

    fn pool(&self, app: AppNo) -> Result<&Pool, Refusal> {
        self.pools.get(&app).ok_or_else(|| Pool::default().none_at_all())
    }

    /// What every automatic choice goes by: a number that fits, but was another app's a moment ago, is passed over.
    fn unless_anothers(
        &self,
        app: AppNo,
        now: Timestamp,
        fit: impl Fn(XNumber) -> Fit,
    ) -> impl Fn(XNumber) -> Fit {
        move |x| match fit(x) {
            Fit::Free if self.quarantine.bars_app(x, app, now) => Fit::Quarantined,
            fit => fit,
        }
    }

    fn conflicts(&self, changes: &[Change]) -> bool {
        changes.iter().flat_map(touches).any(|touch| self.touched.contains(&touch))
    }

    fn touch(&mut self, changes: &[Change]) {
        self.touched.extend(changes.iter().flat_map(touches));
        for change in changes {
            if let Change::Bound(binding) = change {
                *self.added.entry(binding.y().unwrap_or(binding.x())).or_default() += 1;
            }
        }
    }

    /// Drops entries of bindings that were unbound or given another expiry.
    fn rebuild_expiry(&mut self, registry: &Registry) {
        let mut fresh = ExpiryQueue::default();
        registry.directory.view_all(|entry| {
            for binding in entry.slot.iter().flat_map(XSlot::bindings) {
                fresh.note(binding.id(), binding.expiry());
            }
        });
        self.expiry = fresh;
    }
}

/// Why a command has no changes.
enum Undecided {
    Refused(Refusal),
    Conflict,
}

impl From<Refusal> for Undecided {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Decides on an X number that a binding id led to.
fn on(
    registry: &Registry,
    x: XNumber,
    decide: impl FnOnce(&NumberRecord, Option<&XSlot>) -> Result<Vec<Change>, Refusal>,
) -> Result<Vec<Change>, Undecided> {
    let decided = registry.directory.view(x, |entry| decide(&entry.record, entry.slot.as_ref()));
    Ok(decided.unwrap_or(Err(Refusal::NoSuchBinding))?)
}

/// What holds for the terms and parties of any bind or modify.
fn check_terms(
    registry: &Registry,
    app: &CustomerApp,
    record: bool,
    parties: [Option<E164>; 2],
) -> Result<(), Undecided> {
    if record && !app.recording {
        return Err(Refusal::RecordingNotEnabled.into());
    }
    let is_x = |party: E164| registry.directory.view(XNumber::new(party), |_| ()).is_some();
    if parties.into_iter().flatten().any(is_x) {
        return Err(Refusal::PartyIsX.into());
    }
    Ok(())
}

/// Decides on an X number that the app names: it must be one of its own.
fn on_own<T>(
    registry: &Registry,
    app: &CustomerApp,
    x: XNumber,
    decide: impl FnOnce(&NumberRecord, Option<&XSlot>) -> Result<T, Refusal>,
) -> Result<T, Undecided> {
    let own =
        |entry: &Entry| (entry.record.app == app.no).then(|| decide(&entry.record, entry.slot.as_ref()));
    Ok(registry.directory.view(x, own).flatten().unwrap_or(Err(Refusal::XNotOwned))?)
}

fn touches(change: &Change) -> impl Iterator<Item = Touch> {
    let touches = match change.binding() {
        AnyBinding::Ax(binding) => {
            let owner = Touch::Owner(binding.app, binding.relation.a);
            [Some(Touch::Binding(binding.id)), Some(Touch::Number(binding.x)), Some(owner)]
        }
        AnyBinding::Axb(binding) => {
            let pair = binding.relation.pair;
            let party = |party| Some(Touch::Party(binding.x, party));
            [Some(Touch::Binding(binding.id)), party(pair.a()), party(pair.b())]
        }
        AnyBinding::Axe(binding) => {
            let [binding, extension] = axe::touch(binding);
            [Some(binding), Some(extension), None]
        }
        AnyBinding::Axyb(binding) => [Some(Touch::Binding(binding.id)), Some(Touch::Number(binding.x)), None],
        AnyBinding::Yb(binding) => axyb::touch(binding, matches!(change, Change::Bound(_))),
    };
    touches.into_iter().flatten()
}

fn done_by(changes: &[Change]) -> Done {
    match changes.last() {
        Some(Change::Bound(binding) | Change::Modified(binding)) => Done::Stands(binding.clone()),
        _ => Done::Ended(changes.iter().map(|change| change.binding().id()).collect()),
    }
}
