//! `privnum usage`: usage records of bindings, of calls and of short messages.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::Shell;
use super::argument::{Period, number as global};
use super::cdr;
use super::client::Query;
use super::fault::Fault;
use super::list::{Column, Listing, Paging};
use super::message;
use super::table::Kind;
use super::word::second;

/// What to do with usage records.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what was done to bindings, newest first.
    #[command(after_help = "Example:\n  privnum usage bindings --party +8613800000001 --from 2d")]
    Bindings {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        paging: Paging,
    },
    /// Write all that was done to bindings as CSV, with a row that names the columns.
    #[command(
        after_help = "Example:\n  privnum usage export --from 2026-01-01 --to 2026-02-01 --out january.csv\n\n\
        Without --out the CSV goes to standard output. With it the file appears when it is complete."
    )]
    Export {
        #[command(flatten)]
        filter: Filter,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List calls, answered or not, newest first: the same as `cdr list`, and `cdr export` is their CSV.
    #[command(after_help = "Example:\n  privnum usage calls --app taxi --from 2d")]
    Calls {
        #[command(flatten)]
        filter: cdr::Filter,
        #[command(flatten)]
        paging: Paging,
    },
    /// List short messages, newest first: the same as `message list`, and `message export` is their CSV.
    #[command(after_help = "Example:\n  privnum usage messages --app taxi --from 2d")]
    Messages {
        #[command(flatten)]
        filter: message::Filter,
        #[command(flatten)]
        paging: Paging,
    },
}

/// Which operations.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub struct Filter {
    /// Only those on bindings of this app.
    #[arg(long, value_name = "APP_KEY")]
    app: Option<String>,
    /// Only those on this X.
    #[arg(long, value_parser = global)]
    number: Option<String>,
    /// Only those with this person as A, B or temporary callee.
    #[arg(long, value_name = "NUMBER", value_parser = global)]
    party: Option<String>,
    /// Only those on this binding.
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// Only those of this kind.
    #[arg(long, value_name = "KIND", value_parser = ["bind", "modify", "unbind", "expire", "withdraw"])]
    operation: Option<String>,
    #[command(flatten)]
    period: Period,
}

/// What was done, as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    at: String,
    operation: String,
    actor: String,
    app_key: String,
    number: String,
    party_a: String,
    party_b: Option<String>,
    temporary_callee: Option<String>,
    subscription_id: String,
}

impl Filter {
    fn query(&self, shell: &Shell) -> Result<Query, Fault> {
        let query = Query::default()
            .with("appKey", self.app.as_deref())
            .with("number", self.number.as_deref())
            .with("party", self.party.as_deref())
            .with("subscriptionId", self.subscription.as_deref())
            .with("operation", self.operation.as_deref());
        self.period.within(query, shell)
    }
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::Bindings { filter, paging } => {
            let query = filter.query(shell)?;
            shell.list_at(&["usage", "bindings"], &listing(filter.app.is_none()), query, &paging).await
        }
        Command::Export { filter, out } => {
            let query = filter.query(shell)?;
            cdr::export(shell, &["usage", "bindings"], query, out.as_deref()).await
        }
        Command::Calls { filter, paging } => cdr::list(shell, &["usage", "calls"], &filter, &paging).await,
        Command::Messages { filter, paging } => {
            message::list(shell, &["usage", "messages"], &filter, &paging).await
        }
    }
}

fn listing(with_app: bool) -> Listing<Entry> {
    let mut columns: Vec<Column<Entry>> = vec![
        ("AT (UTC)", Kind::Whole, |entry| second(&entry.at)),
        ("OPERATION", Kind::Whole, |entry| entry.operation.clone()),
        ("BY", Kind::Whole, |entry| entry.actor.clone()),
        ("NUMBER (X)", Kind::Whole, |entry| entry.number.clone()),
        ("A", Kind::Whole, |entry| entry.party_a.clone()),
        ("B", Kind::Whole, |entry| {
            entry.party_b.clone().or_else(|| entry.temporary_callee.clone()).unwrap_or_default()
        }),
        ("SUBSCRIPTION ID", Kind::Whole, |entry| entry.subscription_id.clone()),
    ];
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |entry| entry.app_key.clone()));
    }
    Listing { path: "usage", nothing: "Nothing that was done to bindings fits.", columns }
}
