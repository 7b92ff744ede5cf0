//! Statements that are made from the columns of a table.

use std::sync::LazyLock;

use crate::store::row::{
    AppColumns, AttemptColumns, AuditColumns, BindingColumns, CallColumns, CdrColumns, EventColumns,
    MessageColumns, NumberColumns, OperationColumns, RecordingColumns, ReplayColumns, ToneColumns,
};

/// The statements of the write path.
pub(super) struct WriteSql {
    pub(super) app: String,
    pub(super) number: String,
    pub(super) bound: String,
    pub(super) modified: String,
    pub(super) ended: String,
    pub(super) call: String,
    pub(super) event: String,
    pub(super) cdr: String,
    pub(super) message: String,
    pub(super) attempt: String,
    pub(super) attempt_of_ended: String,
    pub(super) delivery_ended: String,
    pub(super) replay: String,
    pub(super) operation: String,
    pub(super) tone: String,
    pub(super) audit: String,
    pub(super) recording: String,
}

/// All of them, put together once.
pub(super) static WRITE: LazyLock<WriteSql> = LazyLock::new(|| WriteSql {
    app: put("app", AppColumns::NAMES),
    number: put("number", NumberColumns::NAMES),
    bound: insert("binding", BindingColumns::NAMES),
    modified: update("binding", BindingColumns::NAMES),
    // The first parameter is the smallest key the row may have: rows rise whatever the clock does.
    ended: format!(
        "INSERT INTO binding_ended (key, cause, at, {columns}) \
         VALUES (max(?1, (SELECT coalesce(max(key), 0) + 1 FROM binding_ended)), ?2, ?3, {values})",
        columns = column_list("", BindingColumns::NAMES),
        values = parameters(4, BindingColumns::NAMES.len()),
    ),
    call: put("call", CallColumns::NAMES),
    event: insert("call_event", EventColumns::NAMES),
    cdr: insert("cdr", CdrColumns::NAMES),
    message: put("message", MessageColumns::NAMES),
    attempt: format!(
        "INSERT INTO attempt (delivery, n, {columns}) \
         VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM attempt WHERE delivery = ?1), {values})",
        columns = column_list("", AttemptColumns::NAMES),
        values = parameters(2, AttemptColumns::NAMES.len()),
    ),
    attempt_of_ended: format!(
        "INSERT INTO attempt (delivery, n, {columns}) \
         SELECT id, (SELECT coalesce(max(n), 0) + 1 FROM attempt WHERE delivery = ?1), {columns} \
         FROM delivery_ended WHERE id = ?1 AND at IS NOT NULL",
        columns = column_list("", AttemptColumns::NAMES),
    ),
    delivery_ended: put(
        "delivery_ended",
        &[&["id", "pushes", "first_push_at", "due", "state", "ended_at"], AttemptColumns::NAMES].concat(),
    ),
    replay: put("replay", ReplayColumns::NAMES),
    operation: insert("binding_operation", OperationColumns::NAMES),
    tone: format!(
        "INSERT INTO tone ({columns}, content) VALUES ({values}) ON CONFLICT (app, name) DO UPDATE SET \
         state = excluded.state, bytes = excluded.bytes, sha256 = excluded.sha256, \
         uploaded_at = excluded.uploaded_at, decided_at = excluded.decided_at, content = excluded.content",
        columns = column_list("", ToneColumns::NAMES),
        values = parameters(1, ToneColumns::NAMES.len() + 1),
    ),
    audit: insert("audit", AuditColumns::NAMES),
    recording: insert("recording", RecordingColumns::NAMES),
});

/// The columns for a SELECT, each with `prefix` in front (`c.` for a table called c).
pub(super) fn column_list(prefix: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
}

fn parameters(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ")
}

fn insert(table: &str, names: &[&str]) -> String {
    format!("INSERT INTO {table} ({}) VALUES ({})", column_list("", names), parameters(1, names.len()))
}

/// Inserts a row, or replaces the columns of the one with the same key; columns not named stay.
fn put(table: &str, names: &[&str]) -> String {
    let others: Vec<_> = names[1..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!("{} ON CONFLICT ({}) DO UPDATE SET {}", insert(table, names), names[0], others.join(", "))
}

/// Replaces the columns of the row with this key.
fn update(table: &str, names: &[&str]) -> String {
    let others: Vec<_> = (2..).zip(&names[1..]).map(|(n, name)| format!("{name} = ?{n}")).collect();
    format!("UPDATE {table} SET {} WHERE {} = ?1", others.join(", "), names[0])
}
