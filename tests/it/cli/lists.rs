//! Apps, and lists of everything: tables, JSON, pages.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use super::{command, csv, operator, run};
use crate::world::{A, AXB, B, World, X};

#[tokio::test]
async fn an_app_is_made_shown_changed_and_suspended() {
    let world = World::new().await;
    let made = operator(
        &world,
        "app create --name taxi --mode axb --app-key taxi --cdr-url https://app.example.com/fee \
         --ip-whitelist 203.0.113.0/24,::1",
    );
    let made = made.await.worked();
    assert!(made.starts_with("App taxi (taxi)\n"), "{made}");
    assert!(made.contains("\n  app secret            ") && made.contains("is not shown again"), "{made}");

    let shown = operator(&world, "app show taxi").await.worked();
    assert!(!shown.contains("secret "), "{shown}");
    assert!(shown.contains("  CDRs to               https://app.example.com/fee\n"), "{shown}");
    assert!(shown.contains("  requests from         203.0.113.0/24, ::1/128\n"), "{shown}");

    let changed = operator(&world, "app change taxi --cdr-url none --recording --json").await.json();
    assert_eq!((&changed["cdrUrl"], &changed["recording"]), (&json!(null), &json!(true)));
    let rotated = operator(&world, "app rotate-secret taxi --json").await.json();
    assert_eq!(rotated["appSecret"].as_str().unwrap().len(), 40);
    assert_eq!(operator(&world, "app suspend taxi --json").await.json()["status"], "suspended");
    let list = operator(&world, "app list").await.worked();
    assert_eq!(
        list,
        "APP KEY  MODE  STATUS     CREATED (UTC)        NAME\n\
         taxi     AXB   suspended  2026-01-02 03:04:05  taxi\n"
    );
    assert_eq!(operator(&world, "app resume taxi --json").await.json()["status"], "active");
    let frozen = operator(&world, "app freeze taxi").await.worked();
    assert!(frozen.contains("  status                frozen\n"), "{frozen}");
    assert_eq!(operator(&world, "app unfreeze taxi --json").await.json()["frozen"], false);
}

#[tokio::test]
async fn an_imported_secret_comes_from_a_file_and_is_in_force() {
    let world = World::new().await;
    let file = world.dir.path().join("secret");
    std::fs::write(&file, "an-old-secret\n").unwrap();
    let words = format!("app create --name old --mode AXB --app-secret-file {} --json", file.display());
    assert_eq!(operator(&world, &words).await.json()["appSecret"], "an-old-secret");
}

#[tokio::test]
async fn an_empty_list_says_so() {
    let world = World::new().await;
    for (words, expected) in [
        ("app list", "There is no app yet. Make one with `privnum app create`.\n"),
        ("number list", "No number fits.\n"),
        ("binding list", "No binding fits.\n"),
        ("call list --open", "No call fits.\n"),
        ("cdr list --from 2h", "No CDR fits.\n"),
        ("delivery list --state exhausted", "No delivery fits.\n"),
        ("audit list", "Nothing was changed yet.\n"),
        ("ban list", "No address is banned.\n"),
    ] {
        assert_eq!(operator(&world, words).await.worked(), expected, "{words}");
        let list = operator(&world, &format!("{words} --json")).await.json();
        assert_eq!(list, json!({"items": [], "nextCursor": null}), "{words}");
    }
}

#[tokio::test]
async fn a_binding_is_made_listed_and_ended_with_its_numbers_in_full() {
    let (world, app) = World::axb().await;
    let words =
        format!("binding bind --app {} --a {A} --b {B} --number {X} --duration-secs 60 --json", app.key);
    let id = operator(&world, &words).await.json()["subscriptionId"].as_str().unwrap().to_owned();
    let list = operator(&world, &format!("binding list --party {B} --app {}", app.key)).await.worked();
    assert_eq!(
        list,
        format!(
            "NUMBER (X)      A               B               SINCE (UTC)          EXPIRES (UTC)        SUBSCRIPTION ID\n\
             {X}  {A}  {B}  2026-01-02 03:04:05  2026-01-02 03:05:05  {id}\n"
        )
    );
    let shown = operator(&world, &format!("binding show {id}")).await.worked();
    assert!(shown.contains("  direction     both may call\n"), "{shown}");
    assert_eq!(
        operator(&world, &format!("binding unbind {id}")).await.worked(),
        format!("Ended binding {id}.\n")
    );
    let ended = operator(&world, "binding list --ended --json").await.json();
    assert_eq!(ended["items"][0]["endCause"], "operator");
}

#[tokio::test]
async fn a_body_of_the_customers_own_kind_is_bound_as_it_is() {
    let (world, app) = World::axb().await;
    let body = json!({"callerNum": A, "calleeNum": B, "relationNum": X, "userData": "order 7"}).to_string();
    let bind = command(&world, &format!("binding bind --app {} --body - --json", app.key));
    assert_eq!(run(bind, &body).await.json()["userData"], "order 7");
}

#[tokio::test]
async fn pages_are_fetched_as_they_are_needed() {
    let (world, app) = World::axb().await;
    let file = csv("number", 1_500, |n| format!("+8617100{n:06}"));
    let import = command(&world, &format!("number import - --app {}", app.key));
    assert_eq!(run(import, &file).await.worked(), "Added all 1500 rows.\n");

    let first = operator(&world, "number list --limit 2").await;
    assert_eq!((first.code, first.out.lines().count()), (0, 3), "a title and two numbers");
    assert_eq!(first.err, "These are the first 2. More with --limit N, everything with --all.\n");
    let all = operator(&world, "number list --all --json").await.json();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["nextCursor"]), (1_501, &json!(null)));
    let most = operator(&world, "number list --limit 1200 --json").await.json();
    assert_eq!(most["items"].as_array().unwrap().len(), 1_200);
    let cursor = most["nextCursor"].as_str().unwrap();
    let rest = operator(&world, &format!("number list --all --json --cursor {cursor}")).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 301);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let (world, app) = World::axb().await;
    let file = csv("number", 3_000, |n| format!("+8617100{n:06}"));
    run(command(&world, &format!("number import - --app {}", app.key)), &file).await.worked();
    let mut list = command(&world, "number list --all --json");
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.wait_with_output().unwrap()
    });
    let ended = ended.await.unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()));
}

#[tokio::test]
async fn a_ban_is_listed_and_lifted() {
    let (world, app) = World::axb().await;
    let stranger = app.with_secret("wrong");
    for _ in 0..10 {
        stranger.get(AXB, "relationNum=1").await;
    }
    let list = operator(&world, "ban list").await.worked();
    assert_eq!(list, "ADDRESS    UNTIL (UTC)\n127.0.0.1  2026-01-02 03:34:05\n");
    assert_eq!(operator(&world, "ban lift 127.0.0.1").await.worked(), "Lifted the ban of 127.0.0.1.\n");
    let audit = operator(&world, "audit list --limit 1 --json").await.json();
    assert_eq!(audit["items"][0]["action"], "ban.lift");
    assert!(operator(&world, "ban lift 127.0.0.1").await.failed(1).contains("(code ban_not_found)"));
}

#[tokio::test]
async fn a_tone_is_uploaded_approved_listed_heard_and_removed() {
    let world = World::new().await;
    operator(&world, "app create --name taxi --mode AXB --app-key taxi --check-tones").await.worked();
    let file = world.dir.path().join("hint.wav");
    let mut sound =
        b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x06\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0".to_vec();
    sound.extend(b"data\x08\0\0\0\xd5\xd5\xd5\xd5\xd5\xd5\xd5\xd5");
    std::fs::write(&file, &sound).unwrap();
    let made = operator(&world, &format!("tone upload taxi {}", file.display())).await.worked();
    assert!(made.starts_with("Tone hint.wav\n  state     pending\n"), "{made}");
    let approved = operator(&world, "tone approve taxi hint.wav --json").await.json();
    assert_eq!(approved["state"], "approved");
    let list = operator(&world, "tone list taxi").await.worked();
    assert!(list.contains("hint.wav  approved  0        2026-01-02 03:04:05"), "{list}");
    let copy = world.dir.path().join("copy.wav");
    operator(&world, &format!("tone download taxi hint.wav --out {}", copy.display())).await.worked();
    assert_eq!(std::fs::read(&copy).unwrap(), sound);
    assert_eq!(operator(&world, "tone remove taxi hint.wav").await.worked(), "Removed tone hint.wav.\n");
    let gone = operator(&world, "tone show taxi hint.wav").await.failed(1);
    assert!(gone.contains("tone_not_found"), "{gone}");
}

#[tokio::test]
async fn usage_records_are_listed_and_exported() {
    let (world, app) = World::axb().await;
    let id = app.bind_axb(X, A, B).await;
    world.advance(std::time::Duration::from_secs(60)).await;
    operator(&world, &format!("binding unbind {id}")).await.worked();
    let list = operator(&world, &format!("usage bindings --app {} --party {B}", app.key)).await.worked();
    let rows: Vec<Vec<_>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..6], ["2026-01-02", "03:05:05", "unbind", "operator", X, A]);
    assert_eq!(rows[2][..6], ["2026-01-02", "03:04:05", "bind", "customer", X, A]);
    let out = world.dir.path().join("usage.csv");
    operator(&world, &format!("usage export --operation bind --out {}", out.display())).await.worked();
    let csv = std::fs::read_to_string(out).unwrap();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.contains(&format!("bind,customer,{},AXB,{X},{A},{B},,,,{id}", app.key)), "{csv}");
    assert_eq!(operator(&world, "usage calls").await.worked(), "No CDR fits.\n");
}

#[tokio::test]
async fn messages_are_listed_exported_and_shown_with_what_became_of_them() {
    let (world, app) = World::sms("AXB", &json!({})).await;
    app.bind_axb(X, A, B).await;
    let sent = world.switch().text("m-1", A, "hello").await["smsIdentifier"].as_str().unwrap().to_owned();
    world.switch().message_sent(&sent, &json!({"sendResult": 10})).await;
    world.quiet().await;
    let list =
        operator(&world, &format!("message list --app {} --party {B} --result 10", app.key)).await.worked();
    assert_eq!(list, operator(&world, &format!("usage messages --app {}", app.key)).await.worked());
    let row = list.lines().nth(1).unwrap();
    for part in [A, X, B, "10: not sent", &sent] {
        assert!(row.contains(part), "{part} in {list}");
    }
    assert_eq!(operator(&world, "message list --result awaited").await.worked(), "No message fits.\n");
    let story = operator(&world, &format!("message show {sent}")).await.worked();
    for part in ["  switch's message id  m-1\n", "  sendResult           10: not sent\n", "sms", "delivered"]
    {
        assert!(story.contains(part), "{part:?} in {story}");
    }
    let csv = operator(&world, "message export --result 10").await.worked();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(operator(&world, "message show none").await.failed(1).contains("message_not_found"));
}
