//! What start-up reads, in the order in which it is promised.

use std::sync::Arc;

use rusqlite::Connection;

use super::messages;
use super::replays;
use super::sql::column_list;
use super::sqlite::{Cells, for_each};
use super::tone;
use crate::domain::binding::LastCaller;
use crate::domain::call::{Call, CallEvent, Closed};
use crate::domain::cdr_file::Day;
use crate::domain::delivery::{Delivery, State};
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::store::row::{
    AppColumns, BindingColumns, CallColumns, EventColumns, NumberColumns, Value, first_key_at, key_or_beyond,
};
use crate::store::{LoadFrom, Loaded, StoreError};

/// Hands everything to `sink`.
pub(super) fn load(db: &Connection, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
    sink(Loaded::LastKey(last_key(db)?));
    let sql = format!("SELECT {} FROM app ORDER BY no", column_list("", AppColumns::NAMES));
    for_each(db, &sql, [], |cells| {
        sink(Loaded::App(AppColumns::read(|| cells.take())?.into_app()?));
        Ok(())
    })?;
    tone::load(db, sink)?;
    let sql =
        format!("SELECT {}, last_call_at FROM number ORDER BY x", column_list("", NumberColumns::NAMES));
    for_each(db, &sql, [], |cells| {
        let number = NumberColumns::read(|| cells.take())?.into_number()?;
        sink(Loaded::Number(number, cells.column("number.last_call_at")?));
        Ok(())
    })?;
    let sql = format!("SELECT {} FROM binding ORDER BY id", column_list("", BindingColumns::NAMES));
    for_each(db, &sql, [], |cells| {
        sink(Loaded::Binding(BindingColumns::read(|| cells.take())?.into_binding()?));
        Ok(())
    })?;
    for_each(db, "SELECT binding, caller, at FROM last_caller ORDER BY binding", [], |cells| {
        let binding = cells.column("last_caller.binding")?;
        let (caller, at) = (cells.column("last_caller.caller")?, cells.column("last_caller.at")?);
        sink(Loaded::LastCaller(binding, LastCaller { caller, at }));
        Ok(())
    })?;
    load_ended(db, from.ended_after, sink)?;
    load_calls(db, from.closed_after, sink)?;
    messages::load(db, from.closed_after, |message| sink(Loaded::Message(Box::new(message))))?;
    load_deliveries(db, sink)?;
    replays::open(db, |replay| sink(Loaded::Replay(replay)))
}

fn load_ended(
    db: &Connection,
    ended_after: Timestamp,
    sink: &mut dyn FnMut(Loaded),
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT at, {} FROM binding_ended WHERE key >= ?1 ORDER BY key",
        column_list("", BindingColumns::NAMES)
    );
    for_each(db, &sql, [Value::Int(first_key_at(ended_after))], |cells| {
        let at = cells.column("binding_ended.at")?;
        if at > ended_after {
            sink(Loaded::Ended(BindingColumns::read(|| cells.take())?.into_binding()?, at));
        }
        Ok(())
    })
}

fn load_calls(
    db: &Connection,
    closed_after: Timestamp,
    sink: &mut dyn FnMut(Loaded),
) -> Result<(), StoreError> {
    let open =
        format!("SELECT {CALL} FROM live_call l JOIN call c ON c.key = l.call {CLOSING} ORDER BY l.call");
    let recent = format!(
        "SELECT {CALL} FROM closing g JOIN call c ON c.key = g.call {CLOSING} WHERE g.key >= ?1 ORDER BY g.key"
    );
    for_each(db, &with_columns(&open), [], |cells| {
        sink(Loaded::Call(Box::new(read_call(db, cells)?)));
        Ok(())
    })?;
    for_each(db, &with_columns(&recent), [Value::Int(first_key_at(closed_after))], |cells| {
        let call = read_call(db, cells)?;
        if call.closed.is_some_and(|closed| closed.at > closed_after) {
            sink(Loaded::Call(Box::new(call)));
        }
        Ok(())
    })
}

/// Stands for the columns of a call and of its closing in a statement; see [`with_columns`].
pub(super) const CALL: &str = "{call}";
/// Joins the closing of a call `c`, if it was closed.
pub(super) const CLOSING: &str = "LEFT JOIN call_closed z ON z.call = c.key";

/// The statement with the columns that [`read_call`] reads in place of [`CALL`].
pub(super) fn with_columns(sql: &str) -> String {
    sql.replace(CALL, &format!("{}, z.at, z.swept", column_list("c.", CallColumns::NAMES)))
}

/// Reads a call with its events.
pub(super) fn read_call(db: &Connection, cells: &mut Cells<'_>) -> Result<Call, StoreError> {
    let mut call = CallColumns::read(|| cells.take())?.into_call()?;
    let (at, swept): (Option<_>, Option<_>) =
        (cells.column("call_closed.at")?, cells.column("call_closed.swept")?);
    call.closed = at.zip(swept).map(|(at, swept)| Closed { at, swept });
    call.events = events(db, call.key)?;
    Ok(call)
}

fn events(db: &Connection, call: RowKey) -> Result<Vec<Arc<CallEvent>>, StoreError> {
    let sql =
        format!("SELECT {} FROM call_event WHERE call = ?1 ORDER BY n", column_list("", EventColumns::NAMES));
    let mut events = Vec::new();
    for_each(db, &sql, [Value::Int(key_or_beyond(call))], |cells| {
        events.push(Arc::new(EventColumns::read(|| cells.take())?.into_event()));
        Ok(())
    })?;
    Ok(events)
}

/// Reads the small rows only, not the bodies: there may be a million. The fresh ones are some thousands at most.
fn load_deliveries(db: &Connection, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
    let sql = "SELECT id, app, kind, call, pushes, first_push_at, due FROM delivery_pending UNION ALL \
               SELECT id, app, kind, call, 0, NULL, id >> 21 FROM delivery_fresh ORDER BY id";
    for_each(db, sql, [], |cells| {
        sink(Loaded::Delivery(Delivery {
            id: cells.column("delivery_pending.id")?,
            app: cells.column("delivery_pending.app")?,
            kind: cells.column("delivery_pending.kind")?,
            call: cells.column("delivery_pending.call")?,
            pushes: cells.column("delivery_pending.pushes")?,
            first_push_at: cells.column("delivery_pending.first_push_at")?,
            due: cells.column("delivery_pending.due")?,
            state: State::Pending,
        }));
        Ok(())
    })
}

/// The secret that was drawn when the store was made.
pub(super) fn secret(db: &Connection) -> Result<[u8; 32], StoreError> {
    let stored: Vec<u8> =
        db.query_row("SELECT value FROM meta WHERE name = 'secret'", [], |row| row.get(0))?;
    stored.try_into().map_err(|_| StoreError::Corrupt("the installation's secret has another length".into()))
}

/// The last day whose CDRs stand in a daily file.
pub(super) fn cdr_files_done(db: &Connection) -> Result<Option<Day>, StoreError> {
    let day: Option<u32> = db.query_row("SELECT max(day) FROM cdr_file", [], |row| row.get(0))?;
    Ok(day.map(Day::from_count))
}

/// The highest key in any table. Each `max` is one look at the end of a table.
fn last_key(db: &Connection) -> Result<RowKey, StoreError> {
    let sql = "SELECT max(
        (SELECT coalesce(max(id), 1) FROM binding), (SELECT coalesce(max(key), 1) FROM binding_ended),
        (SELECT coalesce(max(key), 1) FROM call), (SELECT coalesce(max(id), 1) FROM cdr),
        (SELECT coalesce(max(id), 1) FROM delivery), (SELECT coalesce(max(id), 1) FROM audit),
        (SELECT coalesce(max(id), 1) FROM replay), (SELECT coalesce(max(key), 1) FROM recording),
        (SELECT coalesce(max(key), 1) FROM binding_operation), (SELECT coalesce(max(key), 1) FROM message))";
    let mut last = None;
    for_each(db, sql, [], |cells| {
        last = Some(cells.column("the last key")?);
        Ok(())
    })?;
    last.ok_or_else(|| StoreError::Corrupt("there is no last key".into()))
}
