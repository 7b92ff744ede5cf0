//! The registry against a model that scans a list: same answers, same routes, look-ups that agree, and a
//! registry that is the same when its changes are replayed.

mod axe;
mod axyb;
mod batch;
mod model;
mod moved;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use self::model::{Model, Outcome};
use self::steps::{Step, Which, any_step};
use super::{Registry, Staging};
use crate::domain::allocation::{AreaMatch, Search};
use crate::domain::area::AreaCode;
use crate::domain::ax::{AxBind, AxPatch};
use crate::domain::axb::{AxbBind, AxbPatch, TermsPatch};
use crate::domain::binding::{AnyBinding, CallDirection, Change, Expiry, Terms, UnbindCause};
use crate::domain::call::Basis;
use crate::domain::command::{AppCommand, AxSelector, AxbSelector, Command, Done, XChoice};
use crate::domain::customer::{CustomerApp, Mode, NumberRecord, NumberStatus};
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{CallingParty, E164, Pair, XNumber};
use crate::domain::route::{CallSetup, Route};
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;
use crate::registry::staging::Decided;
use crate::store::contract::sample::{number as party, number_record, plain_app, x};

const START: Timestamp = Timestamp::from_secs(1_790_000_000);
const QUARANTINE: Duration = Duration::from_secs(100);
/// App 1 (AXB) has 1 to 3, app 2 (AX) has 4 to 10, app 3 (AXB) has 11.
const NUMBERS: u64 = 11;
const PARTIES: u64 = 7;

fn apps() -> Vec<CustomerApp> {
    let app = |no, mode, recording| CustomerApp { mode, recording, ..plain_app(no) };
    vec![app(1, Mode::Axb, true), app(2, Mode::Ax, false), app(3, Mode::Axb, false)]
}

fn numbers() -> Vec<NumberRecord> {
    let number = |n: u64| {
        let (app, area) = match n {
            1 | 2 => (1, Some(755)),
            3 => (1, Some(20)),
            4..=6 => (2, Some(755)),
            7..=10 => (2, None),
            _ => (3, Some(10)),
        };
        let area = area.and_then(AreaCode::from_word);
        NumberRecord { app: AppNo(app), area, status: NumberStatus::Normal, ..number_record(n) }
    };
    (1..=NUMBERS).map(number).collect()
}

/// A registry with the writer's view of it, and everything that was done to them.
struct Under {
    registry: Registry,
    staging: Staging,
    log: Vec<Logged>,
}

/// What a store would have been given.
#[derive(Clone)]
enum Logged {
    App(CustomerApp),
    Number(NumberRecord),
    Left(AppNo, XNumber),
    Change(Change),
}

/// The status that a step names by a number below 5; most numbers are normal most of the time.
fn status_of(step: u8) -> NumberStatus {
    [
        NumberStatus::Normal,
        NumberStatus::Normal,
        NumberStatus::Suspended,
        NumberStatus::Unavailable(None),
        NumberStatus::BindingFrozen,
    ][usize::from(step)]
}

impl Under {
    fn new() -> Self {
        let mut under =
            Self { registry: Registry::new(), staging: Staging::new(QUARANTINE), log: Vec::new() };
        for app in apps() {
            under.take(Logged::App(app));
        }
        for number in numbers() {
            under.take(Logged::Number(number));
        }
        under
    }

    fn take(&mut self, logged: Logged) {
        match &logged {
            Logged::App(app) => self.registry.customers.put(Arc::new(app.clone())),
            Logged::Number(record) => {
                self.staging.put_number(record);
                self.registry.directory.put_number(record.clone(), None);
            }
            Logged::Left(app, x) => self.staging.remove_number(*app, *x),
            Logged::Change(change) => self.staging.absorb(&self.registry, change),
        }
        self.log.push(logged);
    }

    fn take_changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.take(Logged::Change(change));
        }
    }

    fn decide(&mut self, asked: &AppCommand, now: Timestamp) -> Decided {
        self.staging.begin(now);
        self.staging.decide(&self.registry, asked, now)
    }

    fn bindings(&self) -> Vec<AnyBinding> {
        let mut bindings = Vec::new();
        let mut gather = |slot: &XSlot| bindings.extend(slot.bindings());
        self.registry.directory.view_all(|entry| entry.slot.iter().for_each(&mut gather));
        bindings.sort_by_key(AnyBinding::id);
        bindings
    }
}

struct Run {
    under: Under,
    model: Model,
    now: Timestamp,
    /// Every binding there ever was.
    ever: Vec<BindingId>,
}

impl Run {
    fn new() -> Self {
        Self {
            under: Under::new(),
            model: Model::new(apps(), numbers(), QUARANTINE),
            now: START,
            ever: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Expire => {
                self.under.staging.begin(self.now);
                let changes = self.under.staging.expire(&self.under.registry, self.now);
                let mut ended: Vec<_> = changes.iter().map(|change| change.binding().id()).collect();
                ended.sort();
                self.under.take_changes(changes);
                assert_eq!(ended, self.model.expire(self.now));
            }
            Step::Wait { millis } => self.now = self.now.after(Duration::from_millis(*millis)),
            Step::Status { x: n, status } => {
                let status = status_of(*status);
                self.change_number(*n, |record| NumberRecord { status, ..record });
            }
            Step::Move { x: n, to } => {
                let from = self.model.numbers.iter().find(|known| known.x == x(*n)).unwrap().app;
                if from == AppNo(*to) {
                    return;
                }
                self.under.staging.begin(self.now);
                let ended = self.under.staging.vacate(&self.under.registry, x(*n), self.now);
                self.under.take_changes(ended);
                self.under.take(Logged::Left(from, x(*n)));
                self.model.vacate(x(*n), self.now);
                self.change_number(*n, |record| NumberRecord { app: AppNo(*to), ..record });
            }
            Step::Suspend { app } => {
                let known = self.model.apps.iter_mut().find(|known| known.no == AppNo(*app)).unwrap();
                known.suspended = !known.suspended;
                self.under.take(Logged::App(known.clone()));
            }
            _ => {
                if let Some(asked) = self.command(step) {
                    self.ask(&asked);
                }
            }
        }
    }

    fn change_number(&mut self, n: u64, change: impl Fn(NumberRecord) -> NumberRecord) {
        let known = self.model.numbers.iter_mut().find(|known| known.x == x(n)).unwrap();
        *known = change(known.clone());
        self.under.take(Logged::Number(known.clone()));
    }

    fn ask(&mut self, asked: &AppCommand) {
        let found = match self.under.decide(asked, self.now) {
            Decided::NextBatch => panic!("a batch of one gets into its own way"),
            Decided::Refused(refusal) => Err(refusal),
            Decided::Changes(changes, done) => {
                self.under.take_changes(changes);
                Ok(match done {
                    Done::Stands(binding) => Outcome::Stands(binding),
                    Done::Ended(ids) => Outcome::Ended(ids),
                })
            }
        };
        let id = match &found {
            Ok(Outcome::Stands(binding)) => binding.id(),
            _ => RowKey::floor(1),
        };
        self.ever.push(id);
        assert_eq!(found, self.model.decide(asked, id, self.now), "{asked:?}");
    }

    /// The command that a step means; `None` when it is none that the wire could bring.
    fn command(&self, step: &Step) -> Option<AppCommand> {
        let cause = UnbindCause::Customer;
        let terms = |record| Terms { record, ..Terms::default() };
        let direction =
            |code: u8| TermsPatch { direction: CallDirection::from_code(code), ..TermsPatch::default() };
        let (app, command) = match *step {
            Step::BindAxb { app, named, area, strict, pair: (a, b), secs: duration_secs, record } => {
                let pair = Pair::new(self.party(a), self.party(b))?;
                (
                    app,
                    Command::BindAxb(
                        choice(named, area, strict),
                        AxbBind { pair, terms: terms(record), duration_secs },
                    ),
                )
            }
            Step::BindAx { app, named, area, strict, a } => {
                let a = self.party(a);
                let wanted = AxBind { a, terms: terms(false), direction_given: false, turned_on: true };
                (app, Command::BindAx(choice(named, area, strict), wanted))
            }
            Step::ModifyAxb { app, which, a, b, secs: duration_secs, direction: code } => {
                let (a, b) = (a.map(party), b.map(party));
                (
                    app,
                    Command::ModifyAxb(
                        self.ever(which),
                        AxbPatch { a, b, duration_secs, terms: direction(code) },
                    ),
                )
            }
            Step::ModifyAx { app, which, a, direction: code } => {
                let patch = AxPatch { a: a.map(party), turned_on: None, terms: direction(code) };
                (app, Command::ModifyAx(self.which(which), patch))
            }
            Step::NextCallee { app, which, callee, secs } => {
                let (which, callee) = (self.which(which), self.party(callee));
                (app, Command::SetNextCallee { which, callee, secs, user_data: None })
            }
            Step::UnbindAx { app, which } => (app, Command::UnbindAx(self.which(which), cause)),
            Step::UnbindAxb { app, which } => {
                (app, Command::UnbindAxb(AxbSelector::Id(self.ever(which)), cause))
            }
            Step::UnbindAll { app, x: n } => (app, Command::UnbindAxb(AxbSelector::AllOn(x(n)), cause)),
            _ => return None,
        };
        Some(AppCommand { app: AppNo(app), command })
    }

    fn party(&self, n: u64) -> E164 {
        if n > PARTIES { self.model.numbers[0].x.number() } else { party(n) }
    }

    fn ever(&self, which: usize) -> BindingId {
        // The latest are the ones that may still stand.
        let recent = &self.ever[self.ever.len().saturating_sub(8)..];
        if recent.is_empty() { RowKey::floor(1) } else { recent[which % recent.len()] }
    }

    fn which(&self, which: Which) -> AxSelector {
        match which {
            Which::Ever(at) => AxSelector::Id(self.ever(at)),
            Which::EverOf(at, a) => AxSelector::IdAndA(self.ever(at), party(a)),
            Which::On(n) => AxSelector::X(x(n)),
            Which::OnOf(n, a) => AxSelector::XAndA(x(n), party(a)),
        }
    }

    fn check(&self) {
        assert_eq!(self.under.registry.check_consistency(), Vec::<String>::new());
        assert_eq!(self.under.bindings(), sorted(&self.model.bindings));
        for n in 1..=NUMBERS + 1 {
            for caller in 1..=PARTIES {
                let (caller, called) = (party(caller), x(n));
                let (dials, called_number) = (CallingParty::Number(caller), Some(called.number()));
                let setup = CallSetup { caller: dials, called: called_number, extension: None };
                let decision = self.under.registry.decide(setup, Basis::Asked, self.now);
                let found = match decision.route {
                    Route::Connect(connect) => Ok((connect.through.subscription.unwrap(), connect.callee)),
                    Route::Collect(_) | Route::Undecided(_) => panic!("AX and AXB are decided at once"),
                    Route::Reject(reject) => Err(reject.cause),
                };
                assert_eq!(found, self.model.route(caller, called, self.now), "{caller} calls {called}");
            }
        }
    }

    /// Replays what was done, and then loads only what stands: both must be what we have.
    fn check_replayed(&mut self) {
        let mut replayed = Under::new();
        self.under.log.clone().into_iter().for_each(|logged| replayed.take(logged));
        let mut loaded = Under::new();
        self.model.apps.clone().into_iter().for_each(|app| loaded.take(Logged::App(app)));
        for number in numbers().into_iter().map(|number| (number.app, number.x)) {
            loaded.take(Logged::Left(number.0, number.1));
        }
        self.model.numbers.clone().into_iter().for_each(|number| loaded.take(Logged::Number(number)));
        let stands = sorted(&self.model.bindings);
        stands.iter().cloned().for_each(|binding| loaded.take(Logged::Change(Change::Bound(binding))));
        assert_eq!(loaded.staging.next_expiry().is_some(), stands.iter().any(expires));
        for again in [&mut replayed, &mut loaded] {
            assert_eq!(again.registry.check_consistency(), Vec::<String>::new());
            assert_eq!(again.bindings(), stands);
            for binding in &stands {
                assert_eq!(again.registry.directory.binding(binding.id()).as_ref(), Some(binding));
            }
            for a in (1..=PARTIES).map(party) {
                let owned = |under: &Under| {
                    let mut owned = under.registry.directory.owned_by(AppNo(2), a);
                    owned.sort();
                    owned
                };
                assert_eq!(owned(again), owned(&self.under));
            }
        }
    }
}

fn expires(binding: &AnyBinding) -> bool {
    binding.expiry() != Expiry::Never
}

fn sorted(bindings: &[AnyBinding]) -> Vec<AnyBinding> {
    let mut bindings = bindings.to_vec();
    bindings.sort_by_key(AnyBinding::id);
    bindings
}

fn choice(named: Option<u64>, area: Option<u16>, strict: bool) -> XChoice {
    if let Some(n) = named {
        return XChoice::Named(x(n));
    }
    let area = area.and_then(AreaCode::from_word);
    // 0755 and 020 are in one province.
    let word = |area: AreaCode| if area.word() == 755 { 20 } else { 755 };
    let province = area.filter(|area| area.word() != 10).map(word).and_then(AreaCode::from_word);
    let matching = if strict { AreaMatch::Strict } else { AreaMatch::Loose };
    XChoice::Chosen(Search { area, province: province.into_iter().collect(), matching })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_registry_answers_and_routes_as_a_list_that_is_scanned(steps in prop::collection::vec(any_step(), 1..120)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
            run.check();
        }
        run.check_replayed();
    }
}
