//! A receiver of pushes that does exactly what a test tells it to.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::NEVER_MET;

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Listens on a free loopback port and gives the listener to `serve`. The handle has what it returns.
pub(super) async fn receiver<T, F>(serve: impl FnOnce(TcpListener) -> F) -> (SocketAddr, JoinHandle<T>)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(serve(listener)))
}

/// The next connection. A client that makes none fails the test instead of hanging it.
pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = tokio::time::timeout(NEVER_MET, listener.accept()).await;
    accepted.expect("the client connects").unwrap().0
}

/// One request, byte for byte: the head, and as much body as its Content-Length says.
pub(super) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let got = stream.read(&mut chunk).await.unwrap();
        assert_ne!(got, 0, "the request ends early: {:?}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&chunk[..got]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Some((_, length)) = head.split_once("Content-Length: ")
            && body.len() >= length.lines().next().unwrap().parse::<usize>().unwrap()
        {
            return text.into_owned();
        }
    }
}

/// Waits until the other side has closed the connection.
pub(super) async fn wait_for_close(stream: &mut (impl AsyncRead + Unpin)) {
    let mut chunk = [0; 4_096];
    while stream.read(&mut chunk).await.is_ok_and(|got| got > 0) {}
}
