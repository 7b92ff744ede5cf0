//! The rules. Values in, values out.
//!
//! Nothing here reads a clock, draws a random number, waits, or touches a disk or a socket: `now`, ids and
//! random draws are arguments. That is what lets the same functions run in production, in property tests
//! against a naive model and in the seeded simulation. `tests/it/tidy.rs` holds this folder to it.

pub mod area;
pub mod ban;
pub mod flow;
pub mod id;
pub mod nonce;
pub mod number;
pub mod release;
pub mod signature;
pub mod time;
pub mod whitelist;
