//! `loadtest`: drives a real gateway over loopback sockets and compares it with its bare ceiling: the same HTTP
//! stack, authentication and JSON with nothing behind them. README.md says what each number means.

mod callbacks;
mod ceiling;
mod child;
mod drive;
mod machine;
mod modes;
mod options;
mod report;
mod scene;
mod traffic;
mod xmode;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use self::options::{Cli, Mode};

/// What a load test ends with when it cannot go on.
type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().mode {
        Mode::Bind(options) => modes::ladder(&options, modes::Rung::Bind),
        Mode::Route(options) => modes::ladder(&options, modes::Rung::Route),
        Mode::Axe(options) => modes::axe(&options),
        Mode::Mixed(options) => modes::mixed(&options),
        Mode::Load(options) => modes::load(&options),
        Mode::Callbacks(options) => callbacks::run(&options),
        Mode::Xmode(options) => xmode::run(&options),
        Mode::Push { to, bodies, connections, seconds, client } => {
            callbacks::push(client, to, &bodies, connections, Duration::from_secs_f64(seconds)).map(|()| 0)
        }
        Mode::Ceiling { config } => ceiling::serve(&config).map(|()| 0),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(errors) => {
            report::complain(&format!("{errors} requests failed"));
            ExitCode::FAILURE
        }
        Err(error) => {
            report::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
