//! The configuration file: read once, checked as a whole, turned into types that cannot be wrong.
//!
//! Owns the file format (every key, its default and its range) and the reading of the files it names: token
//! files are read here, certificates are only looked at, so that `check-config` reports a missing one.
//! Promises that a [`Config`] in hand is usable as it is, and that a bad file is refused with all its
//! problems at once, each with its key. Does not read the environment and opens no socket.
//!
//! Relative paths are relative to the folder of the configuration file. Durations may have fractions.

mod bucket;
mod checks;
mod document;
mod problem;
mod raw;
mod recording;
mod resolve;
mod secret;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::delivery::Schedule;

pub use bucket::S3;
pub use problem::{ConfigProblems, Problem};
pub use recording::{Recording, RecordingStore};
pub use secret::{Credential, LiveTokens, Login, Secret};

/// A configuration that was checked. One field per table of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the three listeners bind.
    pub listen: Listen,
    /// Certificate of the customer listener; `None` = plain HTTP.
    pub tls: Option<Tls>,
    /// Where the durable copy lives.
    pub store: Store,
    /// Who may use the operator listener.
    pub operator: Operator,
    /// Who may use the switch listener, and where the switch takes orders.
    pub switch: Switch,
    /// How customers' requests are admitted.
    pub auth: Auth,
    /// How customers are told what happened.
    pub callback: Callback,
    /// What stands in every CDR, and how CDRs share a push.
    pub cdr: Cdr,
    /// Where and when daily CDR files are written; `None` = never.
    pub cdr_files: Option<CdrFiles>,
    /// How long what is finished is kept.
    pub retention: Retention,
    /// What one client may hold on to.
    pub limits: Limits,
    /// How an X number is chosen when the customer names none.
    pub allocation: Allocation,
    /// How long calls and their events are waited for.
    pub calls: Calls,
    /// Where recordings lie, and how customers reach them.
    pub recording: Recording,
    /// What is logged, and how.
    pub log: Log,
}

/// `[listen]`: addresses of the three listeners. Port 0 lets the system choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Customers' applications: HTTPS when there is a [`Tls`], else HTTP.
    pub customer: SocketAddr,
    /// The telephone switch, plain HTTP.
    pub switch: SocketAddr,
    /// Operators and their tools, plain HTTP.
    pub operator: SocketAddr,
}

/// `[tls]`: both files existed, and looked like PEM, when the configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate chain, own certificate first.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// `[store]`. This version has one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// SQLite files in `dir`, which is made when it is missing.
    Embedded {
        /// The data directory; belongs to one running gateway.
        dir: PathBuf,
    },
}

/// `[operator]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Bearer tokens of operators.
    pub tokens: LiveTokens,
}

/// `[switch]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Bearer tokens of switches.
    pub tokens: LiveTokens,
    /// Where the switch takes orders; `None` = it takes none.
    pub control: Option<Control>,
}

/// Where the switch takes orders, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Base address, `http://` or `https://`, without a slash at the end: append `/calls/{callId}/stop`.
    pub url: Box<str>,
    /// Sent as a bearer token, if the switch wants one.
    pub token: Option<Credential>,
    /// For the whole of one order, from the name look-up to the head of the answer.
    pub timeout: Duration,
}

/// `[auth]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How far `Created` may be from our clock, to either side; 0 to 24 h.
    pub clock_skew: Duration,
    /// `X-Forwarded-For` counts only from these networks. Empty: never.
    pub trusted_proxies: Vec<IpNet>,
    /// When an address is shut out.
    pub ban: Ban,
}

/// `auth.ban`: an address that fails `failures` times within `window` is refused for `lasting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Failures that bring the ban.
    pub failures: NonZeroU32,
    /// Time within which they must fall.
    pub window: Duration,
    /// How long the ban lasts.
    pub lasting: Duration,
}

/// `[callback]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// When failed pushes are repeated. No offsets = never; offsets from the first push rise strictly.
    pub schedule: Schedule,
    /// The whole of one push, from look-up of the name to the end of the answer.
    pub timeout: Duration,
    /// Private networks that callbacks may reach all the same.
    pub allow_networks: Vec<IpNet>,
    /// PEM file of certificate authorities to trust besides the system's; looked like one when the
    /// configuration was read.
    pub ca_file: Option<PathBuf>,
    /// Name servers to ask about the hosts of callbacks. Empty: the system's.
    pub name_servers: Vec<SocketAddr>,
    /// The way out, if callbacks may not connect directly.
    pub egress_proxy: Option<EgressProxy>,
    /// Pushes under way at once, in all; fewer when the process may not open files enough.
    pub max_in_flight: NonZeroUsize,
    /// Pushes under way at once for one app; at most `max_in_flight`, like the next two.
    pub max_in_flight_per_app: NonZeroUsize,
    /// Pushes under way at once to one URL of one app that answers well.
    pub max_in_flight_per_endpoint: NonZeroUsize,
    /// Pushes under way at once to one host and port, and to one address, for all apps together.
    pub max_in_flight_per_host: NonZeroUsize,
    /// Pushes per second to one URL of one app that answers again, while there is a backlog; `None` = no limit.
    pub drain_per_second: Option<NonZeroU32>,
    /// The whole of one question to a customer while a call or a message waits, its answer included.
    pub question_timeout: Duration,
    /// Questions under way at once, in all; fewer when the process may not open files enough.
    pub max_questions: NonZeroUsize,
    /// Questions under way at once to one app, at most; fewer while many are under way in all.
    pub max_questions_per_app: NonZeroUsize,
}

/// An HTTP proxy that makes tunnels (CONNECT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressProxy {
    /// `http://host:port`.
    pub url: Box<str>,
    /// What it wants to know.
    pub login: Option<Login>,
}

/// `[cdr]`, and `cdr_merge_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdr {
    /// CDRs of calls that end within this time share one push; zero = each on its own.
    pub merge: Duration,
    /// `spId` in every CDR (callbacks 5.1: 1 to 32 characters).
    pub sp_id: Box<str>,
    /// `hostName` in every CDR (callbacks 5.1: 1 to 128 characters).
    pub host_name: Box<str>,
}

/// `[cdr_files]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdrFiles {
    /// The directory; made when it is missing.
    pub dir: PathBuf,
    /// How long after midnight UTC the day before is written; whole minutes, less than a day.
    pub at: Duration,
    /// Where they are copied to.
    pub bucket: Option<CdrBucket>,
}

/// A bucket for CDR files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdrBucket {
    /// Which.
    pub s3: S3,
    /// What the names of the objects begin with.
    pub prefix: Box<str>,
}

/// `[retention]`, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// CDRs and the history of bindings.
    pub cdr_days: NonZeroU32,
    /// Where recordings lie.
    pub recording_days: NonZeroU32,
    /// Notices, for customers who pull them, and deliveries that succeeded.
    pub notices_days: NonZeroU32,
    /// Deliveries that were given up, for operators to redeliver.
    pub exhausted_days: NonZeroU32,
}

/// `[limits]`: what one client may hold on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections per listener; one more is closed at once.
    pub connections_max: NonZeroUsize,
    /// For the whole request head.
    pub header_read: Duration,
    /// For the whole request body.
    pub body_read: Duration,
    /// Between two requests on one connection.
    pub idle: Duration,
}

/// `[allocation]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// How long a party may not meet a different party on the same X after an unbind.
    pub quarantine: Duration,
    /// CSV file `prefix,areaCode,province` that tells the area of a number; existed when the configuration
    /// was read. `None`: a landline's own code is used, a mobile has no known area.
    pub area_table: Option<PathBuf>,
}

/// `[calls]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// A call without a maximum duration is closed this long after its last event when no end is reported.
    pub max_silence: Duration,
    /// A call with a maximum duration is closed this long after the latest moment it can have ended.
    pub sweep_grace: Duration,
    /// How long the CDR of an ended call waits for an answer event that may still come.
    pub answer_grace: Duration,
    /// How long ended calls are remembered, to recognise events that come twice.
    pub keep_ended: Duration,
}

/// `[log]`. The environment variable `PRIVNUM_LOG` wins over `level`; see `logging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Least serious level that is logged.
    pub level: LogLevel,
    /// Shape of a line.
    pub format: LogFormat,
}

/// How much is logged; each level includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Someone must act.
    Error,
    /// Something is off, and the gateway goes on.
    Warn,
    /// What happened, once per thing that happened.
    Info,
    /// How a decision came about.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The names as written in the file and in `PRIVNUM_LOG`.
    pub(crate) const NAMES: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Longest configuration file that is read: far more than every key with a page of remarks.
    const FILE_BYTES_MAX: u64 = 256 * 1024;

    /// Reads and checks the file at `path`, and the files it names.
    pub fn load(path: &Path) -> Result<Self, ConfigProblems> {
        let text = checks::read_text(path, Self::FILE_BYTES_MAX)
            .map_err(|what| Problem::new(path.display().to_string(), what))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Checks `text` as [`Config::load`] does. Relative paths in it are relative to `base_dir`.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, ConfigProblems> {
        let (raw, unread) = document::read(text)?;
        resolve::resolve(&raw, unread, base_dir)
    }
}
