//! Why a push failed, in words that an operator can read to a customer over the telephone.
//!
//! The classes follow what the reader can do next: correct the URL, renew the certificate, start the server,
//! open the firewall. Nothing here holds a secret, a body or a path; hosts and addresses are what the reader
//! needs. All text is printable ASCII of bounded length, because parts of it were written by the other side.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use time::Date;

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
        /// What the name servers said.
        reason: String,
    },
    /// The app's own authorities, or our certificate for its receivers, cannot be used.
    #[error("TLS settings of the app cannot be used: {reason}")]
    TlsSettingsUnusable {
        /// What is wrong with which.
        reason: String,
    },
    /// The gateway has run out of something that connections take: files, ports, memory for sockets.
    #[error("the gateway cannot open a connection: {reason}")]
    OutOfSockets {
        /// What the system said.
        reason: String,
    },
    /// The operator's egress proxy is not to be reached, or refuses us.
    #[error("egress proxy {proxy}: {reason}")]
    EgressProxy {
        /// Its address as configured.
        proxy: String,
        /// What went wrong with it.
        reason: String,
    },
    /// No connection was made within the limit.
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
    /// Connected, but TLS was not agreed on within the limit.
    #[error("no TLS handshake with {target} within {}", Seconds(*limit))]
    TlsTimedOut {
        /// The address that was connected to.
        target: SocketAddr,
        /// The limit.
        limit: Duration,
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
    /// The receiver asks for a certificate of ours and does not like what it got.
    #[error("receiver refuses the client certificate: {reason}")]
    ClientCertificateRefused {
        /// Its objection.
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
    /// The answer came after the deadline. It does not count, but it tells that the receiver lives.
    #[error("answered {status} after {}, limit is {}", Seconds(*after), Seconds(*limit))]
    AnsweredLate {
        /// Of the answer.
        status: u16,
        /// From the start of the attempt, rounded to a tenth of a second.
        after: Duration,
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

/// Who can do something about a failure. Only the receiver's own failures say anything about the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The customer: its URL, its server, its certificate.
    Receiver,
    /// Name servers that could not tell: the customer's or ours.
    Names,
    /// We: a limit of the host, or the egress proxy.
    Gateway,
}

impl FailureClass {
    /// Whose failure it is.
    pub const fn side(&self) -> Side {
        match self {
            Self::LookupFailed { .. } => Side::Names,
            Self::OutOfSockets { .. } | Self::EgressProxy { .. } => Side::Gateway,
            Self::UrlUnusable { .. }
            | Self::NotHttpUrl
            | Self::Forbidden { .. }
            | Self::NameNotFound { .. }
            | Self::TlsSettingsUnusable { .. }
            | Self::NoConnection { .. }
            | Self::ConnectionRefused { .. }
            | Self::CannotConnect { .. }
            | Self::TlsTimedOut { .. }
            | Self::CertificateExpired { .. }
            | Self::CertificateUntrusted { .. }
            | Self::ClientCertificateRefused { .. }
            | Self::TlsFailed { .. }
            | Self::NoAnswer { .. }
            | Self::AnsweredLate { .. }
            | Self::ClosedBeforeAnswer
            | Self::NotHttp
            | Self::HeadTooLarge
            | Self::Redirect { .. }
            | Self::Other { .. } => Side::Receiver,
        }
    }

    /// The class as one word, for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::UrlUnusable { .. } | Self::NotHttpUrl => "url",
            Self::Forbidden { .. } => "forbidden",
            Self::NameNotFound { .. } => "name_not_found",
            Self::LookupFailed { .. } => "lookup",
            Self::TlsSettingsUnusable { .. } => "tls_settings",
            Self::OutOfSockets { .. } => "out_of_sockets",
            Self::EgressProxy { .. } => "egress_proxy",
            Self::NoConnection { .. } => "connect_timeout",
            Self::ConnectionRefused { .. } => "refused",
            Self::CannotConnect { .. } => "connect",
            Self::TlsTimedOut { .. } => "tls_timeout",
            Self::CertificateExpired { .. } | Self::CertificateUntrusted { .. } => "certificate",
            Self::ClientCertificateRefused { .. } => "client_certificate",
            Self::TlsFailed { .. } => "tls",
            Self::NoAnswer { .. } | Self::AnsweredLate { .. } => "timeout",
            Self::ClosedBeforeAnswer => "closed",
            Self::NotHttp | Self::HeadTooLarge => "not_http",
            Self::Redirect { .. } => "redirect",
            Self::Other { .. } => "other",
        }
    }
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
        let expired = FailureClass::CertificateExpired { on: Some(time::macros::date!(2026 - 01 - 02)) };
        assert_eq!(expired.to_string(), "certificate expired on 2026-01-02");
        let (after, limit) = (Duration::from_secs(12), Duration::from_secs(10));
        let late = FailureClass::AnsweredLate { status: 200, after, limit };
        assert_eq!(late.to_string(), "answered 200 after 12 s, limit is 10 s");
        let proxy =
            FailureClass::EgressProxy { proxy: "proxy:3128".to_owned(), reason: "answered 407".to_owned() };
        assert_eq!(proxy.to_string(), "egress proxy proxy:3128: answered 407");
        let moved = FailureClass::Redirect { status: 302, host: None };
        assert_eq!(moved.to_string(), "answered 302, a redirect; redirects are not followed");
    }

    #[test]
    fn foreign_text_is_cut_and_made_printable() {
        assert_eq!(printable("a\r\nb\u{1b}[31m\u{e9}"), "a??b?[31m?");
        assert_eq!(printable(&"x".repeat(1_000)).len(), QUOTED_MAX);
    }
}
