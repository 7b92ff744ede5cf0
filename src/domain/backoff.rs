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

    /// How many may be started now, `usual` while all is well. While it fails it is one, and only when nothing
    /// is under way: it finds out whether it works again. `Err` = none before then.
    pub fn allowance(&self, now: Timestamp, usual: usize, under_way: usize) -> Result<usize, Timestamp> {
        match self.until.filter(|_| self.is_waiting(now)) {
            Some(until) => Err(until),
            None if self.is_well() => Ok(usual),
            None => Ok(usize::from(under_way == 0)),
        }
    }

    /// Whether it worked the last time.
    const fn is_well(&self) -> bool {
        self.failures == 0
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
            let until = backoff.allowance(now, 128, 0).unwrap_err();
            assert_eq!(until.since(now), Duration::from_secs(expected));
            now = until;
            assert_eq!(backoff.allowance(now, 128, 0), Ok(1));
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
    }

    #[test]
    fn while_it_fails_one_is_tried_at_a_time_and_after_that_as_many_as_usual() {
        let (mut backoff, later) = (Backoff::default(), START.after(FIRST));
        assert_eq!(backoff.allowance(START, 128, 500), Ok(128));
        backoff.failed(START);
        assert_eq!(backoff.allowance(later, 128, 1), Ok(0));
        assert_eq!(backoff.allowance(later, 128, 0), Ok(1));
        backoff.worked();
        assert_eq!(backoff.allowance(later, 128, 500), Ok(128));
    }

    #[test]
    fn a_clock_set_back_does_not_prolong_the_wait() {
        let mut backoff = Backoff::default();
        backoff.failed(START);
        assert_eq!(backoff.allowance(START.before(Duration::from_secs(3_600)), 128, 0), Ok(1));
    }
}
