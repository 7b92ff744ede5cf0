//! Tone files: written, loaded, and read when a switch or an operator wants to hear one.

use std::sync::Arc;

use rusqlite::Connection;

use super::sql::{WRITE, column_list};
use super::sqlite::{Writing, cell, for_each, gather};
use crate::domain::id::AppNo;
use crate::domain::tone::Tone;
use crate::store::row::{ToneColumns, Value};
use crate::store::{Loaded, StoreError};

/// Stores a new tone file, or one in place of the one with its name.
pub(super) fn put(db: &Writing<'_>, tone: &Tone, content: &[u8]) -> Result<(), StoreError> {
    let columns = ToneColumns::from(tone);
    db.execute(&WRITE.tone, columns.values()?.into_iter().chain([Value::Bytes(content.into())]))?;
    Ok(())
}

/// Notes what was decided about a tone file.
pub(super) fn decide(db: &Writing<'_>, tone: &Tone) -> Result<(), StoreError> {
    let sql = "UPDATE tone SET state = ?3, decided_at = ?4 WHERE app = ?1 AND name = ?2";
    let values = [
        cell(&tone.app, "tone.app")?,
        Value::Text(tone.name.as_str().into()),
        Value::Text(tone.state.as_str().into()),
        cell(&tone.decided_at, "tone.decided_at")?,
    ];
    db.execute(sql, values)?;
    Ok(())
}

/// Takes a tone file out.
pub(super) fn remove(db: &Writing<'_>, app: AppNo, name: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM tone WHERE app = ?1 AND name = ?2";
    db.execute(sql, [cell(&app, "tone.app")?, Value::Text(name.into())])?;
    Ok(())
}

/// Hands out every tone file, without its sound.
pub(super) fn load(db: &Connection, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
    let sql = format!("SELECT {} FROM tone ORDER BY app, name", column_list("", ToneColumns::NAMES));
    for_each(db, &sql, [], |cells| {
        sink(Loaded::Tone(ToneColumns::read(|| cells.take())?.into_tone()?));
        Ok(())
    })
}

/// The sound of a tone file, if there is such a file.
pub(super) fn content(db: &Connection, app: AppNo, name: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    let sql = "SELECT content FROM tone WHERE app = ?1 AND name = ?2";
    let values = [cell(&app, "tone.app")?, Value::Text(name.into())];
    let found = gather(db, sql, values, |cells| match cells.take()? {
        Value::Bytes(bytes) => Ok(Arc::from(&*bytes)),
        _ => Err(StoreError::Corrupt("a tone file has no content".into())),
    })?;
    Ok(found.into_iter().next())
}
