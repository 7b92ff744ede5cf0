//! Lists, newest first: the conditions of one, and how the index shortens the search.

use std::cmp::Reverse;

use rusqlite::Connection;

use super::search::Index;
use super::sqlite::{Cells, cell, gather};
use crate::domain::id::RowKey;
use crate::store::StoreError;
use crate::store::query::{Page, Span};
use crate::store::row::{Column, Value, first_key_at, key_or_beyond};

/// The WHERE of a list, grown condition by condition.
#[derive(Debug, Default)]
pub(super) struct Conditions<'v> {
    sql: String,
    values: Vec<Value<'v>>,
}

impl<'v> Conditions<'v> {
    /// The keys from `from` up to before `before`.
    fn keys(column: &str, (from, before): (i64, i64)) -> Self {
        let mut conditions = Self::default();
        conditions.push(&format!("{column} >= ?"), [Value::Int(from)]);
        conditions.push(&format!("{column} < ?"), [Value::Int(before)]);
        conditions
    }

    /// These keys.
    fn among(column: &str, keys: &[i64]) -> Self {
        let mut conditions = Self::default();
        let json = serde_json::to_string(keys).unwrap_or_default();
        conditions.push(&format!("{column} IN (SELECT value FROM json_each(?))"), [Value::Text(json.into())]);
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

    /// Adds that one of some columns has the value, if a value was asked for.
    pub(super) fn equal_any(
        &mut self,
        columns: &[&'static str],
        value: Option<&'v impl Column<'v>>,
    ) -> Result<(), StoreError> {
        if let Some(value) = value {
            let value = cell(value, columns[0])?;
            let alternatives: Vec<_> = columns.iter().map(|column| format!("{column} = ?")).collect();
            let condition = format!("({})", alternatives.join(" OR "));
            self.push(&condition, std::iter::repeat_n(value, columns.len()));
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
    fn newest<T>(
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

/// Which rows of a list may be missing from the index, given the key up to which it reaches.
pub(super) enum Unindexed {
    /// Those with a higher key.
    Above,
    /// Those that meet this condition on it.
    Where(&'static str),
}

/// What a list is made of.
pub(super) struct List<'a, T> {
    /// The SELECT, up to before its WHERE.
    pub(super) select: &'a str,
    /// The key column: the list is sorted, paged and bounded by it.
    pub(super) key: &'static str,
    /// Which rows may be missing from the index.
    pub(super) unindexed: Unindexed,
    /// The key of a row.
    pub(super) key_of: fn(&T) -> RowKey,
}

impl<T> List<'_, T> {
    /// The rows that meet the conditions which `narrow` adds. With an `index` only the rows it names are looked
    /// at, and those that it may not have yet; without one, all in the span.
    pub(super) fn find<'v>(
        &self,
        db: &Connection,
        index: Option<&Index<'_>>,
        (page, span): (Page, Span),
        narrow: impl Fn(&mut Conditions<'v>) -> Result<(), StoreError>,
        read: impl Fn(&mut Cells<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let from = span.from.map_or(0, first_key_at);
        let before = page.before.map_or(i64::MAX, key_or_beyond).min(span.to.map_or(i64::MAX, first_key_at));
        let rows = |mut conditions: Conditions<'v>, limit| {
            narrow(&mut conditions)?;
            conditions.newest(db, self.select, self.key, limit, &read)
        };
        let Some(index) = index else {
            return rows(Conditions::keys(self.key, (from, before)), page.limit);
        };
        let unindexed = match self.unindexed {
            Unindexed::Above => Conditions::keys(self.key, (from.max(index.reached() + 1), before)),
            Unindexed::Where(condition) => {
                let mut conditions = Conditions::keys(self.key, (from, before));
                conditions.push(condition, [Value::Int(index.reached())]);
                conditions
            }
        };
        let mut found = rows(unindexed, page.limit)?;
        let mut indexed = Vec::new();
        index.walk(from, before, |keys| {
            indexed.extend(rows(Conditions::among(self.key, keys), page.limit - indexed.len())?);
            Ok(indexed.len() < page.limit)
        })?;
        // Both are the newest of their kind, so the newest of both together are among them.
        found.extend(indexed);
        found.sort_by_key(|row| Reverse((self.key_of)(row)));
        found.dedup_by_key(|row| (self.key_of)(row));
        found.truncate(page.limit);
        Ok(found)
    }
}
