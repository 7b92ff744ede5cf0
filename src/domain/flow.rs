//! Flow control of one app: a token bucket (customer-api 10: 403/1010010).
//!
//! A burst of one second's worth passes at once; after that requests pass at the rate of the limit. Integers
//! only, so the same requests at the same times always get the same answers.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::time::Timestamp;

/// A request costs 1,000 parts, so that a millisecond earns exactly `limit_per_second` of them.
const PARTS_PER_REQUEST: u64 = 1_000;
/// A step back of the clock up to this is threads that read it in another order than they got here; a
/// larger one is a clock that was set.
const JITTER_MAX: Duration = Duration::from_secs(1);

/// How much of its limit an app has left.
#[derive(Clone, Debug)]
pub struct FlowControl {
    limit_per_second: NonZeroU32,
    parts: u64,
    /// When `parts` was right; `None` before the first request.
    counted_at: Option<Timestamp>,
}

impl FlowControl {
    /// A full bucket. An app without a limit has no `FlowControl`.
    pub fn new(limit_per_second: NonZeroU32) -> Self {
        Self { limit_per_second, parts: Self::full(limit_per_second), counted_at: None }
    }

    /// Whether one more request may pass at `now`; counts it when it may.
    ///
    /// When the clock was set back nothing is earned for that step and earning goes on from the new time: the
    /// app is neither locked out until the clock catches up nor given a second burst.
    pub fn admit(&mut self, now: Timestamp) -> bool {
        let counted_at = *self.counted_at.get_or_insert(now);
        let earned = u64::try_from(now.since(counted_at).as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(u64::from(self.limit_per_second.get()));
        self.parts = self.parts.saturating_add(earned).min(Self::full(self.limit_per_second));
        if now > counted_at || counted_at.since(now) > JITTER_MAX {
            self.counted_at = Some(now);
        }
        match self.parts.checked_sub(PARTS_PER_REQUEST) {
            Some(left) => {
                self.parts = left;
                true
            }
            None => false,
        }
    }

    fn full(limit_per_second: NonZeroU32) -> u64 {
        u64::from(limit_per_second.get()) * PARTS_PER_REQUEST
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flow(limit: u32) -> FlowControl {
        FlowControl::new(NonZeroU32::new(limit).unwrap())
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn admitted(flow: &mut FlowControl, asked: usize, millis: u64) -> usize {
        (0..asked).filter(|_| flow.admit(at(millis))).count()
    }

    #[test]
    fn one_second_of_requests_passes_at_once_and_then_the_rate() {
        let mut flow = flow(10);
        assert_eq!(admitted(&mut flow, 20, 0), 10);
        assert_eq!(admitted(&mut flow, 20, 99), 0);
        assert_eq!(admitted(&mut flow, 20, 100), 1);
        assert_eq!(admitted(&mut flow, 20, 600), 5);
        assert_eq!(admitted(&mut flow, 20, 3_600_000), 10);
    }

    #[test]
    fn a_clock_set_back_neither_locks_out_nor_grants_a_second_burst() {
        let mut flow = flow(10);
        assert_eq!(admitted(&mut flow, 20, 3_600_000), 10);
        assert_eq!(admitted(&mut flow, 20, 0), 0);
        assert_eq!(admitted(&mut flow, 20, 500), 5);
    }

    #[test]
    fn clock_readings_that_arrive_out_of_order_earn_nothing_twice() {
        let mut flow = flow(10);
        assert_eq!(admitted(&mut flow, 20, 1_000), 10);
        for _ in 0..50 {
            assert_eq!(admitted(&mut flow, 1, 950), 0);
            assert_eq!(admitted(&mut flow, 1, 1_050), 0);
        }
        assert_eq!(admitted(&mut flow, 20, 1_100), 1);
    }

    #[test]
    fn the_largest_limit_and_the_longest_pause_do_not_overflow() {
        let mut flow = flow(u32::MAX);
        assert!(flow.admit(Timestamp::from_millis(1)));
        assert!(flow.admit(Timestamp::from_millis(u64::MAX)));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_lets_more_pass_than_burst_and_rate(
            limit in 1_u32..20, pauses in proptest::collection::vec(0_u64..300, 1..150),
        ) {
            let mut flow = flow(limit);
            let (mut now, mut passed) = (0, Vec::new());
            for pause in pauses {
                now += pause;
                if flow.admit(at(now)) {
                    passed.push(now);
                }
            }
            for (index, &from) in passed.iter().enumerate() {
                for (count, &to) in passed[index..].iter().enumerate() {
                    let allowed = u64::from(limit) * 1_000 + (to - from) * u64::from(limit);
                    prop_assert!((count as u64 + 1) * 1_000 <= allowed);
                }
            }
        }

        #[test]
        fn requests_at_or_below_the_rate_all_pass(limit in 1_u32..1_000, count in 1_u64..100) {
            let mut flow = flow(limit);
            let gap = 1_000_u64.div_ceil(u64::from(limit));
            for number in 0..count {
                prop_assert!(flow.admit(at(number * gap)));
            }
        }
    }
}
