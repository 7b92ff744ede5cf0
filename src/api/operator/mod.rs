//! The operator listener (proto-docs/operator.md): so far apps, X numbers, health, readiness and metrics.

mod apps;
mod numbers;

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::Method;
use serde::de::DeserializeOwned;

use super::{bearer, json};
use crate::config::LiveTokens;
use crate::engine::Engine;
use crate::engine::job::Unserved;
use crate::http::{BodyError, Refusal, Reply, Request, Service};
use crate::wire::switch::{ErrorAnswer, ErrorBody};

/// Largest body of a request: 10,000 numbers.
const BODY_BYTES_MAX: usize = 4 * 1_048_576;

/// The operator listener.
#[derive(Clone, Debug)]
pub struct OperatorApi {
    /// Does the work.
    pub engine: Engine,
    /// Who may ask.
    pub tokens: Arc<ArcSwap<LiveTokens>>,
}

/// An answer that is a failure.
#[derive(Clone, Debug)]
struct Fault {
    status: u16,
    code: &'static str,
    message: Cow<'static, str>,
}

impl Service for OperatorApi {
    async fn call(&self, mut request: Request) -> Reply {
        let reply = self.answer(&mut request).await.unwrap_or_else(|fault| fault.reply());
        self.engine.shared().metrics.requests.with_label_values(&["operator", reply.status.as_str()]).inc();
        reply
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::MalformedRequest => Fault::new(400, "invalid_request", "not a complete HTTP request"),
            Refusal::HeadersTooLarge => Fault::new(431, "invalid_request", "the headers are too long"),
            Refusal::Panicked | Refusal::Overloaded => Fault::new(503, "unavailable", "try again"),
        }
        .reply()
    }
}

impl OperatorApi {
    /// Every route of this listener.
    async fn answer(&self, request: &mut Request) -> Result<Reply, Fault> {
        match (&request.method, request.path()) {
            (&Method::GET, "/healthz") => return Ok(text(200, "ok\n".into())),
            (&Method::GET, "/readyz") => return Ok(self.readiness().await),
            (&Method::GET, "/metrics") => {
                self.engine.refresh_gauges();
                return Ok(text(200, self.engine.shared().metrics.render()));
            }
            _ => {}
        }
        let rest = request.path().strip_prefix("/operator/v1/").ok_or(NOT_FOUND)?.to_owned();
        if !bearer(&request.headers).is_some_and(|token| self.tokens.load().accept(token)) {
            return Err(Fault::new(401, "unauthorized", "give a live token as Authorization: Bearer TOKEN"));
        }
        let body = request.read_body(BODY_BYTES_MAX).await?;
        let force = request.query() == Some("force=true");
        let method = request.method.clone();
        let path: Vec<_> = rest.split('/').collect();
        match (&method, path.as_slice()) {
            (&Method::POST, ["apps"]) => self.create_app(&body).await,
            (&Method::GET, ["apps"]) => Ok(self.list_apps()),
            (&Method::GET, ["apps", key]) => self.show_app(key),
            (&Method::POST, ["apps", key, "suspend"]) => self.suspend_app(key, true).await,
            (&Method::POST, ["apps", key, "resume"]) => self.suspend_app(key, false).await,
            (&Method::POST, ["numbers"]) => self.add_numbers(&body).await,
            (&Method::GET, ["numbers", number]) => self.show_number(number),
            (&Method::POST, ["numbers", number, "status"]) => self.set_number_status(number, &body).await,
            (&Method::DELETE, ["numbers", number]) => self.remove_number(number, force).await,
            _ => Err(NOT_FOUND),
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

const NOT_FOUND: Fault = Fault { status: 404, code: "not_found", message: Cow::Borrowed("no such URI") };

impl Fault {
    fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn reply(&self) -> Reply {
        json(self.status, &ErrorAnswer { error: ErrorBody { code: self.code, message: &self.message } })
    }
}

impl From<Unserved> for Fault {
    fn from(why: Unserved) -> Self {
        Self::new(503, "unavailable", why.to_string())
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::new(413, "too_large", "the body is too large"),
            BodyError::TooSlow => Self::new(408, "too_slow", "the body took too long"),
            BodyError::Broken => Self::new(400, "invalid_request", "the body is cut short"),
        }
    }
}

/// Reads a JSON body. The message names the member and the place.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::new(400, "invalid_body", error.to_string()))
}

fn text(status: u16, text: String) -> Reply {
    let status = hyper::StatusCode::from_u16(status).expect("statuses are written down in this program");
    Reply::new(status, "text/plain; version=0.0.4", text)
}
