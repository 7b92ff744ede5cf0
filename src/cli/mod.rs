//! The command line (interfaces, "Command line").

mod listener;
pub mod operator;
pub mod quickstart;
pub mod sign;
pub mod switch_check;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// A privacy-number gateway: two people call each other through a lent number and never learn each other's.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "First steps:\n  \
        privnum quickstart               see it work, without any configuration\n  \
        privnum serve --config FILE      run it\n\n\
        The commands for operators ask a running gateway. Say once which:\n  \
        export PRIVNUM_OPERATOR=http://127.0.0.1:8082\n  \
        export PRIVNUM_TOKEN=...         or use --token-file operator.token\n  \
        privnum call show SESSION_ID     what happened in this call, and why"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway. Prints `ready customer=.. switch=.. operator=..` when everything answers.
    #[command(after_help = "Example:\n  privnum serve --config /etc/privnum/config.toml\n\n\
        SIGTERM stops it in good order, SIGHUP makes it read certificates, tokens and the log level again.")]
    Serve {
        /// The configuration file; deploy/config.example.toml explains every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Show the main job with no configuration: bind, call, callbacks; then keep serving.
    Quickstart(quickstart::Options),
    /// Check a configuration file and the files it names. Prints every problem with its key, or `ok`.
    #[command(
        after_help = "Example:\n  privnum check-config /etc/privnum/config.toml && systemctl reload privnum"
    )]
    CheckConfig {
        /// The configuration file.
        file: PathBuf,
    },
    /// Print the two authentication headers of a customer request, for `curl -H @-`.
    Sign(sign::Options),
    /// Check a gateway as its switch would, or a switch as its gateway would, and say what is missing.
    SwitchCheck(Box<switch_check::Options>),
    /// Look at a running gateway and steer it.
    #[command(flatten)]
    Operator(Box<operator::Command>),
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
            Ok(config) => match crate::app::unusable_files(&config).as_slice() {
                [] => {
                    say("ok");
                    ExitCode::SUCCESS
                }
                problems => {
                    complain(&problems.join("\n"));
                    ExitCode::FAILURE
                }
            },
            Err(problems) => {
                complain(problems.to_string().trim_end());
                ExitCode::FAILURE
            }
        },
        Command::Sign(options) => {
            say(&sign::headers(&options));
            ExitCode::SUCCESS
        }
        Command::SwitchCheck(options) => switch_check::run(*options).await,
        Command::Operator(command) => operator::run(*command).await,
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
