//! Objects in a bucket of a server that speaks the S3 protocol: recordings, CDR files.
//!
//! Every request is a URL that carries its own signature; the same kind of URL is what customers get to read a
//! recording, so that no sound passes through the gateway on its way out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use rusty_s3::actions::{DeleteObject, GetObject, PutObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};
use url::Url;

use crate::config;
use crate::domain::time::Timestamp;
use crate::remote::{Answered, NoAnswer, Remote};

/// How long the signature of a request of our own is good: clocks differ, and an upload may wait for its turn.
const OWN_LIFE: Duration = Duration::from_secs(900);
/// For a deletion.
const DELETE_MAX: Duration = Duration::from_secs(20);
/// Bytes of a file that are read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// A bucket, and who we are there. Cheap to clone.
#[derive(Clone)]
pub struct S3Bucket {
    bucket: Bucket,
    credentials: Credentials,
    remote: Remote,
}

/// An object could not be stored or deleted. Says why, for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BucketError(String);

/// A file that becomes an object.
#[derive(Debug)]
pub struct Upload {
    /// The file, at its beginning.
    pub file: File,
    /// Its size; not more is sent, should it grow.
    pub bytes: u64,
    /// `Content-Type` of the object.
    pub kind: &'static str,
    /// For the whole upload.
    pub deadline: Duration,
}

impl S3Bucket {
    /// The error says what is wrong with the endpoint.
    pub fn new(settings: &config::S3, remote: Remote) -> Result<Self, String> {
        let endpoint: Url = settings.endpoint.parse().map_err(|error: url::ParseError| error.to_string())?;
        let style = if settings.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(endpoint, style, settings.bucket.to_string(), settings.region.to_string())
            .map_err(|error| error.to_string())?;
        let credentials = Credentials::new(settings.access_key.expose(), settings.secret_key.expose());
        Ok(Self { bucket, credentials, remote })
    }

    /// Uploads a file, in place of what may have this name. In the bucket when this returns `Ok`.
    pub async fn put(&self, object: &str, upload: Upload, now: Timestamp) -> Result<(), BucketError> {
        let Upload { file, bytes, kind, deadline } = upload;
        let url = PutObject::new(&self.bucket, Some(&self.credentials), object)
            .sign_with_time(OWN_LIFE, &instant(now));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_LENGTH, bytes.into());
        let body = reqwest::Body::wrap(FileBody { file, left: bytes, buffer: vec![0; PIECE_BYTES] });
        done("stored", self.remote.send(Method::PUT, url, headers, body, deadline).await, &[])
    }

    /// A link that lets whoever holds it read the object, as of this `kind`.
    pub fn link(&self, object: &str, kind: &'static str, life: Duration, now: Timestamp) -> Url {
        let mut get = GetObject::new(&self.bucket, Some(&self.credentials), object);
        get.query_mut().insert("response-content-type", kind);
        get.sign_with_time(life, &instant(now))
    }

    /// Deletes an object, if it is there.
    pub async fn remove(&self, object: &str, now: Timestamp) -> Result<(), BucketError> {
        let url = DeleteObject::new(&self.bucket, Some(&self.credentials), object)
            .sign_with_time(OWN_LIFE, &instant(now));
        let answered = self.remote.send(Method::DELETE, url, HeaderMap::new(), "", DELETE_MAX).await;
        done("deleted", answered, &[404])
    }
}

impl std::fmt::Debug for S3Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Bucket").field("bucket", &self.bucket.name()).finish_non_exhaustive()
    }
}

fn instant(now: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(now.millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

fn done(what: &str, outcome: Result<Answered, NoAnswer>, fine_too: &[u16]) -> Result<(), BucketError> {
    match outcome {
        Ok(answered) if (200..300).contains(&answered.status) => Ok(()),
        Ok(answered) if fine_too.contains(&answered.status) => Ok(()),
        Ok(Answered { status, beginning }) => {
            let code = error_code(&beginning).unwrap_or_default();
            Err(BucketError(format!("not {what}: the S3 server answered {status} {code}")))
        }
        Err(error) => Err(BucketError(format!("not {what}: {error}"))),
    }
}

/// The word in `<Code>` of an error document.
fn error_code(document: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(document);
    let word = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    let plain = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| word.to_owned())
}

/// A file as the body of a request, of the length it had when it was checked.
struct FileBody {
    file: File,
    left: u64,
    buffer: Vec<u8>,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Self { file, left, buffer } = &mut *self;
        let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        let mut piece = ReadBuf::new(&mut buffer[..wanted]);
        ready!(Pin::new(file).poll_read(cx, &mut piece))?;
        let piece = Bytes::copy_from_slice(piece.filled());
        if piece.is_empty() {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        *left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_document_only_a_plain_code_is_repeated() {
        let code = |document: &str| error_code(document.as_bytes());
        assert_eq!(code("<?xml?><Error><Code>NoSuchBucket</Code><Key>x</Key>"), Some("NoSuchBucket".into()));
        assert_eq!(code("<Code><b>x</b></Code>"), None);
        assert_eq!(code("busy"), None);
    }
}
