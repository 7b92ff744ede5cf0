//! Given only a sessionId: what happened, and what the app was told.

use serde_json::json;

use super::operator;
use crate::world::{A, B, Customer, FEE, Reaction, STATUS, Switch, World, X};

/// A call from A to B that was answered. Returns its sessionId.
async fn answered(world: &World, app: &Customer) -> String {
    app.bind_axb(X, A, B).await;
    let decision = world.switch().route("call-1", A, X).await;
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.advance(std::time::Duration::from_secs(120)).await;
    world.quiet().await;
    decision["sessionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_answered_call_is_told_from_its_session_id_alone() {
    let (world, app) = World::axb().await;
    let session = answered(&world, &app).await;
    let story = operator(&world, &format!("call show {session}")).await.worked();
    for part in [
        "  callee            +8613800000002\n",
        "The call was connected and answered. The user releases the call.\n",
        "Its CDR says: answered, 33 s of talk.\n",
        "All 6 notices to the app were delivered.\n",
        "Decision at 2026-01-02 03:04:05.000 UTC (the switch asked)\n  action        connect\n",
        "2026-01-02 03:05:41.000  disconnect  ",
    ] {
        assert!(story.contains(part), "{part:?} in {story}");
    }
    let list = operator(&world, "call list --limit 5").await.worked();
    assert!(list.lines().nth(1).unwrap().contains(&session), "{list}");
    assert_eq!(operator(&world, &format!("call show {session} --json")).await.json()["callId"], "call-1");
}

#[tokio::test]
async fn a_rejected_call_is_told_with_the_reason() {
    let (world, _app) = World::axb().await;
    let decision = world.switch().route("call-1", A, X).await;
    world.switch().report(&json!([Switch::callin("call-1", A, X)])).await;
    let session = decision["sessionId"].as_str().unwrap();
    let story = operator(&world, &format!("call show {session}")).await.worked();
    let reason = decision["reason"].as_str().unwrap();
    assert!(story.contains(&format!("The gateway rejected the call: {reason}.\n")), "{story}");
    assert!(
        story.contains("  cause      noAxbBinding\n  stateCode  8014: No binding matches the call.\n"),
        "{story}"
    );
}

#[tokio::test]
async fn a_call_that_the_app_decides_is_told_with_what_it_was_asked_and_answered() {
    let (world, _app) = World::one_app("X", "").await;
    world.receiver.react(STATUS, Reaction::Decide("{\"operation\":\"hold\"}".into()));
    let decision = world.switch().route("call-1", A, X).await;
    let session = decision["sessionId"].as_str().unwrap();
    let story = operator(&world, &format!("call show {session}")).await.worked();
    let wrong = "operation must be connect or close, not hold";
    let url = world.receiver.url(STATUS);
    for part in [
        &format!("cannot be used: {wrong}.\n"),
        "  cause      replyUnusable\n  stateCode  8014: No binding matches the call.\n",
        &format!("Question to the app, 2026-01-02 03:04:05.000 UTC: failed: {wrong}\n  POST     {url}\n"),
        "  status   200\n",
        "  answer   {\"operation\":\"hold\"}\n",
    ] {
        assert!(story.contains(part), "{part:?} in {story}");
    }
}

#[tokio::test]
async fn a_notice_that_does_not_get_through_is_shown_with_every_attempt_and_pushed_again() {
    let (world, app) = World::axb().await;
    // What a receiver answers may be meant for the terminal of whoever looks at it.
    world.receiver.react(FEE, Reaction::Answer(503, "\u{1b}[31mcome back later"));
    let session = answered(&world, &app).await;
    let story = operator(&world, &format!("call show {session}")).await.worked();
    assert!(story.contains("Notices to the app: 5 delivered, 1 waiting, 0 given up."), "{story}");
    for part in [
        "event callin",
        "event disconnect",
        "accepted",
        "answered 503, expected 200",
        &world.receiver.url(FEE),
    ] {
        assert!(story.contains(part), "{part:?} in {story}");
    }
    let listed = operator(&world, &format!("delivery list --session {session}")).await.worked();
    assert!(listed.contains("event alerting") && listed.contains("answered 503, expected 200"), "{listed}");

    let list =
        operator(&world, &format!("delivery list --session {session} --state pending --json")).await.json();
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(story.contains(&format!("See `privnum delivery show {id}`.")), "{story}");
    let shown = operator(&world, &format!("delivery show {id}")).await.worked();
    let url = world.receiver.url(FEE);
    for part in [
        "  notice     cdr\n",
        "  state      pending\n",
        "Attempt 1, 2026-01-02 03:0",
        "UTC: failed: ",
        &format!("  POST     {url}\n  address  {}\n  status   503\n  timings  ", world.receiver.address),
        "  answer   \\u{1b}[31mcome back later\n",
        "Body, as it is pushed\n  {\"eventType\":\"fee\",",
    ] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }

    world.receiver.react(FEE, Reaction::Answer(200, ""));
    operator(&world, &format!("delivery redeliver {id}")).await.worked();
    world.quiet().await;
    let shown = operator(&world, &format!("delivery show {id}")).await.worked();
    assert!(shown.contains("  state   delivered\n") && shown.contains("UTC: delivered\n"), "{shown}");
    assert_eq!(world.pushed(STATUS).await.len(), 5);
}

#[tokio::test]
async fn cdrs_are_listed_and_exported_whole() {
    let (world, app) = World::axb().await;
    let session = answered(&world, &app).await;
    let list = operator(&world, &format!("cdr list --party {B} --app {}", app.key)).await.worked();
    assert_eq!(
        list,
        format!(
            "ENDED (UTC)          CALLER          NUMBER (X)      CALLEE          TALK  RESULT    SESSION ID\n\
             2026-01-02 03:05:41  {A}  {X}  {B}  33 s  answered  {session}\n"
        )
    );
    let printed = operator(&world, "cdr export --result answered").await.worked();
    assert!(printed.lines().nth(1).unwrap().contains(&session), "{printed}");
    let file = world.dir.path().join("cdrs.csv");
    let said = operator(&world, &format!("cdr export --out {}", file.display())).await.worked();
    assert_eq!(said, format!("Wrote {} bytes to {}.\n", printed.len(), file.display()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), printed);
    assert_eq!(
        std::fs::read_dir(world.dir.path())
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "part")
            })
            .count(),
        0
    );
}
