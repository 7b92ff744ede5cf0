//! The requests of a load, and whether an answer to one is the right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use privnum::clock::Clock;
use privnum::domain::signature::{Scheme, authorization_value, digest, header_name, header_value};
use privnum::wire::time_text::format_created;

use crate::scene::{APP_KEY, APP_SECRET, AREA, DURATION_SECS, Numbering, TOKEN, parties};

/// What is asked for. Clones share the count, so that no two requests are the same.
#[derive(Clone, Debug)]
pub struct Traffic {
    kind: Kind,
    numbering: Numbering,
    next: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Binds of pairs that are not bound yet.
    Bind { choose: bool },
    /// Questions about calls of the first so many bindings.
    Route { bound: u64 },
    /// Questions with the digits of an extension about the first so many bindings of AXE.
    Keyed { bound: u64 },
}

impl Traffic {
    /// Binds on a scene that has `bound` bindings already. With `choose` they name no X number.
    pub fn binds(numbering: Numbering, bound: u64, choose: bool) -> Self {
        Self { kind: Kind::Bind { choose }, numbering, next: Arc::new(AtomicU64::new(bound)) }
    }

    /// Route questions about `bound` bindings.
    pub fn routes(numbering: Numbering, bound: u64) -> Self {
        let kind = Kind::Route { bound: bound.max(1) };
        Self { kind, numbering, next: Arc::new(AtomicU64::new(0)) }
    }

    /// Route questions with digits about `bound` bindings of AXE.
    pub fn keyed_routes(numbering: Numbering, bound: u64) -> Self {
        let kind = Kind::Keyed { bound: bound.max(1) };
        Self { kind, numbering, next: Arc::new(AtomicU64::new(0)) }
    }

    /// The next request.
    pub fn request(&self, clock: &Clock) -> Request<Full<Bytes>> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        match self.kind {
            Kind::Bind { choose } => self.bind(n, choose, clock),
            Kind::Route { bound } => self.route(n, bound, false),
            Kind::Keyed { bound } => self.route(n, bound, true),
        }
    }

    /// `None` when the answer is the wanted one; otherwise a short name of what it is.
    pub fn fault(&self, status: StatusCode, body: &[u8]) -> Option<String> {
        let sign: &[u8] = match self.kind {
            Kind::Bind { .. } => b"\"resultcode\":\"0\"",
            Kind::Route { .. } | Kind::Keyed { .. } => b"\"action\":\"connect\"",
        };
        if status == StatusCode::OK && body.windows(sign.len()).any(|part| part == sign) {
            return None;
        }
        let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let code = answer["resultcode"].as_str().or(answer["stateCode"].as_str()).unwrap_or("");
        Some(format!("status {} {code}", status.as_u16()).trim_end().to_owned())
    }

    fn bind(&self, n: u64, choose: bool, clock: &Clock) -> Request<Full<Bytes>> {
        let (a, b) = parties(n);
        let which = if choose {
            format!("\"areaCode\":\"{AREA}\"")
        } else {
            format!("\"relationNum\":\"+{}\"", self.numbering.x(n))
        };
        let body = format!(
            "{{\"callerNum\":\"+{a}\",\"calleeNum\":\"+{b}\",{which},\"duration\":{DURATION_SECS},\
             \"callDirection\":0,\"recordFlag\":\"false\"}}"
        );
        let nonce = format!("{n:032x}");
        let created = format_created(clock.now());
        let scheme = Scheme::Aksk;
        let digest = digest(scheme, APP_SECRET, &nonce, &created);
        request("/rest/caas/relationnumber/partners/v1.0")
            .header(AUTHORIZATION, authorization_value(scheme))
            .header(header_name(scheme), header_value(APP_KEY, &digest, &nonce, &created))
            .body(Full::from(body))
            .expect("a valid request")
    }

    fn route(&self, n: u64, bound: u64, keyed: bool) -> Request<Full<Bytes>> {
        // A stride that shares no divisor with the usual counts visits the bindings in no particular order.
        let binding = n.wrapping_mul(7_919) % bound;
        let (caller, called) = (parties(binding).0, self.numbering.x(binding));
        let keyed = if keyed {
            format!(",\"extension\":\"{:04}\"", self.numbering.extension(binding))
        } else {
            String::new()
        };
        let body =
            format!("{{\"callId\":\"load-{n}\",\"caller\":\"+{caller}\",\"called\":\"+{called}\"{keyed}}}");
        request("/switch/v1/route")
            .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::from(body))
            .expect("a valid request")
    }
}

fn request(path: &str) -> hyper::http::request::Builder {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json;charset=UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_the_wanted_one_is_named_by_its_code() {
        let binds = Traffic::binds(Numbering { xs: 1 }, 0, false);
        assert_eq!(binds.fault(StatusCode::OK, br#"{"resultcode":"0","resultdesc":"Success"}"#), None);
        let full = binds.fault(StatusCode::OK, br#"{"resultcode":"1012010"}"#);
        assert_eq!(full.as_deref(), Some("status 200 1012010"));
        let routes = Traffic::routes(Numbering { xs: 1 }, 1);
        assert_eq!(routes.fault(StatusCode::BAD_GATEWAY, b"").as_deref(), Some("status 502"));
    }
}
