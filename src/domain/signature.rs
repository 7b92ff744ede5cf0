//! The digest a customer proves its secret with, and we prove it with in return (customer-api 2, callbacks 1.1).
//!
//! One function makes the digest for both directions, so what we accept and what we send cannot drift apart.
//! Pure computation on the stack; besides the hashes it uses `base64` for the text form and `subtle` for the
//! comparison in constant time. An app has up to two live secrets during a rotation: the caller tries both.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::time::Timestamp;

/// Base64 of a digest: 32 bytes in 44 characters.
const RAW_TEXT_BYTES: usize = 44;
/// Base64 of a digest that was written as 64 hex characters first.
const HEX_TEXT_BYTES: usize = 88;

/// The two ways to make a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `X-AKSK`: HMAC-SHA256 under the secret, over nonce and created.
    Aksk,
    /// `X-WSSE`: SHA-256 over nonce, created and secret.
    Wsse,
}

/// The digest over the texts exactly as they stand in the header, joined without anything between them.
pub fn digest(scheme: Scheme, secret: &str, nonce: &str, created: &str) -> [u8; 32] {
    match scheme {
        Scheme::Aksk => {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
            mac.update(nonce.as_bytes());
            mac.update(created.as_bytes());
            mac.finalize().into_bytes().into()
        }
        Scheme::Wsse => {
            let mut hash = Sha256::new();
            hash.update(nonce);
            hash.update(created);
            hash.update(secret);
            hash.finalize().into()
        }
    }
}

/// Whether `digest_text` is the digest under `secret`. Takes the same time wherever a wrong text differs;
/// only its length shows.
///
/// AKSK is the base64 of the raw digest. WSSE is that, or the base64 of the digest in hex: the official
/// Python samples send the latter (client-tolerances A2).
pub fn verify(scheme: Scheme, secret: &str, nonce: &str, created: &str, digest_text: &str) -> bool {
    let expected = digest(scheme, secret, nonce, created);
    match (scheme, digest_text.len()) {
        (_, RAW_TEXT_BYTES) => same(&raw_text(&expected), digest_text),
        (Scheme::Wsse, HEX_TEXT_BYTES) => {
            let lower = same(&hex_text(&expected, b"0123456789abcdef"), digest_text);
            let upper = same(&hex_text(&expected, b"0123456789ABCDEF"), digest_text);
            lower | upper
        }
        _ => false,
    }
}

/// The value of `X-AKSK` or `X-WSSE`. Order and separator are fixed: receivers split at the comma and take
/// the quoted texts by place (callbacks 1.1). `app_key`, `nonce` and `created` hold no comma and no quote.
pub fn header_value(app_key: &str, digest: &[u8; 32], nonce: &str, created: &str) -> String {
    let text = raw_text(digest);
    let digest_text = std::str::from_utf8(&text).expect("base64 is ASCII");
    format!(
        r#"UsernameToken Username="{app_key}",PasswordDigest="{digest_text}",Nonce="{nonce}",Created="{created}""#
    )
}

/// The name of the header that [`header_value`] belongs in.
pub const fn header_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Aksk => "X-AKSK",
        Scheme::Wsse => "X-WSSE",
    }
}

/// The value of `Authorization` that goes with the X- header.
pub const fn authorization_value(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Aksk => r#"AKSK realm="SDP",profile="UsernameToken",type="Appkey""#,
        Scheme::Wsse => r#"WSSE realm="SDP",profile="UsernameToken",type="Appkey""#,
    }
}

/// The value of `webhook-signature` (Standard Webhooks 1.0, symmetric): `v1,` and the base64 of HMAC-SHA256 over
/// id, Unix seconds and body, joined by dots; one for each secret that is live, separated by a blank. The key is
/// the text of the secret, so what a library is given is `whsec_` and the base64 of that text.
pub fn standard_webhooks_signature(secrets: &[&str], id: &str, unix_secs: u64, body: &[u8]) -> String {
    let signed = secrets.iter().map(|secret| {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{unix_secs}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    signed.collect::<Vec<_>>().join(" ")
}

/// How far `Created` may be from our time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockWindow {
    /// Largest difference that is admitted, in both directions.
    pub skew: Duration,
    /// Also admit times around now + 8 h: official samples write Chinese local time with a literal Z
    /// (client-tolerances A3). A switch per app.
    pub accept_plus_eight_hours: bool,
}

impl ClockWindow {
    /// What local time in China is ahead of UTC.
    pub const CHINA_AHEAD: Duration = Duration::from_secs(8 * 3_600);

    /// Whether a header created at `created` is admitted at `now`; the edges of the window are inside.
    pub fn admits(self, created: Timestamp, now: Timestamp) -> bool {
        let near = |expected: Timestamp| {
            Duration::from_millis(created.millis().abs_diff(expected.millis())) <= self.skew
        };
        near(now) || (self.accept_plus_eight_hours && near(now.after(Self::CHINA_AHEAD)))
    }

    /// The last instant at which a header created at `created` can be admitted: how long its nonce has to be
    /// remembered. For a time around now + 8 h this is some 8 hours away, because such a header is admitted
    /// twice: now, and again when the clock has caught up with it.
    #[must_use]
    pub fn last_admitted(self, created: Timestamp) -> Timestamp {
        created.after(self.skew)
    }
}

fn same(expected: &[u8], text: &str) -> bool {
    expected.ct_eq(text.as_bytes()).into()
}

fn raw_text(digest: &[u8; 32]) -> [u8; RAW_TEXT_BYTES] {
    let mut text = [0; RAW_TEXT_BYTES];
    STANDARD.encode_slice(digest, &mut text).expect("32 bytes make 44 characters");
    text
}

fn hex_text(digest: &[u8; 32], alphabet: &[u8; 16]) -> [u8; HEX_TEXT_BYTES] {
    let mut hex = [0; 64];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair[0] = alphabet[usize::from(byte >> 4)];
        pair[1] = alphabet[usize::from(byte & 15)];
    }
    let mut text = [0; HEX_TEXT_BYTES];
    STANDARD.encode_slice(hex, &mut text).expect("64 bytes make 88 characters");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "demoAppKey00000000000000000001";
    const SECRET: &str = "demoAppSecret0000000000000000001";
    const NONCE: &str = "66C92B11FF8A425FB8D4CCFE0ED9ED1F";
    const CREATED: &str = "2018-02-12T15:30:20Z";
    const AKSK_TEXT: &str = "8oEKxognQfoj0RWEp2cKaCKD890mz11f9CxKmmrrZ3s=";
    const WSSE_TEXT: &str = "u/Q4UEngC3HP5VN/2PNQcIczLRKHbzHSjKF8ttDQ0Is=";

    fn verifies(scheme: Scheme, digest_text: &str) -> bool {
        verify(scheme, SECRET, NONCE, CREATED, digest_text)
    }

    fn base64_of_hex(upper: bool) -> String {
        let bytes = digest(Scheme::Wsse, SECRET, NONCE, CREATED);
        let number = |half: &[u8]| u128::from_be_bytes(half.try_into().unwrap());
        let hex = format!("{:032x}{:032x}", number(&bytes[..16]), number(&bytes[16..]));
        STANDARD.encode(if upper { hex.to_uppercase() } else { hex })
    }

    #[test]
    fn the_published_test_vectors_verify_under_their_scheme_only() {
        assert!(verifies(Scheme::Aksk, AKSK_TEXT));
        assert!(verifies(Scheme::Wsse, WSSE_TEXT));
        assert!(!verifies(Scheme::Aksk, WSSE_TEXT));
        assert!(!verifies(Scheme::Wsse, AKSK_TEXT));
    }

    #[test]
    fn wsse_is_also_accepted_as_base64_of_hex_in_either_case_and_aksk_is_not() {
        for upper in [false, true] {
            let text = base64_of_hex(upper);
            assert_eq!(text.len(), 88);
            assert!(verifies(Scheme::Wsse, &text));
            assert!(!verifies(Scheme::Aksk, &text));
        }
    }

    #[test]
    fn a_changed_part_or_a_mangled_text_does_not_verify() {
        assert!(!verify(Scheme::Aksk, "other", NONCE, CREATED, AKSK_TEXT));
        assert!(!verify(Scheme::Aksk, SECRET, "other", CREATED, AKSK_TEXT));
        assert!(!verify(Scheme::Aksk, SECRET, NONCE, "2018-02-12T15:30:21Z", AKSK_TEXT));
        let lower = AKSK_TEXT.to_lowercase();
        let blank_for_plus = "8oEKxognQfoj0RWEp2cKaCKD890mz11f9CxKmmrrZ3s ";
        for text in ["", "=", &AKSK_TEXT[..43], &lower, blank_for_plus, &"é".repeat(22), &"=".repeat(88)] {
            assert!(!verifies(Scheme::Aksk, text), "{text}");
            assert!(!verifies(Scheme::Wsse, text), "{text}");
        }
    }

    #[test]
    fn the_header_is_written_in_the_documented_order_with_bare_commas() {
        let digest = digest(Scheme::Aksk, SECRET, NONCE, CREATED);
        assert_eq!(
            header_value(KEY, &digest, NONCE, CREATED),
            "UsernameToken Username=\"demoAppKey00000000000000000001\",\
             PasswordDigest=\"8oEKxognQfoj0RWEp2cKaCKD890mz11f9CxKmmrrZ3s=\",\
             Nonce=\"66C92B11FF8A425FB8D4CCFE0ED9ED1F\",Created=\"2018-02-12T15:30:20Z\""
        );
        assert_eq!(
            authorization_value(Scheme::Wsse),
            r#"WSSE realm="SDP",profile="UsernameToken",type="Appkey""#
        );
        assert_eq!([header_name(Scheme::Aksk), header_name(Scheme::Wsse)], ["X-AKSK", "X-WSSE"]);
    }

    #[test]
    fn a_standard_webhooks_signature_has_one_part_for_each_live_secret() {
        // Computed with Python's hmac.
        let [new, old] = [
            "v1,5dQyqvhN4+ON1RKjpZYfWjv6cFACkzK8l/CqZqdVZSw=",
            "v1,C1XJCvgW/95x0oQW83ClNGQU0sbvLPjY87qCtGsEoNg=",
        ];
        let signature = |secrets: &[&str]| standard_webhooks_signature(secrets, "7", 1_518_449_420, b"{}");
        assert_eq!(signature(&["cfc4f9d4d5a14ea8"]), new);
        assert_eq!(signature(&["cfc4f9d4d5a14ea8", "old-secret-000001"]), format!("{new} {old}"));
    }

    #[test]
    fn the_window_reaches_to_its_edges_around_now_and_around_now_plus_eight_hours() {
        let now = Timestamp::from_secs(1_700_000_000);
        let wide = ClockWindow { skew: Duration::from_secs(300), accept_plus_eight_hours: true };
        let narrow = ClockWindow { accept_plus_eight_hours: false, ..wide };
        // Seconds from now; admitted with the second window; without it.
        let cases: [(i64, bool, bool); 11] = [
            (0, true, true),
            (-300, true, true),
            (-301, false, false),
            (300, true, true),
            (301, false, false),
            (28_499, false, false),
            (28_500, true, false),
            (28_800, true, false),
            (29_100, true, false),
            (29_101, false, false),
            (-28_800, false, false),
        ];
        for (offset, with, without) in cases {
            let created = Timestamp::from_secs(now.secs().checked_add_signed(offset).unwrap());
            assert_eq!(wide.admits(created, now), with, "{offset}");
            assert_eq!(narrow.admits(created, now), without, "{offset}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_admitted_after_the_last_admitted_instant(
            skew in 0_u64..1_000, second_window: bool, created in 100_000_u64..200_000, now in 50_000_u64..250_000,
        ) {
            let window = ClockWindow {
                skew: Duration::from_secs(skew),
                accept_plus_eight_hours: second_window,
            };
            let (created, now) = (Timestamp::from_secs(created), Timestamp::from_secs(now));
            let last = window.last_admitted(created);
            prop_assert!(window.admits(created, last));
            prop_assert!(now <= last || !window.admits(created, now));
        }

        #[test]
        fn what_is_signed_verifies(secret in "[a-zA-Z0-9]{1,40}", nonce in "[a-zA-Z0-9]{1,128}") {
            for scheme in [Scheme::Aksk, Scheme::Wsse] {
                let text = STANDARD.encode(digest(scheme, &secret, &nonce, CREATED));
                prop_assert!(verify(scheme, &secret, &nonce, CREATED, &text));
            }
        }
    }
}
