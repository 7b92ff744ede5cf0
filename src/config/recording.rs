//! `[recording]`: where recordings lie, and how customers reach them.

use std::path::PathBuf;
use std::time::Duration;

use super::checks::{Checks, Unit};
use super::raw::RawRecording;
use super::secret::Credential;

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

/// A bucket of a server that speaks the S3 protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// Base address of the server. Customers' clients are sent there, so they must reach it too.
    pub endpoint: Box<str>,
    /// The bucket, which has to exist.
    pub bucket: Box<str>,
    /// The region that signatures name.
    pub region: Box<str>,
    /// `endpoint/bucket/...` instead of `bucket.endpoint/...`.
    pub path_style: bool,
    /// Access key.
    pub access_key: Credential,
    /// Secret key.
    pub secret_key: Credential,
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
    match raw.store.as_deref() {
        None | Some("local") => {
            let given = [
                ("s3_endpoint", raw.s3_endpoint.is_some()),
                ("s3_bucket", raw.s3_bucket.is_some()),
                ("s3_region", raw.s3_region.is_some()),
                ("s3_path_style", raw.s3_path_style.is_some()),
                ("s3_access_key", raw.s3_access_key.is_some()),
                ("s3_access_key_file", raw.s3_access_key_file.is_some()),
                ("s3_secret_key", raw.s3_secret_key.is_some()),
                ("s3_secret_key_file", raw.s3_secret_key_file.is_some()),
            ];
            for (key, _) in given.iter().filter(|(_, given)| *given) {
                checks.problem(&format!("recording.{key}"), "belongs to recording.store = \"s3\"");
            }
            RecordingStore::Local
        }
        Some("s3") => bucket(checks, raw).map_or(RecordingStore::Local, RecordingStore::S3),
        Some(other) => {
            checks.problem("recording.store", format!("must be \"local\" or \"s3\", not {other:?}"));
            RecordingStore::Local
        }
    }
}

/// `None` when a key is missing, which is then noted.
fn bucket(checks: &mut Checks<'_>, raw: &RawRecording) -> Option<S3> {
    let access_key = checks.credential(
        "recording.s3_access_key",
        raw.s3_access_key.as_deref(),
        raw.s3_access_key_file.as_deref(),
    );
    let secret_key = checks.credential(
        "recording.s3_secret_key",
        raw.s3_secret_key.as_deref(),
        raw.s3_secret_key_file.as_deref(),
    );
    for (key, missing) in [
        ("s3_endpoint", raw.s3_endpoint.is_none()),
        ("s3_bucket", raw.s3_bucket.is_none()),
        ("s3_access_key", access_key.is_none()),
        ("s3_secret_key", secret_key.is_none()),
    ] {
        if missing {
            checks.problem(&format!("recording.{key}"), "is needed with recording.store = \"s3\"");
        }
    }
    Some(S3 {
        endpoint: checks.base_url("recording.s3_endpoint", Some(raw.s3_endpoint.as_deref()?), ""),
        bucket: checks.label("recording.s3_bucket", Some(raw.s3_bucket.as_deref()?), "", 63),
        region: checks.label("recording.s3_region", raw.s3_region.as_deref(), "us-east-1", 64),
        path_style: raw.s3_path_style.unwrap_or(true),
        access_key: access_key?,
        secret_key: secret_key?,
    })
}
