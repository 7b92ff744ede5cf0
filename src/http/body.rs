//! The body of a request: a read with a limit and a deadline, and what becomes of a body that was left unread.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::gate::{Exchange, Leftover};

/// Why a body could not be read. Says what to answer; the client is still listening in all but `Broken`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is, or says it will be, longer than the limit: answer 413 or its like.
    #[error("the request body is larger than allowed")]
    TooLarge,
    /// It did not arrive within the deadline: answer 408 or its like.
    #[error("the request body did not arrive in time")]
    TooSlow,
    /// It ended early or its chunks make no sense: answer 400, perhaps to nobody.
    #[error("the request body is cut short or badly framed")]
    Broken,
}

/// How much of an unread body is taken in to keep the connection. More costs more than a new connection.
const DRAIN_BYTES: u64 = 64 * 1024;
/// How long a reply is held back for the rest of an unread body.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The body of the request in service. When dropped with bytes to come it goes back to the connection.
pub(super) struct RequestBody {
    /// `None` once the end was reached or an error was met.
    incoming: Option<Incoming>,
    exchange: Arc<Exchange>,
    deadline: Duration,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, exchange: Arc<Exchange>, deadline: Duration) -> Self {
        let incoming = (!incoming.is_end_stream()).then_some(incoming);
        Self { incoming, exchange, deadline }
    }

    pub(super) async fn read(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let Some(incoming) = &mut self.incoming else { return Ok(Bytes::new()) };
        if incoming.size_hint().lower() > limit as u64 {
            return Err(BodyError::TooLarge);
        }
        let outcome = match tokio::time::timeout(self.deadline, collect(incoming, limit)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(BodyError::TooSlow),
        };
        match outcome {
            Ok(_) => self.incoming = None,
            // What is still to come may be short enough to drain.
            Err(BodyError::TooLarge) => {}
            Err(BodyError::TooSlow | BodyError::Broken) => {
                self.incoming = None;
                self.exchange.leave(Leftover::Abandoned);
            }
        }
        outcome
    }
}

impl RequestBody {
    /// The least size that the body announces; 0 when it announces none.
    pub(super) fn announced(&self) -> u64 {
        self.incoming.as_ref().map_or(0, |incoming| incoming.size_hint().lower())
    }

    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let Some(incoming) = &mut self.incoming else { return Ok(None) };
            let failure = match tokio::time::timeout(self.deadline, incoming.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => return Ok(Some(piece)),
                    Err(_trailers) => continue,
                },
                Ok(None) => {
                    self.incoming = None;
                    return Ok(None);
                }
                Ok(Some(Err(_))) => BodyError::Broken,
                Err(_elapsed) => BodyError::TooSlow,
            };
            self.incoming = None;
            self.exchange.leave(Leftover::Abandoned);
            return Err(failure);
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            self.exchange.leave(Leftover::Unread(incoming));
        }
    }
}

async fn collect(incoming: &mut Incoming, limit: usize) -> Result<Bytes, BodyError> {
    // Nearly every body arrives as one frame, which is then passed on without a copy.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + joined.len() + piece.len() > limit {
            return Err(BodyError::TooLarge);
        }
        if joined.is_empty() && first.is_empty() {
            first = piece;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&piece);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// Gets rid of what a request left unread. `true` when the connection can carry another request; otherwise the
/// reply must announce the close. A client that waits for `100 Continue` is never told to go on.
pub(super) async fn settle(leftover: Leftover, client_waits: bool, body_deadline: Duration) -> bool {
    match leftover {
        Leftover::Nothing => true,
        Leftover::Abandoned => false,
        Leftover::Unread(_) if client_waits => false,
        Leftover::Unread(mut incoming) => {
            let drained = tokio::time::timeout(DRAIN_TIME.min(body_deadline), drain(&mut incoming)).await;
            drained.unwrap_or(false)
        }
    }
}

async fn drain(incoming: &mut Incoming) -> bool {
    if incoming.size_hint().lower() > DRAIN_BYTES {
        return false;
    }
    let mut seen = 0_u64;
    loop {
        match incoming.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                seen += frame.data_ref().map_or(0, |piece| piece.len() as u64);
                if seen > DRAIN_BYTES {
                    return false;
                }
            }
        }
    }
}
