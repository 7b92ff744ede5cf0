//! The only thread that changes anything: it hands what is waiting to the ledger, batch after batch.
//!
//! One batch shares one flush of the disk, so hundreds of binds cost about as much as one. Nobody lingers to
//! let a batch fill: while one is being flushed, the next gathers by itself. Readers never wait for this
//! thread; those who ask for a change wait for its answer.

use std::iter::from_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use super::Shared;
use super::job::Job;
use super::ledger::{Ledger, Timetable};

/// Between attempts to load again after the outcome of a commit was unknown.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// The writer.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) ledger: Ledger,
    pub(super) inbox: mpsc::Receiver<Job>,
    /// For the timekeeper.
    pub(super) timetable: watch::Sender<Timetable>,
}

impl Writer {
    /// Works until nobody can ask any more.
    pub(super) fn run(mut self) {
        loop {
            let timetable = self.ledger.timetable();
            self.timetable.send_if_modified(|known| std::mem::replace(known, timetable) != timetable);
            let first = if self.ledger.has_put_off() { None } else { self.inbox.blocking_recv() };
            if first.is_none() && !self.ledger.has_put_off() {
                return;
            }
            let waiting = from_fn(|| self.inbox.try_recv().ok());
            if self.ledger.write_batch(&mut first.into_iter().chain(waiting)).is_err() {
                self.start_over();
            }
        }
    }

    fn start_over(&mut self) {
        self.ledger.refuse_waiting(&mut from_fn(|| self.inbox.try_recv().ok()));
        while let Err(error) = self.ledger.start_over() {
            error!("loading again failed, next try in {RELOAD_PAUSE:?}: {error}");
            // Nothing else is left to do on this thread.
            std::thread::park_timeout(RELOAD_PAUSE);
        }
        self.shared.set_serving(true);
        self.shared.deliver_now.notify_one();
        info!("everything is loaded again");
    }
}
