//! How values read to a person: times in UTC without the letters, spans in the unit that fits, codes with
//! their meaning.

use std::time::Duration;

use crate::domain::release::StateCode;
use crate::domain::time::Timestamp;
use crate::wire::time_text::parse_switch_time;

/// A time of the API to the second, `2026-01-02 03:04:05`. What is no time is shown as it is.
pub(super) fn second(text: &str) -> String {
    parse_switch_time(text).map_or_else(|| text.to_owned(), crate::wire::time_text::format_utc)
}

/// The same to the millisecond.
pub(super) fn millisecond(text: &str) -> String {
    parse_switch_time(text).map_or_else(
        || text.to_owned(),
        |at| format!("{}.{:03}", crate::wire::time_text::format_utc(at), at.millis() % 1_000),
    )
}

/// [`second`] of a time that may be missing.
pub(super) fn maybe_second(text: Option<&String>) -> String {
    text.map(|text| second(text)).unwrap_or_default()
}

/// A time with its distance from now: `2026-01-02 03:04:05 UTC, in 3 min`.
pub(super) fn with_distance(text: &str, now: Timestamp) -> String {
    let Some(at) = parse_switch_time(text) else { return text.to_owned() };
    // What the command itself brought about happened a moment after it was started.
    let distance = match (at.since(now), now.since(at)) {
        (ahead, behind) if ahead.max(behind) < Duration::from_secs(1) => "now".into(),
        (ahead, behind) if ahead > behind => format!("in {}", span(ahead)),
        (_, behind) => format!("{} ago", span(behind)),
    };
    format!("{} UTC, {distance}", second(text))
}

/// The time between two times of the API; `None` when one is unreadable or they are the wrong way round.
pub(super) fn between(from: &str, to: &str) -> Option<Duration> {
    let (from, to) = (parse_switch_time(from)?, parse_switch_time(to)?);
    (to >= from).then(|| to.since(from))
}

/// A span in the largest unit that leaves at least two of it.
pub(super) fn span(span: Duration) -> String {
    let secs = span.as_secs();
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// `yes` or `no`.
pub(super) fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// What a stateCode or ulFailReason means.
pub(super) fn state_code(number: u16) -> &'static str {
    StateCode::from_number(number).map_or("a cause that this version does not know.", StateCode::desc)
}

/// A number status with its meaning.
pub(super) fn number_status(status: &str, cause: Option<&str>) -> String {
    let meaning = match status {
        "5" => "normal",
        "9" => "suspended",
        "10" => "unavailable",
        "11" => "frozen",
        other => return other.to_owned(),
    };
    match cause {
        Some(cause) => format!("{meaning} ({status}, cause {cause})"),
        None => format!("{meaning} ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lose_their_letters_and_what_is_none_stays() {
        assert_eq!(second("2026-01-02T03:04:05.678Z"), "2026-01-02 03:04:05");
        assert_eq!(millisecond("2026-01-02T03:04:05.678Z"), "2026-01-02 03:04:05.678");
        assert_eq!(second("soon"), "soon");
    }

    #[test]
    fn a_time_is_told_with_its_distance() {
        let now = parse_switch_time("2026-01-02T03:04:05Z").unwrap();
        assert_eq!(with_distance("2026-01-02T03:07:05Z", now), "2026-01-02 03:07:05 UTC, in 3 min");
        assert_eq!(with_distance("2026-01-02T03:04:00Z", now), "2026-01-02 03:04:00 UTC, 5 s ago");
        assert_eq!(with_distance("2026-01-02T03:04:05.700Z", now), "2026-01-02 03:04:05 UTC, now");
    }

    #[test]
    fn a_span_is_told_in_the_unit_that_fits() {
        for (secs, expected) in [(119, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 days")] {
            assert_eq!(span(Duration::from_secs(secs)), expected);
        }
    }
}
