//! Recordings: sent by the switch, told in the CDR, linked to, followed, and gone when their time is over.

use std::path::PathBuf;
use std::time::Duration;

use privnum::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::calls::cdrs;
use crate::world::http::{Answer, Connection, Headers, exchange, request, soon};
use crate::world::{A, B, Customer, Frost, Switch, World, X};

const RECORD: &str = "/rest/provision/voice/record/v1.0";
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// Bytes before the sound in [`wav`].
const HEADER: usize = 44;

/// A WAV file: A-law, 8 kHz, mono; every byte of its sound differs from the next.
pub fn wav(secs: usize) -> Vec<u8> {
    let rate = 8_000_u32.to_le_bytes();
    let format = [&[16, 0, 0, 0, 6, 0, 1, 0][..], &rate, &rate, &[1, 0, 8, 0]].concat();
    let sound: Vec<u8> = (0..secs * 8_000).map(|n| u8::try_from(n % 251).unwrap()).collect();
    [&b"RIFF\0\0\0\0WAVEfmt "[..], &format, b"data\0\0\0\0", &sound].concat()
}

/// A world with an app that records, and A and B bound on its X.
async fn recording(more: &str) -> (World, Customer) {
    let world = World::with(more).await;
    let app = world.app("AXB", &json!({"recording": true})).await;
    world.number(&app, X).await;
    app.bind_axb(X, A, B).await;
    (world, app)
}

/// Reports everything of a call but its end.
async fn talk(world: &World, call: &str) {
    world.switch().route(call, A, X).await;
    let mut events = Switch::answered(call, A, X);
    events.as_array_mut().unwrap().pop();
    assert_eq!(world.switch().report(&events).await, [4, 0, 0]);
}

/// Reports the end of a call, answered 33 seconds before. Returns its CDR.
async fn hang_up(world: &World, call: &str) -> Value {
    world.switch().report(&Switch::answered(call, A, X).as_array().unwrap()[4]).await;
    world.advance(SECOND).await;
    cdrs(world).await.into_values().next().expect("the CDR was pushed")
}

/// A call with a recording of `secs`. Returns its CDR.
async fn recorded(world: &World, call: &str, secs: usize) -> Value {
    talk(world, call).await;
    let sent = world.switch().send_recording(call, &wav(secs)).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    hang_up(world, call).await
}

fn query(cdr: &Value) -> String {
    let text = |member: &str| cdr[member].as_str().unwrap().to_owned();
    format!("recordDomain={}&fileName={}", text("recordDomain"), text("recordObjectName"))
}

/// Where the link in an answer leads, below the listener.
fn path(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.text()), (301, String::new()));
    let location = answer.header("Location").expect("Location, with a capital");
    location.strip_prefix("http://h").unwrap_or_else(|| panic!("{location}")).to_owned()
}

async fn follow(app: &Customer, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: Headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    exchange(app.gateway(), request("GET", path, &headers, b"")).await
}

fn stored(world: &World, app: &Customer) -> PathBuf {
    world.dir.path().join("data/recordings").join(format!("sp-{}", app.key.to_lowercase()))
}

fn files(folder: &PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().file_name()));
    entries.into_iter().flatten().map(|name| name.into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_recording_is_told_in_the_cdr_and_read_over_a_link_as_often_as_one_likes() {
    let (world, app) = recording("").await;
    let cdr = recorded(&world, "c", 5).await;
    assert_eq!((&cdr["recordFlag"], &cdr["recordDomain"]), (&json!(1), &json!("privnum")));
    assert_eq!(cdr["recordBucketName"], format!("sp-{}", app.key.to_lowercase()));
    assert_eq!(cdr["recordStartTime"], "2026-01-02 03:05:08", "when it was answered");
    let object = cdr["recordObjectName"].as_str().unwrap();
    assert!(object.len() == 27 && object.starts_with("260102030405"), "{object}");
    let path = path(&app.get(RECORD, &query(&cdr)).await);
    let stale: Vec<_> = app.signed_with(&app.token_of("n", "2018-02-12T15:30:20Z"));
    let stale: Vec<_> = stale.iter().map(|(name, value)| (&**name, &**value)).collect();
    for headers in [&[][..], &[("Authorization", "Bearer nonsense")], &stale, &[]] {
        let answer = follow(&app, &path, headers).await;
        assert_eq!((answer.status, answer.body == wav(5)), (200, true));
        assert_eq!(answer.header("Content-Type"), Some("audio/wav"));
        assert_eq!(answer.header("Content-Length"), Some(&*wav(5).len().to_string()));
        assert_eq!(answer.header("Location"), None);
    }
    let prefixed = follow(&app, &format!("/behind/a/proxy{path}"), &[]).await;
    assert_eq!(prefixed.status, 200);
}

/// The row comes when the disk goes on; a file that was swept away by then would leave a promise that nobody keeps.
#[tokio::test]
async fn a_recording_whose_row_waits_for_a_disk_that_hangs_is_not_swept_away_meanwhile() {
    let frost = Frost::default();
    let world = World::on(&frost).await;
    let app = world.app("AXB", &json!({"recording": true})).await;
    world.number(&app, X).await;
    app.bind_axb(X, A, B).await;
    talk(&world, "c").await;
    world.quiet().await;
    frost.freeze();
    let switch = world.switch();
    let sent = tokio::spawn(async move { switch.send_recording("c", &wav(5)).await });
    world.until_a_commit_runs().await;
    world.pass(20 * SECOND);
    assert_eq!(soon(sent).await.unwrap().status, 503);
    soon(world.sweep_recordings()).await;
    assert_eq!(files(&stored(&world, &app)).len(), 1, "it was swept away");

    frost.thaw();
    world.advance(Duration::ZERO).await;
    let again = world.switch().send_recording("c", &wav(5)).await;
    assert_eq!((again.status, &again.json()["duplicates"]), (200, &json!(1)), "{}", again.text());
    let cdr = hang_up(&world, "c").await;
    let path = path(&app.get(RECORD, &query(&cdr)).await);
    assert_eq!(follow(&app, &path, &[]).await.body, wav(5));
}

#[tokio::test]
async fn a_player_may_ask_for_parts() {
    let (world, app) = recording("").await;
    let cdr = recorded(&world, "c", 40).await;
    let path = path(&app.get(RECORD, &query(&cdr)).await);
    let file = wav(40);
    let size = file.len();
    for (range, part) in [
        ("bytes=0-11".to_owned(), 0..12),
        (format!("bytes={HEADER}-"), HEADER..size),
        ("bytes=-100".to_owned(), size - 100..size),
        (format!("bytes=100000-{}", size + 5), 100_000..size),
    ] {
        let answer = follow(&app, &path, &[("Range", &range)]).await;
        assert_eq!((answer.status, answer.body == file[part.clone()]), (206, true), "{range}");
        let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(answer.header("Content-Range"), Some(&*content_range));
    }
    let beyond = follow(&app, &path, &[("Range", &format!("bytes={size}-"))]).await;
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(beyond.header("Content-Range"), Some(&*format!("bytes */{size}")));
    let whole = follow(&app, &path, &[("Range", "bytes=0-1,4-5")]).await;
    assert_eq!((whole.status, whole.body.len()), (200, size));
    let etag = whole.header("Etag").unwrap().to_owned();
    assert_eq!(follow(&app, &path, &[("Range", "bytes=0-1"), ("If-Range", &etag)]).await.status, 206);
    assert_eq!(follow(&app, &path, &[("Range", "bytes=0-1"), ("If-Range", "\"other\"")]).await.status, 200);
    let mut connection = Connection::to(app.gateway()).await;
    for (headers, status, length) in [("", 200, size), ("Range: bytes=5-9\r\n", 206, 5)] {
        connection.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n")).await;
        let head = connection.head().await.unwrap();
        assert_eq!((head.status, head.header("Content-Length")), (status, Some(&*length.to_string())));
        assert_eq!(head.header("Accept-Ranges"), Some("bytes"));
    }
    connection.send(format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).await;
    assert_eq!(connection.answer().await.unwrap().body, file, "no chunks for HTTP/1.0");
}

#[tokio::test]
async fn a_link_ends_after_three_days_and_the_recording_after_seven() {
    let (world, app) = recording("").await;
    let cdr = recorded(&world, "c", 5).await;
    let made = world.now();
    let first = path(&app.get(RECORD, &query(&cdr)).await);
    world.set_time(made.after(3 * DAY).before(SECOND)).await;
    assert_eq!(follow(&app, &first, &[]).await.status, 200);
    world.set_time(made.after(3 * DAY)).await;
    assert_eq!(follow(&app, &first, &[]).await.code(), (404, "1012007".into()));
    world.set_time(made.after(7 * DAY).before(SECOND)).await;
    let last = path(&app.get(RECORD, &query(&cdr)).await);
    assert_eq!(follow(&app, &last, &[]).await.status, 200);
    world.set_time(made.after(7 * DAY)).await;
    assert_eq!(follow(&app, &last, &[]).await.code(), (404, "1012007".into()));
    assert_eq!(app.get(RECORD, &query(&cdr)).await.code(), (403, "1012007".into()));
}

#[tokio::test]
async fn a_link_that_was_changed_leads_nowhere() {
    let (world, app) = recording("").await;
    let first = recorded(&world, "c", 5).await;
    let second = recorded(&world, "d", 5).await;
    let path = path(&app.get(RECORD, &query(&first)).await);
    let object = |cdr: &Value| cdr["recordObjectName"].as_str().unwrap().to_owned();
    for wrong in [
        path.replace(&object(&first), &object(&second)),
        path.replace("/v1/1-", "/v1/2-"),
        path.replace(&object(&first), "..%2F..%2Fprivnum.db"),
        path.replace(&object(&first), "../../privnum.db"),
        "/recordings/v1/".into(),
        "/recordings/v1//".into(),
        "/recordings/v1/x/y".into(),
    ] {
        assert_ne!(wrong, path);
        let answer = follow(&app, &wrong, &[]).await;
        assert_eq!(answer.status, 404, "{wrong}: {}", answer.text());
        assert!(answer.json()["resultcode"].is_string());
    }
}

#[tokio::test]
async fn a_recording_that_is_not_the_apps_own_is_one_that_does_not_exist() {
    let (world, app) = recording("").await;
    let cdr = recorded(&world, "c", 5).await;
    let stranger = world.app("AX", &json!({"recording": true})).await;
    let unknown = app.get(RECORD, "recordDomain=privnum&fileName=26010203040500000000001.wav").await;
    assert_eq!(unknown.code(), (403, "1012007".into()));
    assert_eq!(stranger.get(RECORD, &query(&cdr)).await.body, unknown.body);
    for name in ["x", "..%2F..%2Fprivnum.db", "%00", "1200_366_0_20161228102743.wav"] {
        let answer = app.get(RECORD, &format!("recordDomain=privnum&fileName={name}")).await;
        assert_eq!(answer.body, unknown.body, "{name}");
    }
    world.change_app(&app, &json!({"recording": false})).await;
    assert_eq!(app.get(RECORD, &query(&cdr)).await.code(), (403, "1012012".into()));
    world.suspend(&app, true).await;
    assert_eq!(app.get(RECORD, &query(&cdr)).await.code(), (403, "1010008".into()));
}

#[tokio::test]
async fn a_missing_parameter_is_named() {
    let (_world, app) = recording("").await;
    let long = "f".repeat(129);
    for (query, what) in [
        ("fileName=f.wav", "recordDomain is missing."),
        ("recordDomain=d", "fileName is missing."),
        ("recordDomain=&fileName=f.wav", "recordDomain is missing."),
        (&*format!("recordDomain=d&fileName={long}"), "fileName has more than 128 characters."),
    ] {
        let answer = app.get(RECORD, query).await;
        assert_eq!(answer.code(), (403, "1010002".into()));
        assert_eq!(answer.json()["resultdesc"], format!("Invalid request.{what}"));
    }
}

#[tokio::test]
async fn links_begin_with_the_address_that_the_operator_gives() {
    let (world, app) = recording("recording.public_url = \"https://pub.example/x/\"").await;
    let cdr = recorded(&world, "c", 5).await;
    assert_eq!(cdr["recordDomain"], "pub.example");
    let answer = app.get(RECORD, &query(&cdr)).await;
    let location = answer.header("Location").unwrap();
    let path = location.strip_prefix("https://pub.example/x").unwrap();
    assert_eq!(follow(&app, path, &[]).await.status, 200);
}

#[tokio::test]
async fn less_than_three_seconds_give_no_file() {
    let (world, app) = recording("").await;
    talk(&world, "c").await;
    let short = &wav(3)[..HEADER + 23_999];
    let sent = world.switch().send_recording("c", short).await;
    assert_eq!(sent.json(), json!({"accepted": 1, "duplicates": 0, "parked": 0, "object": ""}));
    let told = json!({"callId": "c", "object": "a.wav", "seconds": "2"});
    assert_eq!(world.switch().tell_recording(&told).await, [1, 0, 0]);
    let cdr = hang_up(&world, "c").await;
    assert_eq!((&cdr["recordFlag"], &cdr["recordObjectName"]), (&json!(0), &Value::Null));
    assert_eq!(files(&stored(&world, &app)), [""; 0]);
}

#[tokio::test]
async fn an_announced_recording_may_come_after_its_cdr() {
    let (mut world, app) = recording("").await;
    talk(&world, "c").await;
    let announced = json!({"callId": "c", "startedAt": "2026-01-02T03:05:09Z"});
    assert_eq!(world.switch().tell_recording(&announced).await, [1, 0, 0]);
    assert_eq!(world.switch().tell_recording(&announced).await, [0, 1, 0]);
    let cdr = hang_up(&world, "c").await;
    assert_eq!((&cdr["recordFlag"], &cdr["recordStartTime"]), (&json!(1), &json!("2026-01-02 03:05:09")));
    let made = world.now();
    assert_eq!(app.get(RECORD, &query(&cdr)).await.code(), (403, "1012007".into()), "not there yet");
    world.advance(600 * SECOND).await;
    world.stop().await;
    world.start_again().await;
    let sent = world.switch().send_recording("c", &wav(5)).await;
    assert_eq!(sent.json()["object"], cdr["recordObjectName"]);
    let again = world.switch().send_recording("c", &wav(6)).await;
    assert_eq!(again.json(), json!({"accepted": 0, "duplicates": 1, "parked": 0, "object": ""}));
    let path = path(&app.get(RECORD, &query(&cdr)).await);
    assert!(follow(&app, &path, &[]).await.body == wav(5));
    world.set_time(made.after(7 * DAY)).await;
    assert_eq!(app.get(RECORD, &query(&cdr)).await.code().1, "1012007", "counted from the CDR");
}

#[tokio::test]
async fn an_announced_recording_of_a_call_too_short_is_not_told() {
    let (world, _) = recording("").await;
    talk(&world, "c").await;
    assert_eq!(world.switch().tell_recording(&json!({"callId": "c"})).await, [1, 0, 0]);
    let end = json!({"sip": 200, "q850": 16, "by": "callee"});
    world.switch().report(&Switch::event("c", "disconnect", "2026-01-02T03:05:10.9Z", &end)).await;
    world.advance(SECOND).await;
    assert_eq!(cdrs(&world).await.into_values().next().unwrap()["recordFlag"], 0);
}

#[tokio::test]
async fn a_recording_that_lies_elsewhere_is_told_and_not_linked_to() {
    let (world, app) = recording("").await;
    talk(&world, "c").await;
    let elsewhere =
        json!({"callId": "c", "domain": "obs.example", "bucket": "b", "object": "o.wav", "seconds": 9});
    assert_eq!(world.switch().tell_recording(&elsewhere).await, [1, 0, 0]);
    assert_eq!(world.switch().send_recording("c", &wav(5)).await.json()["duplicates"], 1);
    let cdr = hang_up(&world, "c").await;
    assert_eq!((&cdr["recordDomain"], &cdr["recordObjectName"]), (&json!("obs.example"), &json!("o.wav")));
    assert_eq!(app.get(RECORD, &query(&cdr)).await.code().1, "1012007");
    assert_eq!(files(&stored(&world, &app)), [""; 0]);
}

#[tokio::test]
async fn what_the_switch_sends_is_checked_and_refused_in_words() {
    let (world, app) = recording("recording.file_mib_max = 1").await;
    talk(&world, "c").await;
    let send = async |call: &str, file: &[u8]| {
        let answer = world.switch().send_recording(call, file).await;
        (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let large = [wav(5), vec![0; 1 << 20]].concat();
    assert_eq!(send("c", &large).await, (413, "too_large".into()));
    assert_eq!(send("c", b"").await, (400, "invalid_recording".into()));
    assert_eq!(send("c", b"<html>not found</html>").await, (400, "invalid_recording".into()));
    assert_eq!(send("unknown", &wav(5)).await, (404, "call_not_found".into()));
    assert_eq!(send("c/d", &wav(5)).await, (404, "not_found".into()));
    assert_eq!(send("%FF", &wav(5)).await, (400, "invalid_request".into()));
    let chunked = b"PUT /switch/v1/recordings/c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";
    let (name, token) = Switch::headers().remove(0);
    let begun = format!("{}{name}: {token}\r\n\r\n", String::from_utf8_lossy(chunked));
    let mut connection = Connection::to(world.switch().address()).await;
    connection.send(begun).await;
    for _ in 0..2 {
        connection
            .send(
                [format!("{:x}\r\n", large.len() / 2).as_bytes(), &large[..large.len() / 2], b"\r\n"]
                    .concat(),
            )
            .await;
    }
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.answer().await.unwrap().status, 413, "also when no length was announced");
    let anonymous = request("PUT", "/switch/v1/recordings/c", &[], &wav(5));
    assert_eq!(exchange(world.switch().address(), anonymous).await.status, 401);
    assert_eq!(send("c", &wav(5)).await.0, 200, "after all that");
    assert_eq!(hang_up(&world, "c").await["recordFlag"], 1);
    assert_eq!(world.switch().send_recording("c", &wav(5)).await.json()["duplicates"], 1);
    talk(&world, "late").await;
    hang_up(&world, "late").await;
    assert_eq!(
        world.switch().send_recording("late", &wav(5)).await.json()["duplicates"],
        1,
        "its CDR said none"
    );
    assert_eq!(files(&stored(&world, &app)).len(), 1);
    assert_eq!(files(&world.dir.path().join("data/recordings/incoming")), [""; 0]);
}

#[tokio::test]
async fn half_an_upload_is_nothing() {
    let (world, app) = recording("").await;
    talk(&world, "c").await;
    let whole = request("PUT", "/switch/v1/recordings/c", &Switch::headers(), &wav(5));
    let mut connection = Connection::to(world.switch().address()).await;
    connection.send(&whole[..whole.len() - 1]).await;
    connection.finish().await;
    assert_eq!(connection.answer().await.map(|answer| answer.status), Some(400));
    assert_eq!(files(&stored(&world, &app)), [""; 0]);
    assert_eq!(files(&world.dir.path().join("data/recordings/incoming")), [""; 0]);
    assert_eq!(world.switch().send_recording("c", &wav(5)).await.status, 200, "and it may be sent again");
    assert_eq!(hang_up(&world, "c").await["recordFlag"], 1);
}

#[tokio::test]
async fn the_switch_may_name_a_file_below_the_import_folder_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("import/today")).unwrap();
    std::fs::write(dir.path().join("import/today/c.wav"), wav(5)).unwrap();
    std::fs::write(dir.path().join("outside.wav"), wav(5)).unwrap();
    std::os::unix::fs::symlink(dir.path().join("outside.wav"), dir.path().join("import/link.wav")).unwrap();
    let dawn = crate::world::at(crate::world::DAWN);
    let world = World::begin(dawn, "recording.import_dir = \"import\"", dir).await;
    let app = world.app("AXB", &json!({"recording": true})).await;
    world.number(&app, X).await;
    app.bind_axb(X, A, B).await;
    talk(&world, "c").await;
    let tell = async |call: &str, path: &str| {
        let body = json!({"callId": call, "path": path, "startedAt": "2026-01-02T03:05:10Z"}).to_string();
        let bytes = request("POST", "/switch/v1/recordings", &Switch::headers(), body.as_bytes());
        exchange(world.switch().address(), bytes).await
    };
    for path in
        ["../outside.wav", "link.wav", "/etc/passwd", "today/../../outside.wav", "missing.wav", "today"]
    {
        let answer = tell("c", path).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("invalid_path")), "{path}");
    }
    assert_eq!(tell("unknown", "today/c.wav").await.json()["parked"], 1);
    let taken = tell("c", "today/c.wav").await.json();
    assert_eq!(taken["accepted"], 1);
    let cdr = hang_up(&world, "c").await;
    assert_eq!(
        (&cdr["recordObjectName"], &cdr["recordStartTime"]),
        (&taken["object"], &json!("2026-01-02 03:05:10"))
    );
    let path = path(&app.get(RECORD, &query(&cdr)).await);
    assert!(follow(&app, &path, &[]).await.body == wav(5));
    assert!(world.dir.path().join("import/today/c.wav").exists(), "the switch's own copy is the switch's");
}

async fn audit(world: &World, action: &str) -> Vec<Value> {
    let entries = world.operator().ask("GET", "audit", &Value::Null).await.json();
    let entries = entries["items"].as_array().unwrap().clone();
    entries.into_iter().filter(|entry| entry["action"] == action).collect()
}

#[tokio::test]
async fn files_are_deleted_when_their_time_is_over_and_the_audit_names_them() {
    let (mut world, app) = recording("retention.recording_days = 2").await;
    let patient = world.app("AXB", &json!({"recording": true, "recordingDays": 5})).await;
    world.number(&patient, "+8617000000002").await;
    patient.bind_axb("+8617000000002", A, B).await;
    let first = recorded(&world, "c", 5).await;
    world.switch().route("d", A, "+8617000000002").await;
    world.switch().report(&Switch::answered("d", A, "+8617000000002").as_array().unwrap()[..4].into()).await;
    world.switch().send_recording("d", &wav(5)).await;
    world.switch().report(&Switch::answered("d", A, "+8617000000002").as_array().unwrap()[4]).await;
    world.advance(SECOND).await;
    let made = world.now();
    assert_eq!((files(&stored(&world, &app)).len(), files(&stored(&world, &patient)).len()), (1, 1));
    world.stop().await;
    world.pass_while_stopped(2 * DAY);
    world.start_again().await;
    world.expire_recordings().await;
    assert_eq!((files(&stored(&world, &app)).len(), files(&stored(&world, &patient)).len()), (0, 1));
    let entries = audit(&world, "recording.expire").await;
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["actor"], &entries[0]["detail"]), (&json!("system"), &first["recordObjectName"]));
    world.set_time(Timestamp::after(made, 5 * DAY)).await;
    world.expire_recordings().await;
    assert_eq!(files(&stored(&world, &patient)).len(), 0);
    assert_eq!(audit(&world, "recording.expire").await.len(), 2);
}

#[tokio::test]
async fn files_without_a_row_are_swept_away_at_the_start_and_others_stay() {
    let (mut world, app) = recording("").await;
    let cdr = recorded(&world, "c", 5).await;
    let folder = stored(&world, &app);
    world.stop().await;
    std::fs::write(folder.join("26010203040500000000001.wav"), wav(5)).unwrap();
    std::fs::write(folder.join("notes.txt"), "an operator's").unwrap();
    world.start_again().await;
    world.sweep_recordings().await;
    let mut left = files(&folder);
    left.sort();
    assert_eq!(left, [cdr["recordObjectName"].as_str().unwrap(), "notes.txt"]);
    assert_eq!(audit(&world, "recording.sweep").await[0]["detail"], "26010203040500000000001.wav");
    let path = path(&app.get(RECORD, &query(&cdr)).await);
    assert_eq!(follow(&app, &path, &[]).await.status, 200);
}
