//! How the text of an AX message names people: A writes `text@<B>` to reach B, and reads `text[From<B>]` from B
//! (callbacks 6.1).

use crate::domain::number::{CallingParty, E164};

/// Fewest digits of a number abroad that a message can go to: shorter ones are services, not telephones.
const DIGITS_MIN: u32 = 7;

/// Whom A wants to reach: what stands behind the last `@`, if it is the number of a telephone. Blanks at the end of
/// the text do not count, because keyboards add them.
///
/// Spellings: `+86` and a mobile number, the same without the plus or without the country code, and any other
/// number in global form with its plus.
pub fn addressee(text: &str) -> Option<E164> {
    let (_, written) = text.trim_end().rsplit_once('@')?;
    let digits = written.strip_prefix('+');
    if let Some(mobile) = chinese_mobile(digits.unwrap_or(written)) {
        return Some(mobile);
    }
    let number = E164::from_digits(digits?).ok()?;
    // A Chinese number that is no mobile number cannot read messages.
    (number.chinese_national().is_none() && number.digit_count() >= DIGITS_MIN).then_some(number)
}

/// `8613800000001` or `13800000001`.
fn chinese_mobile(digits: &str) -> Option<E164> {
    let national = digits.strip_prefix("86").unwrap_or(digits);
    let is_mobile = national.len() == 11
        && national.starts_with('1')
        && national.bytes().all(|byte| byte.is_ascii_digit());
    is_mobile.then(|| E164::from_digits(&format!("86{national}")).ok()).flatten()
}

/// The text that [`addressee`] was read from, without it.
pub(super) fn without_addressee(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(before, _)| before)
}

/// The text with who wrote it, so that A can answer.
pub(super) fn with_sender(text: &str, sender: CallingParty) -> String {
    match sender {
        CallingParty::Number(number) => format!("{text}[From{}]", number.expose()),
        CallingParty::Withheld | CallingParty::Unusable => text.to_owned(),
    }
}
