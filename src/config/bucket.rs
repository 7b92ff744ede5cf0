//! The keys that name a bucket. Two tables have them: `[recording]` and `[cdr_files]`.

use super::checks::Checks;
use super::secret::Credential;

/// A bucket of a server that speaks the S3 protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// Base address of the server. Clients that fetch recordings are sent there, so they must reach it too.
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

/// The keys as written.
pub(super) struct RawS3<'r> {
    /// `recording` or `cdr_files`.
    pub(super) table: &'static str,
    pub(super) endpoint: Option<&'r str>,
    pub(super) bucket: Option<&'r str>,
    pub(super) region: Option<&'r str>,
    pub(super) path_style: Option<bool>,
    pub(super) access_key: Option<&'r str>,
    pub(super) access_key_file: Option<&'r str>,
    pub(super) secret_key: Option<&'r str>,
    pub(super) secret_key_file: Option<&'r str>,
}

/// The bucket of a table whose `store` says `"s3"`; `None` for `"local"`, and when a key is missing, which is
/// then noted.
pub(super) fn of(checks: &mut Checks<'_>, store: Option<&str>, raw: &RawS3<'_>) -> Option<S3> {
    let key = |name: &str| format!("{}.{name}", raw.table);
    match store {
        None | Some("local") => {
            let given = [
                ("s3_endpoint", raw.endpoint.is_some()),
                ("s3_bucket", raw.bucket.is_some()),
                ("s3_region", raw.region.is_some()),
                ("s3_path_style", raw.path_style.is_some()),
                ("s3_access_key", raw.access_key.is_some()),
                ("s3_access_key_file", raw.access_key_file.is_some()),
                ("s3_secret_key", raw.secret_key.is_some()),
                ("s3_secret_key_file", raw.secret_key_file.is_some()),
            ];
            for (name, _) in given.iter().filter(|(_, given)| *given) {
                checks.problem(&key(name), format!("belongs to {} = \"s3\"", key("store")));
            }
            None
        }
        Some("s3") => bucket(checks, raw),
        Some(other) => {
            checks.problem(&key("store"), format!("must be \"local\" or \"s3\", not {other:?}"));
            None
        }
    }
}

fn bucket(checks: &mut Checks<'_>, raw: &RawS3<'_>) -> Option<S3> {
    let key = |name: &str| format!("{}.{name}", raw.table);
    let access_key = checks.credential(&key("s3_access_key"), raw.access_key, raw.access_key_file);
    let secret_key = checks.credential(&key("s3_secret_key"), raw.secret_key, raw.secret_key_file);
    for (name, missing) in [
        ("s3_endpoint", raw.endpoint.is_none()),
        ("s3_bucket", raw.bucket.is_none()),
        ("s3_access_key", access_key.is_none()),
        ("s3_secret_key", secret_key.is_none()),
    ] {
        if missing {
            checks.problem(&key(name), format!("is needed with {} = \"s3\"", key("store")));
        }
    }
    Some(S3 {
        endpoint: checks.base_url(&key("s3_endpoint"), Some(raw.endpoint?), ""),
        bucket: checks.label(&key("s3_bucket"), Some(raw.bucket?), "", 63),
        region: checks.label(&key("s3_region"), raw.region, "us-east-1", 64),
        path_style: raw.path_style.unwrap_or(true),
        access_key: access_key?,
        secret_key: secret_key?,
    })
}
