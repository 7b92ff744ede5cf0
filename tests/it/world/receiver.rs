//! A customer's callback server on a loopback port. It keeps every push as it came, and answers as it was told.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

use super::http::{Headers, find, soon};

/// One push as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    pub method: String,
    pub path: String,
    /// In the order and the case of the wire.
    pub headers: Headers,
    pub body: String,
}

impl Pushed {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header, whatever its case.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1
    }

    /// The path without its query.
    pub fn path_alone(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// `eventType`.
    pub fn event(&self) -> String {
        self.json()["eventType"].as_str().unwrap().to_owned()
    }
}

/// What the receiver does about a push.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// Answers with this status and this body.
    Answer(u16, &'static str),
    /// Answers 200 when a permit is added.
    Hang(Arc<Semaphore>),
    /// Answers 200 with this body when a permit is added.
    HangThen(Arc<Semaphore>, String),
    /// Closes the connection without an answer.
    Close,
    /// Answers questions with 200 and this body, and everything else with 200 alone.
    Decide(String),
    /// Sends these bytes, whatever they are, and then the second text again and again until nobody reads any more.
    Bytes(Vec<u8>, &'static str),
}

#[derive(Debug, Default)]
struct Desk {
    pushes: Mutex<VecDeque<Pushed>>,
    arrived: Notify,
    reactions: Mutex<HashMap<String, Reaction>>,
}

/// The receiver.
#[derive(Debug)]
pub struct Receiver {
    pub address: SocketAddr,
    desk: Arc<Desk>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk::default());
        tokio::spawn(serve(listener, Arc::clone(&desk)));
        Self { address, desk }
    }

    /// The URL of a path, for an app's settings.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, this happens to pushes to `path`. Until told, they are answered 200.
    pub fn react(&self, path: &str, reaction: Reaction) {
        self.desk.reactions.lock().unwrap().insert(path.into(), reaction);
    }

    /// Takes the oldest push to `path`, whatever its query, that was not taken yet; waits for it.
    pub async fn next(&self, path: &str) -> Pushed {
        soon(async {
            loop {
                let arrived = self.desk.arrived.notified();
                if let Some(push) = self.take(path) {
                    return push;
                }
                arrived.await;
            }
        })
        .await
    }

    /// Takes the pushes to `path` that are there.
    pub fn all(&self, path: &str) -> Vec<Pushed> {
        std::iter::from_fn(|| self.take(path)).collect()
    }

    /// What was not taken.
    pub fn left(&self) -> Vec<Pushed> {
        self.desk.pushes.lock().unwrap().iter().cloned().collect()
    }

    fn take(&self, path: &str) -> Option<Pushed> {
        let mut pushes = self.desk.pushes.lock().unwrap();
        let at = pushes.iter().position(|push| push.path == path || push.path_alone() == path)?;
        pushes.remove(at)
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(attend(stream, Arc::clone(&desk)));
    }
}

async fn attend(mut stream: TcpStream, desk: Arc<Desk>) {
    let mut unread = Vec::new();
    while let Some(push) = read_push(&mut stream, &mut unread).await {
        let reaction = desk.reactions.lock().unwrap().get(push.path_alone()).cloned();
        let calls = push.body.contains(r#""notifyMode":"Block""#) && push.body.contains("callin");
        let asks = calls || push.body.contains(r#""notificationMode":"Block""#);
        desk.pushes.lock().unwrap().push_back(push);
        desk.arrived.notify_waiters();
        let (status, body) = match reaction.unwrap_or(Reaction::Answer(200, "")) {
            Reaction::Answer(status, body) => (status, body.to_owned()),
            Reaction::Hang(release) => {
                release.acquire().await.unwrap().forget();
                (200, String::new())
            }
            Reaction::HangThen(release, body) => {
                release.acquire().await.unwrap().forget();
                (200, body)
            }
            Reaction::Decide(body) => (200, if asks { body } else { String::new() }),
            Reaction::Bytes(first, again) => return flood(&mut stream, &first, again).await,
            Reaction::Close => return,
        };
        let answer = format!("HTTP/1.1 {status} Told\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Writes until the other side has had enough; with nothing to repeat, until it closes.
async fn flood(stream: &mut TcpStream, first: &[u8], again: &str) {
    let mut written = stream.write_all(first).await;
    while written.is_ok() && !again.is_empty() {
        written = stream.write_all(again.as_bytes()).await;
    }
    drop(stream.read(&mut [0]).await);
}

async fn read_push(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Pushed> {
    let end = loop {
        match find(unread, b"\r\n\r\n") {
            Some(end) => break end,
            None => read_more(stream, unread).await?,
        }
    };
    let head = String::from_utf8(unread.drain(..end + 4).collect()).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let headers: Headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (method, path) = (words.next()?, words.next()?);
    let mut push = Pushed { method, path, headers, body: String::new() };
    let length: usize = push.header("content-length").parse().unwrap();
    while unread.len() < length {
        read_more(stream, unread).await?;
    }
    push.body = String::from_utf8(unread.drain(..length).collect()).unwrap();
    Some(push)
}

async fn read_more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4_096];
    let got = stream.read(&mut chunk).await.ok().filter(|got| *got > 0)?;
    unread.extend_from_slice(&chunk[..got]);
    Some(())
}
