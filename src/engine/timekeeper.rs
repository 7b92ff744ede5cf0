//! Wakes the writer when something is due: bindings to expire, calls to close. It knows no rules; the writer
//! announces the next instant, and looks for itself what is due when it is woken. It is also woken when the clock
//! was set, so that it moves everything that waits before anything is due too early or too late.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::Shared;
use super::job::Job;
use super::ledger::Timetable;

/// Runs until the writer is gone.
pub async fn run(
    shared: Arc<Shared>,
    writer: mpsc::WeakSender<Job>,
    mut timetable: watch::Receiver<Timetable>,
) {
    loop {
        let jumps = shared.clock.watch_for_jumps();
        let due = timetable.borrow_and_update().next_tick;
        let is_due = async {
            match due {
                Some(due) => jumps.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = timetable.changed() => if changed.is_err() { return },
            () = is_due => {
                let Some(writer) = writer.upgrade() else { return };
                if writer.send(Job::Tick).await.is_err() {
                    return;
                }
                // The writer has seen the tick when it announces again; until then there is nothing to do.
                if timetable.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}
