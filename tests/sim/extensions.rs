//! AXE in the world: extensions are given out, asked for, changed, end and rest, and calls key them. The observer scans
//! what is on the disk, as in `lent.rs`: each extension must lead where that says, and A to its last caller.

use std::ops::RangeInclusive;

use privnum::domain::allocation::{AreaMatch, Search};
use privnum::domain::area::AreaCode;
use privnum::domain::axe::{AxeBind, AxePatch, FallbackPatch};
use privnum::domain::binding::{
    AnyBinding, Axe, Binding, Fallback, LastCaller, Terms, TimeUnit, UnbindCause,
};
use privnum::domain::call::{Basis, Call, Stage};
use privnum::domain::command::{AppCommand, AxeSelector, Command, XChoice};
use privnum::domain::customer::{CustomerApp, Mode};
use privnum::domain::extension::Extension;
use privnum::domain::id::{AppNo, BindingId, RowKey};
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::route::{CallSetup, RejectCause, Route};
use privnum::engine::job::SettingChange;
use rand::RngExt;

use super::cast::{PARTIES, app, number_of, party, x};
use super::disk::Tables;
use super::world::World;

/// The app that has AXE, with nine extensions on each X, and its X numbers.
const APP: AppNo = AppNo(5);
pub const NUMBERS: RangeInclusive<u64> = 31..=32;
const DIGITS: u8 = 1;

/// What a call comes to: the binding and the callee, or to be asked for an extension.
type Led = Result<Option<(BindingId, E164)>, RejectCause>;

impl World {
    /// Makes the app and its numbers.
    pub fn found_axe(&mut self) {
        let axe = CustomerApp { extension_digits: DIGITS, ..app(APP.0, Mode::Axe, true) };
        self.set(SettingChange::CreateApp(Box::new(axe)));
        self.model.apps.insert(APP, (Mode::Axe, false));
        let area = AreaCode::parse("010");
        self.set(SettingChange::AddNumbers(NUMBERS.map(|n| number_of(n, APP, area)).collect()));
        self.write_all();
    }

    /// A customer of AXE asks something, or a number changes.
    pub fn extend_something(&mut self) {
        let command = match self.rng.random_range(0..100) {
            0..50 => Command::BindAxe(self.any_axe_choice(), self.any_axe_bind()),
            50..65 => Command::ModifyAxe(self.any_axe_binding(), self.any_axe_patch()),
            65..95 => Command::UnbindAxe(self.any_axe_binding(), UnbindCause::Customer),
            _ if self.has_work() => return,
            _ => return self.change_status_of(NUMBERS),
        };
        self.ask(AppCommand { app: APP, command });
    }

    /// Binds an A for good, for a story that needs it.
    pub fn bind_extension(&mut self, a: u64, on: u64, extension: &str) {
        let extension = Extension::parse(extension);
        let (life, callback, fallback) = (None, None, None);
        let wanted = AxeBind { a: party(a), extension, life, callback, fallback, ..self.any_axe_bind() };
        self.ask(AppCommand { app: APP, command: Command::BindAxe(XChoice::Named(x(on)), wanted) });
        self.write_all();
    }

    /// What a caller keys who dialled this: mostly what leads somewhere.
    pub fn any_keyed(&mut self, dialled: E164) -> Box<str> {
        let bound: Vec<_> = axe_bindings(&self.disk.tables())
            .filter(|binding| binding.x.number() == dialled)
            .map(|binding| binding.relation.extension)
            .collect();
        match self.rng.random_range(0..10) {
            0 => "".into(),
            1 => "77".into(),
            2..9 if !bound.is_empty() => bound[self.rng.random_range(0..bound.len())].to_string().into(),
            _ => self.any_extension().to_string().into(),
        }
    }

    /// Somebody dials an X on which something is bound; `None`: anybody dials any.
    pub fn any_axe_call(&mut self) -> Option<(E164, E164)> {
        let bound: Vec<_> = axe_bindings(&self.disk.tables())
            .map(|binding| (binding.relation.a, binding.x.number()))
            .collect();
        let (a, x) = *bound.get(self.rng.random_range(0..bound.len().max(1)))?;
        // A calls back, or a stranger calls.
        Some((if self.chance(35) { a } else { self.any_party() }, x))
    }

    fn any_extension(&mut self) -> Extension {
        Extension::new(DIGITS, self.rng.random_range(1..=9)).unwrap()
    }

    fn any_axe_choice(&mut self) -> XChoice {
        if self.chance(60) {
            return XChoice::Named(x(self.rng.random_range(NUMBERS)));
        }
        let matching = if self.chance(50) { AreaMatch::Strict } else { AreaMatch::Loose };
        XChoice::Chosen(Search { area: AreaCode::parse("010"), province: Vec::new(), matching })
    }

    fn any_axe_bind(&mut self) -> AxeBind {
        let minutes = |world: &mut Self| world.chance(50).then(|| world.rng.random_range(0..10));
        AxeBind {
            // Few subscribers, so that some have several extensions of one X.
            a: party(self.rng.random_range(1..5)),
            extension: self.chance(40).then(|| self.any_extension()),
            unit: Some(TimeUnit::Minutes),
            life: minutes(self),
            callback: minutes(self),
            fallback: self.any_fallback(),
            shows_caller: self.chance(50),
            terms: Terms::default(),
            draw: self.rng.random(),
        }
    }

    fn any_axe_patch(&mut self) -> AxePatch {
        let fallback =
            FallbackPatch { new: self.any_fallback(), no_tone: self.chance(20), no_number: self.chance(20) };
        let life = self.chance(40).then(|| self.rng.random_range(0..10));
        let callback = self.chance(40).then(|| self.rng.random_range(0..10));
        AxePatch { unit: Some(TimeUnit::Minutes), life, callback, fallback, ..AxePatch::default() }
    }

    fn any_fallback(&mut self) -> Option<Fallback> {
        match self.rng.random_range(0..6) {
            0 => Some(Fallback::Tone("nobody.wav".into())),
            1 | 2 => Some(Fallback::Number(self.any_party())),
            _ => None,
        }
    }

    fn any_axe_binding(&mut self) -> AxeSelector {
        if self.chance(30) {
            return AxeSelector::Extension(x(self.rng.random_range(NUMBERS)), self.any_extension());
        }
        let ids: Vec<_> = axe_bindings(&self.disk.tables()).map(|binding| binding.id).collect();
        AxeSelector::Id(if ids.is_empty() {
            RowKey::floor(1)
        } else {
            ids[self.rng.random_range(0..ids.len())]
        })
    }

    /// 1 to 4 for AXE: an extension stands once, and everybody is led where what is on the disk says.
    pub fn check_extensions(&mut self) {
        let every = |world: &Self, caller: u64, keyed: Option<&str>| {
            let caller = CallingParty::Number(party(caller));
            for n in NUMBERS.map(|n| x(n).number()) {
                let setup = CallSetup { caller, called: Some(n), extension: keyed };
                let decision = world.shared.registry.decide(setup, Basis::Asked, world.now());
                world.check_keyed_route(setup, &decision.route);
            }
        };
        (1..=PARTIES).for_each(|caller| every(self, caller, None));
        // An A, and one who may be none.
        let callers = [self.rng.random_range(1..5), self.rng.random_range(1..=PARTIES)];
        for (caller, extension) in
            callers.into_iter().flat_map(|caller| (0..=9).map(move |ext| (caller, ext)))
        {
            every(self, caller, Some(&extension.to_string()));
        }
        let tables = self.disk.tables();
        let mut standing: Vec<_> =
            axe_bindings(&tables).map(|binding| (binding.x, binding.relation.extension)).collect();
        standing.sort_unstable();
        assert!(standing.windows(2).all(|two| two[0] != two[1]), "an extension stands twice");
    }

    /// Compares a route of AXE with what the disk says now.
    pub fn check_keyed_route(&self, setup: CallSetup<'_>, route: &Route) {
        let x = XNumber::new(setup.called.unwrap());
        let found = match route {
            Route::Connect(connect) => {
                assert_eq!(connect.display, x, "a leg is shown something else than the X dialled");
                Ok(Some((connect.through.subscription.unwrap(), connect.callee)))
            }
            Route::Collect(collect) => {
                assert_eq!(collect.digits, DIGITS);
                Ok(None)
            }
            Route::Undecided(_) => panic!("AXE is decided at once"),
            Route::Reject(reject) => Err(reject.cause),
        };
        assert_eq!(found, self.keyed_leads(setup, x), "{:?} calls {x}", setup.caller);
    }

    fn keyed_leads(&self, setup: CallSetup<'_>, x: XNumber) -> Led {
        let (tables, now) = (self.disk.tables(), self.now());
        let status = tables.numbers[&x].0.status;
        if !status.carries_calls() {
            return Err(RejectCause::NumberUnusable(status));
        }
        if self.model.apps[&APP].1 {
            return Err(RejectCause::AppSuspended);
        }
        let CallingParty::Number(caller) = setup.caller else { return Err(RejectCause::CallerUnusable) };
        let live = || axe_bindings(&tables).filter(move |binding| binding.x == x && binding.is_live(now));
        let own: Vec<_> = live().filter(|binding| binding.relation.a == caller).collect();
        match setup.extension {
            None if own.is_empty() => Ok(None),
            None => called_back(&tables, &own, caller, self).map(Some),
            Some("") => Err(RejectCause::EmptyExtension),
            Some(keyed) => {
                let keyed = Extension::parse(keyed);
                let meant = live().find(|binding| Some(binding.relation.extension) == keyed);
                match meant.ok_or(RejectCause::NoAxeBinding)? {
                    binding if binding.relation.a != caller => Ok(Some((binding.id, binding.relation.a))),
                    _ => called_back(&tables, &own, caller, self).map(Some),
                }
            }
        }
    }
}

/// Whom an A reaches who has these bindings.
fn called_back(
    tables: &Tables,
    own: &[&Binding<Axe>],
    caller: E164,
    world: &World,
) -> Result<(BindingId, E164), RejectCause> {
    let in_time = |binding: &Binding<Axe>, last: &LastCaller| {
        let secs = u64::from(binding.relation.callback.secs());
        secs == 0 || world.now().millis() < last.at.millis() + 1_000 * secs
    };
    let callers = own.iter().filter_map(|binding| {
        let last = tables.callers.get(&binding.id).filter(|last| in_time(binding, last))?;
        Some((last.at, binding.id, last.caller))
    });
    if let Some((_, binding, last)) = callers.max_by_key(|(at, binding, _)| (*at, *binding)) {
        return Ok((binding, last));
    }
    let newest = own.iter().max_by_key(|binding| binding.id).expect("A has a binding");
    match newest.relation.fallback.as_deref() {
        Some(Fallback::Number(number)) if *number != caller => Ok((newest.id, *number)),
        _ => Err(RejectCause::NobodyToCallBack),
    }
}

/// Whoever reached A by an extension can be called back, or somebody who did so later. The switch's clock may be ahead.
pub fn check_last_caller(tables: &Tables, call: &Call) {
    let Some(Route::Connect(connect)) = call.decision.as_ref().map(|decision| &decision.route) else {
        return;
    };
    let dialled = call.events.iter().filter(|event| Stage::FORWARDED.contains(&event.stage));
    let earliest = dialled.map(|event| event.at.min(event.received_at)).min();
    let (Some(binding), Some(at)) = (connect.through.subscription, earliest) else { return };
    if connect.through.extension.is_none()
        || connect.through.a_calls
        || !tables.bindings.contains_key(&binding)
    {
        return;
    }
    let known = tables.callers.get(&binding);
    assert!(known.is_some_and(|known| known.at >= at), "A cannot call back: {known:?} of {call:?}");
}

fn axe_bindings(tables: &Tables) -> impl Iterator<Item = &Binding<Axe>> {
    tables.bindings.values().filter_map(|binding| match binding {
        AnyBinding::Axe(binding) => Some(binding),
        AnyBinding::Ax(_) | AnyBinding::Axb(_) | AnyBinding::Axyb(_) | AnyBinding::Yb(_) => None,
    })
}
