//! The rows of apps and X numbers.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::binding::{fallback, tone_and_number};
use super::column::Json;
use super::{RowError, columns};
use crate::domain::area::AreaCode;
use crate::domain::customer::{
    AppSecret, AxeDefaults, CallbackTls, CallbackUrls, ClientCertificate, CustomerApp, Mode, NumberRecord,
    NumberStatus, SignaturePolicy,
};
use crate::domain::id::{AppKey, AppNo};
use crate::domain::number::XNumber;
use crate::domain::signature::Scheme;
use crate::domain::time::Timestamp;
use crate::domain::whitelist::IpWhitelist;

columns! {
    /// An app.
    AppColumns of "app" {
        no: AppNo,
        key: Cow<'r, str>,
        name: Cow<'r, str>,
        mode: Mode,
        secret: Cow<'r, str>,
        previous_secret: Option<Cow<'r, str>>,
        previous_secret_until: Option<Timestamp>,
        suspended: bool,
        created_at: Timestamp,
        settings: Json<SettingsDocument>,
    }
}

columns! {
    /// An X number as the operator entered it.
    NumberColumns of "number" {
        x: XNumber,
        app: AppNo,
        area: Option<AreaCode>,
        sms: bool,
        status: Cow<'r, str>,
        cause: Option<u8>,
        added_at: Timestamp,
    }
}

/// What an operator can set about an app, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the switches that an operator can set")]
pub(crate) struct SettingsDocument {
    ip_whitelist: Vec<String>,
    recording: bool,
    sms: bool,
    #[serde(default)]
    sms_content: bool,
    call_status_url: Option<Box<str>>,
    cdr_url: Option<Box<str>>,
    sms_notify_url: Option<Box<str>>,
    sms_control_url: Option<Box<str>>,
    number_status_url: Option<Box<str>>,
    push_number_status: bool,
    extension_digits: u8,
    #[serde(default)]
    recording_days: Option<NonZeroU32>,
    flow_limit_per_second: Option<NonZeroU32>,
    accept_aksk: bool,
    accept_wsse: bool,
    plus_eight_hours: bool,
    refuse_reused_nonce: bool,
    push_scheme: SchemeWord,
    accept_any_2xx: bool,
    #[serde(default)]
    frozen: bool,
    #[serde(default)]
    check_tones: bool,
    #[serde(default)]
    no_binding_tone: Option<Box<str>>,
    #[serde(default)]
    no_callee_tone: Option<Box<str>>,
    #[serde(default)]
    standard_webhooks: bool,
    #[serde(default)]
    callback_ca: Option<Box<str>>,
    #[serde(default)]
    callback_client_cert: Option<Box<str>>,
    #[serde(default)]
    callback_client_key: Option<Box<str>>,
    #[serde(default)]
    extension_tone: Option<Box<str>>,
    #[serde(default)]
    callback_tone: Option<Box<str>>,
    #[serde(default)]
    callback_number: Option<u64>,
}

impl fmt::Debug for SettingsDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is a private key in it.
        f.debug_struct("SettingsDocument").finish_non_exhaustive()
    }
}

/// [`Scheme`] as a word.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SchemeWord {
    Aksk,
    Wsse,
}

impl From<&CustomerApp> for SettingsDocument {
    fn from(app: &CustomerApp) -> Self {
        let CallbackUrls { call_status, cdr, sms_notify, sms_control, number_status } = app.urls.clone();
        let tls = app.callback_tls.as_deref();
        let client = tls.and_then(|tls| tls.client.clone());
        let (client_cert, client_key) = client.map(|client| (client.chain, client.key)).unzip();
        let AxeDefaults { prompt_tone, fallback } = &app.axe;
        let (callback_tone, callback_number) = tone_and_number(fallback.as_ref());
        let SignaturePolicy { aksk, wsse, plus_eight_hours, refuse_reused_nonce } = app.signatures;
        Self {
            ip_whitelist: app.ip_whitelist.networks().iter().map(ToString::to_string).collect(),
            recording: app.recording,
            sms: app.sms,
            sms_content: app.sms_content,
            call_status_url: call_status,
            cdr_url: cdr,
            sms_notify_url: sms_notify,
            sms_control_url: sms_control,
            number_status_url: number_status,
            push_number_status: app.push_number_status,
            extension_digits: app.extension_digits,
            recording_days: app.recording_days,
            flow_limit_per_second: app.flow_limit_per_second,
            accept_aksk: aksk,
            accept_wsse: wsse,
            plus_eight_hours,
            refuse_reused_nonce,
            push_scheme: match app.push_scheme {
                Scheme::Aksk => SchemeWord::Aksk,
                Scheme::Wsse => SchemeWord::Wsse,
            },
            accept_any_2xx: app.accept_any_2xx,
            frozen: app.frozen,
            check_tones: app.check_tones,
            no_binding_tone: app.no_binding_tone.clone(),
            no_callee_tone: app.no_callee_tone.clone(),
            standard_webhooks: app.standard_webhooks,
            callback_ca: tls.and_then(|tls| tls.ca.clone()),
            callback_client_cert: client_cert,
            callback_client_key: client_key,
            extension_tone: prompt_tone.clone(),
            callback_tone,
            callback_number,
        }
    }
}

impl SettingsDocument {
    /// What TLS towards the app's receivers takes. A certificate and its key are only ever stored together.
    fn take_callback_tls(&mut self) -> Option<Arc<CallbackTls>> {
        let ca = self.callback_ca.take();
        let client = self.callback_client_cert.take().zip(self.callback_client_key.take());
        let client = client.map(|(chain, key)| ClientCertificate { chain, key });
        (ca.is_some() || client.is_some()).then(|| Arc::new(CallbackTls { ca, client }))
    }
}

impl<'r> From<&'r CustomerApp> for AppColumns<'r> {
    fn from(app: &'r CustomerApp) -> Self {
        let previous = app.previous_secret.as_ref();
        Self {
            no: app.no,
            key: app.key.as_str().into(),
            name: (&*app.name).into(),
            mode: app.mode,
            secret: app.secret.expose().into(),
            previous_secret: previous.map(|(secret, _)| secret.expose().into()),
            previous_secret_until: previous.map(|&(_, until)| until),
            suspended: app.suspended,
            created_at: app.created_at,
            settings: Json(app.into()),
        }
    }
}

impl AppColumns<'_> {
    /// The app that the row tells of.
    pub(crate) fn into_app(self) -> Result<CustomerApp, RowError> {
        let mut settings = self.settings.0;
        let callback_tls = settings.take_callback_tls();
        let previous_secret = match (self.previous_secret, self.previous_secret_until) {
            (Some(secret), Some(until)) => Some((AppSecret::new(&secret), until)),
            _ => None,
        };
        Ok(CustomerApp {
            no: self.no,
            key: AppKey::new(&self.key).ok_or(RowError::Unreadable("app.key"))?,
            name: Box::from(&*self.name),
            mode: self.mode,
            secret: AppSecret::new(&self.secret),
            previous_secret,
            ip_whitelist: IpWhitelist::parse(&settings.ip_whitelist)
                .map_err(|_| RowError::Unreadable("app.settings"))?,
            recording: settings.recording,
            sms: settings.sms,
            sms_content: settings.sms_content,
            urls: CallbackUrls {
                call_status: settings.call_status_url,
                cdr: settings.cdr_url,
                sms_notify: settings.sms_notify_url,
                sms_control: settings.sms_control_url,
                number_status: settings.number_status_url,
            },
            push_number_status: settings.push_number_status,
            extension_digits: settings.extension_digits,
            axe: AxeDefaults {
                prompt_tone: settings.extension_tone,
                fallback: fallback(settings.callback_tone, settings.callback_number)
                    .ok_or(RowError::Unreadable("app.settings"))?,
            },
            recording_days: settings.recording_days,
            flow_limit_per_second: settings.flow_limit_per_second,
            suspended: self.suspended,
            frozen: settings.frozen,
            check_tones: settings.check_tones,
            no_binding_tone: settings.no_binding_tone,
            no_callee_tone: settings.no_callee_tone,
            signatures: SignaturePolicy {
                aksk: settings.accept_aksk,
                wsse: settings.accept_wsse,
                plus_eight_hours: settings.plus_eight_hours,
                refuse_reused_nonce: settings.refuse_reused_nonce,
            },
            push_scheme: match settings.push_scheme {
                SchemeWord::Aksk => Scheme::Aksk,
                SchemeWord::Wsse => Scheme::Wsse,
            },
            standard_webhooks: settings.standard_webhooks,
            callback_tls,
            accept_any_2xx: settings.accept_any_2xx,
            created_at: self.created_at,
        })
    }
}

impl<'r> From<&'r NumberRecord> for NumberColumns<'r> {
    fn from(number: &'r NumberRecord) -> Self {
        Self {
            x: number.x,
            app: number.app,
            area: number.area,
            sms: number.sms,
            status: number.status.code().into(),
            cause: number.status.cause(),
            added_at: number.added_at,
        }
    }
}

impl NumberColumns<'_> {
    /// The number that the row tells of.
    pub(crate) fn into_number(self) -> Result<NumberRecord, RowError> {
        let status = NumberStatus::from_codes(&self.status, self.cause);
        Ok(NumberRecord {
            x: self.x,
            app: self.app,
            area: self.area,
            sms: self.sms,
            status: status.ok_or(RowError::Unreadable("number.status"))?,
            added_at: self.added_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::sample;

    #[test]
    fn settings_stored_before_a_member_existed_are_read_with_its_default() {
        let app = sample::app(1);
        let mut document = serde_json::to_value(SettingsDocument::from(&app)).unwrap();
        for member in ["standardWebhooks", "callbackCa", "callbackClientCert", "callbackClientKey"] {
            assert!(document.as_object_mut().unwrap().remove(member).is_some(), "{member}");
        }
        let settings = Json(serde_json::from_value(document).unwrap());
        let row = AppColumns { settings, ..AppColumns::from(&app) };
        let expected = CustomerApp { standard_webhooks: false, callback_tls: None, ..app.clone() };
        assert_eq!(row.into_app().unwrap(), expected);
    }
}
