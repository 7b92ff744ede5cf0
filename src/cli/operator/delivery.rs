//! `privnum delivery`: notices on their way to the apps.

use clap::{Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Shell;
use super::argument::Period;
use super::client::Query;
use super::fault::Fault;
use super::list::{Column, Listing, Paging};
use super::output::{Details, plain};
use super::table::Kind;
use super::word::{maybe_second, millisecond, second, with_distance};
use crate::domain::time::Timestamp;

/// How much of a receiver's answer is shown. `--json` has all that was kept.
const EXCERPT_CHARS: usize = 400;
/// The stages of a push in order of time.
const STAGES: [&str; 4] = ["dns", "connect", "tls", "firstByte"];

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List deliveries, newest first.
    #[command(after_help = "Examples:\n  privnum delivery list --state exhausted --app taxi\n  \
        privnum delivery list --session c28616439ad340aace38d0e7de37c66c")]
    List {
        /// Only those in this state.
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only those to this app.
        #[arg(long, value_name = "APP_KEY")]
        app: Option<String>,
        /// Only those about this call.
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// Only notices of this kind.
        #[arg(long, value_enum)]
        kind: Option<Notice>,
        #[command(flatten)]
        period: Period,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one delivery with every attempt: where it went, what came back, and why it counts as failed.
    #[command(after_help = "Example:\n  privnum delivery show 3701523456789012345")]
    Show {
        /// Its id.
        id: String,
    },
    /// Push once more, now. Also what was delivered or given up; what is waiting is hurried.
    #[command(after_help = "Example:\n  privnum delivery redeliver 3701523456789012345")]
    Redeliver {
        /// Its id.
        id: String,
    },
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum State {
    /// Not delivered yet; there will be another push.
    Pending,
    /// The app took it.
    Delivered,
    /// Given up after the last re-push.
    Exhausted,
}

/// What a delivery tells.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Notice {
    /// A stage of a call.
    Event,
    /// CDRs.
    Cdr,
    /// Status of numbers.
    #[value(name = "numStatus", alias = "num-status")]
    NumStatus,
}

/// A delivery as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    pub(super) id: String,
    app_key: String,
    session_id: Option<String>,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) pushes: u32,
    pub(super) next_at: Option<String>,
    pub(super) ended_at: Option<String>,
    event_type: Option<String>,
    last_push: Option<LastPush>,
    #[serde(default)]
    attempts: Vec<Attempt>,
    body: Option<Box<RawValue>>,
}

/// The last push in short.
#[derive(Debug, Deserialize)]
struct LastPush {
    at: String,
    url: String,
    failure: Option<String>,
}

/// One push.
#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    at: String,
    url: String,
    address: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    timings: Map<String, Value>,
    #[serde(default)]
    answer: String,
    pub(super) failure: Option<String>,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::List { state, app, session, kind, period, paging } => {
            let listing = listing(app.is_none(), session.is_none());
            let query = Query::default()
                .with("state", word(state))
                .with("appKey", app)
                .with("sessionId", session)
                .with("kind", word(kind));
            let query = period.within(query, shell)?;
            shell.list(&listing, query, &paging).await
        }
        Command::Show { id } => show(shell, &id).await,
        Command::Redeliver { id } => {
            let answer = shell.client.order(&["deliveries", &id, "redeliver"]).await?;
            shell.show(&answer, details)
        }
    }
}

/// The name of a value as the command line and the API write it.
pub(super) fn word<T: ValueEnum>(value: Option<T>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

async fn show(shell: &mut Shell, id: &str) -> Result<(), Fault> {
    let answer = shell.client.get(&["deliveries", id], &Query::default()).await?;
    if shell.out.is_json() {
        return shell.out.raw(answer.text());
    }
    let delivery: Delivery = shell.client.read(&answer)?;
    shell.out.details(&details(&delivery, shell.now))?;
    if delivery.attempts.is_empty() {
        shell.out.line("\nNo attempt was made yet.")?;
    }
    for (at, attempt) in delivery.attempts.iter().enumerate() {
        shell.out.line("")?;
        shell.out.details(&attempt.details(&format!("Attempt {}", at + 1)))?;
    }
    if let Some(body) = &delivery.body {
        shell.out.line(&format!("\nBody, as it is pushed\n  {}", plain(body.get())))?;
    }
    Ok(())
}

/// The columns that a filter has not fixed already.
fn listing(with_app: bool, with_session: bool) -> Listing<Delivery> {
    let mut columns: Vec<Column<Delivery>> = vec![
        ("ID", Kind::Whole, |delivery| delivery.id.clone()),
        ("NOTICE", Kind::Whole, Delivery::notice),
        ("STATE", Kind::Whole, |delivery| delivery.state.clone()),
        ("PUSHES", Kind::Whole, |delivery| delivery.pushes.to_string()),
        ("NEXT PUSH (UTC)", Kind::Whole, |delivery| maybe_second(delivery.next_at.as_ref())),
        ("ENDED (UTC)", Kind::Whole, |delivery| maybe_second(delivery.ended_at.as_ref())),
        ("LAST RESULT", Kind::Prose, Delivery::last_result),
    ];
    if with_session {
        columns.push(("SESSION ID", Kind::Whole, Delivery::sessions));
    }
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |delivery| delivery.app_key.clone()));
    }
    Listing { path: "deliveries", nothing: "No delivery fits.", columns }
}

fn details(delivery: &Delivery, now: Timestamp) -> Details {
    Details::new(format!("Delivery {}", delivery.id))
        .with("app", delivery.app_key.as_str())
        .with("notice", delivery.notice())
        .or_dash("call", delivery.session_id.as_deref())
        .with("state", delivery.state.as_str())
        .with("pushes", delivery.pushes.to_string())
        .if_some("next push", delivery.next_at.as_ref().map(|at| with_distance(at, now)))
        .if_some("ended", delivery.ended_at.as_ref().map(|at| with_distance(at, now)))
}

impl Delivery {
    /// The call it is about; of CDRs that were pushed together the first, and how many more.
    fn sessions(&self) -> String {
        let mut ids = self.session_id.as_deref().unwrap_or_default().split(' ');
        let first = ids.next().unwrap_or_default();
        match ids.count() {
            0 => first.to_owned(),
            more => format!("{first} and {more} more"),
        }
    }

    /// What it tells: `event callin`, `cdr`, `numStatus`.
    pub(super) fn notice(&self) -> String {
        match &self.event_type {
            Some(stage) => format!("{} {stage}", self.kind),
            None => self.kind.clone(),
        }
    }

    /// When the last push began and where it went.
    pub(super) fn last_push(&self) -> String {
        self.last_push
            .as_ref()
            .map(|push| format!("{} to {}", second(&push.at), push.url))
            .unwrap_or_default()
    }

    /// What became of the last push.
    pub(super) fn last_result(&self) -> String {
        match &self.last_push {
            Some(LastPush { failure: Some(failure), .. }) => failure.clone(),
            Some(_) => "accepted".into(),
            None => "no push yet".into(),
        }
    }
}

impl Attempt {
    /// Under a heading that begins with `what`.
    pub(super) fn details(&self, what: &str) -> Details {
        self.details_with(what, "delivered")
    }

    /// The same with a word for what did not fail.
    pub(super) fn details_with(&self, what: &str, success: &str) -> Details {
        let verdict = match &self.failure {
            None => success.to_owned(),
            Some(failure) => format!("failed: {failure}"),
        };
        let status = self.status.map_or_else(|| "no answer".into(), |status| status.to_string());
        let answer = if self.answer.is_empty() { "(empty)".into() } else { excerpt(&self.answer) };
        Details::new(format!("{what}, {} UTC: {verdict}", millisecond(&self.at)))
            .with("POST", self.url.as_str())
            .or_dash("address", self.address.as_deref())
            .with("status", status)
            .with("timings", self.spans())
            .if_some("answer", self.status.map(|_| answer))
    }

    /// `dns 1 ms, connect 2 ms, firstByte 9 ms, total 20 ms`: in order of time, what is not known here before
    /// the whole.
    fn spans(&self) -> String {
        let rank = |name: &str| match STAGES.iter().position(|stage| *stage == name) {
            Some(at) => at,
            None if name == "total" => STAGES.len() + 1,
            None => STAGES.len(),
        };
        let mut spans: Vec<_> = self.timings.iter().filter(|(_, span)| !span.is_null()).collect();
        spans.sort_by_key(|(name, _)| rank(name));
        let spans: Vec<_> = spans.into_iter().map(|(name, span)| format!("{name} {span} ms")).collect();
        if spans.is_empty() { "-".into() } else { spans.join(", ") }
    }
}

/// The beginning of an answer, in one line.
fn excerpt(answer: &str) -> String {
    let line = answer.trim().replace("\r\n", "\n").replace('\n', "\\n");
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((at, _)) => format!("{}... ({} bytes were kept, see --json)", &line[..at], answer.len()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attempt(value: Value) -> Attempt {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_attempt_that_failed_says_why_and_where() {
        let attempt = attempt(json!({"at": "2026-01-02T03:04:05.678Z", "url": "https://app.example.com/fee",
            "address": "203.0.113.9:443", "status": 503, "timings": {"total": 31, "connect": 12, "dns": 3},
            "answer": "<h1>busy</h1>\r\n<p>later</p>", "failure": "the status is not 200"}));
        let text = format!("{:?}", attempt.details("Attempt 2"));
        for part in [
            "Attempt 2, 2026-01-02 03:04:05.678 UTC: failed: the status is not 200",
            "203.0.113.9:443",
            "503",
            "dns 3 ms, connect 12 ms, total 31 ms",
            "<h1>busy</h1>\\\\n<p>later</p>",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let cut = excerpt(&"é".repeat(EXCERPT_CHARS + 1));
        assert!(cut.contains("... (802 bytes were kept, see --json)"), "{cut}");
        assert_eq!(excerpt(&"é".repeat(EXCERPT_CHARS)), "é".repeat(EXCERPT_CHARS));
    }
}
