//! The command line (interfaces, "Command line").

pub mod quickstart;
pub mod sign;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// A privacy-number gateway: two people call each other through a lent number and never learn each other's.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway. Prints `ready customer=.. switch=.. operator=..` when everything answers.
    Serve {
        /// The configuration file; deploy/config.example.toml explains every key.
        #[arg(long)]
        config: PathBuf,
    },
    /// Show the main job with no configuration: bind, call, callbacks; then keep serving.
    Quickstart(quickstart::Options),
    /// Check a configuration file. Prints every problem with its key, or `ok`.
    CheckConfig {
        /// The configuration file.
        file: PathBuf,
    },
    /// Print the two authentication headers of a customer request, for `curl -H @-`.
    Sign(sign::Options),
}

/// Runs a command.
pub async fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve { config } => match crate::app::serve(&config).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&error.to_string());
                ExitCode::FAILURE
            }
        },
        Command::Quickstart(options) => quickstart::run(options).await,
        Command::CheckConfig { file } => match Config::load(&file) {
            Ok(_) => {
                say("ok");
                ExitCode::SUCCESS
            }
            Err(problems) => {
                complain(problems.to_string().trim_end());
                ExitCode::FAILURE
            }
        },
        Command::Sign(options) => {
            say(&sign::headers(&options));
            ExitCode::SUCCESS
        }
    }
}

/// Writes a line to standard output. Whoever reads it may have gone; that is no fault.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Writes a line to standard error.
pub fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
