//! Lists: pages are fetched as they are needed and printed as they come, so a long list takes little memory.

use std::num::NonZeroU64;

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Shell;
use super::client::Query;
use super::fault::Fault;
use super::table::{Kind, Table};
use crate::cli::complain;

/// Most items the gateway gives in one page.
const PAGE_MAX: u64 = 1_000;

/// How much of a list is wanted.
#[derive(Clone, Debug, Args)]
pub struct Paging {
    /// Show at most so many.
    #[arg(long, value_name = "N", default_value = "100", conflicts_with = "all", help_heading = "Paging")]
    limit: NonZeroU64,
    /// Show all.
    #[arg(long, help_heading = "Paging")]
    all: bool,
    /// Go on after a page: the `nextCursor` of an answer with --json.
    #[arg(long, value_name = "CURSOR", help_heading = "Paging")]
    cursor: Option<String>,
}

/// Title, behaviour and content of a column.
pub(super) type Column<T> = (&'static str, Kind, fn(&T) -> String);

/// A list of the operator API and how its items read.
pub(super) struct Listing<T: 'static> {
    /// Its name in the path.
    pub(super) path: &'static str,
    /// What is said when nothing fits.
    pub(super) nothing: &'static str,
    /// What is shown of an item.
    pub(super) columns: Vec<Column<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

impl Shell {
    /// Prints as much of a list as is wanted.
    pub(super) async fn list<T: DeserializeOwned>(
        &mut self,
        listing: &Listing<T>,
        query: Query,
        paging: &Paging,
    ) -> Result<(), Fault> {
        self.list_at(&[listing.path], listing, query, paging).await
    }

    /// The same for a list whose path has several parts.
    pub(super) async fn list_at<T: DeserializeOwned>(
        &mut self,
        path: &[&str],
        listing: &Listing<T>,
        query: Query,
        paging: &Paging,
    ) -> Result<(), Fault> {
        let mut left = if paging.all { u64::MAX } else { paging.limit.get() };
        let mut cursor = paging.cursor.clone();
        let mut shown = 0_u64;
        loop {
            let page_query =
                query.clone().with("limit", Some(left.min(PAGE_MAX))).with("cursor", cursor.as_deref());
            let answer = self.client.get(path, &page_query).await?;
            let page: Page<'_> = self.client.read(&answer)?;
            self.print_items(listing, &page.items, shown)?;
            let count = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
            shown += count;
            left = left.saturating_sub(count);
            let finished = left == 0 || page.next_cursor.is_none();
            if !finished && page.next_cursor == cursor {
                return Err(self.client.strange("gives the same page of a list again and again".into()));
            }
            cursor = page.next_cursor;
            if finished {
                break;
            }
        }
        self.close_list(listing, shown, cursor.as_deref())
    }

    /// The items of one page. In JSON the list is one object, like a page of the API with more in it.
    fn print_items<T: DeserializeOwned>(
        &mut self,
        listing: &Listing<T>,
        items: &[&RawValue],
        before: u64,
    ) -> Result<(), Fault> {
        if self.out.is_json() {
            if before == 0 {
                self.out.bytes(b"{\"items\":[")?;
            }
            for (at, item) in items.iter().enumerate() {
                self.out.bytes(if before == 0 && at == 0 { b"\n" } else { b",\n" })?;
                self.out.bytes(item.get().as_bytes())?;
            }
            return self.out.flush();
        }
        if items.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(listing.columns.iter().map(|(title, kind, _)| (*title, *kind)).collect());
        for item in items {
            let item: T = serde_json::from_str(item.get())
                .map_err(|error| self.client.strange(format!("listed what cannot be read: {error}")))?;
            table.add(listing.columns.iter().map(|(_, _, content)| content(&item)));
        }
        self.out.table(&table)?;
        self.out.flush()
    }

    fn close_list<T>(&mut self, listing: &Listing<T>, shown: u64, cursor: Option<&str>) -> Result<(), Fault> {
        if self.out.is_json() {
            let cursor = serde_json::to_string(&cursor).expect("a text is valid JSON");
            return self.out.line(&format!("],\"nextCursor\":{cursor}}}"));
        }
        if shown == 0 {
            return self.out.line(listing.nothing);
        }
        if cursor.is_some() {
            self.out.flush()?;
            complain(&format!("These are the first {shown}. More with --limit N, everything with --all."));
        }
        Ok(())
    }

    /// Everything a list holds that fits, up to one page.
    pub(super) async fn page<T: DeserializeOwned>(&self, path: &str, query: Query) -> Result<Vec<T>, Fault> {
        let answer = self.client.get(&[path], &query.with("limit", Some(PAGE_MAX))).await?;
        let page: Page<'_> = self.client.read(&answer)?;
        let items = page.items.iter().map(|item| serde_json::from_str(item.get()));
        items
            .collect::<Result<_, _>>()
            .map_err(|error| self.client.strange(format!("listed what cannot be read: {error}")))
    }
}
