//! `privnum app`, `tone`, `number`, `binding`, `call`, `cdr`, `message`, `usage`, `delivery`, `replay`, `audit`, `ban`: the operator API from a shell
//! (proto-docs/operator.md).
//!
//! A file per command: its arguments, the requests it makes, and what people see of the answers. With `--json`
//! the gateway's own answer is printed and nothing else. A request is made once: a failure is shown, never
//! hidden by a repeat. The operator's token is read, sent, and never printed.

mod access;
mod app;
mod argument;
mod audit;
mod ban;
mod binding;
mod call;
mod cdr;
mod client;
mod delivery;
mod fault;
mod import;
mod list;
mod message;
mod number;
mod output;
mod replay;
mod rows;
mod story;
mod table;
mod test_callback;
mod tone;
mod usage;
mod word;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;

use access::Access;
use client::{Answer, Client};
use output::{Details, Output};

pub(super) use access::token_of_file;
pub(super) use argument::number as written_number;
pub(super) use fault::Fault;
pub(super) use output::plain;
pub(super) use table::{Kind, Table};

use super::complain;
use crate::clock::Clock;
use crate::domain::time::Timestamp;

/// What an operator can look at and change in a running gateway.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Customers' applications: create, list, show, change, suspend, resume, freeze, unfreeze,
    /// test-callback, rotate-secret.
    App(Remote<app::Command>),
    /// Tone files of an app: upload, list, show, download, approve, reject, remove.
    Tone(Remote<tone::Command>),
    /// X numbers: add, import, list, show, status, move, remove.
    Number(Remote<number::Command>),
    /// Who is bound to whom on which X: list, show, bind, unbind.
    Binding(Remote<binding::Command>),
    /// Calls: list, or show one with its decision, events, CDR and notices.
    Call(Remote<call::Command>),
    /// Call detail records: list, export as CSV.
    Cdr(Remote<cdr::Command>),
    /// Short messages (SMS): list, show one with its notices, export as CSV.
    Message(Remote<message::Command>),
    /// Usage records: what was done to bindings, calls and messages: list, export as CSV.
    Usage(Remote<usage::Command>),
    /// Notices on their way to the apps: list, show, redeliver.
    Delivery(Remote<delivery::Command>),
    /// Many deliveries pushed once more: create, list, show, pause, resume.
    Replay(Remote<replay::Command>),
    /// Who changed what, and when.
    Audit(Remote<audit::Command>),
    /// Addresses that are shut out: list, lift.
    Ban(Remote<ban::Command>),
}

/// A command, and the gateway it is for.
#[derive(Debug, Args)]
#[command(subcommand_value_name = "COMMAND")]
pub struct Remote<C: Subcommand> {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    command: C,
}

/// Runs a command: 0 when it worked, 1 when it did not, 2 when it was not understood.
pub async fn run(command: Command) -> ExitCode {
    let json = command.access().json;
    match perform(command).await {
        Ok(()) | Err(Fault::ReaderGone) => ExitCode::SUCCESS,
        Err(fault) => {
            if let Some(text) = fault.told(json) {
                complain(&text);
            }
            fault.exit_code()
        }
    }
}

async fn perform(command: Command) -> Result<(), Fault> {
    let mut shell = Shell::open(command.access())?;
    match command {
        Command::App(remote) => app::run(&mut shell, remote.command).await,
        Command::Tone(remote) => tone::run(&mut shell, remote.command).await,
        Command::Number(remote) => number::run(&mut shell, remote.command).await,
        Command::Binding(remote) => binding::run(&mut shell, remote.command).await,
        Command::Call(remote) => call::run(&mut shell, remote.command).await,
        Command::Cdr(remote) => cdr::run(&mut shell, remote.command).await,
        Command::Message(remote) => message::run(&mut shell, remote.command).await,
        Command::Usage(remote) => usage::run(&mut shell, remote.command).await,
        Command::Delivery(remote) => delivery::run(&mut shell, remote.command).await,
        Command::Replay(remote) => replay::run(&mut shell, remote.command).await,
        Command::Audit(remote) => audit::run(&mut shell, remote.command).await,
        Command::Ban(remote) => ban::run(&mut shell, remote.command).await,
    }?;
    shell.out.flush()
}

impl Command {
    fn access(&self) -> &Access {
        match self {
            Self::App(remote) => &remote.access,
            Self::Tone(remote) => &remote.access,
            Self::Number(remote) => &remote.access,
            Self::Binding(remote) => &remote.access,
            Self::Call(remote) => &remote.access,
            Self::Cdr(remote) => &remote.access,
            Self::Message(remote) => &remote.access,
            Self::Usage(remote) => &remote.access,
            Self::Delivery(remote) => &remote.access,
            Self::Replay(remote) => &remote.access,
            Self::Audit(remote) => &remote.access,
            Self::Ban(remote) => &remote.access,
        }
    }
}

/// What every command works with: the gateway on one side, the reader on the other.
struct Shell {
    client: Client,
    out: Output,
    /// When the command was started.
    now: Timestamp,
}

impl Shell {
    fn open(access: &Access) -> Result<Self, Fault> {
        Ok(Self { client: access.client()?, out: Output::stdout(access.json), now: Clock::system().now() })
    }

    /// Prints one thing: as it came, or in the words that `tell` finds for it.
    fn show<T: DeserializeOwned>(
        &mut self,
        answer: &Answer,
        tell: impl FnOnce(&T, Timestamp) -> Details,
    ) -> Result<(), Fault> {
        if self.out.is_json() {
            return self.out.raw(answer.text());
        }
        let details = tell(&self.client.read(answer)?, self.now);
        self.out.details(&details)
    }

    /// Says that something without an answer to show was done. Machines learn it from the exit code.
    fn done(&mut self, text: &str) -> Result<(), Fault> {
        if self.out.is_json() { Ok(()) } else { self.out.line(text) }
    }
}
