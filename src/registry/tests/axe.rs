//! The same for AXE: which extensions are given out, asked for and refused, and where each leads.

mod acts;

use self::acts::{Act, Times, Which, any_act};
use super::*;
use crate::domain::axe::{AxeBind, AxePatch, FallbackPatch};
use crate::domain::binding::{Axe, Binding, Fallback, LastCaller, Span, TimeUnit};
use crate::domain::command::AxeSelector;
use crate::domain::extension::Extension;
use crate::domain::refusal::{NoFreeExtension, Refusal};
use crate::domain::route::RejectCause;

const APP: AppNo = AppNo(1);
/// 1 and 2 in Shenzhen, 3 in Guangzhou.
const NUMBERS: u64 = 3;
const PARTIES: u64 = 3;
/// One digit each.
const EXTENSIONS: u16 = 9;

fn app() -> CustomerApp {
    CustomerApp { mode: Mode::Axe, extension_digits: 1, ..plain_app(1) }
}

fn area(code: u16) -> Option<AreaCode> {
    AreaCode::from_word(code)
}

fn numbers() -> Vec<NumberRecord> {
    let number = |n: u64| {
        let area = area(if n <= 2 { 755 } else { 20 });
        NumberRecord { app: APP, area, status: NumberStatus::Normal, ..number_record(n) }
    };
    (1..=NUMBERS).map(number).collect()
}

fn extension(value: u16) -> Extension {
    Extension::new(1, value).unwrap()
}

const fn span(minutes: u16) -> Span {
    Span { amount: minutes, unit: TimeUnit::Minutes }
}

/// Everything as plain lists.
struct Lists {
    under: Under,
    numbers: Vec<NumberRecord>,
    standing: Vec<Binding<Axe>>,
    /// Every extension whose binding ended, and until when it rests at least and at most: what was heard of late waits for
    /// what was heard of before.
    ended: Vec<(XNumber, Extension, [Timestamp; 2])>,
    callers: Vec<(BindingId, LastCaller)>,
    ever: Vec<BindingId>,
    now: Timestamp,
}

impl Lists {
    fn new() -> Self {
        let (registry, staging) = (Registry::new(), Staging::new(QUARANTINE));
        let mut under = Under { registry, staging, log: Vec::new() };
        under.take(Logged::App(app()));
        for number in numbers() {
            under.take(Logged::Number(number));
        }
        let (standing, ended, callers, ever) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { under, numbers: numbers(), standing, ended, callers, ever, now: START }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Bind {
                named,
                loose,
                a,
                extension: asked,
                times: Times { life, callback },
                fallback,
                draw,
            } => {
                let wanted = AxeBind {
                    a: party(a),
                    extension: asked.map(extension),
                    unit: Some(TimeUnit::Minutes),
                    life,
                    callback,
                    fallback: self.fallback(fallback),
                    shows_caller: false,
                    terms: Terms::default(),
                    draw,
                };
                self.bind(named.map(x), loose, &wanted);
            }
            Act::Modify { which, times: Times { life, callback }, fallback } => {
                let new = self.fallback(fallback);
                let fallback = FallbackPatch { no_tone: new.is_none(), no_number: false, new };
                let unit = Some(TimeUnit::Minutes);
                self.modify(which, &AxePatch { unit, life, callback, fallback, ..AxePatch::default() });
            }
            Act::Unbind(which) => {
                let found = self.ask(Command::UnbindAxe(self.selector(which), UnbindCause::Customer));
                let meant = self.meant(which).map(|binding| binding.id);
                match found.clone() {
                    Ok((changes, done)) => {
                        assert_eq!(done, Done::Ended(meant.into_iter().collect()));
                        self.take(changes);
                    }
                    Err(refusal) => assert_eq!((refusal, meant), (Refusal::NoSuchBinding, None)),
                }
            }
            Act::Call { which, caller } => {
                let (id, caller) = (self.ever(which), LastCaller { caller: party(caller), at: self.now });
                self.under.registry.directory.note_caller(id, caller);
                self.callers.push((id, caller));
            }
            Act::Expire => {
                self.under.staging.begin(self.now);
                let changes = self.under.staging.expire(&self.under.registry, self.now);
                self.take(changes);
                // Timers look once a second.
                let second = Timestamp::from_secs(self.now.secs());
                assert!(self.standing.iter().all(|binding| binding.is_live(second)), "one outlived its time");
            }
            Act::Wait(millis) => self.now = self.now.after(Duration::from_millis(millis)),
            Act::Status(n, status) => {
                let status = status_of(status);
                let known = self.numbers.iter_mut().find(|known| known.x == x(n)).unwrap();
                known.status = status;
                self.under.take(Logged::Number(known.clone()));
            }
            Act::Vacate(n) => {
                self.under.staging.begin(self.now);
                let changes = self.under.staging.vacate(&self.under.registry, x(n), self.now);
                self.take(changes);
                assert!(self.standing.iter().all(|binding| binding.x != x(n)));
            }
        }
    }

    fn fallback(&self, draw: u8) -> Option<Fallback> {
        match draw {
            0 => Some(Fallback::Tone("nobody.wav".into())),
            1 => Some(Fallback::Number(party(1))),
            2 => Some(Fallback::Number(self.numbers[0].x.number())),
            _ => None,
        }
    }

    fn bind(&mut self, named: Option<XNumber>, loose: bool, wanted: &AxeBind) {
        let choice = named.map_or_else(|| choice(None, Some(755), !loose), XChoice::Named);
        let found = self.ask(Command::BindAxe(choice, wanted.clone()));
        if let Some(refusal) = self.cannot_be(wanted) {
            return assert_eq!(found.unwrap_err(), refusal);
        }
        let asked = wanted.extension.filter(|_| named.is_some());
        let known = named.map(|x| self.refusal_on(x, asked));
        match (found, known) {
            (Err(refusal), Some(Err(expected))) => assert_eq!(refusal, expected),
            (Err(Refusal::NoFreeExtension(why)), Some(Ok(()))) if asked.is_none() => {
                let x = named.unwrap();
                assert_eq!(why, NoFreeExtension { all: EXTENSIONS.into(), bound: self.on(x).count() });
                assert!(!self.has_free(x), "{x} has an extension left");
            }
            (Err(Refusal::NoneFree(_)), None) => {
                let left = self.looked_at(loose).find(|x| self.usable(*x) && self.has_free(*x));
                assert_eq!(left, None, "a number was passed over");
            }
            (Ok((changes, Done::Stands(AnyBinding::Axe(bound)))), None | Some(Ok(()))) => {
                self.check_bound(named, loose, wanted, &bound);
                self.take(changes);
            }
            (found, known) => panic!("{found:?}, not {known:?}"),
        }
    }

    fn check_bound(&self, named: Option<XNumber>, loose: bool, wanted: &AxeBind, bound: &Binding<Axe>) {
        let (x, given) = (bound.x, bound.relation.extension);
        assert!(self.usable(x) && named.is_none_or(|named| named == x));
        if let Some(asked) = wanted.extension.filter(|_| named.is_some()) {
            assert_eq!(given, asked);
        } else {
            assert!(self.on(x).all(|other| other.relation.extension != given), "{given} stands");
            assert!(!self.rests_at_least(x, given), "{given} was to rest");
        }
        if named.is_none() {
            let better = |other: &XNumber| self.usable(*other) && self.has_free(*other);
            let rank = |n: XNumber| (self.area_of(n) != area(755), self.on(n).count(), n);
            let best = self.looked_at(loose).filter(better).map(rank).min();
            assert!(best.is_none_or(|best| best >= rank(x)), "{x} is not the best number");
        }
        let life = wanted.life.unwrap_or(0);
        let callback = wanted.callback.unwrap_or(if life == 0 { 24 * 60 } else { life });
        let relation = &bound.relation;
        assert_eq!((relation.a, relation.life, relation.callback), (wanted.a, span(life), span(callback)));
        assert_eq!(relation.fallback.as_deref(), wanted.fallback.as_ref());
        assert_eq!(bound.expiry, expiry(life, self.now));
    }

    /// Why nobody can bind so, on any number.
    fn cannot_be(&self, wanted: &AxeBind) -> Option<Refusal> {
        let (life, callback) = (wanted.life.unwrap_or(0), wanted.callback.unwrap_or(0));
        self.bad_fallback(wanted.a, wanted.fallback.as_ref(), life != 0 && callback > life)
    }

    fn bad_fallback(&self, a: E164, fallback: Option<&Fallback>, outlives: bool) -> Option<Refusal> {
        match fallback {
            Some(Fallback::Number(number)) if *number == a => Some(Refusal::SameNumber),
            _ if outlives => Some(Refusal::CallbackOutlivesBinding),
            Some(Fallback::Number(number))
                if self.numbers.iter().any(|known| known.x.number() == *number) =>
            {
                Some(Refusal::PartyIsX)
            }
            _ => None,
        }
    }

    /// Why this extension, or else any, cannot be bound on a number that is named.
    fn refusal_on(&self, x: XNumber, asked: Option<Extension>) -> Result<(), Refusal> {
        let status = self.numbers.iter().find(|known| known.x == x).unwrap().status;
        if status != NumberStatus::Normal {
            return Err(Refusal::XNotUsable(status));
        }
        let taken =
            self.on(x).any(|known| Some(known.relation.extension) == asked && known.is_live(self.now));
        if taken { Err(Refusal::ExtensionTaken) } else { Ok(()) }
    }

    fn modify(&mut self, which: Which, patch: &AxePatch) {
        let found = self.ask(Command::ModifyAxe(self.selector(which), patch.clone()));
        let is_x = |number: E164| self.numbers.iter().any(|known| known.x.number() == number);
        if matches!(patch.fallback.new, Some(Fallback::Number(number)) if is_x(number)) {
            return assert_eq!(found.unwrap_err(), Refusal::PartyIsX);
        }
        let Some(old) = self.meant(which).cloned() else {
            return assert_eq!(found.unwrap_err(), Refusal::NoSuchBinding);
        };
        let was = &old.relation;
        let life = patch.life.map_or(was.life, span);
        let callback = match (patch.callback, patch.life) {
            (Some(callback), _) => span(callback),
            (None, Some(minutes)) if minutes != 0 && minutes < was.callback.amount => span(minutes),
            (None, _) => was.callback,
        };
        let kept = was
            .fallback
            .as_deref()
            .filter(|kept| !matches!(kept, Fallback::Tone(_)) || !patch.fallback.no_tone);
        let fallback = patch.fallback.new.as_ref().or(kept);
        if life.amount != 0 && callback.amount > life.amount {
            return assert_eq!(found.unwrap_err(), Refusal::CallbackOutlivesBinding);
        }
        if matches!(fallback, Some(Fallback::Number(number)) if *number == was.a) {
            return assert_eq!(found.unwrap_err(), Refusal::SameNumber);
        }
        let Ok((changes, Done::Stands(AnyBinding::Axe(new)))) = found else { panic!("{found:?}") };
        assert_eq!(
            (new.id, new.x, new.relation.extension, new.relation.a),
            (old.id, old.x, was.extension, was.a)
        );
        assert_eq!((new.relation.life, new.relation.callback), (life, callback));
        assert_eq!(new.relation.fallback.as_deref(), fallback);
        assert_eq!(new.expiry, patch.life.map_or(old.expiry, |minutes| expiry(minutes, self.now)));
        self.take(changes);
    }

    fn ask(&mut self, command: Command) -> Result<(Vec<Change>, Done), Refusal> {
        match self.under.decide(&AppCommand { app: APP, command }, self.now) {
            Decided::NextBatch => panic!("a batch of one gets into its own way"),
            Decided::Refused(refusal) => Err(refusal),
            Decided::Changes(changes, done) => Ok((changes, done)),
        }
    }

    fn take(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::Bound(AnyBinding::Axe(binding)) => {
                    self.ever.push(binding.id);
                    self.standing.push(binding.clone());
                }
                Change::Modified(AnyBinding::Axe(binding)) => {
                    let known = self.standing.iter_mut().find(|known| known.id == binding.id).unwrap();
                    known.clone_from(binding);
                }
                Change::Unbound { binding: AnyBinding::Axe(binding), at, .. } => {
                    self.standing.retain(|known| known.id != binding.id);
                    self.callers.retain(|(id, _)| *id != binding.id);
                    let until = at.after(QUARANTINE);
                    let last = self.ended.last().map_or(until, |(.., [_, last])| until.max(*last));
                    self.ended.push((binding.x, binding.relation.extension, [until, last]));
                }
                other => panic!("{other:?}"),
            }
        }
        self.under.take_changes(changes);
    }

    fn ever(&self, which: usize) -> BindingId {
        let recent = &self.ever[self.ever.len().saturating_sub(12)..];
        if recent.is_empty() { RowKey::floor(1) } else { recent[which % recent.len()] }
    }

    fn selector(&self, which: Which) -> AxeSelector {
        match which {
            Which::Ever(at) => AxeSelector::Id(self.ever(at)),
            Which::On(n, value) => AxeSelector::Extension(x(n), extension(value)),
        }
    }

    fn meant(&self, which: Which) -> Option<&Binding<Axe>> {
        let live = self.standing.iter().filter(|known| known.is_live(self.now));
        let mut meant = live.filter(|known| match self.selector(which) {
            AxeSelector::Id(id) => known.id == id,
            AxeSelector::Extension(x, extension) => known.x == x && known.relation.extension == extension,
        });
        meant.next()
    }

    /// What stands on a number, also what has expired and nobody noticed.
    fn on(&self, x: XNumber) -> impl Iterator<Item = &Binding<Axe>> {
        self.standing.iter().filter(move |known| known.x == x)
    }

    fn usable(&self, x: XNumber) -> bool {
        self.numbers.iter().any(|known| known.x == x && known.status == NumberStatus::Normal)
    }

    fn area_of(&self, x: XNumber) -> Option<AreaCode> {
        self.numbers.iter().find(|known| known.x == x).unwrap().area
    }

    fn looked_at(&self, loose: bool) -> impl Iterator<Item = XNumber> {
        self.numbers.iter().filter(move |known| loose || known.area == area(755)).map(|known| known.x)
    }

    fn rests_at_least(&self, x: XNumber, extension: Extension) -> bool {
        let last = self.ended.iter().rev().find(|end| (end.0, end.1) == (x, extension));
        last.is_some_and(|(.., [until, _])| self.now < *until)
    }

    /// Whether an extension can certainly be given out.
    fn has_free(&self, x: XNumber) -> bool {
        let rests = |extension| {
            let mut ends = self.ended.iter().filter(|end| (end.0, end.1) == (x, extension));
            ends.any(|(.., [_, until])| self.now < *until)
        };
        (1..=EXTENSIONS).map(extension).any(|extension| {
            !rests(extension) && self.on(x).all(|known| known.relation.extension != extension)
        })
    }

    fn check(&self) {
        assert_eq!(self.under.registry.check_consistency(), Vec::<String>::new());
        let stands: Vec<_> = self.standing.iter().cloned().map(AnyBinding::Axe).collect();
        assert_eq!(self.under.bindings(), sorted(&stands));
        let keyed =
            [None, Some(String::new())].into_iter().chain((0..=EXTENSIONS).map(|n| Some(n.to_string())));
        for keyed in keyed {
            for (n, caller) in
                (1..=NUMBERS).map(x).flat_map(|n| (1..=PARTIES).map(move |caller| (n, party(caller))))
            {
                let called = Some(n.number());
                let extension = keyed.as_deref();
                let setup = CallSetup { caller: CallingParty::Number(caller), called, extension };
                let found = match self.under.registry.decide(setup, Basis::Asked, self.now).route {
                    Route::Connect(connect) => {
                        Ok(Some((connect.through.subscription.unwrap(), connect.callee)))
                    }
                    Route::Collect(_) => Ok(None),
                    Route::Reject(reject) => Err(reject.cause),
                    Route::Undecided(_) => panic!("AXE is decided at once"),
                };
                assert_eq!(found, self.led(caller, n, extension), "{caller} calls {n} and keys {keyed:?}");
            }
        }
    }

    /// Where a call goes: through which binding to whom; `Ok(None)`: the caller is asked for an extension.
    fn led(
        &self,
        caller: E164,
        x: XNumber,
        keyed: Option<&str>,
    ) -> Result<Option<(BindingId, E164)>, RejectCause> {
        let status = self.numbers.iter().find(|known| known.x == x).unwrap().status;
        if matches!(status, NumberStatus::Suspended | NumberStatus::Unavailable(_)) {
            return Err(RejectCause::NumberUnusable(status));
        }
        let live = || self.on(x).filter(|known| known.is_live(self.now));
        let own: Vec<_> = live().filter(|known| known.relation.a == caller).collect();
        match keyed {
            None if own.is_empty() => Ok(None),
            None => self.called_back(caller, &own).map(Some),
            Some("") => Err(RejectCause::EmptyExtension),
            Some(keyed) => {
                let meant = live().find(|known| known.relation.extension.to_string() == keyed);
                match meant.ok_or(RejectCause::NoAxeBinding)? {
                    known if known.relation.a == caller => self.called_back(caller, &own).map(Some),
                    known => Ok(Some((known.id, known.relation.a))),
                }
            }
        }
    }

    fn called_back(&self, caller: E164, own: &[&Binding<Axe>]) -> Result<(BindingId, E164), RejectCause> {
        let last_of = |known: &&Binding<Axe>| {
            let of = self.callers.iter().rev().find(|(id, _)| *id == known.id)?.1;
            let secs = known.relation.callback.secs();
            let in_time = secs == 0 || self.now < of.at.after(Duration::from_secs(secs.into()));
            in_time.then_some((of.at, known.id, of.caller))
        };
        if let Some((_, id, last)) = own.iter().filter_map(last_of).max() {
            return Ok((id, last));
        }
        let newest = own.iter().max_by_key(|known| known.id).unwrap();
        match newest.relation.fallback.as_deref() {
            Some(Fallback::Number(number)) if *number != caller => Ok((newest.id, *number)),
            _ => Err(RejectCause::NobodyToCallBack),
        }
    }

    /// Replays what was done, and then loads only what stands.
    fn check_replayed(&self) {
        let empty =
            || Under { registry: Registry::new(), staging: Staging::new(QUARANTINE), log: Vec::new() };
        let mut replayed = empty();
        self.under.log.clone().into_iter().for_each(|logged| replayed.take(logged));
        let mut loaded = empty();
        loaded.take(Logged::App(app()));
        self.numbers.clone().into_iter().for_each(|number| loaded.take(Logged::Number(number)));
        let stands = self.under.bindings();
        stands.iter().cloned().for_each(|binding| loaded.take(Logged::Change(Change::Bound(binding))));
        for again in [&replayed, &loaded] {
            assert_eq!(again.registry.check_consistency(), Vec::<String>::new());
            assert_eq!(again.bindings(), stands);
        }
    }
}

fn expiry(minutes: u16, now: Timestamp) -> Expiry {
    if minutes == 0 {
        Expiry::Never
    } else {
        Expiry::At(now.after(Duration::from_secs(60 * u64::from(minutes))))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn extensions_are_given_out_and_lead_as_a_list_that_is_scanned_says(acts in prop::collection::vec(any_act(), 1..120)) {
        let mut lists = Lists::new();
        for act in &acts {
            lists.act(act);
            lists.check();
        }
        lists.check_replayed();
    }
}
