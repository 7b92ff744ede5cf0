//! One push of one callback to one customer URL, once.
//!
//! [`Outbound::post`] signs the push, sends it under one deadline and reports what came of it in words and
//! numbers that can be kept. It decides nothing that lasts: whether and when there is another attempt is the
//! engine's business, and whether a status counts as success is the app's (callbacks 1.2). It never fails:
//! whatever the receiver, its network or its name servers do ends up in an [`Attempt`].
//!
//! The receiver is hostile until proven otherwise. It is dialled at public addresses only (`guard.rs`,
//! `dial.rs`), and it can cost us no more than the deadline, a bounded head and a few kilobytes of body.
//! There are no redirects, no proxies from the environment, no cookies and no decompression.
//!
//! Elapsed time is read from tokio's monotonic clock here, since it is measured and never decided upon;
//! the wall-clock time of the signature is an argument, and so is the nonce.

mod client;
mod dial;
mod failure;
pub mod guard;
mod sign;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use reqwest::{Response, Url};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

pub use self::client::SetupError;
pub use self::failure::FailureClass;

use self::client::PushClient;
use self::dial::Dial;
use crate::domain::id::AppKey;
use crate::domain::signature::Scheme;
use crate::domain::time::Timestamp;

/// The limits of a push. [`Default`] has the values that fit production.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// One deadline over everything: look-up, connection, request, answer and its body.
    pub timeout: Duration,
    /// Look-up, TCP and TLS together, until a connection is ready.
    pub connect_timeout: Duration,
    /// One look-up of a name.
    pub lookup_timeout: Duration,
    /// Bytes of an answer's body that an [`Attempt`] keeps.
    pub answer_kept_max: usize,
    /// Bytes of an answer's body after which we stop reading and close the connection.
    pub answer_read_max: usize,
    /// Networks that callbacks may reach although they are not public.
    pub allow_networks: Vec<IpNet>,
    /// How long an unused connection is kept. Shorter than the 5 s after which common servers close theirs,
    /// so that we rarely write into a connection that is just being closed.
    pub idle_timeout: Duration,
    /// Unused connections kept per host and port.
    pub idle_per_host_max: usize,
    /// PEM file of certificate authorities to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            lookup_timeout: Duration::from_secs(2),
            answer_kept_max: 4 * 1024,
            answer_read_max: 8 * 1024,
            allow_networks: Vec::new(),
            idle_timeout: Duration::from_secs(4),
            idle_per_host_max: 8,
            ca_file: None,
        }
    }
}

/// One callback on its way to its URL. The body is frozen; everything else is as configured now.
#[derive(Clone)]
pub struct Push {
    /// Where to, as the operator entered it.
    pub url: String,
    /// Whose callback it is; the `Username` of the signature.
    pub app_key: AppKey,
    /// The app's secret, which signs the push.
    pub secret: String,
    /// How the app's server checks signatures.
    pub scheme: Scheme,
    /// The JSON text, byte for byte the same in every attempt.
    pub body: Bytes,
    /// The delivery this attempt belongs to, for the log.
    pub delivery_id: String,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the secret, not the body, and not the URL: customers put tokens into its query.
        f.debug_struct("Push")
            .field("delivery_id", &self.delivery_id)
            .field("app_key", &self.app_key)
            .field("scheme", &self.scheme)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What came of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address that answered, else the first one dialled; `None` when it did not get that far, or when a
    /// kept connection failed.
    pub address: Option<SocketAddr>,
    /// The status of the answer, if there was one; also of a redirect.
    pub status: Option<u16>,
    /// Where the time went.
    pub timings: Timings,
    /// The beginning of the answer's body.
    pub answer: Answer,
    /// What it comes to.
    pub outcome: PushOutcome,
}

/// What one push comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// A complete status line and headers came in time, with this status (never 3xx). The body does not
    /// count (client-tolerances G46).
    Answered(u16),
    /// Everything else.
    Failed(FailureClass),
}

/// Where the time of one push went. `None` where a phase was not reached or not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Looking the name up. `None` for a kept connection or a literal address.
    pub dns: Option<Duration>,
    /// From the end of the look-up until the connection was ready; for https that includes the TLS handshake,
    /// which reqwest does not let us tell apart. `None` for a kept connection.
    pub connect: Option<Duration>,
    /// From the start of the attempt until the head of the answer was complete.
    pub head: Option<Duration>,
    /// The whole attempt.
    pub total: Duration,
}

/// The beginning of an answer's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// At most [`OutboundSettings::answer_kept_max`] bytes.
    pub body: Bytes,
    /// Whether `body` is all of it: not cut by us, by the deadline or by the receiver.
    pub whole: bool,
}

impl Answer {
    /// The body as text for people; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The client. Cheap to clone; clones share connections. There is one per process: a client of one's own for
/// each push would read the certificate store each time and reuse nothing.
#[derive(Clone, Debug)]
pub struct Outbound {
    settings: OutboundSettings,
    client: PushClient,
    trusted_roots: usize,
}

impl Outbound {
    /// Loads the trusted authorities and sets the client up. Reads files, so it belongs into the start.
    pub fn new(settings: OutboundSettings) -> Result<Self, SetupError> {
        let roots = client::trusted_roots(&settings)?;
        let trusted_roots = roots.len();
        let client = PushClient::new(&settings, roots)?;
        Ok(Self { settings, client, trusted_roots })
    }

    /// How many certificate authorities are trusted. With none, every push over https fails; worth a
    /// warning at start, but no reason not to start: receivers may all be plain http.
    pub fn trusted_roots(&self) -> usize {
        self.trusted_roots
    }

    /// Sends `push` once, signed as of `now`. `nonce` is 32 lower-case hexadecimal digits, fresh each time.
    pub async fn post(&self, push: &Push, now: Timestamp, nonce: String) -> Attempt {
        assert!(
            (1..=128).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "a nonce is 1 to 128 letters and digits"
        );
        let began = Instant::now();
        let deadline = began + self.settings.timeout;
        let (result, dial) = Dial::watch(async {
            let url = readable_url(&push.url)?;
            dial::judge_literal(&url, &self.settings.allow_networks)?;
            let headers = sign::signed_headers(push, &url, now, &nonce);
            let sent = self.client.send(&url, headers, &push.body, &self.settings);
            let response = timeout_at(deadline, sent)
                .await
                .unwrap_or(Err(FailureClass::NoAnswer { limit: self.settings.timeout }))?;
            Ok((url, response))
        })
        .await;
        let attempt = match result {
            Ok((url, response)) => self.answered(&url, response, &dial, began).await,
            Err(failure) => unanswered(failure, &push.url, &dial, began),
        };
        debug!(
            delivery = %push.delivery_id, app = %push.app_key, address = ?attempt.address,
            total_ms = attempt.timings.total.as_millis(), outcome = ?attempt.outcome, "pushed"
        );
        attempt
    }

    async fn answered(&self, url: &Url, response: Response, dial: &Dial, began: Instant) -> Attempt {
        let head = began.elapsed();
        let address = response.remote_addr();
        let status = response.status();
        let outcome = if status.is_redirection() {
            let host = redirect_host(url, &response);
            PushOutcome::Failed(FailureClass::Redirect { status: status.as_u16(), host })
        } else {
            PushOutcome::Answered(status.as_u16())
        };
        let answer = self.read_answer(response, began + self.settings.timeout).await;
        // A look-up may have been started in vain, before a kept connection became free.
        let dns = dial.lookup.filter(|_| dial.connect.is_some());
        let timings = Timings { dns, connect: dial.connect, head: Some(head), total: began.elapsed() };
        Attempt { address, status: Some(status.as_u16()), timings, answer, outcome }
    }

    /// Reads the body as far as it is wanted. Whatever cuts it short changes nothing about the outcome.
    async fn read_answer(&self, mut response: Response, deadline: Instant) -> Answer {
        let mut body = BytesMut::new();
        let mut read = 0_usize;
        let ended = loop {
            // Dropping a response whose body was not read to its end closes the connection.
            if read > self.settings.answer_read_max {
                break false;
            }
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let wanted = self.settings.answer_kept_max - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(wanted)]);
                    read = read.saturating_add(chunk.len());
                }
                Ok(Ok(None)) => break true,
                Ok(Err(_)) | Err(_) => break false,
            }
        };
        Answer { whole: ended && read == body.len(), body: body.freeze() }
    }
}

fn unanswered(failure: FailureClass, url: &str, dial: &Dial, began: Instant) -> Attempt {
    let port = Url::parse(url).ok().and_then(|url| url.port_or_known_default());
    let refused = matches!(failure, FailureClass::Forbidden { .. });
    let first = dial.addresses.first().filter(|_| !refused);
    Attempt {
        address: first.zip(port).map(|(&ip, port)| SocketAddr::new(ip, port)),
        status: None,
        timings: Timings { dns: dial.lookup, connect: dial.connect, head: None, total: began.elapsed() },
        answer: Answer::default(),
        outcome: PushOutcome::Failed(failure),
    }
}

/// The URL of a push, without what must not be sent: a user and password in it would make a second, competing
/// `Authorization`.
fn readable_url(text: &str) -> Result<Url, FailureClass> {
    let mut url =
        Url::parse(text).map_err(|error| FailureClass::UrlUnusable { reason: error.to_string() })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FailureClass::NotHttpUrl);
    }
    // These two fail only for URLs that have no host, and an http URL always has one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

/// The host that a redirect points to, for the report.
fn redirect_host(url: &Url, response: &Response) -> Option<String> {
    let location = response.headers().get(reqwest::header::LOCATION)?.to_str().ok()?;
    url.join(location).ok()?.host_str().map(failure::printable)
}
