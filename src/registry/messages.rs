//! Short messages whose result is awaited, and those that ended lately: a switch that asks again, or reports a
//! result again, is recognised by them. The writer alone changes them, once they are durable.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;

use crate::domain::id::RowKey;
use crate::domain::sms::{Message, MessageId};
use crate::domain::time::Timestamp;

/// The messages.
#[derive(Debug, Default)]
pub struct Messages {
    by_id: DashMap<MessageId, Arc<Message>>,
    /// The same messages by what customers know them by.
    by_identifier: DashMap<Box<str>, MessageId>,
    /// Those whose result is awaited, oldest first.
    open: Mutex<BTreeMap<RowKey, Known>>,
    /// Those that have ended, about in the order in which they came in.
    ended: Mutex<VecDeque<Known>>,
}

/// A message, and since when it counts as known on the clock as it is now.
#[derive(Clone, Debug)]
struct Known {
    since: Timestamp,
    id: MessageId,
}

impl Messages {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A message by the switch's id.
    pub fn get(&self, id: &MessageId) -> Option<Arc<Message>> {
        self.by_id.get(id).map(|message| Arc::clone(&message))
    }

    /// A message by what customers know it by.
    pub fn of_identifier(&self, identifier: &str) -> Option<Arc<Message>> {
        let id = self.by_identifier.get(identifier)?.clone();
        self.get(&id)
    }

    /// Puts a message that is durable at `now` in place of its former self.
    pub fn put(&self, message: Arc<Message>, now: Timestamp) {
        let (key, id) = (message.key, message.id.clone());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Keys never go back. A clock that was set back must not let a message wait for as long again.
        let since = || Timestamp::from_millis(key.millis()).min(now);
        let known = open.remove(&key).unwrap_or_else(|| Known { since: since(), id: id.clone() });
        if message.ended.is_none() {
            open.insert(key, known);
        } else {
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).push_back(known);
        }
        self.by_identifier.insert(message.identifier.clone(), id.clone());
        self.by_id.insert(id, message);
    }

    /// The messages that came in by `until` and whose result is still awaited, oldest first, at most `limit`.
    pub fn overdue(&self, until: Timestamp, limit: usize) -> Vec<Arc<Message>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = open.values().take_while(|known| known.since <= until).take(limit);
        overdue.filter_map(|known| self.get(&known.id)).collect()
    }

    /// How many results are awaited.
    pub fn open_count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Drops messages that have ended and came in longer than `keep` ago.
    pub fn forget(&self, now: Timestamp, keep: Duration) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now.before(keep);
        while ended.front().is_some_and(|known| known.since <= until) {
            if let Some(known) = ended.pop_front()
                && let Some((_, message)) = self.by_id.remove(&known.id)
            {
                self.by_identifier.remove(&message.identifier);
            }
        }
    }

    /// The clock was set by so many milliseconds. Results are awaited, and repeats are recognised, for as long as was
    /// left (delivery R15).
    pub fn clock_was_set(&self, by_ms: i64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        for known in open.values_mut().chain(ended.iter_mut()) {
            known.since = known.since.moved(by_ms);
        }
    }

    /// Forgets all of them, before they are loaded again.
    pub fn clear(&self) {
        self.by_id.clear();
        self.by_identifier.clear();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
