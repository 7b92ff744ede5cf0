//! What each [`Write`] does to the tables.

use super::fresh::{FreshChanges, is_fresh};
use super::messages;
use super::recordings;
use super::replays;
use super::sql::WRITE;
use super::sqlite::{Writing, cell};
use super::tone;
use crate::domain::binding::{AnyBinding, Change, LastCaller, UnbindCause};
use crate::domain::call::{Call, Closed};
use crate::domain::delivery::{Delivery, State};
use crate::domain::id::{BindingId, RowKey};
use crate::domain::number::XNumber;
use crate::domain::time::Timestamp;
use crate::store::row::{
    AppColumns, AttemptColumns, AuditColumns, BindingColumns, CallColumns, CdrColumns, EventColumns,
    NumberColumns, OperationColumns, Value, first_key_at, key_or_beyond,
};
use crate::store::{Attempt, StoreError, Write};

/// Carries out one write inside the open transaction.
pub(super) fn apply(db: &Writing<'_>, write: &Write, fresh: &mut FreshChanges<'_>) -> Result<(), StoreError> {
    match write {
        Write::App(app) => db.execute(&WRITE.app, AppColumns::from(&**app).values()?)?,
        Write::Number(number) => db.execute(&WRITE.number, NumberColumns::from(number).values()?)?,
        Write::NumberRemoved(x) => db.execute("DELETE FROM number WHERE x = ?1", [cell(x, "number.x")?])?,
        Write::Binding(change) => return apply_change(db, change),
        Write::LastCaller { binding, caller } => return note_caller(db, *binding, *caller),
        Write::Operation(operation) => {
            db.execute(&WRITE.operation, OperationColumns::from(operation).values()?)?
        }
        Write::Call(call) => return put_call(db, call),
        Write::CallEvent { call, index, event } => {
            db.execute(&WRITE.event, EventColumns::new(*call, *index, event).values()?)?
        }
        Write::CallClosed { call, closed, x } => return close_call(db, *call, *closed, *x),
        Write::Cdr(cdr) => db.execute(&WRITE.cdr, CdrColumns::from(&**cdr).values()?)?,
        Write::Message(message) => return messages::put(db, message),
        Write::Delivery { delivery, session, body } => {
            return add_delivery(db, delivery, session.as_deref(), body, fresh);
        }
        Write::Attempt { delivery, attempt } => return add_attempt(db, delivery, attempt, fresh),
        Write::Redeliver(delivery) => return begin_again(db, delivery, fresh),
        Write::Replay(replay) => return replays::put(db, replay),
        Write::Selected { replay, deliveries } => return replays::select(db, *replay, deliveries),
        Write::Recording(file) => return recordings::add(db, file),
        Write::RecordingExpiry { recording, at } => return recordings::set_expiry(db, *recording, *at),
        Write::RecordingRemoved(recording) => return recordings::remove(db, *recording),
        Write::CdrFileDone(day) => {
            let sql = "INSERT INTO cdr_file (day) VALUES (?1) ON CONFLICT (day) DO NOTHING";
            db.execute(sql, [Value::Int(day.count().into())])?
        }
        Write::ToneUploaded(tone, content) => return tone::put(db, tone, content),
        Write::ToneDecided(tone) => return tone::decide(db, tone),
        Write::ToneRemoved(app, name) => return tone::remove(db, *app, name.as_str()),
        Write::Audit(entry) => db.execute(&WRITE.audit, AuditColumns::from(entry).values()?)?,
    };
    Ok(())
}

fn apply_change(db: &Writing<'_>, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Bound(binding) => {
            db.execute(&WRITE.bound, BindingColumns::from(binding).values()?)?;
            Ok(())
        }
        Change::Modified(binding) => {
            let changed = db.execute(&WRITE.modified, BindingColumns::from(binding).values()?)?;
            one_stood(changed)
        }
        Change::Unbound { binding, cause, at } => end(db, binding, *cause, *at),
        Change::PartyLeft { before, at } => note_ended(db, before, UnbindCause::Modified, *at),
    }
}

fn end(db: &Writing<'_>, binding: &AnyBinding, cause: UnbindCause, at: Timestamp) -> Result<(), StoreError> {
    let id = binding.id();
    if let AnyBinding::Axe(_) = binding {
        db.execute("DELETE FROM last_caller WHERE binding = ?1", [cell(&id, "last_caller.binding")?])?;
    }
    one_stood(db.execute("DELETE FROM binding WHERE id = ?1", [cell(&id, "binding.id")?])?)?;
    note_ended(db, binding, cause, at)
}

fn note_ended(
    db: &Writing<'_>,
    binding: &AnyBinding,
    cause: UnbindCause,
    at: Timestamp,
) -> Result<(), StoreError> {
    // Not below the binding's own key either: keys drawn after a restart must be above every key in use.
    let smallest_key = Value::Int(first_key_at(at).max(key_or_beyond(binding.id())));
    let ending = [smallest_key, cell(&cause, "binding_ended.cause")?, cell(&at, "binding_ended.at")?];
    let columns = BindingColumns::from(binding);
    db.execute(&WRITE.ended, ending.into_iter().chain(columns.values()?))?;
    Ok(())
}

fn note_caller(db: &Writing<'_>, binding: BindingId, last: LastCaller) -> Result<(), StoreError> {
    let sql = "INSERT INTO last_caller (binding, caller, at) \
               SELECT ?1, ?2, ?3 FROM binding WHERE id = ?1 \
               ON CONFLICT (binding) DO UPDATE SET caller = excluded.caller, at = excluded.at \
               WHERE excluded.at >= last_caller.at";
    let values = [
        cell(&binding, "last_caller.binding")?,
        cell(&last.caller, "last_caller.caller")?,
        cell(&last.at, "last_caller.at")?,
    ];
    db.execute(sql, values)?;
    Ok(())
}

/// The registry decided on a binding that is not in the store: then one of them is wrong about more than that.
fn one_stood(rows: usize) -> Result<(), StoreError> {
    match rows {
        1 => Ok(()),
        _ => Err(StoreError::Corrupt("a binding that stands in memory is not stored".into())),
    }
}

fn put_call(db: &Writing<'_>, call: &Call) -> Result<(), StoreError> {
    db.execute(&WRITE.call, CallColumns::from(call).values()?)?;
    if call.closed.is_none() {
        let key = cell(&call.key, "call.key")?;
        db.execute("INSERT INTO live_call (call) VALUES (?1) ON CONFLICT (call) DO NOTHING", [key])?;
    }
    Ok(())
}

fn close_call(db: &Writing<'_>, call: RowKey, closed: Closed, x: Option<XNumber>) -> Result<(), StoreError> {
    let call = cell(&call, "call.key")?;
    let at = cell(&closed.at, "call_closed.at")?;
    db.execute("DELETE FROM live_call WHERE call = ?1", [call.clone()])?;
    db.execute(
        "INSERT INTO call_closed (call, at, swept) VALUES (?1, ?2, ?3)",
        [call.clone(), at.clone(), cell(&closed.swept, "call_closed.swept")?],
    )?;
    db.execute(
        "INSERT INTO closing (key, call) \
         VALUES (max(?1, (SELECT coalesce(max(key), 0) + 1 FROM closing)), ?2)",
        [Value::Int(first_key_at(closed.at)), call],
    )?;
    if let Some(x) = x {
        let sql = "UPDATE number SET last_call_at = max(coalesce(last_call_at, 0), ?2) WHERE x = ?1";
        db.execute(sql, [cell(&x, "number.x")?, at])?;
    }
    Ok(())
}

fn add_delivery(
    db: &Writing<'_>,
    delivery: &Delivery,
    session: Option<&str>,
    body: &[u8],
    fresh: &mut FreshChanges<'_>,
) -> Result<(), StoreError> {
    let session = session.map_or(Value::Null, |session| Value::Text(session.into()));
    db.execute(
        "INSERT INTO delivery (id, app, kind, call, session, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [
            cell(&delivery.id, "delivery.id")?,
            cell(&delivery.app, "delivery.app")?,
            cell(&delivery.kind, "delivery.kind")?,
            cell(&delivery.call, "delivery.call")?,
            session,
            Value::Bytes(body.into()),
        ],
    )?;
    // Also one that is pending at once: the frontier has to pass it.
    fresh.queued(delivery.id);
    if is_fresh(delivery) {
        return Ok(());
    }
    put_pending(db, delivery, fresh)
}

/// The record of a push: the last one of a delivery stands in the row that says how it ended.
fn add_attempt(
    db: &Writing<'_>,
    delivery: &Delivery,
    attempt: &Attempt,
    fresh: &mut FreshChanges<'_>,
) -> Result<(), StoreError> {
    let id = cell(&delivery.id, "delivery.id")?;
    let columns = AttemptColumns::from(attempt);
    if delivery.state == State::Pending {
        db.execute(&WRITE.attempt, std::iter::once(id).chain(columns.values()?))?;
        return put_pending(db, delivery, fresh);
    }
    if !fresh.noted(delivery.id) {
        db.execute("DELETE FROM delivery_pending WHERE id = ?1", [id.clone()])?;
        db.execute(&WRITE.attempt_of_ended, [id.clone()])?;
    }
    let ended_at = attempt.at.after(std::time::Duration::from_millis(attempt.took_ms.into()));
    let ending = [
        id,
        cell(&delivery.pushes, "delivery.pushes")?,
        cell(&delivery.first_push_at, "delivery.first_push_at")?,
        cell(&delivery.due, "delivery.due")?,
        cell(&delivery.state, "delivery_ended.state")?,
        cell(&ended_at, "delivery_ended.ended_at")?,
    ];
    db.execute(&WRITE.delivery_ended, ending.into_iter().chain(columns.values()?))?;
    Ok(())
}

/// What had ended is pending again. Its last push is one of those before the last now.
fn begin_again(
    db: &Writing<'_>,
    delivery: &Delivery,
    fresh: &mut FreshChanges<'_>,
) -> Result<(), StoreError> {
    let id = cell(&delivery.id, "delivery.id")?;
    db.execute(&WRITE.attempt_of_ended, [id.clone()])?;
    db.execute("DELETE FROM delivery_ended WHERE id = ?1", [id])?;
    put_pending(db, delivery, fresh)
}

/// Notes where a delivery stands among the pending ones.
fn put_pending(
    db: &Writing<'_>,
    delivery: &Delivery,
    fresh: &mut FreshChanges<'_>,
) -> Result<(), StoreError> {
    fresh.noted(delivery.id);
    // What it is about stays as it was when it was queued.
    let sql = "INSERT INTO delivery_pending (id, pushes, first_push_at, due, app, kind, call) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               ON CONFLICT (id) DO UPDATE SET pushes = excluded.pushes, \
               first_push_at = excluded.first_push_at, due = excluded.due";
    db.execute(
        sql,
        [
            cell(&delivery.id, "delivery.id")?,
            cell(&delivery.pushes, "delivery.pushes")?,
            cell(&delivery.first_push_at, "delivery.first_push_at")?,
            cell(&delivery.due, "delivery.due")?,
            cell(&delivery.app, "delivery.app")?,
            cell(&delivery.kind, "delivery.kind")?,
            cell(&delivery.call, "delivery.call")?,
        ],
    )?;
    Ok(())
}
