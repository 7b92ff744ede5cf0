//! Receivers with certificates, good and bad.

use std::io::Write as _;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::receiver::wait_for_close;
use super::*;
use crate::domain::customer::{CallbackTls, ClientCertificate};

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
async fn a_certificate_that_is_not_valid_yet_is_refused_with_its_first_day() {
    let authority = Authority::new();
    let mut params = for_names(&["127.0.0.1"]);
    params.not_before = date_time_ymd(2999, 1, 2);
    params.not_after = date_time_ymd(3000, 1, 2);
    let attempt = post_over_tls(&authority.client(), authority.sign(&params)).await;
    assert_eq!(words(&attempt), "certificate is not trusted: it is not valid before 2999-01-02");
}

/// What `openssl req -x509` makes when it is not told otherwise.
#[tokio::test]
async fn the_certificate_of_an_authority_is_no_servers_certificate() {
    let mut params = for_names(&["127.0.0.1"]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let tls = CallbackTls { ca: Some(certificate.pem().into()), client: None };
    let acceptor = acceptor(certificate.der().clone(), &key);
    let (address, _) = receiver(|listener| serve(listener, acceptor)).await;
    let push = Push { tls: Some(Arc::new(tls)), ..push(format!("https://{address}/")) };
    let attempt = client().post(&push, Timestamp::from_secs(1), NONCE.to_owned()).await;
    let expected = "certificate is not trusted: it is a certificate of an authority, not of a server";
    assert_eq!(words(&attempt), expected);
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
    let attempt = post_to(&client(), format!("https://{address}/")).await;
    assert_eq!(words(&attempt), "TLS failed: receiver does not speak TLS on this port");
}

#[tokio::test]
async fn a_receiver_that_never_answers_the_tls_greeting_is_given_up_at_the_limit_of_tls() {
    let (address, served) = receiver(async |listener| {
        wait_for_close(&mut accept(&listener).await).await;
    })
    .await;
    let impatient = Outbound::new(OutboundSettings { tls_timeout: TINY, ..settings() }).unwrap();
    let attempt = post_to(&impatient, format!("https://{address}/")).await;
    assert_eq!(words(&attempt), format!("no TLS handshake with {address} within 0.06 s"));
    assert!(attempt.timings.connect.is_some() && attempt.timings.tls.is_some());
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

/// Answers one push to whoever has a certificate of `authority`.
async fn serve_the_known(listener: TcpListener, config: Arc<ServerConfig>) {
    let accepting = TlsAcceptor::from(config).accept(accept(&listener).await).into_fallible();
    match accepting.await {
        Ok(mut stream) => {
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
        // Closing at once would destroy the alert that is on its way.
        Err((_, mut stream)) => wait_for_close(&mut stream).await,
    }
}

async fn post_as(client: &Outbound, config: &Arc<ServerConfig>, tls: Option<CallbackTls>) -> Attempt {
    let config = Arc::clone(config);
    let (address, _) = receiver(|listener| serve_the_known(listener, config)).await;
    let push = Push { tls: tls.map(Arc::new), ..push(format!("https://{address}/")) };
    client.post(&push, Timestamp::from_secs(1_518_449_420), NONCE.to_owned()).await
}

#[tokio::test]
async fn a_receiver_that_wants_a_client_certificate_gets_the_one_of_the_app() {
    let authority = Authority::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = KeyPair::generate().unwrap();
    let certificate = for_names(&["127.0.0.1"]).signed_by(&key, &authority.issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let client = authority.client();

    let client_key = KeyPair::generate().unwrap();
    let signed = for_names(&["gateway.example"]).signed_by(&client_key, &authority.issuer).unwrap();
    let known = ClientCertificate { chain: signed.pem().into(), key: client_key.serialize_pem().into() };
    let mut params = for_names(&["gateway.example"]);
    params.distinguished_name.push(DnType::CommonName, "somebody else");
    let self_signed = params.self_signed(&client_key).unwrap();
    let unknown = ClientCertificate { chain: self_signed.pem().into(), ..known.clone() };

    let with = |certificate| Some(CallbackTls { ca: None, client: Some(certificate) });
    let attempt = post_as(&client, &config, with(known)).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    let attempt = post_as(&client, &config, None).await;
    let expected = "receiver refuses the client certificate: it wants one and none is set for the app";
    assert_eq!(words(&attempt), expected);
    let attempt = post_as(&client, &config, with(unknown)).await;
    assert_eq!(words(&attempt), "receiver refuses the client certificate: its issuer is not known there");
}

#[tokio::test]
async fn an_authority_of_one_app_counts_for_that_app_only_and_so_do_its_connections() {
    let authority = Authority::new();
    let (acceptor, tls) = (
        authority.sign(&for_names(&["127.0.0.1"])),
        CallbackTls { ca: Some(authority.issuer.pem().into()), client: None },
    );
    let (address, _) = receiver(async move |listener| {
        let mut first = acceptor.accept(accept(&listener).await).await.unwrap();
        for _ in 0..2 {
            read_request(&mut first).await;
            first.write_all(OK.as_bytes()).await.unwrap();
        }
        assert!(acceptor.accept(accept(&listener).await).await.is_err());
    })
    .await;
    let client = client();
    let trusting = Push { tls: Some(Arc::new(tls)), ..push(format!("https://{address}/")) };
    let post = async |push: &Push<'_>| {
        client.post(push, Timestamp::from_secs(1_518_449_420), NONCE.to_owned()).await
    };
    assert_eq!(post(&trusting).await.outcome, PushOutcome::Answered(200));
    assert_eq!(post(&trusting).await.connection, ConnectionUse::Kept);
    let other = post(&Push { tls: None, ..trusting }).await;
    assert_eq!(words(&other), "certificate is not trusted: its issuer is not known here");
    assert_eq!(other.connection, ConnectionUse::None);
}

#[tokio::test]
async fn tls_settings_that_cannot_be_used_are_a_failure_that_says_so() {
    let tls = CallbackTls { ca: Some("nonsense".into()), client: None };
    let push = Push { tls: Some(Arc::new(tls)), ..push("https://127.0.0.1:1/") };
    let attempt = client().post(&push, Timestamp::from_secs(1), NONCE.to_owned()).await;
    let expected = "TLS settings of the app cannot be used: certificate authority: no certificate in it";
    assert_eq!(words(&attempt), expected);
}

#[tokio::test]
async fn a_receiver_that_knows_tls_1_2_with_one_cipher_only_is_served() {
    let authority = Authority::new();
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites =
        vec![rustls::crypto::ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let key = KeyPair::generate().unwrap();
    let certificate = for_names(&["127.0.0.1"]).signed_by(&key, &authority.issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let attempt = post_over_tls(&authority.client(), TlsAcceptor::from(Arc::new(config))).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    let Timings { dns, connect, tls, first_byte, .. } = attempt.timings;
    assert_eq!(dns, None);
    assert!(connect.is_some() && tls.is_some() && first_byte.is_some());
}

/// The alerts with which servers of before 2008 end it.
#[tokio::test]
async fn a_receiver_that_is_too_old_for_tls_1_2_is_told_in_words() {
    for (alert, expected) in [
        (70, "TLS failed: receiver knows neither TLS 1.2 nor 1.3"),
        (40, "TLS failed: receiver and gateway have no cipher in common"),
    ] {
        let (address, _) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            stream.write_all(&[21, 3, 1, 0, 2, 2, alert]).await.unwrap();
            wait_for_close(&mut stream).await;
        })
        .await;
        assert_eq!(words(&post_to(&client(), format!("https://{address}/")).await), expected);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_up_during_the_handshake_is_a_tls_failure() {
    let (address, _) = receiver(async |listener| drop(accept(&listener).await)).await;
    let attempt = post_to(&client(), format!("https://{address}/")).await;
    assert_eq!(words(&attempt), "TLS failed: connection closed during the handshake");
}
