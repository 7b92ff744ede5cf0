//! Section B: HTTP.

use serde_json::json;

use crate::world::http::{Connection, exchange, header_lines, request};
use crate::world::{A, AX, AXB, B, Customer, World, X};

fn bind_body() -> String {
    json!({"callerNum": A, "calleeNum": B, "relationNum": X}).to_string()
}

/// Binds, so that there is something to ask for.
async fn bound(app: &Customer) -> String {
    app.bind_axb(X, A, B).await
}

// 12
#[tokio::test]
async fn a_connection_lives_as_long_as_the_client_wants() {
    let (_world, app) = World::axb().await;
    let target = format!("{AXB}?subscriptionId={}", bound(&app).await);
    let mut connection = Connection::to(app.gateway()).await;
    for _ in 0..3 {
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{}\r\n", header_lines(&app.signed()));
        connection.send(head).await;
        assert_eq!(connection.answer().await.unwrap().code(), (200, "0".into()));
    }
    connection.send(request("GET", &target, &app.signed(), b"")).await;
    assert_eq!(connection.answer().await.unwrap().code(), (200, "0".into()));
    assert!(connection.is_closed().await);
}

// 12
#[tokio::test]
async fn an_http_1_0_client_gets_a_plain_body_with_its_length_and_then_the_close() {
    let (_world, app) = World::axb().await;
    let body = bind_body();
    let head = format!(
        "POST {AXB} HTTP/1.0\r\n{}Content-Length: {}\r\n\r\n",
        header_lines(&app.signed()),
        body.len()
    );
    let mut connection = Connection::to(app.gateway()).await;
    connection.send(head + &body).await;
    let answer = connection.answer().await.unwrap();
    assert_eq!((answer.version.as_str(), answer.code()), ("HTTP/1.0", (200, "0".into())));
    assert!(answer.header("Content-Length").is_some() && answer.header("Transfer-Encoding").is_none());
    assert!(connection.is_closed().await);
}

// 13
#[tokio::test]
async fn a_chunked_body_is_read() {
    let (_world, app) = World::axb().await;
    let body = bind_body();
    let (first, second) = body.split_at(20);
    let mut connection = Connection::to(app.gateway()).await;
    let signed = header_lines(&app.signed());
    let head = format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{signed}Transfer-Encoding: chunked\r\n\r\n");
    connection.send(format!("{head}14\r\n{first}\r\n")).await;
    connection.send(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len())).await;
    assert_eq!(connection.answer().await.unwrap().code(), (200, "0".into()));
}

// 14
#[tokio::test]
async fn the_body_of_a_get_is_ignored() {
    let (_world, app) = World::axb().await;
    let query = format!("subscriptionId={}", bound(&app).await);
    let target = format!("{AXB}?{query}");
    for body in [query.as_str(), "not json", "{\"subscriptionId\":\"other\"}"] {
        assert_eq!(app.ask("GET", &target, body.as_bytes()).await.code(), (200, "0".into()), "{body}");
    }
}

// 15
#[tokio::test]
async fn a_delete_names_the_binding_in_its_query_or_in_its_body() {
    let (_world, app) = World::axb().await;
    let id = bound(&app).await;
    let same = json!({"subscriptionId": id}).to_string();
    let answer = app.ask("DELETE", &format!("{AXB}?subscriptionId={id}"), same.as_bytes()).await;
    assert_eq!(answer.code(), (200, "0".into()), "query and body");

    let id = bound(&app).await;
    let body = json!({"subscriptionId": id}).to_string();
    assert_eq!(app.ask("DELETE", AXB, body.as_bytes()).await.code(), (200, "0".into()), "body alone");

    for stale in [bind_body(), "neither json nor form".into(), "{\"subscriptionId\":\"other\"}".into()] {
        let target = format!("{AXB}?subscriptionId={}", bound(&app).await);
        let answer = app.ask("DELETE", &target, stale.as_bytes()).await;
        assert_eq!(answer.code(), (200, "0".into()), "the query counts, not {stale}");
    }
}

// 16
#[tokio::test]
async fn content_type_and_accept_are_not_looked_at() {
    let (_world, app) = World::axb().await;
    let mut id = bound(&app).await;
    for content_type in ["application/json;charset=UTF-8", "application/json", "text/plain", ""] {
        for accept in ["application/json", "*/*", ""] {
            let mut headers = app.signed();
            headers.retain(|(name, _)| name != "Content-Type");
            let more = [("Content-Type", content_type), ("Accept", accept)];
            let more = more.into_iter().filter(|(_, value)| !value.is_empty());
            headers.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
            let target = format!("{AXB}?subscriptionId={id}");
            assert_eq!(app.ask_with(&headers, "GET", &target, b"").await.code(), (200, "0".into()));
            assert_eq!(app.ask_with(&headers, "DELETE", &target, b"").await.code(), (200, "0".into()));
            let answer = app.ask_with(&headers, "POST", AXB, bind_body().as_bytes()).await;
            assert_eq!(answer.code(), (200, "0".into()), "{content_type:?} {accept:?}");
            id = answer.member("subscriptionId");
        }
    }
}

// 17
#[tokio::test]
async fn answers_are_not_compressed() {
    let (_world, app) = World::axb().await;
    let target = format!("{AXB}?subscriptionId={}", bound(&app).await);
    for accepted in ["identity", "gzip", "gzip, deflate, br"] {
        let mut headers = app.signed();
        headers.push(("Accept-Encoding".into(), accepted.into()));
        let answer = app.ask_with(&headers, "GET", &target, b"").await;
        assert_eq!(answer.code(), (200, "0".into()), "readable as it came");
        assert_eq!(answer.header("Content-Encoding"), None);
    }
}

// 20
#[tokio::test]
async fn the_order_of_headers_does_not_matter() {
    let (_world, app) = World::axb().await;
    let body = bind_body();
    let mut headers = app.signed();
    headers.push(("Content-Length".into(), body.len().to_string()));
    headers.push(("Host".into(), "h".into()));
    headers.push(("User-Agent".into(), "a client".into()));
    for turn in 0..headers.len() {
        headers.rotate_left(turn);
        let answer =
            exchange(app.gateway(), format!("POST {AXB} HTTP/1.1\r\n{}\r\n{body}", header_lines(&headers)));
        let (_, code) = answer.await.code();
        assert_eq!(code, if turn == 0 { "0" } else { "1012010" });
    }
}

// 20
#[tokio::test]
async fn a_base_url_with_a_slash_or_a_prefix_too_many_works() {
    let (_world, app) = World::axb().await;
    let id = bound(&app).await;
    for prefix in ["/", "//", "/exp", "/exp/", "/a/b//"] {
        let answer = app.ask("GET", &format!("{prefix}{AXB}?subscriptionId={id}"), b"").await;
        assert_eq!(answer.code(), (200, "0".into()), "{prefix}");
    }
}

// 21
#[tokio::test]
async fn a_body_with_bytes_that_are_no_utf_8_is_answered_in_json() {
    let (_world, app) = World::axb().await;
    let text = bind_body();
    let head = text.strip_suffix('}').unwrap();
    // The low bytes of four characters, one of them a raw NUL, which JSON forbids inside a string.
    let with_nul = [head.as_bytes(), b",\"userData\":\"\xA2\x55\x00\x8C\"}"].concat();
    assert_eq!(app.ask("POST", AXB, &with_nul).await.code(), (403, "1010002".into()));
    let without = [head.as_bytes(), b",\"userData\":\"\xA2\x55\x8C\"}"].concat();
    let answer = app.ask("POST", AXB, &without).await;
    assert_eq!(answer.code(), (200, "0".into()));
    let found = app.get(AXB, &format!("subscriptionId={}", answer.member("subscriptionId"))).await;
    assert_eq!(found.json()["relationNumList"][0]["userData"], "\u{fffd}U\u{fffd}");
}

// 19: the tests of this folder use http:// throughout, and `tls.rs` shows https://.
#[tokio::test]
async fn the_api_of_another_mode_is_refused_over_plain_http_too() {
    let (_world, app) = World::axb().await;
    assert_eq!(app.get(AX, "subscriptionId=none").await.code(), (403, "1010040".into()));
}
