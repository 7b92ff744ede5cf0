//! What is done to bindings of AXE, drawn at random.

use proptest::prelude::*;

use super::{EXTENSIONS, NUMBERS, PARTIES};

/// What is done, in numbers small enough to collide.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Bind {
        named: Option<u64>,
        loose: bool,
        a: u64,
        extension: Option<u16>,
        times: Times,
        fallback: u8,
        draw: u16,
    },
    Modify {
        which: Which,
        times: Times,
        fallback: u8,
    },
    Unbind(Which),
    Call {
        which: usize,
        caller: u64,
    },
    Expire,
    Wait(u64),
    Status(u64, u8),
    Vacate(u64),
}

/// Life and time for calling back, in minutes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) life: Option<u16>,
    pub(super) callback: Option<u16>,
}

/// Which binding: one of those there ever were, or by its extension.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Ever(usize),
    On(u64, u16),
}

pub(super) fn any_act() -> impl Strategy<Value = Act> {
    let (number, party, extension) = (|| 1..=NUMBERS, || 1..=PARTIES, || 1..=EXTENSIONS);
    let minutes = || proptest::option::of(0..5_u16);
    let times = move || (minutes(), minutes()).prop_map(|(life, callback)| Times { life, callback });
    let which = move || {
        prop_oneof![
            any::<usize>().prop_map(Which::Ever),
            (number(), extension()).prop_map(|(n, extension)| Which::On(n, extension)),
        ]
    };
    let bind = (
        proptest::option::weighted(0.7, number()),
        any::<bool>(),
        party(),
        proptest::option::weighted(0.3, extension()),
        times(),
        0..6_u8,
        any::<u16>(),
    );
    prop_oneof![
        14 => bind.prop_map(|(named, loose, a, extension, times, fallback, draw)| {
            Act::Bind { named, loose, a, extension, times, fallback, draw }
        }),
        3 => (which(), times(), 0..6_u8).prop_map(|(which, times, fallback)| Act::Modify { which, times, fallback }),
        5 => which().prop_map(Act::Unbind),
        3 => (any::<usize>(), party()).prop_map(|(which, caller)| Act::Call { which, caller }),
        2 => Just(Act::Expire),
        5 => prop_oneof![Just(1), 1..3_000_u64, 1..100_000_u64].prop_map(Act::Wait),
        1 => (number(), 0..5_u8).prop_map(|(n, status)| Act::Status(n, status)),
        1 => number().prop_map(Act::Vacate),
    ]
}
