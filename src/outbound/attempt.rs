//! One push, and the record of what came of it.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::failure::FailureClass;
use crate::domain::customer::CallbackTls;
use crate::domain::id::AppKey;
use crate::domain::signature::Scheme;

/// One callback on its way to its URL. The body is frozen; everything else is as configured now.
#[derive(Clone)]
pub struct Push<'p> {
    /// Where to, as the operator entered it.
    pub url: Cow<'p, str>,
    /// Whose callback it is; the `Username` of the signature.
    pub app_key: Cow<'p, AppKey>,
    /// The app's secret, which signs the push.
    pub secret: Cow<'p, str>,
    /// How the app's server checks signatures.
    pub scheme: Scheme,
    /// The headers of Standard Webhooks, if the app wants them.
    pub standard_webhooks: Option<StandardWebhooks<'p>>,
    /// What TLS towards the app's receivers takes beyond the usual.
    pub tls: Option<Arc<CallbackTls>>,
    /// The JSON text, byte for byte the same in every attempt.
    pub body: Bytes,
    /// The delivery this attempt belongs to: the same in every attempt. For the log and for `webhook-id`.
    pub delivery_id: String,
}

/// What the headers of Standard Webhooks take besides what every push has.
#[derive(Clone, Default)]
pub struct StandardWebhooks<'p> {
    /// The app's secret before the last rotation, while it is live. Then `webhook-signature` has two parts.
    pub previous_secret: Option<Cow<'p, str>>,
}

impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the secrets, not the body, and not the URL: customers put tokens into its query.
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
    /// The address that answered, else the first one dialled; `None` when it did not get that far.
    pub address: Option<SocketAddr>,
    /// The status of the answer, if there was one; also of a redirect, and of an answer that came late.
    pub status: Option<u16>,
    /// How long the receiver asks to be left alone, by `Retry-After` of its answer; at most
    /// [`RETRY_AFTER_MAX`](super::RETRY_AFTER_MAX).
    pub retry_after: Option<Duration>,
    /// Over which connection it went.
    pub connection: ConnectionUse,
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

/// Over which connection a push went (delivery R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionUse {
    /// None: there was none to be had.
    #[default]
    None,
    /// One that was made for it.
    New,
    /// One that an earlier push left.
    Kept,
    /// One that was made for it after a kept one had closed under it.
    Replaced,
}

impl ConnectionUse {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::New => "new",
            Self::Kept => "kept",
            Self::Replaced => "replaced",
        }
    }
}

/// Where the time of one push went. `None` where a phase was not reached or not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Looking the name up. `None` for a kept connection or a literal address.
    pub dns: Option<Duration>,
    /// Connecting, with the tunnel of the egress proxy if there is one. `None` for a kept connection.
    pub connect: Option<Duration>,
    /// The TLS handshake. `None` for a kept connection and for http.
    pub tls: Option<Duration>,
    /// From the start of the attempt until the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// The whole attempt.
    pub total: Duration,
}

/// The beginning of an answer's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// At most [`OutboundSettings::answer_kept_max`](super::OutboundSettings::answer_kept_max) bytes.
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
