//! `kill -9` in the middle of a bind storm, and of pushes: what was acknowledged is there after the restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use privnum::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::world::http::soon;
use crate::world::process::Process;
use crate::world::{A, AXB, B, Customer, FEE, Pushed, Reaction, STATUS, Switch, World, X, configuration};

const CLIENTS: u64 = 8;
const BINDS_PER_CLIENT: u64 = 500;
const BINDS_BEFORE_THE_KILL: usize = 300;

/// Binds pairs of its own until the gateway is gone. Sends the id of each bind that was acknowledged.
async fn storm(app: Customer, which: u64, acknowledged: mpsc::Sender<String>) {
    for n in 0..BINDS_PER_CLIENT {
        let a = 13_800_000_000 + (which * BINDS_PER_CLIENT + n) * 2;
        let body =
            json!({"callerNum": format!("+86{a}"), "calleeNum": format!("+86{}", a + 1), "relationNum": X});
        let Some(answer) = app.try_post(AXB, &body).await else { return };
        assert_eq!(answer.code(), (200, "0".into()), "{}", answer.text());
        if acknowledged.send(answer.member("subscriptionId")).await.is_err() {
            return;
        }
    }
}

/// A stopped world with an AXB app and its X, and a configuration of the same data for the binary.
async fn prepared() -> (World, Customer) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("privnum.toml"), configuration("")).unwrap();
    let mut world = World::begin(Clock::system().now(), "", folder).await;
    let app = world.app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    world.stop().await;
    (world, app)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bind_that_was_acknowledged_survives_kill_9() {
    let (world, app) = prepared().await;
    let mut process = Process::serve(world.dir.path());
    let (send, mut acknowledged) = mpsc::channel(10_000);
    let app = app.of(&process);
    let storms: Vec<_> =
        (0..CLIENTS).map(|which| tokio::spawn(storm(app.clone(), which, send.clone()))).collect();
    drop(send);
    let mut known = Vec::new();
    while let Some(id) = acknowledged.recv().await {
        known.push(id);
        if known.len() == BINDS_BEFORE_THE_KILL {
            process.kill();
        }
    }
    for storm in storms {
        storm.await.unwrap();
    }
    assert!(known.len() >= BINDS_BEFORE_THE_KILL);
    drop(process);

    let process = Process::serve(world.dir.path());
    let app = app.of(&process);
    for id in &known {
        let answer = app.get(AXB, &format!("subscriptionId={id}")).await;
        assert_eq!(answer.code(), (200, "0".into()), "{id}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_of_an_acknowledged_report_survive_kill_9() {
    let (world, app) = prepared().await;
    let mut process = Process::serve(world.dir.path());
    app.of(&process).bind_axb(X, A, B).await;
    world.receiver.react(STATUS, Reaction::Hang(Arc::new(Semaphore::new(0))));
    assert_eq!(process.switch().report(&Switch::answered("c", A, X)).await, [5, 0, 0]);
    let under_way = world.receiver.next(STATUS).await;
    process.kill();
    drop(process);

    world.receiver.react(STATUS, Reaction::Answer(200, ""));
    let _process = Process::serve(world.dir.path());
    let mut pushes = Vec::new();
    for _ in 0..5 {
        pushes.push(world.receiver.next(STATUS).await);
    }
    let told: Vec<_> = pushes.iter().map(Pushed::event).collect();
    assert_eq!(told, ["callin", "callout", "alerting", "answer", "disconnect"]);
    assert_eq!(pushes[0].body, under_way.body, "what was under way is pushed again");
    assert_eq!(world.receiver.next(FEE).await.json()["feeLst"][0]["ulFailReason"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_survives_kill_9_counts_exactly_and_pushes_all_it_selects() {
    const CALLS: usize = 60;
    let (world, app) = prepared().await;
    let mut process = Process::serve(world.dir.path());
    app.of(&process).bind_axb(X, A, B).await;
    let calls: Vec<_> = (0..CALLS).map(|call| Switch::callin(&format!("call-{call}"), A, X)).collect();
    assert_eq!(process.switch().report(&json!(calls)).await, [CALLS as u64, 0, 0]);
    let mut first = BTreeSet::new();
    while first.len() < CALLS {
        first.insert(world.receiver.next(STATUS).await.body);
    }
    let made =
        process.operator().ask("POST", "replays", &json!({"kind": "event", "ratePerSecond": 50})).await;
    assert_eq!(made.status, 202, "{}", made.text());
    assert_eq!(made.json()["total"], CALLS);
    let mut again = BTreeSet::new();
    for killed_after in [CALLS / 4, CALLS / 2, CALLS] {
        while again.len() < killed_after {
            again.insert(world.receiver.next(STATUS).await.body);
        }
        process.kill();
        drop(process);
        process = Process::serve(world.dir.path());
    }
    assert_eq!(again, first);
    let path = format!("replays/{}", made.member("id"));
    soon(async {
        loop {
            let replay = process.operator().ask("GET", &path, &Value::Null).await.json();
            assert_eq!((&replay["total"], &replay["gone"]), (&json!(CALLS), &json!(0)));
            if replay["state"] == "finished" {
                return assert_eq!(replay["done"], CALLS);
            }
        }
    })
    .await;
}
