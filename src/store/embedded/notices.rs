//! What was queued for one app, oldest first: for a customer who fetches notices.
//!
//! The rows of one app lie far apart in a table of all, so the search index says where they are, and only the
//! stretch that is not in the index yet is looked through.

use rusqlite::Connection;

use super::search::{Field, Index, Look};
use super::sqlite::{cell, gather};
use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, RowKey};
use crate::store::StoreError;
use crate::store::query::{Notice, Notices, NoticesAfter};
use crate::store::row::{Column, Value, key_or_beyond};

/// Most rows of any app that are looked through in one call. While the index keeps up there are fewer; while it
/// is made again, a reader comes along in steps of this.
const LOOKED_THROUGH_MAX: i64 = 20_000;

/// What the index can shorten this by.
pub(super) fn look(app: &AppNo) -> Look<'_> {
    Look { field: Field::DeliveryApp, value: app.write().unwrap_or(Value::Null) }
}

pub(super) fn after(db: &Connection, index: &Index<'_>, asked: NoticesAfter) -> Result<Notices, StoreError> {
    let after = asked.after.map_or(0, key_or_beyond).max(before_the_oldest(db)?);
    let mut ids = index.rising(after, asked.limit)?;
    let mut looked_up_to = None;
    if ids.len() < asked.limit {
        let beyond = after.max(index.reached());
        let left = asked.limit - ids.len();
        let (found, up_to) = look_through(db, asked.app, beyond, left)?;
        ids.extend(found);
        looked_up_to = up_to;
    }
    let mut notices = Vec::with_capacity(ids.len());
    let (mut bytes, mut passed) = (0, asked.after);
    for id in ids {
        // What the index knows and the retention has removed is passed over.
        if let Some(notice) = notice(db, id)? {
            bytes += notice.body.len();
            if bytes > asked.bytes_max && !notices.is_empty() {
                return Ok(Notices { notices, reached: passed });
            }
            notices.push(notice);
        }
        passed = passed.max(u64::try_from(id).ok().and_then(RowKey::from_stored));
    }
    Ok(Notices { notices, reached: passed.max(looked_up_to) })
}

/// Just before the oldest delivery that is kept: nothing has to be looked for below.
fn before_the_oldest(db: &Connection) -> Result<i64, StoreError> {
    let oldest = gather(db, "SELECT coalesce(min(id), 1) FROM delivery", [], |cells| {
        cells.column::<i64>("delivery.id")
    })?;
    Ok(oldest.first().map_or(0, |oldest| oldest - 1))
}

/// The app's deliveries beyond a key, without the index. And how far that came, when it did not come to the end.
fn look_through(
    db: &Connection,
    app: AppNo,
    beyond: i64,
    limit: usize,
) -> Result<(Vec<i64>, Option<RowKey>), StoreError> {
    let sql = "SELECT id FROM delivery WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2";
    let stop = gather(db, sql, [Value::Int(beyond), Value::Int(LOOKED_THROUGH_MAX - 1)], |cells| {
        cells.column::<RowKey>("delivery.id")
    })?;
    let stop = stop.into_iter().next();
    let sql = "SELECT id FROM delivery WHERE id > ?1 AND id <= ?2 AND app = ?3 ORDER BY id LIMIT ?4";
    let up_to = Value::Int(stop.map_or(i64::MAX, key_or_beyond));
    let limit_value = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let bounds = [Value::Int(beyond), up_to, cell(&app, "delivery.app")?, limit_value];
    let found = gather(db, sql, bounds, |cells| cells.column::<i64>("delivery.id"))?;
    let is_full = found.len() == limit;
    Ok((found, stop.filter(|_| !is_full)))
}

fn notice(db: &Connection, id: i64) -> Result<Option<Notice>, StoreError> {
    let found = gather(db, "SELECT id, kind, body FROM delivery WHERE id = ?1", [Value::Int(id)], |cells| {
        let (id, kind): (RowKey, NoticeKind) = (cells.column("delivery.id")?, cells.column("delivery.kind")?);
        Ok(Notice { id, kind, body: super::find::read_body(cells)? })
    })?;
    Ok(found.into_iter().next())
}
