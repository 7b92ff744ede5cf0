//! The operators' questions. Every list runs backwards over the key of one table, from `Page.before` down, and
//! stops at the page's limit or where the span of time begins. Questions for a number, a session or a binding
//! go through the search index.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use rusqlite::Connection;

use super::list::{Conditions, List, Unindexed};
use super::load::{CALL, CLOSING, read_call, with_columns};
use super::search::{Field, Index, Look, hash_of};
use super::sql::column_list;
use super::sqlite::{Cells, gather};
use crate::domain::call::{Call, Stage};
use crate::domain::delivery::{Delivery, State};
use crate::domain::id::RowKey;
use crate::domain::operation::{BindingOperation, OperationKind};
use crate::store::query::{
    CallFilter, CdrFilter, CdrRow, DeliveryDetail, DeliveryFilter, DeliveryRow, EndedFilter, EndedRow,
    LastPush, OperationFilter, Page, Span,
};
use crate::store::row::{
    AttemptColumns, AuditColumns, BindingColumns, CdrColumns, Column, OperationColumns, Value, key_or_beyond,
};
use crate::store::{AuditEntry, Bodies, StoreError};

/// What the index can shorten this search by.
pub(super) fn look_for_cdrs(filter: &CdrFilter) -> Option<Look<'_>> {
    by_text(Field::CdrSession, filter.session.as_deref())
        .or_else(|| by_value(Field::CdrSubscription, filter.subscription.as_ref()))
        .or_else(|| by_value(Field::CdrParty, filter.party.as_ref()))
        .or_else(|| by_value(Field::CdrX, filter.x.as_ref()))
}

pub(super) fn cdrs<'f>(
    db: &Connection,
    index: Option<&Index<'_>>,
    filter: &'f CdrFilter,
    page: Page,
) -> Result<Vec<CdrRow>, StoreError> {
    let list = List {
        select: &format!("SELECT {} FROM cdr", column_list("", CdrColumns::NAMES)),
        key: "id",
        unindexed: Unindexed::Above,
        key_of: |row: &CdrRow| row.cdr.id,
    };
    let narrow = |conditions: &mut Conditions<'f>| {
        conditions.equal("app", filter.app.as_ref())?;
        conditions.equal_any(&["x", "bound_x"], filter.x.as_ref())?;
        conditions.equal_any(&["caller", "destination"], filter.party.as_ref())?;
        conditions.equal("subscription", filter.subscription.as_ref())?;
        conditions.equal_text("session", filter.session.as_deref());
        match filter.answered {
            Some(true) => conditions.push("answer IS NOT NULL", []),
            Some(false) => conditions.push("answer IS NULL", []),
            None => {}
        }
        Ok(())
    };
    list.find(db, index, (page, filter.span), narrow, |cells| {
        Ok(CdrRow { cdr: CdrColumns::read(|| cells.take())?.into_cdr() })
    })
}

/// What the index can shorten this search by. Open calls are few and not in it.
pub(super) fn look_for_calls(filter: &CallFilter) -> Option<Look<'_>> {
    if filter.open_only {
        return None;
    }
    by_text(Field::CallSession, filter.session.as_deref())
        .or_else(|| by_value(Field::CallX, filter.x.as_ref()))
}

pub(super) fn calls<'f>(
    db: &Connection,
    index: Option<&Index<'_>>,
    filter: &'f CallFilter,
    page: Page,
) -> Result<Vec<Call>, StoreError> {
    let (from, key) = if filter.open_only {
        ("live_call l CROSS JOIN call c ON c.key = l.call", "l.call")
    } else {
        ("call c", "c.key")
    };
    let list = List {
        select: &with_columns(&format!("SELECT {CALL} FROM {from} {CLOSING}")),
        key,
        unindexed: Unindexed::Where(
            "c.key IN (SELECT call FROM live_call UNION ALL SELECT call FROM closing WHERE key > ?)",
        ),
        key_of: |call: &Call| call.key,
    };
    let narrow = |conditions: &mut Conditions<'f>| {
        conditions.equal("c.app", filter.app.as_ref())?;
        if filter.x.is_some() {
            conditions.equal("c.called", filter.x.as_ref())?;
            conditions.push("c.app IS NOT NULL", []);
        }
        conditions.equal_text("c.session", filter.session.as_deref());
        Ok(())
    };
    list.find(db, index, (page, filter.span), narrow, |cells| read_call(db, cells))
}

/// What tells where a delivery stands, from its row `d`, its pending row `p`, its ended row `e` and the row `a` of
/// its last push, if that is not in `e`. With neither `p` nor `e` it is fresh. The stage stands only in the body.
const DELIVERY: &str = "d.id, d.app, d.kind, d.call, d.session, coalesce(p.pushes, e.pushes, 0), \
                        coalesce(p.first_push_at, e.first_push_at), coalesce(p.due, e.due, d.id >> 21), \
                        coalesce(e.state, 'pending'), e.ended_at, \
                        CASE WHEN d.kind = 'event' AND json_valid(CAST(d.body AS TEXT)) \
                        THEN json_extract(CAST(d.body AS TEXT), '$.eventType') END, \
                        coalesce(e.at, a.at), coalesce(e.url, a.url), iif(e.at IS NULL, a.failure, e.failure)";
/// Joins the last push of a delivery `d`, if one was made.
const LAST_PUSH: &str = "LEFT JOIN attempt a ON a.delivery = d.id \
                         AND a.n = (SELECT max(n) FROM attempt WHERE delivery = d.id)";

/// What the index can shorten this search by. Pending deliveries are few.
pub(super) fn look_for_deliveries(filter: &DeliveryFilter) -> Option<Look<'_>> {
    match filter.state {
        Some(State::Pending) => None,
        _ => by_text(Field::DeliverySession, filter.session.as_deref())
            .or_else(|| by_value(Field::DeliveryApp, filter.app.as_ref())),
    }
}

pub(super) fn deliveries(
    db: &Connection,
    index: Option<&Index<'_>>,
    filter: &DeliveryFilter,
    page: Page,
) -> Result<Vec<DeliveryRow>, StoreError> {
    // From the table that has the fewest rows of the state asked for.
    match filter.state {
        None => {
            let all = "delivery d LEFT JOIN delivery_pending p ON p.id = d.id \
                       LEFT JOIN delivery_ended e ON e.id = d.id";
            deliveries_from(db, index, filter, page, (all, "d.id"))
        }
        Some(State::Delivered | State::Exhausted) => {
            let ended = "delivery_ended e CROSS JOIN delivery d ON d.id = e.id \
                         LEFT JOIN delivery_pending p ON p.id = e.id";
            deliveries_from(db, index, filter, page, (ended, "e.id"))
        }
        Some(State::Pending) => {
            let pending = "delivery_pending p CROSS JOIN delivery d ON d.id = p.id \
                           LEFT JOIN delivery_ended e ON e.id = p.id";
            let fresh = "delivery_fresh f CROSS JOIN delivery d ON d.id = f.id \
                         LEFT JOIN delivery_pending p ON p.id = f.id LEFT JOIN delivery_ended e ON e.id = f.id";
            let mut found = deliveries_from(db, index, filter, page, (pending, "p.id"))?;
            found.extend(deliveries_from(db, index, filter, page, (fresh, "f.id"))?);
            found.sort_by_key(|row| Reverse(row.delivery.id));
            found.truncate(page.limit);
            Ok(found)
        }
    }
}

/// Those from one table or join, with its key.
fn deliveries_from<'f>(
    db: &Connection,
    index: Option<&Index<'_>>,
    filter: &'f DeliveryFilter,
    page: Page,
    (from, key): (&str, &'static str),
) -> Result<Vec<DeliveryRow>, StoreError> {
    let list = List {
        select: &format!("SELECT {DELIVERY} FROM {from} {LAST_PUSH}"),
        key,
        unindexed: Unindexed::Above,
        key_of: |row: &DeliveryRow| row.delivery.id,
    };
    let narrow = |conditions: &mut Conditions<'f>| {
        conditions.equal("d.app", filter.app.as_ref())?;
        conditions.equal("d.kind", filter.kind.as_ref())?;
        if let Some(session) = &filter.session {
            let among = "instr(' ' || d.session || ' ', ' ' || ? || ' ') > 0";
            conditions.push(among, [Value::Text(session.as_str().into())]);
        }
        if filter.state != Some(State::Pending) {
            conditions.equal("e.state", filter.state.as_ref())?;
        }
        Ok(())
    };
    list.find(db, index, (page, filter.span), narrow, read_delivery)
}

/// Reads the columns of [`DELIVERY`].
fn read_delivery(cells: &mut Cells<'_>) -> Result<DeliveryRow, StoreError> {
    let id = cells.column("delivery.id")?;
    let app = cells.column("delivery.app")?;
    let kind = cells.column("delivery.kind")?;
    let call = cells.column("delivery.call")?;
    let session: Option<Cow<'_, str>> = cells.column("delivery.session")?;
    let pushes = cells.column("delivery.pushes")?;
    let first_push_at = cells.column("delivery.first_push_at")?;
    let due = cells.column("delivery.due")?;
    let state = cells.column("delivery.state")?;
    Ok(DeliveryRow {
        delivery: Delivery { id, app, kind, call, pushes, first_push_at, due, state },
        session: session.map(|session| Box::from(&*session)),
        ended_at: cells.column("delivery_ended.ended_at")?,
        stage: cells.column::<Option<Cow<'_, str>>>("eventType")?.and_then(|word| Stage::from_word(&word)),
        last_push: read_last_push(cells)?,
    })
}

fn read_last_push(cells: &mut Cells<'_>) -> Result<Option<LastPush>, StoreError> {
    let at: Option<_> = cells.column("attempt.at")?;
    let url: Option<Cow<'_, str>> = cells.column("attempt.url")?;
    let failure: Option<Cow<'_, str>> = cells.column("attempt.failure")?;
    let failure = failure.map(|failure| Box::from(&*failure));
    Ok(at.zip(url).map(|(at, url)| LastPush { at, url: Box::from(&*url), failure }))
}

pub(super) fn delivery(db: &Connection, id: RowKey) -> Result<Option<DeliveryDetail>, StoreError> {
    let key = Value::Int(key_or_beyond(id));
    let sql = format!(
        "SELECT {DELIVERY}, d.body FROM delivery d LEFT JOIN delivery_pending p ON p.id = d.id \
         LEFT JOIN delivery_ended e ON e.id = d.id {LAST_PUSH} WHERE d.id = ?1"
    );
    let found = gather(db, &sql, [key.clone()], |cells| Ok((read_delivery(cells)?, read_body(cells)?)))?;
    let Some((row, body)) = found.into_iter().next() else { return Ok(None) };
    let sql = format!(
        "SELECT {} FROM attempt WHERE delivery = ?1 ORDER BY n",
        column_list("", AttemptColumns::NAMES)
    );
    let read = |cells: &mut Cells<'_>| Ok(AttemptColumns::read(|| cells.take())?.into_attempt());
    let mut attempts = gather(db, &sql, [key.clone()], read)?;
    let last = format!(
        "SELECT {} FROM delivery_ended WHERE id = ?1 AND at IS NOT NULL",
        column_list("", AttemptColumns::NAMES)
    );
    attempts.extend(gather(db, &last, [key], read)?);
    Ok(Some(DeliveryDetail { row, attempts, body }))
}

pub(super) fn bodies(db: &Connection, deliveries: &[RowKey]) -> Result<Bodies, StoreError> {
    let mut bodies = Vec::with_capacity(deliveries.len());
    for &id in deliveries {
        let key = Value::Int(key_or_beyond(id));
        let found = gather(db, "SELECT body FROM delivery WHERE id = ?1", [key], read_body)?;
        bodies.extend(found.into_iter().map(|body| (id, body)));
    }
    Ok(bodies)
}

pub(super) fn read_body(cells: &mut Cells<'_>) -> Result<Arc<[u8]>, StoreError> {
    match cells.take()? {
        Value::Bytes(bytes) => Ok(Arc::from(&*bytes)),
        _ => Err(StoreError::Corrupt("a delivery has no body".into())),
    }
}

pub(super) fn audit(db: &Connection, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
    let list = List {
        select: &format!("SELECT {} FROM audit", column_list("", AuditColumns::NAMES)),
        key: "id",
        unindexed: Unindexed::Above,
        key_of: |entry: &AuditEntry| entry.id,
    };
    let read = |cells: &mut Cells<'_>| Ok(AuditColumns::read(|| cells.take())?.into_entry());
    list.find(db, None, (page, Span::default()), |_| Ok(()), read)
}

/// What the index can shorten this search by.
pub(super) fn look_for_ended(filter: &EndedFilter) -> Option<Look<'_>> {
    by_value(Field::EndedBinding, filter.id.as_ref())
        .or_else(|| by_value(Field::EndedParty, filter.party.as_ref()))
        .or_else(|| by_value(Field::EndedX, filter.x.as_ref()))
}

pub(super) fn ended<'f>(
    db: &Connection,
    index: Option<&Index<'_>>,
    filter: &'f EndedFilter,
    page: Page,
) -> Result<Vec<EndedRow>, StoreError> {
    let list = List {
        select: &format!(
            "SELECT key, cause, at, {} FROM binding_ended",
            column_list("", BindingColumns::NAMES)
        ),
        key: "key",
        unindexed: Unindexed::Above,
        key_of: |row: &EndedRow| row.key,
    };
    let narrow = |conditions: &mut Conditions<'f>| {
        conditions.equal_any(&["x", "y"], filter.x.as_ref())?;
        conditions.equal("app", filter.app.as_ref())?;
        conditions.equal_any(&["id", "ax"], filter.id.as_ref())?;
        conditions.equal_any(&["a", "b"], filter.party.as_ref())
    };
    list.find(db, index, (page, Span::default()), narrow, |cells| {
        Ok(EndedRow {
            key: cells.column("binding_ended.key")?,
            cause: cells.column("binding_ended.cause")?,
            at: cells.column("binding_ended.at")?,
            binding: BindingColumns::read(|| cells.take())?.into_binding()?,
        })
    })
}

/// Every row in the span is looked at: an index would cost each bind more than the line itself.
pub(super) fn operations<'f>(
    db: &Connection,
    filter: &'f OperationFilter,
    page: Page,
) -> Result<Vec<BindingOperation>, StoreError> {
    let list = List {
        select: &format!("SELECT {} FROM binding_operation", column_list("", OperationColumns::NAMES)),
        key: "key",
        unindexed: Unindexed::Above,
        key_of: |operation: &BindingOperation| operation.key,
    };
    let narrow = |conditions: &mut Conditions<'f>| {
        conditions.equal("app", filter.app.as_ref())?;
        conditions.equal_any(&["x", "y"], filter.x.as_ref())?;
        conditions.equal("binding", filter.binding.as_ref())?;
        conditions.equal_text("kind", filter.kind.map(OperationKind::as_str));
        conditions.equal_any(&["a", "b", "callee"], filter.party.as_ref())
    };
    list.find(db, None, (page, filter.span), narrow, |cells| {
        Ok(OperationColumns::read(|| cells.take())?.into_operation()?)
    })
}

pub(super) fn by_value<'v>(field: Field, value: Option<&'v impl Column<'v>>) -> Option<Look<'v>> {
    Some(Look { field, value: value?.write()? })
}

pub(super) fn by_text(field: Field, text: Option<&str>) -> Option<Look<'_>> {
    text.map(|text| Look { field, value: Value::Int(hash_of(text)) })
}
