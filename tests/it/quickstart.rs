//! The README's first command does what the README says.

use std::process::Command;

/// Runs the demonstration and checks what it shows. Returns what it printed.
fn demonstrated(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_privnum")).args(["quickstart", "--once"]).args(arguments).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for kind in ["callin", "callout", "alerting", "answer", "disconnect", "fee"] {
        assert_eq!(text.matches(&format!("{{\"eventType\":\"{kind}\"")).count(), 1, "{kind} in {text}");
    }
    let pushed: Vec<_> = text.lines().filter(|line| line.contains("\"eventType\":\"")).collect();
    let at = |kind: &str| pushed.iter().position(|line| line.contains(kind)).unwrap();
    assert!(at("\"callin\"") < at("\"callout\"") && at("\"callout\"") < at("\"alerting\""), "{text}");
    assert!(at("\"alerting\"") < at("\"answer\"") && at("\"answer\"") < at("\"disconnect\""), "{text}");
    assert_eq!(text.matches("curl -sS").count(), 3, "{text}");
    text
}

/// What stands behind a word at the beginning of a line.
fn value(text: &str, label: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn quickstart_once_binds_calls_and_receives_five_events_and_a_cdr() {
    demonstrated(&[]);
}

#[test]
fn quickstart_finds_its_app_again_in_the_data_of_an_earlier_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let [first, second] = [(); 2].map(|()| demonstrated(&["--data-dir", data.to_str().unwrap()]));
    assert_eq!(value(&first, "app key"), value(&second, "app key"));
    assert_ne!(value(&first, "app secret"), value(&second, "app secret"));
    let lent = "=> The gateway lends X = +8617000000001.";
    assert!(first.contains(lent) && second.contains(lent), "{second}");
}
