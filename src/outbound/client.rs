//! The HTTP client under a push: what it trusts, what it refuses to do, and its one silent repeat.
//!
//! What reqwest and hyper do on their own, and what is added here:
//!
//! - A pooled connection that closed *before* hyper wrote the request to it is replaced silently, any number
//!   of times. That cannot be switched off and is harmless: nothing was sent.
//! - A pooled connection that closes *after* the request was written, without an answer, is an error to
//!   both, since a POST may have had its effect. For us it may: callbacks are delivered at least once. The
//!   usual cause is a receiver that closes idle connections at the very moment we use one, so such a push is
//!   repeated once, at once, on a connection that is certainly new. hyper does not tell whether the
//!   first bytes of an answer had come, so a head cut off in the middle on a pooled connection counts too.
//! - reqwest's own retries (meant for HTTP/2) are switched off.
//! - hyper reads at most 100 headers and about 400 KiB of them, and skips interim (1xx) answers; both are
//!   bounded further by the deadline of the attempt.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Request, Response, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::OutboundSettings;
use super::dial::{Dial, DialTimer, GuardedResolver};
use super::failure::FailureClass;

/// Why the client could not be set up. All of these are for the operator, at start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The operator's file of certificate authorities cannot be used.
    #[error("cannot read certificate authorities from {}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// rustls refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// reqwest refused the settings.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Two reqwest clients that differ in one thing.
#[derive(Clone, Debug)]
pub(super) struct PushClient {
    /// Keeps connections for the next push to the same receiver.
    pooled: Client,
    /// Never takes a connection from a pool. For the repeat.
    fresh: Client,
}

impl PushClient {
    pub(super) fn new(settings: &OutboundSettings, roots: RootCertStore) -> Result<Self, SetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            pooled: build(settings, tls.clone(), settings.idle_per_host_max)?,
            fresh: build(settings, tls, 0)?,
        })
    }

    /// Sends one push and returns when the head of the answer is complete. Runs inside [`Dial::watch`].
    pub(super) async fn send(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: &Bytes,
        settings: &OutboundSettings,
    ) -> Result<Response, FailureClass> {
        let request = || {
            let mut request = Request::new(Method::POST, url.clone());
            request.headers_mut().clone_from(&headers);
            *request.body_mut() = Some(body.clone().into());
            request
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let failure =
            |error: reqwest::Error| FailureClass::of(&error, Dial::targets(port), settings.connect_timeout);
        match self.pooled.execute(request()).await.map_err(failure) {
            Err(FailureClass::ClosedBeforeAnswer) if !Dial::connected() => {
                self.fresh.execute(request()).await.map_err(failure)
            }
            result => result,
        }
    }
}

fn build(settings: &OutboundSettings, tls: ClientConfig, idle_max: usize) -> Result<Client, reqwest::Error> {
    let resolver = GuardedResolver {
        allow: settings.allow_networks.as_slice().into(),
        timeout: settings.lookup_timeout,
    };
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(resolver)
        .connector_layer(DialTimer)
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(settings.idle_timeout)
        .pool_max_idle_per_host(idle_max)
        .http1_only()
        .http1_title_case_headers()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .build()
}

/// The authorities that receivers' certificates are checked against: those of the operating system, and the
/// operator's own file on top.
///
/// The system's store and not a list compiled in: a gateway runs for years, and the system's updates,
/// removals and local additions should reach it without a new release. The price is that a bare container
/// may have none, which is for the caller to say at start.
pub(super) fn trusted_roots(settings: &OutboundSettings) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    // Certificates that cannot be read or parsed are left out: one bad file must not stop all the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &settings.ca_file {
        let refused = |reason: String| SetupError::CaFile { path: path.clone(), reason };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
        let mut added = 0_usize;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| refused(error.to_string()))?;
            roots.add(certificate).map_err(|error| refused(error.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(refused("no certificate in it".to_owned()));
        }
    }
    Ok(roots)
}
