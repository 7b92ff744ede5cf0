//! What deliveries are measured against: a client that posts bodies over kept connections as fast as they are
//! answered, and neither accepts, signs nor stores anything. In a process of its own, like the server.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use privnum::clock::Stopwatch;
use tokio::task::JoinSet;

use crate::Failed;
use crate::drive::Connection;
use crate::options::Client;

const JSON: &str = "application/json;charset=UTF-8";

/// The process. It ends by itself when its time is over, or with this value.
#[derive(Debug)]
pub struct Pusher(Child);

impl Pusher {
    /// Starts it with the bodies in a file, one in each line.
    pub fn start(
        client: Client,
        sink: SocketAddr,
        bodies: &Path,
        connections: usize,
        time: Duration,
    ) -> Result<Self, Failed> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["push", "--to", &sink.to_string(), "--bodies"]).arg(bodies);
        command.args(["--client", client.name()]);
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
pub fn push(
    client: Client,
    to: SocketAddr,
    bodies: &Path,
    connections: usize,
    time: Duration,
) -> Result<(), Failed> {
    let bodies: Vec<Bytes> = fs::read_to_string(bodies)?.lines().map(|line| line.to_owned().into()).collect();
    let (bodies, connections) = (Arc::new(bodies), connections.max(1));
    match client {
        // More threads would not make it faster.
        Client::Hyper => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(push_with_hyper(to, bodies, connections, time))
        }
        Client::Reqwest => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(push_with_reqwest(to, bodies, connections, time))
        }
    }
}

async fn push_with_hyper(
    to: SocketAddr,
    bodies: Arc<Vec<Bytes>>,
    connections: usize,
    time: Duration,
) -> Result<(), Failed> {
    let stopwatch = Stopwatch::start();
    let mut loops = JoinSet::new();
    for which in 0..connections {
        let (mut connection, bodies) = (Connection::open(to).await?, Arc::clone(&bodies));
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
    Ok(loops.join_all().await.into_iter().collect::<Result<(), _>>()?)
}

fn post(to: SocketAddr, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri("/0")
        .header(HOST, to.to_string())
        .header(CONTENT_TYPE, JSON)
        .body(Full::from(body))
        .expect("a valid request")
}

async fn push_with_reqwest(
    to: SocketAddr,
    bodies: Arc<Vec<Bytes>>,
    connections: usize,
    time: Duration,
) -> Result<(), Failed> {
    // Nothing is encrypted here, but the client is not built without one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().http1_only().no_proxy().build()?;
    let url = reqwest::Url::parse(&format!("http://{to}/0"))?;
    let stopwatch = Stopwatch::start();
    let mut loops = JoinSet::new();
    for which in 0..connections {
        let (client, url, bodies) = (client.clone(), url.clone(), Arc::clone(&bodies));
        loops.spawn(async move {
            for body in bodies.iter().cycle().skip(which) {
                if stopwatch.elapsed() >= time {
                    break;
                }
                let request = client.post(url.clone()).header(CONTENT_TYPE, JSON).body(body.clone());
                request.send().await?.error_for_status()?.bytes().await?;
            }
            Ok::<_, reqwest::Error>(())
        });
    }
    Ok(loops.join_all().await.into_iter().collect::<Result<(), _>>()?)
}
