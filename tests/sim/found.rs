//! What the simulation found, or reading did before it, each told once as a story.

use std::time::Duration;

use privnum::domain::call::{Basis, CallEvent, CallId, Stage};
use privnum::domain::customer::NumberStatus;
use privnum::domain::delivery::State;
use privnum::domain::number::CallingParty;
use privnum::domain::release::ReleasedBy;
use privnum::domain::route::Route;
use privnum::engine::job::{Job, SettingChange};

use super::cast::{dialled, party, x};
use super::disk::Fault;
use super::world::World;

fn call(n: u32) -> CallId {
    CallId::new(&format!("call-{n}")).unwrap()
}

fn event(world: &World, stage: Stage, sip: Option<u16>) -> CallEvent {
    CallEvent {
        event_id: stage.as_str().into(),
        stage,
        at: world.now(),
        received_at: world.now(),
        caller: Some(CallingParty::Number(party(1))),
        called: Some(x(1).number()),
        digits: None,
        sip,
        q850: None,
        by: (stage == Stage::Released).then_some(ReleasedBy::Callee),
    }
}

/// Reports stages of a call that nobody is bound for, so that it ends at once.
pub fn report(world: &mut World, n: u32, stages: &[Stage]) {
    let reported = stages.iter().map(|stage| (call(n), event(world, *stage, None))).collect();
    world.hand_in(reported);
    world.write_all();
}

fn cdrs(world: &World) -> usize {
    world.disk.tables().cdrs.len()
}

/// The second of two ticks in a batch made the writer forget which calls the first had taken.
#[test]
fn calls_taken_by_the_first_of_two_ticks_of_a_failed_batch_get_their_cdrs() {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Incoming, Stage::Released]);
    world.advance(Duration::from_secs(1));
    world.inbox.extend([Job::Tick, Job::Tick]);
    world.disk.fail_next(Fault::Unavailable);
    world.write();
    assert_eq!(cdrs(&world), 0);
    world.advance(Duration::from_secs(2));
    world.write_all();
    assert_eq!(cdrs(&world), 1);
    world.settle();
}

/// A call that waits for its answer event was put off and put back, waited twice, and was closed twice.
#[test]
fn a_call_that_waits_for_its_answer_while_the_store_fails_gets_one_cdr() {
    let mut world = World::new(0, None);
    let id = call(1);
    world.bind_pair(1, 2);
    world.shared.registry.route(&id, dialled(CallingParty::Number(party(1)), x(1).number()), world.now());
    let stages = [(Stage::Incoming, None), (Stage::Outgoing, None), (Stage::Released, Some(200))];
    let reported = stages.map(|(stage, sip)| (id.clone(), event(&world, stage, sip)));
    world.hand_in(reported.into());
    world.write_all();
    for n in 0..3 {
        world.advance(Duration::from_secs(1));
        // Something that must be written, so that the store is asked.
        let other = (call(100 + n), event(&world, Stage::Incoming, None));
        world.hand_in(vec![other]);
        world.inbox.push_back(Job::Tick);
        world.disk.fail_next(Fault::Unavailable);
        world.write_all();
    }
    world.advance(Duration::from_secs(10));
    world.write_all();
    let of_call = world.disk.tables().cdrs.values().filter(|cdr| cdr.answer.is_some()).count();
    assert_eq!(of_call, 1);
    world.settle();
}

/// The outcome of a push that began before memory was loaded again was recorded on top of the delivery loaded
/// anew, which was pushed as well: two pushes counted as one, and a success could be undone.
#[test]
fn a_push_that_began_before_memory_was_loaded_again_counts_once() {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Incoming]);
    world.start_pushes(1);
    world.start_over();
    world.start_pushes(1);
    world.end_push(0, true);
    world.end_push(0, false);
    world.write_all();
    let tables = world.disk.tables();
    let notice = tables.notices.values().next().unwrap();
    assert_eq!((notice.delivery.state, notice.attempts.len()), (State::Delivered, 1));
}

/// A delivery that an operator hurried was taken out of the queue before the store had agreed, and when it did
/// not, nothing put it back.
#[test]
fn a_delivery_that_cannot_be_hurried_keeps_its_place_in_the_queue() {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Incoming]);
    world.start_pushes(1);
    world.end_push(0, false);
    world.write_all();
    let waits = world.disk.tables().pending().next().unwrap();
    world.redeliver(waits.id);
    world.disk.fail_next(Fault::Unavailable);
    world.write();
    world.check();
    world.redeliver(waits.id);
    world.write_all();
    assert_eq!(world.start_pushes(1), 1);
    world.end_push(0, true);
    world.settle();
}

/// The sweeper passed over calls that had ended, although nothing else would ever close an unannounced one.
#[test]
fn a_call_that_nobody_announced_is_swept_although_its_end_was_reported() {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Alerting, Stage::Released]);
    world.settle();
}

/// The switch asked about a call after it was swept, and the parked events were told without a CDR to follow.
#[test]
fn a_call_that_was_swept_is_told_nothing_more() {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Alerting]);
    // Past the silence, but not so long that the call is forgotten.
    world.advance(Duration::from_secs(3_700));
    world.write_all();
    assert!(world.disk.tables().calls.values().all(|call| call.closed.is_some()));
    world.shared.registry.route(
        &call(1),
        dialled(CallingParty::Number(party(1)), x(1).number()),
        world.now(),
    );
    report(&mut world, 1, &[Stage::Incoming, Stage::Released]);
    assert!(world.disk.tables().notices.is_empty());
    world.settle();
}

/// Whom A can call back was noted with the first report of a dialled A, and what was heard of that before it was known
/// whom the call is for did not count: the switch's answer lost in a crash, and its reports out of order.
#[test]
fn who_reached_an_extension_by_a_call_that_was_told_out_of_order_is_called_back() {
    let mut world = World::new(0, None);
    world.bind_extension(2, 31, "5");
    let told = |stage: Stage, digits: Option<&str>| {
        let called = Some(if stage == Stage::Incoming { x(31).number() } else { party(2) });
        let digits = digits.map(Box::from);
        let event = CallEvent { called, digits, ..event(&world, stage, None) };
        (call(1), event)
    };
    let reported = vec![
        told(Stage::Outgoing, None),
        told(Stage::Collected, Some("5")),
        told(Stage::Incoming, None),
        told(Stage::Alerting, None),
    ];
    world.hand_in(reported);
    world.write_all();
    let a_calls = dialled(CallingParty::Number(party(2)), x(31).number());
    let Route::Connect(connect) = world.shared.registry.decide(a_calls, Basis::Asked, world.now()).route
    else {
        panic!("A reaches nobody")
    };
    assert_eq!(connect.callee, party(1));
    world.check();
}

/// Memory took a number that is moved out and in again, and lost when it was last called; the store did not.
#[test]
fn a_number_that_is_moved_keeps_its_last_call() {
    let mut world = World::new(0, None);
    report(&mut world, 1, &[Stage::Incoming, Stage::Released]);
    world.advance(Duration::from_secs(2));
    world.write_all();
    let to = world.model.numbers[&x(10)].app;
    world.set(SettingChange::MoveNumber { x: x(1), to, force: false });
    world.write_all();
    world.check();
    let (last, status) = world
        .shared
        .registry
        .directory
        .view(x(1), |entry| (entry.last_call_at, entry.record.status))
        .unwrap();
    assert_eq!((last.is_some(), status), (true, NumberStatus::Normal));
}
