//! Apps: what operators write about them and what they are shown.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::members::Members;
use super::{Unusable, time};
use crate::domain::binding::Fallback;
use crate::domain::customer::{AppSecret, ClientCertificate, CustomerApp, Mode};
use crate::domain::id::{AppKey, AppNo};
use crate::domain::number::E164;
use crate::domain::setting::AppSetting;
use crate::domain::signature::Scheme;
use crate::domain::time::Timestamp;
use crate::domain::whitelist::IpWhitelist;
use crate::wire::fields::is_tone;
use crate::wire::time_text::format_rfc3339_millis;

/// Longest name of an app.
const NAME_CHARS_MAX: usize = 64;
/// Longest address for notices.
const URL_BYTES_MAX: usize = 2_048;
/// Longest PEM text: a handful of certificates.
const PEM_BYTES_MAX: usize = 64 * 1024;
/// Longest time that recordings may be kept: ten years.
const RECORDING_DAYS_MAX: u32 = 3_650;
/// Most requests per second that a limit may allow.
const FLOW_LIMIT_MAX: u32 = 1_000_000;
/// How long a rotated secret still verifies: unless asked otherwise, and at most. 30 days.
const KEEP_OLD_SECS_DEFAULT: u32 = 86_400;
const KEEP_OLD_SECS_MAX: u32 = 2_592_000;

/// What a new app is given when nothing was imported.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// An app key.
    pub key: String,
    /// A secret.
    pub secret: String,
}

/// Reads `POST /operator/v1/apps`. The app's number is given when it is stored.
pub fn new_app(body: &[u8], drawn: Drawn, now: Timestamp) -> Result<CustomerApp, Unusable> {
    let mut members = Members::of_body(body)?;
    let mode = members.required_text("mode")?;
    let mode =
        Mode::from_word(&mode).ok_or_else(|| members.wrong("mode", "must be AX, AXB, AXE, AXYB or X"))?;
    let key = members.text("appKey")?.unwrap_or(drawn.key);
    let key = AppKey::new(&key)
        .ok_or_else(|| members.wrong("appKey", "must be 1 to 128 letters, digits, -, _ and ."))?;
    let secret = members.text("appSecret")?.unwrap_or(drawn.secret);
    if !(8..=128).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(members.wrong("appSecret", "must be 8 to 128 visible ASCII characters"));
    }
    let name_missing = members.wrong("name", "is missing");
    let settings = settings(members)?;
    if !settings.iter().any(|setting| matches!(setting, AppSetting::Name(_))) {
        return Err(name_missing);
    }
    let mut app = CustomerApp::new(AppNo(0), key, "", mode, AppSecret::new(&secret), now);
    for setting in settings {
        setting.apply(&mut app);
    }
    can_be_asked(mode, app.urls.call_status.as_deref())?;
    Ok(app)
}

/// Nothing is bound in X mode, so without an address to ask no call would go anywhere (callbacks 3).
fn can_be_asked(mode: Mode, call_status_url: Option<&str>) -> Result<(), Unusable> {
    if mode == Mode::X && call_status_url.is_none() {
        return Err(Unusable::field("callStatusUrl", "is mandatory in X mode"));
    }
    Ok(())
}

/// Reads `PATCH /operator/v1/apps/{appKey}` of an app of this mode.
pub fn app_patch(body: &[u8], mode: Mode) -> Result<Vec<AppSetting>, Unusable> {
    let members = Members::of_body(body)?;
    members.refuse(&["mode", "appKey"], "is fixed for ever")?;
    members.refuse(&["appSecret"], "cannot be chosen here; POST .../rotateSecret draws a new one")?;
    members.refuse(&["status"], "is changed by POST .../suspend and .../resume")?;
    members.refuse(&["frozen"], "is changed by POST .../freeze and .../unfreeze")?;
    members.refuse(&["oldSecretValidUntil", "createdAt"], "is only in answers")?;
    let settings = settings(members)?;
    for setting in &settings {
        if let AppSetting::CallStatusUrl(url) = setting {
            can_be_asked(mode, url.as_deref())?;
        }
    }
    Ok(settings)
}

/// Every setting that is there. In the order of proto-docs/operator.md.
fn settings(mut members: Members) -> Result<Vec<AppSetting>, Unusable> {
    let from = &mut members;
    let mut settings = Vec::new();
    settings.extend(name(from)?.map(AppSetting::Name));
    settings.extend(whitelist(from)?.map(AppSetting::IpWhitelist));
    settings.extend(from.boolean("recording")?.map(AppSetting::Recording));
    let days = from.nullable_integer("recordingDays", 1, RECORDING_DAYS_MAX)?;
    settings.extend(days.map(|days| AppSetting::RecordingDays(days.and_then(NonZeroU32::new))));
    settings.extend(from.boolean("sms")?.map(AppSetting::Sms));
    settings.extend(from.boolean("smsContent")?.map(AppSetting::SmsContent));
    settings.extend(url(from, "callStatusUrl")?.map(AppSetting::CallStatusUrl));
    settings.extend(url(from, "cdrUrl")?.map(AppSetting::CdrUrl));
    settings.extend(url(from, "numberStatusUrl")?.map(AppSetting::NumberStatusUrl));
    settings.extend(url(from, "smsNotifyUrl")?.map(AppSetting::SmsNotifyUrl));
    settings.extend(url(from, "smsControlUrl")?.map(AppSetting::SmsControlUrl));
    settings.extend(from.boolean("pushNumberStatus")?.map(AppSetting::PushNumberStatus));
    let digits = from.integer("extensionDigits", 1, 4)?.and_then(|digits| u8::try_from(digits).ok());
    settings.extend(digits.map(AppSetting::ExtensionDigits));
    settings.extend(tone(from, "extensionTone")?.map(AppSetting::ExtensionTone));
    settings.extend(callback(from)?);
    let limit = from.nullable_integer("flowLimitPerSecond", 1, FLOW_LIMIT_MAX)?;
    settings.extend(limit.map(|limit| AppSetting::FlowLimitPerSecond(limit.and_then(NonZeroU32::new))));
    settings.extend(from.boolean("checkTones")?.map(AppSetting::CheckTones));
    settings.extend(tone(from, "noBindingTone")?.map(AppSetting::NoBindingTone));
    settings.extend(tone(from, "noCalleeTone")?.map(AppSetting::NoCalleeTone));
    settings.extend(auth_schemes(from)?);
    settings.extend(from.boolean("acceptPlus8h")?.map(AppSetting::AcceptPlus8h));
    settings.extend(from.boolean("refuseReusedNonce")?.map(AppSetting::RefuseReusedNonce));
    settings.extend(push_scheme(from)?.map(AppSetting::PushScheme));
    settings.extend(from.boolean("acceptAny2xx")?.map(AppSetting::AcceptAny2xx));
    settings.extend(from.boolean("standardWebhooks")?.map(AppSetting::StandardWebhooks));
    settings.extend(pem(from, "callbackCa")?.map(AppSetting::CallbackCa));
    settings.extend(client_certificate(from)?.map(AppSetting::ClientCertificate));
    members.finish()?;
    Ok(settings)
}

fn name(members: &mut Members) -> Result<Option<Box<str>>, Unusable> {
    let Some(name) = members.text("name")? else { return Ok(None) };
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        Ok(Some(name.into()))
    } else {
        Err(members.wrong("name", "must have 1 to 64 characters, none of them a control character"))
    }
}

fn whitelist(members: &mut Members) -> Result<Option<IpWhitelist>, Unusable> {
    let Some(entries) = members.texts("ipWhitelist")? else { return Ok(None) };
    let parsed = IpWhitelist::parse(&entries);
    parsed.map(Some).map_err(|error| members.wrong("ipWhitelist", format!("cannot be used: {error}")))
}

#[expect(clippy::option_option, reason = "absent, null and given are three things")]
fn url(members: &mut Members, member: &str) -> Result<Option<Option<Box<str>>>, Unusable> {
    let Some(given) = members.nullable_text(member)? else { return Ok(None) };
    let Some(text) = given else { return Ok(Some(None)) };
    let usable = text.len() <= URL_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !usable {
        let why = "must be an http or https URL of at most 2048 characters, or null";
        return Err(members.wrong(member, why));
    }
    Ok(Some(Some(text.into())))
}

/// What is in the text is judged by those who use it.
#[expect(clippy::option_option, reason = "absent, null and given are three things")]
fn pem(members: &mut Members, member: &str) -> Result<Option<Option<Box<str>>>, Unusable> {
    match members.nullable_text(member)? {
        Some(Some(text)) if text.len() > PEM_BYTES_MAX => {
            Err(members.wrong(member, "must be at most 65536 bytes of PEM, or null"))
        }
        given => Ok(given.map(|text| text.map(String::into_boxed_str))),
    }
}

#[expect(clippy::option_option, reason = "absent, null and given are three things")]
fn client_certificate(members: &mut Members) -> Result<Option<Option<ClientCertificate>>, Unusable> {
    match (pem(members, "callbackClientCert")?, pem(members, "callbackClientKey")?) {
        (None, None) => Ok(None),
        (Some(None), None | Some(None)) | (None, Some(None)) => Ok(Some(None)),
        (Some(Some(chain)), Some(Some(key))) => Ok(Some(Some(ClientCertificate { chain, key }))),
        (Some(Some(_)), _) => Err(members.wrong("callbackClientKey", "must come with callbackClientCert")),
        (_, Some(Some(_))) => Err(members.wrong("callbackClientCert", "must come with callbackClientKey")),
    }
}

#[expect(clippy::option_option, reason = "absent, null and given are three things")]
fn tone(members: &mut Members, member: &str) -> Result<Option<Option<Box<str>>>, Unusable> {
    let Some(given) = members.nullable_text(member)? else { return Ok(None) };
    let Some(text) = given else { return Ok(Some(None)) };
    if !is_tone(&text) {
        return Err(members.wrong(member, "must be null, or 1 to 128 letters, digits and -_.@"));
    }
    Ok(Some(Some(text.into())))
}

/// What A of AXE meets with nobody to call back: a tone or a number, not both.
fn callback(members: &mut Members) -> Result<Vec<AppSetting>, Unusable> {
    let tone = tone(members, "callbackTone")?;
    let number = match members.nullable_text("callbackNum")? {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(
            E164::parse(&text)
                .map_err(|error| members.wrong("callbackNum", format!("cannot be used: {error}")))?,
        )),
    };
    if matches!((&tone, number), (Some(Some(_)), Some(Some(_)))) {
        return Err(members.wrong("callbackNum", "and callbackTone exclude each other"));
    }
    let tone = tone.map(AppSetting::CallbackTone);
    Ok(tone.into_iter().chain(number.map(AppSetting::CallbackNum)).collect())
}

fn auth_schemes(members: &mut Members) -> Result<Option<AppSetting>, Unusable> {
    let Some(words) = members.texts("authSchemes")? else { return Ok(None) };
    let known = words.iter().all(|word| scheme(word).is_some());
    if words.is_empty() || !known {
        return Err(members.wrong("authSchemes", "must hold AKSK, WSSE or both"));
    }
    let has = |wanted| words.iter().any(|word| scheme(word) == Some(wanted));
    Ok(Some(AppSetting::AuthSchemes { aksk: has(Scheme::Aksk), wsse: has(Scheme::Wsse) }))
}

fn push_scheme(members: &mut Members) -> Result<Option<Scheme>, Unusable> {
    let Some(word) = members.text("pushScheme")? else { return Ok(None) };
    scheme(&word).map(Some).ok_or_else(|| members.wrong("pushScheme", "must be WSSE or AKSK"))
}

fn scheme(word: &str) -> Option<Scheme> {
    match word {
        "AKSK" => Some(Scheme::Aksk),
        "WSSE" => Some(Scheme::Wsse),
        _ => None,
    }
}

const fn scheme_word(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Aksk => "AKSK",
        Scheme::Wsse => "WSSE",
    }
}

/// Reads `POST /operator/v1/apps/{appKey}/rotateSecret`: how long the old secret still verifies.
pub fn keep_old_secret(body: &[u8]) -> Result<Duration, Unusable> {
    let mut members = Members::of_optional_body(body)?;
    let secs = members.integer("keepOldForSecs", 0, KEEP_OLD_SECS_MAX)?.unwrap_or(KEEP_OLD_SECS_DEFAULT);
    members.finish()?;
    Ok(Duration::from_secs(secs.into()))
}

/// An app as operators see it. The secret is there only in the answer to its creation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the switches that an operator can set")]
pub struct AppAnswer<'a> {
    app_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_secret: Option<&'a str>,
    name: &'a str,
    mode: &'static str,
    status: &'static str,
    frozen: bool,
    ip_whitelist: Vec<String>,
    recording: bool,
    recording_days: Option<u32>,
    sms: bool,
    sms_content: bool,
    call_status_url: Option<&'a str>,
    cdr_url: Option<&'a str>,
    number_status_url: Option<&'a str>,
    sms_notify_url: Option<&'a str>,
    sms_control_url: Option<&'a str>,
    push_number_status: bool,
    extension_digits: u8,
    extension_tone: Option<&'a str>,
    callback_tone: Option<&'a str>,
    callback_num: Option<String>,
    flow_limit_per_second: Option<u32>,
    check_tones: bool,
    no_binding_tone: Option<&'a str>,
    no_callee_tone: Option<&'a str>,
    auth_schemes: Vec<&'static str>,
    accept_plus8h: bool,
    refuse_reused_nonce: bool,
    push_scheme: &'static str,
    accept_any2xx: bool,
    standard_webhooks: bool,
    callback_ca: Option<&'a str>,
    callback_client_cert: Option<&'a str>,
    old_secret_valid_until: Option<String>,
    created_at: String,
}

impl<'a> AppAnswer<'a> {
    /// Without its secret.
    pub fn of(app: &'a CustomerApp, now: Timestamp) -> Self {
        let old_until = app.previous_secret.as_ref().map(|&(_, until)| until).filter(|&until| now < until);
        let tls = app.callback_tls.as_deref();
        let signatures = app.signatures;
        let (callback_tone, callback_num) = match &app.axe.fallback {
            None => (None, None),
            Some(Fallback::Tone(tone)) => (Some(&**tone), None),
            Some(Fallback::Number(number)) => (None, Some(number.expose())),
        };
        let schemes = [(signatures.aksk, Scheme::Aksk), (signatures.wsse, Scheme::Wsse)];
        Self {
            app_key: app.key.as_str(),
            app_secret: None,
            name: &app.name,
            mode: app.mode.as_str(),
            status: if app.suspended { "suspended" } else { "active" },
            frozen: app.frozen,
            ip_whitelist: app.ip_whitelist.networks().iter().map(ToString::to_string).collect(),
            recording: app.recording,
            recording_days: app.recording_days.map(NonZeroU32::get),
            sms: app.sms,
            sms_content: app.sms_content,
            call_status_url: app.urls.call_status.as_deref(),
            cdr_url: app.urls.cdr.as_deref(),
            number_status_url: app.urls.number_status.as_deref(),
            sms_notify_url: app.urls.sms_notify.as_deref(),
            sms_control_url: app.urls.sms_control.as_deref(),
            push_number_status: app.push_number_status,
            extension_digits: app.extension_digits,
            extension_tone: app.axe.prompt_tone.as_deref(),
            callback_tone,
            callback_num,
            flow_limit_per_second: app.flow_limit_per_second.map(NonZeroU32::get),
            check_tones: app.check_tones,
            no_binding_tone: app.no_binding_tone.as_deref(),
            no_callee_tone: app.no_callee_tone.as_deref(),
            auth_schemes: schemes.into_iter().filter(|(on, _)| *on).map(|(_, is)| scheme_word(is)).collect(),
            accept_plus8h: signatures.plus_eight_hours,
            refuse_reused_nonce: signatures.refuse_reused_nonce,
            push_scheme: scheme_word(app.push_scheme),
            accept_any2xx: app.accept_any_2xx,
            standard_webhooks: app.standard_webhooks,
            callback_ca: tls.and_then(|tls| tls.ca.as_deref()),
            callback_client_cert: tls.and_then(|tls| tls.client.as_ref()).map(|client| &*client.chain),
            old_secret_valid_until: time(old_until),
            created_at: format_rfc3339_millis(app.created_at),
        }
    }

    /// With its secret, once.
    #[must_use]
    pub fn with_secret(self, app: &'a CustomerApp) -> Self {
        Self { app_secret: Some(app.secret.expose()), ..self }
    }
}

/// The answer to a rotation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated<'a> {
    app_key: &'a str,
    app_secret: &'a str,
    old_secret_valid_until: Option<String>,
}

impl<'a> Rotated<'a> {
    /// With the new secret.
    pub fn of(app: &'a CustomerApp) -> Self {
        Self {
            app_key: app.key.as_str(),
            app_secret: app.secret.expose(),
            old_secret_valid_until: time(app.previous_secret.as_ref().map(|&(_, until)| until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn read(body: &str) -> Result<CustomerApp, Unusable> {
        let drawn = Drawn { key: "drawn-key".into(), secret: "drawn-secret".into() };
        new_app(body.as_bytes(), drawn, NOON)
    }

    #[test]
    fn an_app_of_two_members_has_the_documented_defaults() {
        let app = read(r#"{"name":"demo","mode":"AXB"}"#).unwrap();
        let shown = serde_json::to_value(AppAnswer::of(&app, NOON).with_secret(&app)).unwrap();
        let expected = serde_json::json!({
            "appKey": "drawn-key", "appSecret": "drawn-secret", "name": "demo", "mode": "AXB", "status": "active", "frozen": false,
            "ipWhitelist": [], "recording": false, "recordingDays": null, "sms": false, "smsContent": false, "callStatusUrl": null, "cdrUrl": null,
            "numberStatusUrl": null, "smsNotifyUrl": null, "smsControlUrl": null, "pushNumberStatus": false,
            "extensionDigits": 4, "extensionTone": null, "callbackTone": null, "callbackNum": null, "flowLimitPerSecond": null,
            "checkTones": false, "noBindingTone": null, "noCalleeTone": null, "authSchemes": ["AKSK", "WSSE"],
            "acceptPlus8h": true, "refuseReusedNonce": false, "pushScheme": "WSSE", "acceptAny2xx": false,
            "standardWebhooks": false, "callbackCa": null, "callbackClientCert": null,
            "oldSecretValidUntil": null, "createdAt": "2026-09-21T14:13:20.000Z"
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_members_name() {
        for (members, field) in [
            (r#""mode":"AXE2""#, "mode"),
            (r#""mode":1"#, "mode"),
            (r#""mode":"AXB","name":"""#, "name"),
            (r#""mode":"AXB","name":"a\nb""#, "name"),
            (r#""mode":"AXB","appKey":"a b""#, "appKey"),
            (r#""mode":"AXB","appSecret":"short""#, "appSecret"),
            (r#""mode":"AXB","appSecret":"with a blank""#, "appSecret"),
            (r#""mode":"AXB","ipWhitelist":["nowhere"]"#, "ipWhitelist"),
            (r#""mode":"AXB","ipWhitelist":"203.0.113.0/24""#, "ipWhitelist"),
            (r#""mode":"AXB","cdrUrl":"ftp://x/""#, "cdrUrl"),
            (r#""mode":"AXB","callStatusUrl":"http://""#, "callStatusUrl"),
            (r#""mode":"AXB","numberStatusUrl":"http://a b/""#, "numberStatusUrl"),
            (r#""mode":"AXB","recording":null"#, "recording"),
            (r#""mode":"AXB","extensionDigits":5"#, "extensionDigits"),
            (r#""mode":"AXE","extensionTone":"a b""#, "extensionTone"),
            (r#""mode":"AXE","callbackTone":"""#, "callbackTone"),
            (r#""mode":"AXE","callbackNum":"13800000001""#, "callbackNum"),
            (r#""mode":"AXE","callbackTone":"t","callbackNum":"+8613800000001""#, "callbackNum"),
            (r#""mode":"AXB","flowLimitPerSecond":0"#, "flowLimitPerSecond"),
            (r#""mode":"AXB","flowLimitPerSecond":1000001"#, "flowLimitPerSecond"),
            (r#""mode":"AXB","noBindingTone":"a b.wav""#, "noBindingTone"),
            (r#""mode":"AXB","authSchemes":[]"#, "authSchemes"),
            (r#""mode":"AXB","authSchemes":["BASIC"]"#, "authSchemes"),
            (r#""mode":"AXB","pushScheme":"wsse""#, "pushScheme"),
            (r#""mode":"AXB","standardWebhooks":"on""#, "standardWebhooks"),
            (r#""mode":"AXB","callbackCa":true"#, "callbackCa"),
            (r#""mode":"AXB","callbackClientCert":"a chain""#, "callbackClientKey"),
            (r#""mode":"AXB","callbackClientKey":"a key""#, "callbackClientCert"),
            (r#""mode":"AXB","recordng":true"#, "recordng"),
            (r#""mode":"AXB","status":"active""#, "status"),
            (r#""mode":"AXB","frozen":true"#, "frozen"),
        ] {
            let name = if members.contains("\"name\"") { "" } else { r#""name":"demo","# };
            let refused = read(&format!("{{{name}{members}}}")).unwrap_err();
            assert_eq!(refused.field.as_deref(), Some(field), "{members}");
        }
        assert_eq!(read(r#"{"mode":"AX"}"#).unwrap_err().field.as_deref(), Some("name"));
        assert_eq!(read(r#"{"name":"x"}"#).unwrap_err().field.as_deref(), Some("mode"));
    }

    #[test]
    fn a_client_certificate_is_shown_and_its_key_is_not() {
        let members =
            r#""callbackClientCert":"a chain","callbackClientKey":"a key","callbackCa":"an authority""#;
        let app = read(&format!(r#"{{"name":"demo","mode":"AXB",{members}}}"#)).unwrap();
        let shown = serde_json::to_value(AppAnswer::of(&app, NOON)).unwrap();
        assert_eq!(
            (&shown["callbackClientCert"], &shown["callbackCa"]),
            (&"a chain".into(), &"an authority".into())
        );
        assert!(!shown.to_string().contains("a key") && !format!("{app:?}").contains("a key"));
        let taken_away = app_patch(br#"{"callbackClientCert":null}"#, Mode::Axb).unwrap();
        assert_eq!(taken_away, [AppSetting::ClientCertificate(None)]);
        let long = format!(r#"{{"callbackCa":"{}"}}"#, "x".repeat(PEM_BYTES_MAX + 1));
        assert_eq!(app_patch(long.as_bytes(), Mode::Axb).unwrap_err().field.as_deref(), Some("callbackCa"));
    }

    #[test]
    fn null_clears_in_a_patch_and_what_is_fixed_is_refused() {
        let patch =
            app_patch(br#"{"cdrUrl":null,"flowLimitPerSecond":null,"authSchemes":["WSSE"]}"#, Mode::Axb)
                .unwrap();
        let expected = [
            AppSetting::CdrUrl(None),
            AppSetting::FlowLimitPerSecond(None),
            AppSetting::AuthSchemes { aksk: false, wsse: true },
        ];
        assert_eq!(patch, expected);
        for fixed in
            ["mode", "appKey", "appSecret", "status", "frozen", "oldSecretValidUntil", "createdAt", "other"]
        {
            let body = format!("{{\"{fixed}\":\"AX\"}}");
            assert_eq!(app_patch(body.as_bytes(), Mode::Axb).unwrap_err().field.as_deref(), Some(fixed));
        }
        assert_eq!(app_patch(b"{}", Mode::Axb), Ok(Vec::new()));
    }

    #[test]
    fn an_old_secret_is_kept_for_a_day_unless_asked_otherwise() {
        assert_eq!(keep_old_secret(b""), Ok(Duration::from_secs(86_400)));
        assert_eq!(keep_old_secret(br#"{"keepOldForSecs":0}"#), Ok(Duration::ZERO));
        assert!(keep_old_secret(br#"{"keepOldForSecs":2592001}"#).is_err());
    }
}
