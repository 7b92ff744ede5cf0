//! A customer's application: it signs what it asks, by the clock of the world.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privnum::clock::Clock;
use privnum::domain::signature::{Scheme, authorization_value, digest, header_name};
use privnum::wire::time_text::format_created;
use serde_json::{Value, json};

use super::Addresses;
use super::http::{Answer, Headers, request, try_exchange};
use super::process::Process;

pub const AXB: &str = "/rest/caas/relationnumber/partners/v1.0";
pub const AX: &str = "/rest/provision/caas/privatenumber/v1.0";
pub const AX_CALLEE: &str = "/rest/caas/privatenumber/calleenumber/v1.0";
pub const AXE: &str = "/rest/caas/extendnumber/v1.0";
pub const AXYB: &str = "/rest/omp/xyrelationnumber/v1.0";
pub const AXE_LIST: &str = "/rest/caas/extendnumber/v2.0";

/// The nonces of all customers of a test process: none comes twice unless a test wants it to.
static NONCE: AtomicU64 = AtomicU64::new(1);

/// The four attributes of the X- header.
#[derive(Clone, Debug)]
pub struct Token {
    pub username: String,
    pub digest: String,
    pub nonce: String,
    pub created: String,
}

impl Token {
    /// The header's value as most clients write it.
    pub fn value(&self) -> String {
        let Self { username, digest, nonce, created } = self;
        format!(
            r#"UsernameToken Username="{username}",PasswordDigest="{digest}",Nonce="{nonce}",Created="{created}""#
        )
    }
}

/// A customer.
#[derive(Clone, Debug)]
pub struct Customer {
    pub key: String,
    pub secret: String,
    pub scheme: Scheme,
    pub(super) clock: Clock,
    pub(super) addresses: Addresses,
}

impl Customer {
    /// The same app signing the other way.
    #[must_use]
    pub fn with(&self, scheme: Scheme) -> Self {
        Self { scheme, ..self.clone() }
    }

    /// Somebody who signs with another secret.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.into(), ..self.clone() }
    }

    /// Somebody who says to be another app.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    /// The same app as a customer of a process of its own, which goes by the clock on the wall.
    #[must_use]
    pub fn of(&self, process: &Process) -> Self {
        Self { clock: Clock::system(), addresses: process.addresses.clone(), ..self.clone() }
    }

    /// Where the customer listener is now.
    pub fn gateway(&self) -> SocketAddr {
        self.addresses.customer()
    }

    /// A fresh token.
    pub fn token(&self) -> Token {
        let nonce = format!("{:032X}", NONCE.fetch_add(1, Ordering::Relaxed));
        self.token_of(&nonce, &format_created(self.clock.now()))
    }

    /// A token with this nonce and time.
    pub fn token_of(&self, nonce: &str, created: &str) -> Token {
        Token {
            username: self.key.clone(),
            digest: STANDARD.encode(digest(self.scheme, &self.secret, nonce, created)),
            nonce: nonce.into(),
            created: created.into(),
        }
    }

    /// The header lines that prove who asks.
    pub fn signed(&self) -> Headers {
        self.signed_with(&self.token())
    }

    /// The same with a token of the test's own.
    pub fn signed_with(&self, token: &Token) -> Headers {
        vec![
            ("Authorization".into(), authorization_value(self.scheme).into()),
            (header_name(self.scheme).into(), token.value()),
            ("Content-Type".into(), "application/json;charset=UTF-8".into()),
        ]
    }

    /// Asks with these headers and nothing else.
    pub async fn ask_with(&self, headers: &Headers, method: &str, target: &str, body: &[u8]) -> Answer {
        let bytes = request(method, target, headers, body);
        try_exchange(self.gateway(), bytes).await.expect("an answer, not a close")
    }

    /// Asks a gateway that may die meanwhile.
    pub async fn try_post(&self, target: &str, body: &Value) -> Option<Answer> {
        let bytes = request("POST", target, &self.signed(), body.to_string().as_bytes());
        try_exchange(self.gateway(), bytes).await
    }

    /// Asks as a well-behaved client does.
    pub async fn ask(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.ask_with(&self.signed(), method, target, body).await
    }

    pub async fn post(&self, target: &str, body: &Value) -> Answer {
        self.ask("POST", target, body.to_string().as_bytes()).await
    }

    pub async fn put(&self, target: &str, body: &Value) -> Answer {
        self.ask("PUT", target, body.to_string().as_bytes()).await
    }

    /// `query` as it travels, without the question mark.
    pub async fn get(&self, target: &str, query: &str) -> Answer {
        self.ask("GET", &format!("{target}?{query}"), b"").await
    }

    pub async fn delete(&self, target: &str, query: &str) -> Answer {
        self.ask("DELETE", &format!("{target}?{query}"), b"").await
    }

    /// Binds A and B to X for good. Returns the subscriptionId.
    pub async fn bind_axb(&self, x: &str, a: &str, b: &str) -> String {
        self.bind_axb_for(x, a, b, 0).await
    }

    /// The same for so many seconds.
    pub async fn bind_axb_for(&self, x: &str, a: &str, b: &str, secs: u32) -> String {
        let body = json!({"callerNum": a, "calleeNum": b, "relationNum": x, "duration": secs});
        let answer = self.post(AXB, &body).await;
        assert_eq!(answer.code(), (200, "0".into()), "{}", answer.text());
        answer.member("subscriptionId")
    }

    /// Binds A to X. Returns the subscriptionId.
    pub async fn bind_ax(&self, x: &str, a: &str) -> String {
        let answer = self.post(AX, &json!({"origNum": a, "privateNum": x})).await;
        assert_eq!(answer.code(), (200, "0".into()), "{}", answer.text());
        answer.member("subscriptionId")
    }
}
