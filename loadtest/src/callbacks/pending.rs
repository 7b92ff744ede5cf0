//! What pending re-pushes cost a server that starts with them: time until its `ready` line, and memory.

use std::sync::Arc;
use std::time::Duration;

use privnum::domain::delivery::{Delivery, NoticeKind, Schedule, State};
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::time::Timestamp;
use privnum::store::{Store, Write};

use super::calls::add_apps;
use crate::Failed;
use crate::child::{Server, binary};
use crate::machine::resident_bytes;
use crate::modes::parent;
use crate::options::Callbacks;
use crate::report::{count, median, say};
use crate::scene::{Scene, commit_all};

/// Apps that the deliveries belong to.
const APPS: u32 = 100;
/// No push is due before: the measurement is to be over.
const UNDISTURBED: Duration = Duration::from_secs(120);
/// Bytes of a body.
const BODY_BYTES: usize = 600;

/// Measures and prints.
pub fn measure(options: &Callbacks) -> Result<(), Failed> {
    let (common, pending) = (&options.common, options.pending);
    let binary = binary(common.server.as_deref())?;
    let parent = parent(common.dir.as_deref())?;
    say(&format!("writing {pending} deliveries that wait for a re-push"));
    // Nobody listens there, and nothing is due.
    let url = |app| format!("http://127.0.0.1:9/{app}");
    let scene_with = |deliveries| {
        Scene::filled(&parent, "", |store, now| {
            add_apps(store, APPS, url, now)?;
            add_pending(store, deliveries, now)
        })
    };
    let (empty, full) = (scene_with(0)?, scene_with(pending)?);
    let mut starts = Vec::new();
    for round in 1..=common.rounds.max(1) {
        say(&format!("start {round}"));
        let start = |scene| -> Result<_, Failed> {
            let server = Server::real(&binary, scene)?;
            Ok((server.ready_after.as_secs_f64(), count(resident_bytes(server.id())?)))
        };
        starts.push((start(&empty)?, start(&full)?));
    }
    let mib = 1_024.0 * 1_024.0;
    say(&format!(
        "\nready after            {:.2} s with {pending} pending re-pushes, {:.2} s with none   (aim: 3 s with \
         1,000,000)\nmemory that they add   {:.1} MiB, {:.0} bytes for each   (aim: below 64 MiB)\n",
        median(starts.iter().map(|(_, full)| full.0)),
        median(starts.iter().map(|(empty, _)| empty.0)),
        median(starts.iter().map(|(empty, full)| (full.1 - empty.1) / mib)),
        median(starts.iter().map(|(empty, full)| (full.1 - empty.1) / count(pending.max(1)))),
    ));
    Ok(())
}

/// Puts deliveries into a store as they are when receivers have been dead for as long as the schedule lasts: one came
/// after the other, each was pushed whenever its time had come, and waits for the next.
fn add_pending(store: &dyn Store, deliveries: u64, now: Timestamp) -> Result<(), Failed> {
    let body: Arc<[u8]> = vec![b'x'; BODY_BYTES].into();
    let schedule = Schedule::default();
    let span_ms = u64::try_from(schedule.span().as_millis())?;
    let soonest = now.after(UNDISTURBED);
    commit_all(store, deliveries, |n| {
        let first = now.before(Duration::from_millis(span_ms - n * (span_ms - 1) / deliveries));
        let app = AppNo(u32::try_from(n % u64::from(APPS)).expect("one of the apps") + 1);
        let mut delivery = Delivery::new(RowKey::floor(first.millis()), app, NoticeKind::Event, None, first);
        while delivery.due < soonest && delivery.state.is_pending() {
            delivery = delivery.pushed(false, delivery.due, delivery.due, &schedule);
        }
        let delivery = Delivery { state: State::Pending, due: delivery.due.max(soonest), ..delivery };
        Write::Delivery { delivery, session: None, body: Arc::clone(&body) }
    })
}
