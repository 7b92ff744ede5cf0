//! `privnum switch-check`: does a gateway do what a switch needs, does a switch do what a gateway needs
//! (proto-docs/switch.md, "Checking both sides")?
//!
//! Without a subcommand it plays the switch's part against a gateway; with `listen` it plays the gateway's part
//! and judges a switch. Either part is a script that collects what it sees, and rules over that, which are pure
//! functions: `judge.rs` in each folder.

mod as_gateway;
mod as_switch;
mod names;
mod report;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use report::Report;

use super::{complain, say};
use crate::cli::operator::Fault;

/// Which part to play.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  export PRIVNUM_SECRET=$(cat app.secret)\n  privnum switch-check --switch-token-file \
    switch.token \\\n    --customer http://127.0.0.1:8080 --key KEY\n  privnum switch-check listen --switch-token-file switch.token \\\n    \
    --control http://127.0.0.1:8060 --callee +8613800000002\n\n\
    Take an app that is made for it: it gets bindings and pushes like any other. The first form takes a few \
    seconds.\nThe exit code is 0 when nothing is missing or wrong, 1 when something is, 2 when the arguments make no sense."
)]
pub struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    as_switch: Option<as_switch::GatewayOptions>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Play the gateway's part: listen, answer the switch's questions, and judge what it sends.
    Listen(as_gateway::ListenOptions),
}

/// Plays a part and says what was found.
pub async fn run(options: Options) -> ExitCode {
    let (json, outcome) = match (options.part, options.as_switch) {
        (Some(Part::Listen(options)), _) => (options.json, as_gateway::run(options).await),
        (None, Some(options)) => (options.json, as_switch::run(options).await),
        (None, None) => {
            complain("error: give --switch-token-file and --customer, or the subcommand listen");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(report) => tell(&report, json),
        Err(fault) => {
            if let Some(text) = fault.told(json) {
                complain(&text);
            }
            fault.exit_code()
        }
    }
}

fn tell(report: &Report, json: bool) -> ExitCode {
    if json {
        say(&report.as_json());
    } else {
        let terminal = console::Term::stdout();
        let width = terminal.is_term().then(|| terminal.size_checked()).flatten().map(|(_, columns)| columns);
        say(&report.in_words(width));
    }
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A fault of the arguments.
fn unusable(what: impl Into<String>) -> Fault {
    Fault::Usage(what.into())
}
