//! The one place that draws random values: the secrets of installations and apps, app keys, nonces of pushes,
//! and where to look for a free extension.
//! Everything else takes what it needs as an argument.

use rand::RngExt;
use rand::distr::Alphanumeric;

/// A secret that is drawn once per installation.
pub fn installation_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    generator().fill(&mut secret);
    secret
}

/// Tells one run of the program from another in request ids.
pub fn process_id() -> u32 {
    generator().random()
}

/// A key for hashing that must not be predictable from outside.
pub fn hash_key() -> [u8; 16] {
    let mut key = [0; 16];
    generator().fill(&mut key);
    key
}

/// An app_key: 32 letters and digits, as customers know them.
pub fn app_key() -> String {
    letters_and_digits(32)
}

/// An app's secret: 40 letters and digits, 238 bits.
pub fn app_secret() -> String {
    letters_and_digits(40)
}

/// Where to begin looking for a free extension.
pub fn extension_draw() -> u16 {
    generator().random()
}

/// The nonce of one push: 32 lower-case hexadecimal digits (callbacks 1.1).
pub fn nonce() -> String {
    let value: u128 = generator().random();
    format!("{value:032x}")
}

fn letters_and_digits(count: usize) -> String {
    (&mut generator()).sample_iter(Alphanumeric).take(count).map(char::from).collect()
}

#[expect(clippy::disallowed_methods, reason = "randomness enters the program here and nowhere else")]
fn generator() -> rand::rngs::ThreadRng {
    rand::rng()
}
