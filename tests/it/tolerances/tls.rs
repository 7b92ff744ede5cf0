//! Section B, lines 18 and 19: TLS as old and as new clients speak it.

use privnum::config::Config;

use crate::world::http::request;
use crate::world::identity::{TLS, connect, write_identity};
use crate::world::process::Process;
use crate::world::{AXB, DAWN, World, at, configuration};

// 18, 19
#[tokio::test]
async fn tls_1_2_and_tls_1_3_clients_that_verify_the_certificate_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = write_identity(dir.path());
    let world = World::begin(at(DAWN), TLS, dir).await;
    let app = world.app("AXB", &serde_json::Value::Null).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut connection = connect(app.gateway(), &certificate, version).await.unwrap();
        let target = format!("{AXB}?subscriptionId=none");
        connection.send(request("GET", &target, &app.signed(), b"")).await;
        assert_eq!(connection.answer().await.unwrap().code(), (403, "1012007".into()), "{version:?}");
        assert!(connection.is_closed().await);
    }
}

// 19
#[tokio::test]
async fn a_signal_makes_new_connections_use_the_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let old = write_identity(dir.path());
    std::fs::write(dir.path().join("privnum.toml"), configuration(TLS)).unwrap();
    Config::load(&dir.path().join("privnum.toml")).unwrap();
    let mut process = Process::serve(dir.path());
    let version = &rustls::version::TLS13;
    connect(process.addresses.customer(), &old, version).await.unwrap();

    let new = write_identity(dir.path());
    process.signal("HUP");
    process.wait_for_log("reloaded tokens, certificate and log level");
    connect(process.addresses.customer(), &new, version).await.unwrap();
    assert!(
        connect(process.addresses.customer(), &old, version).await.is_err(),
        "the old certificate is gone"
    );
}
