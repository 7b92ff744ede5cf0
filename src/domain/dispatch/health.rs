//! What is known about one endpoint's receiver, and how much at once it is trusted with (delivery R6, R8, R13).

use std::time::Duration;

use super::signal::Signal;
use crate::domain::time::Timestamp;

/// Pushes at once to an endpoint that nothing is known about.
const WINDOW_AT_START: usize = 4;
/// Pushes at once to a suspect endpoint, while there is room for all of them.
pub(super) const SUSPECT_WINDOW: usize = 8;
/// A receiver that answered 410 is asked again after this; the documented first gap.
const GONE_PAUSE: Duration = Duration::from_secs(60);
/// Longest `Retry-After` that is obeyed. More would reach too far into the schedule of five hours, and a typing
/// error of the receiver's would silence it for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Which of the two rings an endpoint takes its turn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// It answers.
    Good,
    /// A push to it timed out or did not connect, or is under way suspiciously long.
    Suspect,
}

impl Lane {
    /// Both, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Good, Self::Suspect];

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Suspect => "suspect",
        }
    }
}

/// The state of an endpoint's receiver, as far as pushes have shown it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    pub(super) lane: Lane,
    /// Pushes at once, while the lane is good.
    window: usize,
    /// It said 410, and has taken nothing since.
    pub(super) gone: bool,
    /// No push starts before then.
    pub(super) closed_until: Option<Timestamp>,
    /// Since when it is suspect, closed or gone without a success in between.
    pub(super) ill_since: Option<Timestamp>,
    /// It was ill, and what waited for it meanwhile is not gone yet.
    pub(super) draining: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            lane: Lane::Good,
            window: WINDOW_AT_START,
            gone: false,
            closed_until: None,
            ill_since: None,
            draining: false,
        }
    }
}

impl Health {
    /// Learns from the end of a push. `window_max` bounds the growth.
    pub(super) fn learn(&mut self, signal: Signal, window_max: usize, now: Timestamp) {
        match signal {
            Signal::Accepted => {
                // One more for each success doubles the window with each round: 1, 2, 4, 8, 16.
                let grown = if self.lane == Lane::Good { self.window + 1 } else { self.window };
                let draining = self.draining || self.ill_since.is_some();
                *self = Self { window: grown.min(window_max), draining, ..Self::default() };
            }
            Signal::Refused | Signal::Unknown => {}
            Signal::Overloaded { retry_after } => {
                self.window = (self.window / 2).max(1);
                if let Some(pause) = retry_after {
                    self.close(now.after(pause.min(RETRY_AFTER_MAX)), now);
                }
            }
            Signal::Gone => {
                (self.gone, self.window) = (true, 1);
                self.close(now.after(GONE_PAUSE), now);
            }
            Signal::Silent => {
                self.suspect(now);
                // After it recovers we begin with one: its backlog must not be what kills it again.
                self.window = 1;
            }
        }
    }

    /// A push to it is under way suspiciously long. Its window stays: it may only be slow.
    pub(super) fn suspect(&mut self, now: Timestamp) {
        self.lane = Lane::Suspect;
        self.ill_since.get_or_insert(now);
    }

    /// Pushes at once, when a suspect endpoint's share of the slots is `suspect_share`.
    pub(super) fn cap(&self, suspect_share: usize) -> usize {
        match self.lane {
            _ if self.gone => 1,
            Lane::Good => self.window,
            Lane::Suspect => suspect_share,
        }
    }

    /// The clock was set.
    pub(super) fn moved(&mut self, by_ms: i64) {
        let moved = |at: &mut Option<Timestamp>| *at = at.map(|at| at.moved(by_ms));
        moved(&mut self.closed_until);
        moved(&mut self.ill_since);
    }

    fn close(&mut self, until: Timestamp, now: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
        self.ill_since.get_or_insert(now);
    }
}
