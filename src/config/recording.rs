//! `[recording]`: where recordings lie, and how customers reach them.

use std::path::PathBuf;
use std::time::Duration;

use super::bucket::{self, S3};
use super::checks::{Checks, Unit};
use super::raw::RawRecording;

/// Largest file that may be allowed, in MiB: 4 GiB is the most that the header of a WAV file can tell.
const FILE_MIB_MAX: u32 = 4_096;
/// `recordDomain` of a request for a recording has at most so many characters (customer-api 8).
const DOMAIN_CHARS_MAX: usize = 128;

/// `[recording]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Where the files lie.
    pub store: RecordingStore,
    /// Where files are gathered on their way in, and where they stay when the store is local. Belongs to one
    /// running gateway; made when it is missing.
    pub dir: PathBuf,
    /// `recordDomain` in CDRs: 1 to 128 characters.
    pub domain: Box<str>,
    /// What links begin with, without a slash at the end; `None` = the address that the request came to.
    pub public_url: Option<Box<str>>,
    /// Files that the switch names by their path lie in this directory; `None` = it may not name any.
    pub import_dir: Option<PathBuf>,
    /// Largest file, in bytes.
    pub file_bytes_max: u64,
    /// For the whole of one upload.
    pub upload: Duration,
}

/// Where recordings lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingStore {
    /// In [`Recording::dir`].
    Local,
    /// In a bucket.
    S3(S3),
}

pub(super) fn recording(
    checks: &mut Checks<'_>,
    raw: &RawRecording,
    store: &super::Store,
    host_name: &str,
) -> Recording {
    let super::Store::Embedded { dir } = store;
    let public_url =
        raw.public_url.as_deref().map(|url| checks.base_url("recording.public_url", Some(url), ""));
    let parsed = public_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let host = parsed.as_ref().and_then(url::Url::host_str);
    let domain = raw.domain.as_deref();
    let mib_max = checks.count("recording.file_mib_max", raw.file_mib_max, 256, FILE_MIB_MAX);
    let range = 0.01..=3_600.0;
    Recording {
        store: place(checks, raw),
        dir: match &raw.dir {
            Some(given) => checks.dir("recording.dir", given),
            None => dir.join("recordings"),
        },
        domain: checks.label("recording.domain", domain, host.unwrap_or(host_name), DOMAIN_CHARS_MAX),
        import_dir: raw.import_dir.as_deref().map(|given| checks.dir("recording.import_dir", given)),
        public_url,
        file_bytes_max: u64::from(mib_max.get()) * 1024 * 1024,
        upload: checks.duration("recording.upload_secs", raw.upload_secs, 300, range, Unit::SECONDS),
    }
}

fn place(checks: &mut Checks<'_>, raw: &RawRecording) -> RecordingStore {
    let store = bucket::of(checks, raw.store.as_deref(), &raw.s3());
    store.map_or(RecordingStore::Local, RecordingStore::S3)
}
