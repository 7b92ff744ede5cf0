//! Finding rows by number, session or subscription, without an index where requests wait for a commit.
//!
//! A file of its own, so that filling it never holds up a commit: per day one table of (field, value, id), where
//! `id` is the key of the row in the main file. A mover thread fills it about once a second; days that are over
//! are dropped whole. What has not been moved yet is looked for in the main file, so a query misses nothing.
//!
//! Nothing is in here that is not in the main file. An index that is damaged or of another version is thrown
//! away and made again.

mod frontier;
mod mover;

#[cfg(test)]
mod tests;

use std::hash::Hasher as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use siphasher::sip::SipHasher13;
use tracing::{error, warn};

use self::frontier::{Frontier, Source};
use self::mover::Mover;
use super::directory;
use super::pool::ReadPool;
use super::sqlite::{Cells, for_each, gather};
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::store::row::{RowError, Value, key_or_beyond};
use crate::store::{Batch, StoreError, Write};

/// How long a row waits at most before it is moved, while the mover keeps up.
const ROUND: Duration = Duration::from_secs(1);
/// Ids taken from the index at a time.
const IDS_AT_A_TIME: usize = 200;

/// What a row can be found by. The numbers are stored; they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    CdrX = 1,
    CdrParty = 2,
    CdrSubscription = 3,
    CallX = 6,
    EndedX = 8,
    EndedParty = 9,
    EndedBinding = 10,
    DeliveryApp = 11,
    // 4, 5 and 7 were these three before their values were hashes.
    CdrSession = 12,
    DeliverySession = 13,
    CallSession = 14,
    MessageX = 15,
    MessageParty = 16,
    MessageIdentifier = 17,
}

/// What stands for a text in the index. Texts that share one are told apart by the rows they lead to, which are
/// compared with what is looked for.
pub(super) fn hash_of(text: &str) -> i64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish().cast_signed()
}

impl Field {
    const fn source(self) -> Source {
        match self {
            Self::CdrX | Self::CdrParty | Self::CdrSubscription | Self::CdrSession => Source::Cdr,
            Self::DeliverySession | Self::DeliveryApp => Source::Delivery,
            Self::CallX | Self::CallSession => Source::Closing,
            Self::EndedX | Self::EndedParty | Self::EndedBinding => Source::Ended,
            Self::MessageX | Self::MessageParty | Self::MessageIdentifier => Source::Message,
        }
    }
}

/// The index and the thread that fills it.
#[derive(Debug)]
pub(super) struct Search {
    readers: ReadPool,
    frontier: Arc<Frontier>,
    #[cfg(test)]
    mover: Arc<Mutex<Mover>>,
    /// Dropped to wake the thread for its end.
    running: Option<Sender<()>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Search {
    /// Opens the index at `path` for the main file at `main`, and starts to fill it.
    pub(super) fn start(path: &Path, main: &Path) -> Result<Self, StoreError> {
        directory::make_file(path)?;
        let mover = match Mover::open(path, main) {
            Err(StoreError::Corrupt(why)) => {
                warn!("making the search index again: {why}");
                directory::remove_database(path)?;
                directory::make_file(path)?;
                Mover::open(path, main)?
            }
            opened => opened?,
        };
        let frontier = mover.frontier();
        let mover = Arc::new(Mutex::new(mover));
        let stopping = Arc::new(AtomicBool::new(false));
        let (running, stopped) = channel();
        let thread = {
            let (mover, stopping) = (Arc::clone(&mover), Arc::clone(&stopping));
            let named = thread::Builder::new().name("search-mover".into());
            named
                .spawn(move || run(&mover, &stopped, &stopping))
                .map_err(|err| StoreError::Unavailable(format!("cannot start the search mover: {err}")))?
        };
        let readers = ReadPool::new(path);
        Ok(Self {
            readers,
            frontier,
            #[cfg(test)]
            mover,
            running: Some(running),
            stopping,
            thread: Some(thread),
        })
    }

    /// Notes what a batch has made visible. To be called after its commit and before anybody is told.
    pub(super) fn committed(&self, batch: &Batch) {
        let lowest = |key_of: fn(&Write) -> Option<RowKey>| batch.writes.iter().filter_map(key_of).min();
        // The keys of the other sources are drawn inside the commit, so they come in order.
        let cdr = lowest(|write| if let Write::Cdr(cdr) = write { Some(cdr.id) } else { None });
        let delivery =
            lowest(
                |write| if let Write::Delivery { delivery, .. } = write { Some(delivery.id) } else { None },
            );
        for (source, key) in [(Source::Cdr, cdr), (Source::Delivery, delivery)] {
            if let Some(key) = key {
                self.frontier.committed(source, key_or_beyond(key));
            }
        }
    }

    /// An index for a query that begins after this call.
    pub(super) fn index<'s>(&'s self, look: Look<'s>) -> Index<'s> {
        Index { search: self, reached: self.frontier.reached(look.field.source()), look }
    }

    /// When the oldest row of the main file was made that is not in the index yet, if there is one.
    pub(super) fn lags_since(&self, main: &ReadPool) -> Result<Option<Timestamp>, StoreError> {
        let reached = Source::ALL.map(|source| (source, self.frontier.reached(source)));
        let mut oldest: Option<RowKey> = None;
        main.read(|main| {
            for (source, reached) in reached {
                for_each(main, source.rows(), [Value::Int(reached), Value::Int(1)], |cells| {
                    let key = cells.column("key")?;
                    oldest = Some(oldest.map_or(key, |oldest| oldest.min(key)));
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(oldest.map(|key| Timestamp::from_millis(key.millis())))
    }

    /// Moves everything that is there to be moved.
    #[cfg(test)]
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        while lock(&self.mover).step()? {}
        Ok(())
    }

    /// Has the mover drop the days that lie whole before that instant, in its next round: whoever says so waits for
    /// nothing.
    pub(super) fn forget_before(&self, before: Timestamp) {
        self.frontier.forget_before(before);
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.running = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the search mover had panicked");
        }
    }
}

/// The mover's thread: a round each second, and without pause while there is more than one round can move.
fn run(mover: &Mutex<Mover>, stopped: &Receiver<()>, stopping: &AtomicBool) {
    loop {
        let step = lock(mover).step();
        match step {
            Ok(true) if !stopping.load(Ordering::Relaxed) => continue,
            Ok(_) => {}
            Err(err) => warn!("cannot fill the search index, will try again: {err}"),
        }
        match stopped.recv_timeout(ROUND) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn lock(mover: &Mutex<Mover>) -> MutexGuard<'_, Mover> {
    mover.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value to look for in a field.
#[derive(Clone, Debug)]
pub(super) struct Look<'v> {
    /// Where.
    pub(super) field: Field,
    /// What.
    pub(super) value: Value<'v>,
}

/// The index as one query uses it.
#[derive(Debug)]
pub(super) struct Index<'s> {
    search: &'s Search,
    reached: i64,
    look: Look<'s>,
}

impl Index<'_> {
    /// Rows above this key of the source may be missing from the index.
    pub(super) fn reached(&self) -> i64 {
        self.reached
    }

    /// Hands out the ids of the rows looked for that are in `from..before`, newest first and some at a time,
    /// until `each` says false.
    pub(super) fn walk(
        &self,
        from: i64,
        before: i64,
        mut each: impl FnMut(&[i64]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut stopped = None;
        let walked = self.search.readers.read(|db| {
            let days = "SELECT entries FROM day WHERE day BETWEEN ?1 AND ?2 ORDER BY day DESC";
            let bounds = [Value::Int(day_of(from)), Value::Int(day_of(before))];
            for table in gather(db, days, bounds, table_name)? {
                let mut before = before;
                loop {
                    let ids = self.some_ids(db, &table, from, before)?;
                    let Some(&last) = ids.last() else { break };
                    match each(&ids) {
                        Ok(true) if ids.len() == IDS_AT_A_TIME => before = last,
                        Ok(true) => break,
                        over => {
                            stopped = Some(over);
                            return Ok(());
                        }
                    }
                }
            }
            Ok(())
        });
        match stopped {
            Some(over) => over.map(drop),
            None => walked.map_err(only_the_index),
        }
    }

    /// The ids of the rows looked for above the key `after` and as far as the index reaches, oldest first, at most
    /// `limit`.
    pub(super) fn rising(&self, after: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::new();
        let risen = self.search.readers.read(|db| {
            let days = "SELECT entries FROM day WHERE day BETWEEN ?1 AND ?2 ORDER BY day";
            let bounds = [Value::Int(day_of(after)), Value::Int(day_of(self.reached))];
            for table in gather(db, days, bounds, table_name)? {
                let sql = format!(
                    "SELECT id FROM {table} WHERE field = ?1 AND value = ?2 AND id > ?3 AND id <= ?4 \
                     ORDER BY id LIMIT ?5"
                );
                let left = i64::try_from(limit - ids.len()).unwrap_or(i64::MAX);
                let (field, value) = (Value::Int(self.look.field as i64), self.look.value.clone());
                let values = [field, value, Value::Int(after), Value::Int(self.reached), Value::Int(left)];
                ids.extend(gather(db, &sql, values, |cells| cells.column::<i64>("id"))?);
                if ids.len() >= limit {
                    break;
                }
            }
            Ok(())
        });
        risen.map_err(only_the_index)?;
        Ok(ids)
    }

    /// The newest ids in `from..before` of one day.
    fn some_ids(&self, db: &Connection, table: &str, from: i64, before: i64) -> Result<Vec<i64>, StoreError> {
        let sql = format!(
            "SELECT id FROM {table} WHERE field = ?1 AND value = ?2 AND id >= ?3 AND id < ?4 \
             ORDER BY id DESC LIMIT {IDS_AT_A_TIME}"
        );
        let field = Value::Int(self.look.field as i64);
        let values = [field, self.look.value.clone(), Value::Int(from), Value::Int(before)];
        gather(db, &sql, values, |cells| cells.column("id"))
    }
}

/// A damaged index is no reason to stop the gateway.
fn only_the_index(error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt(why) => {
            StoreError::Unavailable(format!("the search index is damaged, a restart makes it again: {why}"))
        }
        error => error,
    }
}

/// The day, since 1970 UTC, in which a key was drawn.
fn day_of(key: i64) -> i64 {
    const MILLIS_PER_DAY: i64 = 86_400_000;
    (key >> 21) / MILLIS_PER_DAY
}

/// Reads the name of a day's table; it goes into statements as it is, so it must look like one.
fn table_name(cells: &mut Cells<'_>) -> Result<String, StoreError> {
    match cells.take()? {
        Value::Text(name) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Ok(name.into_owned())
        }
        _ => Err(RowError::Unreadable("day.entries").into()),
    }
}
