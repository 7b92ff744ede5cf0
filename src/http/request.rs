//! A request as the service sees it: the head parsed, the body still on the wire.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::{HeaderMap, Method, Uri, Version};

use super::body::{BodyError, RequestBody};

/// One request. The body is read on demand, so that a service can check who asks before it takes in a byte.
pub struct Request {
    /// The method; any token is possible, not only the well-known ones.
    pub method: Method,
    /// The header lines; names compare without case, values may hold bytes that are not UTF-8.
    pub headers: HeaderMap,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The other end of the socket: perhaps a proxy, see [`peer::client_ip`](super::peer::client_ip).
    pub peer: SocketAddr,
    /// Names this request in the log and, when it fails, in the reply.
    pub id: RequestId,
    target: Uri,
    /// Only set when the path as sent has duplicate slashes.
    tidy_path: Option<String>,
    body: RequestBody,
}

impl Request {
    pub(super) fn new(
        head: hyper::http::request::Parts,
        body: RequestBody,
        peer: SocketAddr,
        id: RequestId,
    ) -> Self {
        let tidy_path = head.uri.path().contains("//").then(|| collapse_slashes(head.uri.path()));
        Self {
            method: head.method,
            headers: head.headers,
            version: head.version,
            peer,
            id,
            target: head.uri,
            tidy_path,
            body,
        }
    }

    /// The path as sent (still percent-encoded), without the query, each run of slashes written as one: a base
    /// URL with a slash too many is the commonest slip of clients (client-tolerances B20). Empty for `CONNECT`.
    pub fn path(&self) -> &str {
        self.tidy_path.as_deref().unwrap_or_else(|| self.target.path())
    }

    /// What follows the first `?`, still encoded. `None` without a `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// Reads the whole body, at most `limit` bytes, within the body deadline of the listener. Empty when there
    /// is none or when it was read before. After an error the rest of the body is lost and so, after the
    /// reply, is the connection.
    pub async fn read_body(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        self.body.read(limit).await
    }
}

impl Request {
    /// The least size that the body announces, for whoever would refuse it unread; 0 when it announces none.
    pub fn announced_bytes(&self) -> u64 {
        self.body.announced()
    }

    /// The next piece of the body, as it arrives; `None` at its end. Each may take as long as a whole body that
    /// is read at once, so the caller has to bound the whole, in bytes and in time.
    pub async fn read_piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.body.piece().await
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers, path and query may hold credentials and numbers, so they stay out.
        f.debug_struct("Request").field("id", &self.id).field("method", &self.method).finish_non_exhaustive()
    }
}

fn collapse_slashes(path: &str) -> String {
    let mut tidy = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !tidy.ends_with('/') {
            tidy.push(letter);
        }
    }
    tidy
}

/// The name of one request: a prefix that differs from process to process, and a count. Prints as
/// `5f3a90c1-42`; costs nothing until printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    process: u32,
    number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.process, self.number)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where request ids come from. Clones share the count, so one per process serves every listener.
#[derive(Clone, Debug)]
pub struct RequestIds {
    process: u32,
    next: Arc<AtomicU64>,
}

impl RequestIds {
    /// Ids under `process`, a random draw of this process that tells its ids from those of the last run.
    pub fn new(process: u32) -> Self {
        Self { process, next: Arc::new(AtomicU64::new(1)) }
    }

    pub(super) fn draw(&self) -> RequestId {
        RequestId { process: self.process, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_of_slashes_becomes_one() {
        for (sent, tidy) in [("//rest/a", "/rest/a"), ("/a///b//", "/a/b/"), ("//", "/"), ("/a/b", "/a/b")] {
            assert_eq!(collapse_slashes(sent), tidy);
        }
    }

    #[test]
    fn ids_of_clones_never_repeat() {
        let ids = RequestIds::new(0x5f3a_90c1);
        let other = ids.clone();
        assert_eq!(ids.draw().to_string(), "5f3a90c1-1");
        assert_eq!(other.draw().to_string(), "5f3a90c1-2");
    }
}
