//! The record of a delivery that waits. There may be a million of them, so it is small: 40 bytes.

use std::time::Duration;

use super::endpoint::Endpoint;
use crate::domain::delivery::{Delivery, NoticeKind, State};
use crate::domain::id::{AppNo, RowKey};
use crate::domain::time::Timestamp;

const PUT_BACK_FIRST: Duration = Duration::from_secs(5);
const PUT_BACK_DOUBLINGS_MAX: u8 = 8;

/// A [`Delivery`] that is pending, with what only the scheduler knows of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) id: RowKey,
    pub(super) due: Timestamp,
    call: Option<RowKey>,
    first_push_at: Option<Timestamp>,
    app: AppNo,
    kind: NoticeKind,
    pub(super) pushes: u8,
    /// How often it was put back because we could not push it or not record that we did.
    put_backs: u8,
}

impl From<Delivery> for Waiting {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, app, kind, call, pushes, first_push_at, due, state } = delivery;
        debug_assert!(state.is_pending(), "only what is pending waits");
        Self { id, due, call, first_push_at, app, kind, pushes, put_backs: 0 }
    }
}

impl Waiting {
    pub(super) fn delivery(self) -> Delivery {
        let Self { id, due, call, first_push_at, app, kind, pushes, put_backs: _ } = self;
        Delivery { id, app, kind, call, pushes, first_push_at, due, state: State::Pending }
    }

    pub(super) fn endpoint(self) -> Endpoint {
        Endpoint { app: self.app, kind: self.kind }
    }

    /// The call that its first push is ordered by; `None` for a re-push, which waits for nothing.
    pub(super) fn ordered_by(self) -> Option<RowKey> {
        self.call.filter(|_| self.pushes == 0)
    }

    /// The first push, or when it should have been: the schedule is counted from there.
    pub(super) fn anchor(self) -> Timestamp {
        self.first_push_at.unwrap_or(Timestamp::from_millis(self.id.millis()))
    }

    /// The same, due again later because of us: after five seconds, then twice that and so on, up to about
    /// twenty minutes. A delivery that cannot be recorded must not be pushed every few seconds for ever.
    #[must_use]
    pub(super) fn put_back(self, now: Timestamp) -> Self {
        let doublings = self.put_backs.min(PUT_BACK_DOUBLINGS_MAX);
        let due = now.after(PUT_BACK_FIRST * 2_u32.pow(doublings.into()));
        Self { due, put_backs: self.put_backs.saturating_add(1), ..self }
    }

    /// The same after the clock was set by so many milliseconds.
    #[must_use]
    pub(super) fn moved(self, by_ms: i64) -> Self {
        let first_push_at = self.first_push_at.map(|at| at.moved(by_ms));
        Self { due: self.due.moved(by_ms), first_push_at, ..self }
    }
}
