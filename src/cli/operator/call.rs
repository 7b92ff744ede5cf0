//! `privnum call`: calls, and for one of them the whole story: what was decided and why, what happened, and
//! what the app was told.

use clap::Subcommand;
use serde::Deserialize;

use super::Shell;
use super::argument::{Period, number as global};
use super::cdr::Cdr;
use super::client::Query;
use super::delivery::{Attempt, Delivery};
use super::fault::Fault;
use super::list::{Column, Listing, Paging};
use super::output::{Details, plain};
use super::story;
use super::table::{Kind, Table};
use super::word::{between, maybe_second, millisecond, span, state_code, with_distance};
use crate::domain::time::Timestamp;

/// What to do with calls.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List calls, newest first.
    #[command(
        after_help = "Examples:\n  privnum call list --number +8617000000001 --from 2h\n  privnum call list --open"
    )]
    List {
        /// Only those of this app.
        #[arg(long, value_name = "APP_KEY")]
        app: Option<String>,
        /// Only those to this X.
        #[arg(long, value_parser = global)]
        number: Option<String>,
        /// Only this one.
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// Only those that have not ended.
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        period: Period,
        #[command(flatten)]
        paging: Paging,
    },
    /// Tell what happened in a call: the decision and its reason, each event, the CDR, and the notices to the app.
    #[command(after_help = "Example:\n  privnum call show c28616439ad340aace38d0e7de37c66c\n\n\
        With --json only the call itself is printed; its CDR and its notices are\n  \
        privnum cdr list --session ID --json\n  privnum delivery list --session ID --json")]
    Show {
        /// Its sessionId, as in the app's events and CDRs.
        session_id: String,
    },
}

/// A call as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members have the names of the API")]
pub(super) struct Call {
    session_id: String,
    call_id: String,
    app_key: Option<String>,
    mode: Option<String>,
    number: Option<String>,
    subscription_id: Option<String>,
    caller: Option<String>,
    called: Option<String>,
    pub(super) callee: Option<String>,
    pub(super) state: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    pub(super) state_code: Option<u16>,
    #[serde(default)]
    pub(super) closed_by_sweeper: bool,
    pub(super) decision: Option<Decision>,
    /// X mode: what the app was asked and answered.
    question: Option<Attempt>,
    #[serde(default)]
    pub(super) events: Vec<Event>,
    recording: Option<Recording>,
}

/// What the switch was told to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Decision {
    at: String,
    basis: String,
    pub(super) action: String,
    cause: Option<String>,
    state_code: Option<u16>,
    pub(super) reason: Option<String>,
    display_num: Option<String>,
    max_duration: Option<u64>,
    record_flag: Option<u8>,
}

/// What the switch reported.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members have the names of the API")]
pub(super) struct Event {
    pub(super) event: String,
    pub(super) ts: String,
    received_at: Option<String>,
    caller: Option<String>,
    called: Option<String>,
    sip: Option<u16>,
    q850: Option<u16>,
    by: Option<String>,
}

/// Where the recording lies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recording {
    domain: String,
    bucket: String,
    object: String,
    seconds: Option<u64>,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::List { app, number, session, open, period, paging } => {
            let listing = listing(app.is_none());
            let query = Query::default()
                .with("appKey", app)
                .with("number", number)
                .with("sessionId", session)
                .with("open", open.then_some("true"));
            let query = period.within(query, shell)?;
            shell.list(&listing, query, &paging).await
        }
        Command::Show { session_id } => show(shell, &session_id).await,
    }
}

async fn show(shell: &mut Shell, session_id: &str) -> Result<(), Fault> {
    let answer = shell.client.get(&["calls", session_id], &Query::default()).await?;
    if shell.out.is_json() {
        return shell.out.raw(answer.text());
    }
    let call: Call = shell.client.read(&answer)?;
    let of_call = Query::default().with("sessionId", Some(&call.session_id));
    let cdrs: Vec<Cdr> = shell.page("cdrs", of_call.clone()).await?;
    let mut deliveries: Vec<Delivery> = shell.page("deliveries", of_call).await?;
    // Lists are newest first, a story is told from its beginning.
    deliveries.reverse();

    shell.out.details(&details(&call, shell.now))?;
    shell.out.line(&format!("\n{}", plain(&story::of(&call, &cdrs, &deliveries))))?;
    if let Some(decision) = &call.decision {
        shell.out.line("")?;
        shell.out.details(&decision.details(&call))?;
    }
    if let Some(question) = &call.question {
        shell.out.line("")?;
        shell.out.details(&question.details_with("Question to the app", "answered"))?;
    }
    shell.out.line("\nEvents")?;
    if call.events.is_empty() {
        shell.out.line("none were reported")?;
    } else {
        shell.out.table(&events(&call))?;
    }
    shell.out.line("\nNotices to the app")?;
    if deliveries.is_empty() {
        return shell.out.line("none");
    }
    shell.out.table(&notices(&deliveries))
}

fn listing(with_app: bool) -> Listing<Call> {
    let mut columns: Vec<Column<Call>> = vec![
        ("STARTED (UTC)", Kind::Whole, |call| maybe_second(call.started_at.as_ref())),
        ("STATE", Kind::Whole, |call| call.state.clone()),
        ("CALLER", Kind::Whole, |call| call.caller.clone().unwrap_or_default()),
        ("NUMBER (X)", Kind::Whole, |call| {
            call.number.clone().or_else(|| call.called.clone()).unwrap_or_default()
        }),
        ("CALLEE", Kind::Whole, |call| call.callee.clone().unwrap_or_default()),
        ("END", Kind::Prose, |call| call.state_code.map(told_code).unwrap_or_default()),
        ("SESSION ID", Kind::Whole, |call| call.session_id.clone()),
    ];
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |call| call.app_key.clone().unwrap_or_default()));
    }
    Listing { path: "calls", nothing: "No call fits.", columns }
}

/// A stateCode with its meaning.
fn told_code(code: u16) -> String {
    format!("{code}: {}", state_code(code))
}

fn details(call: &Call, now: Timestamp) -> Details {
    let app = call.app_key.as_ref().map(|key| match &call.mode {
        Some(mode) => format!("{key} ({mode})"),
        None => key.clone(),
    });
    let recording = call.recording.as_ref().map(|recording| {
        let Recording { domain, bucket, object, seconds } = recording;
        let length = seconds.map(|secs| format!(", {secs} s")).unwrap_or_default();
        format!("{domain}/{bucket}/{object}{length}")
    });
    let lasted = call.started_at.as_deref().zip(call.ended_at.as_deref());
    let lasted =
        lasted.and_then(|(from, to)| between(from, to)).map(|time| format!(", after {}", span(time)));
    let ended = call.ended_at.as_ref().map(|at| {
        let swept =
            if call.closed_by_sweeper { ", closed by the gateway: its end was never reported" } else { "" };
        format!("{}{}{swept}", with_distance(at, now), lasted.clone().unwrap_or_default())
    });
    Details::new(format!("Call {}", call.session_id))
        .with("switch's call id", call.call_id.as_str())
        .or_dash("app", app)
        .or_dash("caller", call.caller.as_deref())
        .or_dash("dialled", call.called.as_deref())
        .or_dash("callee", call.callee.as_deref())
        .or_dash("binding", call.subscription_id.as_deref())
        .with("state", call.state.as_str())
        .or_dash("started", call.started_at.as_ref().map(|at| with_distance(at, now)))
        .if_some("ended", ended)
        .if_some("stateCode", call.state_code.map(told_code))
        .if_some("recording", recording)
}

impl Decision {
    fn details(&self, call: &Call) -> Details {
        let basis = match self.basis.as_str() {
            "asked" => "the switch asked",
            "presumed" => "presumed: a callin came without a question",
            other => other,
        };
        let details = Details::new(format!("Decision at {} UTC ({basis})", millisecond(&self.at)))
            .with("action", self.action.as_str());
        if self.action == "connect" {
            let limit = match self.max_duration {
                None | Some(0) => "no limit".into(),
                Some(secs) => format!("{secs} s"),
            };
            details
                .or_dash("to", call.callee.as_deref())
                .or_dash("showing", self.display_num.as_deref())
                .with("longest call", limit)
                .with("recorded", super::word::yes(self.record_flag == Some(1)))
        } else {
            details
                .or_dash("reason", self.reason.as_deref())
                .or_dash("cause", self.cause.as_deref())
                .or_dash("stateCode", self.state_code.map(told_code))
        }
    }
}

fn events(call: &Call) -> Table {
    let mut table = Table::new(vec![
        ("AT (UTC)", Kind::Whole),
        ("EVENT", Kind::Whole),
        ("CALLER", Kind::Whole),
        ("CALLED", Kind::Whole),
        ("SIP", Kind::Whole),
        ("Q.850", Kind::Whole),
        ("BY", Kind::Whole),
        ("REPORTED AFTER", Kind::Whole),
    ]);
    let mut in_time: Vec<&Event> = call.events.iter().collect();
    in_time.sort_by(|one, other| one.ts.cmp(&other.ts));
    for event in in_time {
        let late = event.received_at.as_deref().and_then(|received| between(&event.ts, received));
        let number = |number: Option<u16>| number.map(|number| number.to_string()).unwrap_or_default();
        table.add([
            millisecond(&event.ts),
            event.event.clone(),
            event.caller.clone().unwrap_or_default(),
            event.called.clone().unwrap_or_default(),
            number(event.sip),
            number(event.q850),
            event.by.clone().unwrap_or_default(),
            late.map(span).unwrap_or_default(),
        ]);
    }
    table
}

/// The notices to an app about a call or a message.
pub(super) fn notices(deliveries: &[Delivery]) -> Table {
    let mut table = Table::new(vec![
        ("DELIVERY", Kind::Whole),
        ("NOTICE", Kind::Whole),
        ("STATE", Kind::Whole),
        ("PUSHES", Kind::Whole),
        ("LAST PUSH (UTC)", Kind::Prose),
        ("RESULT", Kind::Prose),
        ("NEXT PUSH (UTC)", Kind::Whole),
    ]);
    for delivery in deliveries {
        table.add([
            delivery.id.clone(),
            delivery.notice(),
            delivery.state.clone(),
            delivery.pushes.to_string(),
            delivery.last_push(),
            delivery.last_result(),
            maybe_second(delivery.next_at.as_ref()),
        ]);
    }
    table
}
