//! From the errors of sockets, TLS and HTTP to the classes of `failure.rs`.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::CertificateError;
use time::{Date, OffsetDateTime};

use super::failure::{FailureClass, printable};

impl FailureClass {
    /// What the faults of dialling `targets` come to; `faults` are those that showed before `limit`, if not all
    /// of them did.
    pub(super) fn of_dialling(targets: Vec<SocketAddr>, faults: &[io::Error], limit: Duration) -> Self {
        let refused = |fault: &io::Error| fault.kind() == io::ErrorKind::ConnectionRefused;
        if let Some(own) = faults.iter().find(|fault| is_out_of_sockets(fault)) {
            return Self::OutOfSockets { reason: printable(&own.to_string()) };
        }
        if faults.len() < targets.len() || faults.iter().any(|fault| fault.kind() == io::ErrorKind::TimedOut)
        {
            return Self::NoConnection { targets, limit };
        }
        match faults.iter().find(|fault| !refused(fault)) {
            Some(fault) => Self::CannotConnect { targets, reason: printable(&fault.to_string()) },
            None => Self::ConnectionRefused { targets },
        }
    }

    /// What a failed TLS handshake means.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match cause::<rustls::Error>(error) {
            Some(tls) => Self::of_tls(tls),
            None if is_hang_up(error.kind()) => {
                Self::TlsFailed { reason: "connection closed during the handshake".to_owned() }
            }
            None => Self::TlsFailed { reason: innermost(error) },
        }
    }

    /// What a failed exchange over a connection that was made means.
    pub(super) fn of_exchange(error: &hyper::Error) -> Self {
        if let Some(tls) = cause::<rustls::Error>(error) {
            return Self::of_tls(tls);
        }
        // A request that found its connection broken says so, and inside it why the connection broke.
        let error = cause::<hyper::Error>(error).unwrap_or(error);
        let io_kind = cause::<io::Error>(error).map(io::Error::kind);
        match (error, io_kind) {
            (http, _) if http.is_parse_too_large() => Self::HeadTooLarge,
            (http, _) if http.is_parse() => Self::NotHttp,
            (_, Some(kind)) if is_hang_up(kind) => Self::ClosedBeforeAnswer,
            (_, Some(_)) => Self::Other { reason: innermost(error) },
            (http, None) if http.is_incomplete_message() || http.is_canceled() || http.is_closed() => {
                Self::ClosedBeforeAnswer
            }
            // What is left of hyper's errors without a cause is "unexpected message": the receiver spoke
            // before it was asked, as servers of other protocols do.
            (_, None) => Self::NotHttp,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::AlertDescription as Alert;
        let untrusted = |reason: &str| Self::CertificateUntrusted { reason: printable(reason) };
        let refused = |reason: &str| Self::ClientCertificateRefused { reason: reason.to_owned() };
        let failed = |reason: &str| Self::TlsFailed { reason: printable(reason) };
        match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::Expired => Self::CertificateExpired { on: None },
                CertificateError::ExpiredContext { not_after, .. } => {
                    Self::CertificateExpired { on: date(not_after.as_secs()) }
                }
                CertificateError::UnknownIssuer => untrusted("its issuer is not known here"),
                CertificateError::NotValidYetContext { not_before, .. } => match date(not_before.as_secs()) {
                    Some(date) => untrusted(&format!("it is not valid before {date}")),
                    None => untrusted("it is not valid yet"),
                },
                // webpki's word for it; rustls has none of its own.
                other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                    untrusted("it is a certificate of an authority, not of a server")
                }
                other => untrusted(&other.to_string()),
            },
            rustls::Error::AlertReceived(alert) => match alert {
                Alert::CertificateRequired => refused("it wants one and none is set for the app"),
                Alert::UnknownCA => refused("its issuer is not known there"),
                Alert::CertificateExpired => refused("it has expired"),
                Alert::CertificateRevoked => refused("it was revoked"),
                Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateUnknown
                | Alert::AccessDenied => refused("it is not accepted there"),
                Alert::HandshakeFailure | Alert::InsufficientSecurity => {
                    failed("receiver and gateway have no cipher in common")
                }
                Alert::ProtocolVersion => failed("receiver knows neither TLS 1.2 nor 1.3"),
                Alert::UnrecognisedName => failed("receiver does not serve this name"),
                other => failed(&format!("receiver sent the alert {other:?}")),
            },
            rustls::Error::PeerIncompatible(rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                failed("receiver knows neither TLS 1.2 nor 1.3")
            }
            rustls::Error::InvalidMessage(_) => failed("receiver does not speak TLS on this port"),
            other => failed(&other.to_string()),
        }
    }
}

const fn is_hang_up(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(kind, Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof)
}

/// Linux: ENOMEM, ENFILE, EMFILE, ENOBUFS.
const OUT_OF: [i32; 4] = [12, 23, 24, 105];

/// Whether connecting failed for want of something of this host. The standard library has a kind for ports
/// that ran out only.
fn is_out_of_sockets(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error().is_some_and(|code| OUT_OF.contains(&code))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::failure::Side;

    #[test]
    fn the_faults_of_several_addresses_come_to_one_class() {
        use io::ErrorKind as Kind;
        let [first, second]: [SocketAddr; 2] =
            ["192.0.2.1:443", "[2001:db8::1]:443"].map(|target| target.parse().unwrap());
        let of = |kinds: &[io::ErrorKind]| {
            let faults: Vec<_> = kinds.iter().map(|&kind| io::Error::from(kind)).collect();
            FailureClass::of_dialling(vec![first, second], &faults, Duration::from_secs(3)).to_string()
        };
        for (kinds, words) in [
            (&[Kind::ConnectionRefused; 2][..], "connection refused by 192.0.2.1:443, [2001:db8::1]:443"),
            (&[Kind::ConnectionRefused], "no connection to 192.0.2.1:443, [2001:db8::1]:443 within 3 s"),
            (
                &[Kind::NetworkUnreachable, Kind::ConnectionRefused],
                "cannot connect to 192.0.2.1:443, [2001:db8::1]:443: network unreachable",
            ),
            (
                &[Kind::TimedOut, Kind::ConnectionRefused],
                "no connection to 192.0.2.1:443, [2001:db8::1]:443 within 3 s",
            ),
            (
                &[Kind::AddrNotAvailable, Kind::ConnectionRefused],
                "the gateway cannot open a connection: address not available",
            ),
        ] {
            assert_eq!(of(kinds), words);
        }
    }

    #[test]
    fn only_what_the_receiver_can_help_is_laid_at_its_door() {
        let files = io::Error::from_raw_os_error(24);
        let target = "192.0.2.1:443".parse().unwrap();
        let ours = FailureClass::of_dialling(vec![target], &[files], Duration::from_secs(3));
        assert_eq!((ours.side(), ours.as_str()), (Side::Gateway, "out_of_sockets"));
        let unclear = FailureClass::LookupFailed { host: String::new(), reason: String::new() };
        assert_eq!(unclear.side(), Side::Names);
        assert_eq!(FailureClass::NameNotFound { host: String::new() }.side(), Side::Receiver);
    }

    #[test]
    fn what_the_other_side_objects_to_in_tls_is_said_in_words() {
        use rustls::AlertDescription as Alert;
        for (alert, words) in [
            (
                Alert::CertificateRequired,
                "receiver refuses the client certificate: it wants one and none is set for the app",
            ),
            (Alert::UnknownCA, "receiver refuses the client certificate: its issuer is not known there"),
            (Alert::HandshakeFailure, "TLS failed: receiver and gateway have no cipher in common"),
            (Alert::ProtocolVersion, "TLS failed: receiver knows neither TLS 1.2 nor 1.3"),
            (Alert::InternalError, "TLS failed: receiver sent the alert InternalError"),
        ] {
            assert_eq!(FailureClass::of_tls(&rustls::Error::AlertReceived(alert)).to_string(), words);
        }
    }
}
