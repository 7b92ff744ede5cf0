//! The names of recordings that lie with the gateway, as CDRs tell them (callbacks 5.1).

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::switch::OBJECT_CHARS_MAX;
use crate::domain::id::{AppKey, RowKey};

/// Keys within one second: 21 bits count within each of its milliseconds.
const KEYS_PER_SECOND: u64 = 1_000 << 21;

/// `recordObjectName`: yyMMddHHmmss in UTC, 11 digits, `.wav`.
///
/// It is the key of the recording's row in other words. So no two are alike, a name leads to its row without an
/// index, and what a customer sends is never used as the name of a file.
pub fn object_name(key: RowKey) -> String {
    let secs = key.millis() / 1_000;
    let within = key.get() - secs * KEYS_PER_SECOND;
    let at = i64::try_from(secs).ok().and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    let at = at.expect("a key holds 43 bits of milliseconds, which end in the year 2248");
    let (date, time) = (at.date(), at.time());
    format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}{within:011}.wav",
        date.year() % 100,
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Inverse of [`object_name`] for keys of this century; `None` for any other text.
pub fn key_of(object: &str) -> Option<RowKey> {
    let digits = object.strip_suffix(".wav").filter(|digits| digits.len() == 23)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| digits[at..at + 2].parse::<u8>().ok();
    let date =
        Date::from_calendar_date(2_000 + i32::from(two(0)?), Month::try_from(two(2)?).ok()?, two(4)?).ok()?;
    let time = Time::from_hms(two(6)?, two(8)?, two(10)?).ok()?;
    let secs = u64::try_from(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp()).ok()?;
    let within = digits[12..].parse().ok().filter(|within| *within < KEYS_PER_SECOND)?;
    RowKey::from_stored(secs.checked_mul(KEYS_PER_SECOND)?.checked_add(within)?)
}

/// `recordBucketName`: `sp-` and the app_key in lower case, cut where the member ends.
pub fn bucket_name(app: &AppKey) -> String {
    let mut name = format!("sp-{}", app.as_str().to_ascii_lowercase());
    name.truncate(OBJECT_CHARS_MAX);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_key() {
        let key = RowKey::floor(1_767_323_100_250);
        assert_eq!(object_name(key), "26010203050000524288000.wav");
        for key in [key, key.next(0), RowKey::floor(1_767_323_099_999), RowKey::floor(4_102_444_799_999)] {
            assert_eq!(key_of(&object_name(key)), Some(key), "{}", object_name(key));
        }
    }

    #[test]
    fn what_is_no_name_of_ours_leads_nowhere() {
        for other in [
            "",
            ".wav",
            "26010203050000524288000",
            "26010203050000524288000.WAV",
            "26013203050000524288000.wav",
            "26010203050099999999999.wav",
            "2601020305000052428800.wav",
            "260102030500005242880000.wav",
            "+6010203050000524288000.wav",
            "../../../../etc/passwd",
            "1200_366_0_20161228102743.wav",
            "é6010203050000524288000.wav",
        ] {
            assert_eq!(key_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_bucket_of_an_app_is_a_plain_name_of_bounded_length() {
        let name = |key: &str| bucket_name(&AppKey::new(key).unwrap());
        assert_eq!(name("AbC9"), "sp-abc9");
        assert_eq!(name(".."), "sp-..");
        assert_eq!(name(&"K".repeat(128)).len(), 128);
    }
}
