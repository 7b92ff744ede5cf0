//! The only thread that changes anything: it takes what is waiting as one batch, decides, commits, lets memory
//! absorb it, and answers.
//!
//! One batch shares one flush of the disk, so hundreds of binds cost about as much as one. Nobody lingers to
//! let a batch fill: while one is being flushed, the next gathers by itself. Readers never wait for this
//! thread; those who ask for a change wait for its answer.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use super::Shared;
use super::draft::{Draft, Effect};
use super::job::{Job, NumberFault, ReportCount, SettingFault, Unserved};
use super::reports::Reports;
use crate::clock::Stopwatch;
use crate::domain::binding::Change;
use crate::domain::command::Done;
use crate::domain::customer::CustomerApp;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::registry::Staging;
use crate::registry::staging::Decided;
use crate::store::{StoreError, Write};

/// Most jobs in one batch. More would only lengthen the wait of the first.
const BATCH_MAX: usize = 1_024;

/// The writer.
#[derive(Debug)]
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) staging: Staging,
    pub(super) reports: Reports,
    inbox: mpsc::Receiver<Job>,
    /// Jobs put back: they come before what is in the inbox.
    carry: VecDeque<Job>,
    /// So many jobs are to be committed one by one, because their batch failed as a whole.
    singly: usize,
    /// Told when the next tick is due.
    next_tick: watch::Sender<Option<Timestamp>>,
}

/// What a job comes to, to be answered once it is durable.
pub(super) enum Outcome {
    Command(Result<Done, Refusal>),
    Reported(ReportCount),
    Setting(Result<Vec<NumberFault>, SettingFault>),
    ChangedApp(Arc<CustomerApp>),
    Redelivered(Result<bool, Unserved>),
    Done,
}

/// Why the writer stopped.
#[derive(Debug, thiserror::Error)]
pub enum WriterStopped {
    /// Nobody can ask any more: the gateway stops.
    #[error("the gateway stops")]
    Inbox,
    /// Nobody knows whether the last batch is durable: everything has to be loaded again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        staging: Staging,
        reports: Reports,
        inbox: mpsc::Receiver<Job>,
        next_tick: watch::Sender<Option<Timestamp>>,
    ) -> Self {
        Self { shared, staging, reports, inbox, carry: VecDeque::new(), singly: 0, next_tick }
    }

    /// Works until nobody can ask any more, or the store leaves no other way than to load again.
    pub fn run(&mut self) -> WriterStopped {
        loop {
            self.announce_next_tick();
            let Some(first) = self.carry.pop_front().or_else(|| self.inbox.blocking_recv()) else {
                return WriterStopped::Inbox;
            };
            if let Err(error) = self.one_batch(first) {
                return WriterStopped::Store(error);
            }
        }
    }

    /// Refuses everything that waits: the gateway is about to load again.
    pub fn refuse_waiting(&mut self) {
        while let Some(job) = self.carry.pop_front().or_else(|| self.inbox.try_recv().ok()) {
            refuse(job, Unserved::NotServing);
        }
    }

    /// The inbox, for the writer that comes after this one.
    pub(super) fn into_inbox(self) -> (mpsc::Receiver<Job>, watch::Sender<Option<Timestamp>>) {
        (self.inbox, self.next_tick)
    }

    fn one_batch(&mut self, first: Job) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let (jobs, outcomes, draft) = self.gather(first, now);
        // Ordering: store first, memory second, answer third. A reply we sent is never lost by a restart.
        match self.commit(&draft, jobs.len()) {
            Ok(()) => {
                self.absorb(draft, now);
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    answer(job, outcome);
                }
                Ok(())
            }
            Err(StoreError::Unavailable(reason)) => {
                warn!(jobs = jobs.len(), "a batch was not written: {reason}");
                self.take_back(jobs, &draft, now);
                Ok(())
            }
            Err(fatal) => {
                error!("{fatal}");
                for job in jobs {
                    refuse(job, Unserved::StoreUnavailable);
                }
                Err(fatal)
            }
        }
    }

    /// Takes what waits, deciding each job against what stood before the batch. Ends at the first job that
    /// touches what the batch touches already.
    fn gather(&mut self, first: Job, now: Timestamp) -> (Vec<Job>, Vec<Outcome>, Draft) {
        let at_most = if self.singly > 0 { 1 } else { BATCH_MAX };
        self.singly = self.singly.saturating_sub(1);
        let (mut jobs, mut outcomes, mut draft) = (Vec::new(), Vec::new(), Draft::default());
        self.staging.begin(now);
        let mut next = Some(first);
        while let Some(job) = next {
            // Settings change what commands are decided against, so they have a batch of their own.
            let alone = matches!(job, Job::Setting(..) | Job::ChangeApp(..));
            if alone && !jobs.is_empty() {
                self.carry.push_front(job);
                break;
            }
            let Some(outcome) = self.stage(&job, &mut draft, now) else {
                self.carry.push_front(job);
                break;
            };
            jobs.push(job);
            outcomes.push(outcome);
            if alone || jobs.len() >= at_most {
                break;
            }
            next = self.carry.pop_front().or_else(|| self.inbox.try_recv().ok());
        }
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
                        draft.change(changes);
                        Outcome::Command(Ok(done))
                    }
                }
            }
            Job::Report(reports, _) => Outcome::Reported(self.stage_reports(reports, draft, now)),
            Job::Recording(call, recording, _) => {
                Outcome::Reported(self.stage_recording(call, recording, draft))
            }
            Job::Setting(setting, _) => Outcome::Setting(self.stage_setting(setting, draft, now)),
            Job::ChangeApp(no, change, who, _) => {
                Outcome::ChangedApp(self.stage_app_change(*no, change, who, draft, now))
            }
            Job::Settle(delivery, attempt) => {
                draft.write(Write::Attempt { delivery: *delivery, attempt: attempt.clone() });
                draft.effects.push(Effect::PushEnded(*delivery));
                Outcome::Done
            }
            Job::Redeliver(id, who, _) => Outcome::Redelivered(self.stage_redelivery(*id, who, draft, now)?),
            Job::Tick => {
                draft.change(self.staging.expire(&self.shared.registry, now));
                self.stage_closings(draft, now);
                Outcome::Done
            }
            Job::Flush(_) => Outcome::Done,
        })
    }

    fn commit(&self, draft: &Draft, jobs: usize) -> Result<(), StoreError> {
        if draft.batch.writes.is_empty() {
            return Ok(());
        }
        let stopwatch = Stopwatch::start();
        let committed = self.shared.store.commit(&draft.batch);
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
            shared.registry.calls.put(Arc::new(call));
        }
        let mut wake_deliverer = false;
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
                Effect::RemoveNumber(app, x) => {
                    self.staging.remove_number(app, x);
                    shared.registry.directory.remove_number(x);
                }
                Effect::MoveNumber(from, record) => {
                    self.staging.remove_number(from, record.x);
                    self.staging.put_number(&record);
                    shared.registry.directory.put_number(record, None);
                }
                Effect::Called(binding, caller) => shared.registry.directory.note_caller(binding, caller),
                Effect::NumberCalled(x, at) => shared.registry.directory.note_call(x, at),
                Effect::CallEnded(call, app, at) => self.reports.closings.note(call, app, at),
                Effect::Enqueue(delivery) => {
                    shared.dispatch().enqueue(delivery, now);
                    wake_deliverer = true;
                }
                Effect::PushEnded(delivery) => {
                    shared.dispatch().ended(delivery, delivery.state.is_pending(), now);
                    wake_deliverer = true;
                }
            }
        }
        if wake_deliverer {
            shared.deliver_now.notify_one();
        }
        shared.note_quarantine(&mut self.staging);
    }

    /// Nothing of the batch was written. One bad row must not fail its neighbours: try each job alone; a job
    /// that is alone already is refused, or kept if nobody waits for it.
    fn take_back(&mut self, jobs: Vec<Job>, draft: &Draft, now: Timestamp) {
        self.staging.note_again(draft.expired());
        self.reports.take_back(now);
        if jobs.len() > 1 {
            self.singly = jobs.len();
            for job in jobs.into_iter().rev() {
                self.carry.push_front(job);
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

    fn announce_next_tick(&self) {
        let due = [self.staging.next_expiry(), self.reports.next_due()].into_iter().flatten().min();
        self.next_tick.send_if_modified(|next| std::mem::replace(next, due) != due);
    }
}

/// Answers a job whose outcome is durable. Whoever asked may have hung up; that is no fault.
fn answer(job: Job, outcome: Outcome) {
    match (job, outcome) {
        (Job::Command(_, _, to), Outcome::Command(result)) => drop(to.send(Ok(result))),
        (Job::Report(_, to), Outcome::Reported(count)) => drop(to.send(Ok(count))),
        (Job::Recording(_, _, to), Outcome::Reported(count)) => drop(to.send(Ok(count))),
        (Job::Setting(_, to), Outcome::Setting(result)) => drop(to.send(Ok(result))),
        (Job::ChangeApp(_, _, _, to), Outcome::ChangedApp(app)) => drop(to.send(Ok(app))),
        (Job::Redeliver(_, _, to), Outcome::Redelivered(result)) => drop(to.send(result)),
        (Job::Flush(to), Outcome::Done) => drop(to.send(Ok(()))),
        (Job::Settle(..) | Job::Tick, Outcome::Done) => {}
        _ => unreachable!("a job and its outcome are of one kind"),
    }
}

fn refuse(job: Job, why: Unserved) {
    match job {
        Job::Command(_, _, to) => drop(to.send(Err(why))),
        Job::ChangeApp(_, _, _, to) => drop(to.send(Err(why))),
        Job::Report(_, to) => drop(to.send(Err(why))),
        Job::Recording(_, _, to) => drop(to.send(Err(why))),
        Job::Setting(_, to) => drop(to.send(Err(why))),
        Job::Redeliver(_, _, to) => drop(to.send(Err(why))),
        Job::Flush(to) => drop(to.send(Err(why))),
        Job::Settle(..) | Job::Tick => {}
    }
}
