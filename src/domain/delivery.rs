//! Getting one notice across: the re-push schedule and the state of a delivery (callbacks 1.3).
//!
//! The body of a delivery is frozen when it is queued; address, nonce, time and digest are made fresh at
//! each push, so a corrected URL heals what is waiting.

use std::hash::Hasher as _;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::id::{AppNo, RowKey};
use super::time::Timestamp;

/// What a notice is about. Decides which of the app's URLs it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// A stage of a call.
    Event,
    /// One to 50 CDRs.
    Cdr,
    /// A change of X-number status.
    NumberStatus,
    /// What became of a short message.
    Sms,
}

impl NoticeKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Event, Self::Cdr, Self::NumberStatus, Self::Sms];

    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Cdr => "cdr",
            Self::NumberStatus => "numStatus",
            Self::Sms => "sms",
        }
    }

    /// Inverse of [`NoticeKind::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where a delivery stands. "In flight" is no state of its own: it lives in memory only, so that a crash
/// leaves nothing that would have to be freed (delivery R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// To be pushed when due.
    Pending,
    /// A push succeeded.
    Delivered,
    /// The last push of the schedule failed. Kept, listed and re-deliverable.
    Exhausted,
}

impl State {
    /// Whether another push is to come.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Pending)
    }

    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
        }
    }

    /// Inverse of [`State::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Exhausted].into_iter().find(|state| state.as_str() == word)
    }
}

/// When failed pushes are repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// One entry per re-push.
    pub offsets: Vec<Duration>,
    /// What the offsets are counted from.
    pub counted_from: CountedFrom,
    /// Each delivery's re-pushes come later by up to this, always by the same time: what failed together does
    /// not come back in the same instant (delivery R3). Never earlier.
    pub jitter: Duration,
}

/// What the offsets of a [`Schedule`] are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedFrom {
    /// The first push. From the fourth on the documented values are even steps of 97 minutes, which only
    /// makes sense as offsets (callbacks 1.3).
    FirstPush,
    /// The push before.
    PreviousPush,
}

impl Default for Schedule {
    /// 1, 4, 9, 106, 203 and 300 minutes after the first push (callbacks 1.3), and up to 5 s later.
    fn default() -> Self {
        let offsets = [1, 4, 9, 106, 203, 300].map(|minutes| Duration::from_secs(60 * minutes)).to_vec();
        Self { offsets, counted_from: CountedFrom::FirstPush, jitter: Duration::from_secs(5) }
    }
}

/// One notice on its way, without its body: what has to be known of it to push it at the right time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its row. The public delivery id is this number.
    pub id: RowKey,
    /// Whom it is for.
    pub app: AppNo,
    /// Which URL it goes to.
    pub kind: NoticeKind,
    /// The call it is about, if one: first pushes of one call go out one after the other.
    pub call: Option<RowKey>,
    /// Pushes made so far.
    pub pushes: u8,
    /// When the first push went out.
    pub first_push_at: Option<Timestamp>,
    /// When the next push is due; meaningful while pending.
    pub due: Timestamp,
    /// Where it stands.
    pub state: State,
}

impl Delivery {
    /// A notice that is to be pushed at once.
    pub const fn new(id: RowKey, app: AppNo, kind: NoticeKind, call: Option<RowKey>, now: Timestamp) -> Self {
        Self { id, app, kind, call, pushes: 0, first_push_at: None, due: now, state: State::Pending }
    }

    /// The delivery after a push that began at `began` and ended at `ended`.
    ///
    /// If re-pushes fell due while we were down, one is made now and the schedule goes on with the next offset
    /// still ahead: never a burst of missed pushes (delivery R3). Our downtime burns no tries either: when all
    /// offsets are behind us and pushes are left, they follow at the last step of the schedule.
    #[must_use]
    pub fn pushed(self, succeeded: bool, began: Timestamp, ended: Timestamp, schedule: &Schedule) -> Self {
        assert!(self.state == State::Pending, "a push of a delivery that is not pending");
        let first_push_at = self.first_push_at.unwrap_or(began);
        let pushes = self.pushes.saturating_add(1);
        let after = Self { pushes, first_push_at: Some(first_push_at), ..self };
        if succeeded {
            return Self { state: State::Delivered, ..after };
        }
        match schedule.next_due(first_push_at, began, ended, pushes, self.id) {
            Some(due) => Self { due, ..after },
            None => Self { state: State::Exhausted, ..after },
        }
    }

    /// The delivery after its last push failed before the schedule was through: its receiver was dead for as
    /// long as the schedule lasts (delivery R8).
    #[must_use]
    pub const fn given_up(self) -> Self {
        Self { state: State::Exhausted, ..self }
    }

    /// The delivery, to be pushed once more at `now` because an operator asked. A delivered or exhausted one
    /// gets one more push; a pending one is only hurried.
    #[must_use]
    pub const fn again(self, now: Timestamp) -> Self {
        Self { state: State::Pending, due: now, ..self }
    }
}

impl Schedule {
    /// When the next push is due after `pushes` failed ones; `None` when that was the last.
    fn next_due(
        &self,
        first: Timestamp,
        began: Timestamp,
        ended: Timestamp,
        pushes: u8,
        id: RowKey,
    ) -> Option<Timestamp> {
        let made = usize::from(pushes);
        let left = self.offsets.get(made.checked_sub(1)?..)?;
        let jitter = self.jitter_of(id);
        match self.counted_from {
            CountedFrom::PreviousPush => left.first().map(|&gap| began.after(gap + jitter)),
            CountedFrom::FirstPush => {
                let ahead = left.iter().map(|&offset| first.after(offset + jitter)).find(|&due| due > ended);
                ahead.or_else(|| (!left.is_empty()).then(|| ended.after(self.last_step() + jitter)))
            }
        }
    }

    /// How much later than its offset this delivery is pushed again: from zero to `jitter`, by a hash of its id,
    /// so that nothing has to be stored.
    fn jitter_of(&self, id: RowKey) -> Duration {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(id.get());
        let most_ms = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(hasher.finish() % (most_ms + 1))
    }

    /// From the first push to the last, jitter included.
    pub fn span(&self) -> Duration {
        let offsets = match self.counted_from {
            CountedFrom::FirstPush => self.offsets.last().copied().unwrap_or_default(),
            CountedFrom::PreviousPush => self.offsets.iter().map(|&gap| gap + self.jitter).sum(),
        };
        offsets + self.jitter
    }

    /// The step between the last two offsets: 97 minutes in the documented schedule.
    fn last_step(&self) -> Duration {
        match self.offsets.as_slice() {
            [] => Duration::ZERO,
            [only] => *only,
            [.., before, last] => last.saturating_sub(*before),
        }
    }

    /// Most pushes of one delivery: the first and the re-pushes.
    pub fn pushes_max(&self) -> usize {
        1 + self.offsets.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minutes(n: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + 60 * n)
    }

    fn fresh() -> Delivery {
        Delivery::new(RowKey::floor(1), AppNo(1), NoticeKind::Event, None, minutes(0))
    }

    /// The documented schedule to the second.
    fn exact() -> Schedule {
        Schedule { jitter: Duration::ZERO, ..Schedule::default() }
    }

    fn fail_at_due(delivery: Delivery, schedule: &Schedule) -> Delivery {
        delivery.pushed(false, delivery.due, delivery.due.after(Duration::from_secs(1)), schedule)
    }

    #[test]
    fn re_pushes_fall_at_the_documented_offsets_and_the_seventh_push_is_the_last() {
        let schedule = exact();
        let mut delivery = fresh();
        for expected in [1, 4, 9, 106, 203, 300] {
            delivery = fail_at_due(delivery, &schedule);
            assert_eq!((delivery.state, delivery.due), (State::Pending, minutes(expected)));
        }
        delivery = fail_at_due(delivery, &schedule);
        assert_eq!((delivery.state, delivery.pushes), (State::Exhausted, 7));
    }

    #[test]
    fn counted_from_the_previous_push_the_gaps_add_up() {
        let schedule = Schedule { counted_from: CountedFrom::PreviousPush, ..exact() };
        let mut delivery = fresh();
        for expected in [1, 5, 14, 120, 323, 623] {
            delivery = fail_at_due(delivery, &schedule);
            assert_eq!(delivery.due, minutes(expected));
        }
    }

    #[test]
    fn r3_re_pushes_come_up_to_the_jitter_late_never_early_and_each_delivery_always_by_the_same() {
        let schedule = Schedule::default();
        let lateness_of = |id: u64| {
            let delivery = Delivery { id: RowKey::from_stored(id).unwrap(), ..fresh() };
            let once = fail_at_due(delivery, &schedule);
            let late = once.due.since(minutes(1));
            let twice = once.pushed(false, minutes(1), minutes(1), &schedule);
            assert_eq!((once.due >= minutes(1), twice.due), (true, minutes(4).after(late)));
            late
        };
        let latenesses: Vec<_> = (1..=1_000).map(lateness_of).collect();
        assert!(latenesses.iter().all(|late| *late <= Duration::from_secs(5)));
        for second in 0..5 {
            let within = latenesses.iter().filter(|late| late.as_secs() == second).count();
            assert!((140..=260).contains(&within), "{within} of 1000 are {second} s late");
        }
        assert_eq!(schedule.span(), Duration::from_secs(300 * 60 + 5));
    }

    #[test]
    fn success_ends_a_delivery_at_once() {
        let delivery = fresh().pushed(true, minutes(0), minutes(0), &Schedule::default());
        assert_eq!((delivery.state, delivery.pushes), (State::Delivered, 1));
    }

    #[test]
    fn after_two_hours_of_downtime_one_push_is_made_and_the_next_waits_for_its_offset() {
        let schedule = exact();
        let once = fail_at_due(fresh(), &schedule);
        let late = once.pushed(false, minutes(120), minutes(120), &schedule);
        assert_eq!((late.pushes, late.due), (2, minutes(203)));
    }

    #[test]
    fn downtime_beyond_the_schedule_burns_no_tries() {
        let schedule = exact();
        let mut delivery =
            fail_at_due(fresh(), &schedule).pushed(false, minutes(600), minutes(600), &schedule);
        assert_eq!(delivery.due, minutes(697));
        while delivery.state == State::Pending {
            delivery = fail_at_due(delivery, &schedule);
        }
        assert_eq!(delivery.pushes, 7);
    }

    proptest! {
        #[test]
        fn pushes_are_never_early_never_bunched_and_never_more_than_seven(
            delays in prop::collection::vec(0u64..20_000, 7), previous in any::<bool>(),
        ) {
            let counted_from = if previous { CountedFrom::PreviousPush } else { CountedFrom::FirstPush };
            let schedule = Schedule { counted_from, ..Schedule::default() };
            let mut delivery = fresh();
            let mut began_last = None;
            for delay_secs in delays {
                prop_assert_eq!(delivery.state, State::Pending);
                let began = delivery.due.after(Duration::from_secs(delay_secs));
                let pushed_before = usize::from(delivery.pushes);
                if let Some(last) = began_last {
                    prop_assert!(began > last);
                    let earliest = match counted_from {
                        CountedFrom::FirstPush => delivery.first_push_at.unwrap(),
                        CountedFrom::PreviousPush => last,
                    };
                    prop_assert!(began >= earliest.after(schedule.offsets[pushed_before - 1]));
                }
                delivery = delivery.pushed(false, began, began.after(Duration::from_secs(10)), &schedule);
                began_last = Some(began);
            }
            prop_assert_eq!((delivery.state, delivery.pushes), (State::Exhausted, 7));
        }
    }
}
