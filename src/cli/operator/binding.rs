//! `privnum binding`: who is bound to whom, on which X.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shell;
use super::argument::number as global;
use super::client::Query;
use super::fault::Fault;
use super::list::{Column, Listing, Paging};
use super::output::Details;
use super::table::Kind;
use super::word::{maybe_second, second, with_distance, yes};
use crate::domain::time::Timestamp;

/// Longest body that is read from a file: the limit of the customer API (customer-api, "Transport").
const BODY_BYTES_MAX: u64 = 65_536;

/// What to do with bindings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List bindings, newest first.
    #[command(after_help = "Examples:\n  privnum binding list --party +8613800000001\n  \
        privnum binding list --number +8617000000001 --ended")]
    List {
        /// Only those on this X.
        #[arg(long, value_parser = global)]
        number: Option<String>,
        /// Only those of this person, as A or as B.
        #[arg(long, value_name = "NUMBER", value_parser = global)]
        party: Option<String>,
        /// Only those of this app.
        #[arg(long, value_name = "APP_KEY")]
        app: Option<String>,
        /// Only this one.
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// Those that have ended, instead of those that live.
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one binding.
    #[command(after_help = "Example:\n  privnum binding show b36ffac6-7903-c0f2-6fe3-d2eb1abe22e3")]
    Show {
        /// Its subscriptionId; of AXYB also the id of one B alone.
        id: String,
    },
    /// Bind on behalf of an app, by the rules that hold for its own requests.
    #[command(
        after_help = "Examples:\n  an AXB app:\n    privnum binding bind --app taxi --a +8613800000001 --b +8613800000002 \\\n      \
        --area 0755 --duration-secs 3600\n  an AX app:\n    privnum binding bind --app home --a +8613800000001 \
        --number +8617000000001\n  anything that a customer may ask for (proto-docs/customer.md):\n    \
        privnum binding bind --app taxi --body bind.json"
    )]
    Bind(Box<Bind>),
    /// End a binding.
    #[command(after_help = "Example:\n  privnum binding unbind b36ffac6-7903-c0f2-6fe3-d2eb1abe22e3")]
    Unbind {
        /// Its subscriptionId; of AXYB with each B, or the id of one B alone.
        id: String,
    },
}

/// What to bind.
#[derive(Debug, Args)]
pub struct Bind {
    /// The key of the app.
    #[arg(long, value_name = "APP_KEY")]
    app: String,
    /// A.
    #[arg(long, value_name = "NUMBER", value_parser = global, required_unless_present = "body")]
    a: Option<String>,
    /// B, when the app is an AXB app.
    #[arg(long, value_name = "NUMBER", value_parser = global)]
    b: Option<String>,
    /// The X to use.
    #[arg(long, value_parser = global)]
    number: Option<String>,
    /// Choose an X of this city code, when no X is named.
    #[arg(long, value_name = "CODE")]
    area: Option<String>,
    /// Take an X of another city rather than none.
    #[arg(long)]
    any_area: bool,
    /// Who may call whom.
    #[arg(long, value_enum, requires = "b")]
    direction: Option<Direction>,
    /// Unbind after so many seconds; 0 never.
    #[arg(long, value_name = "SECONDS", requires = "b")]
    duration_secs: Option<u32>,
    /// Longest call, in minutes; 0 no limit.
    #[arg(long, value_name = "MINUTES", requires = "b")]
    max_duration_minutes: Option<u32>,
    /// Record the calls.
    #[arg(long)]
    record: bool,
    /// Text that comes back in events and CDRs.
    #[arg(long, value_name = "TEXT")]
    user_data: Option<String>,
    /// Instead of all that, and the only way for AXE and AXYB: file with the body of the customer's bind request; - for standard input.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["a", "b", "number", "area", "any_area", "direction", "duration_secs",
            "max_duration_minutes", "record", "user_data"]
    )]
    body: Option<PathBuf>,
}

/// Who may call whom.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Direction {
    /// A may call B and B may call A.
    Both,
    /// Only A may call.
    AToB,
    /// Only B may call.
    BToA,
}

/// A binding as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binding {
    subscription_id: String,
    app_key: String,
    mode: String,
    number: String,
    party_a: String,
    party_b: Option<String>,
    extension: Option<String>,
    yb_id: Option<String>,
    y_number: Option<String>,
    #[serde(default)]
    call_direction: u8,
    expires_at: Option<String>,
    #[serde(default)]
    max_duration: u32,
    #[serde(default)]
    record_flag: bool,
    user_data: Option<String>,
    since: String,
    temporary_callee: Option<TemporaryCallee>,
    ended_at: Option<String>,
    end_cause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemporaryCallee {
    callee_num: String,
    expires_at: Option<String>,
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    match command {
        Command::List { number, party, app, subscription, ended, paging } => {
            let listing = listing(app.is_none(), ended);
            let query = Query::default()
                .with("number", number)
                .with("party", party)
                .with("appKey", app)
                .with("subscriptionId", subscription)
                .with("ended", ended.then_some("true"));
            shell.list(&listing, query, &paging).await
        }
        Command::Show { id } => {
            let answer = shell.client.get(&["bindings", &id], &Query::default()).await?;
            shell.show(&answer, details)
        }
        Command::Bind(bind) => {
            let body = bind.request()?;
            let answer = shell.client.post(&["bindings"], &Query::default(), &body).await?;
            shell.show(&answer, details)
        }
        Command::Unbind { id } => {
            shell.client.delete(&["bindings", &id], &Query::default()).await?;
            shell.done(&format!("Ended binding {id}."))
        }
    }
}

impl Bind {
    /// The body of the request: the customer's bind of the app's mode, and the app.
    fn request(&self) -> Result<Value, Fault> {
        let mut body = match &self.body {
            Some(path) => body_of_file(path)?,
            None => self.members(),
        };
        body.insert("appKey".into(), self.app.as_str().into());
        Ok(body.into())
    }

    /// A binding with a B is an AXB binding: the two modes name their members differently.
    fn members(&self) -> Map<String, Value> {
        let (a, x) = if self.b.is_some() { ("callerNum", "relationNum") } else { ("origNum", "privateNum") };
        let chosen_by_area = self.b.is_none() && self.number.is_none();
        let direction = self.direction.map(|direction| direction as u8);
        let members = [
            (a, self.a.as_ref().map(|a| json!(a))),
            ("calleeNum", self.b.as_ref().map(|b| json!(b))),
            (x, self.number.as_ref().map(|x| json!(x))),
            ("privateNumType", chosen_by_area.then(|| json!("mobile-virtual"))),
            ("areaCode", self.area.as_ref().map(|area| json!(area))),
            ("areaMatchMode", self.any_area.then(|| json!("1"))),
            ("callDirection", direction.map(Value::from)),
            ("duration", self.duration_secs.map(Value::from)),
            ("maxDuration", self.max_duration_minutes.map(Value::from)),
            ("recordFlag", self.record.then_some(true.into())),
            ("userData", self.user_data.as_ref().map(|text| json!(text))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

fn body_of_file(path: &Path) -> Result<Map<String, Value>, Fault> {
    let wrong = |what: String| Fault::File { path: path.into(), what };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(BODY_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(BODY_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("is not a JSON object: {error}")))
}

fn listing(with_app: bool, ended: bool) -> Listing<Binding> {
    let mut columns: Vec<Column<Binding>> = vec![
        ("NUMBER (X)", Kind::Whole, |binding| binding.number.clone()),
        ("A", Kind::Whole, |binding| binding.party_a.clone()),
        ("B", Kind::Whole, |binding| {
            let extension = binding.extension.as_ref().map(|extension| format!("ext {extension}"));
            let b = binding.party_b.clone().or(extension).unwrap_or_default();
            binding.y_number.as_ref().map_or_else(|| b.clone(), |y| format!("{b} as {y}"))
        }),
        ("SINCE (UTC)", Kind::Whole, |binding| second(&binding.since)),
    ];
    if ended {
        columns.push(("ENDED (UTC)", Kind::Whole, |binding| maybe_second(binding.ended_at.as_ref())));
        columns.push(("BY", Kind::Whole, |binding| binding.end_cause.clone().unwrap_or_default()));
    } else {
        columns.push(("EXPIRES (UTC)", Kind::Whole, |binding| {
            binding.expires_at.as_ref().map_or_else(|| "never".into(), |at| second(at))
        }));
    }
    columns.push(("SUBSCRIPTION ID", Kind::Whole, |binding| binding.subscription_id.clone()));
    if with_app {
        columns.push(("APP KEY", Kind::Whole, |binding| binding.app_key.clone()));
    }
    Listing { path: "bindings", nothing: "No binding fits.", columns }
}

fn details(binding: &Binding, now: Timestamp) -> Details {
    let direction = match binding.call_direction {
        0 => "both may call",
        1 => "only A may call",
        2 => "only B may call",
        _ => "unknown",
    };
    let limit = match binding.max_duration {
        0 => "no limit".into(),
        minutes => format!("{minutes} min"),
    };
    let expires = binding.expires_at.as_ref().map_or_else(|| "never".into(), |at| with_distance(at, now));
    let ended = binding.ended_at.as_ref().map(|at| {
        let cause = binding.end_cause.as_deref().unwrap_or("unknown");
        format!("{}, by {cause}", with_distance(at, now))
    });
    let callee = binding.temporary_callee.as_ref().map(|callee| match &callee.expires_at {
        Some(at) => format!("{}, until {}", callee.callee_num, with_distance(at, now)),
        None => callee.callee_num.clone(),
    });
    let details = Details::new(format!("Binding {}", binding.subscription_id))
        .with("app", format!("{} ({})", binding.app_key, binding.mode))
        .with("number (X)", binding.number.as_str())
        .with("A", binding.party_a.as_str())
        .if_some("B", binding.party_b.as_deref())
        .if_some("B is shown as (Y)", binding.y_number.as_deref())
        .if_some("id of this B alone", binding.yb_id.as_deref())
        .if_some("extension", binding.extension.as_deref());
    let details = if binding.party_b.is_some() || binding.mode == "AXYB" {
        details.with("direction", direction)
    } else if binding.extension.is_some() {
        details
    } else {
        details.or_dash("temporary callee", callee)
    };
    details
        .with("longest call", limit)
        .with("recorded", yes(binding.record_flag))
        .or_dash("userData", binding.user_data.as_deref())
        .with("since", with_distance(&binding.since, now))
        .with("expires", expires)
        .if_some("ended", ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bind: Bind,
    }

    fn request(line: &str) -> Value {
        Line::try_parse_from(format!("x --app k {line}").split_whitespace()).unwrap().bind.request().unwrap()
    }

    #[test]
    fn a_bind_with_a_b_is_asked_for_as_axb() {
        assert_eq!(
            request("--a +8613800000001 --b 8613800000002 --area 0755 --direction b-to-a --duration-secs 60"),
            json!({"appKey": "k", "callerNum": "+8613800000001", "calleeNum": "+8613800000002", "areaCode": "0755",
                "callDirection": 2, "duration": 60})
        );
    }

    #[test]
    fn a_bind_without_a_b_is_asked_for_as_ax() {
        assert_eq!(
            request("--a +8613800000001 --number +8617000000001"),
            json!({"appKey": "k", "origNum": "+8613800000001", "privateNum": "+8617000000001"})
        );
        assert_eq!(
            request("--a +8613800000001 --area 0755"),
            json!({"appKey": "k", "origNum": "+8613800000001", "privateNumType": "mobile-virtual", "areaCode": "0755"})
        );
    }
}
