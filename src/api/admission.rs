//! Who may ask on the customer listener: banned addresses, headers, key, address, clock, digest, flow. The order
//! of the checks is documented in proto-docs/customer.md, "Order of checks".

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use hyper::HeaderMap;
use ipnet::IpNet;

use super::rejection::Rejection;
use crate::clock::{Clock, JumpWatch};
use crate::domain::ban::{Ban, BanList, BanRule};
use crate::domain::customer::{CustomerApp, Mode};
use crate::domain::flow::FlowControl;
use crate::domain::id::AppNo;
use crate::domain::nonce::{NonceKey, NonceMemory};
use crate::domain::signature::{ClockWindow, verify};
use crate::domain::time::Timestamp;
use crate::http::peer::client_ip;
use crate::metrics::Metrics;
use crate::registry::customers::Customers;
use crate::wire::auth_header::{AuthHeaders, Credentials};
use crate::wire::result_code::ResultCode;
use crate::wire::time_text::parse_created;

/// The nonce memory is cut into so many parts, each behind its own lock.
const NONCE_SHARDS: u32 = 64;
/// Most nonces remembered per part and generation; at 16 bytes each this bounds the memory to about 70 MiB.
const NONCES_PER_SHARD: usize = 32_768;
/// Most client addresses whose failures are counted.
const BAN_CLIENTS_MAX: usize = 100_000;

/// How strictly requests are admitted.
#[derive(Clone, Debug)]
pub struct AdmissionRules {
    /// How far `Created` may lie from our clock.
    pub clock_skew: Duration,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// When an address is banned.
    pub ban: BanRule,
}

/// Decides who may ask.
#[derive(Debug)]
pub struct Admission {
    rules: AdmissionRules,
    nonce_key: NonceKey,
    nonces: Vec<Mutex<NonceMemory>>,
    bans: Mutex<(BanList, JumpWatch)>,
    flows: DashMap<AppNo, (u32, FlowControl)>,
    metrics: Metrics,
}

/// Proof that a request passed every check. Only [`Admission`] makes one.
#[derive(Debug)]
#[expect(clippy::manual_non_exhaustive, reason = "nothing else in this crate can make one either")]
pub struct Admitted {
    /// The app that asks.
    pub app: Arc<CustomerApp>,
    _proof: (),
}

impl Admission {
    /// With nobody banned and no nonce seen. `hash_key` is drawn at random once per process.
    pub fn new(rules: AdmissionRules, hash_key: &[u8; 16], clock: &Clock, metrics: Metrics) -> Self {
        let memory = || Mutex::new(NonceMemory::new(rules.clock_skew, NONCES_PER_SHARD));
        Self {
            nonce_key: NonceKey::new(hash_key),
            nonces: (0..NONCE_SHARDS).map(|_| memory()).collect(),
            bans: Mutex::new((BanList::new(rules.ban, BAN_CLIENTS_MAX), clock.watch_for_jumps())),
            flows: DashMap::new(),
            rules,
            metrics,
        }
    }

    /// Admits a request for an operation of `mode`, `None` for one that every mode has, or says with which code it is refused.
    pub fn admit(
        &self,
        customers: &Customers,
        headers: &HeaderMap,
        peer: IpAddr,
        mode: Option<Mode>,
        now: Timestamp,
    ) -> Result<Admitted, Rejection> {
        let client = client_ip(peer, headers, &self.rules.trusted_proxies);
        if self.is_banned(client, now) {
            return Err(ResultCode::AddressBanned.into());
        }
        let value = |name: &str| headers.get(name).map(hyper::header::HeaderValue::as_bytes);
        let authorization = value("authorization").filter(|value| !value.is_empty());
        let (x_aksk, x_wsse) = (value("x-aksk"), value("x-wsse"));
        let credentials = AuthHeaders { authorization, x_aksk, x_wsse }.credentials()?;
        let app = self.authenticate(customers, &credentials, client, now).map_err(|code| {
            self.note_failure(code, client, now);
            Rejection::new(code)
        })?;
        if mode.is_some_and(|mode| mode != app.mode) {
            return Err(ResultCode::ApiNotAllowed.into());
        }
        self.check_flow(&app, now)?;
        Ok(Admitted { app, _proof: () })
    }

    /// The addresses that are banned now.
    pub fn bans(&self, now: Timestamp) -> Vec<Ban> {
        self.with_bans(|bans| bans.list(now))
    }

    /// Lifts the ban of an address. `false` = it was not banned.
    pub fn lift_ban(&self, client: IpAddr) -> bool {
        self.with_bans(|bans| bans.lift(client))
    }

    /// Whether an address is banned now.
    pub fn is_banned(&self, client: IpAddr, now: Timestamp) -> bool {
        self.with_bans(|bans| bans.is_banned(client, now).is_some())
    }

    fn authenticate(
        &self,
        customers: &Customers,
        credentials: &Credentials<'_>,
        client: IpAddr,
        now: Timestamp,
    ) -> Result<Arc<CustomerApp>, ResultCode> {
        let app = customers.by_key(credentials.username).ok_or(ResultCode::InvalidAppKey)?;
        if app.suspended {
            return Err(ResultCode::AppKeyUnavailable);
        }
        if app.frozen {
            return Err(ResultCode::AccountFrozen);
        }
        if !app.ip_whitelist.allows(client) {
            return Err(ResultCode::AddressNotWhitelisted);
        }
        let window = ClockWindow {
            skew: self.rules.clock_skew,
            accept_plus_eight_hours: app.signatures.plus_eight_hours,
        };
        let created = parse_created(credentials.created_text).ok_or(ResultCode::CreatedOutsideWindow)?;
        if !window.admits(created, now) {
            return Err(ResultCode::CreatedOutsideWindow);
        }
        if !digest_fits(&app, credentials, now) {
            return Err(ResultCode::InvalidDigest);
        }
        if self.nonce_was_seen(app.no, credentials.nonce, window.last_admitted(created), now) {
            self.metrics.nonces_reused.inc();
            if app.signatures.refuse_reused_nonce {
                return Err(ResultCode::InvalidDigest);
            }
        }
        Ok(app)
    }

    /// The bans, which keep the time that is left of them when the clock is set.
    fn with_bans<T>(&self, ask: impl FnOnce(&mut BanList) -> T) -> T {
        let (bans, jumps) = &mut *lock(&self.bans);
        if let Some(by_ms) = jumps.jumped() {
            bans.clock_was_set(by_ms);
        }
        ask(bans)
    }

    fn nonce_was_seen(&self, app: AppNo, nonce: &str, last_admitted: Timestamp, now: Timestamp) -> bool {
        let mark = self.nonce_key.mark(app, nonce);
        lock(&self.nonces[mark.shard(NONCE_SHARDS)]).seen_before(mark, last_admitted, now)
    }

    /// What proves that somebody guesses keys or secrets counts towards a ban.
    fn note_failure(&self, code: ResultCode, client: IpAddr, now: Timestamp) {
        let guessing = matches!(
            code,
            ResultCode::InvalidAppKey | ResultCode::InvalidDigest | ResultCode::CreatedOutsideWindow
        );
        if guessing && self.with_bans(|bans| bans.failed(client, now).is_some()) {
            self.metrics.bans.inc();
            tracing::warn!(%client, "banned after repeated failures to authenticate");
        }
    }

    fn check_flow(&self, app: &CustomerApp, now: Timestamp) -> Result<(), Rejection> {
        let Some(limit) = app.flow_limit_per_second else { return Ok(()) };
        let mut flow = self.flows.entry(app.no).or_insert_with(|| (limit.get(), FlowControl::new(limit)));
        if flow.0 != limit.get() {
            *flow = (limit.get(), FlowControl::new(limit));
        }
        if flow.1.admit(now) { Ok(()) } else { Err(ResultCode::FlowControl.into()) }
    }
}

/// The digest, under the secret or, for a while after a rotation, the one before. The scheme must be allowed.
fn digest_fits(app: &CustomerApp, credentials: &Credentials<'_>, now: Timestamp) -> bool {
    use crate::domain::signature::Scheme;
    let allowed = match credentials.scheme {
        Scheme::Aksk => app.signatures.aksk,
        Scheme::Wsse => app.signatures.wsse,
    };
    let fits = |secret: &str| {
        let Credentials { scheme, nonce, created_text, digest_text, .. } = credentials;
        verify(*scheme, secret, nonce, created_text, digest_text)
    };
    let previous = app.previous_secret.as_ref().filter(|(_, until)| now < *until);
    allowed && (fits(app.secret.expose()) || previous.is_some_and(|(secret, _)| fits(secret.expose())))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
