//! Calls under way, and what was decided about them.
//!
//! Two maps with two owners. Route answers are given by any thread, at once, and kept in `decisions`; the first
//! answer about a call wins. Calls are built by the writer alone, from events it has made durable; it takes the
//! decision over when the first event arrives. So a route answer never waits for a disk, and a call is never
//! changed from two sides.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;

use crate::domain::call::{Basis, Call, CallId, Decision};
use crate::domain::time::Timestamp;

/// How long a decision is kept for a call of which nothing is ever reported.
const DECISION_KEPT: Duration = Duration::from_secs(600);
/// Most decisions kept for calls of which nothing has been reported; beyond it the oldest go.
const DECISIONS_MAX: usize = 1_000_000;

/// Calls and decisions.
#[derive(Debug, Default)]
pub struct Calls {
    decisions: DashMap<CallId, Arc<Decision>>,
    /// Decisions in the order they were made, for forgetting.
    made: Mutex<VecDeque<(Timestamp, CallId)>>,
    calls: DashMap<CallId, Arc<Call>>,
}

impl Calls {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was decided about a call when the switch asked; decides now if it never asked before.
    pub fn decided(&self, id: &CallId, now: Timestamp, decide: impl FnOnce() -> Decision) -> Arc<Decision> {
        if let Some(decision) = self.asked(id) {
            return decision;
        }
        let mut fresh = false;
        let decision = Arc::clone(&self.decisions.entry(id.clone()).or_insert_with(|| {
            fresh = true;
            Arc::new(decide())
        }));
        if fresh {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.push_back((now, id.clone()));
            if made.len() > DECISIONS_MAX {
                if let Some((_, oldest)) = made.pop_front() {
                    self.decisions.remove(&oldest);
                }
            }
        }
        decision
    }

    /// What the switch was answered when it asked about this call.
    pub fn asked(&self, id: &CallId) -> Option<Arc<Decision>> {
        if let Some(decision) = self.decisions.get(id) {
            return Some(Arc::clone(&decision));
        }
        let call = self.calls.get(id)?;
        let asked = call.decision.as_ref().filter(|decision| decision.basis == Basis::Asked)?;
        Some(Arc::new(asked.clone()))
    }

    /// A call of which something was reported.
    pub fn get(&self, id: &CallId) -> Option<Arc<Call>> {
        self.calls.get(id).map(|call| Arc::clone(&call))
    }

    /// A route answer of whose call nothing has been reported, by its call. Looks at every one: for operators.
    pub fn find_unreported(&self, wanted: impl Fn(&CallId) -> bool) -> Option<(CallId, Arc<Decision>)> {
        let found = self.decisions.iter().find(|decision| wanted(decision.key()))?;
        Some((found.key().clone(), Arc::clone(&found)))
    }

    /// Every call kept, in no particular order.
    pub fn all(&self) -> Vec<Arc<Call>> {
        self.calls.iter().map(|call| Arc::clone(&call)).collect()
    }

    /// How many calls are open.
    pub fn open_count(&self) -> usize {
        self.calls.iter().filter(|call| call.closed.is_none()).count()
    }

    /// How many route answers wait for a first report about their call.
    pub fn unreported_count(&self) -> usize {
        self.decisions.len()
    }

    /// Puts a call whose newest events are durable in place of its former self.
    pub fn put(&self, call: Arc<Call>) {
        let took_over = call.decision.as_ref().is_some_and(|decision| decision.basis == Basis::Asked);
        let id = call.id.clone();
        self.calls.insert(id.clone(), call);
        if took_over {
            self.decisions.remove(&id);
        }
    }

    /// Forgets the calls. Route answers stay: the switch may be acting on them.
    pub fn clear(&self) {
        self.calls.clear();
    }

    /// Drops decisions that nothing followed, and calls that were closed longer than `keep` ago.
    pub fn forget(&self, now: Timestamp, keep: Duration) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.front().is_some_and(|(at, _)| now.since(*at) >= DECISION_KEPT) {
            if let Some((_, id)) = made.pop_front() {
                self.decisions.remove(&id);
            }
        }
        drop(made);
        self.calls.retain(|_, call| call.closed.is_none_or(|closed| now.since(closed.at) < keep));
    }
}
