//! One connection to a receiver: hyper's two halves of it, and what we know about it.
//!
//! No task moves its bytes in the background. Whoever waits for something from it moves them meanwhile, and nobody waits for
//! an idle connection. That saves a task per connection and, for each push, two switches between tasks.

use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::failure::FailureClass;
use super::stream::{FirstByte, Noted};

/// Most headers of an answer that are read.
const HEADERS_MAX: usize = 100;

/// Why a push over a connection came to nothing.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: FailureClass,
    /// Not a single byte of an answer had come.
    pub(super) before_any_byte: bool,
}

/// What moves the bytes of a connection. Dropping it closes the connection.
pub(super) struct Driver(Stage);

enum Stage {
    Moving(Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>),
    /// The connection has ended; by this error, if by one.
    Ended(Option<hyper::Error>),
}

impl Driver {
    /// Moves the bytes of hyper's half.
    pub(super) fn of(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> Self {
        Self(Stage::Moving(Box::pin(connection)))
    }

    /// Moves what can be moved now. Ready when the connection has ended.
    fn poll_move(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Stage::Moving(connection) = &mut self.0 else { return Poll::Ready(()) };
        let Poll::Ready(ended) = connection.as_mut().poll(context) else { return Poll::Pending };
        self.0 = Stage::Ended(ended.err());
        Poll::Ready(())
    }

    /// Waits for `wanted`, and moves the bytes of the connection until it is there.
    pub(super) async fn until<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|context| {
            if let Poll::Ready(there) = wanted.as_mut().poll(context) {
                return Poll::Ready(there);
            }
            let _ = self.poll_move(context);
            // It may be what has just been moved, or have ended with the connection.
            wanted.as_mut().poll(context)
        })
        .await
    }

    /// Waits for the end of the connection, and tells what ended it.
    async fn end(&mut self) -> Option<&hyper::Error> {
        poll_fn(|context| self.poll_move(context)).await;
        match &self.0 {
            Stage::Moving(_) => None,
            Stage::Ended(error) => error.as_ref(),
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::Moving(_) => "Moving",
            Stage::Ended(_) => "Ended",
        })
    }
}

/// A connection over which one request at a time can be sent.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    first_byte: FirstByte,
    /// The other end; behind an egress proxy the address that it was asked for.
    pub(super) address: SocketAddr,
}

impl Connection {
    /// Over `stream`, which is connected to `address`, TLS included if it is wanted.
    pub(super) async fn over<S>(stream: S, address: SocketAddr) -> Result<Self, FailureClass>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let first_byte = FirstByte::default();
        let noted = Noted { inner: stream, first_byte: first_byte.clone() };
        let mut builder = http1::Builder::new();
        // Names go out as `Content-Type`: receivers in the field compare with case.
        builder.title_case_headers(true).max_headers(HEADERS_MAX).max_buf_size(super::HEAD_MAX);
        let handshake = builder.handshake(TokioIo::new(noted)).await;
        let (sender, connection) = handshake.map_err(|error| FailureClass::of_exchange(&error))?;
        Ok(Self { sender, driver: Driver::of(connection), first_byte, address })
    }

    /// Whether the other side has kept it open so far.
    pub(super) fn is_open(&mut self) -> bool {
        // While it was idle nobody looked.
        let looked = self.driver.poll_move(&mut Context::from_waker(Waker::noop()));
        looked.is_pending() && self.sender.is_ready()
    }

    /// When the first byte of the last answer came.
    pub(super) fn first_byte_at(&self) -> Option<Instant> {
        self.first_byte.at()
    }

    /// Sends one request. Ends when the head of the answer is complete.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        self.first_byte.expect();
        let error = match self.driver.until(self.sender.send_request(request)).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let failure = match FailureClass::of_exchange(&error) {
            // The request found the connection broken; why it broke the driver knows.
            FailureClass::ClosedBeforeAnswer if error.is_canceled() || error.is_closed() => {
                self.driver.end().await.map_or(FailureClass::ClosedBeforeAnswer, FailureClass::of_exchange)
            }
            failure => failure,
        };
        Err(Broken { failure, before_any_byte: self.first_byte.at().is_none() })
    }

    /// Waits for something that comes over this connection.
    pub(super) async fn until<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        self.driver.until(wanted).await
    }

    /// Waits until another request can be sent, at most until `deadline`. False: it never can.
    pub(super) async fn is_ready_before(&mut self, deadline: Instant) -> bool {
        let ready = timeout_at(deadline, self.driver.until(self.sender.ready())).await;
        ready.is_ok_and(|ready| ready.is_ok())
    }
}
