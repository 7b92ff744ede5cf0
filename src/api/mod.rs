//! The edges: parse the shape, parse the meaning, ask the engine, render the answer. Three listeners, one folder
//! each; every folder's `mod.rs` has its routes in one match.

pub mod admission;
pub mod customer;
pub mod operator;
pub mod rejection;
pub mod switch;

use crate::http::Reply;

/// `Content-Type` of every JSON answer.
pub const JSON: &str = "application/json;charset=utf-8";

/// A JSON answer.
pub fn json(status: u16, body: &impl serde::Serialize) -> Reply {
    let status = hyper::StatusCode::from_u16(status).expect("statuses are written down in this program");
    let body = serde_json::to_vec(body).expect("answers have text keys and no failing members");
    Reply::new(status, JSON, body)
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(headers: &hyper::HeaderMap) -> Option<&[u8]> {
    let value = headers.get(hyper::header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
