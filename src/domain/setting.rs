//! What operators change about an app: single settings, decided over the app as it is at that moment, so that
//! two changes at once lose nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use super::binding::Fallback;
use super::customer::{AppSecret, CallbackTls, ClientCertificate, CustomerApp};
use super::number::E164;
use super::signature::Scheme;
use super::time::Timestamp;
use super::whitelist::IpWhitelist;

/// One setting of an app with its new value. Names and ranges: proto-docs/operator.md, "Apps".
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the settings are those of proto-docs/operator.md")]
pub enum AppSetting {
    Name(Box<str>),
    IpWhitelist(IpWhitelist),
    Recording(bool),
    Sms(bool),
    SmsContent(bool),
    CallStatusUrl(Option<Box<str>>),
    CdrUrl(Option<Box<str>>),
    SmsNotifyUrl(Option<Box<str>>),
    SmsControlUrl(Option<Box<str>>),
    NumberStatusUrl(Option<Box<str>>),
    PushNumberStatus(bool),
    ExtensionDigits(u8),
    ExtensionTone(Option<Box<str>>),
    CallbackTone(Option<Box<str>>),
    CallbackNum(Option<E164>),
    RecordingDays(Option<NonZeroU32>),
    FlowLimitPerSecond(Option<NonZeroU32>),
    CheckTones(bool),
    NoBindingTone(Option<Box<str>>),
    NoCalleeTone(Option<Box<str>>),
    AuthSchemes {
        aksk: bool,
        wsse: bool,
    },
    AcceptPlus8h(bool),
    RefuseReusedNonce(bool),
    PushScheme(Scheme),
    AcceptAny2xx(bool),
    StandardWebhooks(bool),
    CallbackCa(Option<Box<str>>),
    /// `callbackClientCert` and `callbackClientKey`, which are of no use without each other.
    ClientCertificate(Option<ClientCertificate>),
}

impl AppSetting {
    /// The name on the wire and in the audit.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::IpWhitelist(_) => "ipWhitelist",
            Self::Recording(_) => "recording",
            Self::Sms(_) => "sms",
            Self::SmsContent(_) => "smsContent",
            Self::CallStatusUrl(_) => "callStatusUrl",
            Self::CdrUrl(_) => "cdrUrl",
            Self::SmsNotifyUrl(_) => "smsNotifyUrl",
            Self::SmsControlUrl(_) => "smsControlUrl",
            Self::NumberStatusUrl(_) => "numberStatusUrl",
            Self::PushNumberStatus(_) => "pushNumberStatus",
            Self::ExtensionDigits(_) => "extensionDigits",
            Self::ExtensionTone(_) => "extensionTone",
            Self::CallbackTone(_) => "callbackTone",
            Self::CallbackNum(_) => "callbackNum",
            Self::RecordingDays(_) => "recordingDays",
            Self::FlowLimitPerSecond(_) => "flowLimitPerSecond",
            Self::CheckTones(_) => "checkTones",
            Self::NoBindingTone(_) => "noBindingTone",
            Self::NoCalleeTone(_) => "noCalleeTone",
            Self::AuthSchemes { .. } => "authSchemes",
            Self::AcceptPlus8h(_) => "acceptPlus8h",
            Self::RefuseReusedNonce(_) => "refuseReusedNonce",
            Self::PushScheme(_) => "pushScheme",
            Self::AcceptAny2xx(_) => "acceptAny2xx",
            Self::StandardWebhooks(_) => "standardWebhooks",
            Self::CallbackCa(_) => "callbackCa",
            Self::ClientCertificate(_) => "callbackClientCert",
        }
    }

    /// Gives the app this value.
    pub fn apply(self, app: &mut CustomerApp) {
        match self {
            Self::Name(name) => app.name = name,
            Self::IpWhitelist(whitelist) => app.ip_whitelist = whitelist,
            Self::Recording(on) => app.recording = on,
            Self::Sms(on) => app.sms = on,
            Self::SmsContent(on) => app.sms_content = on,
            Self::CallStatusUrl(url) => app.urls.call_status = url,
            Self::CdrUrl(url) => app.urls.cdr = url,
            Self::SmsNotifyUrl(url) => app.urls.sms_notify = url,
            Self::SmsControlUrl(url) => app.urls.sms_control = url,
            Self::NumberStatusUrl(url) => app.urls.number_status = url,
            Self::PushNumberStatus(on) => app.push_number_status = on,
            Self::ExtensionDigits(digits) => app.extension_digits = digits,
            Self::ExtensionTone(tone) => app.axe.prompt_tone = tone,
            // A tone takes the place of a number and the other way round; taking one away leaves the other.
            Self::CallbackTone(Some(tone)) => app.axe.fallback = Some(Fallback::Tone(tone)),
            Self::CallbackTone(None) => {
                app.axe.fallback.take_if(|fallback| matches!(fallback, Fallback::Tone(_)));
            }
            Self::CallbackNum(Some(number)) => app.axe.fallback = Some(Fallback::Number(number)),
            Self::CallbackNum(None) => {
                app.axe.fallback.take_if(|fallback| matches!(fallback, Fallback::Number(_)));
            }
            Self::RecordingDays(days) => app.recording_days = days,
            Self::FlowLimitPerSecond(limit) => app.flow_limit_per_second = limit,
            Self::CheckTones(on) => app.check_tones = on,
            Self::NoBindingTone(tone) => app.no_binding_tone = tone,
            Self::NoCalleeTone(tone) => app.no_callee_tone = tone,
            Self::AuthSchemes { aksk, wsse } => (app.signatures.aksk, app.signatures.wsse) = (aksk, wsse),
            Self::AcceptPlus8h(on) => app.signatures.plus_eight_hours = on,
            Self::RefuseReusedNonce(on) => app.signatures.refuse_reused_nonce = on,
            Self::PushScheme(scheme) => app.push_scheme = scheme,
            Self::AcceptAny2xx(on) => app.accept_any_2xx = on,
            Self::StandardWebhooks(on) => app.standard_webhooks = on,
            Self::CallbackCa(ca) => {
                app.callback_tls = CallbackTls::changed(app.callback_tls.as_deref(), |tls| tls.ca = ca);
            }
            Self::ClientCertificate(client) => {
                app.callback_tls =
                    CallbackTls::changed(app.callback_tls.as_deref(), |tls| tls.client = client);
            }
        }
    }
}

/// What is asked to become of an app.
#[derive(Clone, Debug, PartialEq)]
pub enum AppChange {
    /// These settings get new values; the others stay.
    Set(Vec<AppSetting>),
    /// Its requests are refused and its calls rejected.
    Suspend,
    /// The end of that.
    Resume,
    /// The account behind it is frozen: its requests are refused and its calls rejected, with codes of their own.
    Freeze,
    /// The end of that.
    Unfreeze,
    /// A new secret; the one before still verifies for a while.
    RotateSecret {
        /// The new one.
        secret: AppSecret,
        /// How long the old one still verifies, from now.
        keep_old: Duration,
    },
}

/// An app after a change, and the names of what is different, for the audit.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedApp {
    /// The app, whole.
    pub app: CustomerApp,
    /// Names only: values may be secrets.
    pub names: Vec<&'static str>,
}

impl AppChange {
    /// The action in the audit.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Set(_) => "app.change",
            Self::Suspend => "app.suspend",
            Self::Resume => "app.resume",
            Self::Freeze => "app.freeze",
            Self::Unfreeze => "app.unfreeze",
            Self::RotateSecret { .. } => "app.rotateSecret",
        }
    }

    /// The app after the change; `None` when it is so already.
    pub fn applied_to(&self, before: &CustomerApp, now: Timestamp) -> Option<ChangedApp> {
        let mut app = before.clone();
        let mut names = Vec::new();
        match self {
            Self::Set(settings) => {
                for setting in settings {
                    let former = app.clone();
                    setting.clone().apply(&mut app);
                    if app != former {
                        names.push(setting.name());
                    }
                }
            }
            Self::Suspend => app.suspended = true,
            Self::Resume => app.suspended = false,
            Self::Freeze => app.frozen = true,
            Self::Unfreeze => app.frozen = false,
            Self::RotateSecret { secret, keep_old } => {
                let old = std::mem::replace(&mut app.secret, secret.clone());
                app.previous_secret = Some((old, now.after(*keep_old)));
                names.push("appSecret");
            }
        }
        (app != *before).then_some(ChangedApp { app, names })
    }
}

#[cfg(test)]
mod tests {
    use super::super::customer::{CallbackUrls, Mode};
    use super::super::id::{AppKey, AppNo};
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn app() -> CustomerApp {
        let (key, secret) = (AppKey::new("key").unwrap(), AppSecret::new("the first secret"));
        let urls = CallbackUrls { cdr: Some("http://a/".into()), ..CallbackUrls::default() };
        CustomerApp { urls, ..CustomerApp::new(AppNo(1), key, "demo", Mode::Axb, secret, NOON) }
    }

    #[test]
    fn only_what_becomes_different_is_named() {
        let settings = vec![AppSetting::Recording(true), AppSetting::Sms(false), AppSetting::CdrUrl(None)];
        let changed = AppChange::Set(settings.clone()).applied_to(&app(), NOON).unwrap();
        assert_eq!(changed.names, ["recording", "cdrUrl"]);
        assert_eq!((changed.app.recording, &changed.app.urls.cdr), (true, &None));
        assert_eq!(AppChange::Set(settings).applied_to(&changed.app, NOON), None);
    }

    #[test]
    fn two_changes_one_after_the_other_both_count() {
        let one = AppChange::Set(vec![AppSetting::Name("x".into())]).applied_to(&app(), NOON).unwrap().app;
        let both = AppChange::Set(vec![AppSetting::Recording(true)]).applied_to(&one, NOON).unwrap().app;
        assert_eq!((&*both.name, both.recording), ("x", true));
    }

    #[test]
    fn every_setting_changes_the_app_and_only_itself() {
        let settings = [
            AppSetting::Name("x".into()),
            AppSetting::IpWhitelist(IpWhitelist::parse(&["203.0.113.0/24"]).unwrap()),
            AppSetting::Recording(true),
            AppSetting::Sms(true),
            AppSetting::SmsContent(true),
            AppSetting::CallStatusUrl(Some("http://b/".into())),
            AppSetting::CdrUrl(Some("http://b/".into())),
            AppSetting::SmsNotifyUrl(Some("http://b/".into())),
            AppSetting::SmsControlUrl(Some("http://b/".into())),
            AppSetting::NumberStatusUrl(Some("http://b/".into())),
            AppSetting::PushNumberStatus(true),
            AppSetting::ExtensionDigits(2),
            AppSetting::ExtensionTone(Some("prompt.wav".into())),
            AppSetting::CallbackTone(Some("nobody.wav".into())),
            AppSetting::CallbackNum(E164::parse("+8613800000001").ok()),
            AppSetting::FlowLimitPerSecond(NonZeroU32::new(5)),
            AppSetting::CheckTones(true),
            AppSetting::NoBindingTone(Some("nobody.wav".into())),
            AppSetting::NoCalleeTone(Some("nobody.wav".into())),
            AppSetting::AuthSchemes { aksk: true, wsse: false },
            AppSetting::AcceptPlus8h(false),
            AppSetting::RefuseReusedNonce(true),
            AppSetting::PushScheme(Scheme::Aksk),
            AppSetting::AcceptAny2xx(true),
            AppSetting::StandardWebhooks(true),
            AppSetting::CallbackCa(Some("an authority".into())),
            AppSetting::ClientCertificate(Some(client())),
        ];
        let all = AppChange::Set(settings.to_vec()).applied_to(&app(), NOON).unwrap();
        let names: Vec<_> = settings.iter().map(AppSetting::name).collect();
        assert_eq!(all.names, names);
        for setting in settings {
            let alone = AppChange::Set(vec![setting.clone()]).applied_to(&app(), NOON).unwrap();
            assert_eq!(alone.names, [setting.name()]);
        }
    }

    fn client() -> ClientCertificate {
        ClientCertificate { chain: "a chain".into(), key: "a key".into() }
    }

    #[test]
    fn nothing_is_left_of_tls_settings_when_the_last_part_is_taken_away() {
        let set = |before: &CustomerApp, setting| {
            AppChange::Set(vec![setting]).applied_to(before, NOON).unwrap().app
        };
        let both = set(&app(), AppSetting::CallbackCa(Some("an authority".into())));
        let both = set(&both, AppSetting::ClientCertificate(Some(client())));
        let one = set(&both, AppSetting::CallbackCa(None));
        assert_eq!(one.callback_tls.as_deref(), Some(&CallbackTls { ca: None, client: Some(client()) }));
        assert_eq!(set(&one, AppSetting::ClientCertificate(None)).callback_tls, None);
    }

    #[test]
    fn a_callback_tone_takes_the_place_of_a_number_and_only_itself_is_taken_away() {
        let tone = |tone: Option<&str>| AppSetting::CallbackTone(tone.map(Box::from));
        let number = |number: Option<E164>| AppSetting::CallbackNum(number);
        let someone = E164::parse("+8613800000001").ok();
        for (settings, expected) in [
            (vec![tone(Some("t")), number(someone)], someone.map(Fallback::Number)),
            (vec![number(someone), tone(Some("t"))], Some(Fallback::Tone("t".into()))),
            (vec![number(someone), tone(None)], someone.map(Fallback::Number)),
            (vec![number(someone), number(None)], None),
            (vec![tone(Some("t")), number(None)], Some(Fallback::Tone("t".into()))),
            (vec![tone(Some("t")), tone(None)], None),
        ] {
            let mut app = app();
            settings.clone().into_iter().for_each(|setting| setting.apply(&mut app));
            assert_eq!(app.axe.fallback, expected, "{settings:?}");
        }
    }

    #[test]
    fn a_rotated_secret_leaves_the_old_one_for_its_time_and_forgets_the_one_before() {
        let rotate = |text| AppChange::RotateSecret {
            secret: AppSecret::new(text),
            keep_old: Duration::from_secs(60),
        };
        let once = rotate("second").applied_to(&app(), NOON).unwrap();
        assert_eq!(once.app.secret.expose(), "second");
        let until = NOON.after(Duration::from_secs(60));
        assert_eq!(once.app.previous_secret, Some((AppSecret::new("the first secret"), until)));
        let twice = rotate("third").applied_to(&once.app, NOON).unwrap();
        assert_eq!(twice.app.previous_secret, Some((AppSecret::new("second"), until)));
        assert_eq!(twice.names, ["appSecret"]);
    }

    #[test]
    fn suspending_what_is_suspended_changes_nothing() {
        let suspended = AppChange::Suspend.applied_to(&app(), NOON).unwrap().app;
        assert!(suspended.suspended);
        assert_eq!(AppChange::Suspend.applied_to(&suspended, NOON), None);
        assert!(!AppChange::Resume.applied_to(&suspended, NOON).unwrap().app.suspended);
    }

    #[test]
    fn freezing_and_suspending_are_two_things() {
        let frozen = AppChange::Freeze.applied_to(&app(), NOON).unwrap().app;
        assert_eq!((frozen.frozen, frozen.suspended), (true, false));
        assert_eq!(AppChange::Freeze.applied_to(&frozen, NOON), None);
        assert_eq!(AppChange::Resume.applied_to(&frozen, NOON), None);
        let both = AppChange::Suspend.applied_to(&frozen, NOON).unwrap().app;
        let thawed = AppChange::Unfreeze.applied_to(&both, NOON).unwrap().app;
        assert_eq!((thawed.frozen, thawed.suspended), (false, true));
    }
}
