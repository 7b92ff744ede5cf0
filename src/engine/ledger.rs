//! The ledger: takes jobs as one batch, decides them, makes the outcome durable, lets memory absorb it, and
//! answers. It has no thread, no channel and no clock of its own that runs: the writer drives it in production,
//! the simulation in tests, and both go through the same lines.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::Shared;
use super::draft::{Draft, Effect};
use super::job::{
    Job, NumberFault, RecordingFate, ReplayRefusal, ReportCount, ResultFate, SettingFault, Unserved, Who,
};
use super::load::{LoadedRest, Progress, load};
use super::reports::{Reports, RetentionDays};
use crate::clock::{JumpWatch, Stopwatch};
use crate::domain::axyb::YbBind;
use crate::domain::binding::Change;
use crate::domain::cdr::Patience;
use crate::domain::command::{AppCommand, Command, Done};
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::{Delivery, State};
use crate::domain::dispatch::Endpoint;
use crate::domain::operation::{Actor, BindingOperation};
use crate::domain::refusal::Refusal;
use crate::domain::replay::{OpenReplays, Replay};
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;
use crate::logging::Seldom;
use crate::registry::Staging;
use crate::registry::staging::Decided;
use crate::store::{StoreError, Write};

/// Most jobs in one batch. More would only lengthen the wait of the first.
const BATCH_MAX: usize = 1_024;
/// When the store did not take a batch, timers wait this long before they try again.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What a ledger is kept by.
#[derive(Clone, Copy, Debug)]
pub struct LedgerRules {
    /// How long ended bindings bar strangers from the same X.
    pub quarantine: Duration,
    /// How long ended calls are remembered for repeated events.
    pub keep_ended: Duration,
    /// How long calls that end together are gathered into one CDR push.
    pub cdr_window: Duration,
    /// When silent calls are closed.
    pub patience: Patience,
    /// How long rows are kept.
    pub retention: RetentionDays,
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) shared: Arc<Shared>,
    pub(super) staging: Staging,
    pub(super) reports: Reports,
    pub(super) replays: OpenReplays,
    pub(super) rules: LedgerRules,
    /// Jobs put off: they come before new ones.
    put_off: VecDeque<Job>,
    /// So many jobs are to be committed one by one, because their batch failed as a whole.
    singly: usize,
    /// Timers wait until then, because the store did not take the last batch.
    paused_until: Option<Timestamp>,
    /// How many ticks were heard.
    ticks: u64,
    /// For everything here that waits.
    jumps: JumpWatch,
    /// Why batches were not written.
    complaints: Seldom,
}

/// What the timekeeper has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timetable {
    /// When the next tick is due.
    pub next_tick: Option<Timestamp>,
    /// How many ticks were heard. A tick that leaves more to do at the same instant changes nothing else here,
    /// and the timekeeper must not wait for a change that never comes.
    pub ticks: u64,
}

/// What a job comes to, to be answered once it is durable.
enum Outcome {
    Command(Result<Done, Refusal>),
    Reported(ReportCount),
    Message(Arc<Message>),
    MessageSent(ResultFate),
    Recording(RecordingFate),
    Setting(Result<Vec<NumberFault>, SettingFault>),
    ChangedApp(Arc<CustomerApp>),
    Redelivered(Result<bool, Unserved>),
    Replay(Result<Replay, ReplayRefusal>),
    Done,
}

impl Ledger {
    /// Reads everything that is durable into the empty memory of `shared`.
    pub fn open(shared: Arc<Shared>, rules: LedgerRules, progress: Progress<'_>) -> Result<Self, StoreError> {
        let jumps = shared.clock.watch_for_jumps();
        let (staging, reports, replays) = read(&shared, rules, progress)?;
        let (put_off, singly, paused_until, ticks) = (VecDeque::new(), 0, None, 0);
        Ok(Self {
            shared,
            staging,
            reports,
            replays,
            rules,
            put_off,
            singly,
            paused_until,
            ticks,
            jumps,
            complaints: Seldom::default(),
        })
    }

    /// Empties memory and reads everything again, because nobody knows what the store has of the last batch.
    /// When that fails, memory is not fit to be served from; it may be tried again.
    pub fn start_over(&mut self) -> Result<(), StoreError> {
        self.shared.clear();
        (self.staging, self.reports, self.replays) = read(&self.shared, self.rules, &mut |_| {})?;
        (self.singly, self.paused_until) = (0, None);
        // Ticks may have been refused meanwhile: let the timekeeper look again.
        self.ticks += 1;
        Ok(())
    }

    /// Whether jobs were put off, so that there is something to write before new ones come.
    pub fn has_put_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// Refuses what was put off and what waits: the gateway is about to load again.
    pub fn refuse_waiting(&mut self, waiting: &mut dyn Iterator<Item = Job>) {
        for job in self.put_off.drain(..).chain(waiting) {
            refuse(job, Unserved::NotServing);
        }
    }

    /// When a tick is due, and how many were heard.
    pub fn timetable(&self) -> Timetable {
        let dues = [self.staging.next_expiry(), Some(self.reports.next_due()), self.replays.next_due()];
        let due = dues.into_iter().flatten().min();
        Timetable {
            next_tick: due.map(|due| self.paused_until.map_or(due, |at| due.max(at))),
            ticks: self.ticks,
        }
    }

    /// Writes one batch of what was put off and what `waiting` gives; answers each of its jobs. An error means
    /// that memory cannot be relied on any more: see [`Ledger::start_over`].
    pub fn write_batch(&mut self, waiting: &mut dyn Iterator<Item = Job>) -> Result<(), StoreError> {
        let now = self.look_at_the_clock();
        let (jobs, outcomes, draft) = self.gather(waiting, now);
        // Ordering: store first, memory second, answer third. A reply we sent is never lost by a restart.
        match self.commit(&draft, jobs.len()) {
            Ok(()) => {
                self.paused_until = None;
                self.absorb(draft, now);
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    answer(job, outcome);
                }
                Ok(())
            }
            Err(StoreError::Unavailable(reason)) => {
                if let Some(count) = self.complaints.may_say(&reason) {
                    warn!(jobs = jobs.len(), count, "a batch was not written: {reason}");
                }
                self.take_back(jobs, &draft, now);
                Ok(())
            }
            Err(fatal) => {
                error!("not serving until everything is loaded again: {fatal}");
                // Before anybody is told, so that nobody is served from memory that may be wrong.
                self.shared.set_serving(false);
                for job in jobs {
                    refuse(job, Unserved::StoreUnavailable);
                }
                Err(fatal)
            }
        }
    }

    /// What time it is. When the clock was set, everything that waits here keeps the time it has left to wait: a
    /// jump must neither fire it nor freeze it (delivery R15). Only bindings expire by the clock as it is now.
    fn look_at_the_clock(&mut self) -> Timestamp {
        loop {
            let now = self.shared.clock.now();
            // Asked after the time was read, so that what waits is never compared with a time it does not know.
            let Some(by_ms) = self.jumps.jumped() else { return now };
            info!(
                by_ms,
                "the clock was set; calls, messages, CDRs, quarantines and replays keep their time left to wait"
            );
            self.reports.clock_was_set(by_ms);
            self.replays.clock_was_set(by_ms);
            self.shared.note_replays(self.replays.figures());
            self.staging.clock_was_set(by_ms);
            self.shared.registry.calls.clock_was_set(by_ms, now);
            self.shared.registry.messages.clock_was_set(by_ms);
            self.paused_until = self.paused_until.map(|until| until.moved(by_ms));
        }
    }

    /// Takes what waits, deciding each job against what stood before the batch. Ends at the first job that
    /// touches what the batch touches already.
    fn gather(
        &mut self,
        waiting: &mut dyn Iterator<Item = Job>,
        now: Timestamp,
    ) -> (Vec<Job>, Vec<Outcome>, Draft) {
        let at_most = if self.singly > 0 { 1 } else { BATCH_MAX };
        self.singly = self.singly.saturating_sub(1);
        let (mut jobs, mut outcomes, mut draft) = (Vec::new(), Vec::new(), Draft::default());
        self.staging.begin(now);
        self.reports.begin();
        while let Some(job) = self.put_off.pop_front().or_else(|| waiting.next()) {
            // Settings change what commands are decided against, so they have a batch of their own.
            let alone = matches!(job, Job::Setting(..) | Job::ChangeApp(..));
            if alone && !jobs.is_empty() {
                self.put_off.push_front(job);
                break;
            }
            let Some(outcome) = self.stage(&job, &mut draft, now) else {
                self.put_off.push_front(job);
                break;
            };
            jobs.push(job);
            outcomes.push(outcome);
            if alone || jobs.len() >= at_most {
                break;
            }
        }
        draft.write_calls();
        draft.write_replays();
        (jobs, outcomes, draft)
    }

    /// Decides one job. `None` = in the next batch.
    fn stage(&mut self, job: &Job, draft: &mut Draft, now: Timestamp) -> Option<Outcome> {
        Some(match job {
            Job::Command(command, on_behalf, _) => {
                match self.staging.decide(&self.shared.registry, command, now) {
                    Decided::NextBatch => return None,
                    Decided::Refused(refusal) => Outcome::Command(Err(refusal)),
                    Decided::Changes(changes, done) => {
                        if let Some(who) = on_behalf {
                            self.audit_bindings(who, &changes, draft, now);
                        }
                        let asker = asker(command, *on_behalf);
                        self.change(changes, asker, draft, now);
                        Outcome::Command(Ok(done))
                    }
                }
            }
            Job::ChangeApp(no, change, who, _) => {
                Outcome::ChangedApp(self.stage_app_change(*no, change, who, draft, now))
            }
            Job::Report(reports, ..) => Outcome::Reported(self.stage_reports(reports, draft, now)),
            Job::Message(message, _) => Outcome::Message(self.stage_message(message, draft, now)),
            Job::MessageSent(sending, _) => Outcome::MessageSent(self.stage_sending(sending, draft, now)),
            Job::Recording(step, _) => Outcome::Recording(self.stage_recording(step, draft, now)),
            Job::Setting(setting, _) => Outcome::Setting(self.stage_setting(setting, draft, now)),
            Job::Settle(delivery, _) if !self.counts(delivery, draft) => Outcome::Done,
            Job::Settle(delivery, attempt) => {
                draft.settled.insert(delivery.id);
                draft.write(Write::Attempt { delivery: *delivery, attempt: Arc::clone(attempt) });
                draft.effects.push(Effect::PushEnded(*delivery));
                self.note_replayed(delivery.id, draft, now);
                Outcome::Done
            }
            Job::Redeliver(id, who, _) => Outcome::Redelivered(self.stage_redelivery(*id, who, draft, now)?),
            Job::Replay(order, who, _) => Outcome::Replay(self.stage_replay(order, who, draft, now)),
            Job::Tick => {
                self.ticks += 1;
                let expired = self.staging.expire(&self.shared.registry, now);
                self.change(expired, Actor::System, draft, now);
                self.stage_closings(draft, now);
                self.stage_replays(draft, now);
                Outcome::Done
            }
            Job::Flush(_) => Outcome::Done,
        })
    }

    /// Whether a push still counts. When memory was loaded again while it was under way, its delivery waits anew
    /// and may even have been pushed once more: then this push is not on record, so it has not happened.
    fn counts(&self, after: &Delivery, draft: &Draft) -> bool {
        let before = self.shared.dispatch().pushing(after.id);
        let follows = |before: Delivery| before.pushes.saturating_add(1) == after.pushes;
        before.is_some_and(follows) && !draft.settled.contains(&after.id)
    }

    /// Adds changes of bindings that `asker` asked for, each with its line in the log of operations; that a party
    /// left a binding is part of its modification.
    pub(super) fn change(&mut self, changes: Vec<Change>, asker: Actor, draft: &mut Draft, now: Timestamp) {
        for change in changes.iter().filter(|change| !matches!(change, Change::PartyLeft { .. })) {
            let key = self.staging.next_key(now);
            draft.write(Write::Operation(BindingOperation::of(change, asker, key)));
        }
        draft.change(changes);
    }

    fn commit(&self, draft: &Draft, jobs: usize) -> Result<(), StoreError> {
        if draft.batch.writes.is_empty() {
            return Ok(());
        }
        let stopwatch = Stopwatch::start();
        self.shared.note_commit(Some(self.shared.clock.now()));
        let committed = self.shared.store.commit(&draft.batch);
        self.shared.note_commit(None);
        let metrics = &self.shared.metrics;
        metrics.commit_seconds.observe(stopwatch.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "at most 1,024")]
        metrics.commit_jobs.observe(jobs as f64);
        if committed.is_ok() {
            self.shared.store_works();
        } else {
            metrics.store_errors.inc();
            self.shared.store_fails();
        }
        committed
    }

    /// What is durable becomes visible.
    fn absorb(&mut self, draft: Draft, now: Timestamp) {
        let shared = Arc::clone(&self.shared);
        for call in draft.calls.into_values() {
            shared.registry.calls.put(call);
        }
        for message in draft.messages.into_values() {
            shared.put_message(message, now);
        }
        if !draft.replays.is_empty() {
            for replay in draft.replays.into_values() {
                shared.metrics.replayed.inc_by(self.replays.put(replay, now).into());
            }
            shared.note_replays(self.replays.figures());
        }
        // What the scheduler is told at once, in order: of each whether a push of it ended, or it is to be queued.
        let mut scheduled = Vec::new();
        for effect in draft.effects {
            match effect {
                Effect::Absorb(change) => {
                    self.staging.absorb(&shared.registry, &change);
                    if let Change::Unbound { cause, .. } = &change {
                        shared.metrics.unbinds.with_label_values(&[cause.as_str()]).inc();
                    }
                }
                Effect::PutApp(app) => shared.put_app(app),
                Effect::PutNumber(record) => {
                    self.staging.put_number(&record);
                    shared.registry.directory.put_number(record, None);
                }
                Effect::MoveNumber(from, record) => {
                    self.staging.remove_number(from, record.x);
                    self.staging.put_number(&record);
                    shared.registry.directory.put_number(record, None);
                }
                Effect::RemoveNumber(app, x) => {
                    self.staging.remove_number(app, x);
                    shared.registry.directory.remove_number(x);
                }
                Effect::Called(binding, caller) => shared.registry.directory.note_caller(binding, caller),
                Effect::PutTone(tone) => shared.registry.tones.put(tone),
                Effect::RemoveTone(app, name) => shared.registry.tones.remove(app, &name),
                Effect::Reported(fate) => shared.metrics.events.with_label_values(&[fate]).inc(),
                Effect::CdrMade { swept } => {
                    shared.metrics.cdrs.with_label_values(&[if swept { "swept" } else { "reported" }]).inc();
                }
                Effect::NumberCalled(x, at) => shared.registry.directory.note_call(x, at),
                Effect::CallEnded(call, app, at) => self.reports.closings.note(call, app, at),
                Effect::Enqueue(delivery) => scheduled.push((delivery, false)),
                Effect::PushEnded(delivery) => {
                    if delivery.state == State::Exhausted {
                        shared.metrics.exhausted.inc();
                        let app = shared.registry.customers.by_no(delivery.app);
                        info!(delivery = delivery.id.get(), app = %app.key, "the last push failed; the delivery is exhausted");
                    }
                    self.replays.push_ended(Endpoint { app: delivery.app, kind: delivery.kind });
                    scheduled.push((delivery, true));
                }
            }
        }
        if !scheduled.is_empty() {
            // Before anybody can ask for them.
            shared.bodies.keep(draft.bodies);
            let mut dispatch = shared.dispatch();
            for (delivery, push_ended) in scheduled {
                if push_ended {
                    dispatch.ended(delivery, delivery.state.is_pending(), now);
                } else {
                    dispatch.enqueue(delivery, now);
                }
            }
            drop(dispatch);
            shared.deliver_now.notify_one();
        }
        shared.note_quarantine(&mut self.staging);
    }

    /// Nothing of the batch was written. One bad row must not fail its neighbours: try each job alone; a job
    /// that is alone already is refused, or kept if nobody waits for it.
    fn take_back(&mut self, jobs: Vec<Job>, draft: &Draft, now: Timestamp) {
        self.paused_until = Some(now.after(STORE_PAUSE));
        self.staging.note_again(draft.expired());
        self.reports.take_back(now);
        for delivery in &draft.withdrawn {
            self.shared.dispatch().enqueue(*delivery, now);
            self.shared.deliver_now.notify_one();
        }
        if jobs.len() > 1 {
            self.singly = jobs.len();
            for job in jobs.into_iter().rev() {
                self.put_off.push_front(job);
            }
            return;
        }
        for job in jobs {
            if let Job::Settle(delivery, _) = &job {
                // The push is not on record, so it has not happened: it will be made again.
                self.shared.dispatch().put_back(delivery.id, now);
                self.shared.deliver_now.notify_one();
            }
            refuse(job, Unserved::StoreUnavailable);
        }
    }
}

fn read(
    shared: &Shared,
    rules: LedgerRules,
    progress: Progress<'_>,
) -> Result<(Staging, Reports, OpenReplays), StoreError> {
    let now = shared.clock.now();
    let LoadedRest { staging, ended_calls, replays } = load(shared, rules, now, progress)?;
    let mut reports = Reports::new(rules, now);
    shared.note_replays(replays.figures());
    for call in ended_calls {
        reports.closings.note(call.id.clone(), call.app(), now);
    }
    Ok((staging, reports, replays))
}

/// Whose doing a command is. A Y that a call needs is nobody's.
const fn asker(command: &AppCommand, on_behalf: Option<Who>) -> Actor {
    match (&command.command, on_behalf) {
        (Command::BindYb(_, _, YbBind { on_call: true, .. }), _) => Actor::System,
        (_, Some(_)) => Actor::Operator,
        (_, None) => Actor::Customer,
    }
}

/// Answers a job whose outcome is durable. Whoever asked may have hung up; that is no fault.
fn answer(job: Job, outcome: Outcome) {
    match (job, outcome) {
        (Job::Command(_, _, to), Outcome::Command(result)) => drop(to.send(Ok(result))),
        (Job::Report(_, _, to), Outcome::Reported(count)) => drop(to.send(Ok(count))),
        (Job::Message(_, to), Outcome::Message(message)) => drop(to.send(Ok(message))),
        (Job::MessageSent(_, to), Outcome::MessageSent(fate)) => drop(to.send(Ok(fate))),
        (Job::Recording(_, to), Outcome::Recording(fate)) => drop(to.send(Ok(fate))),
        (Job::Setting(_, to), Outcome::Setting(result)) => drop(to.send(Ok(result))),
        (Job::ChangeApp(_, _, _, to), Outcome::ChangedApp(app)) => drop(to.send(Ok(app))),
        (Job::Redeliver(_, _, to), Outcome::Redelivered(result)) => drop(to.send(result)),
        (Job::Replay(_, _, to), Outcome::Replay(result)) => drop(to.send(Ok(result))),
        (Job::Flush(to), Outcome::Done) => drop(to.send(Ok(()))),
        (Job::Settle(..) | Job::Tick, Outcome::Done) => {}
        _ => unreachable!("a job and its outcome are of one kind"),
    }
}

fn refuse(job: Job, why: Unserved) {
    match job {
        Job::Command(_, _, to) => drop(to.send(Err(why))),
        Job::ChangeApp(_, _, _, to) => drop(to.send(Err(why))),
        Job::Report(_, _, to) => drop(to.send(Err(why))),
        Job::Message(_, to) => drop(to.send(Err(why))),
        Job::MessageSent(_, to) => drop(to.send(Err(why))),
        Job::Recording(_, to) => drop(to.send(Err(why))),
        Job::Setting(_, to) => drop(to.send(Err(why))),
        Job::Redeliver(_, _, to) => drop(to.send(Err(why))),
        Job::Replay(_, _, to) => drop(to.send(Err(why))),
        Job::Flush(to) => drop(to.send(Err(why))),
        Job::Settle(..) | Job::Tick => {}
    }
}
