//! One test and more for each rule of delivery that the scheduler answers for, named after it.

use super::*;

#[test]
fn r2_what_is_not_on_record_is_pushed_again_later_each_time() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 1, at(0));
    let mut now = at(0);
    for wait in [5, 10, 20, 40] {
        assert_eq!(ids(&dispatch.start(now, 10)), [1]);
        dispatch.put_back(row(1), now);
        assert_eq!(dispatch.next_due(), Some(now.after(Duration::from_secs(wait))));
        now = now.after(Duration::from_secs(wait));
    }
    assert_eq!(dispatch.start(now, 10)[0].pushes, 0, "no push was used up");
}

#[test]
fn r3_a_re_push_starts_when_its_second_has_come() {
    let mut dispatch = Dispatch::new(SMALL);
    enqueue(&mut dispatch, 1, 1, 1, at(0));
    let started = dispatch.start(at(0), 10);
    fail(&mut dispatch, started[0], Signal::Refused, at(1));
    assert_eq!(dispatch.next_due(), Some(at(61)));
    assert_eq!(dispatch.start(at(60), 10), []);
    assert_eq!(ids(&dispatch.start(at(61), 10)), [1]);
}

#[test]
fn r3_all_seven_pushes_of_a_lone_notice_fall_on_the_documented_minutes_though_nobody_answers() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 1, at(0));
    let mut minutes = Vec::new();
    let mut now = at(0);
    loop {
        let [started] = dispatch.start(now, 10)[..] else { panic!("one is due at {now:?}") };
        minutes.push(now.since(at(0)).as_secs() / 60);
        dispatch.answered(started.id, Signal::Silent, None, now);
        let after = started.pushed(false, now, now.after(Duration::from_secs(10)), &schedule());
        dispatch.ended(after, after.state.is_pending(), now.after(Duration::from_secs(10)));
        if !after.state.is_pending() {
            break;
        }
        now = dispatch.next_due().unwrap();
    }
    assert_eq!(minutes, [0, 1, 4, 9, 106, 203, 300]);
}

#[test]
fn r4_a_million_pending_re_pushes_take_less_than_64_mib() {
    let mut dispatch = Dispatch::new(Limits::default());
    for n in 0..1_000_000_u64 {
        let app = u32::try_from(n % 10_000).unwrap();
        let due = at(1 + n * 18_000 / 1_000_000);
        let pushed = Delivery { pushes: 1, first_push_at: Some(at(0)), due, ..delivery(n + 1, app, None) };
        dispatch.enqueue(pushed, at(0));
    }
    assert_eq!(size_of::<Waiting>(), 40);
    let mib = dispatch.later.bytes() >> 20;
    assert!(mib < 46, "{mib} MiB");
    assert_eq!((dispatch.waiting(), dispatch.stages()[1]), (1_000_000, 1_000_000));
}

#[test]
fn r4_many_that_fall_due_at_once_line_up_in_portions_oldest_first() {
    let mut dispatch = Dispatch::new(AMPLE);
    for n in 0..10_000_u64 {
        let due = at(20_000 - n);
        dispatch.enqueue(Delivery { due, ..delivery(n + 1, 1, None) }, at(30_000));
    }
    let mut calls = 0;
    while dispatch.next_due().is_some_and(|due| due <= at(30_000)) {
        dispatch.start(at(30_000), 0);
        calls += 1;
    }
    assert_eq!(calls, 10);
    assert_eq!(ids(&dispatch.start(at(30_000), 2)), [10_000, 9_999]);
}

#[test]
fn r5_endpoints_take_turns_and_none_exceeds_its_limit() {
    let mut dispatch = Dispatch::new(SMALL);
    enqueue(&mut dispatch, 1, 1, 5, at(0));
    enqueue(&mut dispatch, 2, 6, 1, at(0));
    let started = dispatch.start(at(0), 10);
    assert_eq!(ids(&started), [1, 6, 2]);
    assert_eq!(dispatch.start(at(0), 10), []);
    succeed(&mut dispatch, started[0], at(0));
    assert_eq!(ids(&dispatch.start(at(0), 10)), [3]);
}

#[test]
fn r5_a_lone_notice_does_not_wait_behind_half_a_million_of_another_endpoint() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 8, ..AMPLE });
    enqueue(&mut dispatch, 1, 1, 500_000, at(0));
    let running = dispatch.start(at(0), 100);
    assert_eq!(running.len(), 4);
    dispatch.enqueue(Delivery { due: at(1), ..delivery(900_000, 2, None) }, at(1));
    succeed(&mut dispatch, running[0], at(1));
    assert_eq!(ids(&dispatch.start(at(1), 2)).iter().filter(|&&id| id == 900_000).count(), 1);
}

#[test]
fn r5_first_pushes_about_one_call_go_out_one_after_the_other() {
    let mut dispatch = Dispatch::new(SMALL);
    for id in 1..=3 {
        dispatch.enqueue(delivery(id, 1, Some(77)), at(0));
    }
    dispatch.enqueue(delivery(4, 1, Some(78)), at(0));
    let started = dispatch.start(at(0), 10);
    assert_eq!(ids(&started), [1, 4]);
    fail(&mut dispatch, started[0], Signal::Refused, at(1));
    let second = dispatch.start(at(1), 10);
    assert_eq!(ids(&second), [2], "the next stage waits for the attempt, not for success");
    succeed(&mut dispatch, second[0], at(1));
    assert_eq!(ids(&dispatch.start(at(1), 10)), [3]);
}

#[test]
fn r5_a_re_push_overtakes_the_first_pushes_that_wait_for_their_call() {
    let mut dispatch = Dispatch::new(SMALL);
    dispatch.enqueue(delivery(1, 1, Some(77)), at(0));
    dispatch.enqueue(delivery(2, 1, Some(77)), at(0));
    let re_push = Delivery { pushes: 1, first_push_at: Some(at(0)), ..delivery(3, 1, Some(77)) };
    dispatch.enqueue(re_push, at(0));
    assert_eq!(ids(&dispatch.start(at(0), 10)), [1, 3]);
}

#[test]
fn r6_an_endpoint_starts_with_four_at_once_and_grows_to_sixteen_with_its_successes() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 200, at(0));
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let round = dispatch.start(at(0), 100);
        rounds.push(round.len());
        for started in round {
            succeed(&mut dispatch, started, at(0));
        }
    }
    assert_eq!(rounds, [4, 8, 16, 16]);
}

#[test]
fn r6_a_timeout_makes_an_endpoint_suspect_and_the_first_success_makes_it_good() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 3, at(0));
    let started = dispatch.start(at(0), 10);
    fail(&mut dispatch, started[0], Signal::Silent, at(1));
    assert_eq!((dispatch.lane(Lane::Suspect).in_flight, dispatch.lane(Lane::Good).in_flight), (2, 0));
    succeed(&mut dispatch, started[1], at(1));
    assert_eq!((dispatch.lane(Lane::Suspect).in_flight, dispatch.lane(Lane::Good).in_flight), (0, 1));
}

#[test]
fn r6_an_answer_that_is_no_success_makes_nobody_suspect() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 1, at(0));
    let started = dispatch.start(at(0), 10);
    fail(&mut dispatch, started[0], Signal::of_refusal(500, None), at(1));
    assert_eq!(dispatch.lane(Lane::Suspect).endpoints, 0);
}

#[test]
fn r6_a_push_under_way_for_two_seconds_makes_its_endpoint_suspect_and_slowness_alone_costs_no_window() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 4, at(0));
    let started = dispatch.start(at(0), 10);
    assert_eq!(dispatch.next_due(), Some(at(2)));
    dispatch.start(at(1), 10);
    assert_eq!(dispatch.lane(Lane::Suspect).endpoints, 0);
    dispatch.start(at(2), 10);
    assert_eq!(dispatch.lane(Lane::Suspect).in_flight, 4);
    for slow in started {
        succeed(&mut dispatch, slow, at(3));
    }
    enqueue(&mut dispatch, 1, 10, 20, at(3));
    assert_eq!(dispatch.start(at(3), 100).len(), 7, "4, and one for each success but the first");
}

#[test]
fn r6_suspects_leave_a_quarter_of_the_slots_to_the_healthy() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 40, ..AMPLE });
    for app in 1..=10 {
        make_suspect(&mut dispatch, app, u64::from(app));
        enqueue(&mut dispatch, app, 1_000 * u64::from(app), 20, at(1));
    }
    assert_eq!(dispatch.start(at(1), 100).len(), 30);
    for app in 101..=110 {
        enqueue(&mut dispatch, app, 100_000 + u64::from(app), 1, at(1));
    }
    assert_eq!(dispatch.start(at(1), 100).len(), 10);
}

#[test]
fn r6_suspects_may_use_eight_at_once_while_there_is_room_for_all() {
    let mut dispatch = Dispatch::new(AMPLE);
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 20, at(1));
    assert_eq!(dispatch.start(at(1), 100).len(), 8);
}

#[test]
fn r6_apps_that_share_a_host_share_its_limit_and_the_freed_place_goes_to_who_waits() {
    let mut dispatch = Dispatch::new(Limits { per_host: 3, ..AMPLE });
    for app in 1..=3 {
        dispatch.locate(endpoint(app), Some("saas.example:443".into()));
    }
    dispatch.locate(endpoint(4), Some("other.example:443".into()));
    enqueue(&mut dispatch, 1, 10, 10, at(0));
    let first = dispatch.start(at(0), 100);
    assert_eq!(ids(&first), [10, 11, 12]);
    enqueue(&mut dispatch, 2, 20, 10, at(0));
    enqueue(&mut dispatch, 4, 40, 1, at(0));
    assert_eq!(ids(&dispatch.start(at(0), 100)), [40], "another host is not held up");
    succeed(&mut dispatch, first[0], at(0));
    succeed(&mut dispatch, first[1], at(0));
    let next = ids(&dispatch.start(at(0), 100));
    assert_eq!(next.len(), 2);
    assert!(next.contains(&20), "{next:?}");
}

#[test]
fn r6_names_that_lead_to_one_address_share_its_limit_once_it_is_known() {
    let mut dispatch = Dispatch::new(Limits { per_host: 3, ..AMPLE });
    let address = "203.0.113.9:443".parse().unwrap();
    for app in 1..=3 {
        let host: Arc<str> = format!("{app}.example:443").into();
        dispatch.locate(endpoint(app), Some(host));
        enqueue(&mut dispatch, app, u64::from(app), 1, at(0));
    }
    for started in dispatch.start(at(0), 100) {
        dispatch.answered(started.id, Signal::Accepted, Some(address), at(0));
        dispatch.ended(started.pushed(true, at(0), at(0), &schedule()), false, at(0));
    }
    for app in 1..=3 {
        enqueue(&mut dispatch, app, 10 * u64::from(app), 5, at(0));
    }
    assert_eq!(dispatch.start(at(0), 100).len(), 3);
}

#[test]
fn r6_a_healthy_endpoint_finds_room_on_a_host_that_suspects_would_fill() {
    let mut dispatch = Dispatch::new(Limits { per_host: 8, ..AMPLE });
    for app in 1..=2 {
        dispatch.locate(endpoint(app), Some("saas.example:443".into()));
    }
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 20, at(1));
    assert_eq!(dispatch.start(at(1), 100).len(), 6);
    enqueue(&mut dispatch, 2, 50, 2, at(1));
    assert_eq!(ids(&dispatch.start(at(1), 100)), [50, 51]);
}

#[test]
fn r7_the_limit_in_all_is_never_exceeded_and_holds_until_the_outcome_is_on_record() {
    let mut dispatch = Dispatch::new(SMALL);
    for app in 1..=10 {
        enqueue(&mut dispatch, app, u64::from(app), 1, at(0));
    }
    let started = dispatch.start(at(0), 10);
    assert_eq!((started.len(), dispatch.in_flight(), dispatch.waiting()), (4, 4, 6));
    dispatch.answered(started[0].id, Signal::Accepted, None, at(0));
    assert_eq!((dispatch.in_flight(), dispatch.unrecorded()), (3, 1));
    assert_eq!(dispatch.start(at(0), 10), [], "its record may wait for the store for ever");
    dispatch.ended(started[0].pushed(true, at(0), at(0), &schedule()), false, at(0));
    assert_eq!(dispatch.start(at(0), 10).len(), 1);
}

#[test]
fn r7_an_endpoint_gets_its_next_push_before_the_last_one_is_on_record() {
    let mut dispatch = Dispatch::new(Limits { per_endpoint: 1, ..AMPLE });
    enqueue(&mut dispatch, 1, 1, 2, at(0));
    let started = dispatch.start(at(0), 10);
    dispatch.answered(started[0].id, Signal::Accepted, None, at(0));
    assert_eq!(ids(&dispatch.start(at(0), 10)), [2]);
}

#[test]
fn r7_slots_are_at_most_four_tenths_of_the_files_that_may_be_open() {
    assert_eq!(Limits::slots(8_192, Some(131_072)), 8_192);
    assert_eq!(Limits::slots(8_192, Some(20_000)), 8_000);
    assert_eq!(Limits::slots(8_192, Some(1_024)), 400);
    assert_eq!(Limits::slots(8_192, Some(10)), 1);
    assert_eq!(Limits::slots(8_192, None), 8_192);
}

#[test]
fn r7_the_default_slots_suffice_by_littles_law_for_a_thousand_a_second_of_which_a_tenth_hangs() {
    let (healthy, hung) = (900, 100);
    let needed = healthy / 10 + hung * schedule().pushes_max() * 10;
    assert_eq!(needed, 7_090);
    assert!(needed <= Limits::default().in_flight);
}

#[test]
fn a_delivery_that_waits_for_its_time_can_be_withdrawn_and_one_in_flight_cannot() {
    let mut dispatch = Dispatch::new(SMALL);
    let later = Delivery { due: at(60), ..delivery(1, 1, None) };
    dispatch.enqueue(later, at(0));
    assert!(dispatch.withdraw(later.id, later.due));
    assert!(!dispatch.withdraw(later.id, later.due));
    dispatch.enqueue(delivery(2, 1, None), at(0));
    dispatch.start(at(0), 1);
    assert!(dispatch.is_in_flight(row(2)));
    assert_eq!((dispatch.known().len(), dispatch.waiting()), (1, 0));
}

#[test]
fn a_delivery_comes_out_as_it_went_in() {
    let first = delivery(1, 7, Some(77));
    let again = first.pushed(false, at(0), at(1), &schedule());
    for whole in [first, again] {
        assert_eq!(Waiting::from(whole).delivery(), whole);
    }
}

#[test]
fn r14_what_can_wait_comes_after_everything_that_is_due_and_leaves_half_of_every_limit_free() {
    let limits = Limits { in_flight: 8, per_app: 6, ..AMPLE };
    let mut dispatch = Dispatch::new(limits);
    assert_eq!(dispatch.room_to_spare(endpoint(1)), 2, "half of the four that an endpoint begins with");
    enqueue(&mut dispatch, 1, 1, 1, at(0));
    assert_eq!((dispatch.room_to_spare(endpoint(1)), dispatch.room_to_spare(endpoint(2))), (0, 2));
    let started = dispatch.start(at(0), 1);
    assert_eq!(dispatch.room_to_spare(endpoint(1)), 1);
    let cdrs = Endpoint { kind: NoticeKind::Cdr, ..endpoint(1) };
    assert_eq!(dispatch.room_to_spare(cdrs), 2, "of three that half of the app's limit leaves");
    for app in 2..=4 {
        enqueue(&mut dispatch, app, app.into(), 1, at(0));
    }
    dispatch.start(at(0), 10);
    assert_eq!((dispatch.room_to_spare(endpoint(1)), dispatch.room_to_spare(endpoint(9))), (0, 0));
    succeed(&mut dispatch, started[0], at(0));
    assert_eq!(dispatch.room_to_spare(endpoint(9)), 1);
}

#[test]
fn r14_who_wants_to_be_left_alone_is_given_nothing_that_can_wait_and_a_suspect_its_share() {
    let mut dispatch = Dispatch::new(AMPLE);
    make_suspect(&mut dispatch, 1, 1);
    assert_eq!(dispatch.room_to_spare(endpoint(1)), 4);
    enqueue(&mut dispatch, 2, 2, 1, at(0));
    let started = dispatch.start(at(0), 1);
    let _ = fail(&mut dispatch, started[0], Signal::Gone, at(0));
    assert_eq!(dispatch.room_to_spare(endpoint(2)), 0);
}

#[test]
fn r5_who_waits_at_a_host_gets_the_room_that_another_was_woken_for_and_left() {
    let mut dispatch = Dispatch::new(Limits { per_host: 1, ..AMPLE });
    for app in 1..=3 {
        dispatch.locate(endpoint(app), Some("one:80".into()));
        enqueue(&mut dispatch, app, app.into(), 1, at(0));
    }
    let first = dispatch.start(at(0), 10);
    assert_eq!(ids(&first), [1]);
    dispatch.answered(row(1), Signal::Accepted, None, at(1));
    // App 2 has the turn now, and goes elsewhere before it is taken.
    dispatch.locate(endpoint(2), Some("two:80".into()));
    let mut started = ids(&dispatch.start(at(1), 10));
    started.sort_unstable();
    assert_eq!(started, [2, 3]);
}
