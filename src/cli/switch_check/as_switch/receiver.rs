//! The application's callback address: it keeps the questions that come, and answers each as it was told. Notices it
//! only takes; what the application was told is read from the gateway.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::api::json;
use crate::cli::listener::serve;
use crate::http::{Refusal, Reply, Request, Service};

/// Most questions that are kept; a run of checks makes a dozen.
const QUESTIONS_MAX: usize = 100;
/// Longest body: 50 CDRs stay well below.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The questions that came. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Receiver(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    answer: Value,
    questions: Vec<Value>,
}

impl Receiver {
    /// From now on questions are answered so.
    pub(super) fn answer(&self, answer: Value) {
        self.with(|kept| kept.answer = answer);
    }

    /// Takes the questions that came.
    pub(super) fn take(&self) -> Vec<Value> {
        self.with(|kept| std::mem::take(&mut kept.questions))
    }

    fn with<T>(&self, what: impl FnOnce(&mut Kept) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_question(body: &Value) -> bool {
    body["statusInfo"]["notifyMode"] == "Block" || body["smsEvent"]["notificationMode"] == "Block"
}

impl Service for Receiver {
    async fn call(&self, mut request: Request) -> Reply {
        let Ok(body) = request.read_body(BODY_BYTES_MAX).await else {
            return Reply::empty(StatusCode::BAD_REQUEST);
        };
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if !is_question(&body) {
            return Reply::empty(StatusCode::OK);
        }
        let answer = self.with(|kept| {
            if kept.questions.len() < QUESTIONS_MAX {
                kept.questions.push(body);
            }
            kept.answer.clone()
        });
        json(200, &answer)
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Reply::empty(StatusCode::BAD_REQUEST)
    }
}

/// Listens for as long as the program runs.
pub(super) async fn listen(address: SocketAddr) -> std::io::Result<Receiver> {
    let listener = TcpListener::bind(address).await?;
    let receiver = Receiver(Arc::new(Mutex::new(Kept { answer: Value::Null, questions: Vec::new() })));
    serve(listener, receiver.clone());
    Ok(receiver)
}
