//! Replays of what was delivered, given up or still waits, made and steered at any time.

use std::num::NonZeroU32;

use privnum::domain::delivery::State;
use privnum::domain::id::RowKey;
use privnum::domain::replay::{Phase, Replay, Selection};
use privnum::engine::job::ReplayOrder;
use rand::RngExt;

use super::world::World;

impl World {
    /// A replay of some deliveries is made, or one is paused or resumed.
    pub fn replay_something(&mut self) {
        let open = self.open_replays();
        if !open.is_empty() && self.chance(50) {
            let Replay { id, phase, .. } = open[self.rng.random_range(0..open.len())];
            let paused = phase == Phase::Paused;
            return self.replay(if paused { ReplayOrder::Resume(id) } else { ReplayOrder::Pause(id) });
        }
        let mut deliveries: Vec<RowKey> = self.disk.tables().notices.keys().copied().collect();
        deliveries.retain(|_| self.rng.random_range(0..100) < 20);
        let per_second = NonZeroU32::new(self.rng.random_range(1..=1_000)).unwrap();
        let deliveries = deliveries.into();
        self.replay(ReplayOrder::Create { selection: Selection::default(), per_second, deliveries });
    }

    pub fn resume_replays(&mut self) {
        for paused in self.open_replays().into_iter().filter(|replay| replay.phase == Phase::Paused) {
            self.replay(ReplayOrder::Resume(paused.id));
        }
    }

    /// The replays that are not finished.
    pub fn open_replays(&self) -> Vec<Replay> {
        let tables = self.disk.tables();
        tables.replays.values().filter(|replay| replay.phase != Phase::Finished).cloned().collect()
    }

    /// What a replay waits for is pending, and what it has counted has been pushed since it was made.
    pub fn check_replays(&self) {
        let tables = self.disk.tables();
        for replay in tables.replays.values() {
            let taken = &tables.selected[&replay.id][..replay.taken as usize];
            for (id, pushes_before) in taken {
                let notice = &tables.notices[id];
                if replay.under_way.contains(id) {
                    assert_eq!(notice.delivery.state, State::Pending, "a replay waits for nothing");
                } else {
                    assert!(notice.attempts.len() > *pushes_before, "a replay has counted no push");
                }
            }
        }
    }

    /// Once everything is over, every replay has pushed all that it selects.
    pub fn check_replays_have_ended(&self) {
        self.check_replays();
        for replay in self.disk.tables().replays.values() {
            let Replay { phase, total, taken, gone, .. } = *replay;
            assert_eq!((phase, taken, replay.done(), gone), (Phase::Finished, total, total, 0));
        }
    }
}
