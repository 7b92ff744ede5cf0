//! What is done to the registry, drawn at random.

use proptest::prelude::*;

use super::{NUMBERS, PARTIES};

/// What is done, in numbers small enough to collide.
#[derive(Clone, Debug)]
pub(super) enum Step {
    BindAxb {
        app: u32,
        named: Option<u64>,
        area: Option<u16>,
        strict: bool,
        pair: (u64, u64),
        secs: u32,
        record: bool,
    },
    BindAx {
        app: u32,
        named: Option<u64>,
        area: Option<u16>,
        strict: bool,
        a: u64,
    },
    ModifyAxb {
        app: u32,
        which: usize,
        a: Option<u64>,
        b: Option<u64>,
        secs: Option<u32>,
        direction: u8,
    },
    ModifyAx {
        app: u32,
        which: Which,
        a: Option<u64>,
        direction: u8,
    },
    NextCallee {
        app: u32,
        which: Which,
        callee: u64,
        secs: u32,
    },
    UnbindAx {
        app: u32,
        which: Which,
    },
    UnbindAxb {
        app: u32,
        which: usize,
    },
    UnbindAll {
        app: u32,
        x: u64,
    },
    Expire,
    Wait {
        millis: u64,
    },
    Status {
        x: u64,
        status: u8,
    },
    Move {
        x: u64,
        to: u32,
    },
    Suspend {
        app: u32,
    },
}

/// Which AX binding: one of those there ever were, or by its number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Ever(usize),
    EverOf(usize, u64),
    On(u64),
    OnOf(u64, u64),
}

fn any_which() -> impl Strategy<Value = Which> {
    prop_oneof![
        2 => any::<usize>().prop_map(Which::Ever),
        1 => (any::<usize>(), 1..=PARTIES).prop_map(|(which, a)| Which::EverOf(which, a)),
        1 => (1..=NUMBERS).prop_map(Which::On),
        1 => (1..=NUMBERS, 1..=PARTIES).prop_map(|(x, a)| Which::OnOf(x, a)),
    ]
}

/// Mostly the app that can do it.
fn mostly(app: u32) -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(app), 1 => 1..=3_u32]
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let party = || 1..=PARTIES + 1; // The last is an X.
    let named = || proptest::option::of(1..=NUMBERS);
    let area = || proptest::option::of(prop_oneof![Just(755), Just(20), Just(10)]);
    let maybe = || proptest::option::of(1..=PARTIES);
    let which = any::<usize>;
    let secs = || prop_oneof![2 => Just(0), 3 => 1..200_u32];
    prop_oneof![
        10 => (prop_oneof![3 => mostly(1), 1 => mostly(3)], named(), area(), any::<bool>(), (party(), party()), secs(), prop::bool::weighted(0.1))
            .prop_map(|(app, named, area, strict, pair, secs, record)| Step::BindAxb { app, named, area, strict, pair, secs, record }),
        8 => (mostly(2), named(), area(), any::<bool>(), prop_oneof![5 => 1..=2_u64, 1 => party()])
            .prop_map(|(app, named, area, strict, a)| Step::BindAx { app, named, area, strict, a }),
        4 => (mostly(1), which(), maybe(), maybe(), proptest::option::of(secs()), 0..3_u8)
            .prop_map(|(app, which, a, b, secs, direction)| Step::ModifyAxb { app, which, a, b, secs, direction }),
        3 => (mostly(2), any_which(), maybe(), 0..3_u8).prop_map(|(app, which, a, direction)| Step::ModifyAx { app, which, a, direction }),
        3 => (mostly(2), any_which(), party(), 1..100_u32).prop_map(|(app, which, callee, secs)| Step::NextCallee { app, which, callee, secs }),
        3 => (mostly(2), any_which()).prop_map(|(app, which)| Step::UnbindAx { app, which }),
        3 => (mostly(1), which()).prop_map(|(app, which)| Step::UnbindAxb { app, which }),
        1 => (mostly(1), 1..=NUMBERS).prop_map(|(app, x)| Step::UnbindAll { app, x }),
        3 => Just(Step::Expire),
        8 => prop_oneof![Just(1), Just(1_000), 1..3_000_u64, 1..100_000_u64].prop_map(|millis| Step::Wait { millis }),
        2 => (1..=NUMBERS, 0..5_u8).prop_map(|(x, status)| Step::Status { x, status }),
        1 => (1..=NUMBERS, 1..=3_u32).prop_map(|(x, to)| Step::Move { x, to }),
        1 => (1..=3_u32).prop_map(|app| Step::Suspend { app }),
    ]
}
