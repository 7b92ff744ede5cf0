//! The rows of recordings that lie with the gateway.

use rusqlite::Connection;

use super::sql::{WRITE, column_list};
use super::sqlite::{Cells, Writing, cell, gather};
use crate::domain::id::RowKey;
use crate::domain::recording::RecordingFile;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::row::{RecordingColumns, Value, key_or_beyond};

/// Adds the row of a file that has been stored.
pub(super) fn add(db: &Writing<'_>, file: &RecordingFile) -> Result<(), StoreError> {
    db.execute(&WRITE.recording, RecordingColumns::from(file).values()?)?;
    match file.expires_at {
        Some(at) => set_expiry(db, file.key, at),
        None => Ok(()),
    }
}

/// Sets when a recording is gone, if there is such a recording.
pub(super) fn set_expiry(db: &Writing<'_>, recording: RowKey, at: Timestamp) -> Result<(), StoreError> {
    let key = cell(&recording, "recording.key")?;
    take_out_of_order(db, key.clone())?;
    let sql = "UPDATE recording SET expires_at = ?2 WHERE key = ?1";
    db.execute(sql, [key.clone(), cell(&at, "recording.expires_at")?])?;
    let sql =
        "INSERT INTO recording_expiry (at, recording) SELECT expires_at, key FROM recording WHERE key = ?1";
    db.execute(sql, [key])?;
    Ok(())
}

/// Removes the row of a file that has been deleted.
pub(super) fn remove(db: &Writing<'_>, recording: RowKey) -> Result<(), StoreError> {
    let key = cell(&recording, "recording.key")?;
    take_out_of_order(db, key.clone())?;
    db.execute("DELETE FROM recording WHERE key = ?1", [key])?;
    Ok(())
}

fn take_out_of_order(db: &Writing<'_>, key: Value<'_>) -> Result<(), StoreError> {
    let sql = "DELETE FROM recording_expiry WHERE recording = ?1 \
               AND at = (SELECT expires_at FROM recording WHERE key = ?1)";
    db.execute(sql, [key])?;
    Ok(())
}

/// Those of `keys` that are there, in the order of `keys`.
pub(super) fn find(db: &Connection, keys: &[RowKey]) -> Result<Vec<RecordingFile>, StoreError> {
    let sql = format!("SELECT {} FROM recording WHERE key = ?1", column_list("", RecordingColumns::NAMES));
    let mut found = Vec::with_capacity(keys.len());
    for &key in keys {
        found.extend(gather(db, &sql, [Value::Int(key_or_beyond(key))], read)?);
    }
    Ok(found)
}

/// Those that are gone by `now`, in the order in which they went.
pub(super) fn expired(
    db: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<RecordingFile>, StoreError> {
    let sql = format!(
        "SELECT {} FROM recording_expiry e JOIN recording r ON r.key = e.recording WHERE e.at <= ?1 \
         ORDER BY e.at, e.recording LIMIT ?2",
        column_list("r.", RecordingColumns::NAMES)
    );
    let now = i64::try_from(now.millis()).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    gather(db, &sql, [Value::Int(now), Value::Int(limit)], read)
}

fn read(cells: &mut Cells<'_>) -> Result<RecordingFile, StoreError> {
    Ok(RecordingColumns::read(|| cells.take())?.into_file())
}
