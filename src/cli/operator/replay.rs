//! `privnum replay`: pushing many deliveries once more.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Shell;
use super::argument::Period;
use super::client::Query;
use super::delivery::{Notice, State, word};
use super::fault::Fault;
use super::list::{Listing, Paging};
use super::output::Details;
use super::table::Kind;
use super::word::{maybe_second, second, with_distance};
use crate::domain::time::Timestamp;

/// What to do with replays.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Push every delivery that fits once more, for each address oldest first, after what is pushed just now.
    #[command(after_help = "Examples:\n  privnum replay create --app taxi --state exhausted\n  \
        privnum replay create --kind cdr --from 2026-01-02 --to 2026-01-03 --rate 10\n  \
        privnum replay create --everything")]
    Create(Create),
    /// List replays, newest first.
    #[command(after_help = "Example:\n  privnum replay list --limit 5")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one replay and how far it is.
    #[command(after_help = "Example:\n  privnum replay show 3701523456789012345")]
    Show {
        /// Its id.
        id: String,
    },
    /// Stop for now. What has been queued already is pushed all the same.
    #[command(after_help = "Example:\n  privnum replay pause 3701523456789012345")]
    Pause {
        /// Its id.
        id: String,
    },
    /// End it, whatever is left of it. What has been queued already is pushed all the same.
    #[command(after_help = "Example:\n  privnum replay cancel 3701523456789012345")]
    Cancel {
        /// Its id.
        id: String,
    },
    /// Go on where it was paused.
    #[command(after_help = "Example:\n  privnum replay resume 3701523456789012345")]
    Resume {
        /// Its id.
        id: String,
    },
}

/// Which deliveries, and how fast. All conditions have to fit.
#[derive(Debug, Args)]
pub struct Create {
    /// Only those to this app.
    #[arg(long, value_name = "APP_KEY")]
    app: Option<String>,
    /// Only those in this state now.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only notices of this kind.
    #[arg(long, value_enum)]
    kind: Option<Notice>,
    /// Only those about this call.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    #[command(flatten)]
    period: Period,
    /// At most so many per second, 1 to 1000; 50 unless given.
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Without any condition: all deliveries of all apps.
    #[arg(long, conflicts_with_all = ["app", "state", "kind", "session", "from", "to"])]
    everything: bool,
}

impl Create {
    /// The members of the request. Nobody replays everything by forgetting a condition.
    fn members(&self, now: Timestamp) -> Result<Map<String, Value>, Fault> {
        let [from, to] = self.period.bounds(now)?;
        let conditions = [
            ("appKey", self.app.clone()),
            ("state", word(self.state)),
            ("kind", word(self.kind)),
            ("sessionId", self.session.clone()),
            ("from", from),
            ("to", to),
        ];
        let mut members: Map<_, _> = conditions
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
            .collect();
        if members.is_empty() && !self.everything {
            let what =
                "say which deliveries, by --app, --state, --kind, --session, --from or --to; or --everything";
            return Err(Fault::Usage(what.into()));
        }
        members.extend(self.rate.map(|rate| ("ratePerSecond".to_owned(), rate.into())));
        Ok(members)
    }
}

/// A replay as the gateway shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replay {
    id: String,
    state: String,
    total: u64,
    done: u64,
    #[serde(default)]
    gone: u64,
    rate_per_second: Option<u64>,
    created_at: String,
    ended_at: Option<String>,
    #[serde(default)]
    filter: Filter,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    app_key: Option<String>,
    kind: Option<String>,
    state: Option<String>,
    session_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl Filter {
    /// In a few words: `cdr exhausted to taxi from 2026-01-02 00:00:00`.
    fn told(&self) -> String {
        let with = |word: &str, value: Option<&String>| value.map(|value| format!("{word} {value}"));
        let parts = [
            self.kind.clone(),
            self.state.clone(),
            with("to", self.app_key.as_ref()),
            with("about", self.session_id.as_ref()),
            with("from", self.from.as_ref().map(|at| second(at)).as_ref()),
            with("before", self.to.as_ref().map(|at| second(at)).as_ref()),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "everything".into() } else { parts.join(" ") }
    }
}

pub(super) async fn run(shell: &mut Shell, command: Command) -> Result<(), Fault> {
    let answer = match command {
        Command::Create(create) => {
            let body = create.members(shell.now)?.into();
            shell.client.post(&["replays"], &Query::default(), &body).await?
        }
        Command::List { paging } => return shell.list(&listing(), Query::default(), &paging).await,
        Command::Show { id } => shell.client.get(&["replays", &id], &Query::default()).await?,
        Command::Pause { id } => shell.client.order(&["replays", &id, "pause"]).await?,
        Command::Cancel { id } => shell.client.order(&["replays", &id, "cancel"]).await?,
        Command::Resume { id } => shell.client.order(&["replays", &id, "resume"]).await?,
    };
    shell.show(&answer, details)
}

fn listing() -> Listing<Replay> {
    Listing {
        path: "replays",
        nothing: "There is no replay.",
        columns: vec![
            ("ID", Kind::Whole, |replay| replay.id.clone()),
            ("STATE", Kind::Whole, |replay| replay.state.clone()),
            ("DONE", Kind::Whole, |replay| format!("{} of {}", replay.done, replay.total)),
            ("CREATED (UTC)", Kind::Whole, |replay| second(&replay.created_at)),
            ("ENDED (UTC)", Kind::Whole, |replay| maybe_second(replay.ended_at.as_ref())),
            ("OF", Kind::Prose, |replay| replay.filter.told()),
        ],
    }
}

fn details(replay: &Replay, now: Timestamp) -> Details {
    let gone =
        (replay.gone > 0).then(|| format!("{}, removed by the retention before their turn", replay.gone));
    Details::new(format!("Replay {}", replay.id))
        .with("of", replay.filter.told())
        .with("state", replay.state.as_str())
        .with("done", format!("{} of {}", replay.done, replay.total))
        .if_some("gone", gone)
        .if_some("at most", replay.rate_per_second.map(|rate| format!("{rate} per second")))
        .with("created", with_distance(&replay.created_at, now))
        .if_some("ended", replay.ended_at.as_ref().map(|at| with_distance(at, now)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn members(line: &str) -> Result<Value, Fault> {
        let line = Line::try_parse_from(format!("x {line}").split_whitespace()).unwrap();
        line.create.members(Timestamp::from_secs(1_790_000_000)).map(Value::from)
    }

    #[test]
    fn the_conditions_that_are_given_are_sent() {
        assert_eq!(
            members("--app taxi --state exhausted --kind numStatus --rate 5 --from 1h").unwrap(),
            json!({"appKey": "taxi", "state": "exhausted", "kind": "numStatus", "ratePerSecond": 5,
                "from": "2026-09-21T13:13:20.000Z"})
        );
        assert_eq!(members("--everything").unwrap(), json!({}));
    }

    #[test]
    fn everything_is_replayed_only_if_somebody_says_so() {
        assert!(matches!(members("--rate 5"), Err(Fault::Usage(_))));
        assert!(Line::try_parse_from(["x", "--everything", "--app", "taxi"]).is_err());
    }

    #[test]
    fn a_selection_is_told_in_words() {
        let told = |filter| serde_json::from_value::<Filter>(filter).unwrap().told();
        assert_eq!(
            told(json!({"appKey": "taxi", "state": "exhausted", "from": "2026-01-02T00:00:00.000Z"})),
            "exhausted to taxi from 2026-01-02 00:00:00"
        );
        assert_eq!(told(json!({"kind": null})), "everything");
    }
}
