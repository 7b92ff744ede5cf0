//! Replays, and trying an app's URLs, from a shell.

use std::time::Duration;

use super::operator;
use crate::world::{A, B, FEE, NUMBER_STATUS, Reaction, STATUS, Switch, World, X};

#[tokio::test]
async fn a_replay_is_made_paused_resumed_and_followed_to_its_end() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    world.switch().report(&Switch::answered("call-1", A, X)).await;
    world.quiet().await;
    let make = format!("replay create --app {} --kind event --state delivered --rate 1", app.key);
    let made = operator(&world, &make).await.worked();
    let id = made.lines().next().unwrap().strip_prefix("Replay ").unwrap().to_owned();
    for part in [
        &format!("  of       event delivered to {}\n", app.key),
        "  state    running\n",
        "  at most  1 per second\n",
        "of 5\n",
    ] {
        assert!(made.contains(part), "{part:?} in {made}");
    }
    let paused = operator(&world, &format!("replay pause {id}")).await.worked();
    assert!(paused.contains("  state    paused\n"), "{paused}");
    let list = operator(&world, "replay list").await.worked();
    assert!(list.starts_with("ID "), "{list}");
    assert!(list.contains(&id) && list.contains(" of 5 ") && list.contains("paused"), "{list}");
    assert_eq!(operator(&world, &format!("replay resume {id} --json")).await.json()["state"], "running");
    for _ in 0..6 {
        world.advance(Duration::from_secs(1)).await;
        world.quiet().await;
    }
    let shown = operator(&world, &format!("replay show {id}")).await.worked();
    assert!(shown.contains("  state    finished\n") && shown.contains("  done     5 of 5\n"), "{shown}");
    let refused = operator(&world, &format!("replay pause {id}")).await.failed(1);
    assert_eq!(refused, "error: the replay is over (code replay_finished)\n");
    let made = operator(&world, "replay create --everything --rate 1 --json").await.json();
    let cancelled =
        operator(&world, &format!("replay cancel {}", made["id"].as_str().unwrap())).await.worked();
    assert!(cancelled.contains("  state    cancelled\n") && cancelled.contains("  ended    "), "{cancelled}");
    let refused = operator(&world, "replay create --rate 5").await.failed(2);
    assert!(refused.contains("--everything"), "{refused}");
}

#[tokio::test]
async fn each_url_of_an_app_is_tried_and_what_it_answered_is_shown() {
    let (world, app) = World::axb().await;
    world.receiver.react(FEE, Reaction::Answer(503, "come back later"));
    let told = operator(&world, &format!("app test-callback {}", app.key)).await.worked();
    for part in [
        "Test of callStatusUrl, 2026-01-02 03:04:05.000 UTC: delivered\n",
        "Test of cdrUrl, 2026-01-02 03:04:05.000 UTC: failed: answered 503, expected 200\n",
        "  answer   come back later\n",
        "Test of numberStatusUrl,",
        "1 of 3 did not take the test notice.\n",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    world.receiver.react(FEE, Reaction::Answer(200, ""));
    let told = operator(&world, &format!("app test-callback {}", app.key)).await.worked();
    assert!(told.ends_with("All 3 took the test notice.\n"), "{told}");
    for path in [STATUS, FEE, NUMBER_STATUS] {
        assert_eq!(world.receiver.all(path).len(), 2, "{path}");
    }
}
