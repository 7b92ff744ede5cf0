//! Whatever arrives, on whichever listener: a bounded, documented answer in JSON or a close; never a 500, never a
//! hang, and the gateway goes on.

mod garbage;

use serde_json::json;

use crate::world::http::{Answer, Connection, exchange, header_lines, request};
use crate::world::{A, AXB, B, Customer, Switch, World, X};

const BODY_BYTES_MAX: usize = 65_536;

/// A bind that is as long as wanted.
fn padded_bind(length: usize) -> Vec<u8> {
    let mut bind = json!({"callerNum": A, "calleeNum": B, "relationNum": X}).to_string().into_bytes();
    bind.resize(length, b' ');
    bind
}

fn is(answer: &Answer, (status, code): (u16, &str)) -> bool {
    answer.code() == (status, code.into())
}

/// The gateway still does its work.
async fn still_serves(app: &Customer) {
    assert!(is(&app.get(AXB, "subscriptionId=none").await, (403, "1012007")));
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_refused() {
    let (_world, app) = World::axb().await;
    let longer = app.ask("POST", AXB, &padded_bind(BODY_BYTES_MAX + 1)).await;
    assert!(is(&longer, (413, "1010002")));
    assert!(is(&app.ask("POST", AXB, &padded_bind(BODY_BYTES_MAX)).await, (200, "0")));
}

#[tokio::test]
async fn a_chunked_body_over_64_kib_is_refused_and_one_that_never_ends_is_cut() {
    let (_world, app) = World::axb().await;
    let head = format!(
        "POST {AXB} HTTP/1.1\r\nHost: h\r\n{}Transfer-Encoding: chunked\r\n\r\n",
        header_lines(&app.signed())
    );
    let mut connection = Connection::to(app.gateway()).await;
    connection.send(head).await;
    let chunk = [format!("{:x}\r\n", 16_384).as_bytes(), &[b' '; 16_384], b"\r\n"].concat();
    for _ in 0..64 {
        connection.send(&chunk).await;
    }
    assert!(is(&connection.answer().await.unwrap(), (413, "1010002")));
    still_serves(&app).await;
}

#[tokio::test]
async fn a_body_that_promises_terabytes_is_refused_at_once() {
    let (_world, app) = World::axb().await;
    for length in ["1000000000000", "18446744073709551615", "99999999999999999999999", "-1", "ten"] {
        let signed = header_lines(&app.signed());
        let head = format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{signed}Content-Length: {length}\r\n\r\n");
        let (status, code) = exchange(app.gateway(), head).await.code();
        assert!([400, 413, 431].contains(&status) && code == "1010002", "{length}: {status}");
    }
    still_serves(&app).await;
}

#[tokio::test]
async fn headers_over_16_kib_or_more_than_a_hundred_are_refused() {
    let (_world, app) = World::axb().await;
    let long = [("X-Long".to_owned(), "x".repeat(20_000))];
    let many: Vec<_> = (0..101).map(|n| (format!("X-{n}"), "x".to_owned())).collect();
    for headers in [&long[..], &many[..]] {
        let answer = exchange(app.gateway(), request("GET", AXB, headers, b"")).await;
        assert!(is(&answer, (431, "1010002")));
    }
    let target = format!("{AXB}?{}", "x".repeat(20_000));
    assert!(is(&exchange(app.gateway(), request("GET", &target, &[], b"")).await, (431, "1010002")));
    still_serves(&app).await;
}

#[tokio::test]
async fn what_is_no_request_is_told_so_by_the_listeners_for_switch_and_operators_too() {
    let (world, _app) = World::axb().await;
    let long = [("X-Long".to_owned(), "x".repeat(20_000))];
    for address in [world.switch().address(), world.operator().address()] {
        for (bytes, status, message) in [
            (b"\x16\x03nonsense\r\n\r\n".to_vec(), 400, "not a complete HTTP request"),
            (request("GET", "/", &long, b""), 431, "the headers are too long"),
            (request("GET", "/nowhere", &[], b""), 404, "there is no such URI"),
        ] {
            let answer = exchange(address, bytes).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.json()["error"]["message"], message);
        }
    }
    let target = format!("/switch/v1/recordings/{}", "c".repeat(257));
    let file = request("PUT", &target, &Switch::headers(), b"RIFF");
    let answer = exchange(world.switch().address(), file).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["message"], "callId must be 1 to 256 characters");
}

#[tokio::test]
async fn a_slow_body_is_told_so_and_a_slow_head_is_cut() {
    let limits = "limits.header_read_secs = 0.05\nlimits.body_read_secs = 0.05\nlimits.idle_secs = 0.05";
    let (_world, app) = World::one_app("AXB", limits).await;
    let mut slow_body = Connection::to(app.gateway()).await;
    let signed = header_lines(&app.signed());
    slow_body.send(format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{signed}Content-Length: 9\r\n\r\n{{")).await;
    assert!(is(&slow_body.answer().await.unwrap(), (408, "1010002")));
    assert!(slow_body.is_closed().await);

    let mut slow_head = Connection::to(app.gateway()).await;
    slow_head.send(format!("GET {AXB} HTTP/1.1\r\nHost:")).await;
    assert!(slow_head.is_closed().await);
    let mut silent = Connection::to(app.gateway()).await;
    assert!(silent.is_closed().await);
    still_serves(&app).await;
}

/// A thousand, or fewer where the system does not let a process open so many files.
fn many_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_024);
    1_000.min(files / 4)
}

#[tokio::test]
async fn a_thousand_idle_connections_are_kept_and_hinder_nobody() {
    let (_world, app) = World::axb().await;
    let mut idle = Vec::new();
    for _ in 0..many_connections() {
        idle.push(Connection::to(app.gateway()).await);
    }
    still_serves(&app).await;
    let last = idle.last_mut().unwrap();
    last.send(request("GET", &format!("{AXB}?subscriptionId=none"), &app.signed(), b"")).await;
    assert!(is(&last.answer().await.unwrap(), (403, "1012007")), "an idle one is still good");
}

#[tokio::test]
async fn one_connection_too_many_is_told_to_come_back_later() {
    let (_world, app) = World::one_app("AXB", "limits.connections_max = 2").await;
    let target = format!("{AXB}?subscriptionId=none");
    let kept = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{}\r\n", header_lines(&app.signed()));
    let mut seated = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::to(app.gateway()).await;
        connection.send(&kept).await;
        assert!(is(&connection.answer().await.unwrap(), (403, "1012007")));
        seated.push(connection);
    }
    let mut turned_away = Connection::to(app.gateway()).await;
    assert!(is(&turned_away.answer().await.unwrap(), (403, "1010010")));
    assert!(turned_away.is_closed().await);
    seated[0].send(&kept).await;
    assert!(is(&seated[0].answer().await.unwrap(), (403, "1012007")));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let (_world, app) = World::axb().await;
    let mut requests = Vec::new();
    for n in 0..100 {
        let body =
            json!({"callerNum": format!("+8613800001{n:03}"), "calleeNum": format!("+8613800002{n:03}"),
            "relationNum": X, "duration": 1000 + n})
            .to_string();
        let head = format!("POST {AXB} HTTP/1.1\r\nHost: h\r\n{}", header_lines(&app.signed()));
        let length = body.len();
        requests.extend([head, format!("Content-Length: {length}\r\n\r\n"), body]);
    }
    let mut connection = Connection::to(app.gateway()).await;
    connection.send(requests.concat()).await;
    for n in 0..100 {
        assert_eq!(connection.answer().await.unwrap().json()["duration"], 1000 + n);
    }
}
