//! Which delivery is pushed next. A pure state machine: told what waits, what has ended and what time it is, it
//! says what to start. It owns every decision about fairness; it knows no bodies, sockets or clocks.
//!
//! - Each endpoint has a queue of its own, and endpoints with something due take turns (delivery R5). What
//!   cannot start now is never looked at: the endpoint leaves the ring and comes back with the event that frees
//!   it.
//! - There are two rings. Endpoints that do not answer take turns in the second, which leaves a quarter of the
//!   slots to the first (R6).
//! - When those would need more slots than they may have, each gets only its share, at least one: the oldest
//!   that is due is pushed and tells whether the receiver is back, the rest waits and uses up no pushes (R8).
//! - First pushes about one call go out one after the other; re-pushes may overtake (R5).
//!
//! A slot is taken by [`Dispatch::start`], before anybody fetches a body, and given back by [`Dispatch::ended`],
//! when the outcome is on record. In between, [`Dispatch::answered`] frees what the receiver is spared by: the
//! limits of endpoint, app, host and address.

mod endpoint;
mod figures;
mod flight;
mod gate;
mod health;
mod later;
mod limits;
mod signal;
mod spare;
mod waiting;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

pub use self::endpoint::Endpoint;
pub use self::figures::LaneFigures;
pub use self::health::Lane;
pub use self::limits::Limits;
pub use self::signal::Signal;

use self::endpoint::{Queue, Turn};
use self::flight::{Demand, Flight, Open};
use self::gate::{GateKey, Gates, Passed};
use self::health::SUSPECT_WINDOW;
use self::later::Later;
use self::waiting::Waiting;
use super::delivery::{Delivery, State};
use super::id::RowKey;
use super::time::Timestamp;

/// A push that takes longer makes its endpoint suspect.
const SLOW_AFTER: Duration = Duration::from_secs(2);
/// Most deliveries that move from waiting to due in one call, so that none takes long.
const DUE_AT_ONCE_MAX: usize = 1_024;
/// Pushes made are told apart up to here in the figures.
const STAGES: usize = 8;

/// Everything that waits to be pushed, and what is being pushed.
#[derive(Debug)]
pub struct Dispatch {
    limits: Limits,
    later: Later,
    queues: HashMap<Endpoint, Queue>,
    hosts: HashMap<Endpoint, Arc<str>>,
    /// Endpoints that have something due and, as far as they know, room to push it.
    good: VecDeque<Turn>,
    suspect: VecDeque<Turn>,
    gates: Gates,
    /// Endpoints that want to be left alone until then, or drain and have had their push.
    closed: BTreeSet<(Timestamp, Endpoint)>,
    flights: HashMap<RowKey, Flight>,
    /// Pushes to good endpoints by their start, to notice the slow ones.
    young: VecDeque<(Timestamp, RowKey)>,
    open: Open,
    demand: Demand,
    /// How many wait, by pushes made.
    stages: [usize; STAGES],
}

impl Dispatch {
    /// Nothing waits yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            later: Later::default(),
            queues: HashMap::new(),
            hosts: HashMap::new(),
            good: VecDeque::new(),
            suspect: VecDeque::new(),
            gates: Gates::default(),
            closed: BTreeSet::new(),
            flights: HashMap::new(),
            young: VecDeque::new(),
            open: Open::default(),
            demand: Demand::default(),
            stages: [0; STAGES],
        }
    }

    /// Tells which `host:port` an endpoint's URL leads to; `None` when it has no URL, or a useless one. What was
    /// known about the receiver is forgotten: this one may be well.
    pub fn locate(&mut self, endpoint: Endpoint, host: Option<Arc<str>>) {
        let before = self.gates_of(endpoint);
        match host {
            Some(host) => drop(self.hosts.insert(endpoint, host)),
            None => drop(self.hosts.remove(&endpoint)),
        }
        if self.queues.contains_key(&endpoint) {
            self.change(endpoint, |queue| {
                (queue.health, queue.address, queue.paced_until) = Default::default();
                // It may wait where it no longer has to pass.
                queue.has_turn = false;
            });
        }
        // Or have had a turn for a room there.
        self.pass_on(&before);
    }

    /// Takes in a pending delivery, new or to be pushed again.
    pub fn enqueue(&mut self, delivery: Delivery, now: Timestamp) {
        let waiting = Waiting::from(delivery);
        // What fell due long ago goes where it is sorted by its time.
        if delivery.due <= now && now.since(delivery.due) < Duration::from_secs(1) {
            self.stages[stage(waiting)] += 1;
            self.line_up(waiting);
        } else {
            self.put_off(waiting);
        }
    }

    /// When [`Dispatch::start`] has more to do than now if nothing else happens. May have passed.
    pub fn next_due(&self) -> Option<Timestamp> {
        let slow = self.young.front().map(|(started, _)| started.after(SLOW_AFTER));
        let opens = self.closed.first().map(|&(until, _)| until);
        [self.later.next_due(), slow, opens].into_iter().flatten().min()
    }

    /// Takes out what may start now, in turn, and counts it as in flight.
    pub fn start(&mut self, now: Timestamp, at_most: usize) -> Vec<Delivery> {
        self.wake(now);
        let mut started = Vec::new();
        while started.len() < at_most && self.flights.len() < self.limits.in_flight {
            let Some(endpoint) = self.next_turn() else { break };
            started.extend(self.take_turn(endpoint, now));
        }
        started
    }

    /// Whether the push under way is the last one, however few were made: its receiver has not recovered for as
    /// long as the whole schedule lasts, and the delivery was due all that time (delivery R8).
    pub fn is_last_push(&self, id: RowKey) -> bool {
        self.flights.get(&id).is_some_and(|flight| flight.last_push)
    }

    /// Notes that a push has ended, with what it showed and where the receiver was found. Its slot stays taken
    /// until [`Dispatch::ended`], but its receiver may get the next.
    pub fn answered(&mut self, id: RowKey, signal: Signal, address: Option<SocketAddr>, now: Timestamp) {
        let Some(flight) = self.flights.get_mut(&id).filter(|flight| !flight.answered) else { return };
        flight.answered = true;
        // Those that get their last push do not wait for the pause of one that is gone: they have waited enough.
        let signal = if flight.last_push && signal == Signal::Gone { Signal::Refused } else { signal };
        let (waiting, passed) = (flight.waiting, std::mem::take(&mut flight.passed));
        self.release(waiting, &passed, signal, address, now);
    }

    /// Notes that the outcome of a push is on record and, when it is to be repeated, queues it again.
    pub fn ended(&mut self, after: Delivery, again: bool, now: Timestamp) {
        let signal = match after.state {
            State::Delivered => Signal::Accepted,
            State::Pending | State::Exhausted => Signal::Refused,
        };
        self.answered(after.id, signal, None, now);
        let Some(flight) = self.flights.remove(&after.id) else { return };
        if again {
            self.put_off(Waiting::from(after).moved(flight.moved_ms));
        }
    }

    /// Puts back what was in flight, as it was: its push is not on record. It is due again in five seconds, and
    /// twice as long each time this happens.
    pub fn put_back(&mut self, id: RowKey, now: Timestamp) {
        self.answered(id, Signal::Unknown, None, now);
        let Some(flight) = self.flights.remove(&id) else { return };
        self.put_off(flight.waiting.put_back(now));
    }

    /// Takes a delivery out of those that wait for their time. Used when an operator hurries one. False when it
    /// is due or in flight.
    pub fn withdraw(&mut self, id: RowKey, due: Timestamp) -> bool {
        let Some(taken) = self.later.take(id, due) else { return false };
        self.stages[stage(taken)] -= 1;
        true
    }

    /// Forgets everything that waits and everything learned. What is in flight is forgotten too: its outcome no
    /// longer counts.
    pub fn clear(&mut self) {
        let hosts = std::mem::take(&mut self.hosts);
        *self = Self { hosts, ..Self::new(self.limits) };
    }

    /// The clock was set by so many milliseconds. What is left to wait stays as it was: a jump must neither fire
    /// the backlog nor freeze it (delivery R15). What is stored keeps the old times until its next push.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.later.moved(by_ms);
        self.queues.values_mut().for_each(|queue| queue.moved(by_ms));
        let closed = std::mem::take(&mut self.closed);
        self.closed = closed.into_iter().map(|(until, endpoint)| (until.moved(by_ms), endpoint)).collect();
        for (started, _) in &mut self.young {
            *started = started.moved(by_ms);
        }
        for flight in self.flights.values_mut() {
            flight.started = flight.started.moved(by_ms);
            flight.waiting = flight.waiting.moved(by_ms);
            flight.moved_ms += by_ms;
        }
    }

    /// Lets time act: what fell due lines up, closed endpoints open, slow pushes make suspects.
    fn wake(&mut self, now: Timestamp) {
        for _ in 0..DUE_AT_ONCE_MAX {
            let Some(waiting) = self.later.pop_due(now) else { break };
            self.line_up(waiting);
        }
        while let Some(&(until, endpoint)) = self.closed.first().filter(|(until, _)| *until <= now) {
            self.closed.pop_first();
            self.change(endpoint, |queue| {
                // It may have been closed for longer since.
                queue.health.closed_until = queue.health.closed_until.filter(|&closed| closed > until);
                queue.paced_until = queue.paced_until.filter(|&paced| paced > until);
            });
        }
        while let Some(&(started, id)) =
            self.young.front().filter(|(started, _)| now >= started.after(SLOW_AFTER))
        {
            self.young.pop_front();
            if let Some(flight) = self.flight_under_way(id, started) {
                let endpoint = flight.waiting.endpoint();
                self.change(endpoint, |queue| queue.health.suspect(now));
            }
        }
    }

    /// The endpoint whose turn it is: a good one, else a suspect one if it would not touch the reserve.
    fn next_turn(&mut self) -> Option<Endpoint> {
        loop {
            let suspects_may = self.open.suspect < self.limits.for_suspects();
            let turn =
                self.good.pop_front().or_else(|| suspects_may.then(|| self.suspect.pop_front()).flatten())?;
            let queue = self.queues.get_mut(&turn.endpoint).expect("queues are never removed");
            if queue.is_valid(turn) {
                queue.has_turn = false;
                return Some(turn.endpoint);
            }
            // It may have been given for a room that somebody waits for.
            let keys = self.gates_of(turn.endpoint);
            self.pass_on(&keys);
        }
    }

    fn take_turn(&mut self, endpoint: Endpoint, now: Timestamp) -> Option<Delivery> {
        let (share, window_max) = (self.suspect_share(), self.limits.per_endpoint);
        let keys = self.gates_of(endpoint);
        let queue = self.queues.get_mut(&endpoint)?;
        if !queue.may_start(share, window_max) {
            self.pass_on(&keys);
            return None;
        }
        if let Some(full) = self.gates.full(&keys, queue.right(), &self.limits) {
            let right = queue.right();
            self.gates.wait(full, queue.draw_turn(endpoint), right);
            self.pass_on(&keys);
            return None;
        }
        let waiting = queue.take()?;
        if let Some(until) = queue.pace(self.limits.drain_step(), now) {
            self.closed.insert((until, endpoint));
        }
        let give_up_after = self.limits.give_up_after;
        let last_push = queue
            .health
            .ill_since
            .is_some_and(|since| now >= waiting.anchor().max(since).after(give_up_after));
        let lane = queue.health.lane;
        self.gates.enter(&keys);
        self.stages[stage(waiting)] -= 1;
        self.open.all += 1;
        self.open.suspect += usize::from(lane == Lane::Suspect);
        if lane == Lane::Good {
            self.young.push_back((now, waiting.id));
        }
        let (answered, moved_ms) = (false, 0);
        let flight = Flight { waiting, started: now, passed: keys, last_push, answered, moved_ms };
        self.flights.insert(waiting.id, flight);
        self.change(endpoint, |queue| queue.open += 1);
        Some(waiting.delivery())
    }

    /// The receiver is done with a push.
    fn release(
        &mut self,
        waiting: Waiting,
        passed: &Passed,
        signal: Signal,
        address: Option<SocketAddr>,
        now: Timestamp,
    ) {
        let endpoint = waiting.endpoint();
        let window_max = self.limits.per_endpoint;
        let queue = self.queues.get_mut(&endpoint).expect("what is in flight has a queue");
        self.open.all -= 1;
        self.open.suspect -= usize::from(queue.health.lane == Lane::Suspect);
        queue.open -= 1;
        queue.address = address.or(queue.address);
        if let Some(call) = waiting.ordered_by() {
            queue.first_push_ended(call);
        }
        // A turn at a gate was drawn under other circumstances.
        queue.has_turn = false;
        self.change(endpoint, |queue| queue.health.learn(signal, window_max, now));
        let health = self.queues[&endpoint].health;
        if let Some(until) = health.closed_until {
            self.closed.insert((until, endpoint));
        }
        self.gates.leave(passed);
        self.pass_on(passed);
        while self.young.front().is_some_and(|&(at, id)| self.flight_under_way(id, at).is_none()) {
            self.young.pop_front();
        }
    }

    /// Changes a queue and lets everything follow that depends on it: the count of suspects' pushes, their
    /// demand, and the place in a ring.
    fn change(&mut self, endpoint: Endpoint, change: impl FnOnce(&mut Queue)) {
        let queue = self.queues.entry(endpoint).or_default();
        let lane_before = queue.health.lane;
        let open_before = queue.open;
        change(queue);
        if queue.health.lane != lane_before {
            match queue.health.lane {
                Lane::Good => self.open.suspect -= open_before,
                Lane::Suspect => self.open.suspect += open_before,
            }
            queue.has_turn = false;
        }
        let counted = queue.suspect_demand();
        self.demand.slots = self.demand.slots + counted - queue.counted;
        self.demand.endpoints =
            self.demand.endpoints + usize::from(counted > 0) - usize::from(queue.counted > 0);
        queue.counted = counted;
        self.offer_turn(endpoint);
    }

    fn offer_turn(&mut self, endpoint: Endpoint) {
        let (share, window_max) = (self.suspect_share(), self.limits.per_endpoint);
        let queue = self.queues.get_mut(&endpoint).expect("called for an endpoint with a queue");
        if queue.has_turn || !queue.may_start(share, window_max) {
            return;
        }
        let turn = queue.draw_turn(endpoint);
        match queue.health.lane {
            Lane::Good => self.good.push_back(turn),
            Lane::Suspect => self.suspect.push_back(turn),
        }
    }

    /// There may be room at these: at each of them, so many take a turn as there is room for, those who wait there longest.
    /// At each, because who waits at the one need not pass the others; and so many, because a turn that was given for a
    /// room may have become void since.
    fn pass_on(&mut self, keys: &Passed) {
        for key in keys.iter().flatten() {
            let mut given = 0;
            while let Some(turn) = self.gates.next_waiting(key, given, &self.limits) {
                let queue = self.queues.get_mut(&turn.endpoint).expect("queues are never removed");
                if queue.is_valid(turn) {
                    queue.has_turn = false;
                    self.offer_turn(turn.endpoint);
                    // One that may not start now, because it is closed for example, leaves the room to the next.
                    given += usize::from(self.queues[&turn.endpoint].has_turn);
                }
            }
        }
    }

    /// Pushes at once that each suspect may have: all it is allowed while there is room for all of them, else
    /// its share, and under real pressure one.
    fn suspect_share(&self) -> usize {
        let slots = self.limits.for_suspects();
        if self.demand.slots <= slots {
            return SUSPECT_WINDOW;
        }
        (slots / self.demand.endpoints.max(1)).clamp(1, SUSPECT_WINDOW)
    }

    fn gates_of(&self, endpoint: Endpoint) -> Passed {
        let host = self.hosts.get(&endpoint).map(|host| GateKey::Host(Arc::clone(host)));
        let address = self.queues.get(&endpoint).and_then(|queue| queue.address);
        [Some(GateKey::App(endpoint.app)), host, address.map(GateKey::Address)]
    }

    fn flight_under_way(&self, id: RowKey, started: Timestamp) -> Option<&Flight> {
        self.flights.get(&id).filter(|flight| flight.started == started && !flight.answered)
    }

    fn line_up(&mut self, waiting: Waiting) {
        self.change(waiting.endpoint(), |queue| queue.line_up(waiting));
    }

    fn put_off(&mut self, waiting: Waiting) {
        self.stages[stage(waiting)] += 1;
        self.later.add(waiting);
    }
}

fn stage(waiting: Waiting) -> usize {
    usize::from(waiting.pushes).min(STAGES - 1)
}
