//! Requests to servers that the operator named: the switch's control address, an S3 endpoint.
//!
//! Unlike the receivers of callbacks they are trusted to be who they are, wherever they are. They are not
//! trusted to answer: a request has one deadline, of an answer only the status and a short beginning are read,
//! redirects are not followed, and the environment has no say in where requests go.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderMap;
use reqwest::{Body, Client};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

/// From the name look-up to the end of the TLS handshake.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long an unused connection is kept: below the 5 s after which common servers close theirs.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// Bytes of an answer that are read: enough for the code in an error document.
const BEGINNING_MAX: usize = 2_048;

/// The client. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Remote {
    client: Client,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status; redirects too.
    pub status: u16,
    /// The beginning of the body.
    pub beginning: Vec<u8>,
}

/// There was no answer in time. Says why, without the URL, which may hold a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

/// Why the client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RemoteSetupError {
    /// rustls refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// reqwest refused the settings.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Remote {
    /// Trusts the authorities of the operating system. Reads files, so it belongs into the start.
    pub fn new() -> Result<Self, RemoteSetupError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }

    /// Sends one request and waits at most `deadline` for its whole answer.
    pub async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: impl Into<Body>,
        deadline: Duration,
    ) -> Result<Answered, NoAnswer> {
        let exchange = async {
            let request = self.client.request(method, url).headers(headers).body(body);
            let mut response = request.send().await?;
            let status = response.status().as_u16();
            let mut beginning = Vec::new();
            while let Some(piece) = response.chunk().await? {
                beginning.extend_from_slice(&piece[..piece.len().min(BEGINNING_MAX - beginning.len())]);
                if beginning.len() == BEGINNING_MAX {
                    break;
                }
            }
            Ok(Answered { status, beginning })
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(answered) => answered.map_err(in_words),
            Err(_elapsed) => Err(NoAnswer(format!("no answer within {} ms", deadline.as_millis()))),
        }
    }
}

/// The innermost reason, which is what the system said.
fn in_words(error: reqwest::Error) -> NoAnswer {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    NoAnswer(reason)
}
