//! Lines that would repeat themselves without end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;

/// What has been said is not said again before this.
const PERIOD: Duration = Duration::from_secs(60);
/// Most lines that are told apart; beyond it those go that were said longest ago.
const LINES_MAX: usize = 64;

/// Lets one of many lines that say the same into the log, and counts the others: a full disk fails every request, and a
/// log that repeats it a thousand times a second hides everything else and fills the disk even more.
#[derive(Debug)]
pub struct Seldom {
    running: Stopwatch,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines(HashMap<Box<str>, Line>);

/// A line that was said.
#[derive(Clone, Copy, Debug)]
struct Line {
    said_at: Duration,
    held_back: u64,
}

impl Default for Seldom {
    fn default() -> Self {
        Self { running: Stopwatch::start(), lines: Mutex::default() }
    }
}

impl Seldom {
    /// Whether to say `what` now, and how many that say the same were held back since the last time.
    pub fn may_say(&self, what: &str) -> Option<u64> {
        let now = self.running.elapsed();
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).may_say(what, now)
    }
}

impl Lines {
    fn may_say(&mut self, what: &str, now: Duration) -> Option<u64> {
        let fresh = Line { said_at: now, held_back: 0 };
        if let Some(line) = self.0.get_mut(what) {
            if now.saturating_sub(line.said_at) < PERIOD {
                line.held_back += 1;
                return None;
            }
            return Some(std::mem::replace(line, fresh).held_back);
        }
        if self.0.len() >= LINES_MAX
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, line)| line.said_at).map(|(what, _)| what.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(what.into(), fresh);
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_line_is_said_once_a_minute_with_how_many_were_held_back() {
        let mut lines = Lines::default();
        assert_eq!(lines.may_say("full", at(5)), Some(0));
        for _ in 0..1_000 {
            assert_eq!(lines.may_say("full", at(64)), None);
        }
        assert_eq!(lines.may_say("another", at(64)), Some(0));
        assert_eq!(lines.may_say("full", at(65)), Some(1_000));
        assert_eq!((lines.may_say("full", at(66)), lines.may_say("full", at(125))), (None, Some(1)));
    }

    #[test]
    fn lines_that_are_all_different_take_no_more_memory() {
        let mut lines = Lines::default();
        for n in 0..1_000 {
            assert_eq!(lines.may_say(&n.to_string(), at(n)), Some(0));
        }
        assert_eq!(lines.0.len(), LINES_MAX);
        assert_eq!(lines.may_say("999", at(1_000)), None, "the newest are known");
    }
}
