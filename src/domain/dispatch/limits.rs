//! How much may be under way (delivery R6, R7).

use std::num::NonZeroU32;
use std::time::Duration;

/// Of the file descriptors, so much (in percent) may be pushes: the rest is for listeners, files and look-ups.
const SHARE_OF_FDS_PERCENT: u64 = 40;
/// What suspects leave free for the healthy, in percent.
const RESERVE_PERCENT: usize = 25;

/// How much may be under way, and when to give up.
///
/// The number of slots follows from Little's law: what is needed is rate times how long one push holds its slot.
/// For 1,000 notices a second of which a tenth goes to receivers that hang for 10 s, that is 900 · 0.1 s = 90 for
/// the healthy and 100 · 7 pushes · 10 s = 7,000 for the others. A slot costs about 25 KiB, so slots are cheaper
/// than choosing whom to let wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Slots: pushes at once in all, those included whose outcome is not on record yet.
    pub in_flight: usize,
    /// Pushes at once for one app.
    pub per_app: usize,
    /// Pushes at once to one endpoint that answers well. It starts with 4.
    pub per_endpoint: usize,
    /// Pushes at once to one `host:port`, and to one resolved address, whoever they are for.
    pub per_host: usize,
    /// Pushes started per second to an endpoint that has recovered, until what waited for it is gone; `None` = as
    /// many as it takes (R8).
    pub drain_per_second: Option<NonZeroU32>,
    /// From the first push: when what waits for a receiver that has not recovered gets its last push.
    pub give_up_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 8_192,
            per_app: 64,
            per_endpoint: 16,
            per_host: 64,
            drain_per_second: None,
            give_up_after: Duration::from_secs(310 * 60),
        }
    }
}

impl Limits {
    /// How many slots a process gets that may open `fds` files, when `wanted` are configured. At least one.
    pub fn slots(wanted: usize, fds: Option<u64>) -> usize {
        let most = fds.map_or(u64::MAX, |fds| (fds / 100).saturating_mul(SHARE_OF_FDS_PERCENT));
        wanted.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1)
    }

    /// From one push to a draining endpoint to the next, rounded up to what timers can tell apart.
    pub(super) fn drain_step(&self) -> Option<Duration> {
        let per_second = u64::from(self.drain_per_second?.get());
        Some(Duration::from_millis(1_000_u64.div_ceil(per_second)))
    }

    /// Slots that suspects may hold.
    pub const fn for_suspects(&self) -> usize {
        without_reserve(self.in_flight)
    }
}

/// What is left of a limit after the reserve for the healthy; at least one.
pub(super) const fn without_reserve(limit: usize) -> usize {
    match limit - (limit * RESERVE_PERCENT).div_ceil(100) {
        0 => 1,
        left => left,
    }
}
