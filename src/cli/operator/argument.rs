//! What people write in arguments: numbers, points in time, settings with a way to clear them.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::Shell;
use super::client::Query;
use super::fault::Fault;
use crate::domain::number::E164;
use crate::domain::time::Timestamp;
use crate::wire::time_text::{format_rfc3339_millis, parse_switch_time};

/// A number in global form, with or without its `+`.
pub(in crate::cli) fn number(text: &str) -> Result<String, String> {
    let number = if text.starts_with('+') { E164::parse(text) } else { E164::from_digits(text) };
    number.map(E164::expose).map_err(|error| format!("{error}, such as +8613800000001"))
}

/// A point in time, or a distance from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That moment.
    At(Timestamp),
    /// So long before the command was started.
    Ago(Duration),
}

impl When {
    /// Reads `2026-01-02T03:04:05Z`, `2026-01-02 03:04:05` and `2026-01-02` (UTC), or `90s`, `30m`, `2h`, `7d`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let moment = |text: &str| text.contains('-').then(|| parse_switch_time(text)).flatten();
        let spelled =
            [text.to_owned(), format!("{}Z", text.replacen(' ', "T", 1)), format!("{text}T00:00:00Z")];
        if let Some(at) = spelled.iter().find_map(|text| moment(text)) {
            return Ok(Self::At(at));
        }
        ago(text).map(Self::Ago).ok_or_else(|| {
            "must be a time such as 2026-01-02T03:04:05Z, a day such as 2026-01-02 (UTC), or how long ago, \
             such as 30m, 2h or 7d"
                .into()
        })
    }

    fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.before(span),
        }
    }
}

fn ago(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.parse::<u32>().ok()?.checked_mul(secs)?.into()))
}

/// A stretch of time.
#[derive(Clone, Debug, Args)]
pub struct Period {
    /// From this time on: 2026-01-02T03:04:05Z, 2026-01-02 (UTC), or 30m, 2h, 7d ago.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    from: Option<When>,
    /// Up to this time, which no longer counts.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    to: Option<When>,
}

impl Period {
    /// Adds it to a query.
    pub(super) fn within(&self, query: Query, shell: &Shell) -> Result<Query, Fault> {
        let [from, to] = self.bounds(shell.now)?;
        Ok(query.with("from", from).with("to", to))
    }

    /// `from` and `to`, as the gateway reads them.
    pub(super) fn bounds(&self, now: Timestamp) -> Result<[Option<String>; 2], Fault> {
        let [from, to] = [self.from, self.to].map(|when| when.map(|when| when.instant(now)));
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Fault::Usage("--to must be later than --from".into()));
        }
        Ok([from, to].map(|at| at.map(format_rfc3339_millis)))
    }
}

/// A text, or `null` where somebody wrote `none`.
pub(super) fn or_none(text: &str) -> Value {
    if text == "none" { Value::Null } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_understood_with_and_without_plus() {
        for text in ["+8613800000001", "8613800000001"] {
            assert_eq!(number(text).unwrap(), "+8613800000001");
        }
        assert!(number("0755").unwrap_err().contains("+8613800000001"));
        assert!(number("+86 138").is_err());
    }

    #[test]
    fn times_are_understood_as_people_write_them() {
        let at = When::At(parse_switch_time("2026-01-02T03:04:05Z").unwrap());
        for text in ["2026-01-02T03:04:05Z", "2026-01-02T11:04:05+08:00", "2026-01-02 03:04:05"] {
            assert_eq!(When::parse(text).unwrap(), at, "{text}");
        }
        let midnight = When::At(parse_switch_time("2026-01-02T00:00:00Z").unwrap());
        assert_eq!(When::parse("2026-01-02").unwrap(), midnight);
        assert_eq!(When::parse("2h").unwrap(), When::Ago(Duration::from_secs(7_200)));
        for text in ["", "h", "-2h", "2 h", "yesterday", "2026-13-01", "99999999999d"] {
            assert!(When::parse(text).is_err(), "{text}");
        }
    }
}
