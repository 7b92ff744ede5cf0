//! What well-meant clients send, in all its spellings, and what they get.

use super::*;

const GET: &str = "GET /a?q=%2B86 HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST: &str = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_reply_has_length_type_date_and_title_case_headers() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    let reply = client.reply().await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert_eq!(body(&reply), "\"GET /a q=%2B86 -\"");
    assert_eq!(header(&reply, "Content-Type"), Some(JSON));
    assert!(header(&reply, "Date").is_some() && header(&reply, "X-Request-Id").is_none(), "{reply}");
}

#[tokio::test]
async fn a_failed_request_tells_the_client_its_id() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send("GET /unread HTTP/1.1\r\n\r\n").await;
    assert_eq!(header(&client.reply().await, "X-Request-Id"), Some("0000abcd-1"));
}

#[tokio::test]
async fn duplicate_slashes_in_the_path_are_one() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    for target in ["//rest//v1?a=//", "http://x//rest/v1?a=//"] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(body(&client.reply().await), "\"GET /rest/v1 a=// -\"");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Running::with(patient()).await;
    let requests: Vec<String> =
        (0..50).map(|number| format!("POST /{number} HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")).collect();
    let mut client = server.connect().await;
    client.send(requests.concat()).await;
    for number in 0..50 {
        assert_eq!(body(&client.reply().await), format!("\"POST /{number} - 3\""));
    }
}

#[tokio::test]
async fn chunked_and_continued_bodies_arrive_whole() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n").await;
    client.send("3;x=y\r\nefg\r\n0\r\nTrailer: 1\r\n\r\n").await;
    assert_eq!(body(&client.reply().await), "\"POST /a - 7\"");

    client.send("POST /b HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    let mut go_on = [0; 25];
    soon(client.0.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(body(&client.reply().await), "\"POST /b - 5\"");
}

#[tokio::test]
async fn a_body_nobody_reads_does_not_disturb_the_next_request() {
    let server = Running::with(patient()).await;
    let chunked =
        "GET /unread HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let long = format!("GET /unread HTTP/1.1\r\nContent-Length: 50000\r\n\r\n{}", "x".repeat(50_000));
    for stray in ["GET /unread HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /", chunked, &long] {
        let mut client = server.connect().await;
        let (head, rest) = stray.split_once("\r\n\r\n").unwrap();
        client.send(format!("{head}\r\n\r\n")).await;
        client.send(rest).await;
        client.send(LAST).await;
        assert_eq!(status(&client.reply().await), 401);
        assert_eq!(body(&client.reply().await), "\"GET /last - -\"");
    }
}

#[tokio::test]
async fn an_unread_body_that_is_long_or_awaited_closes_the_connection_after_the_reply() {
    let server = Running::with(Limits { body_read_timeout: SHORT, ..patient() }).await;
    for head in ["Content-Length: 900000", "Content-Length: 5\r\nExpect: 100-continue", "Content-Length: 5"] {
        let reply = server.ask(format!("POST /unread HTTP/1.1\r\n{head}\r\n\r\n")).await;
        assert_eq!(status(&reply), 401, "{head}");
        assert_eq!(header(&reply, "Connection"), Some("close"), "{head}");
        assert!(!reply.contains("100 Continue"), "{head}");
    }
}

#[tokio::test]
async fn the_reply_to_a_body_over_the_limit_survives_the_rest_of_the_body() {
    let server = Running::with(patient()).await;
    let bytes = "x".repeat(400_000);
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{bytes}\r\n0\r\n\r\n", bytes.len());
    for request in [format!("Content-Length: {}\r\n\r\n{bytes}", bytes.len()), chunked] {
        let reply = server.ask(format!("POST /a HTTP/1.1\r\n{request}")).await;
        assert_eq!(status(&reply), 413);
        assert_eq!(header(&reply, "Connection"), Some("close"));
    }
}

#[tokio::test]
async fn http_1_0_gets_a_length_and_a_close_unless_it_asks_to_keep_the_connection() {
    let server = Running::with(patient()).await;
    let reply = server.ask("POST /a HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi").await;
    assert!(reply.starts_with("HTTP/1.0 200 OK"), "{reply}");
    assert_eq!(header(&reply, "Content-Length"), Some(body(&reply).len().to_string().as_str()));

    let keep_alive = "Connection: keep-alive\r\nContent-Length: 900000\r\n";
    let reply = server.ask(format!("GET /unread HTTP/1.0\r\n{keep_alive}\r\n")).await;
    assert_eq!(status(&reply), 401);
    assert!(!reply.contains("keep-alive"), "{reply}");

    let mut client = server.connect().await;
    for _ in 0..2 {
        client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        let reply = client.reply().await;
        assert_eq!((status(&reply), header(&reply, "Connection")), (200, Some("keep-alive")));
    }
}

#[tokio::test]
async fn a_stream_is_chunked_to_http_1_1_and_ends_with_the_connection_for_http_1_0() {
    let server = Running::with(patient()).await;
    let reply = server.ask(format!("GET /export HTTP/1.1\r\n\r\n{LAST}")).await;
    let (export, last) = reply.split_once("0\r\n\r\n").unwrap();
    assert!(export.contains("Transfer-Encoding: chunked") && export.contains("6\r\nrow 2\n\r\n"), "{reply}");
    assert_eq!(body(last), "\"GET /last - -\"");

    for keep in ["", "Connection: keep-alive\r\n"] {
        let reply = server.ask(format!("GET /export HTTP/1.0\r\n{keep}\r\n")).await;
        assert_eq!(header(&reply, "Transfer-Encoding"), None);
        assert!(!reply.contains("keep-alive"), "{reply}");
        assert_eq!(body(&reply), "row 0\nrow 1\nrow 2\n");
    }
}

#[tokio::test]
async fn a_stream_whose_producer_gave_up_has_no_proper_end() {
    let server = Running::with(patient()).await;
    let reply = server.ask("GET /broken-export HTTP/1.1\r\n\r\n").await;
    assert!(!reply.contains("0\r\n\r\n"), "{reply}");
}

#[tokio::test]
async fn any_method_reaches_the_service_and_head_gets_no_body() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send("OPTIONS * HTTP/1.1\r\n\r\nBREW /pot HTTP/1.1\r\n\r\n").await;
    assert_eq!(body(&client.reply().await), "\"OPTIONS * - 0\"");
    assert_eq!(body(&client.reply().await), "\"BREW /pot - 0\"");
    let reply = server.ask("HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!((status(&reply), body(&reply)), (200, ""));
    assert_eq!(header(&reply, "Content-Length"), Some("13"));
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_still_gets_its_reply() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    client.0.shutdown().await.unwrap();
    assert_eq!(status(&client.rest().await), 200);
}

#[tokio::test]
async fn tls_serves_both_versions_and_a_reload_changes_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    let renew = || {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, identity.cert.pem()).unwrap();
        std::fs::write(&key, identity.signing_key.serialize_pem()).unwrap();
        identity.cert.der().clone()
    };
    let old = renew();
    let tls = Arc::new(Tls::load(&certificate, &key).unwrap());
    let server = Running::start(Toy::default(), patient(), Some(Arc::clone(&tls))).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert_eq!(status(&ask_tls(&server, &old, version).await), 200);
    }
    let new = renew();
    tls.reload().unwrap();
    assert_eq!(status(&ask_tls(&server, &new, &rustls::version::TLS13).await), 200);
}

async fn ask_tls(
    server: &Running,
    trusted: &rustls::pki_types::CertificateDer<'static>,
    version: &'static rustls::SupportedProtocolVersion,
) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(LAST.as_bytes()).await.unwrap();
    let mut reply = String::new();
    soon(stream.read_to_string(&mut reply)).await.unwrap();
    reply
}
