//! Links to recordings that need no headers: who holds one may read one file until it ends.
//!
//! A link carries what it is for, and a MAC of that under the installation's secret. So nothing is stored for
//! it, it works as often as it is used, and one that was changed or made up is recognised without a look-up.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::id::{AppNo, RowKey};
use super::time::Timestamp;

/// What one link lets its holder read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose recording it is.
    pub app: AppNo,
    /// Which.
    pub recording: RowKey,
    /// From when on the link does not work; whole seconds.
    pub ends: Timestamp,
}

/// Makes links and checks them.
#[derive(Clone)]
pub struct LinkKey {
    keyed: Hmac<Sha256>,
}

impl LinkKey {
    /// From the installation's secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { keyed: Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length") }
    }

    /// The part of the link that proves it: letters, digits and `-`.
    pub fn proof(&self, link: Link) -> String {
        format!("{}-{}-{:032x}", link.app.0, link.ends.secs(), self.mac(link))
    }

    /// The link to `recording` that `proof` proves at `now`; `None` when it is not ours or has ended.
    pub fn check(&self, proof: &str, recording: RowKey, now: Timestamp) -> Option<Link> {
        let mut parts = proof.splitn(3, '-');
        let app = AppNo(decimal(parts.next()?)?.try_into().ok()?);
        let ends = Timestamp::from_secs(decimal(parts.next()?)?);
        let link = Link { app, recording, ends };
        let genuine: bool =
            format!("{:032x}", self.mac(link)).as_bytes().ct_eq(parts.next()?.as_bytes()).into();
        (genuine && now < ends).then_some(link)
    }

    /// 128 bits are beyond guessing.
    fn mac(&self, link: Link) -> u128 {
        let mut mac = self.keyed.clone();
        mac.update(b"recording link");
        mac.update(&link.app.0.to_be_bytes());
        mac.update(&link.recording.get().to_be_bytes());
        mac.update(&link.ends.secs().to_be_bytes());
        let bytes = mac.finalize().into_bytes();
        u128::from_be_bytes(bytes[..16].try_into().expect("a SHA-256 has more than 16 bytes"))
    }
}

/// A number written in one way only, so that one link has one spelling.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn link() -> Link {
        Link { app: AppNo(7), recording: RowKey::floor(1_790_000_000_000), ends: ENDS }
    }

    #[test]
    fn a_link_works_again_and_again_until_the_instant_it_ends() {
        let key = LinkKey::new(&[1; 32]);
        let proof = key.proof(link());
        let before = Timestamp::from_millis(ENDS.millis() - 1);
        for _ in 0..2 {
            assert_eq!(key.check(&proof, link().recording, before), Some(link()));
        }
        assert_eq!(key.check(&proof, link().recording, ENDS), None);
    }

    #[test]
    fn a_link_that_was_changed_anywhere_proves_nothing() {
        let key = LinkKey::new(&[1; 32]);
        let proof = key.proof(link());
        let now = Timestamp::from_secs(1_789_000_000);
        let other = RowKey::from_stored(link().recording.get() + 1).unwrap();
        assert_eq!(key.check(&proof, other, now), None);
        assert_eq!(LinkKey::new(&[2; 32]).check(&proof, link().recording, now), None);
        for at in 0..proof.len() {
            let mut changed = proof.clone().into_bytes();
            changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.check(&changed, link().recording, now), None, "{changed}");
        }
        for wrong in
            ["", "-", "--", "7-1790000000", "7-1790000000-", &format!("0{proof}"), &format!("{proof}0")]
        {
            assert_eq!(key.check(wrong, link().recording, now), None, "{wrong}");
        }
    }
}
