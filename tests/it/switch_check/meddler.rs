//! The switch's part, against a gateway whose customer listener does not always do as it should.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Ran;
use super::against_gateway::{arguments, check_gateway, world};
use crate::world::http::{Connection, soon};
use crate::world::{AX, AXB, Customer, World, X};

/// What happens to a request of the application.
#[derive(Clone, Copy)]
enum Meddling {
    /// It goes on, and the answer comes back.
    None,
    /// It goes on, and the answer is lost.
    LosesAnswer,
    /// It does not go on, and this is answered.
    Answers(&'static str),
}

/// Stands before a customer listener, and meddles with requests of this method.
async fn meddler(gateway: SocketAddr, method: &'static str, meddling: Meddling) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let request = soon(read_request(stream));
            tokio::spawn(async move {
                let Some((mut stream, request)) = request.await else { return };
                let meddling = if request.starts_with(method) { meddling } else { Meddling::None };
                let body = match meddling {
                    Meddling::Answers(body) => body.to_owned(),
                    Meddling::None | Meddling::LosesAnswer => {
                        let mut gateway = Connection::to(gateway).await;
                        gateway.send(request).await;
                        gateway.answer().await.unwrap().text()
                    }
                };
                if !matches!(meddling, Meddling::LosesAnswer) {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

/// The only request on a connection; `None` when it closes before a whole one.
async fn read_request(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let mut request = String::new();
    loop {
        if let Some((head, body)) = request.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some((stream, request));
            }
        }
        let mut chunk = [0; 4_096];
        let got = stream.read(&mut chunk).await.ok().filter(|got| *got > 0)?;
        request.push_str(std::str::from_utf8(&chunk[..got]).unwrap());
    }
}

/// A run of the command with an app of this mode; the meddler is in the place of the customer listener.
async fn check_meddled(
    mode: &str,
    method: &'static str,
    meddling: Meddling,
    more: &[&str],
) -> (Ran, Customer, World) {
    let world = world("").await;
    let app = world.app(mode, &json!({"recording": true})).await;
    world.number(&app, X).await;
    let meddler = meddler(app.gateway(), method, meddling).await;
    let mut arguments = arguments(&world, &app, more);
    let at = arguments.iter().position(|word| word == "--customer").unwrap();
    arguments[at + 1] = format!("http://{meddler}");
    (check_gateway(&world, arguments).await, app, world)
}

#[tokio::test]
async fn an_unbind_that_is_refused_with_200_is_found() {
    let refused = Meddling::Answers(r#"{"resultcode":"1012007","resultdesc":"The binding does not exist."}"#);
    let (ran, ..) = check_meddled("AXB", "DELETE", refused, &[]).await;
    let found = [ran.verdict("customer.unbind"), ran.verdict("route.unbound")].map(Option::unwrap);
    assert_eq!((ran.code, found), (1, ["wrong", "notChecked"].map(str::to_owned)), "{}", ran.out);
}

#[tokio::test]
async fn a_binding_whose_bind_was_not_answered_is_looked_up_and_released() {
    for (mode, query, more) in
        [("AX", format!("privateNum={X}"), vec![]), ("AXB", format!("relationNum={X}"), vec!["--x", X])]
    {
        let (ran, app, _world) = check_meddled(mode, "POST", Meddling::LosesAnswer, &more).await;
        assert_eq!(ran.verdict("customer.bind").as_deref(), Some("missing"), "{}", ran.out);
        assert_eq!(ran.verdict("customer.unbind").as_deref(), Some("ok"), "{}", ran.out);
        let path = if mode == "AX" { AX } else { AXB };
        let (_, code) = app.get(path, &query.replace('+', "%2B")).await.code();
        assert_eq!(code, if mode == "AX" { "1016001" } else { "1012007" }, "nothing is bound in {mode}");
    }
}

#[tokio::test]
async fn a_binding_that_cannot_be_looked_up_is_said_to_expire() {
    let (ran, ..) = check_meddled("AXB", "POST", Meddling::LosesAnswer, &[]).await;
    let faults = ran.faults();
    let (_, seen) = faults.iter().find(|(check, _)| check == "customer.unbind").unwrap();
    assert_eq!(
        (ran.code, seen.as_str()),
        (1, "a binding may be left; it expires ten minutes after the bind")
    );
}
