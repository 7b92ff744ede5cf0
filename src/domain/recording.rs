//! Recordings: where they are, and how long those that lie with the gateway are kept.

use std::time::Duration;

use super::id::{AppNo, RowKey};
use super::time::Timestamp;

/// A recording that is shorter gives no file (callbacks 5.1).
pub const SHORTEST: Duration = Duration::from_secs(3);

/// How long a link to a recording works (callbacks 5.3).
pub const LINK_LIFE: Duration = Duration::from_secs(3 * 86_400);

/// The recording of a call, as its CDR tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// `recordDomain`.
    pub domain: Box<str>,
    /// `recordBucketName`.
    pub bucket: Box<str>,
    /// `recordObjectName`.
    pub object: Box<str>,
    /// When it begins.
    pub started_at: Timestamp,
    /// Its length in seconds; 0 = not known.
    pub seconds: u32,
    /// Whether the file lies with us.
    pub keeping: Keeping,
}

/// Whether the file of a recording lies with the gateway, and under which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// The switch put it somewhere else.
    Elsewhere,
    /// The switch said that it will send it.
    Awaited(RowKey),
    /// It lies with us.
    Here(RowKey),
}

/// A recording that lies with the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFile {
    /// Its row. `recordObjectName` is made from it.
    pub key: RowKey,
    /// The row of the call.
    pub call: RowKey,
    /// The app that may have it.
    pub app: AppNo,
    /// `recordBucketName`: the folder it lies in.
    pub bucket: Box<str>,
    /// Size of the file.
    pub bytes: u64,
    /// Length in seconds, rounded down.
    pub seconds: u32,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// From when on it is gone; `None` while the CDR of its call is not made.
    pub expires_at: Option<Timestamp>,
}

impl RecordingFile {
    /// Whether it is gone, be the file deleted yet or not.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// When a link that is made now ends.
    pub fn link_ends(&self, now: Timestamp) -> Timestamp {
        let life = now.after(LINK_LIFE);
        self.expires_at.map_or(life, |at| at.min(life))
    }
}

/// When a recording is gone, given when the CDR of its call was made (customer-api 8).
pub fn expiry(cdr_made_at: Timestamp, days: u32) -> Timestamp {
    cdr_made_at.after(Duration::from_secs(86_400 * u64::from(days)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(expires_at: Option<Timestamp>) -> RecordingFile {
        let key = RowKey::floor(1);
        let stored_at = Timestamp::from_secs(1);
        let bucket = "sp-1".into();
        RecordingFile { key, call: key, app: AppNo(1), bucket, bytes: 1, seconds: 3, stored_at, expires_at }
    }

    #[test]
    fn a_recording_is_gone_at_the_instant_and_not_before() {
        let made = Timestamp::from_secs(1_000);
        let gone = expiry(made, 7);
        assert_eq!(gone.since(made), Duration::from_secs(7 * 86_400));
        assert!(!file(Some(gone)).is_expired(gone.before(Duration::from_millis(1))));
        assert!(file(Some(gone)).is_expired(gone));
        assert!(!file(None).is_expired(Timestamp::from_millis(u64::MAX)));
    }

    #[test]
    fn a_link_ends_after_three_days_or_with_its_recording() {
        let now = Timestamp::from_secs(1_000);
        let hour = now.after(Duration::from_secs(3_600));
        assert_eq!(file(Some(hour)).link_ends(now), hour);
        assert_eq!(file(None).link_ends(now), now.after(LINK_LIFE));
        assert_eq!(file(Some(now.after(LINK_LIFE * 2))).link_ends(now), now.after(LINK_LIFE));
    }
}
