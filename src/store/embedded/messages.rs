//! The rows of short messages.

use std::borrow::Cow;

use rusqlite::Connection;

use super::find::{by_text, by_value};
use super::list::{Conditions, List, Unindexed};
use super::search::{Field, Index, Look};
use super::sql::{WRITE, column_list};
use super::sqlite::{Cells, Writing, cell, for_each};
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::query::{MessageFilter, MessageStanding, Page};
use crate::store::row::{MessageColumns, Value, first_key_at};

/// Stands for the columns that [`read`] reads, of a message `m`.
fn select() -> String {
    let columns = column_list("m.", MessageColumns::NAMES);
    format!("SELECT {columns}, o.text FROM message m LEFT JOIN open_message o ON o.message = m.key")
}

/// Adds a message, or puts it in place of its former self. Its text is kept only while its result is awaited.
pub(super) fn put(db: &Writing<'_>, message: &Message) -> Result<(), StoreError> {
    db.execute(&WRITE.message, MessageColumns::from(message).values()?)?;
    let key = cell(&message.key, "message.key")?;
    match &message.text {
        Some(text) if message.ended.is_none() => {
            let sql =
                "INSERT INTO open_message (message, text) VALUES (?1, ?2) ON CONFLICT (message) DO NOTHING";
            db.execute(sql, [key, Value::Text(text.expose().into())])?;
        }
        _ => _ = db.execute("DELETE FROM open_message WHERE message = ?1", [key])?,
    }
    Ok(())
}

/// Hands over the messages whose result is awaited, and those that came in after that instant.
pub(super) fn load(
    db: &Connection,
    after: Timestamp,
    mut each: impl FnMut(Message),
) -> Result<(), StoreError> {
    // The few that are older and open come first, so the order of keys is kept.
    let older = format!(
        "{} WHERE m.key IN (SELECT message FROM open_message WHERE message < ?1) ORDER BY m.key",
        select()
    );
    let recent = format!("{} WHERE m.key >= ?1 ORDER BY m.key", select());
    for sql in [older, recent] {
        for_each(db, &sql, [Value::Int(first_key_at(after))], |cells| {
            each(read(cells)?);
            Ok(())
        })?;
    }
    Ok(())
}

fn read(cells: &mut Cells<'_>) -> Result<Message, StoreError> {
    let columns = MessageColumns::read(|| cells.take())?;
    let text: Option<Cow<'_, str>> = cells.column("open_message.text")?;
    Ok(columns.into_message(text.as_deref())?)
}

/// What the index can shorten this search by. Those whose result is awaited are few.
pub(super) fn look_for(filter: &MessageFilter) -> Option<Look<'_>> {
    if filter.standing == Some(MessageStanding::Awaited) {
        return None;
    }
    by_text(Field::MessageIdentifier, filter.identifier.as_deref())
        .or_else(|| by_value(Field::MessageParty, filter.party.as_ref()))
        .or_else(|| by_value(Field::MessageX, filter.x.as_ref()))
}

pub(super) fn find<'f>(
    db: &Connection,
    index: Option<&Index<'_>>,
    filter: &'f MessageFilter,
    page: Page,
) -> Result<Vec<Message>, StoreError> {
    let list = List {
        select: &select(),
        key: "m.key",
        unindexed: Unindexed::Above,
        key_of: |message: &Message| message.key,
    };
    let result = match filter.standing {
        Some(MessageStanding::Ended(result)) => Some(i64::from(result.code())),
        Some(MessageStanding::Awaited) | None => None,
    };
    let narrow = |conditions: &mut Conditions<'f>| {
        conditions.equal("m.app", filter.app.as_ref())?;
        if filter.x.is_some() {
            conditions.equal("m.x", filter.x.as_ref())?;
            conditions.push("m.app IS NOT NULL", []);
        }
        conditions.equal_any(&["m.sender", "m.receiver"], filter.party.as_ref())?;
        conditions.equal_text("m.identifier", filter.identifier.as_deref());
        if let Some(result) = result {
            conditions.push("m.result = ?", [Value::Int(result)]);
        }
        if filter.standing == Some(MessageStanding::Awaited) {
            conditions.push("m.key IN (SELECT message FROM open_message)", []);
        }
        Ok(())
    };
    list.find(db, index, (page, filter.span), narrow, read)
}
