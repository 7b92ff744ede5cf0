//! The operators' questions. Every list runs backwards over the key of one table, from `Page.before` down, and
//! stops at the page's limit or where the span of time begins.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::Connection;

use super::load::{CALL, CLOSING, read_call, with_columns};
use super::sql::list;
use super::sqlite::{Cells, cell, gather};
use crate::domain::call::{Call, Cdr};
use crate::domain::delivery::{Delivery, State};
use crate::domain::id::RowKey;
use crate::store::query::{
    CallFilter, CdrFilter, CdrRow, DeliveryDetail, DeliveryFilter, DeliveryRow, EndedFilter, EndedRow, Page,
    Span,
};
use crate::store::row::{
    AttemptColumns, AuditColumns, BindingColumns, CdrColumns, Column, Value, first_key_at, key_or_beyond,
};
use crate::store::{AuditEntry, Bodies, StoreError};

/// The WHERE of a list, grown condition by condition.
#[derive(Default)]
pub(super) struct Conditions<'v> {
    sql: String,
    values: Vec<Value<'v>>,
}

impl<'v> Conditions<'v> {
    /// The part of the key column that page and span leave.
    pub(super) fn keys(column: &str, page: Page, span: Span) -> Self {
        let mut conditions = Self::default();
        let end = span.to.map_or(i64::MAX, first_key_at);
        let before = page.before.map_or(i64::MAX, key_or_beyond);
        conditions.push(&format!("{column} < ?"), [Value::Int(end.min(before))]);
        if let Some(from) = span.from {
            conditions.push(&format!("{column} >= ?"), [Value::Int(first_key_at(from))]);
        }
        conditions
    }

    /// Adds a condition with as many `?` as there are values.
    pub(super) fn push(&mut self, condition: &str, values: impl IntoIterator<Item = Value<'v>>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    /// Adds `column = value`, if a value was asked for.
    pub(super) fn equal(
        &mut self,
        column: &'static str,
        value: Option<&'v impl Column<'v>>,
    ) -> Result<(), StoreError> {
        if let Some(value) = value {
            self.push(&format!("{column} = ?"), [cell(value, column)?]);
        }
        Ok(())
    }

    /// Adds `column = text`, if a text was asked for.
    pub(super) fn equal_text(&mut self, column: &str, text: Option<&'v str>) {
        if let Some(text) = text {
            self.push(&format!("{column} = ?"), [Value::Text(text.into())]);
        }
    }

    /// The rows of `select` that meet all conditions, newest first.
    pub(super) fn newest<T>(
        mut self,
        db: &Connection,
        select: &str,
        key: &str,
        limit: usize,
        read: impl FnMut(&mut Cells<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.values.push(Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
        let sql = format!("{select}{} ORDER BY {key} DESC LIMIT ?", self.sql);
        gather(db, &sql, self.values, read)
    }
}

pub(super) fn cdrs(db: &Connection, filter: &CdrFilter, page: Page) -> Result<Vec<CdrRow>, StoreError> {
    let mut conditions = Conditions::keys("id", page, filter.span);
    conditions.equal("app", filter.app.as_ref())?;
    conditions.equal("x", filter.x.as_ref())?;
    if let Some(party) = &filter.party {
        let party = cell(party, "cdr.caller")?;
        conditions.push("(caller = ? OR destination = ?)", [party.clone(), party]);
    }
    conditions.equal("subscription", filter.subscription.as_ref())?;
    conditions.equal_text("session", filter.session.as_deref());
    match filter.answered {
        Some(true) => conditions.push("answer IS NOT NULL", []),
        Some(false) => conditions.push("answer IS NULL", []),
        None => {}
    }
    let select = format!("SELECT {} FROM cdr", list("", CdrColumns::NAMES));
    conditions.newest(db, &select, "id", page.limit, |cells| Ok(CdrRow { cdr: read_cdr(cells)? }))
}

fn read_cdr(cells: &mut Cells<'_>) -> Result<Cdr, StoreError> {
    Ok(CdrColumns::read(|| cells.take())?.into_cdr())
}

pub(super) fn calls(db: &Connection, filter: &CallFilter, page: Page) -> Result<Vec<Call>, StoreError> {
    let (from, key) = if filter.open_only {
        ("live_call l CROSS JOIN call c ON c.key = l.call", "l.call")
    } else {
        ("call c", "c.key")
    };
    let mut conditions = Conditions::keys(key, page, filter.span);
    conditions.equal("c.app", filter.app.as_ref())?;
    if let Some(x) = &filter.x {
        conditions.push("c.called = ? AND c.app IS NOT NULL", [cell(x, "call.called")?]);
    }
    conditions.equal_text("c.session", filter.session.as_deref());
    let select = with_columns(&format!("SELECT {CALL} FROM {from} {CLOSING}"));
    conditions.newest(db, &select, key, page.limit, |cells| read_call(db, cells))
}

/// What tells where a delivery stands, from its row `d`, its pending row `p` and its ended row `e`.
pub(super) const DELIVERY: &str = "d.id, d.app, d.kind, d.call, d.session, coalesce(p.pushes, e.pushes), \
                        coalesce(p.first_push_at, e.first_push_at), coalesce(p.due, e.due), \
                        coalesce(e.state, 'pending'), e.ended_at";

pub(super) fn deliveries(
    db: &Connection,
    filter: &DeliveryFilter,
    page: Page,
) -> Result<Vec<DeliveryRow>, StoreError> {
    // From the table that has the fewest rows of the state asked for.
    let (from, key) = match filter.state {
        None => (
            "delivery d LEFT JOIN delivery_pending p ON p.id = d.id LEFT JOIN delivery_ended e ON e.id = d.id",
            "d.id",
        ),
        Some(State::Pending) => (
            "delivery_pending p CROSS JOIN delivery d ON d.id = p.id \
             LEFT JOIN delivery_ended e ON e.id = p.id",
            "p.id",
        ),
        Some(State::Delivered | State::Exhausted) => (
            "delivery_ended e CROSS JOIN delivery d ON d.id = e.id \
             LEFT JOIN delivery_pending p ON p.id = e.id",
            "e.id",
        ),
    };
    let mut conditions = Conditions::keys(key, page, filter.span);
    conditions.equal("d.app", filter.app.as_ref())?;
    conditions.equal("d.kind", filter.kind.as_ref())?;
    if let Some(session) = &filter.session {
        // A push of several CDRs has no session of its own; its CDRs know which push they went out with.
        let session = Value::Text(Cow::Borrowed(session));
        let with_cdrs = "(d.session = ? OR d.id IN (SELECT delivery FROM cdr WHERE session = ?))";
        conditions.push(with_cdrs, [session.clone(), session]);
    }
    if filter.state != Some(State::Pending) {
        conditions.equal("e.state", filter.state.as_ref())?;
    }
    let select = format!("SELECT {DELIVERY} FROM {from}");
    conditions.newest(db, &select, key, page.limit, read_delivery)
}

/// Reads the columns of [`DELIVERY`].
pub(super) fn read_delivery(cells: &mut Cells<'_>) -> Result<DeliveryRow, StoreError> {
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
    })
}

pub(super) fn delivery(db: &Connection, id: RowKey) -> Result<Option<DeliveryDetail>, StoreError> {
    let key = Value::Int(key_or_beyond(id));
    let sql = format!(
        "SELECT {DELIVERY}, d.body FROM delivery d LEFT JOIN delivery_pending p ON p.id = d.id \
         LEFT JOIN delivery_ended e ON e.id = d.id WHERE d.id = ?1"
    );
    let found = gather(db, &sql, [key.clone()], |cells| Ok((read_delivery(cells)?, read_body(cells)?)))?;
    let Some((row, body)) = found.into_iter().next() else { return Ok(None) };
    let sql =
        format!("SELECT {} FROM attempt WHERE delivery = ?1 ORDER BY n", list("", AttemptColumns::NAMES));
    let attempts =
        gather(db, &sql, [key], |cells| Ok(AttemptColumns::read(|| cells.take())?.into_attempt()))?;
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

fn read_body(cells: &mut Cells<'_>) -> Result<Arc<[u8]>, StoreError> {
    match cells.take()? {
        Value::Bytes(bytes) => Ok(Arc::from(&*bytes)),
        _ => Err(StoreError::Corrupt("a delivery has no body".into())),
    }
}

pub(super) fn audit(db: &Connection, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
    let select = format!("SELECT {} FROM audit", list("", AuditColumns::NAMES));
    Conditions::keys("id", page, Span::default())
        .newest(db, &select, "id", page.limit, |cells| Ok(AuditColumns::read(|| cells.take())?.into_entry()))
}

pub(super) fn ended(db: &Connection, filter: &EndedFilter, page: Page) -> Result<Vec<EndedRow>, StoreError> {
    let mut conditions = Conditions::keys("key", page, Span::default());
    conditions.equal("x", filter.x.as_ref())?;
    conditions.equal("app", filter.app.as_ref())?;
    conditions.equal("id", filter.id.as_ref())?;
    if let Some(party) = &filter.party {
        let party = cell(party, "binding_ended.a")?;
        conditions.push("(a = ? OR b = ?)", [party.clone(), party]);
    }
    let select = format!("SELECT key, cause, at, {} FROM binding_ended", list("", BindingColumns::NAMES));
    conditions.newest(db, &select, "key", page.limit, |cells| {
        Ok(EndedRow {
            key: cells.column("binding_ended.key")?,
            cause: cells.column("binding_ended.cause")?,
            at: cells.column("binding_ended.at")?,
            binding: BindingColumns::read(|| cells.take())?.into_binding()?,
        })
    })
}
