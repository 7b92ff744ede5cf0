//! The configuration file exactly as written: every table and key, nothing interpreted.
//!
//! All keys are optional here; defaults and ranges are `resolve`'s business. Numbers are wider than any
//! allowed range, so that `-1` is reported as out of range and not as a type error. Durations are floats:
//! half a second or a tenth of a minute may be written anywhere a duration is meant.

use serde::Deserialize;

use super::bucket::RawS3;

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawConfig {
    pub(super) listen: RawListen,
    pub(super) tls: Option<RawTls>,
    pub(super) store: RawStore,
    pub(super) operator: RawOperator,
    pub(super) switch: RawSwitch,
    pub(super) auth: RawAuth,
    pub(super) callback: RawCallback,
    /// Printed after `[callback]` in the interface page, so files have it at both levels.
    pub(super) cdr_merge_ms: Option<i64>,
    pub(super) cdr: RawCdr,
    pub(super) cdr_files: RawCdrFiles,
    pub(super) retention: RawRetention,
    pub(super) limits: RawLimits,
    pub(super) allocation: RawAllocation,
    pub(super) calls: RawCalls,
    pub(super) recording: RawRecording,
    pub(super) log: RawLog,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawListen {
    pub(super) customer: Option<String>,
    pub(super) switch: Option<String>,
    pub(super) operator: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawTls {
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
}

/// `url` and `url_file` are known, so that a file meant for the PostgreSQL store gets one clear answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawStore {
    pub(super) kind: Option<String>,
    pub(super) dir: Option<String>,
    pub(super) url: Option<String>,
    pub(super) url_file: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawOperator {
    pub(super) token: Option<String>,
    pub(super) token_file: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawSwitch {
    pub(super) token: Option<String>,
    pub(super) token_file: Option<String>,
    pub(super) control_url: Option<String>,
    pub(super) control_token: Option<String>,
    pub(super) control_token_file: Option<String>,
    pub(super) control_timeout_secs: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawAuth {
    pub(super) clock_skew_secs: Option<f64>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) ban: RawBan,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table such as { failures = 10 }")]
pub(super) struct RawBan {
    pub(super) failures: Option<i64>,
    pub(super) window_secs: Option<f64>,
    pub(super) for_secs: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawCallback {
    pub(super) schedule_minutes: Option<Vec<f64>>,
    pub(super) counted_from: Option<String>,
    pub(super) timeout_secs: Option<f64>,
    pub(super) allow_networks: Option<Vec<String>>,
    pub(super) ca_file: Option<String>,
    pub(super) name_servers: Option<Vec<String>>,
    pub(super) egress_proxy: Option<String>,
    pub(super) egress_proxy_login: Option<String>,
    pub(super) egress_proxy_login_file: Option<String>,
    pub(super) max_in_flight: Option<i64>,
    pub(super) max_in_flight_per_app: Option<i64>,
    pub(super) max_in_flight_per_endpoint: Option<i64>,
    pub(super) max_in_flight_per_host: Option<i64>,
    pub(super) drain_per_second: Option<i64>,
    pub(super) jitter_secs: Option<f64>,
    pub(super) question_timeout_secs: Option<f64>,
    pub(super) max_questions: Option<i64>,
    pub(super) max_questions_per_app: Option<i64>,
    /// See [`RawConfig::cdr_merge_ms`].
    pub(super) cdr_merge_ms: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawCdr {
    pub(super) sp_id: Option<String>,
    pub(super) host_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawCdrFiles {
    pub(super) dir: Option<String>,
    pub(super) at: Option<String>,
    pub(super) store: Option<String>,
    pub(super) s3_prefix: Option<String>,
    pub(super) s3_endpoint: Option<String>,
    pub(super) s3_bucket: Option<String>,
    pub(super) s3_region: Option<String>,
    pub(super) s3_path_style: Option<bool>,
    pub(super) s3_access_key: Option<String>,
    pub(super) s3_access_key_file: Option<String>,
    pub(super) s3_secret_key: Option<String>,
    pub(super) s3_secret_key_file: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[expect(clippy::struct_field_names, reason = "the fields are named as the keys are")]
pub(super) struct RawRetention {
    pub(super) cdr_days: Option<i64>,
    pub(super) recording_days: Option<i64>,
    pub(super) notices_days: Option<i64>,
    pub(super) exhausted_days: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawLimits {
    pub(super) connections_max: Option<i64>,
    pub(super) header_read_secs: Option<f64>,
    pub(super) body_read_secs: Option<f64>,
    pub(super) idle_secs: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawAllocation {
    pub(super) quarantine_secs: Option<f64>,
    pub(super) area_table: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawCalls {
    pub(super) max_silence_hours: Option<f64>,
    pub(super) sweep_grace_secs: Option<f64>,
    pub(super) answer_grace_secs: Option<f64>,
    pub(super) keep_ended_minutes: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawRecording {
    pub(super) store: Option<String>,
    pub(super) dir: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) import_dir: Option<String>,
    pub(super) file_mib_max: Option<i64>,
    pub(super) upload_secs: Option<f64>,
    pub(super) s3_endpoint: Option<String>,
    pub(super) s3_bucket: Option<String>,
    pub(super) s3_region: Option<String>,
    pub(super) s3_path_style: Option<bool>,
    pub(super) s3_access_key: Option<String>,
    pub(super) s3_access_key_file: Option<String>,
    pub(super) s3_secret_key: Option<String>,
    pub(super) s3_secret_key_file: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct RawLog {
    pub(super) level: Option<String>,
    pub(super) format: Option<String>,
}

/// The two tables that may name a bucket have the same keys for it.
macro_rules! names_a_bucket {
    ($table:ident, $name:literal) => {
        impl $table {
            pub(super) fn s3(&self) -> RawS3<'_> {
                RawS3 {
                    table: $name,
                    endpoint: self.s3_endpoint.as_deref(),
                    bucket: self.s3_bucket.as_deref(),
                    region: self.s3_region.as_deref(),
                    path_style: self.s3_path_style,
                    access_key: self.s3_access_key.as_deref(),
                    access_key_file: self.s3_access_key_file.as_deref(),
                    secret_key: self.s3_secret_key.as_deref(),
                    secret_key_file: self.s3_secret_key_file.as_deref(),
                }
            }
        }
    };
}

names_a_bucket!(RawRecording, "recording");
names_a_bucket!(RawCdrFiles, "cdr_files");
