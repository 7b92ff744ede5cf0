//! Pushes through an egress proxy.

use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::wire::assert_nobody_waits;
use super::*;

const TUNNEL: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn client_of(proxy: SocketAddr, login: Option<&str>) -> Outbound {
    let egress_proxy = Some(EgressProxy::new(&format!("http://{proxy}"), login).unwrap());
    Outbound::new(OutboundSettings { egress_proxy, ..settings() }).unwrap()
}

/// The head of a request, byte by byte so that nothing after it is taken.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_push_goes_through_a_tunnel_to_the_address_that_was_judged() {
    let (receiver_address, _) = answering(1).await;
    let (proxy, seen) = receiver(async move |listener| {
        let mut stream = accept(&listener).await;
        let head = read_head(&mut stream).await;
        let mut onward = TcpStream::connect(receiver_address).await.unwrap();
        stream.write_all(TUNNEL.as_bytes()).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut stream, &mut onward).await });
        head
    })
    .await;
    let url = format!("http://localhost:{}/push", receiver_address.port());
    let attempt = post_to(&client_of(proxy, Some("user:pass")), url).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert_eq!(attempt.address, Some(receiver_address));
    let expected = format!(
        "CONNECT {receiver_address} HTTP/1.1\r\nHost: {receiver_address}\r\n\
         Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"
    );
    assert_eq!(seen.await.unwrap(), expected);
}

#[tokio::test]
async fn what_the_proxy_answers_tells_its_own_failures_from_the_receivers() {
    for (answer, side, expected) in [
        (
            "HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n",
            Side::Gateway,
            "egress proxy PROXY: answered 407 to CONNECT 127.0.0.1:7",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
            Side::Gateway,
            "egress proxy PROXY: answered 403 to CONNECT 127.0.0.1:7",
        ),
        ("", Side::Gateway, "egress proxy PROXY: connection closed before an answer"),
        ("SSH-2.0-OpenSSH_9.6\r\n", Side::Gateway, "egress proxy PROXY: answer is not HTTP"),
        (
            "HTTP/1.1 503 Unreachable\r\nContent-Length: 0\r\n\r\n",
            Side::Receiver,
            "cannot connect to 127.0.0.1:7: egress proxy answered 503",
        ),
    ] {
        let (proxy, _) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let attempt = post_to(&client_of(proxy, None), "http://127.0.0.1:7/").await;
        assert_eq!(words(&attempt), expected.replace("PROXY", &proxy.to_string()));
        let PushOutcome::Failed(failure) = attempt.outcome else { unreachable!() };
        assert_eq!(failure.side(), side, "{failure}");
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_listen_is_our_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    drop(listener);
    let attempt = post_to(&client_of(proxy, None), "http://127.0.0.1:7/").await;
    assert_eq!(words(&attempt), format!("egress proxy {proxy}: connection refused by {proxy}"));
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_a_forbidden_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_of(listener.local_addr().unwrap(), None);
    for url in ["http://10.0.0.1/", "http://[::ffff:169.254.169.254]/", "http://0x0a000001/"] {
        let words = words(&post_to(&client, url).await);
        assert!(words.contains("is not allowed"), "{url}: {words}");
    }
    assert_nobody_waits(listener);
}
