//! AXYB in the world: X and Y are asked for, end, expire, and live through faults and crashes. The observer scans what is
//! on the disk: each number must lead where that says, and what was answered must be there. A Y that a call needs is asked
//! for as the engine does it, and the call goes on when it is there, or is not waited for.

use std::ops::RangeInclusive;

use privnum::domain::allocation::{AreaMatch, Search};
use privnum::domain::area::AreaCode;
use privnum::domain::axyb::{AxybBind, YB_PER_X_MAX, YbBind};
use privnum::domain::binding::{AnyBinding, Axyb, Binding, CallDirection, Terms, UnbindCause, Yb};
use privnum::domain::call::{Basis, CallId, Decision};
use privnum::domain::command::{AppCommand, AxybSelector, Command, Done};
use privnum::domain::customer::Mode;
use privnum::domain::id::{AppNo, BindingId, RowKey};
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::refusal::Refusal;
use privnum::domain::route::{CallSetup, NoY, Reject, RejectCause, Route, no_y};
use privnum::engine::job::{Job, SettingChange, Unserved};
use rand::RngExt;
use tokio::sync::oneshot;

use super::cast::{PARTIES, app, dialled, number_of, party, x};
use super::world::{Waiting, World};

/// The app that has AXYB, and its X numbers.
const APP: AppNo = AppNo(4);
pub const NUMBERS: RangeInclusive<u64> = 21..=25;

/// Whether all that the observer knows of these bindings is what the disk has.
pub const fn is_known_by_disk(mode: Mode) -> bool {
    matches!(mode, Mode::Axe | Mode::Axyb)
}

/// What stands, as the disk has it.
struct Standing {
    xs: Vec<Binding<Axyb>>,
    ybs: Vec<Binding<Yb>>,
}

impl World {
    /// Makes the app and its numbers.
    pub fn found_axyb(&mut self) {
        self.set(SettingChange::CreateApp(Box::new(app(APP.0, Mode::Axyb, true))));
        self.model.apps.insert(APP, (Mode::Axyb, false));
        let area = AreaCode::parse("010");
        self.set(SettingChange::AddNumbers(NUMBERS.map(|n| number_of(n, APP, area)).collect()));
        self.write_all();
    }

    /// A customer of AXYB asks something, a number changes, or is taken away.
    pub fn lend_something(&mut self) {
        let draw = self.rng.random_range(0..100);
        if draw >= 90 {
            if !self.has_work() {
                self.change_a_lent_number();
            }
            return;
        }
        let command = match draw {
            0..25 => self.any_first_step(),
            25..65 => self.any_second_step(),
            _ => self.any_end(),
        };
        self.ask(AppCommand { app: APP, command });
    }

    fn any_search(&mut self) -> Search {
        let matching = if self.chance(50) { AreaMatch::Strict } else { AreaMatch::Loose };
        Search { area: AreaCode::parse("010"), province: Vec::new(), matching }
    }

    fn any_secs(&mut self) -> u32 {
        if self.chance(50) { self.rng.random_range(1..400) } else { 0 }
    }

    fn any_first_step(&mut self) -> Command {
        let (duration_secs, yb_duration_secs) = (self.any_secs(), self.any_secs());
        let direction =
            CallDirection::from_code(if self.chance(70) { 0 } else { 1 + self.rng.random_range(0..2) });
        let terms = Terms { direction: direction.unwrap(), ..Terms::default() };
        let (a, area) = (self.any_party(), AreaCode::parse("010").unwrap());
        let matching = AreaMatch::Strict;
        let wanted = AxybBind { a, area, matching, duration_secs, yb_duration_secs, terms };
        Command::BindAxyb(self.any_search(), wanted)
    }

    fn any_second_step(&mut self) -> Command {
        let duration_secs = if self.chance(50) { Some(self.any_secs()) } else { None };
        let (b, on_call) = (self.any_party(), self.chance(50));
        let wanted = YbBind { b, duration_secs, tone: None, user_data: None, on_call };
        Command::BindYb(self.any_x_binding(), self.any_search(), wanted)
    }

    fn any_end(&mut self) -> Command {
        let ax = self.any_x_binding();
        let which = match self.rng.random_range(0..3) {
            0 => AxybSelector::All(ax),
            1 => AxybSelector::Y(ax, x(self.rng.random_range(NUMBERS))),
            _ => AxybSelector::B(ax, self.any_party()),
        };
        Command::UnbindAxyb(which, UnbindCause::Customer)
    }

    fn any_x_binding(&mut self) -> BindingId {
        let xs = self.standing().xs;
        if xs.is_empty() { RowKey::floor(1) } else { xs[self.rng.random_range(0..xs.len())].id }
    }

    fn change_a_lent_number(&mut self) {
        let number = x(self.rng.random_range(NUMBERS));
        if !self.disk.tables().numbers.contains_key(&number) {
            // It comes back under the same digits.
            let n = number.number().word() - x(0).number().word();
            self.set(SettingChange::AddNumbers(vec![number_of(n, APP, AreaCode::parse("010"))]));
        } else if self.chance(30) {
            self.set(SettingChange::RemoveNumber { x: number, force: true });
        } else {
            self.change_status_of(NUMBERS);
        }
    }

    fn standing(&self) -> Standing {
        let mut standing = Standing { xs: Vec::new(), ybs: Vec::new() };
        for binding in self.disk.tables().bindings.values() {
            match binding {
                AnyBinding::Axyb(binding) => standing.xs.push(binding.clone()),
                AnyBinding::Yb(binding) => standing.ybs.push(binding.clone()),
                AnyBinding::Ax(_) | AnyBinding::Axb(_) | AnyBinding::Axe(_) => {}
            }
        }
        standing
    }

    /// Somebody dials an X that stands, or an A one of its Y; `None`: anybody dials any.
    pub fn any_lent_call(&mut self) -> Option<(E164, E164)> {
        let Standing { xs, ybs } = self.standing();
        let known: Vec<_> = xs.iter().map(|ax| (None, ax.x)).collect();
        let ys = ybs.iter().map(|yb| (Some(yb.relation.pair.a()), yb.relation.y));
        let known: Vec<_> = known.into_iter().chain(ys).collect();
        let (a, n) = *known.get(self.rng.random_range(0..known.len().max(1)))?;
        Some((a.unwrap_or_else(|| self.any_party()), n.number()))
    }

    /// Has the writer give the caller a Y, as `engine/lending.rs` does. Somebody may not wait so long.
    pub fn lend_y(&mut self, id: &CallId, ax: BindingId) {
        let found = self.standing().xs.into_iter().find(|binding| binding.id == ax).expect("it is live");
        let search = Search {
            area: Some(found.relation.area),
            province: Vec::new(),
            matching: found.relation.matching,
        };
        let CallingParty::Number(b) = self.with_setup_of(id, |setup| setup.caller) else {
            panic!("only a caller with a number is given a Y")
        };
        let wanted = YbBind { b, duration_secs: None, tone: None, user_data: None, on_call: true };
        let command = AppCommand { app: APP, command: Command::BindYb(ax, search, wanted) };
        if self.chance(10) {
            self.ask(command);
            return self.y_is_lent(id, Some(NoY::NotWritten));
        }
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::Command(command, None, answer));
        self.wait_for(Waiting::Lending(id.clone(), answered));
    }

    /// The writer has answered whether a caller got its Y.
    pub fn hear_of_y(&mut self, id: &CallId, answer: &Result<Result<Done, Refusal>, Unserved>) {
        let why = match answer {
            Ok(Ok(_)) => None,
            Ok(Err(Refusal::TooManyB)) => Some(NoY::TooManyB),
            Ok(Err(Refusal::PartyIsX)) => Some(NoY::CallerIsLent),
            Ok(Err(_)) => Some(NoY::NoneFree),
            Err(Unserved::NotServing) => return, // The switch asks again.
            Err(_) => Some(NoY::NotWritten),
        };
        self.y_is_lent(id, why);
    }

    fn y_is_lent(&mut self, id: &CallId, why_not: Option<NoY>) {
        let (registry, now) = (&self.shared.registry, self.now());
        let decision = self.with_setup_of(id, |setup| registry.decide(setup, Basis::Asked, now));
        let route = no_y(decision.route, why_not.unwrap_or(NoY::NotWritten));
        let decision = registry.bind_to(id, Decision { route, ..decision }.into(), now);
        self.is_told(id, &decision);
    }

    /// What is answered is on the disk by then.
    pub fn check_lent(&self, asked: &AppCommand, answer: &Result<Done, Refusal>) {
        let tables = self.disk.tables();
        match (&asked.command, answer) {
            // What a calling B has already may end in the same batch.
            (Command::BindYb(_, _, YbBind { on_call: true, .. }), _) | (_, Err(_)) => {}
            (_, Ok(Done::Stands(binding))) => {
                assert_eq!(
                    tables.bindings.get(&binding.id()),
                    Some(binding),
                    "an answered bind is not stored"
                );
            }
            (_, Ok(Done::Ended(ended))) => {
                let left = ended.iter().any(|id| tables.bindings.contains_key(id));
                assert!(!left, "an answered end is not stored");
            }
        }
    }

    /// 1 to 4 for AXYB: the numbers lead where what is on the disk says, and none is two things.
    pub fn check_lent_numbers(&self) {
        let Standing { xs, ybs } = self.standing();
        for ax in &xs {
            assert_eq!(xs.iter().filter(|other| other.x == ax.x).count(), 1, "{} has two A", ax.x);
            assert!(ybs.iter().all(|yb| yb.relation.y != ax.x), "{} is an X and a Y", ax.x);
            let of_ax = ybs.iter().filter(|yb| yb.relation.ax == ax.id).count();
            assert!(of_ax <= YB_PER_X_MAX as usize, "{} has {of_ax} B", ax.x);
        }
        for yb in &ybs {
            assert!(xs.iter().any(|ax| ax.id == yb.relation.ax), "a Y is left without its X");
            let same = |other: &&Binding<Yb>| {
                other.relation.y == yb.relation.y && other.relation.pair.a() == yb.relation.pair.a()
            };
            assert_eq!(ybs.iter().filter(same).count(), 1, "a Y stands for two towards one A");
        }
        for n in NUMBERS.map(x) {
            for caller in (1..=PARTIES).map(party) {
                let setup = dialled(CallingParty::Number(caller), n.number());
                let decision = self.shared.registry.decide(setup, Basis::Asked, self.now());
                self.check_lent_route_by(&xs, &ybs, setup, &decision.route);
            }
        }
    }

    /// Compares a route of AXYB with what the disk says now.
    pub fn check_lent_route(&self, setup: CallSetup<'_>, route: &Route) {
        let Standing { xs, ybs } = self.standing();
        self.check_lent_route_by(&xs, &ybs, setup, route);
    }

    fn check_lent_route_by(
        &self,
        xs: &[Binding<Axyb>],
        ybs: &[Binding<Yb>],
        setup: CallSetup<'_>,
        route: &Route,
    ) {
        let found = match route {
            Route::Connect(connect) => Ok(Some((connect.callee, connect.display))),
            Route::Undecided(_) | Route::Reject(Reject { cause: RejectCause::NoY(_), .. }) => Ok(None),
            Route::Reject(reject) => Err(reject.cause),
            Route::Collect(_) => panic!("AXYB asks for no digits"),
        };
        let n = XNumber::new(setup.called.unwrap());
        assert_eq!(found, self.leads(xs, ybs, setup.caller, n), "{:?} calls {n}", setup.caller);
    }

    /// Whom a call reaches and what is shown there; `Ok(None)`: a Y is needed first.
    fn leads(
        &self,
        xs: &[Binding<Axyb>],
        ybs: &[Binding<Yb>],
        caller: CallingParty,
        n: XNumber,
    ) -> Result<Option<(E164, XNumber)>, RejectCause> {
        let now = self.now();
        let status = |n: XNumber| self.disk.tables().numbers.get(&n).map(|(record, _)| record.status);
        let carries = |n: XNumber| match status(n) {
            None => Err(RejectCause::UnknownNumber),
            Some(status) if status.carries_calls() => Ok(()),
            Some(status) => Err(RejectCause::NumberUnusable(status)),
        };
        carries(n)?;
        if self.model.apps[&APP].1 {
            return Err(RejectCause::AppSuspended);
        }
        let CallingParty::Number(caller) = caller else { return Err(RejectCause::CallerUnusable) };
        if let Some(ax) = xs.iter().find(|ax| ax.x == n && ax.is_live(now)) {
            if ax.relation.a == caller {
                return Err(RejectCause::OwnNumber);
            }
            if ax.terms.direction == CallDirection::AToB {
                return Err(RejectCause::Direction);
            }
            let of_caller = |yb: &&Binding<Yb>| yb.relation.ax == ax.id && yb.relation.pair.b() == caller;
            let Some(yb) = ybs.iter().filter(|yb| yb.is_live(now)).find(of_caller) else { return Ok(None) };
            carries(yb.relation.y)?;
            return Ok(Some((ax.relation.a, yb.relation.y)));
        }
        let live = || ybs.iter().filter(|yb| yb.relation.y == n && yb.is_live(now));
        if let Some(yb) = live().find(|yb| yb.relation.pair.a() == caller) {
            if yb.terms.direction == CallDirection::BToA {
                return Err(RejectCause::Direction);
            }
            carries(yb.x)?;
            return Ok(Some((yb.relation.pair.b(), yb.x)));
        }
        let own = live().any(|yb| yb.relation.pair.b() == caller);
        Err(if own { RejectCause::OwnNumber } else { RejectCause::NoAxybBinding })
    }
}
