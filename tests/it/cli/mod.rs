//! The command line as a person or a script meets it: the real binary against a gateway in this process.

mod failures;
mod lists;
mod numbers;
mod replays;
mod stories;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{OPERATOR_TOKEN, World};

/// How a command ended and what it said.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The output of a command that has to work.
    #[track_caller]
    fn worked(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The same, read as JSON.
    #[track_caller]
    fn json(self) -> Value {
        serde_json::from_str(&self.worked()).unwrap()
    }

    /// What a command says that has to fail with this exit code.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}

/// `privnum` with these words and nothing in its environment that it looks at.
fn privnum(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privnum"));
    command.args(words.split_whitespace()).env_remove("PRIVNUM_OPERATOR").env_remove("PRIVNUM_TOKEN");
    command
}

/// Runs a command to its end while the gateway of the test goes on.
async fn run(mut command: Command, input: &str) -> Ran {
    let input = input.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    });
    let ended = ended.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

/// A CSV file: its first line, then a line for each of `count` rows.
fn csv(columns: &str, count: u32, row: impl Fn(u32) -> String) -> String {
    let rows = (0..count).map(row);
    std::iter::once(columns.to_owned()).chain(rows).map(|line| line + "\n").collect()
}

/// An operator's command to the gateway of a test.
fn command(world: &World, words: &str) -> Command {
    let mut command = privnum(words);
    command.env("PRIVNUM_OPERATOR", format!("http://{}", world.operator().address()));
    command.env("PRIVNUM_TOKEN", OPERATOR_TOKEN);
    command
}

async fn operator(world: &World, words: &str) -> Ran {
    run(command(world, words), "").await
}
