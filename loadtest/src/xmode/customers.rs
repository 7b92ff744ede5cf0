//! The customers' receivers: each answers questions in a time of its own, or never.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use privnum::clock::Stopwatch;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};

use super::lock;
use crate::Failed;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// What every question is answered.
const REPLY: &str =
    r#"{"operation":"connect","connectInfo":{"calleeNum":"+8613800000002","userData":"loadtest"}}"#;

/// Receivers that run in a thread of their own until the process ends.
#[derive(Clone, Debug)]
pub struct Customers {
    port: u16,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    /// So many, counted from the first, never answer.
    hung: u32,
    /// The slowest of the others takes so long, in milliseconds.
    answer_ms: u32,
    /// By the number of the caller: how long the customer took, from the whole question to its answer.
    held: Mutex<HashMap<u64, Duration>>,
}

impl Customers {
    /// Starts so many, of which the first `hung` never answer.
    pub fn start(customers: u32, hung: u32, answer_ms: u32) -> Result<Self, Failed> {
        assert!(customers < 60_000, "each has an address of its own");
        let desk = Arc::new(Desk { hung, answer_ms: answer_ms.max(1), held: Mutex::default() });
        let (bound, told) = mpsc::channel();
        let of_thread = Arc::clone(&desk);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime without threads of its own").block_on(async {
                match listen() {
                    Ok((listener, port)) => {
                        drop(bound.send(Ok(port)));
                        serve(listener, of_thread).await;
                    }
                    Err(error) => drop(bound.send(Err(error))),
                }
            });
        });
        Ok(Self { port: told.recv()??, desk })
    }

    /// Where customer `n` is asked: at an address of its own.
    pub fn url(&self, n: u64) -> String {
        format!("http://127.1.{}.{}:{}/{n}", n / 250, n % 250 + 1, self.port)
    }

    /// How long the customer took over the call of this caller; `None` when it did not answer.
    pub fn held(&self, caller: u64) -> Option<Duration> {
        lock(&self.desk.held).remove(&caller)
    }
}

/// On all addresses, but only reachable from this machine.
fn listen() -> Result<(TcpListener, u16), std::io::Error> {
    let socket = TcpSocket::new_v4()?;
    socket.bind_device(Some(b"lo"))?;
    socket.bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let port = socket.local_addr()?.port();
    Ok((socket.listen(BACKLOG)?, port))
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: some come back when questions end.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        drop(stream.set_nodelay(true));
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&desk), request));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let customer: u32 = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let stopwatch = Stopwatch::start();
    if customer < desk.hung {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_millis((customer % desk.answer_ms + 1).into())).await;
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let caller =
        question["statusInfo"]["caller"].as_str().and_then(|caller| caller.strip_prefix('+')?.parse().ok());
    if let Some(caller) = caller {
        lock(&desk.held).insert(caller, stopwatch.elapsed());
    }
    Ok(Response::new(Full::from(REPLY)))
}
