//! The calls that notices are about: apps with an X and a binding each, and the reports of the switch.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use privnum::domain::binding::{AnyBinding, Change};
use privnum::domain::customer::CustomerApp;
use privnum::domain::id::{AppKey, AppNo, RowKey};
use privnum::domain::time::Timestamp;
use privnum::store::{Store, Write};
use serde_json::{Value, json};

use crate::Failed;
use crate::scene::{self, Numbering, TOKEN, commit_all, parties};

/// The stages of an answered call, in order.
pub const STAGES: [&str; 5] = ["callin", "callout", "alerting", "answer", "disconnect"];

/// Puts so many apps into a store, each with an X number, a binding on it and the URL that `url` gives it.
pub fn add_apps(
    store: &dyn Store,
    apps: u32,
    url: impl Fn(u32) -> String,
    now: Timestamp,
) -> Result<(), Failed> {
    let numbering = Numbering { xs: apps.into() };
    let first = RowKey::floor(now.millis());
    let app = |n: u32| {
        let key = AppKey::new(&format!("loadtestKey{n:021}")).expect("letters and digits");
        let mut app = CustomerApp { no: AppNo(n + 1), key, ..scene::app(now) };
        app.urls.call_status = Some(url(n).into());
        Write::App(Arc::new(app))
    };
    let number = |n: u64| {
        let mut number = scene::number(numbering.x(n), now);
        number.app = owner(n);
        Write::Number(number)
    };
    let bound = |n: u64| {
        let key = RowKey::from_stored(first.get() + n).expect("later than now");
        let mut binding = scene::binding(numbering, n, key, now);
        binding.app = owner(n);
        Write::Binding(Change::Bound(AnyBinding::Axb(binding)))
    };
    commit_all(store, apps.into(), |n| app(u32::try_from(n).expect("one of the apps")))?;
    commit_all(store, apps.into(), number)?;
    commit_all(store, apps.into(), bound)
}

/// Whose binding `n` is, and its X.
fn owner(n: u64) -> AppNo {
    AppNo(u32::try_from(n).expect("one of the apps") + 1)
}

/// One report of the switch about call `call`, which goes to the X of `app`; `stage` counts from 0.
pub fn report(app: u32, apps: u32, call: u64, stage: usize, now: Timestamp) -> Value {
    // One millisecond later for each stage, so that reports in one request have an order.
    let ms = now.millis() + stage as u64;
    let ts = format!("{}.{:03}000", ms / 1_000, ms % 1_000);
    let mut event = json!({
        "eventId": format!("{call}-{stage}"), "callId": format!("callback-{call}"), "event": STAGES[stage], "ts": ts
    });
    match STAGES[stage] {
        "callin" => {
            let binding = u64::from(app);
            event["caller"] = format!("+{}", parties(binding).0).into();
            event["called"] = format!("+{}", Numbering { xs: apps.into() }.x(binding)).into();
        }
        "disconnect" => {
            event["sip"] = 200.into();
            event["q850"] = 16.into();
            event["by"] = "callee".into();
        }
        _ => {}
    }
    event
}

/// The request that brings reports.
pub fn request(reports: Vec<Value>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri("/switch/v1/events")
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Full::from(Value::Array(reports).to_string()))
        .expect("a valid request")
}
