//! What no client should send. Every answer comes from the service and has a body.

use super::*;

fn assert_refused(reply: &str, code: u16, why: &str) {
    assert_eq!(status(reply), code, "{reply}");
    assert_eq!(body(reply), format!("{{\"resultdesc\":\"{why}\"}}"), "{reply}");
    assert_eq!(header(reply, "Content-Length"), Some(body(reply).len().to_string().as_str()));
    assert_eq!(header(reply, "Content-Type"), Some(JSON));
    assert_eq!(header(reply, "Connection"), Some("close"));
    assert!(header(reply, "Date").is_some() && header(reply, "X-Request-Id").is_some(), "{reply}");
}

#[tokio::test]
async fn what_is_no_http_request_is_refused_in_the_words_of_the_service() {
    let server = Running::with(patient()).await;
    let malformed: &[&[u8]] = &[
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET / HTTP/1.1\r\nSpace : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n\xe5\x8f\xb7: x\r\n\r\n",
        b"GET a b c HTTP/1.1\r\n\r\n",
        b"GET noslash HTTP/1.1/\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for request in malformed {
        let reply = server.ask(request).await;
        assert!(!reply.is_empty(), "no answer to {:?}", String::from_utf8_lossy(request));
        assert_refused(&reply, 400, "MalformedRequest");
    }
}

#[tokio::test]
async fn a_request_head_over_the_limits_is_refused_however_it_is_too_large() {
    let server = Running::with(patient()).await;
    let many = "X: v\r\n".repeat(150);
    for request in [
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "v".repeat(20 * 1024)),
        format!("GET / HTTP/1.1\r\n{many}\r\n"),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100 * 1024)),
        "x".repeat(300 * 1024),
        // More than can be counted: hyper files it under the same error.
        "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n".to_owned(),
    ] {
        assert_refused(&server.ask(request).await, 431, "HeadersTooLarge");
    }
    let long = format!("GET / HTTP/1.1\r\nConnection: close\r\nX: {}\r\n\r\n", "v".repeat(16_000));
    assert_eq!(status(&server.ask(long).await), 200, "just within 16 KiB");
}

#[tokio::test]
async fn a_lower_limit_on_header_lines_holds_too() {
    let server = Running::with(Limits { headers_max: 2, ..patient() }).await;
    let reply = server.ask("GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n").await;
    assert_refused(&reply, 431, "HeadersTooLarge");
}

#[tokio::test]
async fn odd_but_lawful_requests_reach_the_service() {
    let server = Running::with(patient()).await;
    for request in [
        "GET / HTTP/1.1\r\n2: Authorization: WSSE x\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\nHost: bare line feeds\nConnection: close\n\n",
        "\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nX: \u{53f7}\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\r\n",
    ] {
        let reply = server.ask(request).await;
        assert_eq!((status(&reply), body(&reply)), (200, "\"GET / - -\""), "{request}");
    }
}

#[tokio::test]
async fn a_request_with_both_length_and_chunks_cannot_smuggle_another() {
    let server = Running::with(patient()).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\n\r\n";
    for framing in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked", smuggled.len() + 5),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}", smuggled.len() + 5),
    ] {
        let reply = server.ask(format!("POST /a HTTP/1.1\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}")).await;
        assert_eq!((status(&reply), body(&reply)), (200, "\"POST /a - 0\""));
        assert_eq!(header(&reply, "Connection"), Some("close"));
    }
}

#[tokio::test]
async fn garbage_after_good_requests_is_refused_after_their_replies() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxgarbage\r\n\r\n").await;
    assert_eq!(body(&client.reply().await), "\"GET /1 - -\"");
    assert_eq!(body(&client.reply().await), "\"POST /2 - 1\"");
    assert_refused(&client.rest().await, 400, "MalformedRequest");

    let reply = server.ask("GET /unread HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody\0").await;
    let (first, second) = reply.split_at(reply.rfind("HTTP/1.1").unwrap());
    assert_eq!(status(first), 401);
    assert_refused(second, 400, "MalformedRequest");
}

#[tokio::test]
async fn a_badly_framed_body_is_told_to_the_service() {
    let server = Running::with(patient()).await;
    let reply = server.ask("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n").await;
    assert_refused(&reply, 400, "broken");
    let mut client = server.connect().await;
    client.send("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel").await;
    client.0.shutdown().await.unwrap();
    assert_refused(&client.rest().await, 400, "broken");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_connection_goes_on() {
    let server = Running::with(patient()).await;
    let mut client = server.connect().await;
    client.send("POST /panic HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi").await;
    let reply = client.reply().await;
    assert_eq!((status(&reply), body(&reply)), (500, "{\"resultdesc\":\"Panicked\"}"));
    client.send("GET /next HTTP/1.1\r\n\r\n").await;
    assert_eq!(body(&client.reply().await), "\"GET /next - -\"");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let server = Running::with(Limits { connections_max: 1, ..patient() }).await;
    let mut first = server.connect().await;
    first.send("GET /a HTTP/1.1\r\n\r\n").await;
    first.reply().await;
    assert_refused(&server.ask("GET /a HTTP/1.1\r\n\r\n").await, 503, "Overloaded");
}
