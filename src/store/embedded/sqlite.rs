//! The thin layer over the SQLite driver: one connection, one transaction, one row; and what its errors mean
//! for us.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Deref;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{
    CachedStatement, Connection, ErrorCode, OpenFlags, Row, ToSql, Transaction, TransactionBehavior,
};

use crate::store::StoreError;
use crate::store::row::{Column, RowError, Value};

/// How long to wait for a lock that somebody with a database shell holds. The gateway never waits for itself.
const LOCK_WAIT_MS_MAX: u32 = 5_000;
/// Pages of 4 KiB after which the log is written back into the file: about 16 MB.
const CHECKPOINT_PAGES: u32 = 4_000;
/// Distinct statements kept prepared per connection; there are fewer, filters included.
const STATEMENTS_MAX: usize = 128;

/// Opens the one connection that writes, making the file if need be.
///
/// A write-ahead log with a full sync at each commit: what is committed survives a power cut. `cache_kib` bounds its page
/// cache.
pub(super) fn open_for_writing(path: &Path, cache_kib: u32) -> Result<Connection, StoreError> {
    let connection = open(path)?;
    connection.pragma_update(None, "page_size", 4_096)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable("the file system does not support a write-ahead log".into()));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    Ok(connection)
}

/// Opens a connection that can only read.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "busy_timeout", LOCK_WAIT_MS_MAX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Brings the file to the newest version of `migrations`: the file is at version n when the first n were run.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    in_transaction(connection, |transaction| {
        let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let ours = u32::try_from(migrations.len()).expect("migrations are written by hand");
        let Some(missing) = usize::try_from(version).ok().and_then(|run| migrations.get(run..)) else {
            return Err(StoreError::Corrupt(format!(
                "its schema has version {version}, this program knows versions up to {ours}: it was written \
                 by a newer program"
            )));
        };
        for migration in missing {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", ours)?;
        Ok(())
    })
}

/// Does `work` in one transaction that lasts once this has returned `Ok`, and leaves no trace otherwise; but
/// see [`StoreError::OutcomeUnknown`].
pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?; // an error drops the transaction, which takes it back
    match transaction.execute_batch("COMMIT") {
        Ok(()) => Ok(done),
        Err(error) => Err(take_back(transaction, error)),
    }
}

/// A commit failed. Takes it back if that is still possible with certainty: if the commit mark cannot be in the log.
///
/// What SQLite does at a commit in a log (`walFrames` in its source, 3.53): it appends the changed pages as frames, the
/// last one with the commit mark; syncs the file; brings the index of the log in shared memory up to date. So:
///
/// - *An IO error* may be that of the sync. The mark may have reached the disk, and a crash now would bring the
///   transaction to life, however certain the memory of this process is that it never was. *Out of memory* may be that of
///   the index, which comes after the sync. Both leave the outcome unknown.
/// - *A full disk* shows while frames are appended: only a write that ran out of space is reported so (`unixWrite`); one
///   that a sync finds too late is an IO error. A frame counts when its checksum does, which covers header and page,
///   starts from that of the frame before, and is salted anew each time the log begins anew. So the frame with the mark
///   counts when it is whole, and nothing is written after it: padding to a sector, which would be, is off where
///   overwriting is safe in a power cut (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`, the default on unix), and checksums that were
///   left open for pages written twice are filled in from the front, the mark's last. What lies in the log beyond the last
///   mark is overwritten by the next transaction, and by its checksums no part of anything. SQLite has then rolled back by
///   itself. To start over for that would turn a full disk, which refuses changes, into an outage of everything.
/// - *Busy*, or *a constraint* that was put off to the commit, is found before anything is appended.
///
/// A checkpoint that fails after a commit fails nothing: SQLite tries again at the next one.
fn take_back(transaction: Transaction<'_>, error: rusqlite::Error) -> StoreError {
    let still_open = !transaction.is_autocommit();
    let taken_back = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => !still_open || transaction.rollback().is_ok(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ConstraintViolation) => {
            still_open && transaction.rollback().is_ok()
        }
        _ => false,
    };
    if taken_back { error.into() } else { StoreError::OutcomeUnknown(error.to_string()) }
}

/// For everything before a commit: nothing was written.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
        };
        let unreadable = matches!(
            error,
            FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
                | Utf8Error(..)
        );
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            _ if unreadable => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(int) => ValueRef::Integer(*int),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// One value as a statement takes it.
pub(super) fn cell<'v>(value: &'v impl Column<'v>, column: &'static str) -> Result<Value<'v>, StoreError> {
    value.write().ok_or_else(|| RowError::TooLarge(column).into())
}

/// Runs a statement that changes rows; returns how many.
pub(super) fn execute<'v>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = Value<'v>>,
) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))?)
}

/// A transaction that writes, with the statements that it has run: each is looked up once, however often it runs.
pub(super) struct Writing<'t> {
    db: &'t Connection,
    run: RefCell<Vec<(&'static str, CachedStatement<'t>)>>,
}

impl<'t> Writing<'t> {
    /// Has run none yet.
    pub(super) fn new(db: &'t Connection) -> Self {
        Self { db, run: RefCell::default() }
    }

    /// Runs a statement that changes rows; returns how many.
    pub(super) fn execute<'v>(
        &self,
        sql: &'static str,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<usize, StoreError> {
        let mut run = self.run.borrow_mut();
        // By where the text stands, not by what it says: there are a few dozen, and each stands in one place.
        let known = run.iter().position(|(known, _)| std::ptr::eq(*known, sql));
        let at = known.unwrap_or(run.len());
        if known.is_none() {
            run.push((sql, self.db.prepare_cached(sql)?));
        }
        Ok(run[at].1.execute(rusqlite::params_from_iter(values))?)
    }
}

impl Deref for Writing<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.db
    }
}

/// Runs a query and hands every row to `each`, which may stop by failing.
pub(super) fn for_each<'v>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = Value<'v>>,
    mut each: impl FnMut(&mut Cells<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        each(&mut Cells { row, next: 0 })?;
    }
    Ok(())
}

/// Runs a query and gathers what `read` makes of each row.
pub(super) fn gather<'v, T>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = Value<'v>>,
    mut read: impl FnMut(&mut Cells<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    for_each(connection, sql, values, |cells| {
        found.push(read(cells)?);
        Ok(())
    })?;
    Ok(found)
}

/// A row that is being read from left to right.
pub(super) struct Cells<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Cells<'r> {
    /// The next column as it is.
    pub(super) fn take(&mut self) -> Result<Value<'r>, StoreError> {
        let value = self.row.get_ref(self.next)?;
        self.next += 1;
        match value {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(int) => Ok(Value::Int(int)),
            ValueRef::Blob(bytes) => Ok(Value::Bytes(Cow::Borrowed(bytes))),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
                Err(_) => Err(StoreError::Corrupt("a text is no UTF-8".into())),
            },
            ValueRef::Real(_) => Err(StoreError::Corrupt("a column holds a fraction".into())),
        }
    }

    /// The next column as a value of the domain. `column` is for the error only.
    pub(super) fn column<T: Column<'r>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        T::read(self.take()?).ok_or_else(|| RowError::Unreadable(column).into())
    }
}
