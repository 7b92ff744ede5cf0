//! Recordings: the link to one (customer-api 8), and what happens when a client follows it.
//!
//! The link is all that is needed to follow it. Signed headers that a client sends along are not looked at: some
//! send those of the request before (client-tolerances F43).

use bytes::BytesMut;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, HeaderValue, IF_RANGE,
    LOCATION, RANGE,
};
use hyper::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::super::rejection::Rejection;
use crate::domain::customer::CustomerApp;
use crate::domain::id::RowKey;
use crate::domain::link::Link;
use crate::domain::recording::RecordingFile;
use crate::engine::Engine;
use crate::http::range::{Asked, asked};
use crate::http::{BodyWriter, Reply, ReplyBody, Request};
use crate::recording::{AUDIO, Place, Reading};
use crate::wire::customer::recording;
use crate::wire::fields::Fields;
use crate::wire::recording::{key_of, object_name};
use crate::wire::result_code::ResultCode;

/// What a link's path begins with.
const LINKS: &str = "/recordings/v1/";
/// Bytes of a file that are read at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// What links begin with.
#[derive(Clone, Debug)]
pub struct LinkBase {
    /// As the operator says; `None` = as the request for the link says.
    pub public_url: Option<Box<str>>,
    /// Whether the listener speaks TLS.
    pub https: bool,
}

impl LinkBase {
    /// What the link in the answer to a request to this `Host` begins with, without a slash at the end.
    pub(super) fn of(&self, host: Option<&HeaderValue>) -> Result<String, Rejection> {
        if let Some(url) = &self.public_url {
            return Ok(url.to_string());
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.filter(|host| !host.is_empty() && host.bytes().all(plain));
        let host = host.ok_or(Rejection::invalid("The Host header names no host.", None))?;
        Ok(format!("{}://{host}", if self.https { "https" } else { "http" }))
    }
}

/// Answers a request for the link to a recording.
pub(super) async fn link(
    engine: &Engine,
    app: &CustomerApp,
    fields: &Fields,
    base: impl FnOnce() -> Result<String, Rejection>,
) -> Result<Reply, Rejection> {
    let object = recording(fields)?;
    if !app.recording {
        return Err(ResultCode::RecordingNotOpened.into());
    }
    let found = engine.recording_of(app.no, &object).await.map_err(|_| ResultCode::InternalError)?;
    let file = found.ok_or(ResultCode::RelationMissing)?;
    let now = engine.shared().clock.now();
    let ends = file.link_ends(now);
    let location = if let Some(url) = engine.recordings().direct_link(&place(&file), ends.since(now), now) {
        url.to_string()
    } else {
        let link = Link { app: app.no, recording: file.key, ends };
        format!("{}{LINKS}{}/{object}", base()?, engine.links().proof(link))
    };
    let location = HeaderValue::try_from(location).map_err(|_| ResultCode::InternalError)?;
    // The answer is documented as 301, which may be kept for ever; this one ends.
    Ok(Reply::empty(StatusCode::MOVED_PERMANENTLY)
        .with_header(LOCATION, location)
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

/// A request that follows a link.
#[derive(Debug)]
pub(super) struct FollowedLink {
    proof: String,
    object: String,
    with_body: bool,
    range: Option<HeaderValue>,
    if_range: Option<HeaderValue>,
}

impl FollowedLink {
    /// `None` when the request is for something else. What a proxy put before the path is passed over.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let with_body = request.method == Method::GET;
        if !with_body && request.method != Method::HEAD {
            return None;
        }
        let path = request.path();
        let (proof, object) = path[path.find(LINKS)? + LINKS.len()..].split_once('/')?;
        let header = |name: HeaderName| request.headers.get(name).cloned();
        let (range, if_range) = (header(RANGE), header(IF_RANGE));
        Some(Self { proof: proof.to_owned(), object: object.to_owned(), with_body, range, if_range })
    }
}

/// Sends a recording, or the part of it that is asked for.
pub(super) async fn follow(engine: &Engine, link: FollowedLink) -> Result<Reply, Rejection> {
    let now = engine.shared().clock.now();
    // Wrong, too old or deleted: nobody learns which.
    let gone = || Rejection { status: Some(404), ..Rejection::new(ResultCode::RelationMissing) };
    let key = key_of(&link.object).ok_or_else(gone)?;
    let proven = engine.links().check(&link.proof, key, now).ok_or_else(gone)?;
    let found = engine.recording_of(proven.app, &link.object).await.map_err(|_| ResultCode::InternalError)?;
    let file = found.ok_or_else(gone)?;
    let busy = Rejection { status: Some(503), ..Rejection::new(ResultCode::FlowControl) };
    let seat = engine.recordings().reader_seat().ok_or(busy)?;
    let reading = match engine.recordings().read(&place(&file), seat).await {
        Ok(Some(reading)) => reading,
        Ok(None) => return Err(gone()),
        Err(error) => {
            tracing::error!("{error}");
            return Err(ResultCode::InternalError.into());
        }
    };
    send(&link, key, reading).await
}

async fn send(link: &FollowedLink, key: RowKey, mut reading: Reading) -> Result<Reply, Rejection> {
    let etag = HeaderValue::try_from(format!("\"{}\"", key.get())).expect("digits in quotes");
    let size = reading.bytes;
    // A part of another file than the client has begun with would be of no use.
    let range = link.range.as_ref().filter(|_| link.if_range.as_ref().is_none_or(|known| *known == etag));
    let (status, part) = match asked(range.map(HeaderValue::as_bytes), size) {
        Asked::All => (StatusCode::OK, 0..size),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, *part.start()..part.end() + 1),
        Asked::Beyond => {
            let all = HeaderValue::try_from(format!("bytes */{size}")).expect("digits");
            return Ok(Reply::empty(StatusCode::RANGE_NOT_SATISFIABLE).with_header(CONTENT_RANGE, all));
        }
    };
    let length = part.end - part.start;
    let mut reply = if link.with_body {
        let failed = |_| Rejection::new(ResultCode::InternalError);
        reading.file.seek(std::io::SeekFrom::Start(part.start)).await.map_err(failed)?;
        let (writer, body) = ReplyBody::stream_of(length);
        tokio::spawn(feed(writer, reading, length));
        Reply::new(status, AUDIO, body)
    } else {
        let reply = Reply { content_type: Some(AUDIO), ..Reply::empty(status) };
        reply.with_header(CONTENT_LENGTH, length.into())
    };
    if status == StatusCode::PARTIAL_CONTENT {
        let sent = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        reply = reply.with_header(CONTENT_RANGE, HeaderValue::try_from(sent).expect("digits"));
    }
    Ok(reply
        .with_header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("private"))
        .with_header(ETAG, etag))
}

/// Reads the file as fast as the client takes it. Breaks off visibly when the file does.
async fn feed(mut writer: BodyWriter, mut reading: Reading, mut left: u64) {
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = BytesMut::with_capacity(wanted);
        match (&mut reading.file).take(wanted as u64).read_buf(&mut piece).await {
            Ok(0) => return tracing::error!("a recording is shorter than it was when it was opened"),
            Ok(count) => left -= count as u64,
            Err(error) => return tracing::error!("a recording could not be read on: {error}"),
        }
        if writer.send(piece.freeze()).await.is_err() {
            return;
        }
    }
    // The client has all of it, or has gone.
    let _ = writer.finish().await;
}

fn place(file: &RecordingFile) -> Place {
    Place { bucket: file.bucket.to_string(), object: object_name(file.key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_begins_with_what_the_operator_says_or_else_with_the_host_asked() {
        let base = |public_url: Option<&str>, https, host: &'static [u8]| {
            let host = HeaderValue::from_bytes(host).unwrap();
            LinkBase { public_url: public_url.map(Into::into), https }.of(Some(&host))
        };
        assert_eq!(base(Some("https://pub.example/x"), false, b"evil").unwrap(), "https://pub.example/x");
        assert_eq!(base(None, true, b"gw.example:8443").unwrap(), "https://gw.example:8443");
        assert_eq!(base(None, false, b"[::1]:80").unwrap(), "http://[::1]:80");
        for host in [&b""[..], b"a b", b"a/b", b"a@b", b"\xc3\xa9"] {
            assert!(base(None, true, host).is_err(), "{host:?}");
        }
        assert!(LinkBase { public_url: None, https: true }.of(None).is_err());
    }
}
