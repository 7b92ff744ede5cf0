//! What goes wrong is said with what to do about it, on standard error, with an exit code.

use std::process::Command;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{command, operator, privnum, run};
use crate::world::{OPERATOR_TOKEN, World};

/// A command to somebody who reads one request, answers these bytes, and hangs up, or for `None` does neither.
async fn to_a_stranger(words: &str, answer: Option<&'static str>) -> Command {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = privnum(words);
    command.env("PRIVNUM_OPERATOR", format!("http://{}", listener.local_addr().unwrap()));
    command.env("PRIVNUM_TOKEN", OPERATOR_TOKEN);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_ne!(stream.read(&mut [0; 4_096]).await.unwrap(), 0, "a request");
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            None => std::future::pending().await,
        }
    });
    command
}

#[tokio::test]
async fn an_export_that_breaks_off_fails_and_leaves_no_file() {
    let half = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmode,\r\n";
    let dir = tempfile::tempdir().unwrap();
    let words = format!("cdr export --out {}", dir.path().join("cdrs.csv").display());
    let told = run(to_a_stranger(&words, Some(half)).await, "").await.failed(1);
    assert!(told.starts_with("error: no answer from http://127.0.0.1:"), "{told}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let printed = run(to_a_stranger("cdr export", Some(half)).await, "").await;
    assert_eq!((printed.code, printed.out.as_str()), (1, "mode,"));
}

#[tokio::test]
async fn after_a_change_whose_answer_is_lost_one_is_told_to_look() {
    let change = to_a_stranger("app suspend taxi", Some("")).await;
    let told = run(change, "").await.failed(1);
    assert!(
        told.contains("It is not known whether the change was made: look before you repeat it."),
        "{told}"
    );
}

#[tokio::test]
async fn silence_ends_the_wait() {
    let told = run(to_a_stranger("app list --timeout-secs 1", None).await, "").await.failed(1);
    assert!(told.contains(": nothing came for 1 seconds"), "{told}");
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_recognised() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let told = run(to_a_stranger("app list", Some(page)).await, "").await.failed(1);
    assert!(told.contains("gave an answer that this version cannot read"), "{told}");
    let same = "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{\"items\":[],\"nextCursor\":\"a\"}";
    let told = run(to_a_stranger("app list --cursor a", Some(same)).await, "").await.failed(1);
    assert!(told.contains("gives the same page of a list again and again"), "{told}");
}

#[tokio::test]
async fn an_import_that_breaks_off_says_where() {
    let world = World::new().await;
    let mut import = command(&world, "number import - --app taxi");
    import.env("PRIVNUM_TOKEN", "a-token-that-is-wrong");
    let ran = run(import, "number\n\n+8617000000001\n+8617000000002\n").await;
    assert_eq!(ran.out, "Added 0 numbers before that.\n");
    let told = ran.failed(1);
    assert!(
        told.starts_with("The import stopped: lines 3 to 4 failed as a whole, later ones were not sent.\n"),
        "{told}"
    );
    assert!(told.contains("(code unauthorized)"), "{told}");
}

#[tokio::test]
async fn a_refusal_is_told_with_code_and_field() {
    let world = World::new().await;
    let refused = operator(&world, "app create --name x --mode AXB --cdr-url ftp://x").await.failed(1);
    assert!(
        refused.starts_with("error: ") && refused.contains("(code invalid_request, field cdrUrl)"),
        "{refused}"
    );
    let missing = operator(&world, "delivery show 1").await.failed(1);
    assert_eq!(missing, "error: there is no such delivery (code delivery_not_found)\n");
}

#[tokio::test]
async fn machines_get_failures_as_json_too() {
    let world = World::new().await;
    let ran = operator(&world, "call show nothing --json").await;
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let told: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(told["error"]["code"], json!("call_not_found"));
    let mut elsewhere = command(&world, "app list --json");
    elsewhere.env("PRIVNUM_OPERATOR", "http://127.0.0.1:1");
    let told: Value = serde_json::from_str(&run(elsewhere, "").await.failed(1)).unwrap();
    assert_eq!(told["error"]["code"], json!("unreachable"));
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_named_with_what_to_check() {
    let mut list = privnum("app list --operator http://127.0.0.1:1");
    list.env("PRIVNUM_TOKEN", OPERATOR_TOKEN);
    let told = run(list, "").await.failed(1);
    assert!(told.starts_with("error: no answer from http://127.0.0.1:1: Connection refused"), "{told}");
    assert!(told.contains("--operator or PRIVNUM_OPERATOR"), "{told}");
}

#[tokio::test]
async fn the_wrong_listener_is_recognised() {
    let (world, app) = World::axb().await;
    for address in [app.gateway(), world.switch().address()] {
        let told = operator(&world, &format!("app list --operator http://{address}")).await.failed(1);
        assert!(told.contains("--operator (or PRIVNUM_OPERATOR)"), "{told}");
    }
}

#[tokio::test]
async fn the_token_is_never_printed() {
    let world = World::new().await;
    let wrong = "a-token-that-is-wrong";
    let mut list = command(&world, "app list");
    list.env("PRIVNUM_TOKEN", wrong);
    let told = run(list, "").await.failed(1);
    assert!(told.contains("code unauthorized") && told.contains("PRIVNUM_TOKEN"), "{told}");
    assert!(!told.contains(wrong), "{told}");
    let mut unreachable = command(&world, "app list --operator http://127.0.0.1:1");
    unreachable.env("PRIVNUM_TOKEN", "no token\u{1}");
    let told = run(unreachable, "").await.failed(2);
    assert!(!told.contains("no token\u{1}"), "{told}");
    for words in ["app list --help", "app list --operator nonsense", "app nonsense"] {
        let ran = operator(&world, words).await;
        assert!(!format!("{ran:?}").contains(OPERATOR_TOKEN), "{ran:?}");
    }
}

#[tokio::test]
async fn the_token_of_a_file_wins_over_the_environment() {
    let world = World::new().await;
    let file = world.dir.path().join("operator.token");
    std::fs::write(&file, format!("# ours\n{OPERATOR_TOKEN}\n")).unwrap();
    let mut list = command(&world, &format!("app list --token-file {}", file.display()));
    list.env("PRIVNUM_TOKEN", "a-token-that-is-wrong");
    run(list, "").await.worked();
    let told = operator(&world, "app list --token-file /no/such/file").await.failed(1);
    assert_eq!(told, "error: /no/such/file: No such file or directory (os error 2)\n");
}

#[tokio::test]
async fn what_is_not_understood_is_exit_code_2() {
    let world = World::new().await;
    for words in [
        "app",
        "app nonsense",
        "app list --nonsense",
        "app list --limit 0",
        "app list --limit 5 --all",
        "app list --operator 127.0.0.1:8082",
        "app change taxi",
        "app show ..",
        "number show 12",
        "number status +8617000000001 broken",
        "binding bind --app taxi",
        "binding bind --app taxi --a +8613800000001 --body -",
        "cdr list --from yesterday",
        "cdr list --from 2026-01-03 --to 2026-01-02",
        "cdr export --from 1h --to 2h",
        "call list --from 2026-01-02 --to 2026-01-02",
        "delivery list --from 1h --to 2h",
        "message list --from 1h --to 2h",
        "usage bindings --from 1h --to 2h",
        "replay create --from 1h --to 2h",
        "delivery list --state lost",
        "sign --key k --secret s --created now",
        "sign --key k\" --secret s",
    ] {
        operator(&world, words).await.failed(2);
    }
    assert_eq!(
        run(privnum("app list"), "").await.failed(2),
        "error: no operator token: give --token-file FILE, or set PRIVNUM_TOKEN\n"
    );
}

#[tokio::test]
async fn every_command_explains_itself_with_an_example() {
    let commands = [
        ("app", "create list show change suspend resume freeze unfreeze rotate-secret"),
        ("tone", "upload list show download approve reject remove"),
        ("number", "add import list show status move remove"),
        ("binding", "list show bind unbind"),
        ("call", "list show"),
        ("cdr", "list export"),
        ("message", "list show export"),
        ("usage", "bindings export calls messages"),
        ("delivery", "list show redeliver"),
        ("audit", "list"),
        ("ban", "list lift"),
        ("", "serve quickstart check-config sign"),
    ];
    for (group, names) in commands {
        for name in names.split(' ') {
            let help = run(privnum(&format!("{group} {name} --help")), "").await.worked();
            let example = help.split("Example").nth(1).unwrap_or_default();
            assert!(
                example.contains(format!("privnum {group} {name}").replace("  ", " ").as_str()),
                "{help}"
            );
        }
    }
}

#[tokio::test]
async fn check_config_reads_what_the_file_names() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    let text = "operator.token = \"operator-token-of-a-test\"\nswitch.token = \"switch-token-of-a-test\"\n";
    std::fs::write(&file, text).unwrap();
    let check = format!("check-config {}", file.display());
    assert_eq!(run(privnum(&check), "").await.worked(), "ok\n");
    std::fs::write(dir.path().join("areas.csv"), "prefix,areaCode,province\n86755,0755,GD\nx,,\n").unwrap();
    std::fs::write(&file, format!("{text}allocation.area_table = \"areas.csv\"\n")).unwrap();
    let told = run(privnum(&check), "").await.failed(1);
    assert!(told.starts_with("allocation.area_table: ") && told.contains("areas.csv"), "{told}");
}
