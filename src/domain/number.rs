//! Telephone numbers. A real number prints masked; only `expose()` gives its digits away.

use std::fmt;
use std::num::NonZeroU64;

/// Fewest digits of a number in global form.
const DIGITS_MIN: usize = 3;
/// Most digits of a number in global form: 18 of them fit one word.
const DIGITS_MAX: usize = 18;

/// A number in global form: `+` and 3 to 18 digits, the first not zero (customer-api, "Number format").
///
/// `Debug` and `Display` print `+86138****0021`. [`E164::expose`] gives the digits, for the wire and the
/// store only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct E164(NonZeroU64);

/// Why a text is no number in global form. Never quotes the text: it may be somebody's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text does not start with `+`.
    #[error("a number starts with + and the country code")]
    NoPlus,
    /// Something other than digits follows the `+`, or the country code starts with zero.
    #[error("a number has only digits after the +, the first not 0")]
    NotDigits,
    /// Fewer than 3 or more than 18 digits.
    #[error("a number has 3 to 18 digits after the +")]
    Length,
}

impl E164 {
    /// The first of all numbers in order, for the beginning of a range.
    pub const LOWEST: Self = Self(NonZeroU64::MIN);

    /// Reads `+8613800000001`. A leading blank counts as the `+`: that is what a bare `+` in a query string
    /// decodes to (client-tolerances C22).
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix(['+', ' ']).ok_or(NumberError::NoPlus)?;
        Self::from_digits(digits)
    }

    /// Reads digits without a `+`, as a switch may send them.
    pub fn from_digits(digits: &str) -> Result<Self, NumberError> {
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NumberError::NotDigits);
        }
        if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
            return Err(NumberError::Length);
        }
        if digits.starts_with('0') {
            return Err(NumberError::NotDigits);
        }
        let value: u64 = digits.parse().map_err(|_| NumberError::Length)?;
        NonZeroU64::new(value).map(Self).ok_or(NumberError::NotDigits)
    }

    /// The number as one word, for the store. Inverse of [`E164::from_word`].
    pub const fn word(self) -> u64 {
        self.0.get()
    }

    /// A number that [`E164::word`] wrote. `None` when the word cannot be one.
    pub fn from_word(word: u64) -> Option<Self> {
        let in_range = (100..1_000_000_000_000_000_000).contains(&word);
        NonZeroU64::new(word).filter(|_| in_range).map(Self)
    }

    /// The full number, `+` first. For the wire and the store, never for a log.
    pub fn expose(self) -> String {
        format!("+{}", self.0)
    }

    /// How many digits the number has: 3 to 18.
    pub const fn digit_count(self) -> u32 {
        self.0.ilog10() + 1
    }

    /// The national significant digits of a Chinese number as one word, or `None` for another country.
    pub const fn chinese_national(self) -> Option<NonZeroU64> {
        let national_digits = self.digit_count() - 2;
        let unit = 10_u64.pow(national_digits);
        if self.0.get() / unit == 86 { NonZeroU64::new(self.0.get() % unit) } else { None }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let length = digits.len();
        // Long numbers keep country and carrier in front and four digits behind; short ones hide more.
        let (front, back) = if length >= 11 { (length - 8, 4) } else { (length.min(2), 1) };
        write!(f, "+{}****{}", &digits[..front], &digits[length - back..])
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number that is lent out. A type of its own, so that a subscriber's number can never be shown as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct XNumber(E164);

impl XNumber {
    /// Declares `number` to be one that is lent out. Only what reads the number table or a request's X field
    /// has reason to call this.
    pub const fn new(number: E164) -> Self {
        Self(number)
    }

    /// The plain number underneath.
    pub const fn number(self) -> E164 {
        self.0
    }

    /// The full number, `+` first. For the wire and the store, never for a log.
    pub fn expose(self) -> String {
        self.0.expose()
    }
}

impl fmt::Display for XNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for XNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The two parties of an AXB binding: always two different numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    a: E164,
    b: E164,
}

impl Pair {
    /// `None` when both are the same number.
    pub fn new(a: E164, b: E164) -> Option<Self> {
        (a != b).then_some(Self { a, b })
    }

    /// The party that the customer calls A (`callerNum` in an AXB bind).
    pub const fn a(self) -> E164 {
        self.a
    }

    /// The party that the customer calls B (`calleeNum` in an AXB bind).
    pub const fn b(self) -> E164 {
        self.b
    }

    /// Whether `party` is one of the two.
    pub fn has(self, party: E164) -> bool {
        party == self.a || party == self.b
    }

    /// The one that `party` reaches, or `None` when `party` is neither.
    pub fn other(self, party: E164) -> Option<E164> {
        match party {
            _ if party == self.a => Some(self.b),
            _ if party == self.b => Some(self.a),
            _ => None,
        }
    }
}

/// Who is calling, as networks really send it (interfaces, switch API: "may be withheld or no number at all").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallingParty {
    /// A number in global form.
    Number(E164),
    /// The network hid it.
    Withheld,
    /// Something that is no global number: a short code, an address, national format.
    Unusable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_prints_masked_and_exposes_only_on_request() {
        let number = E164::parse("+8613800000001").unwrap();
        assert_eq!(format!("{number} {number:?}"), "+86138****0001 +86138****0001");
        assert_eq!(number.expose(), "+8613800000001");
        assert_eq!(E164::parse("+95588").unwrap().to_string(), "+95****8");
    }

    #[test]
    fn a_leading_blank_is_a_plus_that_a_query_string_ate() {
        assert_eq!(E164::parse(" 8613800000001"), E164::parse("+8613800000001"));
    }

    #[test]
    fn malformed_numbers_are_refused_with_the_reason() {
        let cases = [
            ("8613800000001", NumberError::NoPlus),
            ("", NumberError::NoPlus),
            ("+", NumberError::Length),
            ("+12", NumberError::Length),
            ("+1234567890123456789", NumberError::Length),
            ("+86138-0000", NumberError::NotDigits),
            ("++8613800000001", NumberError::NotDigits),
            ("+08613800000001", NumberError::NotDigits),
            ("+８６１３８", NumberError::NotDigits),
        ];
        for (text, expected) in cases {
            assert_eq!(E164::parse(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn the_word_of_a_number_leads_back_to_it() {
        for text in ["+123", "+8613800000001", "+999999999999999999"] {
            let number = E164::parse(text).unwrap();
            assert_eq!(E164::from_word(number.word()), Some(number));
        }
        assert_eq!(E164::from_word(0), None);
        assert_eq!(E164::from_word(99), None);
        assert_eq!(E164::from_word(u64::MAX), None);
    }

    #[test]
    fn national_digits_are_what_follows_86() {
        let national = |text| E164::parse(text).unwrap().chinese_national().map(NonZeroU64::get);
        assert_eq!(national("+8613800000001"), Some(13_800_000_001));
        assert_eq!(national("+861"), Some(1));
        assert_eq!(national("+860"), None);
        assert_eq!(national("+85212345678"), None);
        assert_eq!(national("+186"), None);
        assert_eq!(E164::parse("+999999999999999999").unwrap().digit_count(), 18);
        assert_eq!(E164::parse("+100").unwrap().digit_count(), 3);
    }

    #[test]
    fn a_pair_is_two_different_numbers_and_each_reaches_the_other() {
        let a = E164::parse("+8613800000001").unwrap();
        let b = E164::parse("+8613800000002").unwrap();
        let c = E164::parse("+8613800000003").unwrap();
        assert_eq!(Pair::new(a, a), None);
        let pair = Pair::new(a, b).unwrap();
        assert_eq!([pair.other(a), pair.other(b), pair.other(c)], [Some(b), Some(a), None]);
    }
}
