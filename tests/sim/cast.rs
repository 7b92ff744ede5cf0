//! Who is in the world: apps, X numbers and subscribers, few enough to get into each other's way.

use privnum::domain::area::AreaCode;
use privnum::domain::customer::{AppSecret, CallbackUrls, CustomerApp, Mode, NumberRecord, NumberStatus};
use privnum::domain::id::{AppKey, AppNo};
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::route::CallSetup;
use privnum::domain::signature::Scheme;
use privnum::domain::time::Timestamp;

pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);
/// Apps in the world: of AXB, AX, AXB without addresses, AXYB, AXE, X.
pub const APPS: u32 = 6;
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

/// Whether a number can be one that is lent out, now or once.
pub fn is_x(number: E164) -> bool {
    (0..100).any(|n| x(n).number() == number)
}

pub fn app(no: u32, mode: Mode, with_urls: bool) -> CustomerApp {
    let url = |path: &str| with_urls.then(|| format!("https://app-{no}.example/{path}").into());
    let (key, secret) = (AppKey::new(&format!("app-{no}")).unwrap(), AppSecret::new("secret"));
    CustomerApp {
        recording: true,
        sms: true,
        urls: CallbackUrls {
            call_status: url("status"),
            cdr: url("cdr"),
            sms_notify: url("sms"),
            ..CallbackUrls::default()
        },
        push_number_status: with_urls,
        push_scheme: Scheme::Aksk,
        ..CustomerApp::new(AppNo(no), key, "simulated", mode, secret, START)
    }
}

pub fn number(n: u64) -> NumberRecord {
    let (app, area) = match n {
        1 | 2 => (1, AreaCode::parse("0755")),
        3 => (1, AreaCode::parse("020")),
        4..=9 => (2, AreaCode::parse("010")),
        _ => (3, None),
    };
    number_of(n, AppNo(app), area)
}

/// An X of an app in a city.
pub fn number_of(n: u64, app: AppNo, area: Option<AreaCode>) -> NumberRecord {
    NumberRecord { x: x(n), app, area, sms: n != 9, status: NumberStatus::Normal, added_at: START }
}

/// A call as the switch asks about it.
pub fn dialled(caller: CallingParty, called: E164) -> CallSetup<'static> {
    CallSetup { caller, called: Some(called), extension: None }
}
