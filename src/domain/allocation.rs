//! Choosing an X number for a bind that names none: area first, then the least loaded, never random.
//!
//! Numbers stand in the pool ordered by load, so the usual choice looks at one number; only those on which a
//! party stands already, or was seen a moment ago, are passed over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::area::AreaCode;
use super::number::{E164, XNumber};
use super::refusal::{NoneFree, Refusal};

/// How strictly an area is meant (`areaMatchMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AreaMatch {
    /// That city or none (`0`).
    #[default]
    Strict,
    /// That city, else its province, else any (`1`).
    Loose,
}

/// Where to look for an X number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The city wanted; `None` = not known.
    pub area: Option<AreaCode>,
    /// The other cities of its province.
    pub province: Vec<AreaCode>,
    /// How strictly.
    pub matching: AreaMatch,
}

/// Whether a number can take the bind in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It can.
    Free,
    /// A party already stands there.
    PartyStands,
    /// A party met somebody else there a moment ago, or it was another app's.
    Quarantined,
}

/// The X numbers of one app, by area and load.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    by_area: BTreeMap<Option<AreaCode>, BTreeSet<(u32, XNumber)>>,
    seats: HashMap<XNumber, Seat>,
}

#[derive(Clone, Debug)]
struct Seat {
    area: Option<AreaCode>,
    load: u32,
    usable: bool,
}

impl Pool {
    /// Adds a number, or changes its area and whether it takes bindings. Its load stays.
    pub fn put(&mut self, x: XNumber, area: Option<AreaCode>, usable: bool) {
        let load = self.remove(x);
        self.enter(x, Seat { area, load, usable });
    }

    /// Takes a number out. Returns the load it had.
    pub fn remove(&mut self, x: XNumber) -> u32 {
        let Some(seat) = self.seats.remove(&x) else { return 0 };
        if let Some(area) = self.by_area.get_mut(&seat.area) {
            area.remove(&(seat.load, x));
            if area.is_empty() {
                self.by_area.remove(&seat.area);
            }
        }
        seat.load
    }

    /// Notes how many bindings a number carries now.
    pub fn set_load(&mut self, x: XNumber, load: u32) {
        let Some(seat) = self.seats.get_mut(&x) else { return };
        let before = std::mem::replace(&mut seat.load, load);
        if let Some(area) = self.by_area.get_mut(&seat.area) {
            area.remove(&(before, x));
            area.insert((load, x));
        }
    }

    /// Why an app without a single number gets none.
    pub fn none_at_all(&self) -> Refusal {
        Refusal::NoneFree(Tally::default().into_none_free(None, false))
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Chooses a number that carries fewer than `capacity` bindings and fits.
    pub fn choose(
        &self,
        search: &Search,
        capacity: u32,
        fit: impl Fn(XNumber) -> Fit,
    ) -> Result<XNumber, NoneFree> {
        self.choose_from(search, capacity, Order::LeastLoaded, fit)
    }

    /// The same, but takes a number that carries nothing only when no other fits: one that a Y can share is not
    /// taken from those that can still become an X (AXYB).
    pub fn choose_shared(
        &self,
        search: &Search,
        capacity: u32,
        fit: impl Fn(XNumber) -> Fit,
    ) -> Result<XNumber, NoneFree> {
        self.choose_from(search, capacity, Order::SharedFirst(capacity), fit)
    }

    fn choose_from(
        &self,
        search: &Search,
        capacity: u32,
        order: Order,
        fit: impl Fn(XNumber) -> Fit,
    ) -> Result<XNumber, NoneFree> {
        let mut tally = Tally::default();
        let strict = search.matching == AreaMatch::Strict;
        if strict && search.area.is_none() {
            return Err(tally.into_none_free(None, true));
        }
        if let Some(area) = &search.area {
            let in_area = self.by_area.get(&Some(*area));
            if let Some(x) = self.first_fitting(in_area, capacity, order, &fit, &mut tally) {
                return Ok(x);
            }
        }
        if strict {
            return Err(tally.into_none_free(search.area, false));
        }
        let province = search.province.iter().filter_map(|area| self.by_area.get(&Some(*area)));
        if let Some(x) = self.first_fitting(province, capacity, order, &fit, &mut tally) {
            return Ok(x);
        }
        let elsewhere = self.by_area.iter().filter(|(area, _)| {
            area.is_none()
                || (**area != search.area && area.iter().all(|area| !search.province.contains(area)))
        });
        self.first_fitting(elsewhere.map(|(_, numbers)| numbers), capacity, order, &fit, &mut tally)
            .ok_or_else(|| tally.into_none_free(None, false))
    }

    /// The first number of several ordered sets that fits. The sets are walked side by side.
    fn first_fitting<'a>(
        &self,
        sets: impl IntoIterator<Item = &'a BTreeSet<(u32, XNumber)>>,
        capacity: u32,
        order: Order,
        fit: &impl Fn(XNumber) -> Fit,
        tally: &mut Tally,
    ) -> Option<XNumber> {
        let mut walks: Vec<_> = sets.into_iter().map(|set| order.walk(set).peekable()).collect();
        loop {
            let heads = walks.iter_mut().enumerate().filter_map(|(at, walk)| {
                let &&(load, x) = walk.peek()?;
                Some((order.rank(load), load, x, at))
            });
            let (.., nearest) = heads.min()?;
            let &(load, x) = walks[nearest].next()?;
            tally.looked_at += 1;
            if !self.seats[&x].usable {
                tally.not_usable += 1;
            } else if load >= capacity {
                tally.full += 1;
            } else {
                match fit(x) {
                    Fit::Free => return Some(x),
                    Fit::PartyStands => tally.party_stands += 1,
                    Fit::Quarantined => tally.quarantined += 1,
                }
            }
        }
    }

    fn enter(&mut self, x: XNumber, seat: Seat) {
        self.by_area.entry(seat.area).or_default().insert((seat.load, x));
        self.seats.insert(x, seat);
    }
}

/// In which order numbers are looked at.
#[derive(Clone, Copy, Debug)]
enum Order {
    LeastLoaded,
    /// Those that carry something and less than this, then those that carry nothing, then the rest.
    SharedFirst(u32),
}

impl Order {
    const fn rank(self, load: u32) -> u8 {
        match self {
            Self::LeastLoaded => 0,
            Self::SharedFirst(capacity) => match load {
                0 => 1,
                load if load < capacity => 0,
                _ => 2,
            },
        }
    }

    fn walk(self, set: &BTreeSet<(u32, XNumber)>) -> impl Iterator<Item = &(u32, XNumber)> {
        let at = |load: u32| (load, XNumber::new(E164::LOWEST));
        let (first, then) = match self {
            Self::LeastLoaded => (set.range(..), None),
            Self::SharedFirst(capacity) => {
                let [one, full] = [at(1), at(capacity.max(1))];
                (set.range(one..full), Some(set.range(..one).chain(set.range(full..))))
            }
        };
        first.chain(then.into_iter().flatten())
    }
}

#[derive(Default)]
struct Tally {
    looked_at: usize,
    not_usable: usize,
    full: usize,
    party_stands: usize,
    quarantined: usize,
}

impl Tally {
    fn into_none_free(self, area: Option<AreaCode>, area_unknown: bool) -> NoneFree {
        let Self { looked_at, not_usable, full, party_stands, quarantined } = self;
        NoneFree { area, area_unknown, looked_at, not_usable, full, party_stands, quarantined }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x(n: u64) -> XNumber {
        XNumber::new(E164::from_word(8_617_000_000_000 + n).unwrap())
    }

    fn area(text: &str) -> AreaCode {
        AreaCode::parse(text).unwrap()
    }

    /// 1, 2 in Shenzhen, 3 in Guangzhou (same province), 4 in Beijing, 5 nowhere.
    fn pool() -> Pool {
        let mut pool = Pool::default();
        for (n, code) in [(1, "0755"), (2, "0755"), (3, "020"), (4, "010")] {
            pool.put(x(n), Some(area(code)), true);
        }
        pool.put(x(5), None, true);
        pool
    }

    fn shenzhen(matching: AreaMatch) -> Search {
        Search { area: Some(area("0755")), province: vec![area("020")], matching }
    }

    #[test]
    fn the_least_loaded_number_of_the_city_is_chosen() {
        let mut pool = pool();
        let choose = |pool: &Pool| pool.choose(&shenzhen(AreaMatch::Strict), 10, |_| Fit::Free);
        assert_eq!(choose(&pool), Ok(x(1)));
        pool.set_load(x(1), 1);
        assert_eq!(choose(&pool), Ok(x(2)));
        pool.set_load(x(2), 2);
        assert_eq!(choose(&pool), Ok(x(1)));
    }

    #[test]
    fn strict_stays_in_the_city_and_says_why_nothing_was_found() {
        let mut pool = pool();
        pool.set_load(x(1), 10);
        let refusal = pool.choose(&shenzhen(AreaMatch::Strict), 10, |_| Fit::PartyStands).unwrap_err();
        assert_eq!((refusal.looked_at, refusal.full, refusal.party_stands), (2, 1, 1));
        assert_eq!(
            refusal.to_string(),
            "Of 2 X numbers in area 0755, 1 are full, 1 already carry a party, 0 are in quarantine, 0 are not usable."
        );
    }

    #[test]
    fn loose_goes_on_to_the_province_and_then_anywhere() {
        let pool = pool();
        let choose = |taken: &[u64]| {
            let taken: Vec<_> = taken.iter().map(|&n| x(n)).collect();
            let fit = |x| if taken.contains(&x) { Fit::PartyStands } else { Fit::Free };
            pool.choose(&shenzhen(AreaMatch::Loose), 10, fit)
        };
        assert_eq!(choose(&[1, 2]), Ok(x(3)));
        assert_eq!(choose(&[1, 2, 3]), Ok(x(4)));
        assert_eq!(choose(&[1, 2, 3, 4]), Ok(x(5)));
        assert_eq!(choose(&[1, 2, 3, 4, 5]).map_err(|refusal| refusal.looked_at), Err(5));
    }

    #[test]
    fn an_unknown_area_is_refused_when_strict_and_ignored_when_loose() {
        let strict = Search::default();
        assert!(pool().choose(&strict, 10, |_| Fit::Free).unwrap_err().area_unknown);
        let loose = Search { matching: AreaMatch::Loose, ..Search::default() };
        assert!(pool().choose(&loose, 10, |_| Fit::Free).is_ok());
    }

    #[test]
    fn a_number_that_takes_no_bindings_is_passed_over_and_keeps_its_load() {
        let mut pool = pool();
        pool.set_load(x(2), 3);
        pool.put(x(1), Some(area("0755")), false);
        pool.put(x(2), Some(area("0755")), true);
        let choose = |capacity| pool.choose(&shenzhen(AreaMatch::Strict), capacity, |_| Fit::Free);
        assert_eq!(choose(4), Ok(x(2)));
        assert_eq!(choose(3).map_err(|refusal| (refusal.not_usable, refusal.full)), Err((1, 1)));
    }
}
