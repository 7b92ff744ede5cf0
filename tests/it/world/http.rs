//! HTTP/1 in plain sight: requests as the bytes a test wants, answers with their headers in order and case.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough that a test which needs it has failed.
const NEVER: Duration = Duration::from_secs(30);

/// Waits for something that has to happen; a test where it does not fails instead of hanging.
pub async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(NEVER, event).await.expect("what the test waits for does not happen")
}

/// Header lines: name and value.
pub type Headers = Vec<(String, String)>;

/// One request as bytes: HTTP/1.1, closing, with a `Content-Length` where there is a body.
pub fn request(method: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let headers = header_lines(headers);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}{length}\r\n");
    [head.as_bytes(), body].concat()
}

/// Header lines as bytes.
pub fn header_lines(headers: &[(String, String)]) -> String {
    let line = |(name, value): &(String, String)| [name, ": ", value, "\r\n"].concat();
    headers.iter().map(line).collect()
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub version: String,
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, its name spelled exactly so.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the answer is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// Status and resultcode of an answer to a customer, which is always an envelope (client-tolerances E).
    pub fn code(&self) -> (u16, String) {
        let answer = self.json();
        let text =
            |member: &str| answer[member].as_str().unwrap_or_else(|| panic!("no {member} in {answer}"));
        assert!(text("resultdesc").is_ascii() && !text("resultdesc").is_empty(), "{answer}");
        assert!(text("resultcode").bytes().all(|byte| byte.is_ascii_digit()), "{answer}");
        assert_eq!(self.header("Content-Type"), Some("application/json;charset=utf-8"), "{answer}");
        (self.status, text("resultcode").to_owned())
    }

    /// A member that is text.
    pub fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text())).to_owned()
    }
}

/// An open connection that a test writes to and reads from as it likes.
#[derive(Debug)]
pub struct Connection<I = TcpStream> {
    stream: I,
    unread: Vec<u8>,
}

impl Connection {
    pub async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Connection<I> {
    pub const fn over(stream: I) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends these bytes. The other side may have closed already; then the answer tells.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()).await);
        drop(self.stream.flush().await);
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        drop(self.stream.shutdown().await);
    }

    /// The next answer; `None` when the connection closes before a whole one.
    pub async fn answer(&mut self) -> Option<Answer> {
        let mut answer = self.head().await?;
        let length: usize = answer.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            if !self.read_more().await {
                return None;
            }
        }
        answer.body = self.unread.drain(..length).collect();
        Some(answer)
    }

    /// The head of the next answer, which is all of an answer to HEAD.
    pub async fn head(&mut self) -> Option<Answer> {
        let head = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap();
            }
            if !self.read_more().await {
                return None;
            }
        };
        let mut lines = head.lines();
        let mut status = lines.next().unwrap().splitn(3, ' ');
        let (version, status) = (status.next().unwrap().to_owned(), status.next().unwrap().parse().unwrap());
        let headers: Headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Answer { version, status, headers, body: Vec::new() })
    }

    /// Whether the other side closes without another byte.
    pub async fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more().await
    }

    async fn read_more(&mut self) -> bool {
        let mut chunk = [0; 4_096];
        let got = soon(self.stream.read(&mut chunk)).await.unwrap_or(0);
        self.unread.extend_from_slice(&chunk[..got]);
        got > 0
    }
}

/// One request on a connection of its own, and its answer.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    try_exchange(address, bytes).await.expect("an answer, not a close")
}

/// The same; `None` when nobody listens or the connection breaks.
pub async fn try_exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut connection = Connection::over(TcpStream::connect(address).await.ok()?);
    connection.send(bytes).await;
    connection.answer().await
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
