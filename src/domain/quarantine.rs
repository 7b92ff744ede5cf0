//! After a binding ends, its parties may not meet *different* parties on the same X for a while: a late call
//! would reach a stranger. It bars only numbers that the gateway chooses; an X that the customer names is
//! always honoured (architecture, "quarantine"). For the same reason an AXE extension rests before it is given out
//! again, and a number on which a binding of another app ended is not chosen at all: apps differ in what a number
//! stands for, so nothing that is known about one tells whom a caller means.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use super::binding::AnyBinding;
use super::extension::Extension;
use super::id::AppNo;
use super::number::{E164, Pair, XNumber};
use super::time::Timestamp;

/// Who met whom on which X a moment ago, and by which app.
#[derive(Clone, Debug)]
pub struct Quarantine {
    period: Duration,
    /// AXB: with whom this party was bound on this X. AXYB: for whom this number stood, as a Y, towards this A.
    met: HashMap<(XNumber, E164), (E164, Timestamp)>,
    /// AX, AXYB: whose number this X was.
    owned: HashMap<XNumber, (E164, Timestamp)>,
    /// AXYB: until when it counts that this number was a Y.
    was_y: HashMap<XNumber, Timestamp>,
    /// Which apps had something on this number, and until when that counts. One, unless the number was moved.
    apps: HashMap<XNumber, Vec<(AppNo, Timestamp)>>,
    /// AXE: until when this extension of this X rests.
    resting: BTreeMap<(XNumber, Extension), Timestamp>,
    /// Extensions that have rested enough since somebody asked.
    rested: Vec<(XNumber, Extension)>,
    /// In order of ending, for forgetting.
    ends: VecDeque<(Timestamp, XNumber, Barred)>,
    /// How many entries bar each X.
    by_x: HashMap<XNumber, u32>,
    /// X numbers whose count changed since somebody asked.
    changed: HashSet<XNumber>,
}

/// What is barred on an X.
#[derive(Clone, Copy, Debug)]
enum Barred {
    /// AXB; AXYB: an A who knew the number as a Y.
    Party(E164),
    /// AX, AXYB: the number as a whole.
    Owner,
    /// AXE.
    Extension(Extension),
}

impl Quarantine {
    /// Nobody is barred yet; each binding that ends bars for `period`.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            met: HashMap::new(),
            owned: HashMap::new(),
            was_y: HashMap::new(),
            apps: HashMap::new(),
            resting: BTreeMap::new(),
            rested: Vec::new(),
            ends: VecDeque::new(),
            by_x: HashMap::new(),
            changed: HashSet::new(),
        }
    }

    /// Notes that a binding ended at `at`. Calls come in the order of `at` or nearly so.
    pub fn note(&mut self, binding: &AnyBinding, at: Timestamp) {
        let until = at.after(self.period);
        let x = binding.x();
        self.note_app(binding.y().unwrap_or(x), binding.app(), until);
        match binding {
            AnyBinding::Ax(binding) => {
                self.owned.insert(x, (binding.relation.a, until));
                self.remember(until, x, Barred::Owner);
            }
            AnyBinding::Axb(binding) => {
                let pair = binding.relation.pair;
                for (party, other) in [(pair.a(), pair.b()), (pair.b(), pair.a())] {
                    self.met.insert((x, party), (other, until));
                    self.remember(until, x, Barred::Party(party));
                }
            }
            AnyBinding::Axe(binding) => {
                let extension = binding.relation.extension;
                self.resting.insert((x, extension), until);
                self.remember(until, x, Barred::Extension(extension));
            }
            AnyBinding::Axyb(binding) => {
                self.owned.insert(x, (binding.relation.a, until));
                self.remember(until, x, Barred::Owner);
            }
            AnyBinding::Yb(binding) => {
                let (pair, y) = (binding.relation.pair, binding.relation.y);
                self.met.insert((y, pair.a()), (pair.b(), until));
                // Another may have ended later and be heard of earlier: it stands for several A.
                let counts = self.was_y.entry(y).or_insert(until);
                *counts = until.max(*counts);
                self.remember(until, y, Barred::Party(pair.a()));
            }
        }
    }

    /// Whether no bind of `app` must get the number now, because it was another app's.
    pub fn bars_app(&self, x: XNumber, app: AppNo, now: Timestamp) -> bool {
        let barred = |&(other, until): &(AppNo, Timestamp)| other != app && now < until;
        self.apps.get(&x).is_some_and(|apps| apps.iter().any(barred))
    }

    /// Whether the pair must not meet on `x` now.
    pub fn bars_pair(&self, x: XNumber, pair: Pair, now: Timestamp) -> bool {
        let barred =
            |party, other| self.met.get(&(x, party)).is_some_and(|&(met, until)| met != other && now < until);
        barred(pair.a(), pair.b()) || barred(pair.b(), pair.a())
    }

    /// Whether `x` must not become the number of `a` now.
    pub fn bars_owner(&self, x: XNumber, a: E164, now: Timestamp) -> bool {
        self.owned.get(&x).is_some_and(|&(owner, until)| owner != a && now < until)
    }

    /// Whether `x` must not become the X of `a` now in AXYB: who dials it may mean whom it stood for.
    pub fn bars_axyb(&self, x: XNumber, a: E164, now: Timestamp) -> bool {
        self.bars_owner(x, a, now) || self.was_y.get(&x).is_some_and(|&until| now < until)
    }

    /// Whether `y` must not stand for B towards A now in AXYB: it stood for somebody else towards that A, or was the
    /// X of anybody, whom any caller may mean.
    pub fn bars_y(&self, y: XNumber, pair: Pair, now: Timestamp) -> bool {
        let stood_for = self.met.get(&(y, pair.a()));
        stood_for.is_some_and(|&(b, until)| b != pair.b() && now < until)
            || self.owned.get(&y).is_some_and(|&(_, until)| now < until)
    }

    /// Whether an extension of `x` rests.
    pub fn rests(&self, x: XNumber, extension: Extension) -> bool {
        self.resting.contains_key(&(x, extension))
    }

    /// The extensions of `x` that rest.
    pub fn resting_on(&self, x: XNumber) -> impl Iterator<Item = Extension> {
        let of_x = self.resting.range((Bound::Included((x, Extension::LOWEST)), Bound::Unbounded));
        of_x.take_while(move |((of, _), _)| *of == x).map(|((_, extension), _)| *extension)
    }

    /// The extensions whose rest has ended since the last call.
    pub fn take_rested(&mut self) -> Vec<(XNumber, Extension)> {
        std::mem::take(&mut self.rested)
    }

    /// How many parties and extensions are barred on `x`.
    pub fn count(&self, x: XNumber) -> u32 {
        self.by_x.get(&x).copied().unwrap_or(0)
    }

    /// The X numbers whose count changed since the last call, with their counts now.
    pub fn take_changed(&mut self) -> Vec<(XNumber, u32)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|x| (x, self.count(x))).collect()
    }

    /// Forgets what is over.
    pub fn forget(&mut self, now: Timestamp) {
        while let Some(&(until, x, barred)) = self.ends.front() {
            if until > now {
                break;
            }
            self.ends.pop_front();
            self.changed.insert(x);
            if self.was_y.get(&x).is_some_and(|until| *until <= now) {
                self.was_y.remove(&x);
            }
            if let Some(apps) = self.apps.get_mut(&x) {
                apps.retain(|(_, until)| *until > now);
                if apps.is_empty() {
                    self.apps.remove(&x);
                }
            }
            // A later end on the same X may have replaced the entry; that one has its own turn.
            match barred {
                Barred::Party(party) if self.met.get(&(x, party)).is_some_and(|kept| kept.1 <= now) => {
                    self.met.remove(&(x, party));
                }
                Barred::Owner if self.owned.get(&x).is_some_and(|kept| kept.1 <= now) => {
                    self.owned.remove(&x);
                }
                Barred::Extension(extension)
                    if self.resting.get(&(x, extension)).is_some_and(|until| *until <= now) =>
                {
                    self.resting.remove(&(x, extension));
                    self.rested.push((x, extension));
                }
                Barred::Party(_) | Barred::Owner | Barred::Extension(_) => {}
            }
            if let Some(count) = self.by_x.get_mut(&x) {
                *count -= 1;
                if *count == 0 {
                    self.by_x.remove(&x);
                }
            }
        }
    }

    /// The clock was set by so many milliseconds. What is left of each quarantine stays as it was (delivery R15).
    pub fn clock_was_set(&mut self, by_ms: i64) {
        let met = self.met.values_mut().map(|(_, until)| until);
        let owned = self.owned.values_mut().map(|(_, until)| until);
        let ends = self.ends.iter_mut().map(|(until, ..)| until);
        let apps = self.apps.values_mut().flatten().map(|(_, until)| until);
        let (was_y, resting) = (self.was_y.values_mut(), self.resting.values_mut());
        for until in met.chain(owned).chain(was_y).chain(apps).chain(resting).chain(ends) {
            *until = until.moved(by_ms);
        }
    }

    fn note_app(&mut self, number: XNumber, app: AppNo, until: Timestamp) {
        let apps = self.apps.entry(number).or_default();
        match apps.iter_mut().find(|(known, _)| *known == app) {
            Some((_, counts)) => *counts = until.max(*counts),
            None => apps.push((app, until)),
        }
    }

    fn remember(&mut self, until: Timestamp, x: XNumber, barred: Barred) {
        self.ends.push_back((until, x, barred));
        *self.by_x.entry(x).or_default() += 1;
        self.changed.insert(x);
    }
}

#[cfg(test)]
mod tests {
    use super::super::binding::{Ax, Axb, Axe, Binding, Expiry, FirstGiven, Span, Terms};
    use super::super::id::{AppNo, RowKey};
    use super::*;

    fn number(n: u64) -> E164 {
        E164::from_word(8_613_800_000_000 + n).unwrap()
    }

    fn pair(a: u64, b: u64) -> Pair {
        Pair::new(number(a), number(b)).unwrap()
    }

    fn x() -> XNumber {
        XNumber::new(number(999))
    }

    fn binding<R>(relation: R) -> Binding<R> {
        Binding {
            id: RowKey::floor(1),
            app: AppNo(1),
            x: x(),
            relation,
            terms: Terms::default(),
            expiry: Expiry::Never,
            since: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn parties_may_meet_each_other_again_but_nobody_else_until_the_period_is_over() {
        let mut quarantine = Quarantine::new(Duration::from_secs(300));
        let ended = AnyBinding::Axb(binding(Axb { pair: pair(1, 2), duration_secs: 0 }));
        quarantine.note(&ended, Timestamp::from_secs(1_000));
        let (within, over) = (Timestamp::from_millis(1_299_999), Timestamp::from_secs(1_300));
        for (who, barred) in [
            (pair(1, 2), false),
            (pair(2, 1), false),
            (pair(1, 3), true),
            (pair(3, 2), true),
            (pair(3, 4), false),
        ] {
            assert_eq!(quarantine.bars_pair(x(), who, within), barred, "{who:?}");
            assert!(!quarantine.bars_pair(x(), who, over), "{who:?}");
        }
        assert_eq!(quarantine.count(x()), 2);
        quarantine.forget(over);
        assert_eq!(quarantine.count(x()), 0);
        assert!(quarantine.met.is_empty() && quarantine.by_x.is_empty() && quarantine.apps.is_empty());
    }

    #[test]
    fn a_number_of_another_app_is_barred_for_everybody_until_the_last_end_there_is_over() {
        let mut quarantine = Quarantine::new(Duration::from_secs(300));
        let ended = binding(Axb { pair: pair(1, 2), duration_secs: 0 });
        let of = |app| AnyBinding::Axb(Binding { app: AppNo(app), ..ended.clone() });
        quarantine.note(&of(1), Timestamp::from_secs(1_000));
        // An end that had gone unnoticed counts from its own instant.
        quarantine.note(&of(1), Timestamp::from_secs(950));
        quarantine.note(&of(2), Timestamp::from_secs(1_100));
        let barred = |quarantine: &Quarantine, secs| {
            [1, 2, 3].map(|app| quarantine.bars_app(x(), AppNo(app), Timestamp::from_secs(secs)))
        };
        assert_eq!(barred(&quarantine, 1_299), [true, true, true]);
        assert_eq!(barred(&quarantine, 1_300), [true, false, true]);
        assert_eq!(barred(&quarantine, 1_400), [false; 3]);
        quarantine.forget(Timestamp::from_secs(1_300));
        quarantine.clock_was_set(60_000);
        assert_eq!(barred(&quarantine, 1_459), [true, false, true]);
        assert_eq!(barred(&quarantine, 1_460), [false; 3]);
    }

    #[test]
    fn an_x_that_stood_for_one_subscriber_does_not_stand_for_another_at_once() {
        let mut quarantine = Quarantine::new(Duration::from_secs(300));
        let relation = Ax { a: number(1), next_callee: None, direction_given: false, turned_on: true };
        quarantine.note(&AnyBinding::Ax(binding(relation)), Timestamp::from_secs(1_000));
        let within = Timestamp::from_secs(1_200);
        assert!(quarantine.bars_owner(x(), number(2), within));
        assert!(!quarantine.bars_owner(x(), number(1), within));
    }

    #[test]
    fn forgetting_an_older_end_leaves_a_newer_one_in_force() {
        let mut quarantine = Quarantine::new(Duration::from_secs(300));
        let first = AnyBinding::Axb(binding(Axb { pair: pair(1, 2), duration_secs: 0 }));
        let second = AnyBinding::Axb(binding(Axb { pair: pair(1, 3), duration_secs: 0 }));
        quarantine.note(&first, Timestamp::from_secs(1_000));
        quarantine.note(&second, Timestamp::from_secs(1_100));
        let between = Timestamp::from_secs(1_350);
        quarantine.forget(between);
        assert!(quarantine.bars_pair(x(), pair(1, 4), between));
        assert!(!quarantine.bars_pair(x(), pair(2, 4), between));
    }

    #[test]
    fn an_extension_rests_and_is_then_named_once_as_rested() {
        let mut quarantine = Quarantine::new(Duration::from_secs(300));
        let extension = Extension::parse("0042").unwrap();
        let relation = Axe {
            a: number(1),
            extension,
            life: Span::NONE,
            callback: Span::NONE,
            first: FirstGiven::default(),
            fallback: None,
            shows_caller: false,
        };
        let ended = AnyBinding::Axe(binding(relation));
        quarantine.note(&ended, Timestamp::from_secs(1_000));
        quarantine.note(&ended, Timestamp::from_secs(1_100));
        assert!(quarantine.rests(x(), extension));
        assert_eq!(quarantine.resting_on(x()).collect::<Vec<_>>(), [extension]);
        assert_eq!(quarantine.resting_on(XNumber::new(number(998))).count(), 0);
        quarantine.forget(Timestamp::from_secs(1_350));
        assert!(quarantine.rests(x(), extension), "it was bound again, and ended again later");
        assert_eq!(quarantine.take_rested(), []);
        quarantine.forget(Timestamp::from_secs(1_400));
        assert!(!quarantine.rests(x(), extension));
        assert_eq!(quarantine.take_rested(), [(x(), extension)]);
        assert_eq!((quarantine.take_rested(), quarantine.count(x())), (vec![], 0));
    }

    /// Found by the registry's property test: an end that had gone unnoticed counts from its own instant.
    #[test]
    fn a_number_counts_as_a_y_until_its_last_end_whatever_the_order_they_are_noticed_in() {
        use super::super::sample::{at, axyb, just_before, number, pair, x, yb};
        let mut quarantine = Quarantine::new(Duration::from_secs(300));
        quarantine.note(&AnyBinding::Yb(yb(2, 1, 2, 5, Expiry::Never)), at(100));
        quarantine.note(&AnyBinding::Yb(yb(3, 1, 3, 5, Expiry::At(at(50)))), at(50));
        assert!(quarantine.bars_axyb(x(5), number(9), just_before(400)));
        assert!(!quarantine.bars_axyb(x(5), number(9), at(400)));
        quarantine.clock_was_set(60_000);
        assert!(quarantine.bars_axyb(x(5), number(9), just_before(460)));
        assert!(!quarantine.bars_axyb(x(5), number(9), at(460)));
        quarantine.note(&AnyBinding::Axyb(axyb(1, 1)), at(1_000));
        assert!(quarantine.bars_y(x(1), pair(8, 9), just_before(1_300)), "any caller may mean its A");
        assert!(quarantine.bars_axyb(x(1), number(2), just_before(1_300)));
        assert!(!quarantine.bars_axyb(x(1), number(1), just_before(1_300)), "it may be given to the same A");
    }
}
