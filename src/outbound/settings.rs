//! The limits of a push.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::names::NameSettings;
use super::pool::PoolLimits;
use super::proxy::EgressProxy;

/// How long a connection whose answer is complete may take to become ready for the next request. One that
/// needs longer, because the receiver answered before it had read everything, is not kept.
const READY_MAX: Duration = Duration::from_millis(250);

/// What bounds the answer to one push.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerLimits {
    /// One deadline over everything.
    pub(super) timeout: Duration,
    /// How much longer an answer is listened for that does not count any more.
    pub(super) late: Duration,
    /// Bytes of the body that are kept.
    pub(super) kept_max: usize,
    /// Bytes of the body after which we stop reading.
    pub(super) read_max: usize,
    /// How long a connection may take to become ready again.
    pub(super) ready_max: Duration,
}

/// The limits of a push, and the ways it may take. [`Default`] has the values that fit production.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// One deadline over everything: look-up, connection, request, answer and its body.
    pub timeout: Duration,
    /// How long after the deadline an answer is still listened for, only to be able to say that it came, and
    /// when. It does not count any more.
    pub late_answer: Duration,
    /// Connecting, to any of the addresses of a name.
    pub connect_timeout: Duration,
    /// The TLS handshake.
    pub tls_timeout: Duration,
    /// How names are looked up.
    pub names: NameSettings,
    /// Bytes of an answer's body that an attempt keeps.
    pub answer_kept_max: usize,
    /// Bytes of an answer's body after which we stop reading and close the connection.
    pub answer_read_max: usize,
    /// Networks that callbacks may reach although they are not public.
    pub allow_networks: Vec<IpNet>,
    /// Through which proxy, if not directly.
    pub egress_proxy: Option<EgressProxy>,
    /// How long an unused connection is kept. Shorter than the 5 s after which common servers close theirs,
    /// so that we rarely write into a connection that is just being closed.
    pub idle_timeout: Duration,
    /// A connection is not used again when it is older: a receiver that moved is followed within this time.
    pub connection_age_max: Duration,
    /// Unused connections kept per host and port: as many as an endpoint that answers well is pushed to at once, or
    /// each burst would dial anew.
    pub idle_per_host_max: usize,
    /// Unused connections kept in all.
    pub idle_max: usize,
    /// PEM file of certificate authorities to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

impl OutboundSettings {
    /// The production values under a deadline of `timeout`.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self {
            timeout,
            // A fifth of the deadline: enough for "a little too slow", and a receiver that hangs costs little
            // more than it would without.
            late_answer: timeout / 5,
            connect_timeout: Duration::from_secs(3),
            tls_timeout: Duration::from_secs(3),
            names: NameSettings::default(),
            answer_kept_max: 4 * 1024,
            answer_read_max: 8 * 1024,
            allow_networks: Vec::new(),
            egress_proxy: None,
            idle_timeout: Duration::from_secs(4),
            connection_age_max: Duration::from_secs(90),
            idle_per_host_max: 16,
            idle_max: 1_024,
            ca_file: None,
        }
    }

    /// What bounds the answer to an ordinary push.
    pub(super) const fn answer_limits(&self) -> AnswerLimits {
        AnswerLimits {
            timeout: self.timeout,
            late: self.late_answer,
            kept_max: self.answer_kept_max,
            read_max: self.answer_read_max,
            ready_max: READY_MAX,
        }
    }

    pub(super) const fn pool_limits(&self) -> PoolLimits {
        PoolLimits {
            idle: self.idle_timeout,
            age: self.connection_age_max,
            per_place: self.idle_per_host_max,
            in_all: self.idle_max,
        }
    }
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self::with_timeout(Duration::from_secs(10))
    }
}
