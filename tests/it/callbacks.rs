//! Getting notices across: at once, again by the schedule, across restarts, in order, merged, and without one
//! customer in another's way (proto-docs/callbacks.md).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privnum::domain::signature::{Scheme, digest};
use privnum::domain::time::Timestamp;
use privnum::wire::time_text::format_created;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::world::{A, B, Customer, FEE, NUMBER_STATUS, Pushed, Reaction, STATUS, Switch, World, X};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// The documented re-pushes, in minutes after the first push.
const OFFSETS: [u32; 6] = [1, 4, 9, 106, 203, 300];
const REFUSED: Reaction = Reaction::Answer(500, "");

/// A world whose receiver refuses everything, and a notice that is to be pushed.
async fn with_a_refused_notice(scheme: &str) -> (World, Customer) {
    with_a_notice(scheme, REFUSED).await
}

async fn with_a_notice(scheme: &str, reaction: Reaction) -> (World, Customer) {
    let world = World::new().await;
    let app = world.app("AXB", &json!({"pushScheme": scheme})).await;
    world.number(&app, X).await;
    world.receiver.react(NUMBER_STATUS, reaction);
    let changed = world.operator().ask("POST", &format!("numbers/{X}/status"), &json!({"status": "9"})).await;
    assert_eq!(changed.status, 200);
    (world, app)
}

fn later(start: Timestamp, minutes: u32) -> Timestamp {
    start.after(MINUTE * minutes)
}

/// The attributes of the X- header, by place.
fn attributes(push: &Pushed, header: &str) -> [String; 4] {
    let parts: Vec<_> =
        push.header(header).split(',').map(|part| part.split('"').nth(1).unwrap().to_owned()).collect();
    parts.try_into().unwrap()
}

fn assert_verifies(push: &Pushed, scheme: Scheme, secret: &str, at: Timestamp) {
    let header = if scheme == Scheme::Wsse { "X-WSSE" } else { "X-AKSK" };
    let [_, sent, nonce, created] = attributes(push, header);
    assert_eq!(sent, STANDARD.encode(digest(scheme, secret, &nonce, &created)));
    assert_eq!(created, format_created(at), "made at the moment of the push");
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce}");
}

#[tokio::test]
async fn a_notice_is_pushed_at_once_and_again_at_the_offsets_seven_times_in_all() {
    let (world, _) = with_a_refused_notice("WSSE").await;
    let start = world.now();
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1, "at once");
    for offset in OFFSETS {
        world.set_time(later(start, offset).before(SECOND)).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await, [], "a second before minute {offset}");
        world.set_time(later(start, offset)).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1, "at minute {offset}");
    }
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(200, ""));
    world.advance(DAY).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await, [], "the seventh was the last");
}

#[tokio::test]
async fn each_push_has_the_same_body_and_a_signature_of_its_own() {
    for (word, scheme, header) in [("WSSE", Scheme::Wsse, "X-WSSE"), ("AKSK", Scheme::Aksk, "X-AKSK")] {
        let (world, app) = with_a_refused_notice(word).await;
        let start = world.now();
        let mut pushes = world.pushed(NUMBER_STATUS).await;
        assert_verifies(&pushes[0], scheme, &app.secret, start);
        for offset in OFFSETS {
            world.set_time(later(start, offset)).await;
            pushes.extend(world.pushed(NUMBER_STATUS).await);
            assert_verifies(pushes.last().unwrap(), scheme, &app.secret, later(start, offset));
        }
        assert_eq!(pushes.len(), 7);
        assert!(pushes.iter().all(|push| push.body == pushes[0].body));
        let nonces: std::collections::HashSet<_> =
            pushes.iter().map(|push| attributes(push, header)[2].clone()).collect();
        assert_eq!(nonces.len(), 7, "no nonce twice");
    }
}

#[tokio::test]
async fn the_headers_stand_in_the_documented_order() {
    let (world, _) = with_a_refused_notice("WSSE").await;
    let pushes = world.pushed(NUMBER_STATUS).await;
    let mut order: Vec<_> = pushes[0].headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let documented = ["content-type", "authorization", "x-wsse", "content-length"];
    order.retain(|name| documented.contains(&name.as_str()));
    assert_eq!(order, documented);
    assert_eq!(pushes[0].header("content-type"), "application/json;charset=UTF-8");
}

#[tokio::test]
async fn nothing_is_pushed_again_after_a_success() {
    let (world, _) = with_a_refused_notice("WSSE").await;
    let start = world.now();
    world.set_time(later(start, 1)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 2);
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(200, ""));
    world.set_time(later(start, 4)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    for offset in [9, 106, 203, 300] {
        world.set_time(later(start, offset)).await;
        assert_eq!(world.pushed(NUMBER_STATUS).await, [], "minute {offset}");
    }
}

#[tokio::test]
async fn a_receiver_that_breaks_off_gets_the_push_again() {
    let (world, _) = with_a_notice("WSSE", Reaction::Close).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(200, ""));
    world.advance(MINUTE).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    world.advance(DAY).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await, []);
}

#[tokio::test]
async fn what_waits_survives_a_restart_and_keeps_its_time() {
    let (mut world, _) = with_a_refused_notice("WSSE").await;
    let start = world.now();
    let first = world.pushed(NUMBER_STATUS).await;
    world.stop().await;
    world.start_again().await;
    world.set_time(later(start, 1).before(SECOND)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await, []);
    world.set_time(later(start, 1)).await;
    let second = world.pushed(NUMBER_STATUS).await;
    assert_eq!((second.len(), &second[0].body), (1, &first[0].body));
}

#[tokio::test]
async fn what_fell_due_while_the_gateway_was_down_is_pushed_once_and_not_in_a_burst() {
    let (mut world, _) = with_a_refused_notice("WSSE").await;
    let start = world.now();
    world.pushed(NUMBER_STATUS).await;
    world.stop().await;
    world.pass_while_stopped(100 * MINUTE);
    world.start_again().await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1, "for minutes 1, 4 and 9");
    world.set_time(later(start, 106)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1, "the schedule goes on");
}

#[tokio::test]
async fn a_push_that_was_under_way_when_the_gateway_stopped_is_not_lost() {
    let (mut world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    world.switch().route("c", A, X).await;
    world.switch().report(&Switch::answered("c", A, X)).await;
    assert_eq!(world.receiver.next(STATUS).await.event(), "callin");
    tokio::join!(world.stop(), async { release.add_permits(100) });
    world.start_again().await;
    let rest: Vec<_> = world.pushed(STATUS).await.iter().map(Pushed::event).collect();
    assert_eq!(rest, ["callout", "alerting", "answer", "disconnect"]);
    world.advance(SECOND).await;
    assert_eq!(world.pushed(FEE).await.len(), 1, "the call had ended before the stop");
}

#[tokio::test]
async fn a_corrected_url_heals_what_waits() {
    let (world, app) = with_a_refused_notice("WSSE").await;
    let start = world.now();
    let first = world.pushed(NUMBER_STATUS).await;
    let corrected = world.receiver.url("/corrected?token=1");
    world.change_app(&app, &json!({"numberStatusUrl": corrected})).await;
    world.set_time(later(start, 1)).await;
    let healed = world.pushed("/corrected?token=1").await;
    assert_eq!((healed.len(), &healed[0].body), (1, &first[0].body));
    assert_eq!(world.pushed(NUMBER_STATUS).await, []);
}

#[tokio::test]
async fn the_events_of_a_call_are_pushed_in_order_each_after_the_attempt_before_it() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react(STATUS, Reaction::Hang(Arc::clone(&release)));
    world.switch().route("c", A, X).await;
    world.switch().report(&Switch::answered("c", A, X)).await;
    for stage in ["callin", "callout", "alerting", "answer", "disconnect"] {
        assert_eq!(world.receiver.next(STATUS).await.event(), stage);
        assert_eq!(world.receiver.left(), [], "the next one waits for this one");
        release.add_permits(1);
    }
    world.quiet().await;
}

#[tokio::test]
async fn a_refused_event_does_not_hold_up_the_ones_after_it() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    world.receiver.react(STATUS, REFUSED);
    world.switch().route("c", A, X).await;
    world.switch().report(&Switch::answered("c", A, X)).await;
    let all = ["callin", "callout", "alerting", "answer", "disconnect"];
    assert_eq!(world.pushed(STATUS).await.iter().map(Pushed::event).collect::<Vec<_>>(), all);
}

/// So many calls of A that come in and end at the same moment.
async fn end_together(world: &World, calls: usize) {
    let ended = json!({"sip": 486, "by": "callee"});
    let events: Vec<_> = (0..calls)
        .map(|n| format!("c-{n}"))
        .flat_map(|call| {
            [Switch::callin(&call, A, X), Switch::event(&call, "disconnect", "2026-01-02T03:05:41Z", &ended)]
        })
        .collect();
    assert_eq!(world.switch().report(&Value::from(events)).await, [2 * calls as u64, 0, 0]);
}

async fn cdrs_per_push(calls: usize) -> Vec<usize> {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    end_together(&world, calls).await;
    assert_eq!(world.pushed(FEE).await, [], "another call may still share the push");
    world.advance(SECOND).await;
    let pushes = world.pushed(FEE).await;
    let mut per_push: Vec<_> =
        pushes.iter().map(|push| push.json()["feeLst"].as_array().unwrap().len()).collect();
    per_push.sort_unstable();
    per_push
}

#[tokio::test]
async fn calls_that_end_together_share_a_push_up_to_fifty() {
    assert_eq!(cdrs_per_push(1).await, [1]);
    assert_eq!(cdrs_per_push(50).await, [50]);
    assert_eq!(cdrs_per_push(51).await, [1, 50]);
}

#[tokio::test]
async fn calls_that_end_apart_do_not_share_a_push() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    for call in ["c", "d"] {
        world.switch().report(&Switch::answered(call, A, X)).await;
        world.advance(SECOND).await;
    }
    assert_eq!(world.pushed(FEE).await.len(), 2);
}

#[tokio::test]
async fn a_merged_push_is_repeated_whole() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    world.receiver.react(FEE, REFUSED);
    end_together(&world, 3).await;
    world.advance(SECOND).await;
    let first = world.pushed(FEE).await;
    world.switch().report(&Switch::answered("late", A, X)).await;
    world.advance(MINUTE).await;
    let second = world.pushed(FEE).await;
    let again = second.iter().filter(|push| push.body == first[0].body).count();
    assert_eq!((first.len(), second.len(), again), (1, 2, 1), "the late call has a push of its own");
}

#[tokio::test]
async fn a_hanging_receiver_of_one_app_does_not_delay_another() {
    // Fewer places in all than the slow app has pushes.
    let world = World::with("callback.max_in_flight = 20\ncallback.max_in_flight_per_app = 15").await;
    let slow_url =
        json!({"callStatusUrl": world.receiver.url("/slow"), "cdrUrl": world.receiver.url("/slow")});
    let (slow, quick) = (world.app("AXB", &slow_url).await, world.app("AXB", &Value::Null).await);
    let (slow_x, quick_x) = (X, "+8617000000002");
    world.number(&slow, slow_x).await;
    world.number(&quick, quick_x).await;
    slow.bind_axb(slow_x, A, B).await;
    quick.bind_axb(quick_x, A, B).await;
    let release = Arc::new(Semaphore::new(0));
    world.receiver.react("/slow", Reaction::Hang(Arc::clone(&release)));
    let calls: Vec<_> = (0..100).map(|n| Switch::callin(&format!("slow-{n}"), A, slow_x)).collect();
    world.switch().report(&Value::from(calls)).await;
    world.receiver.next("/slow").await;

    world.switch().route("c", A, quick_x).await;
    world.switch().report(&Switch::answered("c", A, quick_x)).await;
    for stage in ["callin", "callout", "alerting", "answer", "disconnect"] {
        assert_eq!(world.receiver.next(STATUS).await.event(), stage);
    }
    release.add_permits(1_000);
    world.quiet().await;
    assert_eq!(world.receiver.all("/slow").len(), 99, "all others arrive once the receiver answers");
}

#[tokio::test]
async fn what_an_app_has_no_url_for_is_not_pushed() {
    let world = World::new().await;
    let none = json!({"callStatusUrl": null, "cdrUrl": null, "numberStatusUrl": null});
    let app = world.app("AXB", &none).await;
    world.number(&app, X).await;
    app.bind_axb(X, A, B).await;
    world.switch().report(&Switch::answered("c", A, X)).await;
    world.operator().ask("POST", &format!("numbers/{X}/status"), &json!({"status": "9"})).await;
    world.advance(DAY).await;
    world.quiet().await;
    assert_eq!(world.receiver.left(), []);
}

#[tokio::test]
async fn number_status_goes_to_the_event_url_when_it_has_none_of_its_own() {
    let world = World::new().await;
    let app = world.app("AXB", &json!({"numberStatusUrl": null})).await;
    world.number(&app, X).await;
    world.operator().ask("POST", &format!("numbers/{X}/status"), &json!({"status": "9"})).await;
    assert_eq!(world.receiver.next(STATUS).await.event(), "numStatus");
}
