//! What the end of a push says about its receiver.

use std::time::Duration;

/// How a receiver behaved in one push. Whether the push counts is a different question, which the app's own
/// rule decides: here it only matters whether there is somebody, and whether more of the same is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It took the notice.
    Accepted,
    /// It answered, and did not take it.
    Refused,
    /// It asks for fewer pushes at once: 429, 502, 503, 504. With `Retry-After`, also for a pause.
    Overloaded {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It says that it is gone for good: 410.
    Gone,
    /// No connection, or no answer in time.
    Silent,
    /// Nothing was learned: the push was not made, for a reason of our own.
    Unknown,
}

impl Signal {
    /// The signal of an answer with that HTTP status which did not count as success (delivery R13).
    pub const fn of_refusal(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            410 => Self::Gone,
            429 | 503 => Self::Overloaded { retry_after },
            502 | 504 => Self::Overloaded { retry_after: None },
            _ => Self::Refused,
        }
    }
}
