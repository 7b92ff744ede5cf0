//! What deliveries are measured against: a client that posts bodies over kept connections as fast as they are
//! answered, and neither accepts, signs nor stores anything. In a process of its own, like the server.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use privnum::clock::Stopwatch;
use tokio::task::JoinSet;

use crate::Failed;
use crate::drive::Connection;

/// The process. It ends by itself when its time is over, or with this value.
#[derive(Debug)]
pub struct Pusher(Child);

impl Pusher {
    /// Starts it with the bodies in a file, one in each line.
    pub fn start(
        sink: SocketAddr,
        bodies: &Path,
        connections: usize,
        time: Duration,
    ) -> Result<Self, Failed> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["push", "--to", &sink.to_string(), "--bodies"]).arg(bodies);
        command.args(["--connections", &connections.to_string()]);
        command.args(["--seconds", &time.as_secs_f64().to_string()]);
        Ok(Self(command.stdin(Stdio::null()).spawn()?))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the process does.
pub fn push(to: SocketAddr, bodies: &Path, connections: usize, time: Duration) -> Result<(), Failed> {
    let bodies: Vec<Bytes> = fs::read_to_string(bodies)?.lines().map(|line| line.to_owned().into()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stopwatch = Stopwatch::start();
        let mut loops = JoinSet::new();
        for which in 0..connections.max(1) {
            let mut connection = Connection::open(to).await?;
            let bodies = bodies.clone();
            loops.spawn(async move {
                for body in bodies.iter().cycle().skip(which) {
                    if stopwatch.elapsed() >= time {
                        break;
                    }
                    connection.exchange(post(to, body.clone())).await?;
                }
                Ok::<_, String>(())
            });
        }
        loops.join_all().await.into_iter().collect::<Result<(), _>>()?;
        Ok(())
    })
}

fn post(to: SocketAddr, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri("/0")
        .header(HOST, to.to_string())
        .header(CONTENT_TYPE, "application/json;charset=UTF-8")
        .body(Full::from(body))
        .expect("a valid request")
}
