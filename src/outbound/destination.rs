//! What a callback URL says, worked out once: whole pushes go to the same few URLs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Uri;
use hyper::header::HeaderValue;
use url::{Host, Position, Url};

use super::connect::Place;
use super::failure::{self, FailureClass};
use super::identity::TlsSet;

/// URLs whose destinations are kept: a few for each app of a large installation. Most take about 600 bytes, the longest
/// that an app can have some 6,000.
const KEPT_MAX: usize = 8_192;

/// Where pushes to one URL go.
pub(super) struct Destination {
    url: Url,
    host: Host<String>,
    port: u16,
    is_https: bool,
    /// What is asked for there: path and query, as entered.
    pub(super) target: Uri,
    /// The value of `Host`: the host and, where it is not the scheme's own, the port.
    pub(super) host_header: HeaderValue,
}

impl Destination {
    /// Of the URL as an operator entered it. A user and password in it are left out: they would make a second,
    /// competing `Authorization`.
    pub(super) fn read(text: &str) -> Result<Self, FailureClass> {
        let unusable = |reason: String| FailureClass::UrlUnusable { reason };
        let mut url = Url::parse(text).map_err(|error| unusable(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FailureClass::NotHttpUrl);
        }
        // These two fail only for URLs that have no host, and an http URL always has one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let host = url.host().ok_or(FailureClass::NotHttpUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(FailureClass::NotHttpUrl)?;
        let target = Uri::try_from(&url[Position::BeforePath..Position::AfterQuery]);
        let target = target.map_err(|error| unusable(error.to_string()))?;
        let named = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let host_header = HeaderValue::try_from(named).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { is_https: url.scheme() == "https", url, host, port, target, host_header })
    }

    /// Which connections serve it, if `tls` is the set that https is spoken with.
    pub(super) fn place(&self, tls: &TlsSet) -> Place {
        Place { host: self.host.clone(), port: self.port, tls: self.is_https.then_some(tls.no) }
    }

    /// The host that a redirect from here to `location` points to, for the report.
    pub(super) fn redirect_host(&self, location: &str) -> Option<String> {
        self.url.join(location).ok()?.host_str().map(failure::printable)
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not path and query: customers put tokens into them.
        f.debug_tuple("Destination").field(&self.host_header).finish_non_exhaustive()
    }
}

/// The destinations of late.
#[derive(Default)]
pub(super) struct Destinations(Mutex<HashMap<Box<str>, Arc<Destination>>>);

impl fmt::Debug for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Destinations")
    }
}

impl Destinations {
    /// The destination of a URL.
    pub(super) fn get(&self, url: &str) -> Result<Arc<Destination>, FailureClass> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = known.get(url) {
            return Ok(Arc::clone(destination));
        }
        let destination = Arc::new(Destination::read(url)?);
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(url.into(), Arc::clone(&destination));
        Ok(destination)
    }
}
