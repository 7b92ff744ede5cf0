//! Daily CDR files: each CDR in one of them, whatever happens in between (proto-docs/operator.md, "CDR files").

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use privnum::wire::operator::tone::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::world::{A, B, Customer, OPERATOR_TOKEN, Reaction, Receiver, Switch, World, X, at};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A world with an AXB app, in which files are written at ten past midnight. It begins on 2 January at 03:04.
async fn world() -> (World, Customer) {
    World::one_app("AXB", "cdr_files.dir = \"files\"").await
}

fn folder(world: &World) -> PathBuf {
    world.dir.path().join("files")
}

/// The names of all files, in order.
fn names(world: &World) -> Vec<String> {
    let entries = fs::read_dir(folder(world)).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn both(days: &[&str]) -> Vec<String> {
    days.iter().flat_map(|day| [format!("cdr-{day}.csv"), format!("cdr-{day}.csv.sha256")]).collect()
}

/// The callers of the CDRs in the file of a day, whose checksum must be right.
fn callers(world: &World, day: &str) -> Vec<String> {
    let path = folder(world).join(format!("cdr-{day}.csv"));
    let csv = fs::read(&path).unwrap();
    let digest = hex(&Sha256::digest(&csv).into());
    let checksum = fs::read_to_string(path.with_extension("csv.sha256")).unwrap();
    assert_eq!(checksum, format!("{digest}  cdr-{day}.csv\n"), "as sha256sum --check reads it");
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let column = reader.headers().unwrap().iter().position(|name| name == "callerNum").unwrap();
    reader.records().map(|row| row.unwrap()[column].to_owned()).collect()
}

/// A call by the caller with this number in the end, whose CDR is made a second from now.
async fn call(world: &World, n: u32) -> String {
    let caller = format!("+86139{n:08}");
    let name = format!("call-{n}");
    let end = Switch::event(&name, "disconnect", "2026-01-02T03:05:09Z", &Value::Null);
    world.switch().report(&serde_json::json!([Switch::callin(&name, &caller, X), end])).await;
    world.advance(Duration::from_secs(1)).await;
    caller
}

async fn export(world: &World, day: &str, next: &str) -> Vec<u8> {
    let query = format!("from={day}T00:00:00Z&to={next}T00:00:00Z");
    let url = format!("http://{}/operator/v1/cdrs?{query}", world.operator().address());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer =
        client.get(url).bearer_auth(OPERATOR_TOKEN).header("Accept", "text/csv").send().await.unwrap();
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn a_day_is_written_at_its_time_and_holds_each_cdr_that_was_made_on_it() {
    let (world, _) = world().await;
    let first = call(&world, 1).await;
    world.set_time(at("2026-01-02T23:59:58Z")).await;
    let last = call(&world, 2).await;
    world.set_time(at("2026-01-03T00:00:00Z")).await;
    // The call is of the day before; its CDR is made today.
    let late = call(&world, 3).await;
    world.set_time(at("2026-01-03T00:09:59Z")).await;
    assert_eq!(names(&world), both(&["2026-01-01"]), "not before its time");
    world.set_time(at("2026-01-03T00:10:00Z")).await;
    assert_eq!(names(&world), both(&["2026-01-01", "2026-01-02"]));
    assert_eq!(callers(&world, "2026-01-01"), Vec::<String>::new());
    assert_eq!(callers(&world, "2026-01-02"), [last, first]);
    let file = fs::read(folder(&world).join("cdr-2026-01-02.csv")).unwrap();
    assert_eq!(
        file,
        export(&world, "2026-01-02", "2026-01-03").await,
        "byte for byte the export of that day"
    );
    world.set_time(at("2026-01-04T00:10:00Z")).await;
    assert_eq!(callers(&world, "2026-01-03"), [late]);
}

#[tokio::test]
async fn a_file_of_many_cdrs_has_each_of_them_once() {
    let (world, _) = world().await;
    let events: Vec<_> = (0..2_100_u32)
        .flat_map(|n| {
            let (name, caller) = (format!("call-{n}"), format!("+86139{n:08}"));
            let end = Switch::event(&name, "disconnect", "2026-01-02T03:05:09Z", &Value::Null);
            [Switch::callin(&name, &caller, X), end]
        })
        .collect();
    for portion in events.chunks(1_000) {
        world.switch().report(&serde_json::json!(portion)).await;
    }
    for _ in 0..3 {
        world.advance(Duration::from_secs(1)).await;
    }
    world.advance(DAY).await;
    let mut callers = callers(&world, "2026-01-02");
    callers.sort();
    let expected: Vec<_> = (0..2_100_u32).map(|n| format!("+86139{n:08}")).collect();
    assert_eq!(callers, expected);
}

#[tokio::test]
async fn days_missed_while_the_gateway_was_down_are_written_when_it_starts() {
    let (mut world, _) = world().await;
    let caller = call(&world, 1).await;
    world.stop().await;
    world.pass_while_stopped(3 * DAY);
    world.start_again().await;
    world.advance(Duration::ZERO).await;
    let days = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"];
    assert_eq!(names(&world), both(&days));
    assert_eq!(callers(&world, "2026-01-02"), [caller]);
    assert_eq!(callers(&world, "2026-01-04"), Vec::<String>::new());
}

#[tokio::test]
async fn days_whose_cdrs_are_forgotten_are_passed_over() {
    let (mut world, _) = world().await;
    world.advance(MINUTE).await;
    world.stop().await;
    world.pass_while_stopped(40 * DAY);
    world.start_again().await;
    world.advance(Duration::ZERO).await;
    let names = names(&world);
    assert_eq!(names[..2], both(&["2026-01-01"]));
    assert_eq!(names[2], "cdr-2026-01-12.csv", "30 days before 11 February");
    assert_eq!((names.len(), names.last().unwrap().as_str()), (2 + 2 * 30, "cdr-2026-02-10.csv.sha256"));
}

#[tokio::test]
async fn a_restart_between_file_and_checksum_makes_the_checksum_and_leaves_the_file() {
    let (mut world, _) = world().await;
    let caller = call(&world, 1).await;
    world.advance(DAY).await;
    world.stop().await;
    let path = folder(&world).join("cdr-2026-01-02.csv");
    fs::remove_file(path.with_extension("csv.sha256")).unwrap();
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    world.start_again().await;
    world.advance(Duration::ZERO).await;
    assert_eq!(callers(&world, "2026-01-02"), [caller]);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

/// The store as it is in the folder of a stopped gateway.
fn copy_store(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // The folder of recordings lies beside the database.
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn a_crash_before_the_day_was_noted_finds_its_file_again_and_does_not_write_it_twice() {
    let (mut world, _) = world().await;
    let caller = call(&world, 1).await;
    world.stop().await;
    let (data, before) = (world.dir.path().join("data"), world.dir.path().join("before"));
    copy_store(&data, &before);
    world.start_again().await;
    world.advance(DAY).await;
    world.stop().await;
    // What a crash right after the renaming leaves: the file is there, half of the next try too, and no note.
    fs::remove_dir_all(&data).unwrap();
    copy_store(&before, &data);
    let path = folder(&world).join("cdr-2026-01-02.csv");
    fs::remove_file(path.with_extension("csv.sha256")).unwrap();
    fs::write(path.with_extension("csv.part"), "mode,direct").unwrap();
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    world.start_again().await;
    world.advance(Duration::ZERO).await;
    assert_eq!(names(&world), both(&["2026-01-01", "2026-01-02"]));
    assert_eq!(callers(&world, "2026-01-02"), [caller]);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
}

#[tokio::test]
async fn files_that_were_taken_away_are_not_written_again() {
    let (mut world, _) = world().await;
    call(&world, 1).await;
    world.advance(DAY).await;
    fs::remove_dir_all(folder(&world)).unwrap();
    world.stop().await;
    world.start_again().await;
    world.advance(Duration::ZERO).await;
    assert_eq!(names(&world), Vec::<String>::new());
    world.advance(DAY).await;
    assert_eq!(names(&world), both(&["2026-01-03"]));
}

#[tokio::test]
async fn a_file_of_somebody_else_is_never_overwritten_and_the_day_waits_until_it_is_gone() {
    let (world, _) = world().await;
    world.advance(Duration::ZERO).await;
    let caller = call(&world, 1).await;
    let path = folder(&world).join("cdr-2026-01-02.csv");
    fs::write(&path, "mine\n").unwrap();
    world.advance(2 * DAY).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine\n");
    let expected = [both(&["2026-01-01"]), vec!["cdr-2026-01-02.csv".into()]].concat();
    assert_eq!(names(&world), expected, "days are written in order");
    fs::remove_file(&path).unwrap();
    world.advance(10 * MINUTE).await;
    assert_eq!(names(&world), both(&["2026-01-01", "2026-01-02", "2026-01-03"]));
    assert_eq!(callers(&world, "2026-01-02"), [caller]);
    let audit = world.operator().ask("GET", "audit", &Value::Null).await.json();
    let begun =
        audit["items"].as_array().unwrap().iter().filter(|entry| entry["subject"] == "2026-01-02").count();
    assert_eq!(begun, 1, "one line however many tries");
}

#[tokio::test]
async fn a_cdr_made_after_the_clock_was_set_back_stands_in_a_file_that_is_still_to_come() {
    let (world, app) = world().await;
    app.bind_axb(X, A, B).await;
    world.set_time(at("2026-01-03T00:10:00Z")).await;
    assert_eq!(names(&world).len(), 4);
    world.set_time(at("2026-01-02T23:00:00Z")).await;
    let caller = call(&world, 1).await;
    world.set_time(at("2026-01-04T00:10:00Z")).await;
    assert_eq!(callers(&world, "2026-01-02"), Vec::<String>::new());
    assert_eq!(callers(&world, "2026-01-03"), [caller]);
}

#[tokio::test]
async fn without_a_directory_there_are_no_files() {
    let (world, _) = World::axb().await;
    call(&world, 1).await;
    world.advance(DAY).await;
    let mut names: Vec<_> =
        fs::read_dir(world.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data"]);
}

const OBJECT: &str = "/cdrs/gw-1/cdr-2026-01-02.csv";
const OBJECT_CHECKSUM: &str = "/cdrs/gw-1/cdr-2026-01-02.csv.sha256";

/// The same world with a bucket that answers 503 until it is told otherwise, at the time at which the first day is due.
async fn world_and_bucket() -> (World, Receiver) {
    let bucket = Receiver::start().await;
    let more = format!(
        "cdr_files = {{ dir = \"files\", store = \"s3\", s3_endpoint = \"http://{}\", s3_bucket = \"cdrs\", \
         s3_access_key = \"k\", s3_secret_key = \"s\", s3_prefix = \"gw-1/\" }}",
        bucket.address
    );
    let (world, _) = World::one_app("AXB", &more).await;
    // The day before the first start is due at once.
    for object in [OBJECT, OBJECT_CHECKSUM] {
        assert_eq!(bucket.next(&object.replace("01-02", "01-01")).await.method, "PUT");
    }
    bucket.react(OBJECT, Reaction::Answer(503, "<Error><Code>SlowDown</Code></Error>"));
    call(&world, 1).await;
    world.set_time(at("2026-01-03T00:10:00Z")).await;
    assert_eq!(bucket.next(OBJECT).await.method, "PUT");
    assert!(
        !names(&world).contains(&"cdr-2026-01-02.csv.sha256".to_owned()),
        "not complete: {:?}",
        names(&world)
    );
    (world, bucket)
}

/// Both files of the day are in the bucket and in the folder, the same in both.
async fn assert_in_bucket(world: &World, bucket: &Receiver) {
    assert_eq!(names(world), both(&["2026-01-01", "2026-01-02"]));
    assert_eq!(callers(world, "2026-01-02").len(), 1);
    let checksum = bucket.next(OBJECT_CHECKSUM).await;
    // While the bucket was away it was tried in vain, once or more.
    let csv = bucket.all(OBJECT).pop().unwrap();
    assert_eq!((csv.method.as_str(), csv.header("content-type")), ("PUT", "text/csv;charset=utf-8"));
    assert!(csv.path.contains("X-Amz-Signature="), "{}", csv.path);
    let file = |name: &str| fs::read_to_string(folder(world).join(name)).unwrap();
    assert_eq!(csv.body, file("cdr-2026-01-02.csv"));
    assert_eq!(checksum.body, file("cdr-2026-01-02.csv.sha256"));
    assert_eq!(bucket.left(), [], "the checksum was put once, and nothing else");
}

#[tokio::test]
async fn a_day_is_complete_when_both_its_files_are_in_the_bucket() {
    let (world, bucket) = world_and_bucket().await;
    bucket.react(OBJECT, Reaction::Answer(200, ""));
    world.advance(10 * MINUTE).await;
    assert_in_bucket(&world, &bucket).await;
    world.set_time(at("2026-01-03T12:00:00Z")).await;
    assert_eq!(bucket.left(), [], "nothing is put twice");
}

#[tokio::test]
async fn what_a_stop_left_out_of_the_bucket_is_put_there_at_the_next_start() {
    let (mut world, bucket) = world_and_bucket().await;
    world.stop().await;
    bucket.react(OBJECT, Reaction::Answer(200, ""));
    world.start_again().await;
    world.advance(MINUTE).await;
    assert_in_bucket(&world, &bucket).await;
}
