//! Points in time as the wire writes them, to and from [`Timestamp`].
//!
//! Five spellings: `Created` of the signed headers (customer-api 2.3), the UTC text of events, CDRs and query
//! answers (callbacks 2.1, 5.1), RFC 3339 for the operator API, and what a switch sends. Only the years 1970
//! to 9999 exist here: a time outside them is a mistake, and nothing we write has a fifth digit in its year.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::domain::time::Timestamp;

/// Longest text of a time that a switch may send: RFC 3339 with nine digits of fraction takes 35 bytes.
const SWITCH_TIME_BYTES_MAX: usize = 64;
/// The last millisecond of the year 9999.
const LAST_MILLIS: u64 = 253_402_300_799_999;

/// Reads `yyyy-MM-ddTHH:mm:ssZ`, and nothing else: no fraction, no offset, no blanks (customer-api 2.3).
/// Runs for every request, so it looks at the bytes in place instead of interpreting a format.
pub fn parse_created(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if marks.iter().any(|&(at, mark)| bytes[at] != mark) {
        return None;
    }
    let year = i32::from(two_digits(bytes, 0)?) * 100 + i32::from(two_digits(bytes, 2)?);
    let month = Month::try_from(two_digits(bytes, 5)?).ok()?;
    let date = Date::from_calendar_date(year, month, two_digits(bytes, 8)?).ok()?;
    let time = Time::from_hms(two_digits(bytes, 11)?, two_digits(bytes, 14)?, two_digits(bytes, 17)?).ok()?;
    timestamp(PrimitiveDateTime::new(date, time).assume_utc())
}

/// Reads a time as a switch sends it (interfaces, switch API): RFC 3339 with any offset and fraction, or
/// seconds since 1970 as text with or without a decimal fraction. Finer than a millisecond is cut off.
pub fn parse_switch_time(text: &str) -> Option<Timestamp> {
    if text.len() > SWITCH_TIME_BYTES_MAX {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return parse_seconds(text);
    }
    timestamp(OffsetDateTime::parse(text, &Rfc3339).ok()?)
}

/// `yyyy-MM-ddTHH:mm:ssZ`, for `Created`.
pub fn format_created(at: Timestamp) -> String {
    let (date, time) = date_and_time(at);
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second) = time.as_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

/// `yyyy-MM-dd HH:mm:ss` in UTC, for events, CDRs and query answers.
pub fn format_utc(at: Timestamp) -> String {
    let (date, time) = date_and_time(at);
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second) = time.as_hms();
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}", u8::from(month))
}

/// `yyyy-MM-ddTHH:mm:ss.SSSZ`, for the operator API and logs.
pub fn format_rfc3339_millis(at: Timestamp) -> String {
    let (date, time) = date_and_time(at);
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second, milli) = time.as_hms_milli();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month))
}

fn two_digits(bytes: &[u8; 20], at: usize) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    Some(digit(bytes[at])? * 10 + digit(bytes[at + 1])?)
}

/// Seconds and decimal fraction of digits and dots; the fraction may have any length.
fn parse_seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if seconds.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let seconds: u64 = seconds.parse().ok()?;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let millis = digits.fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    let millis = seconds.checked_mul(1_000)?.checked_add(millis)?;
    (millis <= LAST_MILLIS).then(|| Timestamp::from_millis(millis))
}

/// `yyyy-MM-dd` in UTC, as in the names of CDR files.
pub fn format_date(at: Timestamp) -> String {
    let (date, _) = date_and_time(at);
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

fn timestamp(at: OffsetDateTime) -> Option<Timestamp> {
    let millis = u64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
    (millis <= LAST_MILLIS).then(|| Timestamp::from_millis(millis))
}

/// A time after the year 9999 is written as the last millisecond before it.
fn date_and_time(at: Timestamp) -> (Date, Time) {
    let nanos = i128::from(at.millis().min(LAST_MILLIS)) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("1970 to 9999 is a valid range");
    (at.date(), at.time())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn created_is_read_strictly() {
        let cases = [
            ("2018-02-12T15:30:20Z", Some(1_518_449_420)),
            ("2024-02-29T23:59:59Z", Some(1_709_251_199)),
            ("1970-01-02T00:00:00Z", Some(86_400)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("1969-12-31T23:59:59Z", None),
            ("2023-02-29T00:00:00Z", None),
            ("2018-13-12T15:30:20Z", None),
            ("2018-00-12T15:30:20Z", None),
            ("2018-02-00T15:30:20Z", None),
            ("2018-02-12T24:00:00Z", None),
            ("2018-02-12T15:60:20Z", None),
            ("2018-02-12T15:30:60Z", None),
            ("2018-02-12 15:30:20Z", None),
            ("2018-02-12t15:30:20z", None),
            ("2018-02-12T15:30:20.123Z", None),
            ("2018-02-12T15:30:20+00:00", None),
            ("+018-02-12T15:30:20Z", None),
            ("2018-2-12T15:30:200Z", None),
            (" 2018-02-12T15:30:20", None),
            ("2018-02-12T15:30:２Z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_created(text), expected.map(Timestamp::from_secs), "{text:?}");
        }
    }

    #[test]
    fn a_switch_may_write_its_times_in_several_ways() {
        let cases = [
            ("2026-11-23T01:02:03Z", Some(1_795_395_723_000)),
            ("2026-11-23T01:02:03.456789Z", Some(1_795_395_723_456)),
            ("2026-11-23T09:02:03.456+08:00", Some(1_795_395_723_456)),
            ("2026-11-22T20:02:03.4-05:00", Some(1_795_395_723_400)),
            ("1795395723", Some(1_795_395_723_000)),
            ("1795395723.456789", Some(1_795_395_723_456)),
            ("1795395723.000007", Some(1_795_395_723_000)),
            ("1795395723.5", Some(1_795_395_723_500)),
            ("1795395723456", None),
            ("253402300799.999", Some(LAST_MILLIS)),
            ("253402300800", None),
            ("99999999999999999999", None),
            ("1795395723.", None),
            (".5", None),
            ("1.2.3", None),
            ("", None),
            ("-1", None),
            ("1e9", None),
            ("2026-11-23", None),
            ("2026-11-23T01:02:03", None),
            ("1969-12-31T23:59:59Z", None),
            ("9999-12-31T23:59:59-01:00", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_switch_time(text), expected.map(Timestamp::from_millis), "{text:?}");
        }
        assert_eq!(parse_switch_time(&"1".repeat(65)), None);
        assert_eq!(parse_switch_time(&format!("1.{}", "0".repeat(62))), Some(Timestamp::from_secs(1)));
    }

    #[test]
    fn times_are_written_as_documented() {
        let at = Timestamp::from_millis(1_795_395_723_045);
        assert_eq!(format_utc(at), "2026-11-23 01:02:03");
        assert_eq!(format_created(at), "2026-11-23T01:02:03Z");
        assert_eq!(format_rfc3339_millis(at), "2026-11-23T01:02:03.045Z");
        assert_eq!(format_rfc3339_millis(Timestamp::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 1_u64..=LAST_MILLIS) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(parse_created(&format_created(at)), Some(Timestamp::from_secs(at.secs())));
            prop_assert_eq!(parse_switch_time(&format_rfc3339_millis(at)), Some(at));
        }

        #[test]
        fn no_text_upsets_the_readers(text in "[0-9TZ:.+é -]{0,24}") {
            let _ = (parse_created(&text), parse_switch_time(&text));
        }
    }
}
