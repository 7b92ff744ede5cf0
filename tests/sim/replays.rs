//! Replays of what was delivered, given up or still waits, made and steered at any time.

use std::num::NonZeroU32;
use std::time::Duration;

use privnum::domain::call::Stage;
use privnum::domain::delivery::State;
use privnum::domain::replay::{PER_SECOND_DEFAULT, Phase, Replay, Selected, Selection};
use privnum::engine::job::{Job, ReplayOrder};
use rand::RngExt;

use super::disk::Fault;
use super::found::report;
use super::world::World;

impl World {
    /// A replay of some deliveries is made, or one is paused, resumed or cancelled.
    pub fn replay_something(&mut self) {
        let open = self.open_replays();
        if !open.is_empty() && self.chance(50) {
            let Replay { id, phase, .. } = open[self.rng.random_range(0..open.len())];
            let order = match phase {
                _ if self.chance(10) => ReplayOrder::Cancel(id),
                Phase::Paused => ReplayOrder::Resume(id),
                _ => ReplayOrder::Pause(id),
            };
            return self.replay(order);
        }
        let mut deliveries: Vec<_> =
            self.disk.tables().notices.values().map(|notice| notice.delivery).collect();
        deliveries.retain(|_| self.rng.random_range(0..100) < 20);
        let per_second = NonZeroU32::new(self.rng.random_range(1..=1_000)).unwrap();
        let (selection, selected) = (Selection::default(), Selected::on_tracks(deliveries));
        self.replay(ReplayOrder::Create { selection, per_second, selected });
    }

    pub fn resume_replays(&mut self) {
        for paused in self.open_replays().into_iter().filter(|replay| replay.phase == Phase::Paused) {
            self.replay(ReplayOrder::Resume(paused.id));
        }
    }

    /// The replays that are not finished.
    pub fn open_replays(&self) -> Vec<Replay> {
        let tables = self.disk.tables();
        tables.replays.values().filter(|replay| !replay.phase.is_over()).cloned().collect()
    }

    /// What a replay waits for is pending, and what it has counted has been pushed since it was made.
    pub fn check_replays(&self) {
        let tables = self.disk.tables();
        for replay in tables.replays.values() {
            let selected = &tables.selected[&replay.id];
            let mut first = 0;
            let tracks = replay.tracks.iter().map(|track| {
                let taken = &selected[first..first + track.taken as usize];
                first += track.total as usize;
                taken
            });
            for (id, pushes_before) in tracks.flatten() {
                let notice = &tables.notices[id];
                if replay.phase == Phase::Cancelled && replay.under_way.contains(id) {
                    // Nobody counts it any more, but pushed it is, or will be.
                } else if replay.under_way.contains(id) {
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
            if phase == Phase::Cancelled {
                continue;
            }
            assert_eq!((phase, taken, replay.done(), gone), (Phase::Finished, total, total, 0));
        }
    }
}

/// A world with one notice, whose push is under way, and a replay of it.
fn one_under_way() -> World {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Incoming]);
    assert_eq!(world.start_pushes(1), 1);
    let selected = Selected::on_tracks(world.disk.tables().notices.values().map(|notice| notice.delivery));
    let selection = Selection::default();
    world.replay(ReplayOrder::Create { selection, per_second: PER_SECOND_DEFAULT, selected });
    world.write();
    world
}

fn pushes(world: &World) -> usize {
    world.disk.tables().notices.values().next().unwrap().attempts.len()
}

/// A push and its count in one batch: what was taken a moment before, in the same batch, must not be overlooked.
#[test]
fn a_push_under_way_is_taken_and_counted_in_the_batch_that_records_it() {
    let mut world = one_under_way();
    world.inbox.push_back(Job::Tick);
    world.end_push(0, true);
    world.write();
    world.check();
    assert_eq!((pushes(&world), world.open_replays()), (1, vec![]));
    world.settle();
}

#[test]
fn a_delivery_whose_push_is_recorded_in_the_same_batch_is_taken_in_a_later_one() {
    let mut world = one_under_way();
    world.end_push(0, true);
    world.inbox.push_back(Job::Tick);
    world.write();
    world.check();
    assert_eq!((pushes(&world), world.open_replays()[0].taken), (1, 0));
    world.settle();
    assert_eq!(pushes(&world), 2);
}

#[test]
fn what_a_failed_batch_would_have_taken_is_taken_once_more_and_pushed_once() {
    for fault in [Fault::Unavailable, Fault::UnknownLost, Fault::UnknownWritten] {
        let mut world = one_under_way();
        world.end_push(0, false);
        world.write();
        world.inbox.push_back(Job::Tick);
        world.disk.fail_next(fault);
        world.write();
        world.check();
        world.advance(Duration::from_secs(2));
        world.write_all();
        world.push_everything();
        assert_eq!((pushes(&world), world.open_replays()), (2, vec![]), "{fault:?}");
        world.settle();
    }
}
