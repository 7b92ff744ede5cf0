//! What each key means: its default, its range, and how keys depend on each other. One function per table.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::domain::delivery::{CountedFrom, Schedule};

use super::bucket;
use super::checks::{Checks, Unit};
use super::problem::{ConfigProblems, Problem};
use super::raw::{
    RawAllocation, RawAuth, RawCallback, RawCalls, RawCdr, RawCdrFiles, RawConfig, RawLimits, RawListen,
    RawLog, RawRetention, RawStore, RawSwitch, RawTls,
};
use super::recording::recording;
use super::{
    Allocation, Auth, Ban, Callback, Calls, Cdr, CdrBucket, CdrFiles, Config, Control, EgressProxy, Limits,
    Listen, Log, LogFormat, LogLevel, Operator, Retention, Store, Switch, Tls,
};

const DAY_SECS: f64 = 86_400.0;
/// Shortest time limit: below it a test on a busy machine fails by chance.
const LIMIT_SECS_MIN: f64 = 0.01;
/// Longest time limit of a question: callers and switches do not wait longer in silence.
const QUESTION_SECS_MAX: f64 = 10.0;
/// A delivery keeps every attempt; more than this is no schedule but a mistake.
const SCHEDULE_LENGTH_MAX: usize = 50;
/// Thirty days: a notice that old is of no use to anybody.
const SCHEDULE_MINUTES_MAX: f64 = 30.0 * 24.0 * 60.0;
/// One millisecond in minutes, rounded up: two re-pushes at the same time make no sense.
const SCHEDULE_MINUTES_MIN: f64 = 0.000_02;
/// More would no longer be the documented schedule, whose first step is a minute.
const JITTER_SECS_MAX: f64 = 30.0;
/// Ten years.
const RETENTION_DAYS_MAX: u32 = 3_650;
const CDR_MERGE_MS_MAX: u32 = 60_000;

/// Checks every value of `raw`. `unread` are the keys of the file that did not make it into `raw`.
pub(super) fn resolve(
    raw: &RawConfig,
    unread: Vec<Problem>,
    base_dir: &Path,
) -> Result<Config, ConfigProblems> {
    let mut checks = Checks::new(base_dir, unread);
    let checks_mut = &mut checks;
    let store = store(checks_mut, &raw.store);
    let cdr = cdr(checks_mut, &raw.cdr, raw.cdr_merge_ms, raw.callback.cdr_merge_ms);
    let config = Config {
        listen: listen(checks_mut, &raw.listen),
        tls: raw.tls.as_ref().map(|raw| tls(checks_mut, raw)),
        recording: recording(checks_mut, &raw.recording, &store, &cdr.host_name),
        store,
        operator: Operator {
            tokens: checks_mut.tokens(
                "operator",
                raw.operator.token.as_deref(),
                raw.operator.token_file.as_deref(),
                "operator.token",
            ),
        },
        switch: switch(checks_mut, &raw.switch),
        auth: auth(checks_mut, &raw.auth),
        callback: callback(checks_mut, &raw.callback),
        cdr,
        cdr_files: cdr_files(checks_mut, &raw.cdr_files, raw.retention.cdr_days),
        retention: retention(checks_mut, &raw.retention),
        limits: limits(checks_mut, &raw.limits),
        allocation: allocation(checks_mut, &raw.allocation),
        calls: calls(checks_mut, &raw.calls),
        log: log(checks_mut, &raw.log),
    };
    checks.finish().map(|()| config)
}

fn listen(checks: &mut Checks<'_>, raw: &RawListen) -> Listen {
    let every_interface = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443));
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listen = Listen {
        customer: checks.address("listen.customer", raw.customer.as_deref(), every_interface),
        switch: checks.address("listen.switch", raw.switch.as_deref(), loopback(8081)),
        operator: checks.address("listen.operator", raw.operator.as_deref(), loopback(8082)),
    };
    let taken_twice = |a: SocketAddr, b: SocketAddr| a == b && a.port() != 0;
    if taken_twice(listen.switch, listen.customer) {
        checks.problem("listen.switch", format!("{} is listen.customer already", listen.switch));
    }
    if taken_twice(listen.operator, listen.customer) || taken_twice(listen.operator, listen.switch) {
        checks.problem("listen.operator", format!("{} belongs to another listener already", listen.operator));
    }
    listen
}

fn tls(checks: &mut Checks<'_>, raw: &RawTls) -> Tls {
    let certificate = raw.certificate.as_deref().unwrap_or("cert.pem");
    let key = raw.key.as_deref().unwrap_or("key.pem");
    Tls {
        certificate: checks.pem_file("tls.certificate", certificate, "CERTIFICATE"),
        key: checks.pem_file("tls.key", key, "PRIVATE KEY"),
    }
}

fn store(checks: &mut Checks<'_>, raw: &RawStore) -> Store {
    match raw.kind.as_deref() {
        None | Some("embedded") => {
            let urls = [("store.url", &raw.url), ("store.url_file", &raw.url_file)];
            for (key, _) in urls.iter().filter(|(_, given)| given.is_some()) {
                checks.problem(key, "belongs to another kind of store; the embedded store has only dir");
            }
        }
        Some("postgres") => checks.problem(
            "store.kind",
            "\"postgres\" is not in this version: it has only the embedded store, kind = \"embedded\"",
        ),
        Some(other) => checks.problem("store.kind", format!("must be \"embedded\", not {other:?}")),
    }
    Store::Embedded { dir: checks.dir("store.dir", raw.dir.as_deref().unwrap_or("data")) }
}

fn switch(checks: &mut Checks<'_>, raw: &RawSwitch) -> Switch {
    let url = match raw.control_url.as_deref() {
        Some("") => None,
        given => Some(checks.base_url("switch.control_url", given, "http://127.0.0.1:8060")),
    };
    let (token, file) = (raw.control_token.as_deref(), raw.control_token_file.as_deref());
    let token = checks.credential("switch.control_token", token, file);
    let (key, range) = ("switch.control_timeout_secs", LIMIT_SECS_MIN..=30.0);
    let timeout = checks.duration(key, raw.control_timeout_secs, 3, range, Unit::SECONDS);
    Switch {
        tokens: checks.tokens("switch", raw.token.as_deref(), raw.token_file.as_deref(), "switch.token"),
        control: url.map(|url| Control { url, token, timeout }),
    }
}

fn auth(checks: &mut Checks<'_>, raw: &RawAuth) -> Auth {
    let proxies = raw.trusted_proxies.as_deref().unwrap_or_default();
    let ban = &raw.ban;
    let in_a_day = LIMIT_SECS_MIN..=DAY_SECS;
    let in_a_month = LIMIT_SECS_MIN..=30.0 * DAY_SECS;
    let seconds = Unit::SECONDS;
    Auth {
        clock_skew: checks.duration(
            "auth.clock_skew_secs",
            raw.clock_skew_secs,
            300,
            0.0..=DAY_SECS,
            seconds,
        ),
        trusted_proxies: checks.networks("auth.trusted_proxies", proxies),
        ban: Ban {
            failures: checks.count("auth.ban.failures", ban.failures, 10, 1_000_000),
            window: checks.duration("auth.ban.window_secs", ban.window_secs, 300, in_a_day, seconds),
            lasting: checks.duration("auth.ban.for_secs", ban.for_secs, 1_800, in_a_month, seconds),
        },
    }
}

fn callback(checks: &mut Checks<'_>, raw: &RawCallback) -> Callback {
    let networks = raw.allow_networks.as_deref().unwrap_or_default();
    let name_servers = raw.name_servers.as_deref().unwrap_or_default();
    let timeout_range = LIMIT_SECS_MIN..=120.0;
    let in_all = checks.capacity("callback.max_in_flight", raw.max_in_flight, 8_192, 100_000);
    let mut part = |key: &str, given: Option<i64>, default: usize| {
        let default = u32::try_from(default.min(in_all.get())).expect("the defaults are small");
        let limit = checks.capacity(key, given, default, 100_000);
        if limit > in_all {
            checks.problem(key, format!("must be at most callback.max_in_flight, which is {in_all}"));
        }
        limit
    };
    Callback {
        max_in_flight: in_all,
        max_in_flight_per_app: part("callback.max_in_flight_per_app", raw.max_in_flight_per_app, 64),
        max_in_flight_per_endpoint: part(
            "callback.max_in_flight_per_endpoint",
            raw.max_in_flight_per_endpoint,
            16,
        ),
        max_in_flight_per_host: part("callback.max_in_flight_per_host", raw.max_in_flight_per_host, 64),
        drain_per_second: raw
            .drain_per_second
            .map(|given| checks.count("callback.drain_per_second", Some(given), 1, 1_000)),
        question_timeout: checks.duration(
            "callback.question_timeout_secs",
            raw.question_timeout_secs,
            3,
            LIMIT_SECS_MIN..=QUESTION_SECS_MAX,
            Unit::SECONDS,
        ),
        max_questions: checks.capacity("callback.max_questions", raw.max_questions, 2_048, 100_000),
        max_questions_per_app: checks.capacity(
            "callback.max_questions_per_app",
            raw.max_questions_per_app,
            128,
            100_000,
        ),
        schedule: schedule(checks, raw),
        timeout: checks.duration("callback.timeout_secs", raw.timeout_secs, 10, timeout_range, Unit::SECONDS),
        allow_networks: checks.networks("callback.allow_networks", networks),
        ca_file: raw.ca_file.as_deref().map(|file| checks.pem_file("callback.ca_file", file, "CERTIFICATE")),
        name_servers: checks.name_servers("callback.name_servers", name_servers),
        egress_proxy: egress_proxy(checks, raw),
    }
}

fn egress_proxy(checks: &mut Checks<'_>, raw: &RawCallback) -> Option<EgressProxy> {
    let key = "callback.egress_proxy";
    let (inline, file) = (raw.egress_proxy_login.as_deref(), raw.egress_proxy_login_file.as_deref());
    let login = checks.login("callback.egress_proxy_login", inline, file);
    let url = raw.egress_proxy.as_deref().map(|url| checks.proxy_url(key, url));
    if url.is_none() && (inline.is_some() || file.is_some()) {
        checks.problem(key, "is missing, but there is a login for it");
    }
    url.map(|url| EgressProxy { url, login })
}

fn schedule(checks: &mut Checks<'_>, raw: &RawCallback) -> Schedule {
    let key = "callback.schedule_minutes";
    let published = Schedule::default();
    let names = [("first_push", CountedFrom::FirstPush), ("previous_push", CountedFrom::PreviousPush)];
    let given = raw.counted_from.as_deref();
    let counted_from = checks.choice("callback.counted_from", given, published.counted_from, &names);
    let offsets = raw.schedule_minutes.as_deref().map_or(published.offsets, |minutes| {
        checks.durations(key, minutes, SCHEDULE_MINUTES_MIN..=SCHEDULE_MINUTES_MAX, Unit::MINUTES)
    });
    if offsets.len() > SCHEDULE_LENGTH_MAX {
        checks.problem(key, format!("must hold at most {SCHEDULE_LENGTH_MAX} entries"));
    }
    if counted_from == CountedFrom::FirstPush && !offsets.is_sorted_by(|earlier, later| earlier < later) {
        checks.problem(key, "must rise from entry to entry, because it counts from the first push");
    }
    let jitter =
        checks.duration("callback.jitter_secs", raw.jitter_secs, 5, 0.0..=JITTER_SECS_MAX, Unit::SECONDS);
    Schedule { offsets, counted_from, jitter }
}

fn cdr(checks: &mut Checks<'_>, raw: &RawCdr, at_top: Option<i64>, in_callback: Option<i64>) -> Cdr {
    let key = if at_top.is_some() { "cdr_merge_ms" } else { "callback.cdr_merge_ms" };
    if at_top.is_some() && in_callback.is_some() {
        checks.problem(key, "is given twice: at the top of the file and in [callback]");
    }
    let merge_ms = checks.whole(key, at_top.or(in_callback), 500, 0..=CDR_MERGE_MS_MAX);
    Cdr {
        merge: Duration::from_millis(merge_ms.into()),
        sp_id: checks.label("cdr.sp_id", raw.sp_id.as_deref(), "privnum", 32),
        host_name: checks.label("cdr.host_name", raw.host_name.as_deref(), "privnum", 128),
    }
}

fn cdr_files(checks: &mut Checks<'_>, raw: &RawCdrFiles, cdr_days: Option<i64>) -> Option<CdrFiles> {
    let at = checks.time_of_day("cdr_files.at", raw.at.as_deref(), "00:10");
    let s3 = bucket::of(checks, raw.store.as_deref(), &raw.s3());
    if raw.s3_prefix.is_some() && s3.is_none() {
        checks.problem("cdr_files.s3_prefix", "belongs to cdr_files.store = \"s3\"");
    }
    let prefix = raw.s3_prefix.as_deref();
    let prefix = prefix.map(|prefix| checks.label("cdr_files.s3_prefix", Some(prefix), "", 128));
    let Some(dir) = raw.dir.as_deref() else {
        if s3.is_some() {
            checks
                .problem("cdr_files.dir", "is needed: files are written there before they go to the bucket");
        }
        return None;
    };
    if cdr_days == Some(1) {
        checks.problem(
            "retention.cdr_days",
            "must be at least 2 when there is a cdr_files.dir: a day is written after it is over",
        );
    }
    let bucket = s3.map(|s3| CdrBucket { s3, prefix: prefix.unwrap_or_default() });
    Some(CdrFiles { dir: checks.dir("cdr_files.dir", dir), at, bucket })
}

fn retention(checks: &mut Checks<'_>, raw: &RawRetention) -> Retention {
    let mut days = |key, given, default| checks.count(key, given, default, RETENTION_DAYS_MAX);
    Retention {
        cdr_days: days("retention.cdr_days", raw.cdr_days, 31),
        recording_days: days("retention.recording_days", raw.recording_days, 7),
        notices_days: days("retention.notices_days", raw.notices_days, 31),
        exhausted_days: days("retention.exhausted_days", raw.exhausted_days, 14),
    }
}

fn limits(checks: &mut Checks<'_>, raw: &RawLimits) -> Limits {
    let connections_max = checks.capacity("limits.connections_max", raw.connections_max, 20_000, 1_000_000);
    let mut limit =
        |key, given, default| checks.duration(key, given, default, LIMIT_SECS_MIN..=3_600.0, Unit::SECONDS);
    Limits {
        connections_max,
        header_read: limit("limits.header_read_secs", raw.header_read_secs, 10),
        body_read: limit("limits.body_read_secs", raw.body_read_secs, 15),
        idle: limit("limits.idle_secs", raw.idle_secs, 60),
    }
}

fn allocation(checks: &mut Checks<'_>, raw: &RawAllocation) -> Allocation {
    let quarantine = raw.quarantine_secs;
    Allocation {
        quarantine: checks.duration(
            "allocation.quarantine_secs",
            quarantine,
            300,
            0.0..=30.0 * DAY_SECS,
            Unit::SECONDS,
        ),
        area_table: raw.area_table.as_deref().map(|given| checks.file("allocation.area_table", given)),
    }
}

fn calls(checks: &mut Checks<'_>, raw: &RawCalls) -> Calls {
    let mut time = |key, given, default, max, unit| checks.duration(key, given, default, 0.0..=max, unit);
    Calls {
        max_silence: time("calls.max_silence_hours", raw.max_silence_hours, 24, 720.0, Unit::HOURS),
        sweep_grace: time("calls.sweep_grace_secs", raw.sweep_grace_secs, 60, 3_600.0, Unit::SECONDS),
        answer_grace: time("calls.answer_grace_secs", raw.answer_grace_secs, 30, 3_600.0, Unit::SECONDS),
        keep_ended: time("calls.keep_ended_minutes", raw.keep_ended_minutes, 60, 1_440.0, Unit::MINUTES),
    }
}

fn log(checks: &mut Checks<'_>, raw: &RawLog) -> Log {
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        level: checks.choice("log.level", raw.level.as_deref(), LogLevel::Info, LogLevel::NAMES),
        format: checks.choice("log.format", raw.format.as_deref(), LogFormat::Auto, &formats),
    }
}
