//! Fills the index from the main file: large sorted transactions cost a quarter of small ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use time::Date;
use time::macros::{date, format_description};

use super::super::pool::ReadPool;
use super::super::sqlite::{self, Cells, execute, for_each};
use super::frontier::{Frontier, Source};
use super::{Field, day_of};
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::row::{Value, first_key_at};

/// Page cache of the connection, in KiB. A sorted transaction comes past each page once.
const CACHE_KIB: u32 = 32 * 1_024;
/// Rows moved in one transaction.
pub(super) const ROWS_MAX: usize = 100_000;
/// How far behind its stored position the index starts after a restart. Rows that were committed out of order
/// shortly before a crash are met again within it; moving a row twice changes nothing.
const OVERLAP: Duration = Duration::from_secs(600);
/// The numbered versions of the index's schema.
const MIGRATIONS: &[&str] =
    &[include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::Cdr => "cdr",
            Self::Delivery => "delivery",
            Self::Closing => "closing",
            Self::Ended => "binding_ended",
            Self::Message => "message",
        }
    }

    /// The rows above a key, oldest first: the key, the row's id in its list, then the values to find it by.
    pub(super) const fn rows(self) -> &'static str {
        match self {
            Self::Cdr => {
                "SELECT id, id, x, bound_x, caller, destination, subscription, session FROM cdr \
                 WHERE id > ?1 ORDER BY id LIMIT ?2"
            }
            Self::Delivery => "SELECT id, id, session, app FROM delivery WHERE id > ?1 ORDER BY id LIMIT ?2",
            Self::Closing => {
                "SELECT g.key, c.key, iif(c.app IS NULL, NULL, c.called), c.session \
                 FROM closing g CROSS JOIN call c ON c.key = g.call WHERE g.key > ?1 ORDER BY g.key LIMIT ?2"
            }
            Self::Ended => {
                "SELECT key, key, x, y, a, b, id, ax FROM binding_ended WHERE key > ?1 ORDER BY key LIMIT ?2"
            }
            Self::Message => {
                "SELECT key, key, iif(app IS NULL, NULL, x), sender, receiver, identifier FROM message \
                 WHERE key > ?1 ORDER BY key LIMIT ?2"
            }
        }
    }

    /// The fields that those values belong to.
    const fn fields(self) -> &'static [Field] {
        match self {
            Self::Cdr => &[
                Field::CdrX,
                Field::CdrX,
                Field::CdrParty,
                Field::CdrParty,
                Field::CdrSubscription,
                Field::CdrSession,
            ],
            Self::Delivery => &[Field::DeliverySession, Field::DeliveryApp],
            Self::Closing => &[Field::CallX, Field::CallSession],
            Self::Ended => &[
                Field::EndedX,
                Field::EndedX,
                Field::EndedParty,
                Field::EndedParty,
                Field::EndedBinding,
                Field::EndedBinding,
            ],
            Self::Message => {
                &[Field::MessageX, Field::MessageParty, Field::MessageParty, Field::MessageIdentifier]
            }
        }
    }
}

/// The one that writes the index.
#[derive(Debug)]
pub(super) struct Mover {
    index: Connection,
    main: ReadPool,
    frontier: Arc<Frontier>,
    /// Days before this one were dropped.
    first_kept: i64,
}

/// One value to find a row by. Sorted as the table is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    day: i64,
    field: i64,
    value: i64,
    id: i64,
}

impl Mover {
    /// Opens the index at `path`, making or updating it if need be, for the main file at `main`.
    pub(super) fn open(path: &Path, main: &Path) -> Result<Self, StoreError> {
        let mut index = sqlite::open_for_writing(path, CACHE_KIB)?;
        // A power cut may cost the last seconds of the index, never its consistency; they are moved again.
        index.pragma_update(None, "synchronous", "NORMAL")?;
        sqlite::migrate(&mut index, MIGRATIONS)?;
        let mut reached = [0; Source::ALL.len()];
        for (reached, source) in reached.iter_mut().zip(Source::ALL) {
            *reached = behind(stored_position(&index, source)?);
        }
        let frontier = Arc::new(Frontier::new(reached));
        Ok(Self { index, main: ReadPool::new(main), frontier, first_kept: 0 })
    }

    pub(super) fn frontier(&self) -> Arc<Frontier> {
        Arc::clone(&self.frontier)
    }

    /// Drops the days that are not needed any more, and moves up to [`ROWS_MAX`] rows of every table. Returns whether some
    /// table may have more.
    pub(super) fn step(&mut self) -> Result<bool, StoreError> {
        let first_kept = self.frontier.first_kept();
        if first_kept > self.first_kept {
            self.drop_before(first_kept)?;
            self.first_kept = first_kept;
        }
        let mut more = false;
        for source in Source::ALL {
            more |= self.move_rows(source)? == ROWS_MAX;
        }
        Ok(more)
    }

    fn move_rows(&mut self, source: Source) -> Result<usize, StoreError> {
        let above = self.frontier.begin(source);
        let mut last = above;
        let mut rows = 0;
        let mut entries = Vec::new();
        let bounds = [Value::Int(above), Value::Int(i64::try_from(ROWS_MAX).unwrap_or(i64::MAX))];
        self.main.read(|main| {
            for_each(main, source.rows(), bounds, |cells| {
                rows += 1;
                last = cells.column("key")?;
                gather_entries(source, cells, &mut entries)
            })
        })?;
        if rows == 0 {
            return Ok(0);
        }
        entries.sort_unstable();
        sqlite::in_transaction(&mut self.index, |index| {
            store(index, &entries)?;
            let sql = "INSERT INTO source (name, moved_to) VALUES (?1, ?2) \
                       ON CONFLICT (name) DO UPDATE SET moved_to = excluded.moved_to";
            execute(index, sql, [Value::Text(source.name().into()), Value::Int(last)])?;
            Ok(())
        })?;
        self.frontier.moved(source, last);
        Ok(rows)
    }

    /// Drops the days before this one.
    fn drop_before(&mut self, first_kept: i64) -> Result<(), StoreError> {
        sqlite::in_transaction(&mut self.index, |index| {
            let mut tables = Vec::new();
            for_each(index, "SELECT entries FROM day WHERE day < ?1", [Value::Int(first_kept)], |cells| {
                tables.push(super::table_name(cells)?);
                Ok(())
            })?;
            for table in tables {
                index.execute_batch(&format!("DROP TABLE {table}"))?;
            }
            execute(index, "DELETE FROM day WHERE day < ?1", [Value::Int(first_kept)])?;
            Ok(())
        })
    }
}

fn stored_position(index: &Connection, source: Source) -> Result<i64, StoreError> {
    let mut position = 0;
    let name = Value::Text(source.name().into());
    for_each(index, "SELECT moved_to FROM source WHERE name = ?1", [name], |cells| {
        position = cells.column("source.moved_to")?;
        Ok(())
    })?;
    Ok(position)
}

/// The key from which to go over a table again.
fn behind(position: i64) -> i64 {
    let key = u64::try_from(position).ok().and_then(RowKey::from_stored);
    key.map_or(0, |key| first_key_at(Timestamp::from_millis(key.millis()).before(OVERLAP)))
}

fn gather_entries(source: Source, cells: &mut Cells<'_>, entries: &mut Vec<Entry>) -> Result<(), StoreError> {
    let id: i64 = cells.column("id")?;
    let day = day_of(id);
    for &field in source.fields() {
        let field = field as i64;
        match cells.take()? {
            Value::Int(value) if value > 0 => entries.push(Entry { day, field, value, id }),
            // A push of several CDRs names the sessions of all of them, with blanks between.
            Value::Text(text) => entries.extend(text.split(' ').map(|text| Entry {
                day,
                field,
                value: super::hash_of(text),
                id,
            })),
            _ => {} // absent, or a caller without a number
        }
    }
    Ok(())
}

/// Stores sorted entries, each in the table of its day.
fn store(index: &Connection, entries: &[Entry]) -> Result<(), StoreError> {
    for of_a_day in entries.chunk_by(|one, next| one.day == next.day) {
        let table = make_day(index, of_a_day[0].day)?;
        let sql = format!("INSERT OR IGNORE INTO {table} (field, value, id) VALUES (?1, ?2, ?3)");
        let mut insert = index.prepare_cached(&sql)?;
        for entry in of_a_day {
            insert.execute([entry.field, entry.value, entry.id])?;
        }
    }
    Ok(())
}

/// The table of that day, made if need be.
fn make_day(index: &Connection, day: i64) -> Result<String, StoreError> {
    let table = format!("entry_{}", calendar_date(day));
    let new = execute(
        index,
        "INSERT INTO day (day, entries) VALUES (?1, ?2) ON CONFLICT (day) DO NOTHING",
        [Value::Int(day), Value::Text(table.as_str().into())],
    )?;
    if new == 1 {
        index.execute_batch(&format!(
            "CREATE TABLE {table} (field INTEGER NOT NULL, value ANY NOT NULL, id INTEGER NOT NULL, \
             PRIMARY KEY (field, value, id)) STRICT, WITHOUT ROWID"
        ))?;
    }
    Ok(table)
}

/// The date of a day since 1970, as in the names of the tables.
fn calendar_date(day: i64) -> String {
    let julian = i64::from(date!(1970 - 01 - 01).to_julian_day()) + day;
    let date = i32::try_from(julian).ok().and_then(|julian| Date::from_julian_day(julian).ok());
    let text = date.and_then(|date| date.format(format_description!("[year][month][day]")).ok());
    text.unwrap_or_else(|| format!("day{day}")) // no key lies that far ahead
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_after_its_date_in_utc() {
        assert_eq!(calendar_date(0), "19700101");
        let last_second = Timestamp::from_secs(1_795_478_399);
        assert_eq!(calendar_date(day_of(first_key_at(last_second))), "20261123");
        assert_eq!(
            calendar_date(day_of(first_key_at(last_second.after(Duration::from_secs(1))))),
            "20261124"
        );
    }
}
