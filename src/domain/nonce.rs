//! Which nonces were seen, for as long as the headers that carried them can still be admitted.
//!
//! A copied header is useful to a thief until its `Created` leaves the clock window, so that is how long its
//! nonce is remembered: [`ClockWindow::last_admitted`], at most twice the skew away. With the second window
//! on, a header written in Chinese local time is admitted at once *and* eight hours later, when the clock
//! reaches its `Created`; those few are kept in a memory of their own with that longer life.
//!
//! Kept small: a nonce is a 64-bit keyed hash, in two generations that are dropped whole, and each generation
//! has a bound. Under more requests than the bound allows the older half is forgotten early: memory stays
//! bounded and the protection gets shorter, never the other way round. Two nonces that share a hash, one in
//! 2^64 for each pair, count as one.
//!
//! Whether a repeat is refused is the app's switch, off by default: fielded clients reuse a header
//! (client-tolerances A4). Ask only after the digest was verified, or strangers could fill the memory.

use std::fmt;
use std::hash::Hasher as _;
use std::mem;
use std::time::Duration;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::domain::id::AppNo;
use crate::domain::signature::ClockWindow;
use crate::domain::time::Timestamp;

/// Makes marks of nonces. The key is drawn at start, so nobody can prepare nonces that collide.
#[derive(Clone)]
pub struct NonceKey(SipHasher13);

/// What is remembered of one nonce of one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceMark(u64);

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(secret)")
    }
}

impl NonceKey {
    /// From 16 bytes that nobody can guess.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }

    /// The mark of a nonce of an app. Needs no lock, unlike the memory it goes into.
    pub fn mark(&self, app: AppNo, nonce: &str) -> NonceMark {
        let mut hasher = self.0;
        hasher.write(&app.0.to_le_bytes());
        hasher.write(nonce.as_bytes());
        NonceMark(hasher.finish())
    }
}

impl NonceMark {
    /// Which of `shards` memories this mark belongs in. Uses other bits than the table inside does, so each
    /// shard still spreads its marks evenly.
    pub fn shard(self, shards: u32) -> usize {
        let middle = u32::try_from((self.0 >> 24) & u64::from(u32::MAX)).expect("masked to 32 bits");
        (middle % shards.max(1)) as usize
    }
}

/// The nonces seen lately. One shard of them: the caller keeps several, each behind its own lock.
#[derive(Debug)]
pub struct NonceMemory {
    ordinary: Generations,
    /// Headers that are admitted a second time eight hours later.
    ahead: Generations,
}

impl NonceMemory {
    /// A memory for a clock window of `skew`. Up to four times `generation_max` marks of 8 to 18 bytes each
    /// are kept.
    pub fn new(skew: Duration, generation_max: usize) -> Self {
        let ordinary = skew.saturating_mul(2);
        let ahead = ordinary.saturating_add(ClockWindow::CHINA_AHEAD);
        Self {
            ordinary: Generations::new(ordinary, generation_max),
            ahead: Generations::new(ahead, generation_max),
        }
    }

    /// Whether this nonce was seen before, and remembers it until `last_admitted`: the last instant at which
    /// its header can be admitted ([`ClockWindow::last_admitted`]).
    ///
    /// A repeat is not remembered anew: where repeats are refused its header got nothing that could be
    /// repeated, and where they are only counted nothing depends on it.
    pub fn seen_before(&mut self, mark: NonceMark, last_admitted: Timestamp, now: Timestamp) -> bool {
        self.ordinary.turn(now);
        self.ahead.turn(now);
        if self.ordinary.contains(mark) || self.ahead.contains(mark) {
            return true;
        }
        let memory =
            if last_admitted.since(now) <= self.ordinary.life { &mut self.ordinary } else { &mut self.ahead };
        memory.insert(mark, now);
        false
    }

    /// How many marks are held.
    pub fn len(&self) -> usize {
        self.ordinary.len() + self.ahead.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Two generations: a mark lives in the young one until that is `life` old, then as long again in the old
/// one. So it stays at least `life` and at most twice that.
#[derive(Debug)]
struct Generations {
    life: Duration,
    generation_max: usize,
    young: HashTable<NonceMark>,
    old: HashTable<NonceMark>,
    /// When the young generation began; `None` before the first mark.
    begun: Option<Timestamp>,
}

impl Generations {
    fn new(life: Duration, generation_max: usize) -> Self {
        let generation_max = generation_max.max(1);
        Self { life, generation_max, young: HashTable::new(), old: HashTable::new(), begun: None }
    }

    /// Drops what has lived out its time. A clock that went back only makes marks stay longer.
    fn turn(&mut self, now: Timestamp) {
        let Some(age) = self.begun.map(|begun| now.since(begun)) else { return };
        if age > self.life.saturating_mul(2) {
            self.young.clear();
            self.old.clear();
            self.begun = None;
        } else if age > self.life {
            self.begin_anew(now);
        }
    }

    fn begin_anew(&mut self, now: Timestamp) {
        mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        self.begun = Some(now);
    }

    fn contains(&self, mark: NonceMark) -> bool {
        let holds = |table: &HashTable<NonceMark>| table.find(mark.0, |held| *held == mark).is_some();
        holds(&self.young) || holds(&self.old)
    }

    fn insert(&mut self, mark: NonceMark, now: Timestamp) {
        if self.young.len() >= self.generation_max {
            self.begin_anew(now);
        }
        self.begun.get_or_insert(now);
        self.young.insert_unique(mark.0, mark, |held| held.0);
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SKEW: Duration = Duration::from_secs(300);
    const APP: AppNo = AppNo(1);

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + secs)
    }

    fn key() -> NonceKey {
        NonceKey::new(&[7; 16])
    }

    #[test]
    fn a_nonce_is_seen_again_only_for_the_same_app() {
        let mut memory = NonceMemory::new(SKEW, 100);
        let (mine, theirs) = (key().mark(APP, "n"), key().mark(AppNo(2), "n"));
        assert!(!memory.seen_before(mine, at(300), at(0)));
        assert!(memory.seen_before(mine, at(300), at(1)));
        assert!(!memory.seen_before(theirs, at(300), at(1)));
    }

    #[test]
    fn a_nonce_is_remembered_as_long_as_its_header_is_admitted_and_then_forgotten() {
        let mut memory = NonceMemory::new(SKEW, 100);
        // Created at the upper edge of the window: admitted for twice the skew.
        let mark = key().mark(APP, "n");
        assert!(!memory.seen_before(mark, at(600), at(0)));
        assert!(memory.seen_before(mark, at(600), at(600)));
        assert!(!memory.seen_before(mark, at(2_000), at(1_801)));
    }

    #[test]
    fn a_header_in_chinese_local_time_is_still_known_when_the_clock_reaches_it() {
        let window = ClockWindow { skew: SKEW, accept_plus_eight_hours: true };
        let (created, now, later) = (at(28_800), at(0), at(28_900));
        assert!(window.admits(created, now) && window.admits(created, later));
        let mut memory = NonceMemory::new(SKEW, 100);
        let mark = key().mark(APP, "n");
        assert!(!memory.seen_before(mark, window.last_admitted(created), now));
        for second in (0..28_900).step_by(100) {
            let other = key().mark(APP, &format!("other {second}"));
            assert!(!memory.seen_before(other, at(second + 300), at(second)));
        }
        assert!(memory.seen_before(mark, window.last_admitted(created), later));
    }

    #[test]
    fn a_flood_forgets_the_oldest_and_stays_within_the_bound() {
        let mut memory = NonceMemory::new(SKEW, 10);
        for number in 0..1_000 {
            let mark = key().mark(APP, &number.to_string());
            assert!(!memory.seen_before(mark, at(300), at(0)));
            assert!(memory.len() <= 20);
        }
        assert!(memory.seen_before(key().mark(APP, "999"), at(300), at(0)));
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut memory = NonceMemory::new(SKEW, 10);
        let mark = key().mark(APP, "n");
        assert!(!memory.seen_before(mark, at(5_300), at(5_000)));
        assert!(memory.seen_before(mark, at(5_300), at(0)));
    }

    #[test]
    fn shards_are_used_evenly_and_zero_shards_count_as_one() {
        let mut used = [0; 8];
        for number in 0..8_000 {
            used[key().mark(APP, &number.to_string()).shard(8)] += 1;
        }
        assert!(used.iter().all(|&count| (800..1_200).contains(&count)), "{used:?}");
        assert_eq!(key().mark(APP, "n").shard(0), 0);
    }

    proptest! {
        /// Model: a list of every nonce with the instant until which its header is admitted.
        #[test]
        fn no_repeat_within_the_window_is_missed_and_no_fresh_nonce_is_taken_for_one(
            steps in proptest::collection::vec((0_u64..400, 0_u8..12, 0_u64..=600, any::<bool>()), 1..120),
        ) {
            let mut memory = NonceMemory::new(SKEW, 1_000);
            let mut model: Vec<(u8, Timestamp)> = Vec::new();
            let mut now = 0;
            for (pause, nonce, ahead, eight_hours) in steps {
                now += pause;
                let until = at(now + ahead + if eight_hours { 28_800 } else { 0 });
                let seen = memory.seen_before(key().mark(APP, &nonce.to_string()), until, at(now));
                let ever = model.iter().any(|held| held.0 == nonce);
                let must = model.iter().any(|held| held.0 == nonce && held.1 >= at(now));
                prop_assert!(seen || !must, "a repeat was missed");
                prop_assert!(ever || !seen, "a fresh nonce was taken for a repeat");
                if !seen {
                    model.push((nonce, until));
                }
            }
        }
    }
}
