//! The clock: the one place that reads the time of day and waits for it.
//!
//! Everything else takes `now` as an argument. A [`Clock`] follows the system, or the hand of a test. Waiting
//! is done in short naps, because the system's clock may be set while we wait. Durations are measured with a
//! [`Stopwatch`], which such a jump does not touch, and the jump itself is noticed by a [`JumpWatch`].

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::domain::time::Timestamp;

/// Longest wait before the clock is looked at again: how late a jump of the system's clock is noticed.
const NAP_MAX: Duration = Duration::from_secs(1);

/// Least a clock must be set by for it to count as a jump (delivery R15).
pub const JUMP_MIN_MS: i64 = 60_000;

/// Tells the time of day. Cheap to clone; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Receiver<ManualTime>),
}

/// What a manual clock shows.
#[derive(Clone, Copy, Debug)]
struct ManualTime {
    now: Timestamp,
    /// By how much it jumped so far: the part of `now` that was not time passing.
    jumped_ms: i64,
}

impl ManualTime {
    /// What the clock would show if nobody had ever set it.
    fn passed(self) -> Timestamp {
        self.now.moved(-self.jumped_ms)
    }
}

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` and moves only by the hand it comes with.
    pub fn manual(start: Timestamp) -> (Self, ClockHand) {
        let (sender, receiver) = watch::channel(ManualTime { now: start, jumped_ms: 0 });
        (Self(Source::Manual(receiver)), ClockHand(sender))
    }

    /// Watches this clock for jumps from now on.
    pub fn watch_for_jumps(&self) -> JumpWatch {
        JumpWatch { clock: self.clone(), offset_ms: self.offset_ms() }
    }

    /// The time of day, less the time that passed since some fixed moment. Changes only when the clock is set.
    fn offset_ms(&self) -> i64 {
        match &self.0 {
            Source::System => {
                let passed = monotonic_start().elapsed();
                system_now().before(passed).millis().cast_signed()
            }
            Source::Manual(time) => time.borrow().jumped_ms,
        }
    }

    /// The time of day. May be earlier than the last answer: clocks are set back.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(time) => time.borrow().now,
        }
    }

    /// Returns when so much time has passed, whatever the clock is set to meanwhile. Dropping the future is harmless.
    pub async fn sleep(&self, span: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(span).await,
            Source::Manual(time) => {
                let mut time = time.clone();
                let until = time.borrow().passed().after(span);
                if time.wait_for(|time| time.passed() >= until).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Returns as soon as the clock shows `at` or later; at most a second late when it is set forward
    /// meanwhile. Dropping the future is harmless.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Source::System => {
                while let Some(nap) = next_nap(self.now(), at) {
                    tokio::time::sleep(nap).await;
                }
            }
            Source::Manual(time) => {
                if time.clone().wait_for(|time| time.now >= at).await.is_err() {
                    // The hand is gone, so this clock stands still for ever, and `at` never comes.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

/// Notices when the clock is set, as opposed to time passing. Small corrections, as time servers make them,
/// add up until they are worth mentioning.
#[derive(Debug)]
pub struct JumpWatch {
    clock: Clock,
    offset_ms: i64,
}

impl JumpWatch {
    /// Milliseconds by which the clock was set since this last said something; `None` while that is less than
    /// [`JUMP_MIN_MS`].
    pub fn jumped(&mut self) -> Option<i64> {
        let offset_ms = self.clock.offset_ms();
        let by_ms = offset_ms - self.offset_ms;
        if by_ms.abs() < JUMP_MIN_MS {
            return None;
        }
        self.offset_ms = offset_ms;
        Some(by_ms)
    }

    /// Returns as soon as the clock shows `at`, or within about a second after it was set.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.clock.0 {
            Source::System => {
                while let Some(nap) = next_nap(self.clock.now(), at).filter(|_| !self.has_jumped()) {
                    tokio::time::sleep(nap).await;
                }
            }
            Source::Manual(time) => {
                let mut time = time.clone();
                let due = |time: &ManualTime| {
                    time.now >= at || (time.jumped_ms - self.offset_ms).abs() >= JUMP_MIN_MS
                };
                if time.wait_for(due).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    fn has_jumped(&self) -> bool {
        (self.clock.offset_ms() - self.offset_ms).abs() >= JUMP_MIN_MS
    }
}

/// Moves a manual [`Clock`] and all its clones.
#[derive(Debug)]
pub struct ClockHand(watch::Sender<ManualTime>);

impl ClockHand {
    /// Lets time pass.
    pub fn advance(&self, step: Duration) {
        self.0.send_modify(|time| time.now = time.now.after(step));
    }

    /// Lets time pass until `now`; may also take it back.
    pub fn set(&self, now: Timestamp) {
        self.0.send_modify(|time| time.now = now);
    }

    /// Sets the clock by so many milliseconds, without that any time passes: what an administrator, or a time
    /// server after a long outage, does to a system's clock.
    pub fn jump(&self, by_ms: i64) {
        self.0.send_modify(|time| {
            *time = ManualTime { now: time.now.moved(by_ms), jumped_ms: time.jumped_ms + by_ms };
        });
    }
}

/// Measures how long something takes, whatever happens to the time of day meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[expect(clippy::disallowed_methods, reason = "this is where durations begin")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A fixed moment, the first time that somebody asks.
fn monotonic_start() -> Stopwatch {
    static START: OnceLock<Stopwatch> = OnceLock::new();
    *START.get_or_init(Stopwatch::start)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time of day")]
fn system_now() -> Timestamp {
    // A clock before 1970 is a machine that has not set its clock yet: the beginning of time will do.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).after(since_epoch.saturating_sub(Duration::from_millis(1)))
}

/// How long to sleep before looking at the clock again; `None` when `at` has come.
fn next_nap(now: Timestamp, at: Timestamp) -> Option<Duration> {
    (now < at).then(|| at.since(now).min(NAP_MAX))
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn is_done(future: impl Future<Output = ()>) -> bool {
        pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_manual_clock_and_its_clones_move_only_by_the_hand() {
        let (clock, hand) = Clock::manual(NOON);
        let clone = clock.clone();
        assert_eq!(clock.now(), NOON);
        hand.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now().millis(), NOON.millis() + 1_500);
        hand.set(NOON);
        assert_eq!(clone.now(), NOON);
    }

    #[test]
    fn sleep_on_a_manual_clock_ends_at_the_instant_and_not_before() {
        let (clock, hand) = Clock::manual(NOON);
        let at = NOON.after(Duration::from_secs(60));
        let mut sleep = pin!(clock.sleep_until(at));
        assert!(!is_done(sleep.as_mut()));
        hand.advance(Duration::from_millis(59_999));
        assert!(!is_done(sleep.as_mut()));
        hand.advance(Duration::from_millis(1));
        assert!(is_done(sleep.as_mut()));
    }

    #[test]
    fn a_sleep_of_a_minute_takes_a_minute_whatever_the_clock_is_set_to() {
        let (clock, hand) = Clock::manual(NOON);
        let mut sleep = pin!(clock.sleep(Duration::from_secs(60)));
        for step in [20, 20, 19] {
            assert!(!is_done(sleep.as_mut()));
            hand.jump(if step == 19 { -3_600_000 } else { 3_600_000 });
            hand.advance(Duration::from_secs(step));
        }
        assert!(!is_done(sleep.as_mut()));
        hand.advance(Duration::from_secs(1));
        assert!(is_done(sleep.as_mut()));
    }

    #[tokio::test]
    async fn a_task_that_sleeps_is_woken_by_the_hand() {
        let (clock, hand) = Clock::manual(NOON);
        let at = NOON.after(Duration::from_secs(3_600));
        let sleeper = tokio::spawn(async move { clock.sleep_until(at).await });
        hand.set(at);
        sleeper.await.unwrap();
    }

    #[test]
    fn sleep_until_a_past_instant_returns_at_once() {
        assert!(is_done(Clock::system().sleep_until(Timestamp::from_secs(1))));
        assert!(is_done(Clock::manual(NOON).0.sleep_until(NOON)));
    }

    #[test]
    fn a_clock_without_a_hand_never_reaches_the_future() {
        let (clock, hand) = Clock::manual(NOON);
        drop(hand);
        assert_eq!(clock.now(), NOON);
        assert!(!is_done(clock.sleep_until(NOON.after(Duration::from_millis(1)))));
    }

    #[test]
    fn time_that_passes_is_no_jump_and_a_jump_is_told_once() {
        let (clock, hand) = Clock::manual(NOON);
        let mut watch = clock.watch_for_jumps();
        hand.advance(Duration::from_secs(7_200));
        hand.set(NOON);
        assert_eq!(watch.jumped(), None);
        hand.jump(-3_600_000);
        assert_eq!(clock.now(), NOON.before(Duration::from_secs(3_600)));
        assert_eq!((watch.jumped(), watch.jumped()), (Some(-3_600_000), None));
    }

    #[test]
    fn small_corrections_add_up_until_they_are_a_jump() {
        let (clock, hand) = Clock::manual(NOON);
        let mut watch = clock.watch_for_jumps();
        hand.jump(JUMP_MIN_MS - 1);
        assert_eq!(watch.jumped(), None);
        hand.jump(1);
        assert_eq!(watch.jumped(), Some(JUMP_MIN_MS));
    }

    #[test]
    fn who_sleeps_while_the_clock_is_set_back_wakes_and_looks_again() {
        let (clock, hand) = Clock::manual(NOON);
        let watch = clock.watch_for_jumps();
        let mut sleep = pin!(watch.sleep_until(NOON.after(Duration::from_secs(60))));
        assert!(!is_done(sleep.as_mut()));
        hand.jump(-3_600_000);
        assert!(is_done(sleep.as_mut()));
    }

    #[test]
    fn the_system_clock_jumps_by_itself_in_no_test_run() {
        assert_eq!(Clock::system().watch_for_jumps().jumped(), None);
    }

    #[test]
    fn a_nap_ends_at_the_instant_or_after_a_second_whichever_is_first() {
        let after = |millis| NOON.after(Duration::from_millis(millis));
        assert_eq!(next_nap(NOON, NOON), None);
        assert_eq!(next_nap(after(1), NOON), None);
        assert_eq!(next_nap(NOON, after(400)), Some(Duration::from_millis(400)));
        assert_eq!(next_nap(NOON, after(5_000)), Some(NAP_MAX));
    }

    #[test]
    fn the_system_clock_counts_from_1970() {
        let long_past = Timestamp::from_secs(1_600_000_000);
        let far_future = Timestamp::from_secs(32_503_680_000);
        assert!((long_past..far_future).contains(&Clock::system().now()));
    }
}
