//! The rules. Values in, values out.
//!
//! Nothing here reads a clock, draws a random number, waits, or touches a disk or a socket: `now`, ids and
//! random draws are arguments. That is what lets the same functions run in production, in property tests
//! against a naive model and in the seeded simulation. `tests/it/tidy.rs` holds this folder to it.

pub mod id;
pub mod number;
pub mod time;

pub mod binding;
pub mod expiry;
pub mod slot;

pub mod area;
pub mod call;
pub mod customer;
pub mod delivery;
pub mod release;
pub mod route;
pub mod signature;
pub mod whitelist;
