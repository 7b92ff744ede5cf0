//! Deadlines, hang-ups and the stop of a listener.

use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::time::{Instant, advance};

use super::*;
use crate::http::connection::converse;
use crate::http::server::Shared;

/// A connection without a socket, for tests that move the clock. The sender stops it.
fn connection_in_memory(limits: Limits) -> (Client<DuplexStream>, watch::Sender<bool>) {
    let (ours, theirs) = tokio::io::duplex(4096);
    let shared = Arc::new(Shared::new(Toy::default(), limits, RequestIds::new(1), true));
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(converse(ours, SocketAddr::from(([192, 0, 2, 1], 4711)), shared, stopping));
    (Client(theirs), stop)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_rested_serves_on_and_is_closed_after_the_whole_time_allowed() {
    let limits = Limits { keep_alive_idle: Duration::from_secs(20), ..Limits::default() };
    let (mut client, _stop) = connection_in_memory(limits);
    for _ in 0..3 {
        advance(Duration::from_secs(15)).await;
        client.send("GET /a HT").await;
        advance(Duration::from_secs(5)).await;
        client.send("TP/1.1\r\n\r\n").await;
        assert_eq!(body(&client.reply().await), "\"GET /a - -\"");
    }
    let replied = Instant::now();
    assert_eq!(client.rest().await, "");
    assert_eq!(replied.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_began_behind_another_may_take_its_time() {
    let (mut client, _stop) = connection_in_memory(Limits::default());
    client.send("GET /a HTTP/1.1\r\n\r\nGET /b HT").await;
    client.reply().await;
    advance(Duration::from_secs(5)).await;
    client.send("TP/1.1\r\n\r\n").await;
    assert_eq!(body(&client.reply().await), "\"GET /b - -\"");
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_closes_when_the_listener_stops() {
    let (mut client, stop) = connection_in_memory(patient());
    client.send("GET /a HTTP/1.1\r\n\r\n").await;
    client.reply().await;
    advance(Duration::from_secs(10)).await;
    stop.send_replace(true);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed_without_a_word() {
    let server = Running::with(Limits { keep_alive_idle: SHORT, ..patient() }).await;
    assert_eq!(server.connect().await.rest().await, "", "before its first request");
    let mut client = server.connect().await;
    client.send("GET /a HTTP/1.1\r\n\r\n").await;
    client.reply().await;
    assert_eq!(client.rest().await, "", "after a request");
}

#[tokio::test]
async fn a_slow_request_head_is_cut_off_on_a_fresh_and_on_a_used_connection() {
    let server = Running::with(Limits { header_read_timeout: SHORT, ..patient() }).await;
    assert_eq!(server.ask("GET /a HTTP/1.1\r\nHost: ").await, "");
    let mut client = server.connect().await;
    client.send("GET /a HTTP/1.1\r\n\r\n").await;
    client.reply().await;
    client.send("GET /a HT").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_slow_body_is_told_to_the_service_and_ends_the_connection() {
    let server = Running::with(Limits { body_read_timeout: SHORT, ..patient() }).await;
    for request in ["Content-Length: 9\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let reply = server.ask(format!("POST /a HTTP/1.1\r\n{request}")).await;
        assert_eq!((status(&reply), header(&reply, "Connection")), (408, Some("close")), "{reply}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_its_reply_is_cut_off() {
    let server = Running::with(Limits { write_timeout: SHORT, ..patient() }).await;
    let mut client = server.connect().await;
    client.send("GET /flood HTTP/1.1\r\n\r\n").await;
    server.stop.send(()).unwrap();
    assert_eq!(
        soon(server.ended).await.unwrap(),
        0,
        "closed by the write deadline, not by the drain deadline"
    );
}

#[tokio::test]
async fn a_request_runs_to_its_end_although_the_client_hung_up() {
    let toy = Toy::default();
    let (entered, release, left) = (toy.entered.clone(), toy.release.clone(), toy.left.clone());
    let server = Running::start(toy, patient(), None).await;
    let mut client = server.connect().await;
    client.send("POST /hold HTTP/1.1\r\nContent-Length: 0\r\n\r\n").await;
    soon(entered.notified()).await;
    client.0.set_zero_linger().unwrap();
    drop(client);
    // Another connection served to the end: the reset had every chance to be noticed.
    server.ask("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    release.notify_one();
    soon(left.notified()).await;
}

#[tokio::test]
async fn a_stop_finishes_requests_in_service_and_closes_the_rest() {
    let toy = Toy::default();
    let (entered, release) = (toy.entered.clone(), toy.release.clone());
    let server = Running::start(toy, patient(), None).await;
    let mut fresh = server.connect().await;
    let mut idle = server.connect().await;
    idle.send("GET /a HTTP/1.1\r\n\r\n").await;
    idle.reply().await;
    let mut busy = server.connect().await;
    busy.send("GET /hold HTTP/1.1\r\n\r\n").await;
    soon(entered.notified()).await;

    server.stop.send(()).unwrap();
    assert_eq!(fresh.rest().await, "");
    assert_eq!(idle.rest().await, "");
    release.notify_one();
    let reply = busy.rest().await;
    assert_eq!((status(&reply), header(&reply, "Connection")), (200, Some("close")));
    assert_eq!(soon(server.ended).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stop_gives_up_at_the_drain_deadline_and_counts_what_it_cut() {
    let toy = Toy::default();
    let entered = toy.entered.clone();
    let server = Running::start(toy, Limits { drain_deadline: SHORT, ..patient() }, None).await;
    let mut busy = server.connect().await;
    busy.send("GET /hold HTTP/1.1\r\n\r\n").await;
    soon(entered.notified()).await;
    server.stop.send(()).unwrap();
    assert_eq!(soon(server.ended).await.unwrap(), 1);
    assert_eq!(busy.rest().await, "");
}

#[tokio::test]
async fn a_silent_tls_client_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    std::fs::write(&certificate, identity.cert.pem()).unwrap();
    std::fs::write(&key, identity.signing_key.serialize_pem()).unwrap();
    let tls = Some(Arc::new(Tls::load(&certificate, &key).unwrap()));
    let limits = Limits { handshake_timeout: SHORT, ..patient() };
    let server = Running::start(Toy::default(), limits, tls).await;
    assert_eq!(server.connect().await.rest().await, "");
}
