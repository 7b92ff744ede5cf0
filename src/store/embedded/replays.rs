//! Replays and what they select.

use rusqlite::Connection;

use super::list::{List, Unindexed};
use super::sql::{WRITE, column_list};
use super::sqlite::{Cells, Writing, cell, for_each, gather};
use crate::domain::id::RowKey;
use crate::domain::replay::Replay;
use crate::store::StoreError;
use crate::store::query::{Page, Span};
use crate::store::row::{ReplayColumns, Value, key_or_beyond, packed, unpacked};

/// Keys in one portion of what is selected: 8 KB, two pages.
const PORTION: usize = 1_000;

pub(super) fn put(db: &Writing<'_>, replay: &Replay) -> Result<(), StoreError> {
    db.execute(&WRITE.replay, ReplayColumns::from(replay).values()?)?;
    if replay.phase.is_over() {
        db.execute("DELETE FROM selected WHERE replay = ?1", [cell(&replay.id, "replay.id")?])?;
    }
    Ok(())
}

pub(super) fn select(db: &Writing<'_>, replay: RowKey, deliveries: &[RowKey]) -> Result<(), StoreError> {
    for (portion, keys) in (0..).zip(deliveries.chunks(PORTION)) {
        db.execute(
            "INSERT INTO selected (replay, portion, deliveries) VALUES (?1, ?2, ?3)",
            [cell(&replay, "replay.id")?, Value::Int(portion), Value::Bytes(packed(keys).into())],
        )?;
    }
    Ok(())
}

pub(super) fn selected(
    db: &Connection,
    replay: RowKey,
    from: u32,
    limit: usize,
) -> Result<Vec<RowKey>, StoreError> {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let (first, before) = (from / PORTION, (from.saturating_add(limit)).div_ceil(PORTION));
    let sql = "SELECT deliveries FROM selected WHERE replay = ?1 AND portion >= ?2 AND portion < ?3 \
               ORDER BY portion";
    let portion = |at: usize| Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
    let mut keys = Vec::new();
    for_each(db, sql, [Value::Int(key_or_beyond(replay)), portion(first), portion(before)], |cells| {
        match cells.take()? {
            Value::Bytes(bytes) => keys.extend(unpacked(&bytes)?),
            _ => return Err(StoreError::Corrupt("a replay selects what is no list of keys".into())),
        }
        Ok(())
    })?;
    Ok(keys.into_iter().skip(from % PORTION).take(limit).collect())
}

/// The unfinished ones, oldest first.
pub(super) fn open(db: &Connection, mut sink: impl FnMut(Replay)) -> Result<(), StoreError> {
    for_each(
        db,
        &format!("{} WHERE phase NOT IN ('finished', 'cancelled') ORDER BY id", all()),
        [],
        |cells| {
            sink(read(cells)?);
            Ok(())
        },
    )
}

pub(super) fn one(db: &Connection, id: RowKey) -> Result<Option<Replay>, StoreError> {
    let found = gather(db, &format!("{} WHERE id = ?1", all()), [Value::Int(key_or_beyond(id))], read)?;
    Ok(found.into_iter().next())
}

pub(super) fn find(db: &Connection, page: Page) -> Result<Vec<Replay>, StoreError> {
    let list =
        List { select: &all(), key: "id", unindexed: Unindexed::Above, key_of: |replay: &Replay| replay.id };
    list.find(db, None, (page, Span::default()), |_| Ok(()), read)
}

fn all() -> String {
    format!("SELECT {} FROM replay", column_list("", ReplayColumns::NAMES))
}

fn read(cells: &mut Cells<'_>) -> Result<Replay, StoreError> {
    Ok(ReplayColumns::read(|| cells.take())?.into_replay()?)
}
