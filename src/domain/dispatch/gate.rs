//! Limits that endpoints share: one app's, one host's, one address's. An endpoint that finds one full waits at
//! it, out of the ring, until a push through it ends: nothing is looked at again and again (delivery R5).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::endpoint::Turn;
use super::limits::{Limits, without_reserve};
use crate::domain::id::AppNo;

/// What a limit is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum GateKey {
    App(AppNo),
    /// `host:port`, as in the URL.
    Host(Arc<str>),
    /// What the host was last found at. Many names may lead to one machine.
    Address(SocketAddr),
}

/// The limits that one push counts against.
pub(super) type Passed = [Option<GateKey>; 3];

/// What an endpoint may use of a shared limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// All of it: the healthy, and whoever has nothing under way. A suspect's one push is welcome everywhere,
    /// because it is how an endpoint gets well again.
    Whole,
    /// All but the reserve: suspects, beyond their first push.
    Reduced,
}

#[derive(Debug, Default)]
struct Gate {
    inside: usize,
    whole: VecDeque<Turn>,
    reduced: VecDeque<Turn>,
}

/// All limits that are in use.
#[derive(Debug, Default)]
pub(super) struct Gates(HashMap<GateKey, Gate>);

impl Gates {
    /// The first of these that has no room for one more push.
    pub(super) fn full<'k>(&self, keys: &'k Passed, right: Right, limits: &Limits) -> Option<&'k GateKey> {
        keys.iter().flatten().find(|key| {
            let inside = self.0.get(*key).map_or(0, |gate| gate.inside);
            !has_room(inside, limit_of(key, limits), right)
        })
    }

    /// How many pushes count against each of these limits, and the limit.
    pub(super) fn usage(&self, keys: &Passed, limits: &Limits) -> Vec<(usize, usize)> {
        let inside = |key: &GateKey| self.0.get(key).map_or(0, |gate| gate.inside);
        keys.iter().flatten().map(|key| (inside(key), limit_of(key, limits))).collect()
    }

    /// Counts one push more.
    pub(super) fn enter(&mut self, keys: &Passed) {
        for key in keys.iter().flatten() {
            self.0.entry(key.clone()).or_default().inside += 1;
        }
    }

    /// Counts one push less.
    pub(super) fn leave(&mut self, keys: &Passed) {
        for key in keys.iter().flatten() {
            self.0.get_mut(key).expect("whoever leaves has entered").inside -= 1;
            self.drop_unused(key);
        }
    }

    /// The endpoint takes its turn when there is room again.
    pub(super) fn wait(&mut self, key: &GateKey, turn: Turn, right: Right) {
        let gate = self.0.entry(key.clone()).or_default();
        match right {
            Right::Whole => gate.whole.push_back(turn),
            Right::Reduced => gate.reduced.push_back(turn),
        }
    }

    /// An endpoint that waited here and finds room now, beside so many that have been `given` a turn. It may have gone
    /// elsewhere meanwhile; then ask again.
    pub(super) fn next_waiting(&mut self, key: &GateKey, given: usize, limits: &Limits) -> Option<Turn> {
        let gate = self.0.get_mut(key)?;
        let may = |right| has_room(gate.inside + given, limit_of(key, limits), right);
        let (may_whole, may_reduced) = (may(Right::Whole), may(Right::Reduced));
        let turn = may_whole.then(|| gate.whole.pop_front()).flatten();
        let turn = turn.or_else(|| may_reduced.then(|| gate.reduced.pop_front()).flatten());
        self.drop_unused(key);
        turn
    }

    fn drop_unused(&mut self, key: &GateKey) {
        let unused = |gate: &Gate| gate.inside == 0 && gate.whole.is_empty() && gate.reduced.is_empty();
        if self.0.get(key).is_some_and(unused) {
            self.0.remove(key);
        }
    }
}

fn has_room(inside: usize, limit: usize, right: Right) -> bool {
    match right {
        Right::Whole => inside < limit,
        Right::Reduced => inside < without_reserve(limit),
    }
}

fn limit_of(key: &GateKey, limits: &Limits) -> usize {
    match key {
        GateKey::App(_) => limits.per_app,
        GateKey::Host(_) | GateKey::Address(_) => limits.per_host,
    }
}
