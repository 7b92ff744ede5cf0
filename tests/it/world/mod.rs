//! A world for the gateway to live in: its three listeners on loopback, a clock that a test moves by hand, and
//! everybody it talks to.
//!
//! Nothing here sleeps. [`World::set_time`] returns when what fell due has been done, [`World::quiet`] when no
//! push is due or under way, [`Receiver::next`] when the push is there.

mod customer;
mod frozen;
pub mod http;
pub mod identity;
pub mod process;
mod receiver;
mod staff;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privnum::app::Gateway;
use privnum::clock::{Clock, ClockHand};
use privnum::config::Config;
use privnum::domain::signature::Scheme;
use privnum::domain::time::Timestamp;
use privnum::wire::time_text::parse_switch_time;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use customer::{AX, AX_CALLEE, AXB, AXE, AXE_LIST, AXYB, Customer};
pub use frozen::Frost;
pub use receiver::{Pushed, Reaction, Receiver};
pub use staff::{Operator, Switch};

use frozen::OnFrozenDisk;
use http::soon;

pub const OPERATOR_TOKEN: &str = "operator-token-of-a-test";
pub const SWITCH_TOKEN: &str = "switch-token-of-a-test";

/// The moment at which worlds begin.
pub const DAWN: &str = "2026-01-02T03:04:05Z";

/// The X number of worlds with one app, and two people who are strangers to each other.
pub const X: &str = "+8617000000001";
pub const A: &str = "+8613800000001";
pub const B: &str = "+8613800000002";

/// Where callbacks go: the path of an app's URL for each kind.
pub const STATUS: &str = "/status";
pub const FEE: &str = "/fee";
pub const NUMBER_STATUS: &str = "/number-status";
pub const SMS: &str = "/sms";
pub const SMS_CONTROL: &str = "/sms-control";

/// Where the listeners are. A restart moves them.
#[derive(Clone, Debug)]
pub struct Addresses(Arc<Mutex<[SocketAddr; 3]>>);

impl Addresses {
    fn new(addresses: [SocketAddr; 3]) -> Self {
        Self(Arc::new(Mutex::new(addresses)))
    }

    fn of(gateway: &Gateway) -> [SocketAddr; 3] {
        [gateway.customer, gateway.switch, gateway.operator]
    }

    pub fn customer(&self) -> SocketAddr {
        self.0.lock().unwrap()[0]
    }

    pub fn switch(&self) -> SocketAddr {
        self.0.lock().unwrap()[1]
    }

    pub fn operator(&self) -> SocketAddr {
        self.0.lock().unwrap()[2]
    }
}

/// The smallest configuration: everything on loopback, tokens of the tests, callbacks to loopback allowed, and
/// re-pushes on the second.
/// `more` are further lines; keys are written in full, such as `limits.idle_secs = 1`.
pub fn configuration(more: &str) -> String {
    format!(
        "listen.customer = \"127.0.0.1:0\"\nlisten.switch = \"127.0.0.1:0\"\nlisten.operator = \"127.0.0.1:0\"\n\
         store.kind = \"embedded\"\nstore.dir = \"data\"\n\
         operator.token = \"{OPERATOR_TOKEN}\"\nswitch.token = \"{SWITCH_TOKEN}\"\n\
         callback.allow_networks = [\"127.0.0.0/8\"]\ncallback.jitter_secs = 0\n{more}\n"
    )
}

/// A point in time, as RFC 3339.
pub fn at(text: &str) -> Timestamp {
    parse_switch_time(text).expect("a time")
}

async fn serve(config: &str, dir: &TempDir, clock: Clock, frost: Option<&Frost>) -> Gateway {
    let parsed = Config::parse(config, dir.path()).unwrap();
    let started = match frost {
        None => Gateway::start(&parsed, clock).await,
        Some(frost) => {
            let open = || Ok(Arc::new(OnFrozenDisk::open(&dir.path().join("data"), frost.clone())?) as _);
            Gateway::start_over(&parsed, clock, open).await
        }
    };
    started.unwrap()
}

/// A running gateway and its surroundings.
pub struct World {
    gateway: Option<Gateway>,
    pub receiver: Receiver,
    clock: Clock,
    hand: ClockHand,
    addresses: Addresses,
    config: String,
    pub dir: TempDir,
    /// Holds the disk still, where it can.
    frost: Option<Frost>,
}

impl World {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// With further lines of configuration.
    pub async fn with(more: &str) -> Self {
        Self::begin(at(DAWN), more, tempfile::tempdir().unwrap()).await
    }

    /// On a disk that can be frozen.
    pub async fn on(frost: &Frost) -> Self {
        Self::begin_on(at(DAWN), "", tempfile::tempdir().unwrap(), Some(frost.clone())).await
    }

    /// At a moment, with further lines of configuration, in a folder that may hold files they name.
    pub async fn begin(start: Timestamp, more: &str, dir: TempDir) -> Self {
        Self::begin_on(start, more, dir, None).await
    }

    async fn begin_on(start: Timestamp, more: &str, dir: TempDir, frost: Option<Frost>) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let (clock, hand) = Clock::manual(start);
        let config = configuration(more);
        let gateway = serve(&config, &dir, clock.clone(), frost.as_ref()).await;
        let addresses = Addresses::new(Addresses::of(&gateway));
        let receiver = Receiver::start().await;
        Self { gateway: Some(gateway), receiver, clock, hand, addresses, config, dir, frost }
    }

    /// A world with one AXB app that has the number [`X`] in area 0755.
    pub async fn axb() -> (Self, Customer) {
        Self::one_app("AXB", "").await
    }

    /// A world with one AX app that has the number [`X`] in area 0755.
    pub async fn ax() -> (Self, Customer) {
        Self::one_app("AX", "").await
    }

    pub async fn one_app(mode: &str, more: &str) -> (Self, Customer) {
        let world = Self::with(more).await;
        let customer = world.app(mode, &Value::Null).await;
        world.number(&customer, X).await;
        (world, customer)
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("the gateway is running")
    }

    /// An app that gets all its callbacks; `more` are further members of the operator's request.
    pub async fn app(&self, mode: &str, more: &Value) -> Customer {
        let mut body = json!({"name": "test", "mode": mode, "pushNumberStatus": true,
            "callStatusUrl": self.receiver.url(STATUS), "cdrUrl": self.receiver.url(FEE),
            "numberStatusUrl": self.receiver.url(NUMBER_STATUS)});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let made = self.operator().ask("POST", "apps", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        Customer {
            key: made.member("appKey"),
            secret: made.member("appSecret"),
            scheme: Scheme::Aksk,
            clock: self.clock.clone(),
            addresses: self.addresses.clone(),
        }
    }

    /// Gives an app an X in area 0755.
    pub async fn number(&self, app: &Customer, x: &str) {
        self.number_in(app, x, "0755").await;
    }

    /// Gives an app an X.
    pub async fn number_in(&self, app: &Customer, x: &str, area: &str) {
        let body = json!({"numbers": [{"number": x, "appKey": app.key, "areaCode": area}]});
        let added = self.operator().ask("POST", "numbers", &body).await;
        assert_eq!(added.json()["added"], 1, "{}", added.text());
    }

    /// A world with one app of a mode that is open for SMS, with `settings` beside, and whose number [`X`] carries SMS.
    pub async fn sms(mode: &str, settings: &Value) -> (Self, Customer) {
        let world = Self::new().await;
        let app = world.sms_app(mode, settings).await;
        world.sms_number(&app, X).await;
        (world, app)
    }

    /// An app that is open for SMS and gets its results.
    pub async fn sms_app(&self, mode: &str, settings: &Value) -> Customer {
        let mut more = json!({"sms": true, "smsNotifyUrl": self.receiver.url(SMS),
            "smsControlUrl": self.receiver.url(SMS_CONTROL)});
        for (name, value) in settings.as_object().into_iter().flatten() {
            more[name] = value.clone();
        }
        self.app(mode, &more).await
    }

    /// Gives an app an X that carries SMS.
    pub async fn sms_number(&self, app: &Customer, x: &str) {
        let body = json!({"numbers": [{"number": x, "appKey": app.key, "areaCode": "0755", "sms": true}]});
        let added = self.operator().ask("POST", "numbers", &body).await;
        assert_eq!(added.json()["added"], 1, "{}", added.text());
    }

    /// Changes settings of an app as an operator does, with immediate effect.
    pub async fn change_app(&self, app: &Customer, settings: &Value) {
        let changed = self.operator().ask("PATCH", &format!("apps/{}", app.key), settings).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
    }

    /// Suspends an app, or resumes it.
    pub async fn suspend(&self, app: &Customer, suspended: bool) {
        let verb = if suspended { "suspend" } else { "resume" };
        let done = self.operator().ask("POST", &format!("apps/{}/{verb}", app.key), &Value::Null).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }

    pub fn switch(&self) -> Switch {
        Switch(self.addresses.clone())
    }

    pub fn operator(&self) -> Operator {
        Operator(self.addresses.clone())
    }

    /// Sets the clock. Pushes under way end first; timers that fall due by then have run afterwards.
    pub async fn set_time(&self, now: Timestamp) {
        self.quiet().await;
        self.hand.set(now);
        self.gateway().engine().catch_up().await.unwrap();
    }

    /// Moves the clock on, as [`set_time`](Self::set_time) does.
    pub async fn advance(&self, step: Duration) {
        self.set_time(self.clock.now().after(step)).await;
    }

    /// Sets the clock by so many milliseconds without that time passes, as an administrator does.
    pub fn jump(&self, by_ms: i64) {
        self.hand.jump(by_ms);
    }

    /// What a series of `/metrics` shows.
    pub fn metric(&self, series: &str) -> i64 {
        let engine = self.gateway().engine();
        engine.refresh_gauges();
        let text = engine.shared().metrics.render();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no {series} in\n{text}"))
    }

    /// Deletes the recordings whose time is over, or waits until it is done.
    pub async fn expire_recordings(&self) {
        self.gateway().engine().expire_recordings().await;
    }

    /// Deletes files of recordings that no row tells of, or waits until it is done.
    pub async fn sweep_recordings(&self) {
        self.gateway().engine().sweep_recordings().await;
    }

    /// Waits until something is being written.
    pub async fn until_a_commit_runs(&self) {
        let shared = self.gateway().engine().shared();
        soon(async {
            while shared.commit_running().is_none() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Waits until no push is due or under way, and all outcomes are on record.
    pub async fn quiet(&self) {
        let engine = self.gateway().engine();
        soon(async {
            while !engine.is_quiet() {
                // Goes to the writer and back, so it is no idle spinning.
                engine.flush().await.unwrap();
            }
        })
        .await;
    }

    /// Takes the pushes to `path`, once no more are due or under way.
    pub async fn pushed(&self, path: &str) -> Vec<Pushed> {
        self.quiet().await;
        self.receiver.all(path)
    }

    /// Moves the clock on while pushes may be under way.
    pub fn pass(&self, step: Duration) {
        self.hand.advance(step);
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Stops the gateway.
    pub async fn stop(&mut self) {
        self.gateway.take().expect("the gateway is running").stop().await;
    }

    /// Moves the clock on while the gateway is stopped.
    pub fn pass_while_stopped(&self, step: Duration) {
        assert!(self.gateway.is_none(), "the gateway is running");
        self.hand.advance(step);
    }

    /// Starts the stopped gateway again with the same data.
    pub async fn start_again(&mut self) {
        let gateway = serve(&self.config, &self.dir, self.clock.clone(), self.frost.as_ref()).await;
        *self.addresses.0.lock().unwrap() = Addresses::of(&gateway);
        self.gateway = Some(gateway);
    }
}
