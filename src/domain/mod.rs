//! The rules. Values in, values out.
//!
//! Nothing here reads a clock, draws a random number, waits, or touches a disk or a socket: `now`, ids and
//! random draws are arguments. That is what lets the same functions run in production, in property tests
//! against a naive model and in the seeded simulation. `tests/it/tidy.rs` holds this folder to it.

// Values.
pub mod area;
pub mod customer;
pub mod extension;
pub mod id;
pub mod number;
pub mod setting;
pub mod time;
pub mod tone;

// Bindings: what stands on an X number, and the rules that change it.
pub mod allocation;
pub mod ax;
pub mod axb;
pub mod axe;
pub mod axyb;
pub mod binding;
pub mod command;
pub mod expiry;
pub mod operation;
pub mod quarantine;
pub mod refusal;
pub mod slot;

// Calls: where they go, what was reported, why they ended.
pub mod call;
pub mod cdr;
pub mod cdr_file;
pub mod recording;
pub mod release;
pub mod route;

// Short messages.
pub mod sms;

// Telling the customer.
pub mod attempt;
pub mod backoff;
pub mod bulkhead;
pub mod delivery;
pub mod dispatch;
pub mod replay;

// Who may ask.
pub mod ban;
pub mod flow;
pub mod link;
pub mod nonce;
pub mod signature;
pub mod whitelist;

#[cfg(test)]
pub(crate) mod sample;
