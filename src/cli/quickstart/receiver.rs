//! The address at which the customer's application receives callbacks.

use hyper::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::cli::listener::serve;
use crate::http::{Refusal, Reply, Request, Service};

/// Longest body that is read: 50 CDRs in one push stay well below.
const BODY_BYTES_MAX: usize = 1_048_576;

/// A callback that arrived.
pub(super) struct Pushed {
    pub(super) path: String,
    pub(super) body: String,
}

impl Pushed {
    /// What it tells, such as `callin`.
    pub(super) fn kind(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["eventType"].as_str().unwrap_or("callback").to_owned()
    }
}

/// Answers 200 and hands each callback over.
#[derive(Clone, Debug)]
struct Receiver(mpsc::Sender<Pushed>);

impl Service for Receiver {
    async fn call(&self, mut request: Request) -> Reply {
        let Ok(body) = request.read_body(BODY_BYTES_MAX).await else {
            return Reply::empty(StatusCode::BAD_REQUEST);
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        drop(self.0.send(Pushed { path: request.path().to_owned(), body }).await);
        Reply::empty(StatusCode::OK)
    }

    fn refuse(&self, _: Refusal) -> Reply {
        Reply::empty(StatusCode::BAD_REQUEST)
    }
}

/// Starts receiving on a free port. Returns the base address.
pub(super) async fn start(arrived: mpsc::Sender<Pushed>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    serve(listener, Receiver(arrived));
    Ok(format!("http://{address}"))
}
