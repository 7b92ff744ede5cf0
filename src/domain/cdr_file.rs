//! Daily CDR files: which day is due, and what its files are called.
//!
//! A CDR stands in the file of the day (UTC) in which it was made, whenever its call was. Days are written in
//! order and each once: what is remembered is the last day that is done.

use std::time::Duration;

use super::time::Timestamp;

const SECS_PER_DAY: u64 = 86_400;

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// From the count of days since 1970-01-01.
    pub const fn from_count(days: u32) -> Self {
        Self(days)
    }

    /// The count of days since 1970-01-01.
    pub const fn count(self) -> u32 {
        self.0
    }

    /// The day that an instant belongs to.
    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.secs() / SECS_PER_DAY).unwrap_or(u32::MAX))
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        Timestamp::from_secs(u64::from(self.0) * SECS_PER_DAY)
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// So many days before.
    #[must_use]
    pub const fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// When days are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CdrFileRule {
    /// How long after midnight UTC the day before is written; less than a day.
    pub at: Duration,
    /// For how many days the store keeps CDRs, at least two: of a day that lies further back some may be gone.
    pub kept_days: u32,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextDay {
    /// Write the file of this day.
    Write(Day),
    /// The days up to and with this one lie too far back for a whole file: pass over them.
    PassOver(Day),
    /// Nothing until then.
    Wait(Timestamp),
}

impl CdrFileRule {
    /// What counts as done when no day was ever written: all but yesterday.
    pub fn done_at_first(now: Timestamp) -> Day {
        Day::of(now).before(2)
    }

    /// What is to be done when `done` is the last day that is.
    pub fn next(self, done: Day, now: Timestamp) -> NextDay {
        let day = done.next();
        let due = day.next().start().after(self.at);
        if now < due {
            return NextDay::Wait(due);
        }
        // Of a day that began longer ago than CDRs are kept, the first ones may have been forgotten.
        let first_whole = Day::of(now).before(self.kept_days - 1);
        if day < first_whole { NextDay::PassOver(first_whole.before(1)) } else { NextDay::Write(day) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: CdrFileRule = CdrFileRule { at: Duration::from_secs(600), kept_days: 31 };
    const DAY: Day = Day::from_count(20_000);

    fn at(day: Day, secs: u64) -> Timestamp {
        day.start().after(Duration::from_secs(secs))
    }

    #[test]
    fn a_day_begins_at_its_midnight_and_ends_before_the_next() {
        assert_eq!(Day::of(DAY.start()), DAY);
        assert_eq!(Day::of(DAY.next().start().before(Duration::from_millis(1))), DAY);
        assert_eq!(DAY.start().secs(), 20_000 * 86_400);
    }

    #[test]
    fn a_day_is_due_at_the_set_time_of_the_next_one_and_not_before() {
        let due = at(DAY.next(), 600);
        let done = DAY.before(1);
        assert_eq!(RULE.next(done, due.before(Duration::from_millis(1))), NextDay::Wait(due));
        assert_eq!(RULE.next(done, due), NextDay::Write(DAY));
        assert_eq!(RULE.next(DAY, due), NextDay::Wait(at(DAY.next().next(), 600)));
    }

    #[test]
    fn missed_days_are_due_one_after_the_other() {
        let now = at(DAY, 601);
        let mut done = DAY.before(4);
        let mut written = Vec::new();
        while let NextDay::Write(day) = RULE.next(done, now) {
            written.push(day);
            done = day;
        }
        assert_eq!(written, [DAY.before(3), DAY.before(2), DAY.before(1)]);
    }

    #[test]
    fn days_whose_cdrs_may_be_forgotten_are_passed_over() {
        let now = at(DAY, 601);
        let last_lost = DAY.before(31);
        assert_eq!(RULE.next(DAY.before(100), now), NextDay::PassOver(last_lost));
        assert_eq!(RULE.next(last_lost, now), NextDay::Write(DAY.before(30)));
        // CDRs of the first whole day are kept until after it was written.
        assert!(DAY.before(30).start() > now.before(Duration::from_secs(31 * 86_400)));
        let two_days = CdrFileRule { kept_days: 2, ..RULE };
        assert_eq!(two_days.next(DAY.before(3), now), NextDay::PassOver(DAY.before(2)));
        assert_eq!(two_days.next(DAY.before(2), now), NextDay::Write(DAY.before(1)));
    }

    #[test]
    fn at_first_yesterday_is_the_first_day_to_be_written() {
        let now = at(DAY, 601);
        assert_eq!(RULE.next(CdrFileRule::done_at_first(now), now), NextDay::Write(DAY.before(1)));
    }
}
