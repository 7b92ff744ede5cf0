//! A listener on a loopback port, a toy service, and clients that speak in raw bytes.

mod closing;
mod exchange;
mod hostile;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::{BodyError, Limits, Refusal, Reply, ReplyBody, Request, RequestIds, Server, Service, Tls};

/// Long enough that a test which needs it has failed.
const NEVER: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(40);
const JSON: &str = "application/json";
const BODY_MAX: usize = 64 * 1024;

/// Answers `METHOD PATH QUERY BODY-LENGTH`, unless the path asks for something special.
#[derive(Default)]
struct Toy {
    entered: Arc<Notify>,
    release: Arc<Notify>,
    left: Arc<Notify>,
}

impl Service for Toy {
    async fn call(&self, mut request: Request) -> Reply {
        match request.path() {
            "/panic" => panic!("as the test asked"),
            "/hold" => {
                self.entered.notify_one();
                self.release.notified().await;
                self.left.notify_one();
            }
            "/unread" => return refusal(StatusCode::UNAUTHORIZED, "not admitted"),
            "/export" => return export(3, true),
            "/broken-export" => return export(3, false),
            "/flood" => return Reply::new(StatusCode::OK, JSON, vec![b' '; 64 << 20]),
            _ => {}
        }
        let length = match request.read_body(BODY_MAX).await {
            _ if request.method == "GET" => "-".to_owned(),
            Ok(body) => body.len().to_string(),
            Err(BodyError::TooLarge) => return refusal(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
            Err(BodyError::TooSlow) => return refusal(StatusCode::REQUEST_TIMEOUT, "too slow"),
            Err(BodyError::Broken) => return refusal(StatusCode::BAD_REQUEST, "broken"),
        };
        let query = request.query().unwrap_or("-");
        let text = format!("\"{} {} {query} {length}\"", request.method, request.path());
        Reply::new(StatusCode::OK, JSON, text)
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        let status = match refusal {
            Refusal::MalformedRequest => StatusCode::BAD_REQUEST,
            Refusal::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        };
        self::refusal(status, &format!("{refusal:?}"))
    }
}

fn refusal(status: StatusCode, why: &str) -> Reply {
    Reply::new(status, JSON, format!("{{\"resultdesc\":\"{why}\"}}"))
}

fn export(rows: usize, whole: bool) -> Reply {
    let (mut writer, body) = ReplyBody::stream();
    tokio::spawn(async move {
        for row in 0..rows {
            writer.send(Bytes::from(format!("row {row}\n"))).await.unwrap();
        }
        if whole {
            writer.finish().await.unwrap();
        }
    });
    Reply::new(StatusCode::OK, "text/csv", body)
}

/// A running listener.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<usize>,
}

impl Running {
    async fn start(toy: Toy, limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server {
            listener,
            tls,
            limits,
            title_case_headers: true,
            request_ids: RequestIds::new(0xabcd),
            service: toy,
        };
        let ended = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, stop, ended }
    }

    async fn with(limits: Limits) -> Self {
        Self::start(Toy::default(), limits, None).await
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends `bytes` on a connection of their own and returns everything that comes until the close.
    async fn ask(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }
}

/// Default limits with deadlines that no test reaches.
fn patient() -> Limits {
    Limits {
        header_read_timeout: NEVER,
        body_read_timeout: NEVER,
        write_timeout: NEVER,
        keep_alive_idle: NEVER,
        handshake_timeout: NEVER,
        drain_deadline: NEVER,
        ..Limits::default()
    }
}

struct Client<I = TcpStream>(I);

impl<I: AsyncRead + AsyncWrite + Unpin> Client<I> {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// One reply with a `Content-Length`, head and body.
    async fn reply(&mut self) -> String {
        let mut reply = Vec::new();
        loop {
            reply.push(soon(self.0.read_u8()).await.expect("a reply, not a close"));
            let text = String::from_utf8_lossy(&reply);
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() >= header(head, "Content-Length").expect("a length").parse().unwrap()
            {
                return text.into_owned();
            }
        }
    }

    /// Everything up to the close, however the connection closes.
    async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let _ = soon(self.0.read_to_end(&mut all)).await;
        String::from_utf8_lossy(&all).into_owned()
    }
}

async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(NEVER, event).await.expect("the event the test waits for")
}

fn header<'a>(reply: &'a str, name: &str) -> Option<&'a str> {
    reply
        .lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn status(reply: &str) -> u16 {
    let code = reply.split(' ').nth(1).unwrap_or_else(|| panic!("no status line in {reply:?}"));
    code.parse().unwrap()
}

fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").expect("a head").1
}
