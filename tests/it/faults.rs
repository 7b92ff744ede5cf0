//! A process that is killed, told to stop, or out of disk, while the switch reports calls as fast as it is answered:
//! nothing that was acknowledged is lost.
//!
//! In an ordinary run the process is killed a few times; `tests/soak/run` does it for longer. The test that fills a disk
//! needs leave to mount one, which root has outside of most containers; where it has none it says so and is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use privnum::clock::Clock;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::world::http::{Headers, exchange, request, soon};
use crate::world::process::Process;
use crate::world::{A, B, Receiver, STATUS, Switch, World, X, configuration};

/// Connections on which the switch reports.
const REPORTERS: usize = 8;
/// How often the process is killed, unless `PRIVNUM_SOAK_KILLS` says otherwise.
const KILLS: u64 = 3;
/// Most reports that are acknowledged between two kills.
const REPORTS_BETWEEN_KILLS: u64 = 200;

/// What has to be known of a switch that outlives gateways.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<AtomicU64>);

impl Calls {
    /// A call from a number that nobody had before. The receiver knows the call by it.
    fn next(&self) -> (String, Value) {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let caller = format!("+86139{n:08}");
        let report = Switch::callin(&format!("call-{n}"), &caller, X);
        (caller, report)
    }
}

/// What became of a report: the caller, and the status of the answer.
type Answered = (String, u16);

/// Reports on so many connections until the gateway refuses or is gone.
fn report(switch: &Switch, calls: &Calls) -> (JoinSet<()>, mpsc::Receiver<Answered>) {
    let (tell, answers) = mpsc::channel(10_000);
    let mut reporters = JoinSet::new();
    for _ in 0..REPORTERS {
        let (switch, calls, tell) = (switch.clone(), calls.clone(), tell.clone());
        reporters.spawn(async move {
            loop {
                let (caller, report) = calls.next();
                let Some(answer) = switch.try_report(&report).await else { return };
                let refused = answer.status != 200;
                if tell.send((caller, answer.status)).await.is_err() || refused {
                    return;
                }
            }
        });
    }
    (reporters, answers)
}

/// A stopped world with an AXB app, in a folder that the binary can serve.
async fn prepared(folder: tempfile::TempDir) -> World {
    fs::write(folder.path().join("privnum.toml"), configuration("")).unwrap();
    let mut world = World::begin(Clock::system().now(), "", folder).await;
    let app = world.app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    app.bind_axb(X, A, B).await;
    world.stop().await;
    world
}

/// Takes pushes until each of `callers` had one; adds how often each had one to `pushes`.
async fn all_arrive(receiver: &Receiver, callers: &BTreeSet<String>, pushes: &mut BTreeMap<String, u32>) {
    let mut missing: BTreeSet<_> = callers.iter().filter(|caller| !pushes.contains_key(*caller)).collect();
    while !missing.is_empty() {
        let caller = caller_of(&receiver.next(STATUS).await.json());
        missing.remove(&caller);
        *pushes.entry(caller).or_default() += 1;
    }
}

fn caller_of(notice: &Value) -> String {
    notice["statusInfo"]["caller"].as_str().unwrap().to_owned()
}

/// Numbers that look random and are the same in each run.
fn scattered(n: u64) -> u64 {
    n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_report_that_was_acknowledged_before_one_of_many_kills_is_pushed() {
    let kills = std::env::var("PRIVNUM_SOAK_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let world = prepared(tempfile::tempdir().unwrap()).await;
    let (calls, mut acknowledged, mut pushes) = (Calls::default(), BTreeSet::new(), BTreeMap::new());
    for kill in 0..kills {
        let mut process = Process::serve(world.dir.path());
        let (reporters, mut answers) = report(&process.switch(), &calls);
        let mut until_the_kill = 1 + scattered(kill) % REPORTS_BETWEEN_KILLS;
        while let Some((caller, status)) = answers.recv().await {
            assert_eq!(status, 200);
            acknowledged.insert(caller);
            until_the_kill = until_the_kill.saturating_sub(1);
            if until_the_kill == 0 {
                process.kill();
            }
        }
        reporters.join_all().await;
        for push in world.receiver.all(STATUS) {
            *pushes.entry(caller_of(&push.json())).or_default() += 1;
        }
    }
    let _process = Process::serve(world.dir.path());
    all_arrive(&world.receiver, &acknowledged, &mut pushes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_ends_well_and_records_every_push_so_that_none_is_made_twice() {
    let world = prepared(tempfile::tempdir().unwrap()).await;
    let (calls, mut acknowledged, mut pushes) = (Calls::default(), BTreeSet::new(), BTreeMap::new());
    let mut process = Process::serve(world.dir.path());
    let (reporters, mut answers) = report(&process.switch(), &calls);
    while let Some((caller, status)) = answers.recv().await {
        // Whoever asks while it stops may be told so.
        if status == 200 {
            acknowledged.insert(caller);
        }
        if acknowledged.len() == 100 {
            process.signal("TERM");
        }
    }
    reporters.join_all().await;
    assert!(process.end().success());

    let _process = Process::serve(world.dir.path());
    all_arrive(&world.receiver, &acknowledged, &mut pushes).await;
    let twice: Vec<_> = pushes.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A file system of a few megabytes. Unmounted with this value.
struct SmallDisk<'d>(&'d Path);

impl<'d> SmallDisk<'d> {
    /// `None` where we may not mount.
    fn mount(at: &'d Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(at))
    }

    /// Takes what is left of it.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.0.join("ballast")).unwrap();
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0).status());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_reports_in_so_many_words_and_loses_none_that_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(disk) = SmallDisk::mount(&data, "64m") else {
        // Past the capture of what a test that passes prints.
        return writeln!(io::stderr(), "left out: a full disk (mounting one is not permitted here)").unwrap();
    };
    let world = prepared(folder).await;
    let (calls, mut acknowledged, mut pushes) = (Calls::default(), BTreeSet::new(), BTreeMap::new());
    let process = Process::serve(world.dir.path());
    let switch = process.switch();
    let (reporters, mut answers) = report(&switch, &calls);
    let mut refused = 0;
    while let Some((caller, status)) = answers.recv().await {
        match status {
            200 => _ = acknowledged.insert(caller),
            status => {
                assert_eq!(status, 503, "a refusal that tells the switch to come again");
                refused += 1;
            }
        }
        if acknowledged.len() == 100 && refused == 0 {
            disk.fill();
        }
    }
    reporters.join_all().await;
    assert_eq!(refused, REPORTERS, "each of them met the full disk");
    assert_eq!(switch.route("unreported", A, X).await["action"], "connect", "routes come from memory");
    let ready = async || {
        exchange(process.operator().address(), request("GET", "/readyz", &Headers::new(), b"")).await
    };
    let unready = ready().await;
    assert_eq!(unready.status, 503);
    let reason = unready.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("the store is unavailable: the disk is full: "), "{reason}");

    disk.free();
    soon(async {
        loop {
            let (caller, report) = calls.next();
            if switch.try_report(&report).await.is_some_and(|answer| answer.status == 200) {
                acknowledged.insert(caller);
                return;
            }
        }
    })
    .await;
    assert_eq!(ready().await.status, 200);
    all_arrive(&world.receiver, &acknowledged, &mut pushes).await;
    drop(process);
    drop(disk);
}
