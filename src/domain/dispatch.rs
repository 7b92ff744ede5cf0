//! Which delivery is pushed next. A pure queue: told what is waiting and what has ended, it says what to start.
//!
//! Each app has a queue of its own and a limit of its own, and the apps take turns, so that one whose
//! receiver hangs does not hold up the others. First pushes about one call go out one after the other, in the
//! order of the call's stages; re-pushes may overtake (delivery R5).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::delivery::Delivery;
use super::id::{AppNo, RowKey};
use super::time::Timestamp;

/// How much may be in flight.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub in_flight: usize,
    /// For one app.
    pub per_app: usize,
}

/// Everything that waits to be pushed, and what is being pushed.
#[derive(Debug)]
pub struct Dispatch {
    limits: Limits,
    /// Not due yet, by due second.
    later: BTreeMap<u64, Vec<Delivery>>,
    apps: HashMap<AppNo, Lane>,
    /// Apps that have something due and room to push it.
    turns: VecDeque<AppNo>,
    in_flight: HashMap<RowKey, Delivery>,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Lane {
    due: VecDeque<Delivery>,
    in_flight: usize,
    has_turn: bool,
    /// Calls with a first push queued or in flight, and the first pushes held back behind it.
    calls: HashMap<RowKey, VecDeque<Delivery>>,
}

impl Dispatch {
    /// Nothing waits yet.
    pub fn new(limits: Limits) -> Self {
        let (later, apps, turns) = (BTreeMap::new(), HashMap::new(), VecDeque::new());
        Self { limits, later, apps, turns, in_flight: HashMap::new(), waiting: 0 }
    }

    /// Takes in a pending delivery, new or to be pushed again.
    pub fn enqueue(&mut self, delivery: Delivery, now: Timestamp) {
        self.waiting += 1;
        if delivery.due > now {
            self.later.entry(delivery.due.millis().div_ceil(1_000)).or_default().push(delivery);
        } else {
            self.line_up(delivery);
        }
    }

    /// When the next one that waits for its time is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|&second| Timestamp::from_secs(second))
    }

    /// Takes out what may start now, in turn, and counts it as in flight.
    pub fn start(&mut self, now: Timestamp, at_most: usize) -> Vec<Delivery> {
        while let Some(bucket) = self.later.first_entry().filter(|bucket| *bucket.key() <= now.secs()) {
            for delivery in bucket.remove() {
                self.line_up(delivery);
            }
        }
        let mut started = Vec::new();
        while started.len() < at_most && self.in_flight.len() < self.limits.in_flight {
            let Some(app) = self.turns.pop_front() else { break };
            let lane = self.apps.get_mut(&app).expect("an app with a turn has a lane");
            lane.has_turn = false;
            let Some(delivery) = lane.due.pop_front() else { continue };
            lane.in_flight += 1;
            self.in_flight.insert(delivery.id, delivery);
            self.waiting -= 1;
            started.push(delivery);
            self.offer_turn(app);
        }
        started
    }

    /// Notes that a push has ended and, when it is to be repeated, queues it again.
    pub fn ended(&mut self, after: Delivery, again: bool, now: Timestamp) {
        let Some(before) = self.in_flight.remove(&after.id) else { return };
        let lane = self.apps.get_mut(&before.app).expect("what is in flight has a lane");
        lane.in_flight -= 1;
        if let Some(call) = before.call.filter(|_| before.pushes == 0) {
            let held = lane.calls.get_mut(&call).and_then(VecDeque::pop_front);
            match held {
                Some(next) => lane.due.push_back(next),
                None => drop(lane.calls.remove(&call)),
            }
        }
        self.offer_turn(before.app);
        if again {
            self.enqueue(after, now);
        }
        self.drop_empty_lane(before.app);
    }

    /// Puts back what was in flight, as it was: its push is not on record. It is due again in five seconds.
    pub fn put_back(&mut self, id: RowKey, now: Timestamp) {
        let Some(&before) = self.in_flight.get(&id) else { return };
        let due = now.after(Duration::from_secs(5));
        self.ended(Delivery { due, ..before }, true, now);
    }

    /// Takes a delivery out of whatever queue it waits in, unless it is in flight.
    /// Used when an operator hurries one that waits for its time.
    pub fn withdraw(&mut self, id: RowKey, due: Timestamp) -> bool {
        let second = due.millis().div_ceil(1_000);
        let Some(bucket) = self.later.get_mut(&second) else { return false };
        let Some(at) = bucket.iter().position(|delivery| delivery.id == id) else { return false };
        bucket.swap_remove(at);
        if bucket.is_empty() {
            self.later.remove(&second);
        }
        self.waiting -= 1;
        true
    }

    /// Forgets everything that waits. What is in flight is forgotten too: its outcome no longer counts.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Whether a push of it is under way.
    pub fn is_in_flight(&self, id: RowKey) -> bool {
        self.in_flight.contains_key(&id)
    }

    /// The delivery whose push is under way, as it was when that began.
    pub fn pushing(&self, id: RowKey) -> Option<Delivery> {
        self.in_flight.get(&id).copied()
    }

    /// How many wait, due or not.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many pushes are under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is under way and nothing could go out at `now`.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        let due = self.next_due().is_some_and(|due| due <= now) || self.oldest_due().is_some();
        self.in_flight.is_empty() && !due
    }

    /// When the oldest that could go out now fell due.
    pub fn oldest_due(&self) -> Option<Timestamp> {
        self.apps.values().filter_map(|lane| lane.due.front()).map(|delivery| delivery.due).min()
    }

    fn line_up(&mut self, delivery: Delivery) {
        let lane = self.apps.entry(delivery.app).or_default();
        match delivery.call.filter(|_| delivery.pushes == 0) {
            Some(call) => match lane.calls.get_mut(&call) {
                Some(held) => held.push_back(delivery),
                None => {
                    lane.calls.insert(call, VecDeque::new());
                    lane.due.push_back(delivery);
                }
            },
            None => lane.due.push_back(delivery),
        }
        self.offer_turn(delivery.app);
    }

    fn offer_turn(&mut self, app: AppNo) {
        let lane = self.apps.get_mut(&app).expect("called for an app with a lane");
        if !lane.has_turn && !lane.due.is_empty() && lane.in_flight < self.limits.per_app {
            lane.has_turn = true;
            self.turns.push_back(app);
        }
    }

    fn drop_empty_lane(&mut self, app: AppNo) {
        let idle = |lane: &Lane| {
            lane.due.is_empty() && lane.in_flight == 0 && !lane.has_turn && lane.calls.is_empty()
        };
        if self.apps.get(&app).is_some_and(idle) {
            self.apps.remove(&app);
        }
    }

    /// Deliveries that are queued or under way, for tests that compare with a list.
    pub fn known(&self) -> HashSet<RowKey> {
        let later = self.later.values().flatten();
        let lanes = self.apps.values().flat_map(|lane| lane.due.iter().chain(lane.calls.values().flatten()));
        later.chain(lanes).chain(self.in_flight.values()).map(|delivery| delivery.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::delivery::{NoticeKind, Schedule, State};
    use super::*;

    const LIMITS: Limits = Limits { in_flight: 4, per_app: 2 };

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    fn delivery(id: u64, app: u32, call: Option<u64>) -> Delivery {
        let row = |n| RowKey::from_stored(n).unwrap();
        Delivery::new(row(id), AppNo(app), NoticeKind::Event, call.map(row), at(0))
    }

    fn ids(deliveries: &[Delivery]) -> Vec<u64> {
        deliveries.iter().map(|delivery| delivery.id.get()).collect()
    }

    #[test]
    fn apps_take_turns_and_none_exceeds_its_limit() {
        let mut dispatch = Dispatch::new(LIMITS);
        for id in 1..=5 {
            dispatch.enqueue(delivery(id, 1, None), at(0));
        }
        dispatch.enqueue(delivery(6, 2, None), at(0));
        assert_eq!(ids(&dispatch.start(at(0), 10)), [1, 6, 2]);
        assert_eq!(dispatch.start(at(0), 10), []);
        dispatch.ended(delivery(1, 1, None), false, at(0));
        assert_eq!(ids(&dispatch.start(at(0), 10)), [3]);
    }

    #[test]
    fn the_limit_in_all_is_never_exceeded() {
        let mut dispatch = Dispatch::new(LIMITS);
        for id in 1..=10 {
            dispatch.enqueue(delivery(id, u32::try_from(id).unwrap(), None), at(0));
        }
        assert_eq!(dispatch.start(at(0), 10).len(), 4);
        assert_eq!((dispatch.in_flight(), dispatch.waiting()), (4, 6));
    }

    #[test]
    fn first_pushes_about_one_call_go_out_one_after_the_other() {
        let mut dispatch = Dispatch::new(LIMITS);
        for id in 1..=3 {
            dispatch.enqueue(delivery(id, 1, Some(77)), at(0));
        }
        dispatch.enqueue(delivery(4, 1, Some(78)), at(0));
        let started = dispatch.start(at(0), 10);
        assert_eq!(ids(&started), [1, 4]);
        let failed = started[0].pushed(false, at(0), at(1), &Schedule::default());
        assert_eq!(failed.state, State::Pending);
        dispatch.ended(failed, true, at(1));
        assert_eq!(
            ids(&dispatch.start(at(1), 10)),
            [2],
            "the next stage waits for the attempt, not for success"
        );
        dispatch.ended(delivery(2, 1, Some(77)), false, at(1));
        assert_eq!(ids(&dispatch.start(at(1), 10)), [3]);
    }

    #[test]
    fn a_re_push_starts_when_its_second_has_come() {
        let mut dispatch = Dispatch::new(LIMITS);
        dispatch.enqueue(delivery(1, 1, None), at(0));
        let started = dispatch.start(at(0), 10);
        let failed = started[0].pushed(false, at(0), at(1), &Schedule::default());
        dispatch.ended(failed, true, at(1));
        assert_eq!(dispatch.next_due(), Some(at(60)));
        assert_eq!(dispatch.start(at(59), 10), []);
        assert_eq!(ids(&dispatch.start(at(60), 10)), [1]);
    }

    #[test]
    fn a_delivery_that_waits_for_its_time_can_be_withdrawn_and_one_in_flight_cannot() {
        let mut dispatch = Dispatch::new(LIMITS);
        let later = Delivery { due: at(60), ..delivery(1, 1, None) };
        dispatch.enqueue(later, at(0));
        assert!(dispatch.withdraw(later.id, later.due));
        assert!(!dispatch.withdraw(later.id, later.due));
        dispatch.enqueue(delivery(2, 1, None), at(0));
        dispatch.start(at(0), 1);
        assert!(dispatch.is_in_flight(RowKey::from_stored(2).unwrap()));
        assert_eq!(dispatch.known().len(), 1);
    }
}
