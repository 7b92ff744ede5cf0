//! What customers and operators ask.

use std::ops::RangeInclusive;

use privnum::domain::allocation::{AreaMatch, Search};
use privnum::domain::area::AreaCode;
use privnum::domain::ax::{AxBind, AxPatch};
use privnum::domain::axb::{AxbBind, AxbPatch, TermsPatch};
use privnum::domain::binding::{AnyBinding, CallDirection, Extras, Terms, UnbindCause};
use privnum::domain::command::{AppCommand, AxSelector, AxbSelector, Command, XChoice};
use privnum::domain::customer::NumberStatus;
use privnum::domain::id::{AppNo, BindingId, RowKey};
use privnum::domain::number::{E164, Pair, XNumber};
use privnum::domain::setting::AppChange;
use privnum::engine::job::SettingChange;
use rand::RngExt;

use super::cast::{APPS, NUMBERS, PARTIES, party, x};
use super::world::World;

impl World {
    pub fn ask_something(&mut self) {
        for _ in 0..self.rng.random_range(1..6) {
            let asked = self.any_command();
            self.ask(asked);
        }
    }

    /// Binds two parties on the first X, for a story that needs it.
    pub fn bind_pair(&mut self, a: u64, b: u64) {
        let pair = Pair::new(party(a), party(b)).unwrap();
        let wanted = AxbBind { pair, terms: self.any_terms(), duration_secs: 0 };
        let wanted = AxbBind { terms: Terms { direction: CallDirection::Both, ..wanted.terms }, ..wanted };
        self.ask(AppCommand { app: AppNo(1), command: Command::BindAxb(XChoice::Named(x(1)), wanted) });
        self.write_all();
    }

    fn any_command(&mut self) -> AppCommand {
        let app = AppNo(if self.chance(80) { self.rng.random_range(1..=2) } else { 3 });
        let ax = app == AppNo(2);
        let what = self.rng.random_range(0..10);
        let (patch, id, on, cause) =
            (self.any_patch(), self.any_id(), self.any_x(app), UnbindCause::Customer);
        let which = if self.chance(70) { AxSelector::Id(id) } else { AxSelector::X(on) };
        let one_in_four = self.chance(25);
        let command = match (ax, what) {
            (true, 0..4) => Command::BindAx(self.any_choice(app), self.any_ax_bind()),
            (true, 4..6) => {
                Command::ModifyAx(which, AxPatch { a: self.any_new_party(), turned_on: None, terms: patch })
            }
            (true, 6..8) => Command::SetNextCallee {
                which,
                callee: self.any_party(),
                secs: self.rng.random_range(1..120),
                user_data: patch.user_data,
            },
            (true, _) => Command::UnbindAx(which, cause),
            (false, 0..6) => Command::BindAxb(self.any_choice(app), self.any_axb_bind()),
            (false, 6..8) => {
                let duration_secs = one_in_four.then(|| self.rng.random_range(0..400));
                let (a, b) = (self.any_new_party(), self.any_new_party());
                Command::ModifyAxb(id, AxbPatch { a, b, duration_secs, terms: patch })
            }
            (false, _) if one_in_four => Command::UnbindAxb(AxbSelector::AllOn(on), cause),
            (false, _) => Command::UnbindAxb(AxbSelector::Id(id), cause),
        };
        AppCommand { app, command }
    }

    /// A binding that stands or stood, anybody's.
    fn any_id(&mut self) -> BindingId {
        let known = self.model.bindings.len();
        if known == 0 || self.chance(5) {
            return RowKey::floor(self.rng.random_range(1..1_000));
        }
        self.model.bindings[self.rng.random_range(0..known)].id
    }

    /// Mostly one of the app's own.
    fn any_x(&mut self, app: AppNo) -> XNumber {
        let x = x(self.rng.random_range(1..=NUMBERS));
        if self.model.numbers[&x].app == app || self.chance(10) { x } else { self.any_x(app) }
    }

    pub fn any_party(&mut self) -> E164 {
        party(self.rng.random_range(1..=PARTIES))
    }

    fn any_new_party(&mut self) -> Option<E164> {
        self.chance(40).then(|| self.any_party())
    }

    fn any_choice(&mut self, app: AppNo) -> XChoice {
        if self.chance(40) {
            return XChoice::Named(self.any_x(app));
        }
        let areas = ["0755", "020", "010"];
        let area = self.chance(70).then(|| areas[self.rng.random_range(0..3)]).and_then(AreaCode::parse);
        let matching = if self.chance(40) { AreaMatch::Strict } else { AreaMatch::Loose };
        XChoice::Chosen(Search { area, province: Vec::new(), matching })
    }

    fn any_direction(&mut self) -> CallDirection {
        CallDirection::from_code(if self.chance(60) { 0 } else { self.rng.random_range(0..3) }).unwrap()
    }

    fn tag(&mut self) -> Box<str> {
        self.tags += 1;
        format!("tag-{}", self.tags).into()
    }

    fn any_terms(&mut self) -> Terms {
        let extras = Extras { user_data: Some(self.tag()), ..Extras::default() };
        let max_duration_minutes = if self.chance(20) { 3 } else { 0 };
        let sms = self.chance(80);
        Terms { direction: self.any_direction(), max_duration_minutes, sms, ..Terms::default() }
            .with_extras(extras)
    }

    fn any_patch(&mut self) -> TermsPatch {
        let direction = self.chance(30).then(|| self.any_direction());
        TermsPatch { direction, user_data: Some(self.tag()), ..TermsPatch::default() }
    }

    fn any_ax_bind(&mut self) -> AxBind {
        // Few subscribers, so that some come to their fifth number.
        let a = party(self.rng.random_range(1..4));
        AxBind { a, terms: self.any_terms(), direction_given: true, turned_on: true }
    }

    fn any_axb_bind(&mut self) -> AxbBind {
        let pair = loop {
            if let Some(pair) = Pair::new(self.any_party(), self.any_party()) {
                break pair;
            }
        };
        let duration_secs = if self.chance(50) { self.rng.random_range(1..400) } else { 0 };
        AxbBind { pair, terms: self.any_terms(), duration_secs }
    }

    pub fn change_a_number(&mut self) {
        let x = x(self.rng.random_range(1..=NUMBERS));
        if self.has_work() {
            return; // What is asked must make sense when it is done.
        }
        if self.chance(30) && self.model.numbers[&x].app != AppNo(2) {
            let to = AppNo(if self.model.numbers[&x].app == AppNo(1) { 3 } else { 1 });
            return self.set(SettingChange::MoveNumber { x, to, force: self.tags.is_multiple_of(2) });
        }
        let status = match self.rng.random_range(0..6) {
            0 => NumberStatus::Suspended,
            1 => NumberStatus::Unavailable(Some(3)),
            2 => NumberStatus::BindingFrozen,
            _ => NumberStatus::Normal,
        };
        if self.model.numbers[&x].status != status {
            self.set(SettingChange::SetStatus(vec![(x, status)]));
        }
    }

    /// One of these numbers stops to carry calls or binds, or does so again.
    pub fn change_status_of(&mut self, numbers: RangeInclusive<u64>) {
        let number = x(self.rng.random_range(numbers));
        let status = match self.rng.random_range(0..4) {
            0 => NumberStatus::Suspended,
            1 => NumberStatus::BindingFrozen,
            _ => NumberStatus::Normal,
        };
        let known = self.disk.tables().numbers.get(&number).map(|(record, _)| record.status);
        if known.is_some_and(|known| known != status) {
            self.set(SettingChange::SetStatus(vec![(number, status)]));
        }
    }

    /// A delivery in whatever state is to be pushed once more.
    pub fn redeliver_something(&mut self) {
        let known = self.disk.tables().notices.len();
        if known > 0 {
            let at = self.rng.random_range(0..known);
            let id = *self.disk.tables().notices.keys().nth(at).unwrap();
            self.redeliver(id);
        }
    }

    pub fn change_an_app(&mut self) {
        let no = AppNo(self.rng.random_range(1..=APPS));
        let suspended = self.shared.registry.customers.by_no(no).suspended;
        if !suspended && self.chance(60) {
            return; // Most of the time they all work.
        }
        self.change_app(no, if suspended { AppChange::Resume } else { AppChange::Suspend });
    }
}

/// The user data that a command gives, which tells on the disk that it was this one.
pub fn tag_of(asked: &AppCommand) -> Option<&str> {
    match &asked.command {
        Command::BindAx(_, bind) => bind.terms.extras().user_data.as_deref(),
        Command::BindAxb(_, bind) => bind.terms.extras().user_data.as_deref(),
        Command::ModifyAx(_, patch) => patch.terms.user_data.as_deref(),
        Command::ModifyAxb(_, patch) => patch.terms.user_data.as_deref(),
        Command::SetNextCallee { user_data, .. } => user_data.as_deref(),
        Command::UnbindAx(..)
        | Command::UnbindAxb(..)
        | Command::BindAxe(..)
        | Command::ModifyAxe(..)
        | Command::UnbindAxe(..)
        | Command::BindAxyb(..)
        | Command::BindYb(..)
        | Command::UnbindAxyb(..) => None,
    }
}

pub fn stands_in(binding: &AnyBinding, tag: &str) -> bool {
    match binding {
        AnyBinding::Axe(_) | AnyBinding::Axyb(_) | AnyBinding::Yb(_) => {
            unreachable!("of these the disk is all that the observer knows")
        }
        AnyBinding::Axb(binding) => binding.terms.extras().user_data.as_deref() == Some(tag),
        AnyBinding::Ax(binding) => {
            let next = binding.relation.next_callee.as_deref();
            binding.terms.extras().user_data.as_deref() == Some(tag)
                || next.is_some_and(|next| next.user_data.as_deref() == Some(tag))
        }
    }
}
