//! Identities: the keys things have in the store, and the public forms that nobody can guess.

use std::borrow::Borrow;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The app_key of a customer's application: 1 to 128 letters and digits (customer-api 2.3). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppKey(Arc<str>);

impl AppKey {
    /// `None` unless `text` is 1 to 128 ASCII letters, digits, `-`, `_` or `.`.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        ((1..=128).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for AppKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The small number an app has in this gateway: its row in the app table. What bindings, calls and
/// deliveries hold in place of the long [`AppKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppNo(pub u32);

/// A key in a durable table: rising with time, so that inserting it always touches the newest page.
/// The upper 43 bits are milliseconds since 1970, the lower 21 count within the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey(pub NonZeroU64);

impl RowKey {
    const SEQUENCE_BITS: u32 = 21;

    /// The key as the store writes it.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// A key read back from the store; `None` for zero.
    pub fn from_stored(value: u64) -> Option<Self> {
        NonZeroU64::new(value).map(Self)
    }

    /// The first key that a row of the given millisecond can have. Bounds a scan by time.
    pub fn floor(millis: u64) -> Self {
        Self(NonZeroU64::new(millis << Self::SEQUENCE_BITS).unwrap_or(NonZeroU64::MIN))
    }

    /// The millisecond the key was drawn in (the clock of that moment; it never goes back).
    pub const fn millis(self) -> u64 {
        self.0.get() >> Self::SEQUENCE_BITS
    }

    /// Its place among the keys of its millisecond.
    pub const fn sequence(self) -> u64 {
        self.0.get() & ((1 << Self::SEQUENCE_BITS) - 1)
    }

    /// The key with this millisecond and place; the last possible one where either is beyond what keys have.
    pub fn at(millis: u64, sequence: u64) -> Self {
        let last = (1 << Self::SEQUENCE_BITS) - 1;
        let key = millis.min(u64::MAX >> Self::SEQUENCE_BITS) << Self::SEQUENCE_BITS | sequence.min(last);
        Self(NonZeroU64::new(key).unwrap_or(NonZeroU64::MIN))
    }

    /// The next key at `now_ms`, later than every key drawn before, also when the clock went back.
    #[must_use]
    pub fn next(self, now_ms: u64) -> Self {
        let by_clock = Self::floor(now_ms);
        let by_sequence = Self(self.0.checked_add(1).expect("a millisecond count does not reach 2^64"));
        by_clock.max(by_sequence)
    }
}

/// One binding, inside the gateway. Its public form is [`PublicIds::subscription`].
pub type BindingId = RowKey;

/// Turns keys into public ids and back, under a secret that is drawn once per installation.
///
/// A subscriptionId has to be unguessable, yet an index on a random value costs the store a factor of four
/// to six. So the public id *is* the key, sealed: a MAC of the key, and the key hidden under a mask derived
/// from that MAC. No table is needed to lead back, and a forged id is recognised without a look-up.
#[derive(Clone)]
pub struct PublicIds {
    keyed: Hmac<Sha256>,
}

impl PublicIds {
    /// From the installation's secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { keyed: Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length") }
    }

    /// The subscriptionId of a binding, in the UUID shape that clients know (customer-api 4.1).
    pub fn subscription(&self, id: BindingId) -> String {
        let hex = self.seal(b"subscription", id);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// The binding that a subscriptionId names; `None` when we never gave out such an id.
    pub fn binding(&self, subscription: &str) -> Option<BindingId> {
        let bytes = subscription.as_bytes();
        let dashes_in_place = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&at| bytes[at] == b'-');
        if !dashes_in_place {
            return None;
        }
        let hex: String = subscription.chars().filter(|&c| c != '-').collect();
        self.open(b"subscription", &hex)
    }

    /// The place of a delivery among the notices of its app. No other app can use it.
    pub fn notice_cursor(&self, app: AppNo, delivery: RowKey) -> String {
        self.seal(&notices_of(app), delivery)
    }

    /// The delivery that a cursor of this app leads to; `None` when we never gave out such a cursor to it.
    pub fn notice(&self, app: AppNo, cursor: &str) -> Option<RowKey> {
        self.open(&notices_of(app), cursor)
    }

    /// 32 hexadecimal digits.
    fn seal(&self, purpose: &[u8], key: RowKey) -> String {
        let mac = self.tag(purpose, key.get());
        let hidden = key.get() ^ self.tag(b"mask", mac);
        format!("{:032x}", (u128::from(hidden) << 64) | u128::from(mac))
    }

    /// Inverse of [`PublicIds::seal`]; `None` when it was not sealed by us for this purpose.
    fn open(&self, purpose: &[u8], sealed: &str) -> Option<RowKey> {
        let well_formed = sealed.len() == 32 && sealed.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = well_formed.then(|| u128::from_str_radix(sealed, 16).ok()).flatten()?;
        let mac = u64::try_from(value & u128::from(u64::MAX)).expect("masked to 64 bits");
        let hidden = u64::try_from(value >> 64).expect("shifted to 64 bits");
        let key = RowKey::from_stored(hidden ^ self.tag(b"mask", mac))?;
        (self.tag(purpose, key.get()) == mac).then_some(key)
    }

    /// The sessionId of a call. Made from the switch's callId alone, so that a route answer and an event
    /// that arrives after a crash agree on it without anything stored (callbacks 2.1: opaque, at most 256).
    pub fn session(&self, call_id: &str) -> String {
        self.name(b"session", call_id)
    }

    /// The smsIdentifier of a message. Made from the switch's messageId alone, for the same reason: a question to
    /// the customer is asked before anything is stored (callbacks 6.2: at most 64).
    pub fn message(&self, message_id: &str) -> String {
        self.name(b"message", message_id)
    }

    /// 32 hexadecimal digits that stand for something of the switch's.
    fn name(&self, purpose: &[u8], of: &str) -> String {
        let mut mac = self.keyed.clone();
        mac.update(purpose);
        mac.update(of.as_bytes());
        let bytes = mac.finalize().into_bytes();
        let value = u128::from_be_bytes(bytes[..16].try_into().expect("a SHA-256 has more than 16 bytes"));
        format!("{value:032x}")
    }

    fn tag(&self, purpose: &[u8], value: u64) -> u64 {
        let mut mac = self.keyed.clone();
        mac.update(purpose);
        mac.update(&value.to_be_bytes());
        let bytes = mac.finalize().into_bytes();
        u64::from_be_bytes(bytes[..8].try_into().expect("a SHA-256 has more than 8 bytes"))
    }
}

fn notices_of(app: AppNo) -> [u8; 11] {
    let mut purpose = *b"notices....";
    purpose[7..].copy_from_slice(&app.0.to_be_bytes());
    purpose
}

impl fmt::Debug for PublicIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicIds(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_id_leads_back_to_its_binding_and_a_forged_one_nowhere() {
        let ids = PublicIds::new(&[7; 32]);
        let id = RowKey::floor(1_700_000_000_000);
        let public = ids.subscription(id);
        assert_eq!(public.len(), 36);
        assert_eq!(ids.binding(&public), Some(id));
        assert_eq!(ids.binding(&public.to_uppercase()), Some(id));
        assert_eq!(PublicIds::new(&[8; 32]).binding(&public), None);
        let flipped = if public.ends_with('0') { '1' } else { '0' };
        assert_eq!(ids.binding(&format!("{}{flipped}", &public[..35])), None);
        for junk in ["", "x", "0167ecc9-0000-4eec-b671-0a7dab2ba78c", "é-not-an-id-é--------------------"] {
            assert_eq!(ids.binding(junk), None, "{junk}");
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_delivery_for_its_own_app_only() {
        let ids = PublicIds::new(&[7; 32]);
        let delivery = RowKey::floor(1_700_000_000_000);
        let cursor = ids.notice_cursor(AppNo(1), delivery);
        assert_eq!(ids.notice(AppNo(1), &cursor), Some(delivery));
        assert_eq!(ids.notice(AppNo(2), &cursor), None);
        assert_eq!(ids.notice(AppNo(1), &ids.subscription(delivery).replace('-', "")), None);
        for junk in ["", "0", "3701523456789012345", &"f".repeat(32), &"g".repeat(32), &"f".repeat(99_999)] {
            assert_eq!(ids.notice(AppNo(1), junk), None);
        }
    }

    #[test]
    fn row_keys_rise_even_when_the_clock_goes_back() {
        let first = RowKey::floor(1_000).next(2_000);
        let second = first.next(1_500);
        assert!(second > first);
        assert_eq!(first.millis(), 2_000);
        assert_eq!(second.next(3_000).millis(), 3_000);
    }

    #[test]
    fn a_key_is_made_again_from_its_millisecond_and_its_place() {
        let key = RowKey::floor(1_700_000_000_123).next(1_700_000_000_123).next(0);
        assert_eq!((key.millis(), key.sequence()), (1_700_000_000_123, 2));
        assert_eq!(RowKey::at(key.millis(), key.sequence()), key);
        assert_eq!(RowKey::at(5, u64::MAX).next(0), RowKey::floor(6));
        assert_eq!(RowKey::at(u64::MAX, u64::MAX).get(), u64::MAX);
        assert_eq!(RowKey::at(0, 0).get(), 1);
    }

    #[test]
    fn a_session_id_depends_on_the_call_id_alone() {
        let ids = PublicIds::new(&[7; 32]);
        assert_eq!(ids.session("call-1"), ids.session("call-1"));
        assert_ne!(ids.session("call-1"), ids.session("call-2"));
        assert_ne!(ids.session("call-1"), ids.message("call-1"));
    }
}
