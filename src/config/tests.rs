//! The file format as a whole: the example file, defaults, ranges, and how problems are reported.

use std::collections::BTreeSet;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::domain::delivery::CountedFrom;

const EXAMPLE: &str = include_str!("../../deploy/config.example.toml");
/// Inline tokens, for files that are about something else.
const TOKENS: &str = "operator.token = \"operator-0123456789\"\nswitch.token = \"switch-0123456789\"\n";

/// A folder with every file that the example file names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("operator.token", "operator-0123456789\n"),
        ("switch.token", "switch-0123456789\n"),
        ("cert.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\n"),
        ("areas.csv", "prefix,areaCode,province\n"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn parsed(text: &str) -> Config {
    let folder = folder();
    Config::parse(&format!("{TOKENS}{text}"), folder.path()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(text: &str) -> Vec<String> {
    let folder = folder();
    let problems = Config::parse(&format!("{TOKENS}{text}"), folder.path()).expect_err(text);
    let base = format!("{}/", folder.path().display());
    problems.iter().map(|problem| problem.to_string().replace(&base, "")).collect()
}

#[test]
fn the_example_file_says_the_defaults() {
    let folder = folder();
    let example = Config::parse(EXAMPLE, folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    let empty = Config::parse("", folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(example.tls.is_some());
    assert_eq!(Config { tls: None, ..example }, empty);
}

#[test]
fn the_example_file_says_every_key_of_its_table_and_no_other() {
    let mut table = String::new();
    let mut said = BTreeSet::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            let key = key.strip_prefix('#').unwrap_or(key);
            if !key.contains(' ') {
                said.insert(format!("{table}{key}"));
            }
        }
    }
    // What the reader knows: an unknown key in a table is answered with the known ones.
    let tables = ["listen", "tls", "store", "operator", "switch", "auth", "callback", "cdr", "cdr_files"];
    let tables = tables.into_iter().chain(["retention", "limits", "allocation", "calls", "recording", "log"]);
    let known = tables.clone().flat_map(|table| {
        let answer = refused(&format!("{table}.qqqq = 1")).remove(0);
        let (_, keys) = answer.split_once("known here: ").expect("nothing is like qqqq");
        let keys = keys.split(" (").next().unwrap_or_default();
        keys.split(", ").map(|key| format!("{table}.{key}")).collect::<Vec<_>>()
    });
    // The keys of the store that this version refuses, and the second place of a key, are not advertised.
    let silent = ["store.url", "store.url_file", "callback.cdr_merge_ms"];
    let mut expected: BTreeSet<String> = known.filter(|key| !silent.contains(&key.as_str())).collect();
    expected.insert("cdr_merge_ms".to_owned());
    assert_eq!(said, expected);

    let at_top = refused("qqqq = 1").remove(0);
    for table in tables {
        assert!(at_top.contains(table), "{at_top}");
    }
}

#[test]
fn the_defaults_are_the_published_ones() {
    let folder = folder();
    let config = Config::parse("", folder.path()).unwrap();
    assert_eq!(config.callback.schedule, Schedule::default());
    assert_eq!(config.listen.customer.to_string(), "0.0.0.0:8443");
    assert_eq!(config.listen.switch.to_string(), "127.0.0.1:8081");
    assert_eq!(config.listen.operator.to_string(), "127.0.0.1:8082");
    assert_eq!(config.auth.clock_skew, Duration::from_secs(300));
    assert_eq!(config.auth.ban.lasting, Duration::from_secs(1_800));
    assert_eq!(config.cdr.merge, Duration::from_millis(500));
    let control = config.switch.control.unwrap();
    assert_eq!((&*control.url, control.token), ("http://127.0.0.1:8060", None));
    assert_eq!(config.recording.dir, folder.path().join("data/recordings"));
    assert_eq!(config.recording.store, RecordingStore::Local);
    assert_eq!(config.store, Store::Embedded { dir: folder.path().join("data") });
    assert!(config.operator.tokens.accept(b"operator-0123456789"));
    assert!(!config.operator.tokens.accept(b"switch-0123456789"));
    assert_eq!((config.tls, config.allocation.area_table), (None, None));
}

#[test]
fn the_parts_of_a_small_limit_are_lowered_with_it_unless_they_are_given() {
    let callback = parsed("callback.max_in_flight = 7").callback;
    assert_eq!((callback.max_in_flight_per_app.get(), callback.max_in_flight_per_host.get()), (7, 7));
}

#[test]
fn what_waited_drains_without_a_limit_unless_one_is_given() {
    assert_eq!(parsed("").callback.drain_per_second, None);
    let given = parsed("callback.drain_per_second = 20").callback.drain_per_second;
    assert_eq!(given.map(std::num::NonZeroU32::get), Some(20));
}

#[test]
fn cdr_files_are_off_until_they_have_a_directory() {
    assert_eq!(parsed("cdr_files.at = \"23:59\"").cdr_files, None);
    let files = parsed("cdr_files.dir = \"files\"").cdr_files.unwrap();
    assert_eq!(
        (files.dir.file_name().unwrap().to_str(), files.at),
        (Some("files"), Duration::from_secs(600))
    );
    let late = parsed("cdr_files = { dir = \"files\", at = \"23:59\" }").cdr_files.unwrap();
    assert_eq!(late.at, Duration::from_secs(86_340));
    for at in ["", "0:10", "24:00", "00:60", "00:10:00", "noon", "+1:00"] {
        let problems = refused(&format!("cdr_files.at = \"{at}\""));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("cdr_files.at: must be a time of day"), "{problems:?}");
    }
    let problems = refused("cdr_files.dir = \"files\"\nretention.cdr_days = 1");
    assert!(problems[0].starts_with("retention.cdr_days: must be at least 2"), "{problems:?}");
    assert!(refused("cdr_files.dir = \"cert.pem\"")[0].contains("is not a directory"));
}

#[test]
fn the_file_printed_in_the_interface_page_is_accepted_word_for_word() {
    let text = r#"
        [listen]
        customer = "0.0.0.0:8443"
        switch   = "127.0.0.1:8081"
        operator = "127.0.0.1:8082"
        [tls]
        certificate = "cert.pem"
        key = "key.pem"
        [store]
        kind = "embedded"
        dir = "data"
        [operator]
        token_file = "operator.token"
        [switch]
        token_file = "switch.token"
        control_url = "http://127.0.0.1:8060"
        [auth]
        clock_skew_secs = 300
        trusted_proxies = []
        ban = { failures = 10, window_secs = 300, for_secs = 1800 }
        [callback]
        schedule_minutes = [1, 4, 9, 106, 203, 300]
        counted_from = "first_push"
        timeout_secs = 10
        allow_networks = []
        cdr_merge_ms = 500
        [retention]
        cdr_days = 31
        recording_days = 7
    "#;
    let folder = folder();
    assert_eq!(Config::parse(text, folder.path()).unwrap(), Config::parse(EXAMPLE, folder.path()).unwrap());
}

#[test]
fn values_arrive_where_they_belong() {
    let config = parsed(
        r#"
        cdr_merge_ms = 0
        listen = { customer = "[::1]:0", switch = "localhost:0", operator = "127.0.0.1:0" }
        switch.control_url = "https://switch.example:8060/control/"
        auth = { clock_skew_secs = 0, trusted_proxies = ["10.1.2.3/8", "2001:db8::1"], ban = { failures = 3 } }
        callback.schedule_minutes = [0.5, 0.001]
        callback.counted_from = "previous_push"
        callback.timeout_secs = 0.25
        callback.name_servers = ["192.0.2.53", "[2001:db8::53]:5353"]
        callback.egress_proxy = "http://proxy.example:3128"
        callback.egress_proxy_login = "user:pass:word"
        retention.exhausted_days = 3650
        limits.connections_max = 1
        allocation = { quarantine_secs = 0, area_table = "areas.csv" }
        calls.max_silence_hours = 0.5
        log = { level = "debug", format = "json" }
        "#,
    );
    assert_eq!(config.cdr.merge, Duration::ZERO);
    assert_eq!(config.listen.customer.to_string(), "[::1]:0");
    assert!(config.listen.switch.ip().is_loopback());
    assert_eq!(&*config.switch.control.unwrap().url, "https://switch.example:8060/control");
    assert_eq!(config.auth.clock_skew, Duration::ZERO);
    let proxies: Vec<String> = config.auth.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "2001:db8::1/128"]);
    assert_eq!((config.auth.ban.failures.get(), config.auth.ban.window.as_secs()), (3, 300));
    assert_eq!(config.callback.schedule.offsets, [Duration::from_secs(30), Duration::from_millis(60)]);
    assert_eq!(config.callback.schedule.counted_from, CountedFrom::PreviousPush);
    assert_eq!(config.callback.timeout, Duration::from_millis(250));
    let servers = ["192.0.2.53:53", "[2001:db8::53]:5353"].map(|server| server.parse().unwrap());
    assert_eq!(config.callback.name_servers, servers);
    let proxy = config.callback.egress_proxy.unwrap();
    assert_eq!(&*proxy.url, "http://proxy.example:3128");
    assert_eq!(proxy.login.as_ref().map(Login::expose), Some("user:pass:word"));
    assert!(!format!("{proxy:?}").contains("pass"));
    assert_eq!(config.retention.exhausted_days.get(), 3_650);
    assert_eq!(config.limits.connections_max.get(), 1);
    assert!(config.allocation.area_table.is_some_and(|path| path.ends_with("areas.csv")));
    assert_eq!(config.calls.max_silence, Duration::from_secs(1_800));
    assert_eq!(config.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_key() {
    let problems = refused(
        r#"
        timeout = 3
        listen.customer = 8443
        auth.clock_skew_secs = 86401
        auth.ban.failure = 3
        auth.ban.for_secs = "long"
        callback.counted_from = "second_push"
        "#,
    );
    assert_eq!(
        problems,
        [
            "auth.ban.failure: unknown key; did you mean `failures`? (line 7)",
            "auth.ban.for_secs: invalid type: string \"long\", expected a number (line 8)",
            "listen.customer: invalid type: integer `8443`, expected a string (line 5)",
            "timeout: unknown key; known here: listen, tls, store, operator, switch, auth, callback, \
             cdr_merge_ms, cdr, cdr_files, retention, limits, allocation, calls, recording, log (line 4)",
            "auth.clock_skew_secs: must be 0 to 86400 seconds, not 86401",
            "callback.counted_from: must be one of \"first_push\", \"previous_push\", not \"second_push\"",
        ]
    );
}

#[test]
fn a_broken_line_is_reported_with_its_number_and_not_quoted() {
    let problems = refused("log.level = \"info\nlog.format = secret-0123456789\n");
    assert!(problems[0].starts_with("line 3: "), "{problems:?}");
    assert!(!problems.concat().contains("secret"), "{problems:?}");
    let twice = refused("log.level = \"info\"\nlog.level = \"warn\"\n");
    assert!(twice[0].starts_with("line 4: "), "{twice:?}");
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    let cases = [
        ("auth.clock_skew_secs = -1", "auth.clock_skew_secs: must be 0 to 86400 seconds, not -1"),
        ("auth.clock_skew_secs = nan", "auth.clock_skew_secs: must be 0 to 86400 seconds, not NaN"),
        ("callback.timeout_secs = 0", "callback.timeout_secs: must be 0.01 to 120 seconds, not 0"),
        ("callback.timeout_secs = inf", "callback.timeout_secs: must be 0.01 to 120 seconds, not inf"),
        ("auth.ban.failures = 0", "auth.ban.failures: must be 1 to 1000000, not 0"),
        ("retention.cdr_days = -3", "retention.cdr_days: must be 1 to 3650, not -3"),
        ("limits.connections_max = 0", "limits.connections_max: must be 1 to 1000000, not 0"),
        ("cdr_merge_ms = 60001", "cdr_merge_ms: must be 0 to 60000, not 60001"),
        ("callback.cdr_merge_ms = -1", "callback.cdr_merge_ms: must be 0 to 60000, not -1"),
        (
            "callback.schedule_minutes = [0]",
            "callback.schedule_minutes: must be 0.00002 to 43200 minutes, not 0",
        ),
        (
            "callback.schedule_minutes = [4, 4]",
            "callback.schedule_minutes: must rise from entry to entry, because it counts from the first push",
        ),
        (
            "callback.max_in_flight = 7\ncallback.max_in_flight_per_app = 8",
            "callback.max_in_flight_per_app: must be at most callback.max_in_flight, which is 7",
        ),
        (
            "callback.name_servers = [\"ns.example\"]",
            "callback.name_servers: must hold addresses like \"192.0.2.53\" or \"[2001:db8::53]:5353\", \
             not \"ns.example\"",
        ),
        (
            "callback.egress_proxy = \"http://user:hush@proxy.example\"",
            "callback.egress_proxy: must be an address like http://proxy.example:3128, without a login or a path",
        ),
        (
            "callback.egress_proxy_login = \"user:pass\"",
            "callback.egress_proxy: is missing, but there is a login for it",
        ),
        (
            "callback = { egress_proxy = \"http://proxy.example\", egress_proxy_login = \"hush\" }",
            "callback.egress_proxy_login: must be user:password, in printable ASCII",
        ),
        ("callback.jitter_secs = 31", "callback.jitter_secs: must be 0 to 30 seconds, not 31"),
        ("cdr.sp_id = \"\"", "cdr.sp_id: must be 1 to 32 visible ASCII characters without blanks"),
        (
            "log.level = \"loud\"",
            "log.level: must be one of \"error\", \"warn\", \"info\", \"debug\", \"trace\", not \"loud\"",
        ),
        (
            "listen.customer = \"8443\"",
            "listen.customer: must be an address like 0.0.0.0:8443 or [::]:8443, not \"8443\"",
        ),
        (
            "listen = { switch = \"127.0.0.1:8082\" }",
            "listen.operator: 127.0.0.1:8082 belongs to another listener already",
        ),
        (
            "auth.trusted_proxies = [\"10.0.0.0/33\"]",
            "auth.trusted_proxies: must hold networks like \"10.0.0.0/8\" or \"fd00::/8\", not \"10.0.0.0/33\"",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), [expected], "{text}");
    }
    let many = refused(&format!("callback.schedule_minutes = [{}]", "1,".repeat(51)));
    assert_eq!(many[0], "callback.schedule_minutes: must hold at most 50 entries");
}

#[test]
fn cdr_merge_ms_is_one_key_in_two_places() {
    assert_eq!(parsed("cdr_merge_ms = 7").cdr, parsed("callback.cdr_merge_ms = 7").cdr);
    let twice = refused("cdr_merge_ms = 7\ncallback.cdr_merge_ms = 7");
    assert_eq!(twice, ["cdr_merge_ms: is given twice: at the top of the file and in [callback]"]);
}

#[test]
fn the_postgres_store_is_refused_and_never_pretended() {
    let problems = refused("store = { kind = \"postgres\", url = \"postgres://user:hunter2@db/privnum\" }");
    let expected = "store.kind: \"postgres\" is not in this version: it has only the embedded store, \
                    kind = \"embedded\"";
    assert_eq!(problems, [expected]);
    let misplaced = refused("store.url = \"postgres://user:hunter2@db/privnum\"");
    assert_eq!(misplaced, ["store.url: belongs to another kind of store; the embedded store has only dir"]);
}

#[test]
fn missing_files_are_reported_with_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let text = "tls = {}\nallocation.area_table = \"areas.csv\"\noperator.token_file = \"nowhere/tokens\"\n";
    let problems = Config::parse(text, folder.path()).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let expected =
        ["tls.certificate", "tls.key", "operator.token_file", "switch.token_file", "allocation.area_table"];
    assert_eq!(keys, expected, "{problems}");
    assert_eq!(problems.to_string().lines().count(), 5);
}

#[test]
fn certificate_and_key_that_changed_places_are_noticed() {
    let problems = refused("tls = { certificate = \"key.pem\", key = \"cert.pem\" }");
    let expected = [
        "tls.certificate: key.pem holds no CERTIFICATE in PEM form",
        "tls.key: cert.pem holds no PRIVATE KEY in PEM form",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_token_is_given_once_and_is_long_enough() {
    let folder = folder();
    let problems = |text: &str| Config::parse(text, folder.path()).unwrap_err().to_string();
    let twice = "operator = { token = \"operator-0123456789\", token_file = \"operator.token\" }";
    assert_eq!(problems(twice), "operator.token_file: give either this or operator.token, not both");
    let short = "operator = { token = \"hunter2\" }";
    assert_eq!(problems(short), "operator.token: a token has 16 to 512 characters");
}

#[test]
fn no_message_and_no_debug_print_shows_a_secret() {
    let folder = folder();
    let config = Config::parse(TOKENS, folder.path()).unwrap();
    assert!(!format!("{config:?}").contains("0123456789"));
    let mistakes = [
        "operator.token = 1234567890123456789",
        "operator.token = [\"operator-123456789\"]",
        "operator.tokn = \"operator-123456789\"",
        "operator.token = \"operator-123456789",
        "switch.control_url = \"http://user:operator-123456789@switch\"",
        "operator.token = \"operator 123456789\"",
        "switch.control_token = 1234567890123456789",
        "recording.s3_secret_key = [\"secret-123456789\"]",
        "recording.s3_secret_key = \"secret 123456789\"\nrecording.store = \"s3\"",
    ];
    for text in mistakes {
        let problems = Config::parse(text, folder.path()).expect_err(text).to_string();
        assert!(!problems.contains("123456789"), "{problems}");
    }
}

#[test]
fn control_urls_that_no_path_can_be_appended_to_are_refused() {
    let wrong = ["http://", "http:///x", "http://:80", "ftp://host", "host:80", "http://h/?q", "http://h h"];
    for url in wrong {
        let problems = refused(&format!("switch.control_url = \"{url}\""));
        assert!(problems[0].starts_with("switch.control_url: must be an address"), "{problems:?}");
    }
}

#[test]
fn an_empty_control_url_means_a_switch_that_takes_no_orders() {
    assert_eq!(parsed("switch.control_url = \"\"").switch.control, None);
}

const BUCKET: &str = "recording.store = \"s3\"\nrecording.s3_endpoint = \"http://127.0.0.1:9000\"\n\
                      recording.s3_bucket = \"b\"\nrecording.s3_access_key = \"k\"\n";

#[test]
fn recordings_go_where_the_file_says() {
    let secret = "recording.s3_secret_key = \"secret-0123456789\"\nrecording.public_url = \"https://pub.example:444/x/\"";
    let config = parsed(&format!("{BUCKET}{secret}")).recording;
    let RecordingStore::S3(s3) = &config.store else { panic!("{config:?}") };
    assert_eq!(
        (&*s3.region, s3.path_style, s3.secret_key.expose()),
        ("us-east-1", true, "secret-0123456789")
    );
    assert_eq!(
        (&*config.domain, config.public_url.as_deref()),
        ("pub.example", Some("https://pub.example:444/x"))
    );
    assert!(!format!("{config:?}").contains("0123456789"));
}

#[test]
fn a_bucket_is_described_whole_or_not_at_all() {
    assert_eq!(refused(BUCKET), ["recording.s3_secret_key: is needed with recording.store = \"s3\""]);
    let local = BUCKET.replace("\"s3\"", "\"local\"");
    let problems = refused(&local);
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("recording.s3_endpoint: belongs to"), "{problems:?}");
}

#[test]
fn a_file_of_nonsense_is_answered_with_a_bounded_list() {
    let lines: Vec<String> = (0..500).map(|n| format!("key{n} = 1")).collect();
    assert_eq!(refused(&lines.join("\n")).len(), 100);
}

#[test]
fn a_file_is_loaded_with_its_folder_as_base_and_a_missing_one_is_named() {
    let folder = folder();
    let path = folder.path().join("config.toml");
    fs::write(&path, EXAMPLE).unwrap();
    assert_eq!(Config::load(&path).unwrap(), Config::parse(EXAMPLE, folder.path()).unwrap());

    let missing = folder.path().join("absent.toml");
    let problems = Config::load(&missing).unwrap_err().to_string();
    assert!(problems.starts_with(&format!("{}: cannot be read: ", missing.display())), "{problems}");
}

#[test]
fn cdr_files_go_to_a_bucket_only_when_all_of_it_is_named_and_there_is_a_directory() {
    let bucket =
        BUCKET.replace("recording.", "cdr_files.") + "cdr_files.s3_secret_key = \"secret-0123456789\"\n";
    let files = parsed(&format!("cdr_files.dir = \"files\"\ncdr_files.s3_prefix = \"gw/\"\n{bucket}"))
        .cdr_files
        .unwrap();
    let bucket_of = files.bucket.unwrap();
    assert_eq!((&*bucket_of.prefix, &*bucket_of.s3.bucket, bucket_of.s3.path_style), ("gw/", "b", true));
    assert_eq!(
        refused(&bucket),
        ["cdr_files.dir: is needed: files are written there before they go to the bucket"]
    );
    let incomplete =
        refused(&format!("cdr_files.dir = \"files\"\n{}", BUCKET.replace("recording.", "cdr_files.")));
    assert_eq!(incomplete, ["cdr_files.s3_secret_key: is needed with cdr_files.store = \"s3\""]);
    let prefix = refused("cdr_files.dir = \"files\"\ncdr_files.s3_prefix = \"gw/\"");
    assert_eq!(prefix, ["cdr_files.s3_prefix: belongs to cdr_files.store = \"s3\""]);
}
