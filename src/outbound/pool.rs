//! Connections that wait for their next push (delivery R10). Pure: time is an argument.
//!
//! hyper's own pool bounds idle connections per host only, and lets a connection live for as long as it is
//! used, so that a busy receiver that moved would never be followed. This one bounds them in all, forgetting
//! the one unused for longest, and bounds their age.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// What bounds the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolLimits {
    /// Unused for longer is closed.
    pub(super) idle: Duration,
    /// Older is not used again.
    pub(super) age: Duration,
    /// Unused connections per place.
    pub(super) per_place: usize,
    /// Unused connections in all.
    pub(super) in_all: usize,
}

#[derive(Debug)]
struct Idle<P, C> {
    place: P,
    connection: C,
    born: Instant,
    since: Instant,
}

/// Idle connections of type `C` to places of type `P`.
#[derive(Debug)]
pub(super) struct Pool<P, C> {
    limits: PoolLimits,
    /// By the order in which they became idle: the first has been idle for longest.
    idle: BTreeMap<u64, Idle<P, C>>,
    /// The same by place, the one idle for longest in front. No entry is empty.
    by_place: HashMap<P, VecDeque<u64>>,
    next: u64,
}

impl<P: Clone + Eq + Hash, C> Pool<P, C> {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self { limits, idle: BTreeMap::new(), by_place: HashMap::new(), next: 0 }
    }

    /// The connection to `place` that was used last and is `usable`. The others stand a worse chance of being
    /// open still; those that are not usable are dropped.
    pub(super) fn take(
        &mut self,
        place: &P,
        now: Instant,
        usable: impl Fn(&mut C) -> bool,
    ) -> Option<(C, Instant)> {
        loop {
            let &newest = self.by_place.get(place)?.back()?;
            let Idle { mut connection, born, since, .. } = self.remove(newest);
            let in_time = now < since + self.limits.idle && now < born + self.limits.age;
            if in_time && usable(&mut connection) {
                return Some((connection, born));
            }
        }
    }

    /// Keeps a connection that was made at `born`, unless it is too old.
    pub(super) fn put(&mut self, place: P, connection: C, born: Instant, now: Instant) {
        if now >= born + self.limits.age || self.limits.per_place == 0 {
            return;
        }
        let here = self.by_place.get(&place);
        if let Some(here) = here.filter(|here| here.len() >= self.limits.per_place) {
            let oldest = here[0];
            self.remove(oldest);
        }
        if self.idle.len() >= self.limits.in_all
            && let Some(&oldest) = self.idle.keys().next()
        {
            self.remove(oldest);
        }
        self.by_place.entry(place.clone()).or_default().push_back(self.next);
        self.idle.insert(self.next, Idle { place, connection, born, since: now });
        self.next += 1;
    }

    /// Drops what has been idle for too long. The time at which this is to be done again; `None` when nothing
    /// is left.
    pub(super) fn drop_idle(&mut self, now: Instant) -> Option<Instant> {
        while let Some((&oldest, idle)) = self.idle.first_key_value() {
            let until = idle.since + self.limits.idle;
            if now < until {
                return Some(until);
            }
            self.remove(oldest);
        }
        None
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.idle.len(), self.by_place.values().map(VecDeque::len).sum::<usize>());
        assert!(self.by_place.values().all(|here| !here.is_empty()));
        self.idle.len()
    }

    fn remove(&mut self, number: u64) -> Idle<P, C> {
        let idle = self.idle.remove(&number).expect("every number in by_place is that of an idle connection");
        let here = self.by_place.get_mut(&idle.place).expect("every idle connection stands in by_place");
        here.retain(|&other| other != number);
        if here.is_empty() {
            self.by_place.remove(&idle.place);
        }
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pool() -> Pool<&'static str, u32> {
        Pool::new(PoolLimits { idle: 4 * SECOND, age: 90 * SECOND, per_place: 2, in_all: 3 })
    }

    fn taken(pool: &mut Pool<&'static str, u32>, place: &'static str, now: Instant) -> Option<u32> {
        pool.take(&place, now, |_| true).map(|(connection, _)| connection)
    }

    #[test]
    fn the_connection_used_last_is_taken_first_and_no_other_places() {
        let (mut pool, now) = (pool(), Instant::now());
        pool.put("a", 1, now, now);
        pool.put("a", 2, now, now);
        pool.put("b", 3, now, now);
        assert_eq!([taken(&mut pool, "a", now), taken(&mut pool, "a", now)], [Some(2), Some(1)]);
        assert_eq!(taken(&mut pool, "a", now), None);
        assert_eq!(pool.len(), 1);
    }

    #[test]
    fn a_connection_is_not_taken_once_idle_too_long_or_too_old() {
        let (mut pool, born) = (pool(), Instant::now());
        pool.put("a", 1, born, born);
        assert_eq!(taken(&mut pool, "a", born + 4 * SECOND), None);
        pool.put("a", 2, born, born + 89 * SECOND);
        assert_eq!(taken(&mut pool, "a", born + 90 * SECOND), None);
        pool.put("a", 3, born, born + 90 * SECOND);
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn beyond_the_limits_the_connection_idle_for_longest_goes() {
        let (mut pool, now) = (pool(), Instant::now());
        pool.put("a", 1, now, now);
        pool.put("a", 2, now, now);
        pool.put("a", 3, now, now);
        assert_eq!(pool.len(), 2, "the first of a went");
        pool.put("b", 4, now, now);
        pool.put("c", 5, now, now);
        assert_eq!(pool.len(), 3, "the second of a went");
        assert_eq!([taken(&mut pool, "a", now), taken(&mut pool, "a", now)], [Some(3), None]);
    }

    #[test]
    fn what_is_closed_already_is_dropped_and_the_next_taken() {
        let (mut pool, now) = (pool(), Instant::now());
        pool.put("a", 1, now, now);
        pool.put("a", 2, now, now);
        assert_eq!(pool.take(&"a", now, |connection| *connection != 2), Some((1, now)));
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn idle_connections_are_dropped_in_time_and_the_next_time_is_told() {
        let (mut pool, now) = (pool(), Instant::now());
        pool.put("a", 1, now, now);
        pool.put("b", 2, now, now + SECOND);
        assert_eq!(pool.drop_idle(now + 3 * SECOND), Some(now + 4 * SECOND));
        assert_eq!(pool.drop_idle(now + 4 * SECOND), Some(now + 5 * SECOND));
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.drop_idle(now + 5 * SECOND), None);
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn ten_thousand_places_leave_no_more_behind_than_the_limit() {
        let now = Instant::now();
        let mut pool = Pool::new(PoolLimits { idle: SECOND, age: SECOND, per_place: 8, in_all: 100 });
        for place in 0..10_000 {
            pool.put(place, (), now, now);
        }
        assert_eq!(pool.len(), 100);
    }
}
