//! The same for AXYB: what is chosen is possible, what is refused is not, and every number leads where a list that is
//! scanned says.

use super::*;
use crate::domain::axyb::{AxybBind, YB_PER_X_MAX, YbBind};
use crate::domain::binding::{Axyb, Binding, Yb};
use crate::domain::command::AxybSelector;
use crate::domain::refusal::Refusal;
use crate::domain::route::RejectCause;

const APP: AppNo = AppNo(1);
/// 1 to 4 in Shenzhen, 5 and 6 in Guangzhou.
const NUMBERS: u64 = 6;
const PARTIES: u64 = 4;

fn shenzhen() -> AreaCode {
    AreaCode::from_word(755).unwrap()
}

fn numbers() -> Vec<NumberRecord> {
    let number = |n: u64| {
        let area = AreaCode::from_word(if n <= 4 { 755 } else { 20 });
        NumberRecord { app: APP, area, status: NumberStatus::Normal, ..number_record(n) }
    };
    (1..=NUMBERS).map(number).collect()
}

#[derive(Clone, Debug)]
enum Act {
    BindX { a: u64, loose: bool, secs: u32, yb_secs: u32 },
    BindY { which: usize, b: u64, loose: bool, secs: Option<u32>, on_call: bool },
    UnbindAll(usize),
    UnbindY(usize, u64),
    UnbindB(usize, u64),
    Expire,
    Wait(u64),
    Status(u64, u8),
    Vacate(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    let secs = || prop_oneof![2 => Just(0), 3 => 1..200_u32];
    let (which, party, number) = (any::<usize>, || 1..=PARTIES, || 1..=NUMBERS);
    prop_oneof![
        6 => (party(), any::<bool>(), secs(), secs())
            .prop_map(|(a, loose, secs, yb_secs)| Act::BindX { a, loose, secs, yb_secs }),
        10 => (which(), party(), any::<bool>(), proptest::option::of(secs()), any::<bool>())
            .prop_map(|(which, b, loose, secs, on_call)| Act::BindY { which, b, loose, secs, on_call }),
        2 => which().prop_map(Act::UnbindAll),
        2 => (which(), number()).prop_map(|(which, y)| Act::UnbindY(which, y)),
        2 => (which(), party()).prop_map(|(which, b)| Act::UnbindB(which, b)),
        3 => Just(Act::Expire),
        6 => prop_oneof![Just(1), 1..3_000_u64, 1..100_000_u64].prop_map(Act::Wait),
        2 => (number(), 0..5_u8).prop_map(|(n, status)| Act::Status(n, status)),
        1 => number().prop_map(Act::Vacate),
    ]
}

/// Everything as plain lists.
struct Lists {
    under: Under,
    numbers: Vec<NumberRecord>,
    xs: Vec<Binding<Axyb>>,
    ybs: Vec<Binding<Yb>>,
    /// Every X and Y that ended: the number, the A, of a Y the B, and when.
    ended: Vec<(XNumber, E164, Option<E164>, Timestamp)>,
    ever: Vec<BindingId>,
    now: Timestamp,
}

impl Lists {
    fn new() -> Self {
        let (registry, staging) = (Registry::new(), Staging::new(QUARANTINE));
        let mut under = Under { registry, staging, log: Vec::new() };
        under.take(Logged::App(CustomerApp { mode: Mode::Axyb, ..plain_app(1) }));
        for number in numbers() {
            under.take(Logged::Number(number));
        }
        let (xs, ybs, ended, ever) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { under, numbers: numbers(), xs, ybs, ended, ever, now: START }
    }

    fn act(&mut self, act: &Act) {
        let cause = UnbindCause::Customer;
        match *act {
            Act::BindX { a, loose, secs, yb_secs } => self.bind_x(party(a), loose, secs, yb_secs),
            Act::BindY { which, b, loose, secs, on_call } => {
                let wanted =
                    YbBind { b: party(b), duration_secs: secs, tone: None, user_data: None, on_call };
                self.bind_y(self.ever(which), loose, &wanted);
            }
            Act::UnbindAll(which) => {
                let ax = self.ever(which);
                let meant = self.live_x(ax).is_some();
                self.unbind(AxybSelector::All(ax), meant.then(|| self.with_x(ax)), cause);
            }
            Act::UnbindY(which, y) => {
                let (ax, y) = (self.ever(which), x(y));
                let found = self.live_ybs(ax).find(|yb| yb.relation.y == y).map(|yb| vec![yb.id]);
                self.unbind(AxybSelector::Y(ax, y), found, cause);
            }
            Act::UnbindB(which, b) => {
                let (ax, b) = (self.ever(which), party(b));
                let found = self.live_ybs(ax).find(|yb| yb.relation.pair.b() == b).map(|yb| vec![yb.id]);
                self.unbind(AxybSelector::B(ax, b), found, cause);
            }
            Act::Expire => {
                self.under.staging.begin(self.now);
                let changes = self.under.staging.expire(&self.under.registry, self.now);
                self.take(changes);
                // Timers look once a second.
                let second = Timestamp::from_secs(self.now.secs());
                assert!(self.xs.iter().all(|ax| ax.is_live(second)), "an X outlived its time");
                assert!(self.ybs.iter().all(|yb| yb.is_live(second)), "a Y outlived its time");
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
                let stands = self.xs.iter().any(|ax| ax.x == x(n));
                assert!(!stands && self.ybs.iter().all(|yb| yb.x != x(n) && yb.relation.y != x(n)));
            }
        }
    }

    fn bind_x(&mut self, a: E164, loose: bool, duration_secs: u32, yb_duration_secs: u32) {
        let matching = if loose { AreaMatch::Loose } else { AreaMatch::Strict };
        let (area, terms) = (shenzhen(), Terms::default());
        let wanted = AxybBind { a, area, matching, duration_secs, yb_duration_secs, terms };
        let possible = self.possible(loose, |n| self.is_free(n) && !self.was_x_of_another_or_y(n, a));
        match self.ask(Command::BindAxyb(search(matching), wanted)) {
            Ok(Done::Stands(AnyBinding::Axyb(bound))) => {
                assert!(possible.contains(&bound.x), "{} was not to become an X", bound.x);
                let expected = expiry(duration_secs, self.now);
                assert_eq!((bound.relation.a, bound.expiry), (a, expected));
            }
            Err(Refusal::NoneFree(_)) => assert_eq!(possible, []),
            other => panic!("{other:?}"),
        }
    }

    fn bind_y(&mut self, ax: BindingId, loose: bool, wanted: &YbBind) {
        let matching = if loose { AreaMatch::Loose } else { AreaMatch::Strict };
        let of = self.live_x(ax).cloned();
        let standing = self.live_ybs(ax).find(|yb| yb.relation.pair.b() == wanted.b).cloned();
        let room = self.live_ybs(ax).count() < YB_PER_X_MAX as usize;
        let a = of.as_ref().map(|of| of.relation.a);
        let possible = self.possible(loose, |n| {
            let a = a.unwrap_or(wanted.b);
            !self.is_x(n) && !self.is_y_of(n, a) && !self.rests_from(n, a, wanted.b)
        });
        let found = self.ask(Command::BindYb(ax, search(matching), wanted.clone()));
        match (of, standing) {
            (None, _) => assert_eq!(found, Err(Refusal::NoSuchBinding)),
            (Some(of), _) if of.relation.a == wanted.b => assert_eq!(found, Err(Refusal::SameNumber)),
            (_, Some(yb)) if wanted.on_call => assert_eq!(found, Ok(Done::Stands(AnyBinding::Yb(yb)))),
            (_, Some(_)) => assert_eq!(found, Err(Refusal::NumberBound(wanted.b))),
            _ if !room => assert_eq!(found, Err(Refusal::TooManyB)),
            (Some(of), None) => match found {
                Ok(Done::Stands(AnyBinding::Yb(bound))) => {
                    let y = bound.relation.y;
                    assert!(possible.contains(&y), "{y} was not to become a Y");
                    let shared =
                        |n: &XNumber| self.ybs.iter().any(|yb| yb.relation.y == *n && yb.id != bound.id);
                    let in_shenzhen = |n: &XNumber| self.number(*n).area == Some(shenzhen());
                    let could_share = possible.iter().any(|n| shared(n) && in_shenzhen(n));
                    assert!(shared(&y) || !could_share, "{y} was free, and another could have been shared");
                    let secs = wanted.duration_secs.unwrap_or(of.relation.yb_duration_secs);
                    let own = expiry(secs, self.now);
                    let expected = match (own, of.expiry) {
                        (Expiry::At(own), Expiry::At(of)) => Expiry::At(own.min(of)),
                        (Expiry::Never, other) | (other, Expiry::Never) => other,
                    };
                    assert_eq!((bound.x, bound.expiry), (of.x, expected));
                }
                Err(Refusal::NoneFree(_)) => assert_eq!(possible, []),
                other => panic!("{other:?}"),
            },
        }
    }

    /// `meant`: what ends; `None` = nothing is meant by it.
    fn unbind(&mut self, which: AxybSelector, meant: Option<Vec<BindingId>>, cause: UnbindCause) {
        let found = self.ask(Command::UnbindAxyb(which, cause));
        match meant {
            None => assert_eq!(found, Err(Refusal::NoSuchBinding)),
            Some(mut meant) => {
                let Ok(Done::Ended(mut ended)) = found else { panic!("{found:?}") };
                meant.sort();
                ended.sort();
                assert_eq!(ended, meant);
            }
        }
    }

    fn ask(&mut self, command: Command) -> Result<Done, Refusal> {
        match self.under.decide(&AppCommand { app: APP, command }, self.now) {
            Decided::NextBatch => panic!("a batch of one gets into its own way"),
            Decided::Refused(refusal) => Err(refusal),
            Decided::Changes(changes, done) => {
                self.take(changes);
                Ok(done)
            }
        }
    }

    fn take(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::Bound(AnyBinding::Axyb(binding)) => {
                    self.ever.push(binding.id);
                    self.xs.push(binding.clone());
                }
                Change::Bound(AnyBinding::Yb(binding)) => self.ybs.push(binding.clone()),
                Change::Unbound { binding: AnyBinding::Axyb(binding), at, .. } => {
                    self.xs.retain(|known| known.id != binding.id);
                    self.ended.push((binding.x, binding.relation.a, None, *at));
                }
                Change::Unbound { binding: AnyBinding::Yb(binding), at, .. } => {
                    self.ybs.retain(|known| known.id != binding.id);
                    let Yb { y, pair, .. } = binding.relation;
                    self.ended.push((y, pair.a(), Some(pair.b()), *at));
                }
                other => panic!("{other:?}"),
            }
        }
        self.under.take_changes(changes);
    }

    fn ever(&self, which: usize) -> BindingId {
        let recent = &self.ever[self.ever.len().saturating_sub(4)..];
        if recent.is_empty() { RowKey::floor(1) } else { recent[which % recent.len()] }
    }

    fn number(&self, n: XNumber) -> &NumberRecord {
        self.numbers.iter().find(|known| known.x == n).unwrap()
    }

    fn live_x(&self, ax: BindingId) -> Option<&Binding<Axyb>> {
        self.xs.iter().find(|known| known.id == ax && known.is_live(self.now))
    }

    fn live_ybs(&self, ax: BindingId) -> impl Iterator<Item = &Binding<Yb>> {
        self.ybs.iter().filter(move |yb| yb.relation.ax == ax && yb.is_live(self.now))
    }

    fn with_x(&self, ax: BindingId) -> Vec<BindingId> {
        let ybs = self.ybs.iter().filter(|yb| yb.relation.ax == ax).map(|yb| yb.id);
        ybs.chain([ax]).collect()
    }

    /// The numbers that take bindings, are where is looked, and of which this holds.
    fn possible(&self, loose: bool, fits: impl Fn(XNumber) -> bool) -> Vec<XNumber> {
        let there = |n: &&NumberRecord| loose || n.area == Some(shenzhen());
        let normal = |n: &&NumberRecord| n.status == NumberStatus::Normal;
        self.numbers.iter().filter(there).filter(normal).map(|n| n.x).filter(|n| fits(*n)).collect()
    }

    fn is_x(&self, n: XNumber) -> bool {
        self.xs.iter().any(|ax| ax.x == n)
    }

    fn is_y_of(&self, n: XNumber, a: E164) -> bool {
        self.ybs.iter().any(|yb| yb.relation.y == n && yb.relation.pair.a() == a)
    }

    fn is_free(&self, n: XNumber) -> bool {
        !self.is_x(n) && self.ybs.iter().all(|yb| yb.relation.y != n)
    }

    /// Those that ended on a number not long ago, the latest last.
    fn resting(&self, n: XNumber) -> impl Iterator<Item = (E164, Option<E164>)> {
        let recent = |at: Timestamp| self.now < at.after(QUARANTINE);
        self.ended.iter().filter(move |end| end.0 == n && recent(end.3)).map(|end| (end.1, end.2))
    }

    fn was_x_of_another_or_y(&self, n: XNumber, a: E164) -> bool {
        let last_owner = self.resting(n).filter(|(_, b)| b.is_none()).last();
        last_owner.is_some_and(|(owner, _)| owner != a) || self.resting(n).any(|(_, b)| b.is_some())
    }

    fn rests_from(&self, n: XNumber, a: E164, b: E164) -> bool {
        let last_b = self.resting(n).filter(|(of, b)| *of == a && b.is_some()).last();
        last_b.is_some_and(|(_, last)| last != Some(b)) || self.resting(n).any(|(_, b)| b.is_none())
    }

    /// Whom a call reaches and what is shown there; `Ok(None)`: a Y is needed first.
    fn routed(&self, caller: E164, n: XNumber) -> Result<Option<(E164, XNumber)>, RejectCause> {
        let carries = |n: XNumber| {
            let status = self.number(n).status;
            let stopped = matches!(status, NumberStatus::Suspended | NumberStatus::Unavailable(_));
            if stopped { Err(RejectCause::NumberUnusable(status)) } else { Ok(()) }
        };
        carries(n)?;
        if let Some(ax) = self.xs.iter().find(|ax| ax.x == n && ax.is_live(self.now)) {
            if ax.relation.a == caller {
                return Err(RejectCause::OwnNumber);
            }
            let yb = self.live_ybs(ax.id).find(|yb| yb.relation.pair.b() == caller);
            let Some(yb) = yb else { return Ok(None) };
            carries(yb.relation.y)?;
            return Ok(Some((ax.relation.a, yb.relation.y)));
        }
        let live = || self.ybs.iter().filter(|yb| yb.relation.y == n && yb.is_live(self.now));
        if let Some(yb) = live().find(|yb| yb.relation.pair.a() == caller) {
            carries(yb.x)?;
            return Ok(Some((yb.relation.pair.b(), yb.x)));
        }
        let own = live().any(|yb| yb.relation.pair.b() == caller);
        Err(if own { RejectCause::OwnNumber } else { RejectCause::NoAxybBinding })
    }

    fn check(&self) {
        assert_eq!(self.under.registry.check_consistency(), Vec::<String>::new());
        for n in (1..=NUMBERS).map(x) {
            for caller in (1..=PARTIES).map(party) {
                let called = Some(n.number());
                let setup = CallSetup { caller: CallingParty::Number(caller), called, extension: None };
                let found = match self.under.registry.decide(setup, Basis::Asked, self.now).route {
                    Route::Connect(connect) => Ok(Some((connect.callee, connect.display))),
                    Route::Undecided(_) => Ok(None),
                    Route::Reject(reject) => Err(reject.cause),
                    Route::Collect(_) => panic!("AXYB asks for no digits"),
                };
                assert_eq!(found, self.routed(caller, n), "{caller} calls {n}");
            }
        }
    }

    /// Replays what was done, and then loads only what stands.
    fn check_replayed(&self) {
        let empty =
            || Under { registry: Registry::new(), staging: Staging::new(QUARANTINE), log: Vec::new() };
        let mut replayed = empty();
        self.under.log.clone().into_iter().for_each(|logged| replayed.take(logged));
        let mut loaded = empty();
        loaded.take(Logged::App(CustomerApp { mode: Mode::Axyb, ..plain_app(1) }));
        self.numbers.clone().into_iter().for_each(|number| loaded.take(Logged::Number(number)));
        let stands = self.under.bindings();
        stands.iter().cloned().for_each(|binding| loaded.take(Logged::Change(Change::Bound(binding))));
        for again in [&replayed, &loaded] {
            assert_eq!(again.registry.check_consistency(), Vec::<String>::new());
            assert_eq!(again.bindings(), stands);
        }
    }
}

fn search(matching: AreaMatch) -> Search {
    Search { area: Some(shenzhen()), province: AreaCode::from_word(20).into_iter().collect(), matching }
}

fn expiry(secs: u32, now: Timestamp) -> Expiry {
    if secs == 0 { Expiry::Never } else { Expiry::At(now.after(Duration::from_secs(secs.into()))) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn numbers_of_axyb_are_lent_and_lead_as_lists_that_are_scanned_say(acts in prop::collection::vec(any_act(), 1..100)) {
        let mut lists = Lists::new();
        for act in &acts {
            lists.act(act);
            lists.check();
        }
        lists.check_replayed();
    }
}

/// Two commands in one batch: what the first decides must hold for the second.
fn in_one_batch(lists: &mut Lists, commands: [Command; 2]) -> [Decided; 2] {
    lists.under.staging.begin(lists.now);
    commands.map(|command| {
        lists.under.staging.decide(&lists.under.registry, &AppCommand { app: APP, command }, lists.now)
    })
}

fn first_step(a: u64) -> Command {
    let (matching, terms) = (AreaMatch::Strict, Terms::default());
    let wanted =
        AxybBind { a: party(a), area: shenzhen(), matching, duration_secs: 0, yb_duration_secs: 0, terms };
    Command::BindAxyb(search(matching), wanted)
}

fn second_step(ax: BindingId, b: u64) -> Command {
    let wanted = YbBind { b: party(b), duration_secs: None, tone: None, user_data: None, on_call: true };
    Command::BindYb(ax, search(AreaMatch::Strict), wanted)
}

#[test]
fn two_first_steps_in_one_batch_get_two_numbers() {
    let mut lists = Lists::new();
    let xs = in_one_batch(&mut lists, [first_step(1), first_step(2)]).map(|decided| match decided {
        Decided::Changes(_, Done::Stands(binding)) => binding.x(),
        other => panic!("{other:?}"),
    });
    assert_ne!(xs[0], xs[1]);
}

#[test]
fn a_b_that_calls_twice_at_once_gets_one_y() {
    let mut lists = Lists::new();
    lists.bind_x(party(1), false, 0, 0);
    let ax = lists.ever(0);
    let [first, second] = in_one_batch(&mut lists, [second_step(ax, 2), second_step(ax, 2)]);
    let (Decided::Changes(changes, Done::Stands(given)), Decided::NextBatch) = (first, second) else {
        panic!("the second waits for the first");
    };
    lists.take(changes);
    let again = lists.under.decide(&AppCommand { app: APP, command: second_step(ax, 2) }, lists.now);
    let Decided::Changes(changes, Done::Stands(kept)) = again else { panic!("{again:?}") };
    assert_eq!((changes, kept), (vec![], given));
}

#[test]
fn a_second_step_waits_for_the_end_of_its_x_that_the_batch_decides() {
    let mut lists = Lists::new();
    lists.bind_x(party(1), false, 0, 0);
    let ax = lists.ever(0);
    let end = Command::UnbindAxyb(AxybSelector::All(ax), UnbindCause::Customer);
    let [_, second] = in_one_batch(&mut lists, [end, second_step(ax, 2)]);
    assert!(matches!(second, Decided::NextBatch));
}

#[test]
fn a_number_that_the_batch_makes_an_x_is_no_y_in_it() {
    let mut lists = Lists::new();
    lists.bind_x(party(1), false, 0, 0);
    let ax = lists.ever(0);
    for n in [3, 4] {
        lists.act(&Act::Status(n, 2));
    }
    // Of the four in the city one is an X, one is left, and two carry nothing.
    let [first, second] = in_one_batch(&mut lists, [first_step(2), second_step(ax, 3)]);
    assert!(matches!(first, Decided::Changes(..)));
    assert!(matches!(second, Decided::Refused(Refusal::NoneFree(_))), "{second:?}");
}
