//! What is known about names, and until when. Pure: time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Longest time that addresses are believed, whatever their TTL says, so that a change of address is seen soon.
const FOUND_MAX: Duration = Duration::from_secs(60);
/// Longest time that a name is believed not to exist: it may be being set up right now.
const ABSENT_MAX: Duration = Duration::from_secs(30);
/// How long name servers that could not tell are left alone about a name.
const FAILED_FOR: Duration = Duration::from_secs(5);

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::outbound) enum NameFault {
    /// There is no such name, or it has no address.
    NotFound,
    /// Name servers gave no answer, or none of use, in these words.
    Failed(Arc<str>),
}

impl NameFault {
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed(reason.into())
    }
}

/// What is known about a name: its addresses, never none, or why there are none.
pub(super) type Known = Result<Arc<[IpAddr]>, NameFault>;

/// What was found, and how long its owner says it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) known: Known,
    /// The lowest TTL of it all; `None` where nothing was said.
    pub(super) ttl: Option<Duration>,
}

impl Answer {
    pub(super) fn failed(reason: &str) -> Self {
        Self { known: Err(NameFault::failed(reason)), ttl: None }
    }

    /// How long it is kept (delivery R11).
    fn kept_for(&self, kept_min: Duration) -> Duration {
        match &self.known {
            Ok(_) => self.ttl.unwrap_or(kept_min).min(FOUND_MAX).max(kept_min),
            Err(NameFault::NotFound) => self.ttl.unwrap_or(ABSENT_MAX).min(ABSENT_MAX).max(kept_min),
            Err(NameFault::Failed(_)) => FAILED_FOR,
        }
    }
}

/// Where those who wait for a look-up find its result.
pub(super) type Waiting = watch::Receiver<Option<Known>>;

#[derive(Debug)]
enum Entry {
    Known {
        known: Known,
        until: Instant,
    },
    /// Somebody is asking already.
    Asked(Waiting),
}

/// What the cache says about a name.
#[derive(Debug)]
pub(super) enum Found {
    Known(Known),
    /// To be waited for: one question serves all who ask meanwhile.
    Asked(Waiting),
    Nothing,
}

/// At most `max` names.
#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<Box<str>, Entry>,
    max: usize,
    kept_min: Duration,
}

impl Cache {
    pub(super) fn new(max: usize, kept_min: Duration) -> Self {
        Self { entries: HashMap::new(), max, kept_min }
    }

    pub(super) fn find(&self, name: &str, now: Instant) -> Found {
        match self.entries.get(name) {
            Some(Entry::Known { known, until }) if now < *until => Found::Known(known.clone()),
            // A question whose asker is gone without a word will never be answered.
            Some(Entry::Asked(waiting)) if waiting.has_changed().is_ok() => Found::Asked(waiting.clone()),
            _ => Found::Nothing,
        }
    }

    /// Notes that the name is being asked for.
    pub(super) fn asked(&mut self, name: &str, waiting: Waiting, now: Instant) {
        self.make_room(now);
        self.entries.insert(name.into(), Entry::Asked(waiting));
    }

    /// Notes the answer.
    pub(super) fn answered(&mut self, name: &str, answer: &Answer, now: Instant) {
        self.make_room(now);
        let until = now + answer.kept_for(self.kept_min);
        self.entries.insert(name.into(), Entry::Known { known: answer.known.clone(), until });
    }

    /// When full, forgets what is out of date, and if that is not enough all answers: asking again is cheaper
    /// than keeping an order that almost never matters. Questions under way stay.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < self.max {
            return;
        }
        self.entries.retain(|_, entry| match entry {
            Entry::Known { until, .. } => now < *until,
            Entry::Asked(waiting) => waiting.has_changed().is_ok(),
        });
        if self.entries.len() >= self.max {
            self.entries.retain(|_, entry| matches!(entry, Entry::Asked(_)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ttl_secs: u64) -> Answer {
        let known = Ok(Arc::from([IpAddr::from([8, 8, 8, 8])]));
        Answer { known, ttl: Some(Duration::from_secs(ttl_secs)) }
    }

    fn is_known_after(answer: &Answer, millis: u64) -> bool {
        let now = Instant::now();
        let mut cache = Cache::new(8, Duration::from_secs(1));
        cache.answered("a.example", answer, now);
        matches!(cache.find("a.example", now + Duration::from_millis(millis)), Found::Known(_))
    }

    #[test]
    fn answers_are_kept_for_their_ttl_within_bounds() {
        let absent = |ttl| Answer { known: Err(NameFault::NotFound), ttl };
        for (answer, kept_millis) in [
            (found(0), 1_000),
            (found(20), 20_000),
            (found(86_400), 60_000),
            (absent(None), 30_000),
            (absent(Some(Duration::from_secs(3))), 3_000),
            (absent(Some(Duration::from_secs(3_600))), 30_000),
            (Answer::failed("no answer"), 5_000),
        ] {
            assert!(is_known_after(&answer, kept_millis - 1), "{answer:?}");
            assert!(!is_known_after(&answer, kept_millis), "{answer:?}");
        }
    }

    #[test]
    fn a_question_whose_asker_is_gone_is_asked_again() {
        let now = Instant::now();
        let mut cache = Cache::new(8, Duration::from_secs(1));
        let (asker, waiting) = watch::channel(None);
        cache.asked("a.example", waiting, now);
        assert!(matches!(cache.find("a.example", now), Found::Asked(_)));
        drop(asker);
        assert!(matches!(cache.find("a.example", now), Found::Nothing));
    }

    #[test]
    fn a_full_cache_forgets_answers_but_no_question_under_way() {
        let now = Instant::now();
        let mut cache = Cache::new(3, Duration::from_secs(1));
        let (_asker, waiting) = watch::channel(None);
        cache.asked("asked.example", waiting, now);
        cache.answered("old.example", &found(1), now);
        cache.answered("young.example", &found(60), now);
        cache.answered("next.example", &found(60), now + Duration::from_secs(2));
        assert!(matches!(cache.find("young.example", now), Found::Known(_)), "only the old one had to go");
        cache.answered("last.example", &found(60), now + Duration::from_secs(3));
        assert!(matches!(cache.find("young.example", now), Found::Nothing));
        assert!(matches!(cache.find("last.example", now), Found::Known(_)));
        assert!(matches!(cache.find("asked.example", now), Found::Asked(_)));
    }
}
