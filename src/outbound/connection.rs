//! One connection to a receiver: hyper's two halves of it, and what we know about it.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
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

/// The task that moves the bytes of a connection. Dropping this ends the task and closes the connection.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<hyper::Result<()>>);

impl Driver {
    pub(super) fn spawn(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> Self {
        Self(tokio::spawn(connection))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
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
        Ok(Self { sender, driver: Driver::spawn(connection), first_byte, address })
    }

    /// Whether the other side has kept it open so far.
    pub(super) fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    /// When the first byte of the last answer came.
    pub(super) fn first_byte_at(&self) -> Option<Instant> {
        self.first_byte.at()
    }

    /// Sends one request. Ends when the head of the answer is complete.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        self.first_byte.expect();
        let error = match self.sender.send_request(request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let failure = match FailureClass::of_exchange(&error) {
            // The request found the connection broken; why it broke the driver knows.
            FailureClass::ClosedBeforeAnswer if error.is_canceled() || error.is_closed() => {
                match (&mut self.driver.0).await {
                    Ok(Err(error)) => FailureClass::of_exchange(&error),
                    Ok(Ok(())) | Err(_) => FailureClass::ClosedBeforeAnswer,
                }
            }
            failure => failure,
        };
        Err(Broken { failure, before_any_byte: self.first_byte.at().is_none() })
    }

    /// Waits until another request can be sent, at most until `deadline`. False: it never can.
    pub(super) async fn is_ready_before(&mut self, deadline: Instant) -> bool {
        timeout_at(deadline, self.sender.ready()).await.is_ok_and(|ready| ready.is_ok())
    }
}
