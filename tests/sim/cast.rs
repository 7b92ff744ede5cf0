//! Who is in the world: apps, X numbers and subscribers, few enough to get into each other's way.

use privnum::domain::area::AreaCode;
use privnum::domain::customer::{
    AppSecret, CallbackUrls, CustomerApp, Mode, NumberRecord, NumberStatus, SignaturePolicy,
};
use privnum::domain::id::{AppKey, AppNo};
use privnum::domain::number::{E164, XNumber};
use privnum::domain::signature::Scheme;
use privnum::domain::time::Timestamp;
use privnum::domain::whitelist::IpWhitelist;

pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);
/// Subscribers in the world.
pub const PARTIES: u64 = 12;
/// X numbers: 1 to 3 of the AXB app 1, 4 to 9 of the AX app 2, 10 of the AXB app 3, which wants no notices.
pub const NUMBERS: u64 = 10;

pub fn party(n: u64) -> E164 {
    E164::from_word(8_613_800_000_000 + n).unwrap()
}

pub fn x(n: u64) -> XNumber {
    XNumber::new(E164::from_word(8_617_000_000_000 + n).unwrap())
}

pub fn app(no: u32, mode: Mode, with_urls: bool) -> CustomerApp {
    let url = |path: &str| with_urls.then(|| format!("https://app-{no}.example/{path}").into());
    CustomerApp {
        no: AppNo(no),
        key: AppKey::new(&format!("app-{no}")).unwrap(),
        name: "simulated".into(),
        mode,
        secret: AppSecret::new("secret"),
        previous_secret: None,
        ip_whitelist: IpWhitelist::default(),
        recording: true,
        sms: false,
        urls: CallbackUrls { call_status: url("status"), cdr: url("cdr"), ..CallbackUrls::default() },
        push_number_status: with_urls,
        extension_digits: 4,
        flow_limit_per_second: None,
        suspended: false,
        signatures: SignaturePolicy::default(),
        push_scheme: Scheme::Aksk,
        standard_webhooks: false,
        callback_tls: None,
        accept_any_2xx: false,
        created_at: START,
    }
}

pub fn number(n: u64) -> NumberRecord {
    let (app, area) = match n {
        1 | 2 => (1, AreaCode::parse("0755")),
        3 => (1, AreaCode::parse("020")),
        4..=9 => (2, AreaCode::parse("010")),
        _ => (3, None),
    };
    NumberRecord { x: x(n), app: AppNo(app), area, sms: false, status: NumberStatus::Normal, added_at: START }
}
