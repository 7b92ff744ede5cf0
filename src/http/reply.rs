//! A reply: status, headers, and a body that is either there in full or streamed piece by piece.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use tokio::sync::mpsc;

use super::gate::Exchange;

/// Pieces of a streamed body in flight between producer and socket. Few: a producer ahead of its reader only
/// holds memory.
const PIECES_MAX: usize = 4;

/// What the service answers. Length, chunking, `date` and `connection` are added on the way out.
#[derive(Debug)]
pub struct Reply {
    /// The final status; never 1xx.
    pub status: StatusCode,
    /// The `content-type`, if any.
    pub content_type: Option<&'static str>,
    /// Further headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody,
    /// What went wrong, for the log of a failed request (4xx at debug level, 5xx at error level). Never sent;
    /// no secrets or full numbers all the same.
    pub detail: Option<String>,
}

impl Reply {
    /// A reply with a body.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<ReplyBody>) -> Self {
        Self { content_type: Some(content_type), body: body.into(), ..Self::empty(status) }
    }

    /// A reply without a body.
    pub fn empty(status: StatusCode) -> Self {
        let body = ReplyBody::Full(Bytes::new());
        Self { status, content_type: None, headers: HeaderMap::new(), body, detail: None }
    }

    /// Sets one header, replacing what it was.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the detail for the log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// As hyper sends it; the end of sending is reported to `exchange`.
    pub(super) fn into_response(self, exchange: Arc<Exchange>) -> Response<Outgoing> {
        let mut response = Response::new(Outgoing { body: self.body, exchange });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(content_type) = self.content_type {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        response
    }
}

/// The body of a reply.
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it; sent with its length.
    Full(Bytes),
    /// Sent as it is produced. Without a length: chunked to HTTP/1.1, up to the close of the connection to
    /// HTTP/1.0.
    Stream(BodyReader),
}

impl ReplyBody {
    /// A streamed body and the end that feeds it, which usually moves into a task of its own.
    pub fn stream() -> (BodyWriter, Self) {
        Self::channel(None)
    }

    /// The same for a body whose length in bytes is known, which is then sent first.
    pub fn stream_of(length: u64) -> (BodyWriter, Self) {
        Self::channel(Some(length))
    }

    fn channel(left: Option<u64>) -> (BodyWriter, Self) {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        (BodyWriter { sender }, Self::Stream(BodyReader { receiver, left, ended: false }))
    }

    /// Whether only the close of the connection shows where it ends, to a client that knows no chunks.
    pub(super) fn has_no_length(&self) -> bool {
        matches!(self, Self::Stream(reader) if reader.left.is_none())
    }
}

impl<T: Into<Bytes>> From<T> for ReplyBody {
    fn from(body: T) -> Self {
        Self::Full(body.into())
    }
}

/// Feeds a streamed reply. Dropped without [`finish`](Self::finish) the transfer breaks off visibly, so that
/// half an export is never taken for a whole one.
#[derive(Debug)]
pub struct BodyWriter {
    sender: mpsc::Sender<Piece>,
}

impl BodyWriter {
    /// Sends the next piece (best between 4 and 64 KiB); waits while the client reads slower than we produce.
    pub async fn send(&mut self, piece: Bytes) -> Result<(), ReaderGone> {
        self.sender.send(Piece::Bytes(piece)).await.map_err(|_| ReaderGone)
    }

    /// Marks the body complete.
    pub async fn finish(self) -> Result<(), ReaderGone> {
        self.sender.send(Piece::End).await.map_err(|_| ReaderGone)
    }
}

/// The client hung up or stopped reading: producing more is useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client no longer reads the reply")]
pub struct ReaderGone;

/// The reading end of [`BodyWriter`]; only the connection uses it.
#[derive(Debug)]
pub struct BodyReader {
    receiver: mpsc::Receiver<Piece>,
    /// Bytes still to come, if that is known.
    left: Option<u64>,
    ended: bool,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// A reply body on its way through hyper. Its drop is the sign that hyper has taken in all of it.
pub(super) struct Outgoing {
    body: ReplyBody,
    exchange: Arc<Exchange>,
}

/// The producer of a streamed body was dropped before it finished.
#[derive(Debug, thiserror::Error)]
#[error("the reply broke off: its producer did not finish")]
pub(super) struct BrokenOff;

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let reader = match &mut self.body {
            ReplyBody::Full(bytes) if bytes.is_empty() => return Poll::Ready(None),
            ReplyBody::Full(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            ReplyBody::Stream(reader) if reader.ended => return Poll::Ready(None),
            ReplyBody::Stream(reader) => reader,
        };
        Poll::Ready(match ready!(reader.receiver.poll_recv(cx)) {
            Some(Piece::Bytes(piece)) => {
                reader.left = reader.left.map(|left| left.saturating_sub(piece.len() as u64));
                Some(Ok(Frame::data(piece)))
            }
            Some(Piece::End) => {
                reader.ended = true;
                None
            }
            None => Some(Err(BrokenOff)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            ReplyBody::Full(bytes) => bytes.is_empty(),
            ReplyBody::Stream(reader) => reader.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            ReplyBody::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            ReplyBody::Stream(reader) => reader.left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.exchange.reply_taken_in();
    }
}
