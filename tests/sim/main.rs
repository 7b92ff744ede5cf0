//! The simulation: a seed, a virtual clock, and the gateway's own ledger, registry and dispatch, without tokio's
//! runtime and without sockets. Commands of every mode, calls with shuffled, repeated and lost reports, keyed extensions, numbers
//! lent to strangers and questions to customers, short messages, expiries, receivers that go down, faults of the store, crashes,
//! replays of deliveries. After every step the invariants of src/ARCHITECTURE.md are
//! checked against a naive model and against what is on the disk.
//!
//! What is not in it: the writer's thread, the tasks of timekeeper and deliverer, and those that wait for a customer or for a
//! Y. They are mirrored in a few lines each, in `world.rs`, `questions.rs` and `lent.rs`; `engine.rs` runs the real ones over the same disk.
//!
//! A failure prints its seed. `PRIVNUM_SIM_SEED=17 cargo test --test sim` plays that one again, and
//! `PRIVNUM_SIM_STEPS=100000` goes on for longer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asks;
mod cast;
mod checks;
mod customers;
mod disk;
mod engine;
mod extensions;
mod found;
mod lent;
mod messages;
mod model;
mod questions;
mod replays;
mod switch;
mod world;

use privnum::store::embedded::EmbeddedStore;

use self::world::World;

/// Seeds of an ordinary run, and how far each goes.
const SEEDS: std::ops::Range<u64> = 0..24;
const STEPS: u64 = 1_500;
/// Each commit of the embedded store waits for a disk.
const STEPS_EMBEDDED: u64 = 400;

/// Says which seed it was when a simulation fails.
struct Played(u64);

impl Drop for Played {
    #[expect(clippy::print_stdout, reason = "whoever reads the failure needs the seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the simulation failed; play it again with PRIVNUM_SIM_SEED={}", self.0);
        }
    }
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn play(seed: u64, steps: u64, mirror: Option<EmbeddedStore>) {
    let _played = Played(seed);
    let mut world = World::new(seed, mirror);
    for _ in 0..from_env("PRIVNUM_SIM_STEPS").unwrap_or(steps) {
        world.step();
        world.check();
    }
    world.settle();
}

#[test]
fn the_invariants_hold_whatever_happens_in_whatever_order() {
    let seeds = from_env("PRIVNUM_SIM_SEED").map_or(SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        play(seed, STEPS, None);
    }
}

/// Otherwise a seed would be of no use to whoever looks for the fault it found.
#[test]
fn the_same_seed_is_the_same_world() {
    let disk_after = |seed| {
        let mut world = World::new(seed, None);
        (0..STEPS).for_each(|_| world.step());
        format!("{:?}", world.disk.tables())
    };
    assert_eq!(disk_after(3), disk_after(3));
    assert_ne!(disk_after(3), disk_after(4));
}

#[test]
fn the_embedded_store_loads_what_the_simulation_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = EmbeddedStore::open(dir.path(), [7; 32]).unwrap();
    play(from_env("PRIVNUM_SIM_SEED").unwrap_or(1), STEPS_EMBEDDED, Some(mirror));
}
