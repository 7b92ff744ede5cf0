//! How long to leave the store alone after it failed (delivery R15): longer each time, up to a minute, and for
//! ever. Giving up would need a restart to mend, trying at once would be a loop.

use std::time::Duration;

use super::time::Timestamp;

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);

/// Whether something that may fail is to be tried now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    until: Option<Timestamp>,
}

impl Backoff {
    /// It failed. True when it worked before: worth a line in the log.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        // What fails while we wait was started before and tells nothing new.
        if self.is_waiting(now) {
            return false;
        }
        let delay = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(MOST);
        self.until = Some(now.after(delay));
        self.failures += 1;
        self.failures == 1
    }

    /// It worked. True when it had failed before.
    pub fn worked(&mut self) -> bool {
        let had_failed = !self.is_well();
        *self = Self::default();
        had_failed
    }

    /// Whether it worked the last time.
    pub const fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Until when to wait; `None` = it may be tried now.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|_| self.is_waiting(now))
    }

    fn is_waiting(&self, now: Timestamp) -> bool {
        // Never longer than the longest delay, also when the clock was set back meanwhile.
        self.until.is_some_and(|until| until > now && until.since(now) <= MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_minute_and_for_ever() {
        let (mut backoff, mut now) = (Backoff::default(), START);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            backoff.failed(now);
            let until = backoff.waits_until(now).unwrap();
            assert_eq!(until.since(now), Duration::from_secs(expected));
            now = until;
            assert_eq!(backoff.waits_until(now), None);
        }
    }

    #[test]
    fn only_the_first_failure_and_the_recovery_are_news() {
        let mut backoff = Backoff::default();
        assert!(!backoff.worked());
        assert!(backoff.failed(START));
        assert!(!backoff.failed(START), "fails while it waits");
        assert!(!backoff.failed(START.after(MOST)));
        assert!(backoff.worked());
        assert!(backoff.is_well());
    }

    #[test]
    fn a_clock_set_back_does_not_prolong_the_wait() {
        let mut backoff = Backoff::default();
        backoff.failed(START);
        assert_eq!(backoff.waits_until(START.before(Duration::from_secs(3_600))), None);
    }
}
