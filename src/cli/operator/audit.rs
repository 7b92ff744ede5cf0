//! `privnum audit`: who changed what, and when.

use clap::Subcommand;
use serde::Deserialize;

use super::Shell;
use super::client::Query;
use super::fault::Fault;
use super::list::{Listing, Paging};
use super::table::Kind;
use super::word::second;

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List changes, newest first. Numbers are masked there, secrets never stand there.
    #[command(after_help = "Example:\n  privnum audit list --limit 20")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
}

#[derive(Deserialize)]
struct Entry {
    at: String,
    actor: String,
    action: String,
    subject: String,
    #[serde(default)]
    detail: String,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    let Command::List { paging } = command;
    let listing = Listing {
        path: "audit",
        nothing: "Nothing was changed yet.",
        columns: vec![
            ("AT (UTC)", Kind::Whole, |entry: &Entry| second(&entry.at)),
            ("ACTOR", Kind::Whole, |entry| entry.actor.clone()),
            ("ACTION", Kind::Whole, |entry| entry.action.clone()),
            ("SUBJECT", Kind::Whole, |entry| entry.subject.clone()),
            ("DETAIL", Kind::Prose, |entry| entry.detail.clone()),
        ],
    };
    shell.list(&listing, Query::default(), &paging).await
}
