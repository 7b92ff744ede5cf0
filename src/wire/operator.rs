//! The operator API's messages for apps and numbers (proto-docs/operator.md). Unknown members are refused: an
//! operator's slip of the pen must not pass in silence.

use serde::{Deserialize, Serialize};

use super::time_text::format_rfc3339_millis;
use crate::domain::customer::{CallbackUrls, CustomerApp, NumberRecord, SignaturePolicy};
use crate::domain::signature::Scheme;

/// `POST /operator/v1/apps`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct NewApp {
    pub name: String,
    pub mode: String,
    pub app_key: Option<String>,
    pub app_secret: Option<String>,
    #[serde(default)]
    pub ip_whitelist: Vec<String>,
    #[serde(default)]
    pub recording: bool,
    #[serde(default)]
    pub sms: bool,
    pub call_status_url: Option<String>,
    pub cdr_url: Option<String>,
    pub sms_notify_url: Option<String>,
    pub sms_control_url: Option<String>,
    pub number_status_url: Option<String>,
    #[serde(default)]
    pub push_number_status: bool,
    pub extension_digits: Option<u8>,
    pub flow_limit_per_second: Option<std::num::NonZeroU32>,
    pub push_scheme: Option<PushScheme>,
    #[serde(default)]
    pub refuse_reused_nonce: bool,
    #[serde(default)]
    pub accept_any2xx: bool,
}

/// How pushes are signed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushScheme {
    /// HMAC-SHA256.
    Aksk,
    /// SHA-256.
    Wsse,
}

impl NewApp {
    /// The first URL that is none: `(member, what is wrong)`.
    pub fn unusable_url(&self) -> Option<&'static str> {
        let urls = [
            ("callStatusUrl", &self.call_status_url),
            ("cdrUrl", &self.cdr_url),
            ("smsNotifyUrl", &self.sms_notify_url),
            ("smsControlUrl", &self.sms_control_url),
            ("numberStatusUrl", &self.number_status_url),
        ];
        let usable = |url: &str| {
            let is_http = url.starts_with("http://") || url.starts_with("https://");
            is_http && url.len() <= 2_048 && url.bytes().all(|byte| byte.is_ascii_graphic())
        };
        urls.into_iter()
            .find(|(_, url)| url.as_deref().is_some_and(|url| !usable(url)))
            .map(|(member, _)| member)
    }

    /// The addresses for notices.
    pub fn urls(&self) -> CallbackUrls {
        let url = |url: &Option<String>| url.as_deref().map(Box::from);
        CallbackUrls {
            call_status: url(&self.call_status_url),
            cdr: url(&self.cdr_url),
            sms_notify: url(&self.sms_notify_url),
            sms_control: url(&self.sms_control_url),
            number_status: url(&self.number_status_url),
        }
    }

    /// How its requests are judged.
    pub fn signatures(&self) -> SignaturePolicy {
        SignaturePolicy { refuse_reused_nonce: self.refuse_reused_nonce, ..SignaturePolicy::default() }
    }

    /// How pushes to it are signed; the older way unless asked otherwise, because the only receivers known to
    /// verify read X-WSSE (client-tolerances G44).
    pub const fn scheme(&self) -> Scheme {
        match self.push_scheme {
            Some(PushScheme::Aksk) => Scheme::Aksk,
            Some(PushScheme::Wsse) | None => Scheme::Wsse,
        }
    }
}

/// An app as operators see it. The secret is there only in the answer to its creation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppAnswer<'a> {
    app_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_secret: Option<&'a str>,
    name: &'a str,
    mode: &'static str,
    status: &'static str,
    ip_whitelist: Vec<String>,
    recording: bool,
    sms: bool,
    call_status_url: Option<&'a str>,
    cdr_url: Option<&'a str>,
    number_status_url: Option<&'a str>,
    push_number_status: bool,
    flow_limit_per_second: Option<u32>,
    created_at: String,
}

impl<'a> AppAnswer<'a> {
    /// For an app.
    pub fn of(app: &'a CustomerApp, with_secret: bool) -> Self {
        Self {
            app_key: app.key.as_str(),
            app_secret: with_secret.then(|| app.secret.expose()),
            name: &app.name,
            mode: app.mode.as_str(),
            status: if app.suspended { "suspended" } else { "active" },
            ip_whitelist: app.ip_whitelist.networks().iter().map(ToString::to_string).collect(),
            recording: app.recording,
            sms: app.sms,
            call_status_url: app.urls.call_status.as_deref(),
            cdr_url: app.urls.cdr.as_deref(),
            number_status_url: app.urls.number_status.as_deref(),
            push_number_status: app.push_number_status,
            flow_limit_per_second: app.flow_limit_per_second.map(std::num::NonZeroU32::get),
            created_at: format_rfc3339_millis(app.created_at),
        }
    }
}

/// `POST /operator/v1/numbers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewNumbers {
    /// 1 to 10,000.
    pub numbers: Vec<NewNumber>,
}

/// One X number.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct NewNumber {
    pub number: String,
    pub app_key: String,
    pub area_code: Option<String>,
    #[serde(default)]
    pub sms: bool,
}

/// What became of new numbers.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct NumbersAdded {
    pub added: usize,
    pub failed: Vec<FailedNumber>,
}

/// A number that could not be added.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct FailedNumber {
    pub number: String,
    pub code: &'static str,
    pub message: String,
}

/// One number as operators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct NumberAnswer {
    pub number: String,
    pub app_key: String,
    pub mode: &'static str,
    pub area_code: Option<String>,
    pub sms: bool,
    pub status: &'static str,
    pub cause: Option<String>,
    pub bound: usize,
    pub capacity: u32,
    pub quarantined: u32,
    pub last_call_at: Option<String>,
}

impl NumberAnswer {
    /// For a number of `app` that carries `bound` bindings.
    pub fn of(
        record: &NumberRecord,
        app: &CustomerApp,
        bound: usize,
        quarantined: u32,
        last_call_at: Option<String>,
    ) -> Self {
        Self {
            number: record.x.expose(),
            app_key: app.key.to_string(),
            mode: app.mode.as_str(),
            area_code: record.area.map(|area| area.to_string()),
            sms: record.sms,
            status: record.status.code(),
            cause: record.status.cause().map(|cause| cause.to_string()),
            bound,
            capacity: app.mode.capacity(),
            quarantined,
            last_call_at,
        }
    }
}

/// `POST /operator/v1/numbers/{number}/status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct NewStatus {
    pub status: String,
    pub cause: Option<String>,
}
