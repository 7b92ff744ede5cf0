//! The customer's application ("app") and the X numbers it may use.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::area::AreaCode;
use super::axyb::YB_PER_Y_MAX;
use super::binding::{AXB_PAIRS_MAX, Fallback};
use super::extension;
use super::id::{AppKey, AppNo};
use super::number::XNumber;
use super::signature::Scheme;
use super::time::Timestamp;
use super::whitelist::IpWhitelist;

/// Digits of an AXE extension unless the operator says otherwise.
const EXTENSION_DIGITS_DEFAULT: u8 = 4;

/// How an app's numbers work. One mode per app, fixed when it is created (customer-api 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// X stands for one A.
    Ax,
    /// X stands between A and B.
    Axb,
    /// X stands for many A, told apart by the extension that callers key.
    Axe,
    /// X stands for one A, and a Y for each B of that A.
    Axyb,
    /// Nothing is bound: the customer is asked at each call (customer-api 7).
    X,
}

impl Mode {
    /// The word on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ax => "AX",
            Self::Axb => "AXB",
            Self::Axe => "AXE",
            Self::Axyb => "AXYB",
            Self::X => "X",
        }
    }

    /// Inverse of [`Mode::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ax, Self::Axb, Self::Axe, Self::Axyb, Self::X].into_iter().find(|mode| mode.as_str() == word)
    }

    /// `serviceType` in a CDR (callbacks 5.1).
    pub const fn service_type(self) -> &'static str {
        match self {
            Self::Ax => "003",
            Self::Axb | Self::X => "004",
            Self::Axe => "005",
            Self::Axyb => "007",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An app's secret. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AppSecret(Box<str>);

impl AppSecret {
    /// Wraps the text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The secret itself: for signing, verifying and the store.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret(***)")
    }
}

/// Where an app wants its notices (callbacks 0). `None` = that notice is not pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackUrls {
    /// Call events (呼叫状态接收地址).
    pub call_status: Option<Box<str>>,
    /// CDRs (呼叫话单接收地址).
    pub cdr: Option<Box<str>>,
    /// What became of short messages (短信通知地址).
    pub sms_notify: Option<Box<str>>,
    /// What to do with short messages (短信控制地址).
    pub sms_control: Option<Box<str>>,
    /// X-number status; when absent those notices go to `call_status` (callbacks 7).
    pub number_status: Option<Box<str>>,
}

/// What TLS towards an app's receivers takes beyond the usual (delivery R13). PEM texts, as the operator
/// entered them; `outbound` is what reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CallbackTls {
    /// The authorities that the receivers' certificates must come from, instead of the system's.
    pub ca: Option<Box<str>>,
    /// What we prove with who we are, when a receiver asks.
    pub client: Option<ClientCertificate>,
}

impl CallbackTls {
    /// What `tls` becomes by `change`; nothing is left of it when neither part is.
    #[must_use]
    pub fn changed(tls: Option<&Self>, change: impl FnOnce(&mut Self)) -> Option<Arc<Self>> {
        let mut tls = tls.cloned().unwrap_or_default();
        change(&mut tls);
        (tls != Self::default()).then(|| Arc::new(tls))
    }
}

/// A certificate of ours for one app's receivers. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    /// The chain, own certificate first.
    pub chain: Box<str>,
    /// The private key.
    pub key: Box<str>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("chain_bytes", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Which request signatures an app may use, and how strictly they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a record of settings that are on or off")]
pub struct SignaturePolicy {
    /// X-AKSK is accepted.
    pub aksk: bool,
    /// X-WSSE is accepted.
    pub wsse: bool,
    /// `Created` may also be eight hours ahead: local Chinese time with a Z (client-tolerances A3).
    pub plus_eight_hours: bool,
    /// A nonce seen before is refused instead of only counted (client-tolerances A4).
    pub refuse_reused_nonce: bool,
}

impl Default for SignaturePolicy {
    fn default() -> Self {
        Self { aksk: true, wsse: true, plus_eight_hours: true, refuse_reused_nonce: false }
    }
}

/// What an AXE app's calls meet where no binding says anything else (customer-api 5.1, 12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxeDefaults {
    /// Asks callers to key the extension; `None` = the switch's own prompt.
    pub prompt_tone: Option<Box<str>>,
    /// What becomes of A's call to X when there is nobody to call back.
    pub fallback: Option<Fallback>,
}

/// A customer's application: replaced whole when it changes, never edited in place.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "a record of settings that are on or off")]
pub struct CustomerApp {
    /// Its row number.
    pub no: AppNo,
    /// Its public key (app_key).
    pub key: AppKey,
    /// The name operators gave it.
    pub name: Box<str>,
    /// How its numbers work.
    pub mode: Mode,
    /// The secret it signs with and is signed to.
    pub secret: AppSecret,
    /// The secret before the last rotation, and until when it still verifies.
    pub previous_secret: Option<(AppSecret, Timestamp)>,
    /// Addresses its requests may come from; empty = any.
    pub ip_whitelist: IpWhitelist,
    /// Whether `recordFlag` may be true.
    pub recording: bool,
    /// Whether short messages are part of the service.
    pub sms: bool,
    /// Whether it may read the text of short messages (`smsContent`).
    pub sms_content: bool,
    /// Where its notices go.
    pub urls: CallbackUrls,
    /// Whether X-number status notices are pushed at all.
    pub push_number_status: bool,
    /// Digits of an AXE extension, 1 to 4.
    pub extension_digits: u8,
    /// What AXE calls meet where their binding says nothing.
    pub axe: AxeDefaults,
    /// How many days its recordings are kept; `None` = as the gateway's configuration says.
    pub recording_days: Option<NonZeroU32>,
    /// Requests per second; `None` = no limit of its own.
    pub flow_limit_per_second: Option<NonZeroU32>,
    /// Binds and modifies may only name tone files that the app has, approved (1010002).
    pub check_tones: bool,
    /// What callers hear who are refused because nothing is bound for them; `None` = what the switch says.
    pub no_binding_tone: Option<Box<str>>,
    /// What A hears who is refused because there is nobody to reach; `None` = what the switch says.
    pub no_callee_tone: Option<Box<str>>,
    /// Suspended apps are refused (1010008) and their calls rejected.
    pub suspended: bool,
    /// The account behind the app is frozen, as for arrears: it is refused (1010029) and its calls rejected.
    pub frozen: bool,
    /// Which request signatures it may use.
    pub signatures: SignaturePolicy,
    /// How pushes to it are signed.
    pub push_scheme: Scheme,
    /// Pushes also carry the headers of Standard Webhooks.
    pub standard_webhooks: bool,
    /// What TLS towards its receivers takes beyond the usual; `None` = nothing.
    pub callback_tls: Option<Arc<CallbackTls>>,
    /// Any 2xx counts as a successful push, not only 200.
    pub accept_any_2xx: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

impl CustomerApp {
    /// An app as it is when nothing more is said about it. Pushes are signed by X-WSSE: the only receivers known to
    /// verify what is pushed to them read that (client-tolerances G44).
    pub fn new(no: AppNo, key: AppKey, name: &str, mode: Mode, secret: AppSecret, now: Timestamp) -> Self {
        Self {
            no,
            key,
            name: name.into(),
            mode,
            secret,
            previous_secret: None,
            ip_whitelist: IpWhitelist::default(),
            recording: false,
            sms: false,
            sms_content: false,
            urls: CallbackUrls::default(),
            push_number_status: false,
            extension_digits: EXTENSION_DIGITS_DEFAULT,
            axe: AxeDefaults::default(),
            recording_days: None,
            flow_limit_per_second: None,
            check_tones: false,
            no_binding_tone: None,
            no_callee_tone: None,
            suspended: false,
            frozen: false,
            signatures: SignaturePolicy::default(),
            push_scheme: Scheme::Wsse,
            standard_webhooks: false,
            callback_tls: None,
            accept_any_2xx: false,
            created_at: now,
        }
    }

    /// How many bindings one of its X numbers can carry (customer-api 11: AX 1, AXB 5,000, AXE 9 to 9,999). Of
    /// AXYB: as a Y; as an X a number carries one A with its B. None in X mode, which binds nothing.
    pub const fn x_capacity(&self) -> u32 {
        match self.mode {
            Mode::Ax => 1,
            Mode::Axb => AXB_PAIRS_MAX,
            Mode::Axe => extension::highest(self.extension_digits) as u32,
            Mode::Axyb => YB_PER_Y_MAX,
            Mode::X => 0,
        }
    }
}

/// State of an X number (callbacks 7; customer-api 12). The wire codes are 5, 9, 10 and 11.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberStatus {
    /// Everything works.
    #[default]
    Normal,
    /// Binding, calls and SMS all stop.
    Suspended,
    /// As suspended, for a reason of the carrier's (`cause`, 1 to 9; callbacks 7).
    Unavailable(Option<u8>),
    /// No new binding; what is bound keeps working.
    BindingFrozen,
}

impl NumberStatus {
    /// From the wire's `status` and `cause`. A cause counts only with "unavailable".
    pub fn from_codes(status: &str, cause: Option<u8>) -> Option<Self> {
        match status {
            "5" => Some(Self::Normal),
            "9" => Some(Self::Suspended),
            "10" => Some(Self::Unavailable(cause)),
            "11" => Some(Self::BindingFrozen),
            _ => None,
        }
    }

    /// The wire's `status`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Normal => "5",
            Self::Suspended => "9",
            Self::Unavailable(_) => "10",
            Self::BindingFrozen => "11",
        }
    }

    /// The wire's `cause`.
    pub const fn cause(self) -> Option<u8> {
        match self {
            Self::Unavailable(cause) => cause,
            _ => None,
        }
    }

    /// Whether calls through existing bindings are connected.
    pub const fn carries_calls(self) -> bool {
        matches!(self, Self::Normal | Self::BindingFrozen)
    }

    /// Whether new bindings may be made.
    pub const fn takes_bindings(self) -> bool {
        matches!(self, Self::Normal)
    }
}

/// One X number as the operator entered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRecord {
    /// The number.
    pub x: XNumber,
    /// The app that may use it.
    pub app: AppNo,
    /// Its city, if known; without one it is never chosen by area.
    pub area: Option<AreaCode>,
    /// Whether it can carry short messages.
    pub sms: bool,
    /// Its state.
    pub status: NumberStatus,
    /// When it was added.
    pub added_at: Timestamp,
}
