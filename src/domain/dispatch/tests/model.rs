//! Random histories, compared with what can be counted naively.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    in_flight: 12,
    per_app: 5,
    per_endpoint: 4,
    per_host: 6,
    drain_per_second: None,
    give_up_after: GIVE_UP_AFTER,
};
const HOSTS: u32 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Enqueue { app: u32, call: u64, due_in: u64 },
    Start { at_most: usize },
    End { which: usize, signal: Signal },
    Record { which: usize },
    PutBack { which: usize },
    Pass { secs: u64 },
    Relocate { app: u32 },
    SetClock { secs: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let retry_after = Some(Duration::from_secs(20));
    let signal = prop_oneof![
        4 => Just(Signal::Accepted),
        1 => Just(Signal::Refused),
        2 => Just(Signal::Silent),
        1 => Just(Signal::Gone),
        1 => Just(Signal::Overloaded { retry_after }),
        1 => Just(Signal::Overloaded { retry_after: None }),
    ];
    prop_oneof![
        6 => (0..8_u32, 0..6_u64, 0..3_u64)
            .prop_map(|(app, call, due_in)| Step::Enqueue { app, call, due_in: due_in * 7 }),
        6 => (0..6_usize).prop_map(|at_most| Step::Start { at_most }),
        5 => (any::<usize>(), signal).prop_map(|(which, signal)| Step::End { which, signal }),
        4 => any::<usize>().prop_map(|which| Step::Record { which }),
        1 => any::<usize>().prop_map(|which| Step::PutBack { which }),
        2 => (1..90_u64).prop_map(|secs| Step::Pass { secs }),
        1 => (0..8_u32).prop_map(|app| Step::Relocate { app }),
        1 => (-4_000..4_000_i64).prop_map(|secs| Step::SetClock { secs }),
    ]
}

/// What a naive observer keeps: every delivery that is not over, and what is under way.
struct World {
    dispatch: Dispatch,
    now: Timestamp,
    hosts: HashMap<u32, u32>,
    alive: HashSet<RowKey>,
    under_way: Vec<(Delivery, u32)>,
    unrecorded: Vec<(Delivery, Signal)>,
    /// First pushes of each call that were not started yet, in order.
    calls: HashMap<(u32, u64), VecDeque<RowKey>>,
    next_id: u64,
}

impl World {
    fn new() -> Self {
        let mut dispatch = Dispatch::new(LIMITS);
        let hosts = (0..8).map(|app| (app, app % HOSTS)).collect::<HashMap<_, _>>();
        for (&app, host) in &hosts {
            dispatch.locate(endpoint(app), Some(host.to_string().into()));
        }
        let (alive, under_way, unrecorded) = (HashSet::new(), Vec::new(), Vec::new());
        let (calls, next_id) = (HashMap::new(), 1);
        Self { dispatch, now: at(10_000), hosts, alive, under_way, unrecorded, calls, next_id }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Enqueue { app, call, due_in } => self.enqueue(app, call, due_in),
            Step::Start { at_most } => self.start(at_most),
            Step::End { which, signal } => {
                if let Some((delivery, _)) = pick(&mut self.under_way, which) {
                    self.dispatch.answered(delivery.id, signal, None, self.now);
                    self.unrecorded.push((delivery, signal));
                }
            }
            Step::Record { which } => {
                if let Some((delivery, signal)) = pick(&mut self.unrecorded, which) {
                    self.record(delivery, signal);
                }
            }
            Step::PutBack { which } => {
                if let Some((delivery, _)) = pick(&mut self.under_way, which) {
                    self.dispatch.put_back(delivery.id, self.now);
                    self.forget_order(delivery);
                }
            }
            Step::Pass { secs } => self.now = self.now.after(Duration::from_secs(secs)),
            Step::Relocate { app } => {
                let host = (self.hosts[&app] + 1) % HOSTS;
                self.hosts.insert(app, host);
                self.dispatch.locate(endpoint(app), Some(host.to_string().into()));
            }
            Step::SetClock { secs } => {
                self.now = self.now.moved(1_000 * secs);
                self.dispatch.clock_was_set(1_000 * secs);
            }
        }
        self.check_counts();
    }

    fn enqueue(&mut self, app: u32, call: u64, due_in: u64) {
        let id = self.next_id;
        self.next_id += 1;
        // Call 0 stands for none; what is due later is a re-push, as it is in production.
        let call = (call > 0 && due_in == 0).then_some(call);
        let mut new = Delivery { due: self.now, ..delivery(id, app, call) };
        if due_in > 0 {
            let first_push_at = Some(self.now);
            let due = self.now.after(Duration::from_secs(due_in));
            new = Delivery { pushes: 1, first_push_at, due, ..new };
        } else if let Some(call) = call {
            self.calls.entry((app, call)).or_default().push_back(new.id);
        }
        self.alive.insert(new.id);
        self.dispatch.enqueue(new, self.now);
    }

    fn start(&mut self, at_most: usize) {
        let started = self.dispatch.start(self.now, at_most);
        assert!(started.len() <= at_most);
        let all = started.len() < at_most;
        for delivery in started {
            assert!(delivery.due <= self.now, "started before it was due");
            if let Some(call) = delivery.call.filter(|_| delivery.pushes == 0) {
                let order = self.calls.get_mut(&(delivery.app.0, call.get())).unwrap();
                if order.contains(&delivery.id) {
                    assert_eq!(order.pop_front(), Some(delivery.id), "stages out of order");
                }
                let same = |(other, _): &(Delivery, u32)| {
                    other.call == delivery.call && other.app == delivery.app && other.pushes == 0
                };
                assert!(!self.under_way.iter().any(same), "two stages at once");
            }
            self.under_way.push((delivery, self.hosts[&delivery.app.0]));
        }
        if all {
            self.check_nothing_is_left();
        }
    }

    fn record(&mut self, delivery: Delivery, signal: Signal) {
        let after = delivery.pushed(signal == Signal::Accepted, self.now, self.now, &schedule());
        let after = if self.dispatch.is_last_push(delivery.id) && after.state.is_pending() {
            after.given_up()
        } else {
            after
        };
        if !after.state.is_pending() {
            self.alive.remove(&after.id);
        }
        self.dispatch.ended(after, after.state.is_pending(), self.now);
    }

    /// A first push that was put back comes again after the stages behind it.
    fn forget_order(&mut self, delivery: Delivery) {
        if let Some(call) = delivery.call.filter(|_| delivery.pushes == 0) {
            self.calls.entry((delivery.app.0, call.get())).or_default().retain(|id| *id != delivery.id);
        }
    }

    fn check_counts(&self) {
        assert_eq!(self.dispatch.known(), self.alive, "none is lost, none comes back");
        assert_eq!(self.dispatch.in_flight(), self.under_way.len());
        assert_eq!(self.dispatch.unrecorded(), self.unrecorded.len());
        assert!(self.under_way.len() + self.unrecorded.len() <= LIMITS.in_flight);
        let held = self.dispatch.in_flight() + self.dispatch.unrecorded();
        assert_eq!(self.dispatch.waiting() + held, self.alive.len());
        let lanes: usize = Lane::ALL.map(|lane| self.dispatch.lane(lane).in_flight).iter().sum();
        assert_eq!(lanes, self.under_way.len());
        assert_eq!(self.dispatch.open.suspect, self.dispatch.lane(Lane::Suspect).in_flight);
        let demand = self.dispatch.queues.values().map(Queue::suspect_demand);
        assert_eq!(self.dispatch.demand.slots, demand.sum::<usize>());
        for app in 0..8 {
            let open = self.under_way.iter().filter(|(delivery, _)| delivery.app.0 == app).count();
            assert!(open <= LIMITS.per_app.min(LIMITS.per_endpoint), "app {app} has {open}");
        }
        for host in 0..HOSTS {
            let open = self.under_way.iter().filter(|(_, at)| *at == host).count();
            assert!(open <= LIMITS.per_host, "host {host} has {open}");
        }
    }

    /// `start` gave less than it was allowed to, so nothing that could have started may be left. A suspect with
    /// a push under way may be: its share may have grown, and it looks again when that push ends.
    fn check_nothing_is_left(&self) {
        let dispatch = &self.dispatch;
        if dispatch.flights.len() >= LIMITS.in_flight
            || dispatch.later.next_due().is_some_and(|due| due <= self.now)
        {
            return;
        }
        for (key, queue) in &dispatch.queues {
            let suspect = queue.health.lane == Lane::Suspect;
            if suspect && (queue.open > 0 || dispatch.open.suspect >= LIMITS.for_suspects()) {
                continue;
            }
            let host = self.hosts[&key.app.0];
            let at_host = self.under_way.iter().filter(|(_, at)| *at == host).count();
            let room = at_host < LIMITS.per_host && queue.open < LIMITS.per_app;
            let may = room && queue.may_start(dispatch.suspect_share(), LIMITS.per_endpoint);
            assert!(!may, "{key:?} could start and was forgotten: {queue:?}");
        }
    }

    /// From now on everybody answers: everything must come to its end.
    fn drain(&mut self) {
        for _ in 0..10_000 {
            while let Some((delivery, _)) = self.under_way.pop() {
                self.dispatch.answered(delivery.id, Signal::Accepted, None, self.now);
                self.unrecorded.push((delivery, Signal::Accepted));
            }
            while let Some((delivery, signal)) = self.unrecorded.pop() {
                self.record(delivery, signal);
            }
            self.start(100);
            if self.under_way.is_empty() {
                match self.dispatch.next_due() {
                    Some(due) => self.now = self.now.max(due),
                    None => break,
                }
            }
        }
        assert!(self.alive.is_empty(), "{} were never pushed", self.alive.len());
    }
}

fn pick<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(which % from.len()))
}

proptest! {
    #[test]
    fn whatever_happens_limits_hold_nothing_is_lost_and_nothing_that_may_start_is_left(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.drain();
    }
}
