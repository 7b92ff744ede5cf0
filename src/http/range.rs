//! `Range`: which part of a file is asked for (RFC 9110, 14).

use std::ops::RangeInclusive;

/// What a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: there is no header, or one that we need not follow (another unit, several ranges, nonsense).
    All,
    /// The bytes from here to here, both included.
    Part(RangeInclusive<u64>),
    /// Nothing that is there: 416.
    Beyond,
}

/// What `header` asks for of a file of `size` bytes.
pub fn asked(header: Option<&[u8]>, size: u64) -> Asked {
    let Some(text) = header.and_then(|value| std::str::from_utf8(value).ok()) else { return Asked::All };
    let Some((unit, range)) = text.trim().split_once('=') else { return Asked::All };
    let Some((first, last)) = range.trim().split_once('-') else { return Asked::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::All;
    }
    match (bound(first), bound(last)) {
        (Bound::At(first), Bound::At(last)) if first > last => Asked::All,
        (Bound::At(first), Bound::At(_) | Bound::Open) if first >= size => Asked::Beyond,
        (Bound::At(first), Bound::At(last)) => Asked::Part(first..=last.min(size - 1)),
        (Bound::At(first), Bound::Open) => Asked::Part(first..=size - 1),
        (Bound::Open, Bound::At(count)) if count == 0 || size == 0 => Asked::Beyond,
        (Bound::Open, Bound::At(count)) => Asked::Part(size.saturating_sub(count)..=size - 1),
        _ => Asked::All,
    }
}

/// One side of a range.
enum Bound {
    Open,
    At(u64),
    Nonsense,
}

/// More digits than fit mean "very far".
fn bound(text: &str) -> Bound {
    let text = text.trim();
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        _ if text.is_empty() => Bound::Open,
        true => Bound::At(text.parse().unwrap_or(u64::MAX)),
        false => Bound::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_to_what_is_there() {
        for (header, expected) in [
            ("bytes=0-0", Asked::Part(0..=0)),
            ("bytes=0-", Asked::Part(0..=99)),
            ("bytes=10-19", Asked::Part(10..=19)),
            ("Bytes = 10 - 500", Asked::Part(10..=99)),
            ("bytes=99-99999999999999999999", Asked::Part(99..=99)),
            ("bytes=-1", Asked::Part(99..=99)),
            ("bytes=-500", Asked::Part(0..=99)),
            ("bytes=100-", Asked::Beyond),
            ("bytes=99999999999999999999-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
        ] {
            assert_eq!(asked(Some(header.as_bytes()), 100), expected, "{header}");
        }
        assert_eq!(asked(Some(b"bytes=0-"), 0), Asked::Beyond);
        assert_eq!(asked(Some(b"bytes=-1"), 0), Asked::Beyond);
    }

    #[test]
    fn what_need_not_be_followed_is_answered_with_everything() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=9-1",
            "bytes=a-b",
            "bytes=+1-2",
            "\u{ff}",
        ] {
            assert_eq!(asked(Some(header.as_bytes()), 100), Asked::All, "{header}");
        }
        assert_eq!(asked(None, 100), Asked::All);
        assert_eq!(asked(Some(b"\xff"), 100), Asked::All);
    }
}
