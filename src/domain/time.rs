//! Points in time as values. Reading the clock is `clock.rs`'s business; here is only arithmetic.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A point in time: whole milliseconds since 1970-01-01 UTC, never zero, so `Option<Timestamp>` is one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// From milliseconds since 1970-01-01 UTC. Zero becomes one: nothing we handle happened then.
    pub const fn from_millis(millis: u64) -> Self {
        match NonZeroU64::new(millis) {
            Some(millis) => Self(millis),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From whole seconds since 1970-01-01 UTC.
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn millis(self) -> u64 {
        self.0.get()
    }

    /// Whole seconds since 1970-01-01 UTC, rounded down.
    pub const fn secs(self) -> u64 {
        self.0.get() / 1_000
    }

    /// This point plus `delay`, saturating at the end of time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.millis().saturating_add(delay_ms))
    }

    /// This point minus `delay`, saturating at the beginning of time.
    #[must_use]
    pub fn before(self, delay: Duration) -> Self {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.millis().saturating_sub(delay_ms))
    }

    /// This point on a clock that was set by so many milliseconds, forward or back.
    #[must_use]
    pub fn moved(self, by_ms: i64) -> Self {
        Self::from_millis(self.millis().saturating_add_signed(by_ms))
    }

    /// Time passed since `earlier`; zero when `earlier` is in fact later (clocks jump).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis().saturating_sub(earlier.millis()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.secs(), self.millis() % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let late = Timestamp::from_millis(u64::MAX);
        assert_eq!(late.after(Duration::from_secs(1)), late);
        let early = Timestamp::from_millis(5);
        assert_eq!(early.before(Duration::from_secs(1)), Timestamp::from_millis(1));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn an_optional_timestamp_is_one_word() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
    }
}
