//! The receiver of all pushes: it answers 200 with nothing in it and counts, or never answers.
//!
//! App `n` has the path `/n`. With an address of its own for each app (all of 127.0.0.0/8 is this machine) no two
//! apps share a host, as in the field.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use privnum::clock::Stopwatch;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

use crate::Failed;
use crate::drive::latencies;

/// Bodies that are kept, for whoever wants to post the same.
const KEPT_MAX: usize = 1_024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;

/// What came.
#[derive(Debug)]
pub struct Desk {
    /// Pushes that were answered.
    pub received: AtomicU64,
    /// Pushes that are not answered and wait.
    pub hanging: AtomicUsize,
    /// One permit for each push that came and was not waited for yet.
    pub arrivals: Semaphore,
    /// When the open notice of each app was reported, in microseconds of `stopwatch` and at least 1; 0 = none is.
    reported: Vec<AtomicU64>,
    stopwatch: Stopwatch,
    kept: Mutex<Vec<Bytes>>,
    delays: Mutex<Histogram<u64>>,
    /// Of how many apps, counted from the first, pushes hang.
    hung: u32,
}

/// A sink that runs in a thread of its own until the process ends.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Its port, on every address of this machine's loopback.
    port: u16,
    /// What came.
    pub desk: Arc<Desk>,
}

impl Sink {
    /// Starts one for so many apps, of which the first `hung` get no answer.
    pub fn start(apps: u32, hung: u32) -> Result<Self, Failed> {
        let desk = Arc::new(Desk {
            received: AtomicU64::new(0),
            hanging: AtomicUsize::new(0),
            arrivals: Semaphore::new(0),
            reported: (0..apps).map(|_| AtomicU64::new(0)).collect(),
            stopwatch: Stopwatch::start(),
            kept: Mutex::default(),
            delays: Mutex::new(latencies()),
            hung,
        });
        let (bound, told) = mpsc::channel();
        let of_thread = Arc::clone(&desk);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime without threads of its own");
            runtime.block_on(async {
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

    /// Where everybody can reach it.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of an app at an address of its own.
    pub fn own_url(&self, app: u32) -> String {
        let [_, b, c, d] = (app + 1).to_be_bytes();
        format!("http://127.{}.{c}.{d}:{}/{app}", b + 1, self.port)
    }
}

impl Desk {
    /// The bodies of the first pushes.
    pub fn kept(&self) -> Vec<Bytes> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the one notice of an app is reported now. `false` = the one before has not come yet.
    pub fn report(&self, app: u32) -> bool {
        let now = self.micros().max(1);
        self.reported[app as usize].swap(now, Ordering::Relaxed) == 0
    }

    /// From report to arrival, in microseconds, of everything since this was asked last.
    pub fn take_delays(&self) -> Histogram<u64> {
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *delays, latencies())
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn arrived(&self, app: u32, body: Bytes) {
        if self.received.fetch_add(1, Ordering::Relaxed) < KEPT_MAX as u64 {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        }
        self.arrivals.add_permits(1);
        let reported =
            self.reported.get(app as usize).map_or(0, |reported| reported.swap(0, Ordering::Relaxed));
        if reported > 0 {
            let delay = self.micros().saturating_sub(reported);
            self.delays.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(delay);
        }
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
            // Out of descriptors: some come back when pushes end.
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

async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let app = request.uri().path().trim_start_matches('/').parse().unwrap_or(u32::MAX);
    if app < desk.hung {
        let _hanging = Hanging::begin(desk);
        std::future::pending::<()>().await;
    } else if let Ok(body) = request.into_body().collect().await {
        desk.arrived(app, body.to_bytes());
    }
    Ok(Response::new(Empty::new()))
}

/// A push that gets no answer. Ends when the other side hangs up.
struct Hanging(Arc<Desk>);

impl Hanging {
    fn begin(desk: Arc<Desk>) -> Self {
        desk.hanging.fetch_add(1, Ordering::Relaxed);
        Self(desk)
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.hanging.fetch_sub(1, Ordering::Relaxed);
    }
}
