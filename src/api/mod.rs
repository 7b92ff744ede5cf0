//! The edges: parse the shape, parse the meaning, ask the engine, render the answer. Three listeners, one folder
//! each; every folder's `mod.rs` has its routes in one match.

pub mod admission;
pub mod customer;
pub mod operator;
pub mod rejection;
pub mod switch;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::http::Reply;

/// `Content-Type` of every JSON answer.
pub const JSON: &str = "application/json;charset=utf-8";

/// `Content-Type` of a tone file.
pub const WAV: &str = "audio/wav";

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

/// The token of a switch: as a bearer token, or as the password of `Authorization: Basic`, since that is all that
/// the HTTP clients of some switches can send (Kamailio's `http_client` on a kept connection). The user does not
/// matter.
pub fn switch_token(headers: &hyper::HeaderMap) -> Option<Vec<u8>> {
    if let Some(token) = bearer(headers) {
        return Some(token.to_vec());
    }
    let value = headers.get(hyper::header::AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let credentials = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = credentials.iter().position(|&byte| byte == b':')?;
    Some(credentials[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(authorization: &str) -> Option<Vec<u8>> {
        let mut headers = hyper::HeaderMap::new();
        headers.insert(hyper::header::AUTHORIZATION, authorization.parse().unwrap());
        switch_token(&headers)
    }

    #[test]
    fn a_switch_may_send_its_token_as_bearer_or_as_the_password_of_basic() {
        for authorization in
            ["Bearer s3cret", "bearer  s3cret ", "Basic c3dpdGNoOnMzY3JldA==", "basic OnMzY3JldA=="]
        {
            assert_eq!(token(authorization).as_deref(), Some(&b"s3cret"[..]), "{authorization}");
        }
    }

    #[test]
    fn what_is_neither_gives_no_token() {
        for authorization in ["", "Basic", "Basic ???", "Basic c3dpdGNo", "Digest s3cret", "s3cret"] {
            assert_eq!(token(authorization), None, "{authorization}");
        }
    }
}
