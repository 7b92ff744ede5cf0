//! What stands between hyper and the socket. It knows whether a request is in service, and from that
//!
//! - which wait on the socket has which deadline, with one lazily moved timer per connection, not per request;
//! - which bytes are hyper's own. Hyper refuses what it cannot parse with an empty reply; written while no
//!   request is in service and no reply is under way, such bytes are held back, and the connection sends the
//!   service's refusal in their place.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::server::Limits;

/// No request in service; every byte of the last reply is with the socket.
const QUIET: u8 = 0;
/// A request is in service, or its reply is being produced.
const IN_SERVICE: u8 = 1;
/// Hyper has taken in the whole reply but may not have written all of it.
const FLUSHING: u8 = 2;

/// How long a connection keeps hyper's buffers (16 KiB) while it rests between requests.
pub(super) const REST_IN_MEMORY: Duration = Duration::from_secs(1);

/// The state of a connection that its socket side and its service side share. Both run in one task, so plain
/// atomics without ordering between them suffice.
pub(super) struct Exchange {
    stage: AtomicU8,
    leftover: Mutex<Leftover>,
}

/// What a finished request left of its body.
pub(super) enum Leftover {
    /// It was read to the end, or there was none.
    Nothing,
    /// It can still be read.
    Unread(Incoming),
    /// It was given up half-way.
    Abandoned,
}

impl Exchange {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { stage: AtomicU8::new(QUIET), leftover: Mutex::new(Leftover::Nothing) })
    }

    /// A request head is complete and goes to the service.
    pub(super) fn begin(&self) {
        self.stage.store(IN_SERVICE, Ordering::Relaxed);
    }

    /// Hyper holds the whole reply.
    pub(super) fn reply_taken_in(&self) {
        self.stage.store(FLUSHING, Ordering::Relaxed);
    }

    /// No request is in service and no reply is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == QUIET
    }

    /// Hands over what is left of the body of the request in service.
    pub(super) fn leave(&self, leftover: Leftover) {
        *self.leftover.lock().unwrap_or_else(PoisonError::into_inner) = leftover;
    }

    pub(super) fn take_leftover(&self) -> Leftover {
        let mut leftover = self.leftover.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut leftover, Leftover::Nothing)
    }

    /// The socket took every byte hyper had. `true` when that completes a reply.
    fn flushed(&self) -> bool {
        let completes = self.stage.load(Ordering::Relaxed) == FLUSHING;
        if completes {
            self.stage.store(QUIET, Ordering::Relaxed);
        }
        completes
    }
}

/// A socket with deadlines.
pub(super) struct Gate<I> {
    /// Bytes that were read from the socket before hyper saw it.
    begun: Bytes,
    io: TokioIo<I>,
    exchange: Arc<Exchange>,
    rest_max: Duration,
    rested: bool,
    head_max: Duration,
    write_max: Duration,
    /// Whether the bytes of a request head have begun to arrive, and since when we wait.
    head_begun: bool,
    waiting_since: Instant,
    /// When the socket stopped taking bytes; `None` while it does.
    stuck_since: Option<Instant>,
    /// May ring early, never late: moving it on each request would cost more than asking it.
    timer: Pin<Box<Sleep>>,
}

impl<I> Gate<I> {
    /// A gate before `io`, on which a request has just begun with the bytes `begun`.
    pub(super) fn new(io: I, begun: Bytes, exchange: Arc<Exchange>, limits: &Limits) -> Self {
        let now = Instant::now();
        let rest_max = limits.keep_alive_idle.min(REST_IN_MEMORY);
        Self {
            begun,
            io: TokioIo::new(io),
            exchange,
            rest_max,
            rested: false,
            head_max: limits.header_read_timeout,
            write_max: limits.write_timeout,
            head_begun: true,
            waiting_since: now,
            stuck_since: None,
            timer: Box::pin(tokio::time::sleep_until(now + rest_max)),
        }
    }

    /// Whether the connection ended because no request came for [`REST_IN_MEMORY`] or the whole time allowed.
    pub(super) fn rested(&self) -> bool {
        self.rested
    }

    pub(super) fn into_inner(self) -> I {
        self.io.into_inner()
    }

    /// Ready once `deadline` is past; otherwise the task is woken no later than then.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Error> {
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(deadline);
        }
    }

    fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.stuck_since.get_or_insert_with(Instant::now);
        self.poll_deadline(cx, since + self.write_max)
    }
}

impl<I: AsyncRead + Unpin> Read for Gate<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.begun.is_empty() {
            let length = self.begun.len().min(buf.remaining());
            buf.put_slice(&self.begun.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if !self.exchange.is_quiet() {
            // The bytes of a body: reading those has a deadline of its own.
            return polled;
        }
        match polled {
            Poll::Ready(outcome) => {
                if !self.head_begun {
                    self.head_begun = true;
                    self.waiting_since = Instant::now();
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                let patience = if self.head_begun { self.head_max } else { self.rest_max };
                let deadline = self.waiting_since + patience;
                let too_late = ready!(self.poll_deadline(cx, deadline));
                self.rested = !self.head_begun;
                Poll::Ready(Err(too_late))
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> Write for Gate<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.exchange.is_quiet() {
            return Poll::Ready(Ok(bytes.len()));
        }
        match Pin::new(&mut self.io).poll_write(cx, bytes) {
            Poll::Ready(outcome) => {
                self.stuck_since = None;
                Poll::Ready(outcome)
            }
            Poll::Pending => self.poll_stuck(cx).map(Err),
        }
    }

    /// Hyper calls this only once it has nothing more to write, which is how the end of a reply is known.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(outcome) => {
                self.stuck_since = None;
                if self.exchange.flushed() {
                    self.head_begun = false;
                    self.waiting_since = Instant::now();
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => self.poll_stuck(cx).map(Err),
        }
    }

    /// Leaves the socket open: a refusal may still have to be sent. The connection closes it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::rt::ReadBuf;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const SOCKET_BYTES: usize = 64;

    /// A gate on which a request begins now, with 10 s for a head and 20 s for a stuck reply, and its client.
    fn gate() -> (Gate<DuplexStream>, Arc<Exchange>, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(SOCKET_BYTES);
        let exchange = Exchange::new();
        let limits = Limits {
            header_read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(20),
            ..Limits::default()
        };
        (Gate::new(ours, Bytes::from_static(b"G"), Arc::clone(&exchange), &limits), exchange, theirs)
    }

    async fn read(gate: &mut Gate<DuplexStream>) -> io::Result<()> {
        let mut bytes = [0; 8];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Pin::new(&mut *gate).poll_read(cx, buffer.unfilled())).await
    }

    async fn write(gate: &mut Gate<DuplexStream>, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *gate).poll_write(cx, bytes)).await
    }

    async fn finish_reply(gate: &mut Gate<DuplexStream>, exchange: &Exchange) {
        exchange.reply_taken_in();
        poll_fn(|cx| Pin::new(&mut *gate).poll_flush(cx)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_dribbles_in_has_one_deadline_from_its_first_byte() {
        let (mut gate, _, mut client) = gate();
        let begun = Instant::now();
        read(&mut gate).await.unwrap();
        for _ in 0..3 {
            client.write_all(b"x").await.unwrap();
            read(&mut gate).await.unwrap();
            tokio::time::advance(Duration::from_secs(3)).await;
        }
        assert_eq!(read(&mut gate).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert!(!gate.rested());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_between_requests_is_counted_from_the_last_reply() {
        let (mut gate, exchange, mut client) = gate();
        read(&mut gate).await.unwrap();
        for _ in 0..3 {
            tokio::time::advance(REST_IN_MEMORY * 3 / 4).await;
            client.write_all(b"GET").await.unwrap();
            read(&mut gate).await.unwrap();
            exchange.begin();
            finish_reply(&mut gate, &exchange).await;
        }
        let replied = Instant::now();
        assert_eq!(read(&mut gate).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(replied.elapsed().as_secs(), REST_IN_MEMORY.as_secs());
        assert!(gate.rested());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_is_given_up_once_the_client_has_taken_nothing_for_too_long() {
        let (mut gate, exchange, mut client) = gate();
        exchange.begin();
        assert_eq!(write(&mut gate, &[0; 2 * SOCKET_BYTES]).await.unwrap(), SOCKET_BYTES);
        let mut some = [0; 1];
        tokio::time::advance(Duration::from_secs(15)).await;
        client.read_exact(&mut some).await.unwrap();
        assert_eq!(write(&mut gate, b"xy").await.unwrap(), 1);
        let stuck = Instant::now();
        assert_eq!(write(&mut gate, b"y").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(stuck.elapsed().as_secs(), 20);
    }

    #[tokio::test]
    async fn only_bytes_of_a_request_in_service_reach_the_client() {
        let (mut gate, exchange, mut client) = gate();
        assert_eq!(write(&mut gate, b"hyper's own").await.unwrap(), 11);
        exchange.begin();
        write(&mut gate, b"the reply").await.unwrap();
        finish_reply(&mut gate, &exchange).await;
        write(&mut gate, b"hyper's own").await.unwrap();
        drop(gate);
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "the reply");
    }
}
