//! Worlds of simulated receivers in virtual time, driven by a seed: the same run gives the same figures.
//!
//! The load is the one that discipline E was chosen by: 10,000 endpoints, a thousand notices a second spread
//! evenly, one endpoint in ten hangs until the timeout of 10 s, the others answer in about 100 ms. What hangs
//! is repeated three times. By Little's law only the number of repeats matters for the slots needed, not when
//! they fall, so they follow after 15, 30 and 45 s instead of minutes, and a minute of virtual time
//! reaches the full load. The long run with the documented offsets is the ignored test.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const TIMEOUT_MS: u64 = 10_000;

/// How a receiver behaves at that millisecond: how long it takes, and what it comes to.
type Receiver<'a> = &'a mut dyn FnMut(&Delivery, u64) -> (u64, Signal);

/// A small generator of even quality is enough here, and keeps the runs the same everywhere.
struct Draws(u64);

impl Draws {
    /// From 0 to just below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        #[expect(clippy::cast_precision_loss, reason = "53 bits are kept exactly")]
        let unit = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    fn below(&mut self, end: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below a u32")]
        let drawn = (self.unit() * f64::from(end)) as u32;
        drawn
    }

    /// Milliseconds until the next of so many a second.
    fn gap_ms(&mut self, per_second: f64) -> f64 {
        -(1.0 - self.unit()).ln() * 1_000.0 / per_second
    }
}

/// One start of a push.
struct Started {
    app: u32,
    wait_ms: u64,
    at_ms: u64,
    pushes: u8,
}

struct Simulation {
    dispatch: Dispatch,
    schedule: Schedule,
    now_ms: u64,
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    under_way: HashMap<u64, (Delivery, Signal, u64)>,
    started: Vec<Started>,
    delivered: usize,
    exhausted: usize,
    most_under_way: usize,
}

impl Simulation {
    fn new(limits: Limits, schedule: Schedule) -> Self {
        Self {
            dispatch: Dispatch::new(limits),
            schedule,
            now_ms: 1_000_000_000,
            ends: BinaryHeap::new(),
            under_way: HashMap::new(),
            started: Vec::new(),
            delivered: 0,
            exhausted: 0,
            most_under_way: 0,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }

    fn enqueue(&mut self, id: u64, app: u32) {
        let id = RowKey::from_stored((self.now_ms << 21) + id).unwrap();
        let new = Delivery::new(id, AppNo(app), NoticeKind::Event, None, self.now());
        self.dispatch.enqueue(new, self.now());
    }

    /// Lets everything happen that falls before `until_ms`.
    fn run_until(&mut self, until_ms: u64, receiver: Receiver<'_>) {
        loop {
            self.start(receiver);
            let end = self.ends.peek().map(|Reverse((at, _))| *at);
            let due = self.dispatch.next_due().map(|due| due.millis().max(self.now_ms + 1));
            let Some(next) = [end, due].into_iter().flatten().min().filter(|next| *next < until_ms) else {
                self.now_ms = until_ms;
                return;
            };
            self.now_ms = next;
            while self.ends.peek().is_some_and(|Reverse((at, _))| *at <= self.now_ms) {
                let Some(Reverse((_, id))) = self.ends.pop() else { break };
                self.end(id);
            }
        }
    }

    fn start(&mut self, receiver: Receiver<'_>) {
        loop {
            let now = self.now();
            let started = self.dispatch.start(now, 128);
            if started.is_empty() {
                break;
            }
            for delivery in started {
                let wait_ms = self.now_ms - delivery.due.millis();
                let (app, pushes) = (delivery.app.0, delivery.pushes);
                self.started.push(Started { app, wait_ms, at_ms: self.now_ms, pushes });
                let (takes_ms, signal) = receiver(&delivery, self.now_ms);
                self.ends.push(Reverse((self.now_ms + takes_ms, delivery.id.get())));
                self.under_way.insert(delivery.id.get(), (delivery, signal, self.now_ms));
            }
        }
        self.most_under_way = self.most_under_way.max(self.dispatch.in_flight());
    }

    fn end(&mut self, id: u64) {
        let (delivery, signal, began_ms) = self.under_way.remove(&id).unwrap();
        let now = self.now();
        self.dispatch.answered(delivery.id, signal, None, now);
        let began = Timestamp::from_millis(began_ms);
        let after = delivery.pushed(signal == Signal::Accepted, began, now, &self.schedule);
        let gives_up = self.dispatch.is_last_push(delivery.id) && after.state.is_pending();
        let after = if gives_up { after.given_up() } else { after };
        self.delivered += usize::from(after.state == State::Delivered);
        self.exhausted += usize::from(after.state == State::Exhausted);
        self.dispatch.ended(after, after.state.is_pending(), now);
    }
}

/// What came of the load of discipline E.
struct Figures {
    healthy_p50_ms: u64,
    healthy_p99_ms: u64,
    hung_on_time: f64,
    most_under_way: usize,
}

/// Figures of what started from `from_secs` on. In the beginning nobody is suspect yet; that is over when each
/// that hangs has had its chance to time out.
fn discipline_e(slots: usize, offsets_secs: &[u64], from_secs: u64, virtual_secs: u64) -> Figures {
    const ENDPOINTS: u32 = 10_000;
    let limits = Limits { in_flight: slots, ..Limits::default() };
    let offsets = offsets_secs.iter().map(|&secs| Duration::from_secs(secs)).collect();
    let mut simulation = Simulation::new(limits, Schedule { offsets, ..schedule() });
    let (mut draws, mut answers) = (Draws(7), Draws(11));
    let hangs = |app: u32| app.is_multiple_of(10);
    let receiver: Receiver<'_> = &mut |delivery, _| {
        if hangs(delivery.app.0) {
            return (TIMEOUT_MS, Signal::Silent);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred")]
        let takes_ms = (50.0 - 50.0 * (1.0 - answers.unit()).ln()) as u64;
        (takes_ms, Signal::Accepted)
    };
    let begin_ms = simulation.now_ms;
    let mut arrives = 0.0;
    for id in 1.. {
        arrives += draws.gap_ms(1_000.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "virtual time is short")]
        let arrives_ms = arrives as u64;
        if arrives_ms > virtual_secs * 1_000 {
            break;
        }
        simulation.run_until(begin_ms + arrives_ms, receiver);
        simulation.enqueue(id, draws.below(ENDPOINTS));
    }
    simulation.start(receiver);
    let settled = |started: &&Started| started.at_ms >= begin_ms + 1_000 * from_secs;
    let of = |hung: bool| {
        simulation.started.iter().filter(settled).filter(move |started| hangs(started.app) == hung)
    };
    let mut healthy: Vec<_> = of(false).map(|started| started.wait_ms).collect();
    healthy.sort_unstable();
    // What is due and was not started is late, too.
    let still_due = simulation.dispatch.lane(Lane::Suspect).due;
    let on_time = of(true).filter(|started| started.wait_ms <= 10_000).count();
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let hung_on_time = on_time as f64 / (of(true).count() + still_due) as f64;
    Figures {
        healthy_p50_ms: healthy[healthy.len() / 2],
        healthy_p99_ms: healthy[healthy.len() * 99 / 100],
        hung_on_time,
        most_under_way: simulation.most_under_way,
    }
}

const SOON: [u64; 3] = [15, 30, 45];

#[test]
fn with_2000_slots_the_healthy_do_not_notice_that_one_endpoint_in_ten_hangs() {
    let figures = discipline_e(2_000, &SOON, 30, 65);
    assert!(figures.healthy_p99_ms <= 5, "{} ms", figures.healthy_p99_ms);
    assert!(figures.most_under_way <= 2_000);
}

#[test]
fn with_500_slots_the_healthy_do_not_wait_either_once_those_that_hang_are_found_out() {
    let figures = discipline_e(500, &SOON, 30, 65);
    assert!(figures.healthy_p50_ms <= 5, "{} ms", figures.healthy_p50_ms);
    assert!(figures.healthy_p99_ms <= 100, "{} ms", figures.healthy_p99_ms);
    assert!(figures.most_under_way <= 500);
}

#[test]
fn with_10000_slots_every_push_to_a_receiver_that_hangs_is_on_time_as_well() {
    let figures = discipline_e(10_000, &SOON, 30, 65);
    assert!(figures.healthy_p99_ms <= 5, "{} ms", figures.healthy_p99_ms);
    assert!(figures.hung_on_time >= 0.995, "{}", figures.hung_on_time);
}

/// The whole table, as it stands in src/ARCHITECTURE.md.
#[test]
#[ignore = "minutes: half an hour of virtual time at full load, for each number of slots"]
fn discipline_e_over_half_an_hour_with_the_documented_offsets() {
    for slots in [500, 2_000, 4_000, 10_000] {
        let figures = discipline_e(slots, &[60, 240, 540], 0, 1_800);
        println!(
            "{slots} slots: healthy p50 {} ms, p99 {} ms; hung on time {:.1} %",
            figures.healthy_p50_ms,
            figures.healthy_p99_ms,
            100.0 * figures.hung_on_time
        );
    }
}

#[test]
fn an_endpoint_dead_for_two_hours_gets_all_it_missed_in_a_ramp_and_its_neighbours_notice_nothing() {
    const DEAD: u32 = 1;
    let mut simulation = Simulation::new(Limits { in_flight: 400, ..Limits::default() }, schedule());
    let begin_ms = simulation.now_ms;
    let alive_from_ms = begin_ms + 7_200_000;
    let receiver: Receiver<'_> = &mut |delivery, now_ms| {
        let hangs = delivery.app.0 == DEAD && now_ms < alive_from_ms;
        if hangs { (TIMEOUT_MS, Signal::Silent) } else { (100, Signal::Accepted) }
    };
    // 20,000 in two hours are 2.8 a second; 20 neighbours have one a second among them.
    let (mut id, mut neighbours) = (0, 0);
    for step in 0..20_000_u64 {
        simulation.run_until(begin_ms + step * 360, receiver);
        id += 1;
        simulation.enqueue(id, DEAD);
        if step % 3 == 0 {
            id += 1;
            neighbours += 1;
            simulation.enqueue(id, 2 + u32::try_from(step % 20).unwrap());
        }
    }
    let mut most_per_second = Vec::new();
    simulation.run_until(alive_from_ms, receiver);
    for second in 0..60 {
        let before = simulation.started.len();
        simulation.run_until(alive_from_ms + 1_000 * (second + 1), receiver);
        most_per_second.push(simulation.started.len() - before);
    }
    simulation.run_until(alive_from_ms + 6 * 3_600_000, receiver);

    assert_eq!((simulation.delivered, simulation.exhausted), (20_000 + neighbours, 0));
    let waits =
        simulation.started.iter().filter(|started| started.app != DEAD).map(|started| started.wait_ms);
    assert_eq!(waits.max(), Some(0), "neighbours");
    assert!(most_per_second[..8].iter().any(|&pushes| pushes > 0), "{most_per_second:?}");
    assert!(
        most_per_second.iter().all(|&pushes| pushes <= 170),
        "16 at once, 100 ms each: {most_per_second:?}"
    );
    let most_pushes = simulation.started.iter().map(|started| started.pushes).max();
    assert!(most_pushes < Some(7));
    let last = simulation.started.iter().map(|started| started.at_ms).max().unwrap();
    assert!(last <= alive_from_ms + 97 * 60_000 + 20 * 60_000, "within the next offset of the schedule");
}
