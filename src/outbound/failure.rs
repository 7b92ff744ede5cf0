//! Why a push failed, in words that an operator can read to a customer over the telephone.
//!
//! The classes follow what the reader can do next: correct the URL, renew the certificate, start the server,
//! open the firewall. Nothing here holds a secret, a body or a path; hosts and addresses are what the reader
//! needs. All text is printable ASCII of bounded length, because parts of it were written by the other side.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::CertificateError;
use time::{Date, OffsetDateTime};

use super::guard::ForbiddenRange;

/// Longest foreign text that a failure repeats, in characters.
const QUOTED_MAX: usize = 200;

/// Why a push got no answer that counts. Prints as the words that stand in a delivery's attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureClass {
    /// The address of the callback cannot be read as a URL.
    #[error("URL cannot be used: {reason}")]
    UrlUnusable {
        /// What the parser of URLs missed.
        reason: String,
    },
    /// The address of the callback is a URL of another scheme.
    #[error("URL is not http or https")]
    NotHttpUrl,
    /// The URL, or its name, leads to an address that callbacks may not reach.
    #[error("address {ip} is not allowed ({range})")]
    Forbidden {
        /// The first such address.
        ip: IpAddr,
        /// What kind of address it is.
        range: ForbiddenRange,
    },
    /// Name servers answered that there is no such name, or none with an address.
    #[error("name not found: {host}")]
    NameNotFound {
        /// The name.
        host: String,
    },
    /// Name servers gave no answer, or no useful one. Often our own trouble, not the customer's.
    #[error("name could not be looked up: {host} ({reason})")]
    LookupFailed {
        /// The name.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// No connection, TLS included, was ready within the limit.
    #[error("no connection{} within {}", To(targets), Seconds(*limit))]
    NoConnection {
        /// The addresses that were tried, in this order.
        targets: Vec<SocketAddr>,
        /// The limit.
        limit: Duration,
    },
    /// Nobody listens on the port.
    #[error("connection refused by {}", Joined(targets))]
    ConnectionRefused {
        /// The addresses that were tried, in this order.
        targets: Vec<SocketAddr>,
    },
    /// The connection failed otherwise: no route, reset, a local limit.
    #[error("cannot connect{}: {reason}", To(targets))]
    CannotConnect {
        /// The addresses that were tried, in this order.
        targets: Vec<SocketAddr>,
        /// What the system said.
        reason: String,
    },
    /// The receiver's certificate is too old.
    #[error("certificate expired{}", OnDate(*on))]
    CertificateExpired {
        /// Its last day, when known.
        on: Option<Date>,
    },
    /// The receiver's certificate does not prove that it is the receiver.
    #[error("certificate is not trusted: {reason}")]
    CertificateUntrusted {
        /// What is wrong with it.
        reason: String,
    },
    /// TLS could not be agreed on.
    #[error("TLS failed: {reason}")]
    TlsFailed {
        /// What either side objected to.
        reason: String,
    },
    /// Connected, but no complete status line and headers before the deadline of the attempt.
    #[error("no answer within {}", Seconds(*limit))]
    NoAnswer {
        /// The deadline, counted from the start of the attempt.
        limit: Duration,
    },
    /// The receiver closed or reset the connection before its headers were complete.
    #[error("connection closed before an answer")]
    ClosedBeforeAnswer,
    /// The receiver speaks something else.
    #[error("answer is not HTTP")]
    NotHttp,
    /// The answer is HTTP, but its headers are more than we read.
    #[error("answer has too many or too long headers")]
    HeadTooLarge,
    /// The receiver asks us to go elsewhere. We do not: the other place has not been agreed with anybody.
    #[error("answered {status}, a redirect{}; redirects are not followed", ToHost(host.as_deref()))]
    Redirect {
        /// 300 to 399.
        status: u16,
        /// The host that `Location` names, when it names one.
        host: Option<String>,
    },
    /// None of the above.
    #[error("{reason}")]
    Other {
        /// The innermost cause.
        reason: String,
    },
}

impl FailureClass {
    /// The system's resolver did not answer within `limit`.
    pub(super) fn lookup_timed_out(host: &str, limit: Duration) -> Self {
        let reason = format!("no answer within {}", Seconds(limit));
        Self::LookupFailed { host: printable(host), reason }
    }

    /// The system's resolver answered with `error`.
    pub(super) fn lookup_failed(host: &str, error: &io::Error) -> Self {
        // The standard library passes the resolver's verdict on as text alone. These are the words of glibc
        // and of musl for "the name servers could not tell", as opposed to "there is no such name".
        let text = error.to_string();
        if ["emporary failure", "Try again", "on-recoverable"].iter().any(|words| text.contains(words)) {
            Self::LookupFailed { host: printable(host), reason: printable(&text) }
        } else {
            Self::NameNotFound { host: printable(host) }
        }
    }

    /// What a failed exchange means. `targets` are the addresses that this attempt dialled.
    pub(super) fn of(error: &reqwest::Error, targets: Vec<SocketAddr>, connect_limit: Duration) -> Self {
        if let Some(own) = cause::<Self>(error) {
            return own.clone();
        }
        if let Some(tls) = cause::<rustls::Error>(error) {
            return Self::of_tls(tls);
        }
        let io_kind = cause::<io::Error>(error).map(io::Error::kind);
        if error.is_connect() {
            return match io_kind {
                _ if error.is_timeout() => Self::NoConnection { targets, limit: connect_limit },
                Some(io::ErrorKind::TimedOut) => Self::NoConnection { targets, limit: connect_limit },
                Some(io::ErrorKind::ConnectionRefused) => Self::ConnectionRefused { targets },
                _ => Self::CannotConnect { targets, reason: innermost(error) },
            };
        }
        match (cause::<hyper::Error>(error), io_kind) {
            (Some(http), _) if http.is_parse_too_large() => Self::HeadTooLarge,
            (Some(http), _) if http.is_parse() => Self::NotHttp,
            (Some(http), _) if http.is_incomplete_message() || http.is_canceled() || http.is_closed() => {
                Self::ClosedBeforeAnswer
            }
            // What is left of hyper's errors without a cause is "unexpected message": the receiver spoke
            // before it was asked, as servers of other protocols do.
            (Some(_), None) => Self::NotHttp,
            (
                _,
                Some(
                    io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof,
                ),
            ) => Self::ClosedBeforeAnswer,
            _ => Self::Other { reason: innermost(error) },
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        let untrusted = |reason: &str| Self::CertificateUntrusted { reason: printable(reason) };
        match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::Expired => Self::CertificateExpired { on: None },
                CertificateError::ExpiredContext { not_after, .. } => {
                    Self::CertificateExpired { on: date(not_after.as_secs()) }
                }
                CertificateError::UnknownIssuer => untrusted("its issuer is not known here"),
                other => untrusted(&other.to_string()),
            },
            other => Self::TlsFailed { reason: printable(&other.to_string()) },
        }
    }
}

fn date(unix_secs: u64) -> Option<Date> {
    let secs = i64::try_from(unix_secs).ok()?;
    OffsetDateTime::from_unix_timestamp(secs).ok().map(OffsetDateTime::date)
}

/// The causes of an error, outermost first. Looks inside `io::Error` too, whose own `source` skips the error
/// it was made from; rustls errors arrive wrapped that way.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// The innermost cause of the given type.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).filter_map(|cause| cause.downcast_ref()).last()
}

/// What the innermost cause says. The outer ones repeat the URL, which may hold a customer's token.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(|cause| printable(&cause.to_string())).unwrap_or_default()
}

/// `text` as printable ASCII, cut at [`QUOTED_MAX`] characters.
pub(super) fn printable(text: &str) -> String {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().map(plain).take(QUOTED_MAX).collect()
}

/// Prints `10 s`, `0.25 s`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// Prints `192.0.2.1:443, 192.0.2.2:443`.
struct Joined<'a>(&'a [SocketAddr]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, target) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{target}")?;
        }
        Ok(())
    }
}

/// Prints ` to 192.0.2.1:443`, or nothing when no address was known yet.
struct To<'a>(&'a [SocketAddr]);

impl fmt::Display for To<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " to {}", Joined(self.0)) }
    }
}

/// Prints ` to example.com`, or nothing.
struct ToHost<'a>(Option<&'a str>);

impl fmt::Display for ToHost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |host| write!(f, " to {host}"))
    }
}

/// Prints ` on 2026-01-02`, or nothing.
struct OnDate(Option<Date>);

impl fmt::Display for OnDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |date| write!(f, " on {date}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_exist_is_told_from_name_servers_that_do_not_answer() {
        for (text, words) in [
            ("failed to lookup address information: Name or service not known", "name not found: a.example"),
            ("failed to lookup address information: Name does not resolve", "name not found: a.example"),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                "name could not be looked up: a.example \
                 (failed to lookup address information: Temporary failure in name resolution)",
            ),
        ] {
            let failure = FailureClass::lookup_failed("a.example", &io::Error::other(text));
            assert_eq!(failure.to_string(), words);
        }
    }

    #[test]
    fn failures_read_as_sentences() {
        let targets = vec!["203.0.113.7:443".parse().unwrap(), "[2001:db8::7]:443".parse().unwrap()];
        let refused = FailureClass::ConnectionRefused { targets: targets.clone() };
        assert_eq!(refused.to_string(), "connection refused by 203.0.113.7:443, [2001:db8::7]:443");
        let late = FailureClass::NoConnection { targets, limit: Duration::from_secs(3) };
        assert_eq!(late.to_string(), "no connection to 203.0.113.7:443, [2001:db8::7]:443 within 3 s");
        let silent = FailureClass::NoAnswer { limit: Duration::from_millis(10_500) };
        assert_eq!(silent.to_string(), "no answer within 10.5 s");
        let ip = "169.254.169.254".parse().unwrap();
        let forbidden = FailureClass::Forbidden { ip, range: ForbiddenRange::LinkLocal };
        assert_eq!(forbidden.to_string(), "address 169.254.169.254 is not allowed (link-local)");
        let expired = FailureClass::CertificateExpired { on: date(1_767_312_000) };
        assert_eq!(expired.to_string(), "certificate expired on 2026-01-02");
        let moved = FailureClass::Redirect { status: 302, host: None };
        assert_eq!(moved.to_string(), "answered 302, a redirect; redirects are not followed");
    }

    #[test]
    fn foreign_text_is_cut_and_made_printable() {
        assert_eq!(printable("a\r\nb\u{1b}[31m\u{e9}"), "a??b?[31m?");
        assert_eq!(printable(&"x".repeat(1_000)).len(), QUOTED_MAX);
    }
}
