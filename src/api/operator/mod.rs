//! The operator listener (proto-docs/operator.md).

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::Method;

use super::admission::Admission;
use super::json;
use crate::config::LiveTokens;
use crate::engine::Engine;
use crate::http::{Refusal, Reply, Request, Service};
use crate::wire::switch::{ErrorAnswer, ErrorBody};

/// The operator listener.
#[derive(Clone, Debug)]
pub struct OperatorApi {
    /// Does the work.
    pub engine: Engine,
    /// Knows who is banned.
    pub admission: Arc<Admission>,
    /// Who may ask.
    pub tokens: Arc<ArcSwap<LiveTokens>>,
}

impl Service for OperatorApi {
    async fn call(&self, request: Request) -> Reply {
        match (&request.method, request.path()) {
            (&Method::GET, "/healthz") => Reply::new(hyper::StatusCode::OK, "text/plain", "ok\n"),
            _ => fault(404, "not_found", "no such URI"),
        }
    }

    fn refuse(&self, _refusal: Refusal) -> Reply {
        fault(400, "invalid_request", "not a complete HTTP request")
    }
}

fn fault(status: u16, code: &str, message: &str) -> Reply {
    json(status, &ErrorAnswer { error: ErrorBody { code, message } })
}
