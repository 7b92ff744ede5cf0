//! Receivers with certificates, good and bad.

use std::io::Write as _;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::receiver::{OK, accept, read_request, receiver, wait_for_close};
use super::*;

/// An authority of our own, and the file an operator would trust it by.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(issuer.pem().as_bytes()).unwrap();
        Self { issuer, file }
    }

    fn sign(&self, params: &CertificateParams) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        acceptor(certificate.der().clone(), &key)
    }

    fn client(&self) -> Outbound {
        let ca_file = Some(self.file.path().to_owned());
        Outbound::new(OutboundSettings { ca_file, ..settings() }).unwrap()
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn for_names(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
}

/// Answers one push over TLS, if the client comes that far.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    if let Ok(mut stream) = acceptor.accept(accept(&listener).await).await {
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        wait_for_close(&mut stream).await;
    }
}

async fn post_over_tls(client: &Outbound, acceptor: TlsAcceptor) -> Attempt {
    let (address, _) = receiver(|listener| serve(listener, acceptor)).await;
    post_to(client, format!("https://{address}/")).await
}

#[tokio::test]
async fn a_certificate_from_the_operators_own_authority_is_trusted() {
    let authority = Authority::new();
    let attempt = post_over_tls(&authority.client(), authority.sign(&for_names(&["127.0.0.1"]))).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_in_words() {
    let key = KeyPair::generate().unwrap();
    let certificate = for_names(&["127.0.0.1"]).self_signed(&key).unwrap();
    let attempt = post_over_tls(&client(), acceptor(certificate.der().clone(), &key)).await;
    assert_eq!(words(&attempt), "certificate is not trusted: its issuer is not known here");
    assert!(attempt.address.is_some());
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_its_last_day() {
    let authority = Authority::new();
    let mut params = for_names(&["127.0.0.1"]);
    params.not_before = date_time_ymd(2025, 1, 2);
    params.not_after = date_time_ymd(2026, 1, 2);
    let attempt = post_over_tls(&authority.client(), authority.sign(&params)).await;
    assert_eq!(words(&attempt), "certificate expired on 2026-01-02");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_in_words() {
    let authority = Authority::new();
    let attempt = post_over_tls(&authority.client(), authority.sign(&for_names(&["other.example"]))).await;
    let words = words(&attempt);
    assert!(words.starts_with("certificate is not trusted: ") && words.contains("other.example"), "{words}");
}

#[tokio::test]
async fn a_receiver_that_speaks_plain_http_on_an_https_url_is_a_tls_failure() {
    let (address, _) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        wait_for_close(&mut stream).await;
    })
    .await;
    let words = words(&post_to(&client(), format!("https://{address}/")).await);
    assert!(words.starts_with("TLS failed: "), "{words}");
}

#[tokio::test]
async fn a_receiver_that_never_answers_the_tls_greeting_is_no_connection() {
    let (address, served) = receiver(async |listener| {
        wait_for_close(&mut accept(&listener).await).await;
    })
    .await;
    let impatient = Outbound::new(OutboundSettings { connect_timeout: TINY, ..settings() }).unwrap();
    let attempt = post_to(&impatient, format!("https://{address}/")).await;
    assert_eq!(words(&attempt), format!("no connection to {address} within 0.06 s"));
    served.await.unwrap();
}

#[test]
fn a_file_of_authorities_without_a_certificate_stops_the_start() {
    let file = NamedTempFile::new().unwrap();
    let ca_file = Some(file.path().to_owned());
    let refused = Outbound::new(OutboundSettings { ca_file, ..settings() }).unwrap_err();
    assert!(refused.to_string().ends_with("no certificate in it"), "{refused}");
    let ca_file = Some("/nonexistent/ca.pem".into());
    assert!(Outbound::new(OutboundSettings { ca_file, ..settings() }).is_err());
}
