//! The operator's egress proxy: every connection to a receiver goes through a tunnel of it (HTTP CONNECT).
//!
//! The gateway still looks names up and judges addresses itself, and asks the proxy for the address and not
//! the name: a proxy that resolved names would undo the guard. What goes wrong with the proxy is ours; that it
//! could not reach a receiver is the receiver's.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Host;

use super::connection::Driver;
use super::failure::FailureClass;
use super::identity::SetupError;

/// Where the proxy is, and what it wants to know.
#[derive(Clone, Debug)]
pub struct EgressProxy {
    pub(super) host: Host<String>,
    pub(super) port: u16,
    authorization: Option<HeaderValue>,
}

impl EgressProxy {
    /// The proxy of a URL such as `http://proxy.example:3128`; `login` is `user:password`.
    pub fn new(url: &str, login: Option<&str>) -> Result<Self, SetupError> {
        Self::parse(url, login).ok_or(SetupError::EgressProxy)
    }

    fn parse(url: &str, login: Option<&str>) -> Option<Self> {
        let url = url::Url::parse(url).ok()?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        if url.scheme() != "http" || !is_plain || url.query().is_some() {
            return None;
        }
        let host = url.host()?.to_owned();
        let port = url.port_or_known_default()?;
        let authorization = login.map(|login| {
            let text = format!("Basic {}", STANDARD.encode(login));
            let mut value = HeaderValue::try_from(text).expect("base64 is ASCII");
            value.set_sensitive(true);
            value
        });
        Some(Self { host, port, authorization })
    }

    /// `host:port`, as reports name it.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A failure that is the proxy's own.
    pub(super) fn fault(&self, reason: impl Into<String>) -> FailureClass {
        FailureClass::EgressProxy { proxy: self.name(), reason: reason.into() }
    }

    /// Makes `stream`, which is connected to the proxy, a tunnel to `target`.
    pub(super) async fn tunnel(
        &self,
        stream: TcpStream,
        target: SocketAddr,
    ) -> Result<TcpStream, FailureClass> {
        let broken = |error: hyper::Error| self.fault(FailureClass::of_exchange(&error).to_string());
        let mut builder = http1::Builder::new();
        builder.title_case_headers(true).max_buf_size(super::HEAD_MAX);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut driver = Driver::of(connection.with_upgrades());
        let answer = driver.until(sender.send_request(self.request(target))).await.map_err(broken)?;
        match answer.status().as_u16() {
            200..=299 => {}
            status @ (502..=504) => {
                let reason = format!("egress proxy answered {status}");
                return Err(FailureClass::CannotConnect { targets: vec![target], reason });
            }
            status => return Err(self.fault(format!("answered {status} to CONNECT {target}"))),
        }
        let upgraded = driver.until(hyper::upgrade::on(answer)).await.map_err(broken)?;
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().expect("the stream is the one put in above");
        // Receivers wait for us to speak first; what comes before is not from one.
        if parts.read_buf.is_empty() {
            Ok(parts.io.into_inner())
        } else {
            Err(self.fault("speaks out of turn"))
        }
    }

    fn request(&self, target: SocketAddr) -> Request<Empty<Bytes>> {
        let authority = target.to_string();
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = Uri::try_from(&*authority).expect("an address with a port is an authority");
        let host = HeaderValue::try_from(authority).expect("an address is ASCII");
        request.headers_mut().insert(header::HOST, host);
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_url_of_a_host_alone() {
        let name = |url| EgressProxy::new(url, None).ok().map(|proxy| proxy.name());
        assert_eq!(name("http://proxy.example:3128").as_deref(), Some("proxy.example:3128"));
        assert_eq!(name("http://[2001:db8::1]/").as_deref(), Some("[2001:db8::1]:80"));
        for url in [
            "https://proxy.example:3128",
            "socks5://proxy.example",
            "proxy.example:3128",
            "http://user:hush@proxy.example",
            "http://proxy.example/path",
            "http://proxy.example/?a",
            "",
        ] {
            assert_eq!(name(url), None, "{url}");
        }
    }

    #[test]
    fn the_login_is_not_printed_for_debugging() {
        let proxy = EgressProxy::new("http://proxy.example:3128", Some("user:hush")).unwrap();
        let printed = format!("{proxy:?}");
        assert!(!printed.contains("hush") && !printed.contains("dXNlcjpodXNo"), "{printed}");
    }
}
