//! The operator listener (proto-docs/operator.md): so far health, readiness and metrics.

use hyper::Method;

use super::json;
use crate::engine::Engine;
use crate::http::{Refusal, Reply, Request, Service};
use crate::wire::switch::{ErrorAnswer, ErrorBody};

/// The operator listener.
#[derive(Clone, Debug)]
pub struct OperatorApi {
    /// Does the work.
    pub engine: Engine,
}

impl Service for OperatorApi {
    async fn call(&self, request: Request) -> Reply {
        let reply = self.answer(&request).await;
        self.engine.shared().metrics.requests.with_label_values(&["operator", reply.status.as_str()]).inc();
        reply
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::MalformedRequest => fault(400, "invalid_request", "not a complete HTTP request"),
            Refusal::HeadersTooLarge => fault(431, "invalid_request", "the headers are too long"),
            Refusal::Panicked | Refusal::Overloaded => fault(503, "unavailable", "try again"),
        }
    }
}

impl OperatorApi {
    /// Every route of this listener.
    async fn answer(&self, request: &Request) -> Reply {
        match (&request.method, request.path()) {
            (&Method::GET, "/healthz") => text(200, "ok\n".into()),
            (&Method::GET, "/readyz") => self.readiness().await,
            (&Method::GET, "/metrics") => {
                self.engine.refresh_gauges();
                text(200, self.engine.shared().metrics.render())
            }
            _ => fault(404, "not_found", "no such URI"),
        }
    }

    async fn readiness(&self) -> Reply {
        if !self.engine.is_serving() {
            return text(503, "loading or stopping\n".into());
        }
        match self.engine.query(|store| store.ping()).await {
            Ok(()) => text(200, "ready\n".into()),
            Err(error) => text(503, format!("{error}\n")),
        }
    }
}

fn text(status: u16, text: String) -> Reply {
    let status = hyper::StatusCode::from_u16(status).expect("statuses are written down in this program");
    Reply::new(status, "text/plain; version=0.0.4", text)
}

fn fault(status: u16, code: &str, message: &str) -> Reply {
    json(status, &ErrorAnswer { error: ErrorBody { code, message } })
}
