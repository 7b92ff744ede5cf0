//! HTTP/1 serving: sockets, TLS, limits, deadlines, refusals, graceful stop. Knows nothing about what is served.
//!
//! What it promises to the layer above, which is a [`Service`]:
//!
//! - **Every answer is the service's.** What hyper would refuse by itself with an empty body (a garbage request
//!   line, a header block too large) is answered by [`Service::refuse`] instead, and so is a panic of the service.
//! - **Everything is bounded**: connections, header block, body, and the time each step may take ([`Limits`]).
//! - **A request once begun is not cancelled** by a client that hangs up: the service runs to its end, inline in
//!   the task of the connection. Only the drain deadline of a stop cuts it short.
//! - **A request body nobody read does no harm**: a short one is drained, otherwise the connection closes after
//!   the reply, in a way that lets the client read the reply first.
//! - **Each failed request is logged once**, here, with its request id, which the client gets as `x-request-id`.
//!
//! Deliberately absent: routing, compression, HTTP/2, request head tracing. They would cost every request.

mod body;
mod connection;
mod gate;
pub mod peer;
pub mod range;
mod reply;
mod request;
mod seats;
mod server;
#[cfg(test)]
mod tests;
mod tls;

pub use body::BodyError;
pub use reply::{BodyWriter, ReaderGone, Reply, ReplyBody};
pub use request::{Request, RequestId, RequestIds};
pub use server::{Limits, Refusal, Server, Service};
pub use tls::{Tls, TlsError};
