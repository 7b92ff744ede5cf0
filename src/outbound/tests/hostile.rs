//! Receivers that hang, drip, flood, lie and lure.

use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::receiver::wait_for_close;
use super::wire::assert_nobody_waits;
use super::*;

fn impatient_client() -> Outbound {
    Outbound::new(OutboundSettings { timeout: TINY, ..settings() }).unwrap()
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_given_up_at_the_deadline_and_hung_up_on() {
    let (address, served) = receiver(async |listener| {
        wait_for_close(&mut accept(&listener).await).await;
    })
    .await;
    let attempt = post_to(&impatient_client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "no answer within 0.06 s");
    assert_eq!((attempt.address, attempt.status), (Some(address), None));
    served.await.unwrap();
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_does_not_move_the_deadline() {
    let (address, served) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        // Errors end the dripping: the client hangs up whenever its deadline falls.
        if stream.read_u8().await.is_ok() && stream.write_all(b"HTTP/1.1 200 OK\r\nX-Drip: ").await.is_ok() {
            let mut pace = tokio::time::interval(Duration::from_millis(1));
            while stream.write_all(b"x").await.is_ok() {
                pace.tick().await;
            }
        }
    })
    .await;
    let attempt = post_to(&impatient_client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "no answer within 0.06 s");
    served.await.unwrap();
}

/// The body of an answer that goes on dripping.
struct Dripping(tokio::time::Interval);

impl Body for Dripping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// Without a socket, so that time can be moved by hand.
#[tokio::test(start_paused = true)]
async fn a_body_that_comes_byte_by_byte_is_cut_at_the_deadline() {
    let body = Dripping(tokio::time::interval(Duration::from_secs(1)));
    let deadline = Instant::now() + Duration::from_millis(3_500);
    let (answer, ended) = client().shared.settings.answer_limits().read_answer(body, deadline).await;
    assert_eq!(Instant::now(), deadline);
    assert_eq!((answer.text().as_str(), answer.whole, ended), ("xxxx", false, false));
}

#[tokio::test]
async fn no_body_is_read_past_the_cap_whatever_its_head_promises() {
    for (head, chunk) in [
        ("", "xxxxxxxxxxxxxxxx".repeat(512)),
        ("Content-Length: 10000000000\r\n", "xxxxxxxxxxxxxxxx".repeat(512)),
        ("Transfer-Encoding: chunked\r\n", format!("2000\r\n{}\r\n", "x".repeat(8_192))),
        ("Content-Encoding: gzip\r\n", "xxxxxxxxxxxxxxxx".repeat(512)),
    ] {
        let (address, served) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).await.unwrap();
            // Ends only because the other side closes.
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(attempt.outcome, PushOutcome::Answered(200), "{head}");
        assert_eq!(attempt.answer.body, vec![b'x'; 4_096], "{head}");
        assert!(!attempt.answer.whole);
        served.await.unwrap();
    }
}

#[tokio::test]
async fn a_gzip_bomb_stays_as_small_as_it_came() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 64 << 20]).unwrap();
    let bomb = packer.finish().unwrap();
    let sent = bomb.clone();
    let (address, served) = receiver(async move |listener| {
        let mut stream = accept(&listener).await;
        let asked = read_request(&mut stream).await;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", sent.len());
        // Ends early when the other side has had enough.
        drop(stream.write_all(&[head.as_bytes(), &sent].concat()).await);
        asked
    })
    .await;
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert_eq!(attempt.answer.body, bomb[..4_096]);
    let asked = served.await.unwrap().to_ascii_lowercase();
    assert!(!asked.contains("accept-encoding"), "nobody asked for it: {asked}");
}

#[tokio::test]
async fn a_reset_in_the_middle_of_the_body_takes_nothing_from_the_answer() {
    let (address, _) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(attempt.outcome, PushOutcome::Answered(200));
    assert!(!attempt.answer.whole);
}

#[tokio::test]
async fn a_receiver_that_closes_its_half_without_a_word_has_not_answered() {
    let (address, served) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
        stream.shutdown().await.unwrap();
        wait_for_close(&mut stream).await;
    })
    .await;
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "connection closed before an answer");
    served.await.unwrap();
}

/// The deadline is put into the past, so that nobody has to wait for it.
#[tokio::test]
async fn an_answer_after_the_deadline_is_a_failure_that_says_when_it_came() {
    let (address, _) = answering(1).await;
    let settings = OutboundSettings {
        timeout: Duration::from_secs(10),
        late_answer: Duration::from_secs(60),
        ..settings()
    };
    let shared = Outbound::new(settings).unwrap().shared;
    let url = format!("http://{address}/");
    let destination = Destination::read(&url).unwrap();
    let tls = shared.tls.get(None).unwrap();
    let place = destination.place(&tls);
    let in_time = Instant::now() + NEVER_MET;
    let mut seen = Seen {
        limits: shared.settings.answer_limits(),
        began: Instant::now() - Duration::from_millis(11_950),
        connection: ConnectionUse::New,
        dialled: Dialled::default(),
        first_byte: None,
    };
    let mut connection = shared.connector.connect(&place, &tls, in_time, &mut seen.dialled).await.unwrap();
    let push = push(&url);
    let mut request = Request::new(Full::new(push.body.clone()));
    *request.headers_mut() =
        sign::signed_headers(&push, destination.host_header, Timestamp::from_secs(1), NONCE);
    let (failure, _) = shared.send(&mut connection, request, &mut seen).await.unwrap_err();
    let FailureClass::AnsweredLate { status: 200, after, limit } = failure else { panic!("{failure}") };
    assert!(after >= Duration::from_secs(12) && limit == Duration::from_secs(10));
    assert_eq!(unanswered(failure, &seen).status, Some(200));
}

#[tokio::test]
async fn a_body_between_the_caps_is_shortened_and_the_connection_kept() {
    let (address, served) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        for _ in 0..2 {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n").await.unwrap();
            stream.write_all(&[b'x'; 6_000]).await.unwrap();
        }
    })
    .await;
    let client = client();
    for _ in 0..2 {
        let attempt = post_to(&client, format!("http://{address}/")).await;
        assert_eq!(attempt.answer.body.len(), 4_096);
        assert!(!attempt.answer.whole);
    }
    served.await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_a_failure_that_names_its_host_and_is_not_followed() {
    for (location, expected) in [
        (
            "Location: http://169.254.169.254/latest/meta-data\r\n",
            "answered 302, a redirect to 169.254.169.254; redirects are not followed",
        ),
        ("Location: /elsewhere\r\n", "answered 302, a redirect to 127.0.0.1; redirects are not followed"),
        ("Location: http://[\r\n", "answered 302, a redirect; redirects are not followed"),
        ("", "answered 302, a redirect; redirects are not followed"),
    ] {
        let (address, served) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            let answer = format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 2\r\n\r\ngo");
            stream.write_all(answer.as_bytes()).await.unwrap();
            listener
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(words(&attempt), expected);
        assert_eq!((attempt.status, attempt.answer.text().as_str()), (Some(302), "go"));
        assert_nobody_waits(served.await.unwrap());
    }
}

#[tokio::test]
async fn a_port_without_a_listener_is_a_refused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), format!("connection refused by {address}"));
    assert_eq!(attempt.address, Some(address));
}

/// A listener whose queue is full lets nobody in and says nothing about it.
#[tokio::test]
async fn a_host_that_does_not_react_is_no_connection_at_the_limit() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _in_the_queue = tokio::net::TcpStream::connect(address).await.unwrap();
    let impatient = Outbound::new(OutboundSettings { connect_timeout: TINY, ..settings() }).unwrap();
    let attempt = post_to(&impatient, format!("http://{address}/")).await;
    assert_eq!(words(&attempt), format!("no connection to {address} within 0.06 s"));
    assert_eq!((attempt.address, attempt.connection), (Some(address), ConnectionUse::None));
}

#[tokio::test]
async fn a_reset_in_the_middle_of_the_head_is_no_answer() {
    let (address, _) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        // The rest of the request stays unread, so closing resets the connection.
        stream.read_u8().await.unwrap();
        stream.set_zero_linger().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await.unwrap();
    })
    .await;
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "connection closed before an answer");
    assert_eq!(attempt.status, None);
}

#[tokio::test]
async fn what_is_not_http_is_called_so() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "220 mail.example.com ESMTP\r\n",
        "\u{16}\u{3}\u{1}garbage\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        let (address, _) = receiver(async |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            stream.write_all(garbage.as_bytes()).await.unwrap();
            wait_for_close(&mut stream).await;
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(words(&attempt), "answer is not HTTP", "{garbage:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_speaks_before_it_is_asked_is_not_http() {
    let (address, _) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
        wait_for_close(&mut stream).await;
    })
    .await;
    let attempt = post_to(&client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "answer is not HTTP");
}

#[tokio::test]
async fn a_flood_of_headers_ends_the_push() {
    let many = "X-Flood: 1\r\n".repeat(100_000);
    let long = format!("X-Flood: {}\r\n", "x".repeat(1_000_000));
    for flood in [many, long] {
        let (address, _) = receiver(async move |listener| {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{flood}\r\n").as_bytes()).await;
            wait_for_close(&mut stream).await;
        })
        .await;
        let attempt = post_to(&client(), format!("http://{address}/")).await;
        assert_eq!(words(&attempt), "answer has too many or too long headers");
    }
}

#[tokio::test]
async fn interim_answers_without_end_do_not_move_the_deadline() {
    let (address, served) = receiver(async |listener| {
        let mut stream = accept(&listener).await;
        if stream.read_u8().await.is_ok() {
            while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {}
        }
    })
    .await;
    let attempt = post_to(&impatient_client(), format!("http://{address}/")).await;
    assert_eq!(words(&attempt), "no answer within 0.06 s");
    served.await.unwrap();
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_refused_without_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closed = Outbound::new(OutboundSettings { allow_networks: Vec::new(), ..settings() }).unwrap();
    let attempt = post_to(&closed, format!("http://localhost:{port}/")).await;
    let words = words(&attempt);
    assert!(words.ends_with("is not allowed (loopback)"), "{words}");
    assert_eq!(attempt.address, None);
    assert_nobody_waits(listener);
}

#[tokio::test]
async fn a_forbidden_literal_is_refused_without_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closed = Outbound::new(OutboundSettings { allow_networks: Vec::new(), ..settings() }).unwrap();
    // Every spelling of an address that URLs know.
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[0:0:0:0:0:ffff:7f00:0001]",
    ] {
        let attempt = post_to(&closed, format!("http://{host}:{port}/")).await;
        let words = words(&attempt);
        assert!(words.ends_with("is not allowed (loopback)"), "{host}: {words}");
    }
    assert_nobody_waits(listener);
}

#[tokio::test]
async fn a_url_that_is_no_place_for_a_push_is_said_to_be_one() {
    let client = client();
    for (url, expected) in [
        ("ftp://example.com/", "URL is not http or https"),
        ("file:///etc/passwd", "URL is not http or https"),
        ("data:text/plain,x", "URL is not http or https"),
        ("example.com/push", "URL cannot be used: relative URL without a base"),
        ("http://", "URL cannot be used: empty host"),
        ("http://exa mple.com/", "URL cannot be used: invalid international domain name"),
        ("http://example.com:99999/", "URL cannot be used: invalid port number"),
        ("", "URL cannot be used: relative URL without a base"),
    ] {
        assert_eq!(words(&post_to(&client, url).await), expected, "{url}");
    }
}
