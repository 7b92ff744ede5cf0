//! `privnum switch-check`: the switch's part against a gateway, the gateway's part against pretended switches.

mod against_gateway;
mod against_switch;
mod meddler;

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::world::{A, B, SWITCH_TOKEN, World, X};

/// How a command ended, and what it said.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The verdict on a check; `None` = it was not among them.
    fn verdict(&self, check: &str) -> Option<String> {
        let report: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err));
        let checks = report["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["check"] == check)?;
        Some(found["verdict"].as_str().unwrap().to_owned())
    }

    /// The checks that did not end well.
    fn faults(&self) -> Vec<(String, String)> {
        let report: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err));
        let text = |found: &Value, member: &str| found[member].as_str().unwrap().to_owned();
        let checks = report["checks"].as_array().unwrap().iter();
        let failed = checks.filter(|found| found["verdict"] != "ok");
        failed.map(|found| (text(found, "check"), text(found, "seen"))).collect()
    }
}

fn privnum(args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privnum"));
    command.arg("switch-check").args(args).env_remove("PRIVNUM_SWITCH").env_remove("PRIVNUM_SECRET");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn ended(child: Child) -> Ran {
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let out = text(ended.stdout);
    let whole = [A, B, X].into_iter().find(|number| out.contains(number.trim_start_matches('+')));
    assert_eq!(whole, None, "what is pasted into a ticket has no whole number: {out}");
    Ran { code: ended.status.code().unwrap(), out, err: text(ended.stderr) }
}

fn token_file(world: &World) -> String {
    let file = world.dir.path().join("token-of-the-switch");
    std::fs::write(&file, SWITCH_TOKEN).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused() {
    let none = ended(privnum(&[]).spawn().unwrap()).await;
    assert_eq!(none.code, 2, "{}", none.err);
    let words = "--switch-token-file /nowhere/token --customer http://h --key k --secret s";
    let no_file =
        ended(privnum(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).spawn().unwrap()).await;
    assert_eq!(no_file.code, 1);
    assert!(no_file.err.starts_with("error: /nowhere/token: "), "{}", no_file.err);
    let words = "listen --switch-token-file /nowhere/token --callee nobody";
    let no_number =
        ended(privnum(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).spawn().unwrap()).await;
    assert_eq!(no_number.code, 2);
    assert!(no_number.err.contains("such as +8613800000001"), "{}", no_number.err);
    for option in ["--a", "--b", "--x"] {
        let words = format!("--switch-token-file t --customer http://h --key k --secret s {option} 0-1-2");
        let no_number =
            ended(privnum(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).spawn().unwrap()).await;
        assert_eq!(no_number.code, 2, "{option}: {}", no_number.err);
    }
}
