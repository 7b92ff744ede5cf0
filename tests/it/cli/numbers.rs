//! X numbers, one by one and from a file.

use std::process::Stdio;

use serde_json::json;

use super::{command, csv, operator, run};
use crate::world::{A, B, World, X};

#[tokio::test]
async fn a_number_is_added_frozen_moved_and_removed() {
    let (world, app) = World::axb().await;
    let other = world.app("AXB", &json!({})).await;
    let added = operator(&world, &format!("number add 8617000000002 --app {} --area 0755", app.key)).await;
    assert_eq!(added.worked(), "Added the number.\n");
    let frozen = operator(&world, "number status +8617000000002 frozen").await.worked();
    assert!(frozen.contains("  status         frozen (11)\n"), "{frozen}");
    let gone = operator(&world, "number status +8617000000002 10 --cause 2 --json").await.json();
    assert_eq!((&gone["status"], &gone["cause"]), (&json!("10"), &json!("2")));

    app.bind_axb(X, A, B).await;
    let bound = operator(&world, &format!("number move {X} --app {}", other.key)).await.failed(1);
    assert!(bound.contains("(code number_bound)"), "{bound}");
    let moved = operator(&world, &format!("number move {X} --app {} --force --json", other.key)).await.json();
    assert_eq!((&moved["appKey"], &moved["bound"]), (&json!(other.key), &json!(0)));
    assert_eq!(operator(&world, &format!("number remove {X}")).await.worked(), format!("Removed {X}.\n"));
    assert!(operator(&world, &format!("number show {X}")).await.failed(1).contains("number_not_found"));
}

#[tokio::test]
async fn numbers_that_cannot_be_added_are_named_and_the_others_are_added() {
    let (world, app) = World::axb().await;
    let added = operator(&world, &format!("number add {X} +8617000000002 --app {}", app.key)).await;
    assert_eq!(added.code, 1);
    assert!(added.out.starts_with("Added 1 of 2 numbers; 1 failed.\n"), "{}", added.out);
    assert!(added.out.contains("+8617000000001  number_exists  "), "{}", added.out);
}

#[tokio::test]
async fn every_row_of_a_file_is_added_or_reported_with_its_line() {
    let (world, app) = World::axb().await;
    let key = &app.key;
    // As a spreadsheet writes it: a byte order mark, CR LF, a blank line in between.
    let rows = [
        "\u{feff}number,appKey,areaCode,sms".to_owned(),
        format!("+8617000000011,{key},0755,false"),
        format!("{X},{key},,"),
        String::new(),
        format!("86,{key},,"),
        "+8617000000012,nobody,,".to_owned(),
        format!("+8617000000011,{key},,"),
        "+8617000000013".to_owned(),
        format!("+8617000000014,{key},,perhaps"),
        format!("+8617000000015,{key},,TRUE"),
    ];
    let file = world.dir.path().join("numbers.csv");
    std::fs::write(&file, rows.join("\r\n")).unwrap();
    let import = format!("number import {}", file.display());
    let imported = operator(&world, &import).await;
    assert_eq!((imported.code, imported.err.as_str()), (1, ""));
    let lines: Vec<&str> = imported.out.lines().collect();
    for (line, number, code) in [
        (3, X, "number_exists"),
        (5, "86", "invalid_number"),
        (6, "+8617000000012", "app_not_found"),
        (7, "+8617000000011", "duplicate_row"),
        (8, "+8617000000013", "invalid_row"),
        (9, "+8617000000014", "invalid_row"),
    ] {
        let start = format!("line {line}  {number}  {code}: ");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{start} in {}", imported.out);
    }
    assert_eq!((lines.len(), lines[6]), (7, "Added 2 of 8 rows; 6 failed."), "{}", imported.out);

    let again = operator(&world, &format!("{import} --json")).await;
    let report: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((again.code, &report["rows"], &report["added"]), (1, &json!(8), &json!(0)));
    assert_eq!(report["failed"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_file_longer_than_a_portion_is_imported_whole() {
    let (world, app) = World::axb().await;
    let rows = csv("areaCode,number", 10_001, |n| format!("010,+8617100{n:06}"));
    let import = command(&world, &format!("number import - --app {}", app.key));
    assert_eq!(run(import, &rows).await.worked(), "Added all 10001 rows.\n");
    let last = operator(&world, "number show +8617100010000 --json").await.json();
    assert_eq!(last["areaCode"], "010");
}

#[tokio::test]
async fn what_is_no_list_of_numbers_is_refused_before_anything_is_sent() {
    let (world, app) = World::axb().await;
    for (text, expected) in [
        ("", "is empty"),
        ("number;appKey\n", "unknown column"),
        ("appKey\n", "there must be a column `number`"),
        ("number\n", "there must be a column `appKey`, or give --app"),
    ] {
        let refused = run(command(&world, "number import -"), text).await.failed(1);
        assert!(refused.contains(expected), "{refused}");
    }
    let missing = operator(&world, "number import /no/such/file.csv").await.failed(1);
    assert_eq!(missing, "error: /no/such/file.csv: No such file or directory (os error 2)\n");
    let list = operator(&world, &format!("number list --app {} --json", app.key)).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_import_goes_on_when_nobody_reads_its_reports_any_more() {
    let (world, app) = World::axb().await;
    let rows = csv("number", 10_000, |n| format!("{X}\n+8617100{n:06}"));
    let file = world.dir.path().join("numbers.csv");
    std::fs::write(&file, rows).unwrap();
    let mut import = command(&world, &format!("number import {} --app {}", file.display(), app.key));
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = import.stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        child.wait().unwrap()
    });
    assert_eq!(ended.await.unwrap().code(), Some(1));
    operator(&world, "number show +8617100009999").await.worked();
}
