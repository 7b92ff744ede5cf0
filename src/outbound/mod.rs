//! One push of one callback to one customer URL, once.
//!
//! [`Outbound::post`] signs the push, sends it under one deadline and reports what came of it in words and
//! numbers that can be kept. [`Outbound::ask`] does the same with limits of its own, for a question whose answer is
//! wanted whole and at once. It decides nothing that lasts: whether and when there is another attempt is the
//! engine's business, and whether a status counts as success is the app's (callbacks 1.2). It never fails:
//! whatever the receiver, its network or its name servers do ends up in an [`Attempt`].
//!
//! The receiver is hostile until proven otherwise. It is dialled at public addresses only (`guard.rs`,
//! `connect.rs`), and it can cost us no more than the deadline, a bounded head and a few kilobytes of body.
//! There are no redirects, no proxies from the environment, no cookies and no decompression.
//!
//! HTTP itself is hyper's. The connections are ours, because what is asked of them no client library offers
//! together: a limit and a time for each step, the guard in front of each dialling, TLS settings per app,
//! bounds on number and age, and to be told whether a request went over a used connection.
//!
//! Elapsed time is read from tokio's monotonic clock here, since it is measured and never decided upon;
//! the wall-clock time of the signature is an argument, and so is the nonce.

mod attempt;
mod connect;
mod connection;
mod destination;
mod diagnosis;
mod failure;
pub mod guard;
mod identity;
mod keeper;
mod names;
mod pool;
mod proxy;
mod settings;
mod sign;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response};
use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

pub use self::attempt::{Answer, Attempt, ConnectionUse, Push, PushOutcome, StandardWebhooks, Timings};
pub use self::failure::{FailureClass, Side};
pub use self::identity::{SetupError, TlsSettingFault, check_callback_tls};
pub use self::names::NameSettings;
pub use self::proxy::EgressProxy;
pub use self::settings::OutboundSettings;

use self::connect::{Connector, Dialled, Place};
use self::connection::Connection;
use self::destination::{Destination, Destinations};
use self::guard::Guard;
use self::identity::{TlsSet, TlsSets};
use self::keeper::Keeper;
use self::names::Names;
use self::settings::AnswerLimits;
use crate::domain::time::Timestamp;

/// Longest pause that a receiver can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);
/// Most of an answer's head that is read, and of its body at a time.
const HEAD_MAX: usize = 32 * 1024;
/// How long a connection may take to become ready again after a question, while somebody waits for what was answered.
const READY_MAX_ASKED: Duration = Duration::from_millis(2);

/// The client. Cheap to clone; clones share connections and what is known about names. There is one per
/// process.
#[derive(Clone, Debug)]
pub struct Outbound {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: OutboundSettings,
    destinations: Destinations,
    tls: TlsSets,
    connector: Connector,
    keeper: Keeper,
}

/// What an attempt has seen so far.
#[derive(Debug)]
struct Seen {
    limits: AnswerLimits,
    began: Instant,
    connection: ConnectionUse,
    dialled: Dialled,
    first_byte: Option<Instant>,
}

/// An answer in time: its connection, when that was made, and where it leads.
struct Answered {
    response: Response<Incoming>,
    connection: Connection,
    born: Instant,
    place: Place,
    destination: Arc<Destination>,
}

impl Outbound {
    /// Loads the trusted authorities and sets the client up. Reads files, so it belongs into the start.
    pub fn new(settings: OutboundSettings) -> Result<Self, SetupError> {
        let connector = Connector {
            names: Names::new(settings.names.clone()),
            guard: Guard::new(settings.allow_networks.clone()),
            proxy: settings.egress_proxy.clone(),
            connect_limit: settings.connect_timeout,
            tls_limit: settings.tls_timeout,
        };
        let tls = TlsSets::new(settings.ca_file.as_deref())?;
        let keeper = Keeper::new(settings.pool_limits());
        Ok(Self {
            shared: Arc::new(Shared {
                settings,
                destinations: Destinations::default(),
                tls,
                connector,
                keeper,
            }),
        })
    }

    /// How many certificate authorities are trusted. With none, every push over https fails; worth a
    /// warning at start, but no reason not to start: receivers may all be plain http.
    pub fn trusted_roots(&self) -> usize {
        self.shared.tls.trusted_roots()
    }

    /// Sends `push` once, signed as of `now`. `nonce` is 32 lower-case hexadecimal digits, fresh each time.
    pub async fn post(&self, push: &Push<'_>, now: Timestamp, nonce: String) -> Attempt {
        let limits = self.shared.settings.answer_limits();
        self.send(push, now, nonce, limits).await
    }

    /// Sends `push` once as a question: like [`Outbound::post`], but with the whole exchange, the answer's body
    /// included, within `timeout`, and up to `answer_max` bytes of that body kept. Nothing is listened for after the
    /// deadline: somebody waits.
    pub async fn ask(
        &self,
        push: &Push<'_>,
        now: Timestamp,
        nonce: String,
        timeout: Duration,
        answer_max: usize,
    ) -> Attempt {
        let (late, ready_max) = (Duration::ZERO, READY_MAX_ASKED);
        let limits = AnswerLimits { timeout, late, kept_max: answer_max, read_max: answer_max, ready_max };
        self.send(push, now, nonce, limits).await
    }

    async fn send(&self, push: &Push<'_>, now: Timestamp, nonce: String, limits: AnswerLimits) -> Attempt {
        assert!(
            (1..=128).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "a nonce is 1 to 128 letters and digits"
        );
        let mut seen = Seen {
            limits,
            began: Instant::now(),
            connection: ConnectionUse::None,
            dialled: Dialled::default(),
            first_byte: None,
        };
        let attempt = match self.shared.exchange(push, now, &nonce, &mut seen).await {
            Ok(answered) => self.shared.finish(answered, now, &seen).await,
            Err(failure) => unanswered(failure, &seen),
        };
        debug!(
            delivery = %push.delivery_id, app = %push.app_key, address = ?attempt.address,
            total_ms = attempt.timings.total.as_millis(), outcome = ?attempt.outcome, "pushed"
        );
        attempt
    }
}

impl Shared {
    /// Sends the push over a kept connection or a new one, and waits for the head of the answer.
    async fn exchange(
        &self,
        push: &Push<'_>,
        now: Timestamp,
        nonce: &str,
        seen: &mut Seen,
    ) -> Result<Answered, FailureClass> {
        let destination = self.destinations.get(&push.url)?;
        let tls = self.tls.get(push.tls.as_ref())?;
        let place = destination.place(&tls);
        // Made again for the rare repeat: that costs less than a copy for each.
        let request = || {
            let mut request = Request::new(Full::new(push.body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = destination.target.clone();
            *request.headers_mut() = sign::signed_headers(push, destination.host_header.clone(), now, nonce);
            request
        };

        if let Some((mut connection, born)) = self.keeper.take(&place) {
            seen.connection = ConnectionUse::Kept;
            seen.dialled.targets = vec![connection.address];
            // A receiver may close an idle connection at the very moment it is used. The request may have had
            // its effect then; for us it may have it twice, since callbacks are delivered at least once. Once
            // only, and then on a connection that is certainly new (delivery R10).
            match self.send(&mut connection, request(), seen).await {
                Err((FailureClass::ClosedBeforeAnswer, true)) => seen.connection = ConnectionUse::Replaced,
                Err((failure, _)) => return Err(failure),
                Ok(response) => return Ok(Answered { response, connection, born, place, destination }),
            }
        }
        // In a box, because it is rare and large: most pushes go over a kept connection, and all would carry it along.
        let (response, connection, born) =
            Box::pin(self.over_a_new_one(&place, &tls, request(), seen)).await?;
        Ok(Answered { response, connection, born, place, destination })
    }

    /// Makes a connection and sends the request over it.
    async fn over_a_new_one(
        &self,
        place: &Place,
        tls: &TlsSet,
        request: Request<Full<Bytes>>,
        seen: &mut Seen,
    ) -> Result<(Response<Incoming>, Connection, Instant), FailureClass> {
        let deadline = seen.began + seen.limits.timeout;
        let mut connection = self.connector.connect(place, tls, deadline, &mut seen.dialled).await?;
        let born = Instant::now();
        if seen.connection == ConnectionUse::None {
            seen.connection = ConnectionUse::New;
        }
        let sent = self.send(&mut connection, request, seen).await;
        Ok((sent.map_err(|(failure, _)| failure)?, connection, born))
    }

    /// Sends a request and waits for the head of its answer until the deadline; a little longer, to be able to
    /// say that it came too late. A failure comes with whether it came before any byte of an answer.
    async fn send(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        seen: &mut Seen,
    ) -> Result<Response<Incoming>, (FailureClass, bool)> {
        let limit = seen.limits.timeout;
        let deadline = seen.began + limit;
        let sent = timeout_at(deadline + seen.limits.late, connection.send(request)).await;
        seen.first_byte = connection.first_byte_at();
        match sent {
            Err(_) => Err((FailureClass::NoAnswer { limit }, false)),
            Ok(Err(broken)) => Err((broken.failure, broken.before_any_byte)),
            Ok(Ok(response)) if Instant::now() > deadline => {
                let status = response.status().as_u16();
                Err((
                    FailureClass::AnsweredLate { status, after: to_tenths(seen.began.elapsed()), limit },
                    false,
                ))
            }
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Reads what is wanted of the body, keeps the connection if it can be used again, and reports.
    async fn finish(&self, answered: Answered, now: Timestamp, seen: &Seen) -> Attempt {
        let Answered { response, mut connection, born, place, destination } = answered;
        let address = connection.address;
        let status = response.status();
        let outcome = if status.is_redirection() {
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let host = location.and_then(|location| destination.redirect_host(location));
            PushOutcome::Failed(FailureClass::Redirect { status: status.as_u16(), host })
        } else {
            PushOutcome::Answered(status.as_u16())
        };
        let retry_after = retry_after(response.headers(), now);
        let limits = seen.limits;
        let deadline = seen.began + limits.timeout;
        let reading = limits.read_answer(response.into_body(), deadline);
        let (answer, read_to_end) = connection.until(reading).await;
        // A connection that is not kept is dropped, and closes with whatever the receiver still sends.
        if read_to_end && connection.is_ready_before(deadline.min(Instant::now() + limits.ready_max)).await {
            self.keeper.put(place, connection, born);
        }
        Attempt {
            address: Some(address),
            status: Some(status.as_u16()),
            retry_after,
            connection: seen.connection,
            timings: seen.timings(),
            answer,
            outcome,
        }
    }
}

impl AnswerLimits {
    /// Reads the body as far as it is wanted, and tells whether that was its end. Whatever cuts it short
    /// changes nothing about the outcome.
    async fn read_answer(
        self,
        mut body: impl Body<Data = Bytes> + Unpin,
        deadline: Instant,
    ) -> (Answer, bool) {
        let mut kept = BytesMut::new();
        let mut read = 0_usize;
        let ended = loop {
            if read > self.read_max {
                break false;
            }
            match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    let wanted = self.kept_max - kept.len();
                    kept.extend_from_slice(&chunk[..chunk.len().min(wanted)]);
                    read = read.saturating_add(chunk.len());
                }
                Ok(None) => break true,
                Ok(Some(Err(_))) | Err(_) => break false,
            }
        };
        (Answer { whole: ended && read == kept.len(), body: kept.freeze() }, ended)
    }
}

impl Seen {
    fn timings(&self) -> Timings {
        let Dialled { dns, connect, tls, .. } = self.dialled;
        let first_byte = self.first_byte.map(|at| at.duration_since(self.began));
        Timings { dns, connect, tls, first_byte, total: self.began.elapsed() }
    }
}

fn unanswered(failure: FailureClass, seen: &Seen) -> Attempt {
    let status = match failure {
        FailureClass::AnsweredLate { status, .. } => Some(status),
        _ => None,
    };
    Attempt {
        address: seen.dialled.targets.first().copied(),
        status,
        retry_after: None,
        connection: seen.connection,
        timings: seen.timings(),
        answer: Answer::default(),
        outcome: PushOutcome::Failed(failure),
    }
}

/// `time` in whole tenths of a second: nobody needs "10.503472 s".
fn to_tenths(time: Duration) -> Duration {
    let tenths = u64::try_from(time.as_millis().div_ceil(100)).unwrap_or(u64::MAX);
    Duration::from_millis(tenths.saturating_mul(100))
}

/// `Retry-After`, which holds seconds or a date; anything else in it is nothing.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let secs = text.parse::<u64>().ok().or_else(|| {
        let date = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let at = PrimitiveDateTime::parse(text, date).ok()?.assume_utc().unix_timestamp();
        u64::try_from(at).ok().map(|at| at.saturating_sub(now.secs()))
    })?;
    Some(Duration::from_secs(secs).min(RETRY_AFTER_MAX))
}
