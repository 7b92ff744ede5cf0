//! Forgetting what is older than it has to be kept.

use rusqlite::Connection;

use super::sqlite::{execute, gather};
use crate::store::StoreError;
use crate::store::query::Retention;
use crate::store::row::{Value, first_key_at};

/// Removes at most `limit` rows of each kind, the oldest first; returns how many rows of all kinds went. What
/// hangs on a call or a delivery goes with it.
pub(super) fn forget_older(db: &Connection, than: Retention, limit: usize) -> Result<usize, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let before = first_key_at(than.cdrs_before);
    let mut gone = 0;
    for (table, key) in [
        ("cdr", "id"),
        ("binding_ended", "key"),
        ("audit", "id"),
        ("closing", "key"),
        ("binding_operation", "key"),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN \
             (SELECT {key} FROM {table} WHERE {key} < ?1 ORDER BY {key} LIMIT ?2)"
        );
        gone += execute(db, &sql, [Value::Int(before), Value::Int(limit)])?;
    }
    // Messages whose result is awaited stay, however old.
    let old = "SELECT key FROM message WHERE key < ?1 AND result IS NOT NULL ORDER BY key LIMIT ?2";
    let messages = format!("DELETE FROM message WHERE key IN ({old})");
    gone += execute(db, &messages, [Value::Int(before), Value::Int(limit)])?;
    // Unfinished replays stay, however old.
    let old =
        "SELECT id FROM replay WHERE id < ?1 AND phase IN ('finished', 'cancelled') ORDER BY id LIMIT ?2";
    let replays = format!("DELETE FROM replay WHERE id IN ({old})");
    gone += execute(db, &replays, [Value::Int(before), Value::Int(limit)])?;
    Ok(gone + forget_calls(db, before, limit)? + forget_deliveries(db, than, limit)?)
}

/// Open calls stay, however old.
fn forget_calls(db: &Connection, before: i64, limit: i64) -> Result<usize, StoreError> {
    let old = "SELECT key FROM call WHERE key < ?1 AND NOT EXISTS \
               (SELECT 1 FROM live_call WHERE live_call.call = call.key) ORDER BY key LIMIT ?2";
    let calls: Vec<i64> =
        gather(db, old, [Value::Int(before), Value::Int(limit)], |cells| cells.column("call.key"))?;
    for &call in &calls {
        for sql in [
            "DELETE FROM call_event WHERE call = ?1",
            "DELETE FROM call_closed WHERE call = ?1",
            "DELETE FROM call WHERE key = ?1",
        ] {
            execute(db, sql, [Value::Int(call)])?;
        }
    }
    Ok(calls.len())
}

/// Pending deliveries stay, however old. The time that counts is when a delivery ended; nothing ends before
/// it was queued, so the key bounds the search.
fn forget_deliveries(db: &Connection, than: Retention, limit: i64) -> Result<usize, StoreError> {
    let old =
        "SELECT id FROM delivery_ended WHERE state = ?1 AND id < ?2 AND ended_at < ?3 ORDER BY id LIMIT ?4";
    let mut gone = 0;
    for (state, before) in [("delivered", than.notices_before), ("exhausted", than.exhausted_before)] {
        let ended_before = i64::try_from(before.millis()).unwrap_or(i64::MAX);
        let bounds = [
            Value::Text(state.into()),
            Value::Int(first_key_at(before)),
            Value::Int(ended_before),
            Value::Int(limit),
        ];
        let deliveries: Vec<i64> = gather(db, old, bounds, |cells| cells.column("delivery.id"))?;
        for &delivery in &deliveries {
            for sql in [
                "DELETE FROM attempt WHERE delivery = ?1",
                "DELETE FROM delivery_ended WHERE id = ?1",
                "DELETE FROM delivery WHERE id = ?1",
            ] {
                execute(db, sql, [Value::Int(delivery)])?;
            }
        }
        gone += deliveries.len();
    }
    Ok(gone)
}
