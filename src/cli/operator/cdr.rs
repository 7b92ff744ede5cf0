//! `privnum cdr`: call detail records.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::Shell;
use super::argument::{Period, number as global};
use super::client::Query;
use super::fault::Fault;
use super::list::{Column, Listing, Paging};
use super::table::Kind;
use super::word::{between, second, state_code};

/// What to do with CDRs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List CDRs, newest first.
    #[command(
        after_help = "Example:\n  privnum cdr list --party +8613800000001 --from 2d --result unanswered"
    )]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        paging: Paging,
    },
    /// Write all CDRs that fit as CSV, with a row that names the columns.
    #[command(
        after_help = "Example:\n  privnum cdr export --from 2026-01-01 --to 2026-02-01 --out january.csv\n\n\
        Without --out the CSV goes to standard output. With it the file appears when it is complete."
    )]
    Export {
        #[command(flatten)]
        filter: Filter,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Which CDRs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub struct Filter {
    /// Only those of this app.
    #[arg(long, value_name = "APP_KEY")]
    app: Option<String>,
    /// Only those of calls to this X.
    #[arg(long, value_parser = global)]
    number: Option<String>,
    /// Only those of this person, as caller or as callee.
    #[arg(long, value_name = "NUMBER", value_parser = global)]
    party: Option<String>,
    /// Only those of this binding.
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// Only that of this call.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only those of answered, or of unanswered calls.
    #[arg(long, value_enum)]
    result: Option<Outcome>,
    #[command(flatten)]
    period: Period,
}

/// How a call went.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Outcome {
    /// Somebody answered.
    Answered,
    /// Nobody answered.
    Unanswered,
}

/// A CDR as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cdr {
    app_key: String,
    bind_num: String,
    session_id: String,
    caller_num: Option<String>,
    fwd_dst_num: Option<String>,
    fwd_answer_time: Option<String>,
    call_end_time: String,
    ul_fail_reason: u16,
}

impl Cdr {
    /// How long the two talked.
    pub(super) fn talk(&self) -> Option<std::time::Duration> {
        between(self.fwd_answer_time.as_deref()?, &self.call_end_time)
    }

    /// How it went, in words.
    pub(super) fn outcome(&self) -> String {
        match self.ul_fail_reason {
            0 => "answered".into(),
            reason => format!("{reason}: {}", state_code(reason)),
        }
    }
}

impl Filter {
    fn query(&self, shell: &Shell) -> Result<Query, Fault> {
        let result = self.result.map(|result| match result {
            Outcome::Answered => "answered",
            Outcome::Unanswered => "unanswered",
        });
        let query = Query::default()
            .with("appKey", self.app.as_deref())
            .with("number", self.number.as_deref())
            .with("party", self.party.as_deref())
            .with("subscriptionId", self.subscription.as_deref())
            .with("sessionId", self.session.as_deref())
            .with("result", result);
        self.period.within(query, shell)
    }
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::List { filter, paging } => list(shell, &["cdrs"], &filter, &paging).await,
        Command::Export { filter, out } => {
            let query = filter.query(shell)?;
            export(shell, &["cdrs"], query, out.as_deref()).await
        }
    }
}

/// Prints a list of CDRs.
pub(super) async fn list(
    shell: &mut Shell,
    path: &[&str],
    filter: &Filter,
    paging: &Paging,
) -> Result<(), Fault> {
    let query = filter.query(shell)?;
    shell.list_at(path, &listing(filter.app.is_none()), query, paging).await
}

/// Writes a list as CSV, to a file or to standard output.
pub(super) async fn export(
    shell: &mut Shell,
    path: &[&str],
    query: Query,
    out: Option<&Path>,
) -> Result<(), Fault> {
    match out {
        Some(out) => export_to(shell, path, query, out).await,
        None => print(shell, path, query).await,
    }
}

fn listing(with_app: bool) -> Listing<Cdr> {
    let mut columns: Vec<Column<Cdr>> = vec![
        ("ENDED (UTC)", Kind::Whole, |cdr| second(&cdr.call_end_time)),
        ("CALLER", Kind::Whole, |cdr| cdr.caller_num.clone().unwrap_or_default()),
        ("NUMBER (X)", Kind::Whole, |cdr| cdr.bind_num.clone()),
        ("CALLEE", Kind::Whole, |cdr| cdr.fwd_dst_num.clone().unwrap_or_default()),
        ("TALK", Kind::Whole, |cdr| {
            cdr.talk().map(|talk| format!("{} s", talk.as_secs())).unwrap_or_default()
        }),
        ("RESULT", Kind::Prose, Cdr::outcome),
        ("SESSION ID", Kind::Whole, |cdr| cdr.session_id.clone()),
    ];
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |cdr| cdr.app_key.clone()));
    }
    Listing { path: "cdrs", nothing: "No CDR fits.", columns }
}

async fn print(shell: &mut Shell, path: &[&str], query: Query) -> Result<(), Fault> {
    let mut response = shell.client.stream(path, &query, "text/csv").await?;
    while let Some(piece) = shell.client.piece(&mut response).await? {
        shell.out.bytes(&piece)?;
        shell.out.flush()?;
    }
    Ok(())
}

/// Writes beside the file and renames at the end: a file of that name is always a whole one.
async fn export_to(shell: &mut Shell, list: &[&str], query: Query, path: &Path) -> Result<(), Fault> {
    let unwritable = |error: std::io::Error| Fault::File { path: path.into(), what: error.to_string() };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut response = shell.client.stream(list, &query, "text/csv").await?;
    let mut file = File::create(&part).map_err(unwritable)?;
    let bar = progress_bar();
    let outcome = async {
        while let Some(piece) = shell.client.piece(&mut response).await? {
            file.write_all(&piece).map_err(unwritable)?;
            bar.inc(piece.len() as u64);
        }
        file.sync_all().map_err(unwritable)
    };
    let outcome = outcome.await;
    bar.finish_and_clear();
    if outcome.is_err() {
        drop(std::fs::remove_file(&part));
        return outcome;
    }
    std::fs::rename(&part, path).map_err(unwritable)?;
    shell.done(&format!("Wrote {} bytes to {}.", bar.position(), path.display()))
}

/// Shown on a terminal only. How much will come is not known.
fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} exported {bytes}");
    ProgressBar::new_spinner().with_style(style.expect("the template is valid"))
}
