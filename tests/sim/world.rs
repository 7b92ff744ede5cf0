//! One simulated world: the gateway, everybody who talks to it, and the clock.

use std::collections::VecDeque;
use std::iter::from_fn;
use std::sync::Arc;
use std::time::Duration;

use privnum::clock::{Clock, ClockHand};
use privnum::domain::area::AreaTable;
use privnum::domain::binding::Change;
use privnum::domain::call::CallId;
use privnum::domain::cdr::Patience;
use privnum::domain::command::{AppCommand, Done};
use privnum::domain::customer::{CustomerApp, Mode};
use privnum::domain::id::{AppNo, PublicIds, RowKey};
use privnum::domain::refusal::Refusal;
use privnum::domain::replay::Replay;
use privnum::domain::setting::AppChange;
use privnum::domain::time::Timestamp;
use privnum::engine::job::{
    Job, NumberFault, ReplayOrder, ReplayRefusal, ReportCount, Setting, SettingChange, SettingFault, Unserved,
};
use privnum::engine::ledger::{Ledger, LedgerRules, Timetable};
use privnum::engine::{PushLimits, RetentionDays, Shared};
use privnum::metrics::Metrics;
use privnum::store::Write;
use privnum::store::embedded::EmbeddedStore;
use privnum::wire::callback::Origin;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::oneshot;

use super::asks::{stands_in, tag_of};
use super::cast::{NUMBERS, START, app, number};
use super::customers::Customers;
use super::disk::{Disk, Fault};
use super::lent::is_known_by_disk;
use super::messages::{Awaited, Sms};
use super::model::Model;
use super::switch::{Reported, Switch};

pub const RULES: LedgerRules = LedgerRules {
    quarantine: Duration::from_secs(120),
    keep_ended: Duration::from_secs(600),
    cdr_window: Duration::from_millis(500),
    patience: Patience {
        silence: Duration::from_secs(3_600),
        grace: Duration::from_secs(60),
        answer: Duration::from_secs(5),
    },
    retention: RetentionDays { cdrs: 31, notices: 31, exhausted: 31, recordings: 7 },
};

/// Somebody who waits for an answer.
pub enum Waiting {
    Command(AppCommand, oneshot::Receiver<Result<Result<Done, Refusal>, Unserved>>),
    Lending(CallId, oneshot::Receiver<Result<Result<Done, Refusal>, Unserved>>),
    Report(Reported, oneshot::Receiver<Result<ReportCount, Unserved>>),
    Message(Awaited),
    Setting(oneshot::Receiver<Result<Result<Vec<NumberFault>, SettingFault>, Unserved>>),
    App(oneshot::Receiver<Result<Arc<CustomerApp>, Unserved>>),
    Redelivery(oneshot::Receiver<Result<bool, Unserved>>),
    Replay(oneshot::Receiver<Result<Result<Replay, ReplayRefusal>, Unserved>>),
}

pub struct World {
    pub rng: StdRng,
    pub clock: Clock,
    hand: ClockHand,
    pub disk: Arc<Disk>,
    pub shared: Arc<Shared>,
    pub ledger: Ledger,
    pub inbox: VecDeque<Job>,
    waiting: VecDeque<Waiting>,
    pub model: Model,
    pub switch: Switch,
    pub sms: Sms,
    pub customers: Customers,
    /// What the timekeeper was told last, and whether it waits for the answer to a tick.
    timetable: Timetable,
    tick_sent: bool,
    /// Tells commands apart on the disk.
    pub tags: u64,
}

fn boot(disk: &Arc<Disk>, clock: &Clock) -> (Arc<Shared>, Ledger) {
    let origin = Origin {
        ids: PublicIds::new(&[7; 32]),
        sp_id: "sp".into(),
        host_name: "host".into(),
        record_domain: "domain".into(),
    };
    let limits = PushLimits { in_flight: 6, per_app: 4, ..PushLimits::default() };
    let store = Arc::clone(disk) as _;
    let (areas, metrics) = (AreaTable::default(), Metrics::new());
    let shared = Arc::new(Shared::new(store, clock.clone(), origin, areas, metrics, limits));
    let ledger = Ledger::open(Arc::clone(&shared), RULES, &mut |_| {}).unwrap();
    (shared, ledger)
}

impl World {
    /// A world in which an app of each mode and their numbers have been made.
    pub fn new(seed: u64, mirror: Option<EmbeddedStore>) -> Self {
        let (clock, hand) = Clock::manual(START);
        let disk = Arc::new(Disk::new(mirror));
        let (shared, ledger) = boot(&disk, &clock);
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            clock,
            hand,
            disk,
            shared,
            ledger,
            inbox: VecDeque::new(),
            waiting: VecDeque::new(),
            model: Model::default(),
            switch: Switch::default(),
            sms: Sms::default(),
            customers: Customers::default(),
            timetable: Timetable::default(),
            tick_sent: false,
            tags: 0,
        };
        for (no, mode, with_urls) in [(1, Mode::Axb, true), (2, Mode::Ax, true), (3, Mode::Axb, false)] {
            world.set(SettingChange::CreateApp(Box::new(app(no, mode, with_urls))));
            world.model.apps.insert(AppNo(no), (mode, false));
        }
        world.set(SettingChange::AddNumbers((1..=NUMBERS).map(number).collect()));
        world.write_all();
        world.found_axyb();
        world.found_axe();
        world.found_x_mode();
        world
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// One thing happens.
    pub fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..13 => self.ask_something(),
            13..18 => self.lend_something(),
            18..23 => self.extend_something(),
            23..32 => self.place_call(),
            32..42 => self.report(),
            42..47 => self.send_message(),
            47..70 => self.write_with_faults(),
            70..80 => self.push(),
            80..93 => self.let_time_pass(),
            93..95 => self.change_a_number(),
            95..96 => self.change_an_app(),
            96 => self.customers.flip(&mut self.rng),
            97 if self.chance(50) => self.customers.flip(&mut self.rng),
            97 => self.replay_something(),
            98 if self.chance(50) => self.crash(),
            98 => self.redeliver_something(),
            _ => self.start_over(),
        }
        self.keep_time();
    }

    /// Lets everything come to rest: receivers are up, nothing fails, and time passes until nothing is due.
    pub fn settle(&mut self) {
        self.disk.take_fault();
        self.customers.all_up();
        self.switch.send_everything();
        for round in 0.. {
            assert!(round < 2_000, "the world does not come to rest");
            while self.switch.has_reports() {
                self.report();
            }
            self.write_all();
            self.push_everything();
            self.write_all();
            self.resume_replays();
            self.check();
            let over = self.now() >= START.after(Duration::from_secs(86_400 * 40));
            if over && self.shared.dispatch().waiting() == 0 && self.open_replays().is_empty() {
                break;
            }
            // Ten minutes a time reach the end of every binding, silence and re-push.
            self.hand.advance(Duration::from_secs(if over || round < 100 { 600 } else { 86_400 }));
        }
        self.check_everything_has_ended();
    }

    /// Writes everything that waits.
    pub fn write_all(&mut self) {
        self.keep_time();
        while self.has_work() {
            self.write();
            self.keep_time();
        }
    }

    pub fn has_work(&self) -> bool {
        self.ledger.has_put_off() || !self.inbox.is_empty()
    }

    /// What the timekeeper's task does: a tick when one is due, and no other before it was heard.
    fn keep_time(&mut self) {
        let timetable = self.ledger.timetable();
        if timetable != self.timetable {
            self.timetable = timetable;
            self.tick_sent = false;
        }
        if !self.tick_sent && timetable.next_tick.is_some_and(|due| due <= self.now()) {
            // The real one sends a second when something was announced before it was heard.
            let ticks = if self.chance(10) { 2 } else { 1 };
            self.inbox.extend((0..ticks).map(|_| Job::Tick));
            self.tick_sent = true;
        }
    }

    pub fn advance(&mut self, step: Duration) {
        self.hand.advance(step);
    }

    /// Often to an instant at which something ends, or to just before it.
    fn let_time_pass(&mut self) {
        let now = self.now();
        let before = |instant: Duration| instant.saturating_sub(Duration::from_millis(1));
        let to_tick = self.timetable.next_tick.map_or(Duration::ZERO, |due| due.since(now));
        let to_end = self.model.next_end(now).map_or(Duration::ZERO, |end| end.since(now));
        let next_push = self.shared.dispatch().next_due();
        let to_push = next_push.map_or(Duration::ZERO, |due| due.since(now));
        let step = match self.rng.random_range(0..13) {
            0 => to_tick,
            1 => before(to_tick),
            10 => to_end,
            11 => before(to_end),
            12 => to_push,
            2..6 => Duration::from_millis(self.rng.random_range(1..2_000)),
            6..9 => Duration::from_secs(self.rng.random_range(1..90)),
            9 => Duration::from_secs(self.rng.random_range(60..7_200)),
            _ => unreachable!("the draw is below 13"),
        };
        self.hand.advance(step);
    }

    fn write_with_faults(&mut self) {
        let fault = match self.rng.random_range(0..100) {
            0..6 => Some(Fault::Unavailable),
            6..8 => Some(Fault::UnknownWritten),
            8..10 => Some(Fault::UnknownLost),
            _ => None,
        };
        if let Some(fault) = fault {
            self.disk.fail_next(fault);
        }
        self.write();
        self.disk.take_fault();
    }

    /// What the writer's thread does, once.
    pub fn write(&mut self) {
        self.model.batch += 1;
        let result = self.ledger.write_batch(&mut from_fn(|| self.inbox.pop_front()));
        if let Err(error) = result {
            assert!(matches!(error, privnum::store::StoreError::OutcomeUnknown(_)), "{error}");
            self.adopt();
            if self.chance(50) {
                self.crash();
            } else {
                self.start_over();
            }
        }
        self.hear_answers();
    }

    /// Everything in memory is gone; what is on the disk is loaded.
    fn crash(&mut self) {
        self.inbox.clear();
        (self.shared, self.ledger) = boot(&self.disk, &self.clock);
        (self.timetable, self.tick_sent) = (Timetable::default(), false);
        self.customers.crash();
        self.switch.crash();
        for waiting in std::mem::take(&mut self.waiting) {
            if let Waiting::Report(reported, _) = waiting {
                self.switch.not_taken(reported);
            }
        }
    }

    /// As the writer does when the outcome of a commit is unknown.
    pub fn start_over(&mut self) {
        self.ledger.refuse_waiting(&mut from_fn(|| self.inbox.pop_front()));
        if self.chance(30) {
            self.disk.fail_next_load();
        }
        while self.ledger.start_over().is_err() {}
        self.hear_answers();
    }

    fn hear_answers(&mut self) {
        let now = self.now();
        for waiting in std::mem::take(&mut self.waiting) {
            let (mut waiting, heard) = match waiting {
                Waiting::Message(awaited) => match self.hear_of_message(awaited) {
                    Ok(()) => continue,
                    Err((awaited, error)) => (Waiting::Message(awaited), Some(error)),
                },
                waiting => (waiting, None),
            };
            let unanswered = match &mut waiting {
                Waiting::Message(_) => heard.expect("was just looked at"),
                Waiting::Command(asked, answer) => match answer.try_recv() {
                    Ok(Ok(result)) if is_known_by_disk(self.model.apps[&asked.app].0) => {
                        self.check_lent(asked, &result);
                        continue;
                    }
                    Ok(Ok(result)) => {
                        self.model.answered(asked, &result, now);
                        continue;
                    }
                    Ok(Err(_)) => continue,
                    Err(error) => error,
                },
                Waiting::Lending(id, answer) => match answer.try_recv() {
                    Ok(result) => {
                        let id = id.clone();
                        self.hear_of_y(&id, &result);
                        continue;
                    }
                    Err(error) => error,
                },
                Waiting::Report(reported, answer) => match answer.try_recv() {
                    Ok(Ok(count)) => {
                        let reported = std::mem::take(reported);
                        assert_eq!(count.accepted + count.duplicates + count.parked, reported.len());
                        self.switch.taken(reported, now);
                        continue;
                    }
                    Ok(Err(_)) => {
                        self.switch.not_taken(std::mem::take(reported));
                        continue;
                    }
                    Err(error) => error,
                },
                Waiting::Setting(answer) => match answer.try_recv() {
                    Ok(Ok(Ok(faults))) => {
                        assert_eq!(faults, []);
                        self.take_over_settings();
                        continue;
                    }
                    Ok(_) => continue,
                    Err(error) => error,
                },
                Waiting::App(answer) => match answer.try_recv() {
                    Ok(_) => {
                        self.take_over_settings();
                        continue;
                    }
                    Err(error) => error,
                },
                Waiting::Redelivery(answer) => match answer.try_recv() {
                    Ok(known) => {
                        assert_ne!(known, Ok(false), "a delivery is not found");
                        continue;
                    }
                    Err(error) => error,
                },
                Waiting::Replay(answer) => match answer.try_recv() {
                    Ok(_) => continue,
                    Err(error) => error,
                },
            };
            assert_eq!(
                unanswered,
                oneshot::error::TryRecvError::Empty,
                "a job was dropped without an answer"
            );
            self.waiting.push_back(waiting);
        }
    }

    /// The outcome of the last batch is unknown to everybody, but the observer looks at the disk.
    fn adopt(&mut self) {
        let now = self.now();
        let writes = std::mem::take(&mut self.disk.tables().last_batch);
        let asked: Vec<_> = self.waiting.iter().filter_map(Waiting::command).cloned().collect();
        for write in &writes {
            let Write::Binding(change) = write else { continue };
            if is_known_by_disk(change.binding().mode()) {
                continue; // Of these the disk is all that the observer knows.
            }
            match change {
                Change::Bound(binding) | Change::Modified(binding) => {
                    let command =
                        asked.iter().find(|asked| tag_of(asked).is_some_and(|tag| stands_in(binding, tag)));
                    let command = command.expect("what is on the disk was asked for");
                    self.model.answered(command, &Ok(Done::Stands(binding.clone())), now);
                }
                Change::Unbound { binding, cause, .. } => {
                    self.model.ended_unseen(binding, *cause, &asked, now);
                }
                // The modification follows.
                Change::PartyLeft { .. } => {}
            }
        }
        self.take_over_settings();
    }

    /// The observer's numbers and apps are those on the disk: settings are not what is tested here.
    fn take_over_settings(&mut self) {
        let tables = self.disk.tables();
        tables.numbers.values().for_each(|(record, _)| self.model.number_is(record));
        for app in tables.apps.values() {
            self.model.apps.insert(app.no, (app.mode, app.suspended));
        }
    }

    pub fn set(&mut self, change: SettingChange) {
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::Setting(Box::new(Setting { who: "simulation", change }), answer));
        self.waiting.push_back(Waiting::Setting(answered));
    }

    /// Changes an app.
    pub fn change_app(&mut self, app: AppNo, change: AppChange) {
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::ChangeApp(app, Box::new(change), "simulation", answer));
        self.waiting.push_back(Waiting::App(answered));
    }

    /// Asks for one more push of a delivery.
    pub fn redeliver(&mut self, delivery: RowKey) {
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::Redeliver(delivery, "simulation", answer));
        self.waiting.push_back(Waiting::Redelivery(answered));
    }

    /// Makes a replay or steers one.
    pub fn replay(&mut self, order: ReplayOrder) {
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::Replay(order, "simulation", answer));
        self.waiting.push_back(Waiting::Replay(answered));
    }

    /// Somebody waits for an answer.
    pub fn wait_for(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Hands a command to the gateway.
    pub fn ask(&mut self, asked: AppCommand) {
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::Command(asked.clone(), None, answer));
        self.waiting.push_back(Waiting::Command(asked, answered));
    }

    /// Hands reports to the gateway, which will answer for all of them at once.
    pub fn hand_in(&mut self, reported: Reported) {
        let (answer, answered) = oneshot::channel();
        let reports = reported.iter().cloned().map(|(id, event)| (id, Arc::new(event))).collect();
        self.inbox.push_back(Job::Report(reports, None, answer));
        self.waiting.push_back(Waiting::Report(reported, answered));
    }
}

impl Waiting {
    const fn command(&self) -> Option<&AppCommand> {
        match self {
            Self::Command(asked, _) => Some(asked),
            _ => None,
        }
    }
}
