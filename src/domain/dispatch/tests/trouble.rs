//! The rules about receivers in trouble and about trouble of ours, one test and more for each.

use super::*;

#[test]
fn r8_when_suspects_need_more_than_there_is_each_gets_one_push_and_the_rest_waits_unspent() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 16, ..AMPLE });
    for app in 1..=10 {
        make_suspect(&mut dispatch, app, u64::from(app));
        enqueue(&mut dispatch, app, 1_000 * u64::from(app), 20, at(1));
    }
    let probes = dispatch.start(at(1), 100);
    let expected: Vec<u64> = (1..=10).map(|app| 1_000 * app).collect();
    assert_eq!(ids(&probes), expected, "the oldest of each");
    assert_eq!(dispatch.parked(), 10);
    assert_eq!((dispatch.stages()[0], dispatch.stages()[1]), (190, 10));
}

#[test]
fn r8_a_recovered_endpoint_drains_its_backlog_with_one_then_two_then_four() {
    let mut dispatch = Dispatch::new(AMPLE);
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 100, at(1));
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let round = dispatch.start(at(1), 100);
        rounds.push(round.len());
        for started in round {
            succeed(&mut dispatch, started, at(1));
        }
    }
    // Eight were under way as a suspect's; the first of them to succeed sets the window to one, the others open it.
    assert_eq!(rounds, [8, 8, 16, 16, 16, 16, 16]);

    let mut dispatch = Dispatch::new(Limits { in_flight: 2, ..AMPLE });
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 100, at(1));
    let probe = dispatch.start(at(1), 100);
    assert_eq!(probe.len(), 1, "under pressure");
    succeed(&mut dispatch, probe[0], at(1));
    dispatch.limits.in_flight = 1_000;
    let mut rounds = Vec::new();
    for _ in 0..6 {
        let round = dispatch.start(at(1), 100);
        rounds.push(round.len());
        for started in round {
            succeed(&mut dispatch, started, at(1));
        }
    }
    assert_eq!(rounds, [1, 2, 4, 8, 16, 16]);
}

/// What starts within each of so many seconds, looked at whenever something is due; all of it succeeds at once.
fn starts_by_second(dispatch: &mut Dispatch, from: u64, seconds: u64) -> Vec<usize> {
    let mut by_second = vec![0; usize::try_from(seconds).unwrap()];
    let mut now = at(from);
    while now < at(from + seconds) {
        let round = dispatch.start(now, 1_000);
        by_second[usize::try_from(now.since(at(from)).as_secs()).unwrap()] += round.len();
        let nothing = round.is_empty();
        for started in round {
            succeed(dispatch, started, now);
        }
        if nothing {
            now = dispatch
                .next_due()
                .map_or(at(from + seconds), |due| due.max(now.after(Duration::from_millis(1))));
        }
    }
    by_second
}

#[test]
fn r8_a_drain_limit_spreads_what_waited_and_ends_with_it() {
    let drain_per_second = std::num::NonZeroU32::new(5);
    let mut dispatch = Dispatch::new(Limits { in_flight: 2, drain_per_second, ..AMPLE });
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 12, at(1));
    let probe = dispatch.start(at(1), 100);
    succeed(&mut dispatch, probe[0], at(1));
    dispatch.limits.in_flight = 1_000;
    // Somebody else is not held up, and what happens meanwhile waits behind what waited before.
    enqueue(&mut dispatch, 2, 100, 40, at(1));
    enqueue(&mut dispatch, 1, 50, 1, at(1));
    assert_eq!(starts_by_second(&mut dispatch, 1, 4), [5 + 40, 5, 2, 0]);
    enqueue(&mut dispatch, 1, 200, 40, at(5));
    assert_eq!(starts_by_second(&mut dispatch, 5, 1), [40], "it is well, and nothing waited");
}

#[test]
fn r8_without_a_drain_limit_a_backlog_is_gone_as_fast_as_the_window_opens() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 2, ..AMPLE });
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 200, at(1));
    let probe = dispatch.start(at(1), 100);
    succeed(&mut dispatch, probe[0], at(1));
    assert_eq!(starts_by_second(&mut dispatch, 1, 1), [199]);
}

#[test]
fn r8_a_drain_goes_on_at_its_rate_when_the_clock_is_set() {
    for by_ms in [-3_600_000, 3_600_000] {
        let drain_per_second = std::num::NonZeroU32::new(1);
        let mut dispatch = Dispatch::new(Limits { in_flight: 2, drain_per_second, ..AMPLE });
        make_suspect(&mut dispatch, 1, 1);
        enqueue(&mut dispatch, 1, 10, 9, at(1));
        let probe = dispatch.start(at(1), 100);
        succeed(&mut dispatch, probe[0], at(1));
        let first = dispatch.start(at(1), 100);
        succeed(&mut dispatch, first[0], at(1));
        dispatch.clock_was_set(by_ms);
        assert_eq!(dispatch.start(at(1).moved(by_ms + 999), 100), []);
        assert_eq!(dispatch.start(at(1).moved(by_ms + 1_000), 100).len(), 1, "{by_ms}");
    }
}

#[test]
fn r8_what_waited_for_the_dead_as_long_as_the_schedule_lasts_gets_one_last_push() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 2, ..AMPLE });
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 2, at(1));
    let end = at(0).after(GIVE_UP_AFTER);
    let before = dispatch.start(end.before(Duration::from_secs(1)), 1);
    assert!(!dispatch.is_last_push(before[0].id));
    dispatch.answered(before[0].id, Signal::Silent, None, end);
    let after = before[0].pushed(false, end, end, &schedule());
    dispatch.ended(after, true, end);
    let last = dispatch.start(end, 1);
    assert!(dispatch.is_last_push(last[0].id));
    let after = fail(&mut dispatch, last[0], Signal::Silent, end);
    assert_eq!(after.state, State::Exhausted);
}

#[test]
fn r8_downtime_of_ours_makes_no_push_the_last() {
    let mut dispatch = Dispatch::new(AMPLE);
    let now = at(100_000);
    dispatch.enqueue(delivery(1, 1, None), now);
    assert_eq!(dispatch.start(now, 1).len(), 1);
    assert!(!dispatch.is_last_push(row(1)));
}

#[test]
fn r8_a_corrected_url_frees_what_waits_for_the_dead() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 2, ..AMPLE });
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 20, at(1));
    assert_eq!(dispatch.start(at(1), 10).len(), 1);
    dispatch.locate(endpoint(1), Some("new.example:443".into()));
    assert_eq!(dispatch.start(at(1), 10).len(), 1, "up to all slots, no longer one");
}

#[test]
fn r13_retry_after_closes_an_endpoint_for_so_long_and_an_hour_at_most() {
    for (asked, obeyed) in [(30, 30), (100_000, 3_600)] {
        let mut dispatch = Dispatch::new(AMPLE);
        enqueue(&mut dispatch, 1, 1, 6, at(0));
        let started = dispatch.start(at(0), 10);
        let retry_after = Some(Duration::from_secs(asked));
        dispatch.answered(started[0].id, Signal::of_refusal(503, retry_after), None, at(0));
        for other in &started[1..] {
            dispatch.answered(other.id, Signal::Refused, None, at(0));
        }
        assert_eq!(dispatch.start(at(obeyed - 1), 10), []);
        assert_eq!(dispatch.parked(), 1);
        assert_eq!(ids(&dispatch.start(at(obeyed), 10)), [5, 6], "{asked}");
    }
}

#[test]
fn r13_an_overloaded_receiver_gets_half_as_many_at_once_but_never_none() {
    for status in [429, 502, 503, 504] {
        let mut dispatch = Dispatch::new(AMPLE);
        enqueue(&mut dispatch, 1, 1, 100, at(0));
        for left in [2, 1, 1] {
            let started = dispatch.start(at(0), 100);
            let Some(&first) = started.first() else { panic!("none at {status}") };
            for other in &started[1..] {
                dispatch.answered(other.id, Signal::Refused, None, at(0));
            }
            fail(&mut dispatch, first, Signal::of_refusal(status, None), at(0));
            assert_eq!(dispatch.queues[&endpoint(1)].health.cap(8), left, "{status}");
        }
    }
}

#[test]
fn r13_a_receiver_that_is_gone_is_asked_once_a_minute_until_it_takes_something() {
    let mut dispatch = Dispatch::new(AMPLE);
    enqueue(&mut dispatch, 1, 1, 50, at(0));
    for started in dispatch.start(at(0), 1) {
        fail(&mut dispatch, started, Signal::of_refusal(410, None), at(0));
    }
    assert_eq!((dispatch.gone(), dispatch.start(at(59), 10).len()), (1, 0));
    let probe = dispatch.start(at(60), 10);
    assert_eq!(probe.len(), 1);
    fail(&mut dispatch, probe[0], Signal::of_refusal(410, None), at(60));
    let probe = dispatch.start(at(120), 10);
    succeed(&mut dispatch, probe[0], at(120));
    assert_eq!(dispatch.gone(), 0);
    assert_eq!(dispatch.start(at(120), 10).len(), 2, "and then begins with a small window");
}

#[test]
fn r15_a_clock_set_forward_fires_nothing_and_one_set_back_freezes_nothing() {
    for by_ms in [3_600_000_i64, -3_600_000] {
        let mut dispatch = Dispatch::new(AMPLE);
        enqueue(&mut dispatch, 1, 1, 2, at(10_000));
        let started = dispatch.start(at(10_000), 10);
        fail(&mut dispatch, started[0], Signal::Refused, at(10_000));
        dispatch.clock_was_set(by_ms);
        let then = at(10_000).moved(by_ms);
        // The other one was under way meanwhile; its outcome is of the old clock.
        fail(&mut dispatch, started[1], Signal::Refused, at(10_000));
        assert_eq!(dispatch.start(then.after(Duration::from_secs(59)), 10), [], "{by_ms}");
        let again = dispatch.start(then.after(Duration::from_secs(60)), 10);
        assert_eq!(ids(&again), [1, 2], "{by_ms}");
        let third = again[0].pushed(false, again[0].due, again[0].due, &schedule());
        assert_eq!(third.due.since(again[0].due), Duration::from_secs(180), "{by_ms}");
    }
}

#[test]
fn r15_the_oldest_that_is_due_shows_also_while_it_is_held_back() {
    let mut dispatch = Dispatch::new(Limits { in_flight: 2, ..AMPLE });
    make_suspect(&mut dispatch, 1, 1);
    enqueue(&mut dispatch, 1, 10, 3, at(1));
    dispatch.start(at(5), 10);
    let figures = dispatch.lane(Lane::Suspect);
    assert_eq!((figures.due, figures.oldest_due), (2, Some(at(1))));
}
