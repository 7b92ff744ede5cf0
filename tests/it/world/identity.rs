//! A certificate of the gateway, and clients that speak TLS to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http::Connection;

/// Lines of configuration that make the customer listener use what [`write_identity`] wrote.
pub const TLS: &str = "tls.certificate = \"cert.pem\"\ntls.key = \"key.pem\"";

/// Writes a new self-signed certificate for `localhost` and its key. Returns the certificate.
pub fn write_identity(dir: &Path) -> CertificateDer<'static> {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("cert.pem"), identity.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), identity.signing_key.serialize_pem()).unwrap();
    identity.cert.der().clone()
}

/// A connection of a client that speaks only `version` and trusts only `certificate`.
pub async fn connect(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<Connection<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(Connection::over)
}
