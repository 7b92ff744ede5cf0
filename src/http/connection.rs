//! One connection from its first byte to its close: handshake, requests, refusals, and a close that lets the
//! client read the last reply.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderName, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1::{self, Parts};
use hyper::service::{HttpService, service_fn};
use hyper::{Response, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::body::{self, RequestBody};
use super::gate::{Exchange, Gate, Leftover, REST_IN_MEMORY};
use super::reply::{Outgoing, Reply};
use super::request::{Request, RequestId};
use super::seats::Seat;
use super::server::{Refusal, Service, Shared, is_failure, refused};
use super::tls::Tls;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a closing connection goes on reading what the client still sends, and how much. A socket closed
/// with unread bytes resets the connection, and the reset can destroy the reply before the client reads it.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1024 * 1024;

/// Serves a connection until either side ends it. Holds `seat` until then.
pub(super) async fn attend<S: Service>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<Tls>>,
    shared: Arc<Shared<S>>,
    mut stopping: watch::Receiver<bool>,
    seat: Seat,
) {
    // Replies are written in one piece, so waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    if let Some(tls) = tls {
        // Boxed: the state of a handshake is large, and plain connections must not carry room for it.
        if let Some(stream) = Box::pin(handshake(stream, peer, &tls, &shared, &mut stopping)).await {
            Box::pin(converse(stream, peer, shared, stopping)).await;
        }
    } else {
        converse(stream, peer, shared, stopping).await;
    }
    drop(seat);
}

async fn handshake<S>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: &Tls,
    shared: &Shared<S>,
    stopping: &mut watch::Receiver<bool>,
) -> Option<TlsStream<TcpStream>> {
    let accepted = timeout(shared.limits.handshake_timeout, tls.acceptor().accept(stream));
    let outcome = tokio::select! {
        outcome = accepted => outcome,
        () = told(stopping) => return None,
    };
    match outcome {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(reason)) => debug!(peer = %peer.ip(), "TLS handshake failed: {reason}"),
        Err(_elapsed) => debug!(peer = %peer.ip(), "TLS handshake took too long"),
    }
    None
}

/// Tells a client in clear text that there is no connection left for it.
pub(super) async fn turn_away<S: Service>(mut stream: TcpStream, peer: SocketAddr, shared: &Shared<S>) {
    refuse(&mut stream, peer, shared, Refusal::Overloaded).await;
    close(stream, true).await;
}

/// Serves an open stream, in clear text or decrypted, until either side ends it; then closes it.
pub(super) async fn converse<I, S>(
    mut io: I,
    peer: SocketAddr,
    shared: Arc<Shared<S>>,
    mut stopping: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    let exchange = Exchange::new();
    let mut rest_max = shared.limits.keep_alive_idle;
    let mut begun = Bytes::new();
    let unread = loop {
        if begun.is_empty() {
            let Some(first) = first_byte(&mut io, rest_max, &mut stopping).await else { break false };
            begun = Bytes::copy_from_slice(&[first]);
        }
        let gate = Gate::new(io, begun, Arc::clone(&exchange), &shared.limits);
        let mut requests = shared.http.serve_connection(
            gate,
            service_fn(|request| {
                exchange.begin();
                answer(request, peer, Arc::clone(&shared), Arc::clone(&exchange))
            }),
        );
        let outcome = until_end(&mut requests, &mut stopping).await;
        let Parts { io: gate, read_buf, .. } = requests.into_parts();
        let rested = gate.rested();
        io = gate.into_inner();
        if rested {
            // Hyper and its buffers are let go until the next byte: most connections rest most of the time.
            // An empty rest of a buffer would keep the whole buffer alive.
            begun = if read_buf.is_empty() { Bytes::new() } else { read_buf };
            rest_max = shared.limits.keep_alive_idle.saturating_sub(REST_IN_MEMORY);
            continue;
        }
        let Err(failure) = outcome else { break matches!(exchange.take_leftover(), Leftover::Abandoned) };
        if failure.is_parse() && exchange.is_quiet() {
            let too_large = failure.is_parse_too_large();
            let refusal = if too_large { Refusal::HeadersTooLarge } else { Refusal::MalformedRequest };
            refuse(&mut io, peer, &shared, refusal).await;
            break true;
        }
        debug!(peer = %peer.ip(), "connection ended: {failure}");
        break matches!(exchange.take_leftover(), Leftover::Abandoned);
    };
    close(io, unread).await;
}

/// Waits for a request to begin. `None` when that is too late or will never be.
async fn first_byte<I: AsyncRead + Unpin>(
    io: &mut I,
    rest_max: Duration,
    stopping: &mut watch::Receiver<bool>,
) -> Option<u8> {
    tokio::select! {
        arrived = timeout(rest_max, io.read_u8()) => arrived.ok()?.ok(),
        () = told(stopping) => None,
    }
}

/// Runs `requests` to the end. When the listener stops, that is after the request in service.
async fn until_end<I, S>(
    requests: &mut http1::Connection<I, S>,
    stopping: &mut watch::Receiver<bool>,
) -> hyper::Result<()>
where
    I: Read + Write + Unpin,
    S: HttpService<Incoming, ResBody = Outgoing>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    tokio::select! {
        biased;
        outcome = &mut *requests => return outcome,
        () = told(stopping) => Pin::new(&mut *requests).graceful_shutdown(),
    }
    requests.await
}

/// Completes when the listener stops.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // An error means that the listener itself is gone, which is as good a reason to stop.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Answers one request.
async fn answer<S: Service>(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared<S>>,
    exchange: Arc<Exchange>,
) -> Result<Response<Outgoing>, Infallible> {
    let id = shared.request_ids.draw();
    let body_deadline = shared.limits.body_read_timeout;
    let (head, incoming) = request.into_parts();
    let (method, target, version) = (head.method.clone(), head.uri.clone(), head.version);
    let client_waits = head.headers.contains_key(EXPECT);
    let body = RequestBody::new(incoming, Arc::clone(&exchange), body_deadline);
    let request = Request::new(head, body, peer, id);

    let called = catch_panic(async { shared.service.call(request).await }).await;
    let mut reply = called.unwrap_or_else(|Panicked| refused(&shared.service, Refusal::Panicked));
    if is_failure(reply.status) {
        shared.log_failure(&reply, id, peer, method.as_str(), target.path());
        show_id(&mut reply, id);
    }
    let settled = body::settle(exchange.take_leftover(), client_waits, body_deadline).await;
    if !settled {
        // For the close at the end: there is more to come that nobody will read.
        exchange.leave(Leftover::Abandoned);
    }
    // To HTTP/1.0 the end of a stream is the close of the connection.
    let ends_by_close = version == Version::HTTP_10 && reply.body.has_no_length();
    let mut response = reply.into_response(exchange);
    if !settled || ends_by_close {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        // Otherwise hyper would contradict us with the `keep-alive` that the HTTP/1.0 client asked for.
        *response.version_mut() = version;
    }
    Ok(response)
}

struct Panicked;

/// Runs `future`; its panic ends it and nothing else. What it shares with others must stay sound then, which
/// holds for locks that mark themselves poisoned and for channels.
async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_payload) => Poll::Ready(Err(Panicked)),
    })
    .await
}

fn show_id(reply: &mut Reply, id: RequestId) {
    let value = HeaderValue::try_from(id.to_string()).expect("hexadecimal digits and a dash");
    reply.headers.insert(REQUEST_ID, value);
}

/// Sends the service's reply to something that never became a request. Hyper renders it: it is given a blank
/// request to answer in place of what the client sent.
async fn refuse<I, S>(io: &mut I, peer: SocketAddr, shared: &Shared<S>, refusal: Refusal)
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    let blank = BlankRequest { io: TokioIo::new(io), unread: b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n" };
    let respond = service_fn(|_| {
        let mut reply = refused(&shared.service, refusal);
        let id = shared.request_ids.draw();
        shared.log_failure(&reply, id, peer, "-", "-");
        show_id(&mut reply, id);
        async { Ok::<_, Infallible>(reply.into_response(Exchange::new())) }
    });
    // The client may be gone or not reading; either way this was the last it hears from us.
    let _ = timeout(LINGER_TIME, shared.http.serve_connection(blank, respond)).await;
}

/// Closes the connection; when the client may still be sending, reads on for a bounded while.
async fn close<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, unread: bool) {
    let farewell = async {
        io.shutdown().await?;
        if unread {
            tokio::io::copy(&mut io.take(LINGER_BYTES), &mut tokio::io::sink()).await?;
        }
        io::Result::Ok(())
    };
    // Whatever fails here, the connection is over.
    let _ = timeout(LINGER_TIME, farewell).await;
}

/// A connection on which one fixed request arrives and whose replies go to the real client.
struct BlankRequest<I> {
    io: TokioIo<I>,
    unread: &'static [u8],
}

impl<I: Unpin> Read for BlankRequest<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self.unread.split_at(buf.remaining().min(self.unread.len()));
        buf.put_slice(now);
        self.unread = later;
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> Write for BlankRequest<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Leaves the socket open for [`close`].
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
