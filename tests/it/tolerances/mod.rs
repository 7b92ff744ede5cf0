//! What real customers' code does, one case per line of client-tolerances.md that can be seen from outside, each
//! with its number in a comment. All through real sockets.
//!
//! Not here: F and G54 (recording links and SMS are not in this version), G53 (a list of members seen; the
//! members of our CDRs are in proto-docs/callbacks.md and its examples).

mod authentication;
mod json;
mod pushes;
mod query;
mod replies;
mod tls;
mod transport;
