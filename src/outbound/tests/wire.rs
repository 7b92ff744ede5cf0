//! What goes over the wire, and over which connection.

use std::process::Command;

use super::*;

#[tokio::test]
async fn a_push_on_the_wire_is_exactly_this() {
    let (address, seen) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        let request = read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        request
    })
    .await;
    let url = format!("http://user:pass@{address}/push/status?app=1#part");
    assert_eq!(post_to(&client(), url).await.outcome, PushOutcome::Answered(200));
    let expected = format!(
        "POST /push/status?app=1 HTTP/1.1\r\n\
         Host: {address}\r\n\
         Content-Type: application/json;charset=UTF-8\r\n\
         Authorization: WSSE realm=\"SDP\",profile=\"UsernameToken\",type=\"Appkey\"\r\n\
         X-Wsse: UsernameToken Username=\"a1b2c3\",\
         PasswordDigest=\"zA0DFLH/+JKzDVRB5RKVZfN/nMPAYVO9z4mUo/Iaug0=\",\
         Nonce=\"{NONCE}\",Created=\"2018-02-12T15:30:20Z\"\r\n\
         Content-Length: 36\r\n\
         \r\n\
         {{\"eventType\":\"fee\",\"userData\":\"\u{4f60}\"}}"
    );
    assert_eq!(seen.await.unwrap(), expected);
}

#[tokio::test]
async fn any_200_is_an_answer_whatever_its_body() {
    for (answer, body, whole) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", "", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "hello", false),
        ("HTTP/1.0 200 OK\r\n\r\nhello", "hello", true),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "nope", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "{", true),
    ] {
        let (address, _) = receiver(async |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(attempt.outcome, PushOutcome::Answered(200), "{answer:?}");
        assert_eq!((attempt.answer.text().as_str(), attempt.answer.whole), (body, whole), "{answer:?}");
        assert_eq!(attempt.address, Some(address));
    }
}

#[tokio::test]
async fn other_statuses_are_reported_as_they_are() {
    for status in [101, 201, 204, 400, 410, 429, 500, 503] {
        let (address, _) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            let answer = format!("HTTP/1.1 {status} Words\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(attempt.outcome, PushOutcome::Answered(status));
        assert_eq!(attempt.status, Some(status));
    }
}

#[tokio::test]
async fn a_body_larger_than_every_buffer_arrives_whole() {
    let body = "x".repeat(1_000_000);
    let (address, seen) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        let request = read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        request
    })
    .await;
    let push = Push { body: body.clone().into(), ..push(format!("http://{address}/")) };
    let attempt = client().post(&push, Timestamp::from_secs(1), NONCE.to_owned()).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert!(seen.await.unwrap().ends_with(&format!("\r\n\r\n{body}")));
}

#[tokio::test]
async fn what_retry_after_asks_for_is_reported_within_a_day() {
    // The push is made at 2018-02-12T15:30:20Z.
    for (value, secs) in [
        ("120", Some(120)),
        ("0", Some(0)),
        ("Mon, 12 Feb 2018 15:31:20 GMT", Some(60)),
        ("Mon, 12 Feb 2018 15:00:00 GMT", Some(0)),
        ("99999999999", Some(86_400)),
        ("-1", None),
        ("soon", None),
    ] {
        let (address, _) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            let answer = format!("HTTP/1.1 503 Later\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(attempt.retry_after, secs.map(Duration::from_secs), "{value}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_and_dialled_when_its_addresses_are_allowed() {
    let (address, _) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let loopback = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    let settings = OutboundSettings { allow_networks: loopback.to_vec(), ..settings() };
    let attempt =
        post_to(&Outbound::new(settings).unwrap(), format!("http://localhost:{}/", address.port())).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert!(attempt.timings.dns.is_some() && attempt.timings.connect.is_some());
    assert_eq!(attempt.address, Some(address));
}

/// Runs another test of this file in a process whose environment names a proxy at which nobody listens.
/// (The environment of the running process cannot be changed safely while other tests read it.)
#[test]
fn proxies_in_the_environment_are_ignored() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:1");
    }
    let name = "outbound::tests::wire::a_push_on_the_wire_is_exactly_this";
    let output =
        child.env_remove("NO_PROXY").env_remove("no_proxy").args(["--exact", name]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

/// Asserts that no connection waits at the listener. The push has ended, so none can be on its way.
pub(super) fn assert_nobody_waits(listener: tokio::net::TcpListener) {
    let listener = listener.into_std().unwrap();
    let accepted = listener.accept().map(|(_, address)| address);
    assert_eq!(accepted.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
