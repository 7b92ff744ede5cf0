//! The switch's part, against our own gateway.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use privnum::clock::Clock;
use serde_json::{Value, json};

use super::{Ran, ended, privnum, token_file};
use crate::world::{B, Customer, Reaction, STATUS, World, X};

/// A world at the time on the wall, which is the command's, too.
pub(super) async fn world(more: &str) -> World {
    World::begin(Clock::system().now(), more, tempfile::tempdir().unwrap()).await
}

/// The arguments of the first form.
pub(super) fn arguments(world: &World, app: &Customer, more: &[&str]) -> Vec<String> {
    let [switch, customer] =
        [world.switch().address(), app.gateway()].map(|address| format!("http://{address}"));
    let given = ["--switch", &switch, "--switch-token-file", &token_file(world), "--customer", &customer];
    let given = given.into_iter().chain(["--key", &app.key, "--secret", &app.secret, "--json"]);
    given.chain(more.iter().copied()).map(str::to_owned).collect()
}

/// Plays the switch's part. When the gateway has told the app of the end of a call, its clock moves past the time
/// in which CDRs are merged.
pub(super) async fn check_gateway(world: &World, arguments: Vec<String>) -> Ran {
    let time = async {
        loop {
            if world.receiver.next(STATUS).await.event() == "disconnect" {
                world.pass(Duration::from_secs(2));
            }
        }
    };
    tokio::select! {
        ran = ended(privnum(&arguments).spawn().unwrap()) => ran,
        () = time => unreachable!("it goes on for ever"),
    }
}

/// An address that nobody has.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A gateway with an app of a mode, SMS and so many numbers, and the command with everything that it can be given.
async fn assert_good(mode: &str, numbers: usize, checks: usize) {
    let [control, receiver] = [free_address(), free_address()].map(|address| address.to_string());
    let world = world(&format!("switch.control_url = \"http://{control}\"\ncdr_merge_ms = 0")).await;
    let ours = format!("http://{receiver}/asked");
    let mut settings = if mode == "X" { json!({"callStatusUrl": ours}) } else { json!({}) };
    (settings["recording"], settings["smsControlUrl"]) = (true.into(), ours.into());
    let app = world.sms_app(mode, &settings).await;
    for n in 0..numbers {
        world.sms_number(&app, &format!("+861700000000{}", n + 1)).await;
    }
    let more = ["--control", &control, "--receiver", &receiver, "--x", X];
    let ran = check_gateway(&world, arguments(&world, &app, &more)).await;
    assert_eq!(ran.faults(), [], "{mode}");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out.matches("\"verdict\":\"ok\"").count(), checks, "{mode}: {}", ran.out);
}

#[tokio::test]
async fn our_own_gateway_passes_every_check_with_an_app_of_each_mode() {
    assert_good("AXB", 1, 46).await;
    assert_good("AX", 1, 48).await;
    assert_good("AXE", 1, 41).await;
    assert_good("AXYB", 3, 42).await;
    assert_good("X", 1, 46).await;
}

#[tokio::test]
async fn a_gateway_with_gaps_is_told_which() {
    let world = world("").await;
    let app = world.app("AXB", &json!({"cdrUrl": Value::Null})).await;
    world.number(&app, X).await;
    let ran = check_gateway(&world, arguments(&world, &app, &["--wait-secs", "1", "--x", X])).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_eq!(
        ran.verdict("notices.cdr").as_deref(),
        Some("missing"),
        "nothing is queued without an address"
    );
    assert_eq!(ran.verdict("notices.events").as_deref(), Some("ok"));
    assert_eq!(ran.verdict("recordings.link").as_deref(), Some("notChecked"), "the app has no recording");
    assert_eq!(ran.verdict("stop.order").as_deref(), Some("notChecked"), "no --control");
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_token_are_named() {
    let world = world("").await;
    let app = world.app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    let mut wrong = arguments(&world, &app, &[]);
    std::fs::write(token_file(&world), "not-the-token-of-the-switch").unwrap();
    let at = wrong.iter().position(|argument| *argument == app.secret).unwrap();
    wrong[at] = "not-the-secret".into();
    let ran = check_gateway(&world, wrong).await;
    assert_eq!(ran.code, 1);
    let faults = ran.faults();
    let of = |check: &str| faults.iter().find(|(known, _)| known == check).unwrap().1.clone();
    assert_eq!(of("customer.app"), "401 instead of 200 (1010010: Invalid digest.)");
    assert_eq!(
        of("token.basic"),
        "401 instead of 200 (unauthorized: give a live token as Authorization: Bearer TOKEN)"
    );
}

/// What an app of mode X that answers calls itself makes of the checks.
async fn check_own_answer(answer: &Value, more: &[&str]) -> Ran {
    let world = world("").await;
    let app = world.sms_app("X", &Value::Null).await;
    world.sms_number(&app, X).await;
    world.receiver.react(STATUS, Reaction::Decide(answer.to_string()));
    check_gateway(&world, arguments(&world, &app, more)).await
}

#[tokio::test]
async fn an_app_of_mode_x_may_answer_for_itself() {
    let connect = json!({"operation": "connect", "connectInfo": {"calleeNum": B}});
    let unnamed = check_own_answer(&connect, &[]).await;
    assert_eq!((unnamed.code, unnamed.verdict("customer.bind").as_deref()), (0, Some("notChecked")));
    assert_eq!(unnamed.verdict("route.connect"), None, "nobody has said which number to dial");
    assert_eq!(unnamed.verdict("route.unknownNumber").as_deref(), Some("ok"));

    let connects = check_own_answer(&connect, &["--x", X]).await;
    assert_eq!(connects.verdict("route.connect").as_deref(), Some("ok"), "{}", connects.out);
    assert_eq!(connects.verdict("notices.cdr").as_deref(), Some("ok"));
    assert_eq!(connects.verdict("route.question").as_deref(), Some("notChecked"), "no --receiver");

    let declines = check_own_answer(&json!({"operation": "close"}), &["--x", X]).await;
    assert_eq!(declines.verdict("route.connect").as_deref(), Some("notChecked"), "{}", declines.out);
    assert_eq!(declines.verdict("notices.cdr"), None);

    let silent = check_own_answer(&Value::Null, &["--x", X]).await;
    assert_eq!((silent.code, silent.verdict("route.connect").as_deref()), (1, Some("missing")));
}

#[tokio::test]
async fn an_app_that_asks_elsewhere_than_the_receiver_is_told_so() {
    let receiver = free_address().to_string();
    let connect = json!({"operation": "connect", "connectInfo": {"calleeNum": B}});
    let ran = check_own_answer(&connect, &["--x", X, "--receiver", &receiver]).await;
    assert_eq!((ran.code, ran.verdict("route.question").as_deref()), (1, Some("missing")), "{}", ran.out);
    assert_eq!(ran.verdict("route.appEnds").as_deref(), Some("wrong"), "another receiver has connected");
}

#[tokio::test]
async fn an_app_of_axyb_with_few_numbers_is_checked_as_far_as_they_reach() {
    for (numbers, check, verdict) in [
        (1, "customer.secondStep", "wrong"),
        (2, "route.unknownB", "notChecked"),
        (3, "route.unknownB", "ok"),
    ] {
        let world = world("").await;
        let app = world.app("AXYB", &Value::Null).await;
        for n in 1..=numbers {
            world.number(&app, &format!("+861700000000{n}")).await;
        }
        let ran = check_gateway(&world, arguments(&world, &app, &[])).await;
        assert_eq!(ran.verdict(check).as_deref(), Some(verdict), "{}", ran.out);
    }
}

#[tokio::test]
async fn an_app_without_short_messages_is_no_fault() {
    let world = world("").await;
    let app = world.app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    let ran = check_gateway(&world, arguments(&world, &app, &[])).await;
    assert_eq!(
        (ran.code, ran.verdict("messages.forward").as_deref()),
        (0, Some("notChecked")),
        "{}",
        ran.out
    );
    assert_eq!(ran.verdict("messages.result"), None);
}

#[tokio::test]
async fn where_nobody_listens_one_check_says_so_and_the_others_are_not_made() {
    let world = world("").await;
    let app = world.app("AXB", &Value::Null).await;
    let mut arguments = arguments(&world, &app, &[]);
    arguments[1] = format!("http://{}", free_address());
    let ran = check_gateway(&world, arguments).await;
    let faults = ran.faults();
    assert_eq!((ran.code, faults.len(), faults[0].0.as_str()), (1, 1, "token.missing"), "{}", ran.out);
    assert!(faults[0].1.starts_with("no answer: "), "{}", faults[0].1);
}
