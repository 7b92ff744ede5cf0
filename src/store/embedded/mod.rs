//! The store of a single node: SQLite files in one directory.
//!
//! One connection writes, under a lock that only the writer thread and the retention take. Queries read through
//! connections of their own, which never wait for the writer nor it for them (write-ahead log). One gateway owns
//! the directory; the sqlite3 shell may look in at any time.
//!
//! Beside the main file lies the search index, which can be deleted while the gateway is down: it is made again.

mod directory;
mod find;
mod fresh;
mod list;
mod load;
mod messages;
mod notices;
mod pool;
mod recordings;
mod replays;
mod retention;
mod search;
mod sql;
mod sqlite;
mod tone;
mod write;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use self::fresh::Fresh;
use self::pool::ReadPool;
use self::search::Search;
use self::sqlite::Writing;
use super::query::{
    CallFilter, CdrFilter, CdrRow, DeliveryDetail, DeliveryFilter, DeliveryRow, EndedFilter, EndedRow,
    MessageFilter, Notices, NoticesAfter, OperationFilter, Page, Retention,
};
use super::{AuditEntry, Batch, Bodies, LoadFrom, Loaded, Store, StoreError};
use crate::domain::call::Call;
use crate::domain::cdr_file::Day;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::operation::BindingOperation;
use crate::domain::recording::RecordingFile;
use crate::domain::replay::Replay;
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;

/// The database file inside the store's directory.
const MAIN_FILE: &str = "privnum.db";
/// The search index beside it.
const SEARCH_FILE: &str = "search.db";
/// Page cache of the writing connection, in KiB: the newest pages of every table and room to spare.
const CACHE_KIB: u32 = 64 * 1_024;
/// The numbered versions of the main file's schema.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
    include_str!("schema-6.sql"),
    include_str!("schema-7.sql"),
    include_str!("schema-8.sql"),
    include_str!("schema-9.sql"),
    include_str!("schema-10.sql"),
];

/// SQLite in a directory that this process owns.
#[derive(Debug)]
pub struct EmbeddedStore {
    search: Search,
    writer: Mutex<Writer>,
    readers: ReadPool,
    /// Held for its lock; closed last.
    lock: File,
}

/// The connection that writes, and what it knows of what it has written.
#[derive(Debug)]
struct Writer {
    db: Connection,
    fresh: Fresh,
}

impl Writer {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let fresh = &self.fresh;
        let changes = sqlite::in_transaction(&mut self.db, |db| {
            let mut changes = fresh.begin();
            let writing = Writing::new(db);
            batch.writes.iter().try_for_each(|write| write::apply(&writing, write, &mut changes))?;
            drop(writing);
            changes.finish(db)
        })?;
        self.fresh.committed(changes);
        Ok(())
    }
}

impl EmbeddedStore {
    /// Opens the store in `dir`, or makes a new one there whose installation secret is `secret_if_new`.
    ///
    /// Fails with [`StoreError::Unavailable`] when another gateway uses the directory or it cannot be written,
    /// and with [`StoreError::Corrupt`] when a newer version of this program wrote it.
    pub fn open(dir: &Path, secret_if_new: [u8; 32]) -> Result<Self, StoreError> {
        let lock = directory::take(dir)?;
        let path = dir.join(MAIN_FILE);
        directory::make_file(&path)?;
        let mut db = sqlite::open_for_writing(&path, CACHE_KIB)?;
        sqlite::migrate(&mut db, MIGRATIONS)?;
        db.execute(
            "INSERT INTO meta (name, value) VALUES ('secret', ?1) ON CONFLICT (name) DO NOTHING",
            [&secret_if_new[..]],
        )?;
        let search = Search::start(&dir.join(SEARCH_FILE), &path)?;
        let readers = ReadPool::new(&path);
        // Not through the writing connection: what it has read once stays in its large cache.
        let fresh = readers.read(Fresh::read)?;
        Ok(Self { search, writer: Mutex::new(Writer { db, fresh }), readers, lock })
    }

    /// When the oldest row was made that is not in the search index yet, if there is one. Searches find such
    /// rows too, but more slowly: a mover that is far behind is worth telling operators.
    pub fn search_lags_since(&self) -> Result<Option<Timestamp>, StoreError> {
        self.search.lags_since(&self.readers)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in the middle of a transaction has taken the transaction back; the connection is as good as new.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // Only to make the next start quicker: what is still in the log is as durable as in the file.
        let _ = self.writer().db.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
    }
}

impl Store for EmbeddedStore {
    fn secret(&self) -> Result<[u8; 32], StoreError> {
        self.readers.read(load::secret)
    }

    fn load(&self, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
        // Nobody knows what came of a commit before this; what is stored is what counts.
        let mut writer = self.writer();
        writer.fresh = self.readers.read(Fresh::read)?;
        drop(writer);
        self.readers.read(|db| load::load(db, from, sink))
    }

    fn binding_count(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .readers
            .read(|db| Ok(db.query_row("SELECT count(*) FROM binding", [], |row| row.get(0))?))?;
        Ok(count.unsigned_abs())
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let outcome = self.writer().commit(batch);
        self.search.committed(batch); // whatever the outcome: telling it too much only costs it some work
        outcome
    }

    fn bodies(&self, deliveries: &[RowKey]) -> Result<Bodies, StoreError> {
        self.readers.read(|db| find::bodies(db, deliveries))
    }

    fn tone_content(&self, app: AppNo, name: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.readers.read(|db| tone::content(db, app, name))
    }

    fn find_cdrs(&self, filter: &CdrFilter, page: Page) -> Result<Vec<CdrRow>, StoreError> {
        let index = find::look_for_cdrs(filter).map(|look| self.search.index(look));
        self.readers.read(|db| find::cdrs(db, index.as_ref(), filter, page))
    }

    fn cdr_files_done(&self) -> Result<Option<Day>, StoreError> {
        self.readers.read(load::cdr_files_done)
    }

    fn find_messages(&self, filter: &MessageFilter, page: Page) -> Result<Vec<Message>, StoreError> {
        let index = messages::look_for(filter).map(|look| self.search.index(look));
        self.readers.read(|db| messages::find(db, index.as_ref(), filter, page))
    }

    fn find_calls(&self, filter: &CallFilter, page: Page) -> Result<Vec<Call>, StoreError> {
        let index = find::look_for_calls(filter).map(|look| self.search.index(look));
        self.readers.read(|db| find::calls(db, index.as_ref(), filter, page))
    }

    fn find_deliveries(&self, filter: &DeliveryFilter, page: Page) -> Result<Vec<DeliveryRow>, StoreError> {
        let index = find::look_for_deliveries(filter).map(|look| self.search.index(look));
        self.readers.read(|db| find::deliveries(db, index.as_ref(), filter, page))
    }

    fn delivery(&self, id: RowKey) -> Result<Option<DeliveryDetail>, StoreError> {
        self.readers.read(|db| find::delivery(db, id))
    }

    fn notices(&self, after: NoticesAfter) -> Result<Notices, StoreError> {
        let index = self.search.index(notices::look(&after.app));
        self.readers.read(|db| notices::after(db, &index, after))
    }

    fn find_replays(&self, page: Page) -> Result<Vec<Replay>, StoreError> {
        self.readers.read(|db| replays::find(db, page))
    }

    fn replay(&self, id: RowKey) -> Result<Option<Replay>, StoreError> {
        self.readers.read(|db| replays::one(db, id))
    }

    fn selected(&self, replay: RowKey, from: u32, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        self.readers.read(|db| replays::selected(db, replay, from, limit))
    }

    fn recordings(&self, keys: &[RowKey]) -> Result<Vec<RecordingFile>, StoreError> {
        self.readers.read(|db| recordings::find(db, keys))
    }

    fn expired_recordings(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordingFile>, StoreError> {
        self.readers.read(|db| recordings::expired(db, now, limit))
    }

    fn find_audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        self.readers.read(|db| find::audit(db, page))
    }

    fn find_ended(&self, filter: &EndedFilter, page: Page) -> Result<Vec<EndedRow>, StoreError> {
        let index = find::look_for_ended(filter).map(|look| self.search.index(look));
        self.readers.read(|db| find::ended(db, index.as_ref(), filter, page))
    }

    fn find_operations(
        &self,
        filter: &OperationFilter,
        page: Page,
    ) -> Result<Vec<BindingOperation>, StoreError> {
        self.readers.read(|db| find::operations(db, filter, page))
    }

    fn forget_older(&self, than: Retention, limit: usize) -> Result<usize, StoreError> {
        let gone =
            sqlite::in_transaction(&mut self.writer().db, |db| retention::forget_older(db, than, limit))?;
        // Entries of rows that are gone lead nowhere, so whole days can wait for the longest retention.
        let longest = than.cdrs_before.min(than.notices_before).min(than.exhausted_before);
        self.search.forget_before(longest);
        Ok(gone)
    }

    /// Looks for room on the disk, reads, and writes one row that nobody needs. On a full disk that row may still find
    /// a place, in a log that begins anew; the next batch would not.
    fn ping(&self) -> Result<(), StoreError> {
        directory::has_room(&self.lock)?;
        self.readers.read(load::secret)?;
        sqlite::in_transaction(&mut self.writer().db, |db| {
            let sql = "INSERT INTO meta (name, value) VALUES ('probe', x'01') \
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            db.execute(sql, [])?;
            Ok(())
        })
    }
}
