//! `privnum number`: the X numbers.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::json;

use super::Shell;
use super::argument::number as global;
use super::client::Query;
use super::fault::Fault;
use super::import::{self, Failed, Tally};
use super::list::{Listing, Paging};
use super::output::Details;
use super::table::{Kind, Table};
use super::word::{maybe_second, number_status, with_distance, yes};
use crate::domain::time::Timestamp;

/// What to do with X numbers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Give X numbers to an app.
    #[command(
        after_help = "Example:\n  privnum number add +8617000000001 +8617000000002 --app taxi --area 0755"
    )]
    Add {
        /// The numbers, with country code.
        #[arg(required = true, value_parser = global, value_name = "NUMBER")]
        numbers: Vec<String>,
        /// The key of the app they are for.
        #[arg(long, value_name = "APP_KEY")]
        app: String,
        /// Their city code, such as 0755. Without one they are never chosen by area.
        #[arg(long, value_name = "CODE")]
        area: Option<String>,
        /// It carries SMS.
        #[arg(long)]
        sms: bool,
    },
    /// Add the X numbers of a CSV file. What can be added is added; the rest is reported with its line.
    #[command(
        after_help = "The file starts with a row that names its columns: number, appKey, areaCode, sms, in any \
        order. areaCode and sms may be missing; appKey too, with --app.\n\nExample:\n  \
        privnum number import numbers.csv\n\nnumbers.csv:\n  number,appKey,areaCode,sms\n  \
        +8617000000001,taxi,0755,false"
    )]
    Import {
        /// The CSV file, or - for standard input.
        file: PathBuf,
        /// The app of rows that name none.
        #[arg(long, value_name = "APP_KEY")]
        app: Option<String>,
    },
    /// List X numbers, in order.
    #[command(after_help = "Examples:\n  privnum number list --status suspended --bound true\n  \
        privnum number list --containing 1700 --all")]
    List {
        /// Only those of this app.
        #[arg(long, value_name = "APP_KEY")]
        app: Option<String>,
        /// Only those of this city code.
        #[arg(long, value_name = "CODE")]
        area: Option<String>,
        /// Only those with this status.
        #[arg(long, value_enum)]
        status: Option<Status>,
        /// Only those that carry bindings, or only those that do not.
        #[arg(long, value_name = "true|false")]
        bound: Option<bool>,
        /// Only those with these digits somewhere.
        #[arg(long, value_name = "DIGITS")]
        containing: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one X number.
    #[command(after_help = "Example:\n  privnum number show +8617000000001")]
    Show {
        /// The number.
        #[arg(value_parser = global)]
        number: String,
    },
    /// Change the status of an X number. The app is told, if it wants to be.
    #[command(after_help = "Examples:\n  privnum number status +8617000000001 suspended\n  \
        privnum number status +8617000000001 unavailable --cause 2")]
    Status {
        /// The number.
        #[arg(value_parser = global)]
        number: String,
        /// normal: in use; suspended or unavailable: no calls, no binds; frozen: no new binds.
        #[arg(value_enum)]
        status: Status,
        /// Why it is unavailable: 1, 2, 3 or 5 to 9, see proto-docs/callbacks.md.
        #[arg(long)]
        cause: Option<String>,
    },
    /// Give an X number to another app.
    #[command(after_help = "Example:\n  privnum number move +8617000000001 --app otherAppKey --force")]
    Move {
        /// The number.
        #[arg(value_parser = global)]
        number: String,
        /// The key of the app it is for.
        #[arg(long, value_name = "APP_KEY")]
        app: String,
        /// Drop its bindings. Without this a number that carries bindings stays where it is.
        #[arg(long)]
        force: bool,
    },
    /// Take an X number out of the gateway.
    #[command(after_help = "Example:\n  privnum number remove +8617000000001")]
    Remove {
        /// The number.
        #[arg(value_parser = global)]
        number: String,
        /// Drop its bindings. Without this a number that carries bindings stays.
        #[arg(long)]
        force: bool,
    },
}

/// A number status, in words or as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    /// In use.
    #[value(alias = "5")]
    Normal,
    /// No calls, no binds.
    #[value(alias = "9")]
    Suspended,
    /// Gone for a while or for ever; has a cause.
    #[value(alias = "10")]
    Unavailable,
    /// Calls, but no new binds.
    #[value(alias = "11")]
    Frozen,
}

impl Status {
    /// The code on the wire.
    const fn code(self) -> &'static str {
        match self {
            Self::Normal => "5",
            Self::Suspended => "9",
            Self::Unavailable => "10",
            Self::Frozen => "11",
        }
    }
}

/// A number as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members have the names of the API")]
struct Number {
    number: String,
    app_key: String,
    mode: String,
    area_code: Option<String>,
    #[serde(default)]
    sms: bool,
    status: String,
    cause: Option<String>,
    bound: u32,
    capacity: u32,
    #[serde(default)]
    quarantined: u32,
    last_call_at: Option<String>,
    added_at: Option<String>,
}

/// What became of numbers that were added.
#[derive(Deserialize)]
struct Added {
    added: u64,
    failed: Vec<Failed>,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::Add { numbers, app, area, sms } => add(shell, &numbers, &app, area.as_deref(), sms).await,
        Command::Import { file, app } => import::run(shell, &file, app.as_deref()).await,
        Command::List { app, area, status, bound, containing, paging } => {
            let query = Query::default()
                .with("appKey", app.as_deref())
                .with("areaCode", area)
                .with("status", status.map(Status::code))
                .with("bound", bound)
                .with("q", containing);
            shell.list(&listing(app.is_none()), query, &paging).await
        }
        Command::Show { number } => {
            let answer = shell.client.get(&["numbers", &number], &Query::default()).await?;
            shell.show(&answer, details)
        }
        Command::Status { number, status, cause } => {
            let mut body = json!({ "status": status.code() });
            if let Some(cause) = cause {
                body["cause"] = cause.into();
            }
            let path = ["numbers", &number, "status"];
            let answer = shell.client.post(&path, &Query::default(), &body).await?;
            shell.show(&answer, details)
        }
        Command::Move { number, app, force } => {
            let body = json!({ "appKey": app });
            let answer = shell.client.post(&["numbers", &number, "move"], &forced(force), &body).await?;
            shell.show(&answer, details)
        }
        Command::Remove { number, force } => {
            shell.client.delete(&["numbers", &number], &forced(force)).await?;
            shell.done(&format!("Removed {number}."))
        }
    }
}

/// `?force=true`, when it was said.
fn forced(force: bool) -> Query {
    Query::default().with("force", force.then_some("true"))
}

async fn add(
    shell: &mut Shell,
    numbers: &[String],
    app: &str,
    area: Option<&str>,
    sms: bool,
) -> Result<(), Fault> {
    let entry = |number| json!({"number": number, "appKey": app, "areaCode": area, "sms": sms});
    let body = json!({ "numbers": numbers.iter().map(entry).collect::<Vec<_>>() });
    let answer = shell.client.post(&["numbers"], &Query::default(), &body).await?;
    let added: Added = shell.client.read(&answer)?;
    if shell.out.is_json() {
        shell.out.raw(answer.text())?;
    } else {
        shell.out.line(&Tally { rows: numbers.len() as u64, added: added.added }.told("number"))?;
        if !added.failed.is_empty() {
            let mut table =
                Table::new(vec![("NUMBER", Kind::Whole), ("CODE", Kind::Whole), ("MESSAGE", Kind::Prose)]);
            for failed in &added.failed {
                table.add([failed.number.clone(), failed.code.clone(), failed.message.clone()]);
            }
            shell.out.table(&table)?;
        }
    }
    shell.out.flush()?;
    if added.failed.is_empty() { Ok(()) } else { Err(Fault::Partly) }
}

fn listing(with_app: bool) -> Listing<Number> {
    let mut columns: Vec<super::list::Column<Number>> = vec![
        ("NUMBER", Kind::Whole, |number| number.number.clone()),
        ("AREA", Kind::Whole, |number| number.area_code.clone().unwrap_or_default()),
        ("STATUS", Kind::Whole, |number| number_status(&number.status, number.cause.as_deref())),
        ("BOUND", Kind::Whole, |number| format!("{} of {}", number.bound, number.capacity)),
        ("LAST CALL (UTC)", Kind::Whole, |number| maybe_second(number.last_call_at.as_ref())),
    ];
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |number| number.app_key.clone()));
    }
    Listing { path: "numbers", nothing: "No number fits.", columns }
}

fn details(number: &Number, now: Timestamp) -> Details {
    let time = |at: Option<&String>| at.map(|at| with_distance(at, now));
    Details::new(format!("Number {}", number.number))
        .with("app", format!("{} ({})", number.app_key, number.mode))
        .or_dash("area", number.area_code.as_deref())
        .with("status", number_status(&number.status, number.cause.as_deref()))
        .with("bindings", format!("{} of at most {}", number.bound, number.capacity))
        .with("in quarantine", format!("{} parties", number.quarantined))
        .with("sms", yes(number.sms))
        .or_dash("last call", time(number.last_call_at.as_ref()))
        .or_dash("added", time(number.added_at.as_ref()))
}
