//! `privnum message`: short messages, without their text; and for one of them what became of it and who was told.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::Shell;
use super::argument::{Period, number as global};
use super::call::notices;
use super::cdr;
use super::client::Query;
use super::delivery::{Attempt, Delivery};
use super::fault::Fault;
use super::list::{Column, Listing, Paging};
use super::output::Details;
use super::table::Kind;
use super::word::{second, with_distance};
use crate::domain::time::Timestamp;

/// What to do with short messages.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List short messages, newest first.
    #[command(
        after_help = "Examples:\n  privnum message list --party +8613800000001 --from 2h\n  privnum message list --result awaited"
    )]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        paging: Paging,
    },
    /// Tell what became of a message, and what the app was told about it.
    #[command(after_help = "Example:\n  privnum message show 5f0c2b6f3e4f8f9d1c7b3a8e6d5c4b0d")]
    Show {
        /// Its smsIdentifier, as in the app's notices.
        sms_identifier: String,
    },
    /// Write all messages as CSV, with a row that names the columns.
    #[command(
        after_help = "Example:\n  privnum message export --from 2026-01-01 --to 2026-02-01 --out january.csv"
    )]
    Export {
        #[command(flatten)]
        filter: Filter,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Which messages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub struct Filter {
    /// Only those of this app.
    #[arg(long, value_name = "APP_KEY")]
    app: Option<String>,
    /// Only those to this X.
    #[arg(long, value_parser = global)]
    number: Option<String>,
    /// Only those that this person wrote or was to read.
    #[arg(long, value_parser = global)]
    party: Option<String>,
    /// Only those with this sendResult, 0 to 13; `awaited`: those that nobody knows of yet what comes of them.
    #[arg(long, value_name = "RESULT")]
    result: Option<String>,
    #[command(flatten)]
    period: Period,
}

/// A message as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members have the names of the API")]
struct Message {
    at: String,
    sms_identifier: String,
    app_key: Option<String>,
    mode: Option<String>,
    number: Option<String>,
    sender: Option<String>,
    receiver: Option<String>,
    segments: u8,
    subscription_id: Option<String>,
    action: String,
    cause: Option<String>,
    send_result: Option<u8>,
    split_num: Option<u8>,
    ended_at: Option<String>,
    #[serde(default)]
    closed_by_sweeper: bool,
    message_id: Option<String>,
    reason: Option<String>,
    question: Option<Attempt>,
    #[serde(default)]
    deliveries: Vec<Delivery>,
}

impl Filter {
    fn query(&self, shell: &Shell) -> Result<Query, Fault> {
        let query = Query::default()
            .with("appKey", self.app.as_deref())
            .with("number", self.number.as_deref())
            .with("party", self.party.as_deref())
            .with("result", self.result.as_deref());
        self.period.within(query, shell)
    }
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::List { filter, paging } => list(shell, &["messages"], &filter, &paging).await,
        Command::Show { sms_identifier } => show(shell, &sms_identifier).await,
        Command::Export { filter, out } => {
            let query = filter.query(shell)?;
            cdr::export(shell, &["messages"], query, out.as_deref()).await
        }
    }
}

/// Prints a list of messages.
pub(super) async fn list(
    shell: &mut Shell,
    path: &[&str],
    filter: &Filter,
    paging: &Paging,
) -> Result<(), Fault> {
    let query = filter.query(shell)?;
    shell.list_at(path, &listing(filter.app.is_none()), query, paging).await
}

async fn show(shell: &mut Shell, sms_identifier: &str) -> Result<(), Fault> {
    let answer = shell.client.get(&["messages", sms_identifier], &Query::default()).await?;
    if shell.out.is_json() {
        return shell.out.raw(answer.text());
    }
    let message: Message = shell.client.read(&answer)?;
    shell.out.details(&details(&message, shell.now))?;
    if let Some(question) = &message.question {
        shell.out.line("")?;
        shell.out.details(&question.details_with("Question to the app", "answered"))?;
    }
    shell.out.line("\nNotices to the app")?;
    if message.deliveries.is_empty() {
        return shell.out.line("none");
    }
    shell.out.table(&notices(&message.deliveries))
}

fn listing(with_app: bool) -> Listing<Message> {
    let mut columns: Vec<Column<Message>> = vec![
        ("AT (UTC)", Kind::Whole, |message| second(&message.at)),
        ("FROM", Kind::Whole, |message| message.sender.clone().unwrap_or_default()),
        ("NUMBER (X)", Kind::Whole, |message| message.number.clone().unwrap_or_default()),
        ("TO", Kind::Whole, |message| message.receiver.clone().unwrap_or_default()),
        ("RESULT", Kind::Prose, Message::outcome),
        ("SMS IDENTIFIER", Kind::Whole, |message| message.sms_identifier.clone()),
    ];
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |message| message.app_key.clone().unwrap_or_default()));
    }
    Listing { path: "messages", nothing: "No message fits.", columns }
}

impl Message {
    /// The sendResult with its meaning.
    fn outcome(&self) -> String {
        let Some(code) = self.send_result else { return "awaited".into() };
        let meaning = match code {
            0 => "sent",
            1 => "account frozen",
            2 => "no binding",
            3 => "X is suspended",
            4 => "the app has no SMS",
            5 => "internal error",
            6 => "the app has dropped it",
            7 => "nobody decided",
            8 => "blacklist",
            9 => "partly sent",
            10 => "not sent",
            11 => "no SMS ability",
            12 => "a required keyword is missing",
            13 => "a forbidden word",
            _ => "unknown",
        };
        format!("{code}: {meaning}")
    }
}

fn details(message: &Message, now: Timestamp) -> Details {
    let app = message.app_key.as_ref().map(|key| match &message.mode {
        Some(mode) => format!("{key} ({mode})"),
        None => key.clone(),
    });
    let ended = message.ended_at.as_ref().map(|at| {
        let swept =
            if message.closed_by_sweeper { ", by the gateway: the switch never reported it" } else { "" };
        format!("{}{swept}", with_distance(at, now))
    });
    let segments = match message.split_num {
        Some(sent) => format!("{}, of which {sent} were sent", message.segments),
        None => message.segments.to_string(),
    };
    Details::new(format!("Message {}", message.sms_identifier))
        .or_dash("switch's message id", message.message_id.as_deref())
        .or_dash("app", app)
        .or_dash("from", message.sender.as_deref())
        .or_dash("to X", message.number.as_deref())
        .or_dash("binding", message.subscription_id.as_deref())
        .with("came in", with_distance(&message.at, now))
        .with("segments", segments)
        .with("decision", message.action.as_str())
        .if_some("to", message.receiver.as_deref())
        .if_some("cause", message.cause.as_deref())
        .if_some("reason", message.reason.as_deref())
        .with("sendResult", message.outcome())
        .if_some("ended", ended)
}
