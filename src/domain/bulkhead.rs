//! Seats for work that waits for customers, shared so that one customer who never answers leaves seats to all others.
//!
//! An app may hold so many seats as a sixteenth of those that are free, and at most its own limit. The more are taken,
//! the fewer each may hold: a hundred customers that hang come to a halt at 17 of 2,048 seats each, and 300 stay free
//! for the others. (Network switches share their buffers among ports by the same rule.)

use std::collections::HashMap;

use super::id::AppNo;

/// An app may hold one in so many of the free seats.
const SHARE: usize = 16;
/// One in so many of the files that may be open is for questions.
const SHARE_OF_FDS: u64 = 10;

/// How many seats there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkheadLimits {
    /// In all.
    pub in_all: usize,
    /// For one app, at most.
    pub per_app: usize,
}

impl BulkheadLimits {
    /// The limits for a process that may open `fds` files, `None` = any number: a tenth of them are for questions. At
    /// least one seat.
    #[must_use]
    pub fn within(self, fds: Option<u64>) -> Self {
        let most = fds.and_then(|fds| usize::try_from(fds / SHARE_OF_FDS).ok()).unwrap_or(usize::MAX);
        let in_all = self.in_all.min(most).max(1);
        Self { in_all, per_app: self.per_app.min(in_all) }
    }
}

/// Who holds seats.
#[derive(Debug)]
pub struct Bulkhead {
    limits: BulkheadLimits,
    taken: usize,
    /// No entry is zero.
    by_app: HashMap<AppNo, usize>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSeat {
    /// The app holds as many as it may now.
    #[error("{0} questions to the app are under way, and it may not have more")]
    OfApp(usize),
    /// All are taken.
    #[error("{0} questions are under way, and there may not be more")]
    InAll(usize),
}

impl Bulkhead {
    /// All seats free.
    pub fn new(limits: BulkheadLimits) -> Self {
        Self { limits, taken: 0, by_app: HashMap::new() }
    }

    /// Takes a seat for an app.
    pub fn take(&mut self, app: AppNo) -> Result<(), NoSeat> {
        let free = self.limits.in_all.saturating_sub(self.taken);
        if free == 0 {
            return Err(NoSeat::InAll(self.taken));
        }
        let held = self.by_app.get(&app).copied().unwrap_or(0);
        if held >= (free / SHARE).clamp(1, self.limits.per_app) {
            return Err(NoSeat::OfApp(held));
        }
        self.taken += 1;
        self.by_app.insert(app, held + 1);
        Ok(())
    }

    /// Gives a seat back that [`Bulkhead::take`] gave.
    pub fn give_back(&mut self, app: AppNo) {
        let held = self.by_app.get_mut(&app).expect("a seat is given back by an app that holds one");
        *held -= 1;
        if *held == 0 {
            self.by_app.remove(&app);
        }
        self.taken -= 1;
    }

    /// How many seats are taken.
    pub const fn taken(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bulkhead(in_all: usize, per_app: usize) -> Bulkhead {
        Bulkhead::new(BulkheadLimits { in_all, per_app })
    }

    /// Takes seats for one app until it gets no more.
    fn fill(bulkhead: &mut Bulkhead, app: u32) -> usize {
        std::iter::from_fn(|| bulkhead.take(AppNo(app)).ok()).count()
    }

    #[test]
    fn one_app_gets_its_own_limit_and_leaves_the_rest() {
        let mut bulkhead = bulkhead(2_000, 100);
        assert_eq!(fill(&mut bulkhead, 1), 100);
        assert_eq!(bulkhead.take(AppNo(1)), Err(NoSeat::OfApp(100)));
        assert_eq!(fill(&mut bulkhead, 2), 100);
        bulkhead.give_back(AppNo(1));
        assert_eq!((bulkhead.take(AppNo(1)), bulkhead.taken()), (Ok(()), 200));
    }

    #[test]
    fn a_hundred_apps_that_never_answer_leave_seats_to_the_others() {
        let mut bulkhead = bulkhead(2_048, 256);
        let mut held = vec![0; 101];
        // All at once, as after an outage that they share: whoever comes first has most.
        for app in 1..=100 {
            held[app as usize] = fill(&mut bulkhead, app);
            assert!(held[app as usize] >= 1, "app {app}");
        }
        assert!(bulkhead.taken() < 2_048);
        // Their questions time out and others follow.
        for _ in 0..20 {
            for app in 1..=100 {
                for _ in 0..std::mem::take(&mut held[app as usize]) {
                    bulkhead.give_back(AppNo(app));
                }
                held[app as usize] = fill(&mut bulkhead, app);
            }
        }
        assert!(held.iter().all(|&held| held <= 18), "{held:?}");
        assert!(fill(&mut bulkhead, 101) >= 16, "{held:?}");
    }

    #[test]
    fn an_app_alone_always_gets_a_seat_and_none_beyond_the_last() {
        let mut bulkhead = bulkhead(2, 2);
        assert_eq!((bulkhead.take(AppNo(1)), bulkhead.take(AppNo(2))), (Ok(()), Ok(())));
        assert_eq!(bulkhead.take(AppNo(3)), Err(NoSeat::InAll(2)));
    }

    #[test]
    fn a_process_that_may_open_few_files_has_few_seats() {
        let limits = BulkheadLimits { in_all: 2_000, per_app: 200 };
        for (fds, in_all, per_app) in
            [(None, 2_000, 200), (Some(1_000_000), 2_000, 200), (Some(1_024), 102, 102), (Some(3), 1, 1)]
        {
            assert_eq!(limits.within(fds), BulkheadLimits { in_all, per_app }, "{fds:?}");
        }
    }

    proptest! {
        #[test]
        fn limits_hold_and_seats_are_counted(steps in prop::collection::vec((any::<bool>(), 0u32..6), 1..300)) {
            let mut bulkhead = bulkhead(20, 7);
            let mut held = [0_usize; 6];
            for (take, app) in steps {
                let mine = &mut held[app as usize];
                if take {
                    *mine += usize::from(bulkhead.take(AppNo(app)).is_ok());
                } else if *mine > 0 {
                    bulkhead.give_back(AppNo(app));
                    *mine -= 1;
                }
                prop_assert_eq!(bulkhead.taken(), held.iter().sum::<usize>());
                prop_assert!(bulkhead.taken() <= 20 && held.iter().all(|&mine| mine <= 7));
            }
        }
    }
}
