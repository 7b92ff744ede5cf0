//! The README's first command does what the README says.

use std::process::Command;

#[test]
fn quickstart_once_binds_calls_and_receives_five_events_and_a_cdr() {
    let output = Command::new(env!("CARGO_BIN_EXE_privnum")).args(["quickstart", "--once"]).output().unwrap();
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
}
