//! A listener: accepts connections within limits and stops without cutting requests short.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, error, warn};

use super::connection;
use super::reply::Reply;
use super::request::{Request, RequestId, RequestIds};
use super::seats::Seats;
use super::tls::Tls;
use crate::logging::Seldom;

/// What answers the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Runs in the task of the connection, so it must not block; the next request of the
    /// same connection waits for it.
    fn call(&self, request: Request) -> impl Future<Output = Reply> + Send;

    /// The reply to what never became a request, or to a request whose [`call`](Self::call) panicked.
    fn refuse(&self, refusal: Refusal) -> Reply;
}

/// What the listener refuses by itself. The status is up to the service; the usual one is in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are no HTTP/1 request (400). The connection closes.
    MalformedRequest,
    /// The request line and headers are too long or too many, or declare a body beyond all bounds (431). The connection closes.
    HeadersTooLarge,
    /// The service panicked (500).
    Panicked,
    /// All connections are taken (503). Sent in clear text only; over TLS the connection just closes.
    Overloaded,
}

impl Refusal {
    fn detail(self) -> &'static str {
        match self {
            Self::MalformedRequest => "not an HTTP/1 request",
            Self::HeadersTooLarge => "the request head is larger than allowed",
            Self::Panicked => "the service panicked",
            Self::Overloaded => "no connection left",
        }
    }
}

/// The bounds of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size of the request line and headers together. At least 8 KiB is always allowed.
    pub header_bytes: usize,
    /// Number of header lines.
    pub headers_max: usize,
    /// From the first byte of a request to the end of its headers. Then the connection closes.
    pub header_read_timeout: Duration,
    /// For the whole body of a request, from when the service begins to read it.
    pub body_read_timeout: Duration,
    /// How long the client may take no byte of a reply before the connection closes.
    pub write_timeout: Duration,
    /// How long a connection may rest between requests, and before its first.
    pub keep_alive_idle: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// Connections at the same time.
    pub connections_max: usize,
    /// Connections at the same time from one IPv4 address or IPv6 /64. `None` where all clients share a proxy.
    pub connections_per_ip_max: Option<usize>,
    /// How long a stop waits for requests in service.
    pub drain_deadline: Duration,
}

impl Default for Limits {
    /// Room for the longest real request heads (about 2 KiB) many times over, and 20,000 connections.
    fn default() -> Self {
        Self {
            header_bytes: 16 * 1024,
            headers_max: 100,
            header_read_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            keep_alive_idle: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(10),
            connections_max: 20_000,
            connections_per_ip_max: None,
            drain_deadline: Duration::from_secs(10),
        }
    }
}

/// How long accepting pauses when the process has no file descriptor left: closing connections free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections beyond the limit that are told so at the same time; further ones are closed without a word.
const REFUSALS_MAX: usize = 64;

/// A listener about to serve.
pub struct Server<S> {
    /// Bound by the caller, so that a taken port is noticed at start.
    pub listener: TcpListener,
    /// `None` for plain HTTP. Shared with whoever reloads it.
    pub tls: Option<Arc<Tls>>,
    /// The bounds.
    pub limits: Limits,
    /// Write `Content-Type`, not `content-type`: some clients look for `Location` by its exact spelling
    /// (client-tolerances F42).
    pub title_case_headers: bool,
    /// Names the requests.
    pub request_ids: RequestIds,
    /// Answers them.
    pub service: S,
}

/// What all connections of a listener share.
pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) limits: Limits,
    pub(super) request_ids: RequestIds,
    pub(super) http: http1::Builder,
    failures: Seldom,
}

impl<S> Shared<S> {
    pub(super) fn new(service: S, limits: Limits, request_ids: RequestIds, title_case_headers: bool) -> Self {
        let http = protocol(&limits, title_case_headers);
        Self { service, limits, request_ids, http, failures: Seldom::default() }
    }

    /// The one place that logs a failed request: 5xx as an error, because someone has to act, 4xx for debugging.
    /// Errors of one kind are said once a minute, with their count: a full disk fails every request.
    pub(super) fn log_failure(
        &self,
        reply: &Reply,
        id: RequestId,
        peer: SocketAddr,
        method: &str,
        path: &str,
    ) {
        let (status, peer, path) = (reply.status.as_u16(), peer.ip(), LoggedPath(path));
        let detail = reply.detail.as_deref().unwrap_or("");
        if !reply.status.is_server_error() {
            return debug!(request = %id, method, %path, status, %peer, detail, "request refused");
        }
        match self.failures.may_say(&format!("{status} {detail}")) {
            Some(0) => error!(request = %id, method, %path, status, %peer, detail, "request failed"),
            Some(count) => {
                error!(request = %id, method, %path, status, %peer, detail, count, "request failed, and others before");
            }
            None => debug!(request = %id, method, %path, status, %peer, detail, "request failed"),
        }
    }
}

impl<S: Service> Server<S> {
    /// Serves until `shutdown` completes. Then accepts no more, closes idle connections, lets requests in
    /// service finish, and returns when all connections are closed or the drain deadline is past. Returns how
    /// many connections had to be cut.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> usize {
        let Self { listener, tls, limits, title_case_headers, request_ids, service } = self;
        let seats = Seats::new(limits.connections_max, limits.connections_per_ip_max);
        let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
        let shared = Arc::new(Shared::new(service, limits, request_ids, title_case_headers));
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, peer) = tokio::select! {
                accepted = accept(&listener) => accepted,
                Some(ended) = connections.join_next() => {
                    report_task(ended);
                    continue;
                }
                () = &mut shutdown => break,
            };
            let shared = Arc::clone(&shared);
            if let Some(seat) = seats.take(peer.ip()) {
                let (tls, stopping) = (tls.clone(), stopping.clone());
                connections.spawn(connection::attend(stream, peer, tls, shared, stopping, seat));
            } else if tls.is_none()
                && let Ok(turn) = Arc::clone(&refusals).try_acquire_owned()
            {
                connections.spawn(async move {
                    connection::turn_away(stream, peer, &shared).await;
                    drop(turn);
                });
            }
        }
        drop(listener);
        stop.send_replace(true);
        drain(connections, shared.limits.drain_deadline).await
    }
}

fn protocol(limits: &Limits, title_case_headers: bool) -> http1::Builder {
    /// What hyper parses without an allocation for the header table.
    const HEADERS_ON_STACK: usize = 100;
    /// The least hyper accepts as a buffer size.
    const BUFFER_MIN: usize = 8 * 1024;
    let header_bytes = limits.header_bytes.max(BUFFER_MIN);
    let mut http = http1::Builder::new();
    // Half-close: a client may close its sending side and still wait for the reply. It also means that a
    // request in service is not dropped when the client hangs up.
    http.half_close(true)
        .title_case_headers(title_case_headers)
        .max_header_size(header_bytes)
        .max_buf_size(header_bytes)
        // `Gate` holds the deadlines: hyper's would set up a timer per request.
        .header_read_timeout(None)
        // Replies are small: copying head and body into one buffer beats a vectored write.
        .writev(false);
    if limits.headers_max != HEADERS_ON_STACK {
        http.max_headers(limits.headers_max);
    }
    http
}

/// The next connection. Errors are survived: those of one connection at once, those of the process (out of
/// file descriptors or memory) after a pause, so that the loop does not spin.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(reason) if concerns_one_connection(&reason) => {
                debug!("a connection died in the queue: {reason}");
            }
            Err(reason) => {
                if !failing {
                    error!("cannot accept connections: {reason}");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Waits for all connections, then cuts those that are left. Returns how many.
async fn drain(mut connections: JoinSet<()>, deadline: Duration) -> usize {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report_task(ended);
        }
    };
    if tokio::time::timeout(deadline, all_ended).await.is_ok() {
        return 0;
    }
    let cut = connections.len();
    warn!(connections = cut, "cut connections that were still busy at the drain deadline");
    connections.shutdown().await;
    cut
}

fn report_task(ended: Result<(), JoinError>) {
    if let Err(failure) = ended
        && failure.is_panic()
    {
        error!("a connection task panicked outside the service");
    }
}

/// The reply to `refusal`, with a detail for the log.
pub(super) fn refused<S: Service>(service: &S, refusal: Refusal) -> Reply {
    let mut reply = service.refuse(refusal);
    reply.detail.get_or_insert_with(|| refusal.detail().to_owned());
    reply
}

/// Whether a reply counts as a failed request.
pub(super) fn is_failure(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// A path for the log: cut at 200 characters, and with long runs of digits hidden but for their ends, because
/// paths carry numbers.
struct LoggedPath<'a>(&'a str);

impl std::fmt::Display for LoggedPath<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const LETTERS_MAX: usize = 200;
        const PLAIN_DIGITS_MAX: usize = 6;
        let end = self.0.char_indices().nth(LETTERS_MAX).map_or(self.0.len(), |(at, _)| at);
        let mut rest = &self.0[..end];
        while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let digits = rest[start..].bytes().take_while(u8::is_ascii_digit).count();
            let (before, run) = (&rest[..start], &rest[start..start + digits]);
            if digits > PLAIN_DIGITS_MAX {
                write!(f, "{before}{}****{}", &run[..2], &run[digits - 2..])?;
            } else {
                write!(f, "{before}{run}")?;
            }
            rest = &rest[start + digits..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_the_log_shows_no_full_number() {
        for (path, logged) in [
            ("/operator/v1/numbers/+8617000000001/move", "/operator/v1/numbers/+86****01/move"),
            ("/numbers/8617000000001", "/numbers/86****01"),
            ("/rest/caas/relationnumber/partners/v1.0", "/rest/caas/relationnumber/partners/v1.0"),
            ("/123456/1234567", "/123456/12****67"),
            ("", ""),
        ] {
            assert_eq!(LoggedPath(path).to_string(), logged);
        }
        assert_eq!(LoggedPath(&"é".repeat(999)).to_string(), "é".repeat(200));
    }

    #[test]
    fn running_out_of_file_descriptors_pauses_accepting_and_a_dead_connection_does_not() {
        const EMFILE: i32 = 24;
        assert!(!concerns_one_connection(&io::Error::from_raw_os_error(EMFILE)));
        assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
    }
}
