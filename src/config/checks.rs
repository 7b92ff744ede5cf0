//! The checks a value of the file goes through, one method per kind of value.
//!
//! Each takes the key, what the file says and the default, and answers with a value that is fit to go on
//! with. When what the file says is wrong, that is noted and the default stands in: so the whole file is
//! checked, and no stand-in leaves this folder because a noted problem refuses the file.

use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::problem::{ConfigProblems, Problem};
use super::secret::{Credential, LiveTokens, Login};

/// Longest token or certificate file that is read.
const NAMED_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A unit in which the file gives durations.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    secs: f64,
    name: &'static str,
}

impl Unit {
    pub(super) const SECONDS: Self = Self { secs: 1.0, name: "seconds" };
    pub(super) const MINUTES: Self = Self { secs: 60.0, name: "minutes" };
    pub(super) const HOURS: Self = Self { secs: 3_600.0, name: "hours" };

    /// `count` of this unit; `None` unless it lies within `range`. The callers' ranges are finite and not
    /// negative, so the rest cannot fail.
    fn times(self, count: f64, range: &RangeInclusive<f64>) -> Option<Duration> {
        range.contains(&count).then(|| Duration::try_from_secs_f64(count * self.secs).ok()).flatten()
    }
}

pub(super) struct Checks<'a> {
    base_dir: &'a Path,
    problems: Vec<Problem>,
}

impl<'a> Checks<'a> {
    /// Relative paths are relative to `base_dir`; `problems` are those found before.
    pub(super) fn new(base_dir: &'a Path, problems: Vec<Problem>) -> Self {
        Self { base_dir, problems }
    }

    /// `Ok` when there was no problem.
    pub(super) fn finish(self) -> Result<(), ConfigProblems> {
        ConfigProblems::none_of(self.problems)
    }

    pub(super) fn problem(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem::new(key, what));
    }

    /// `host:port`. A name is looked up, and its first address taken.
    pub(super) fn address(&mut self, key: &str, given: Option<&str>, default: SocketAddr) -> SocketAddr {
        let Some(text) = given else { return default };
        let named = || text.to_socket_addrs().ok().and_then(|mut found| found.next());
        text.parse().ok().or_else(named).unwrap_or_else(|| {
            self.problem(key, format!("must be an address like 0.0.0.0:8443 or [::]:8443, not {text:?}"));
            default
        })
    }

    pub(super) fn whole(
        &mut self,
        key: &str,
        given: Option<i64>,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> u32 {
        let Some(given) = given else { return default };
        u32::try_from(given).ok().filter(|value| range.contains(value)).unwrap_or_else(|| {
            self.out_of_range(key, &range, "", given);
            default
        })
    }

    pub(super) fn count(&mut self, key: &str, given: Option<i64>, default: u32, max: u32) -> NonZeroU32 {
        let value = self.whole(key, given, default, 1..=max);
        NonZeroU32::new(value).expect("the range starts at 1, and no default is 0")
    }

    /// A count of things held in memory.
    pub(super) fn capacity(&mut self, key: &str, given: Option<i64>, default: u32, max: u32) -> NonZeroUsize {
        let count = self.count(key, given, default, max);
        NonZeroUsize::try_from(count).expect("an address is at least 32 bits wide where this runs")
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        given: Option<f64>,
        default: u32,
        range: RangeInclusive<f64>,
        unit: Unit,
    ) -> Duration {
        let default = f64::from(default);
        let given = given.unwrap_or(default);
        unit.times(given, &range).unwrap_or_else(|| {
            self.out_of_range(key, &range, unit.name, given);
            Duration::from_secs_f64(default * unit.secs)
        })
    }

    pub(super) fn durations(
        &mut self,
        key: &str,
        given: &[f64],
        range: RangeInclusive<f64>,
        unit: Unit,
    ) -> Vec<Duration> {
        let mut durations = Vec::with_capacity(given.len());
        for &count in given {
            match unit.times(count, &range) {
                Some(duration) => durations.push(duration),
                None => self.out_of_range(key, &range, unit.name, count),
            }
        }
        durations
    }

    /// Networks in CIDR form; a bare address is a network of one.
    pub(super) fn networks(&mut self, key: &str, given: &[String]) -> Vec<IpNet> {
        let mut networks = Vec::with_capacity(given.len());
        for text in given {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) => networks.push(network.trunc()),
                Err(_) => {
                    self.problem(
                        key,
                        format!("must hold networks like \"10.0.0.0/8\" or \"fd00::/8\", not {text:?}"),
                    );
                }
            }
        }
        networks
    }

    /// Addresses of name servers; without a port, port 53.
    pub(super) fn name_servers(&mut self, key: &str, given: &[String]) -> Vec<SocketAddr> {
        let mut servers = Vec::with_capacity(given.len());
        for text in given {
            let bare = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
            if let Ok(server) = text.parse::<SocketAddr>().or_else(|_| bare()) {
                servers.push(server);
            } else {
                let what = "must hold addresses like \"192.0.2.53\" or \"[2001:db8::53]:5353\"";
                self.problem(key, format!("{what}, not {text:?}"));
            }
        }
        servers
    }

    /// `user:password`, inline or the first line of a file.
    pub(super) fn login(&mut self, key: &str, inline: Option<&str>, file: Option<&str>) -> Option<Login> {
        let file_key = format!("{key}_file");
        let (key, login) = match (inline, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => (&*file_key, Err(format!("give either this or {key}, not both"))),
            (Some(text), None) => (key, Login::parse(text)),
            (None, Some(file)) => {
                let path = self.path(file);
                let login = read_text(&path, NAMED_FILE_BYTES_MAX)
                    .and_then(|text| Login::parse(text.lines().next().unwrap_or_default()));
                (&*file_key, login.map_err(|what| format!("{}: {what}", path.display())))
            }
        };
        login.map_err(|what| self.problem(key, what)).ok()
    }

    /// The address of a proxy: `http://host:port` and nothing more. Never quoted, as above.
    pub(super) fn proxy_url(&mut self, key: &str, given: &str) -> Box<str> {
        let authority = given.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if !authority
            .is_some_and(|host| !host.is_empty() && !host.starts_with(':') && host.bytes().all(plain))
        {
            self.problem(key, "must be an address like http://proxy.example:3128, without a login or a path");
        }
        given.into()
    }

    /// A time of day, `HH:MM`: how long after midnight.
    pub(super) fn time_of_day(&mut self, key: &str, given: Option<&str>, default: &str) -> Duration {
        let read = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let part = |text: &str, max: u64| -> Option<u64> {
                let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten().filter(|value: &u64| *value <= max)
            };
            Some(Duration::from_secs(3_600 * part(hours, 23)? + 60 * part(minutes, 59)?))
        };
        let text = given.unwrap_or(default);
        read(text).unwrap_or_else(|| {
            self.problem(key, format!("must be a time of day from \"00:00\" to \"23:59\", not {text:?}"));
            Duration::ZERO
        })
    }

    /// One of a few names; the first is the default.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        given: Option<&str>,
        default: T,
        names: &[(&str, T)],
    ) -> T {
        let Some(text) = given else { return default };
        let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.unwrap_or_else(|| {
            let allowed: Vec<String> = names.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.problem(key, format!("must be one of {}, not {text:?}", allowed.join(", ")));
            default
        })
    }

    /// Text that stands in messages to customers: visible ASCII, 1 to `length_max` characters.
    pub(super) fn label(
        &mut self,
        key: &str,
        given: Option<&str>,
        default: &str,
        length_max: usize,
    ) -> Box<str> {
        let text = given.unwrap_or(default);
        let fits = (1..=length_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            self.problem(key, format!("must be 1 to {length_max} visible ASCII characters without blanks"));
        }
        text.into()
    }

    /// An address to which paths are appended. Never quoted: a login might stand in it by mistake.
    pub(super) fn base_url(&mut self, key: &str, given: Option<&str>, default: &str) -> Box<str> {
        let url = given.unwrap_or(default);
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#@\\\"<>".contains(&byte);
        let has_host = |rest: &str| !rest.starts_with(['/', ':']) && !rest.is_empty();
        if !rest.is_some_and(|rest| has_host(rest) && rest.bytes().all(plain)) {
            self.problem(key, "must be an address like http://127.0.0.1:8060, without a login, ? or #");
        }
        url.trim_end_matches('/').into()
    }

    pub(super) fn path(&self, given: &str) -> PathBuf {
        self.base_dir.join(given)
    }

    /// A PEM file, which must hold `marker`.
    pub(super) fn pem_file(&mut self, key: &str, given: &str, marker: &str) -> PathBuf {
        let path = self.path(given);
        match read_text(&path, NAMED_FILE_BYTES_MAX) {
            Ok(text) if text.contains("-----BEGIN ") && text.contains(marker) => {}
            Ok(_) => self.problem(key, format!("{} holds no {marker} in PEM form", path.display())),
            Err(what) => self.problem(key, format!("{}: {what}", path.display())),
        }
        path
    }

    /// A file that somebody else reads later.
    pub(super) fn file(&mut self, key: &str, given: &str) -> PathBuf {
        let path = self.path(given);
        match File::open(&path).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => self.problem(key, format!("{} is not a file", path.display())),
            Err(err) => self.problem(key, format!("{}: cannot be read: {err}", path.display())),
        }
        path
    }

    /// A folder that may be missing yet.
    pub(super) fn dir(&mut self, key: &str, given: &str) -> PathBuf {
        let path = self.path(given);
        if given.is_empty() || (path.exists() && !path.is_dir()) {
            self.problem(key, format!("{} is not a directory", path.display()));
        }
        path
    }

    /// The tokens of a listener: `token`, or the lines of `token_file` (default: the file `default`).
    pub(super) fn tokens(
        &mut self,
        table: &str,
        inline: Option<&str>,
        file: Option<&str>,
        default: &str,
    ) -> LiveTokens {
        let file_key = format!("{table}.token_file");
        let (key, tokens) = match (inline, file) {
            (Some(_), Some(_)) => (file_key, Err(format!("give either this or {table}.token, not both"))),
            (Some(token), None) => (format!("{table}.token"), LiveTokens::inline(token)),
            (None, file) => {
                let path = self.path(file.unwrap_or(default));
                let tokens =
                    read_text(&path, NAMED_FILE_BYTES_MAX).and_then(|text| LiveTokens::from_lines(&text));
                (file_key, tokens.map_err(|what| format!("{}: {what}", path.display())))
            }
        };
        tokens.unwrap_or_else(|what| {
            self.problem(&key, what);
            LiveTokens::unknown()
        })
    }

    /// A secret that we present to others: `key` itself, or the text of the file that `key_file` names.
    pub(super) fn credential(
        &mut self,
        key: &str,
        inline: Option<&str>,
        file: Option<&str>,
    ) -> Option<Credential> {
        let file_key = format!("{key}_file");
        let (at, credential) = match (inline, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => (file_key, Err(format!("give either this or {key}, not both"))),
            (Some(text), None) => (key.to_owned(), Credential::new(text)),
            (None, Some(file)) => {
                let path = self.path(file);
                let read =
                    read_text(&path, NAMED_FILE_BYTES_MAX).and_then(|text| Credential::new(text.trim()));
                (file_key, read.map_err(|what| format!("{}: {what}", path.display())))
            }
        };
        credential.map_err(|what| self.problem(&at, what)).ok()
    }

    fn out_of_range<T: Display>(
        &mut self,
        key: &str,
        range: &RangeInclusive<T>,
        unit: &str,
        given: impl Display,
    ) {
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        self.problem(key, format!("must be {} to {}{unit}, not {given}", range.start(), range.end()));
    }
}

/// The text of a file of at most `bytes_max`. The error says what is wrong without naming the file.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|err| format!("cannot be read: {err}"))?;
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(|err| format!("cannot be read: {err}"))?;
    let within_limit = u64::try_from(text.len()).is_ok_and(|length| length <= bytes_max);
    within_limit.then_some(text).ok_or_else(|| format!("is longer than {bytes_max} bytes"))
}
