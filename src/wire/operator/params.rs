//! Query parameters of the operator API, read strictly, and the cursors of its lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{RFC3339, Unusable, empty_period, rfc3339};
use crate::domain::area::AreaCode;
use crate::domain::id::RowKey;
use crate::domain::number::{E164, XNumber};
use crate::domain::time::Timestamp;

/// Most rows in one answer.
pub const LIMIT_MAX: usize = 1_000;
/// Rows in one answer unless asked otherwise.
const LIMIT_DEFAULT: usize = 100;
/// Longest cursor that is looked at: the longest that is given out holds an app key.
const CURSOR_CHARS_MAX: usize = 256;

/// The parameters of one request that have not been read yet.
#[derive(Debug)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string as a form. A parameter given twice is refused: nobody knows which was meant.
    pub fn of_query(query: Option<&str>) -> Result<Self, Unusable> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if params.iter().any(|(known, _)| *known == name) {
                return Err(wrong(&name, "is given twice"));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    /// The value of a parameter; an empty one counts as absent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Unusable> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    /// One of some words.
    pub fn word<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        words: &str,
    ) -> Result<Option<T>, Unusable> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| wrong(name, &format!("must be {words}")))
    }

    /// A number, with its plus or without.
    pub fn number(&mut self, name: &str) -> Result<Option<E164>, Unusable> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = E164::from_digits(text.strip_prefix(['+', ' ']).unwrap_or(&text));
        number.map(Some).map_err(|error| wrong(name, &format!("is no number: {error}")))
    }

    /// An X number.
    pub fn x_number(&mut self, name: &str) -> Result<Option<XNumber>, Unusable> {
        Ok(self.number(name)?.map(XNumber::new))
    }

    /// A city code.
    pub fn area(&mut self, name: &str) -> Result<Option<AreaCode>, Unusable> {
        self.word(name, AreaCode::parse, "a city code such as 0755")
    }

    /// One to 18 digits, with a plus before them or without.
    pub fn digits(&mut self, name: &str) -> Result<Option<String>, Unusable> {
        let digits = |text: &str| {
            let digits = text.strip_prefix(['+', ' ']).unwrap_or(text);
            let plain = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.to_owned())
        };
        self.word(name, digits, "1 to 18 digits")
    }

    /// An instant in RFC 3339.
    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Unusable> {
        // A bare plus of an offset arrives as a blank.
        self.word(name, |text| rfc3339(&text.replace(' ', "+")), RFC3339)
    }

    /// `from` and `to`: a stretch of time, inclusive and exclusive, with something in it.
    pub fn period(&mut self) -> Result<[Option<Timestamp>; 2], Unusable> {
        let [from, to] = [self.time("from")?, self.time("to")?];
        match empty_period(from, to) {
            Some(why) => Err(wrong("to", why)),
            None => Ok([from, to]),
        }
    }

    /// How many rows the answer may have.
    pub fn limit(&mut self) -> Result<usize, Unusable> {
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        Ok(self.word("limit", read, "1 to 1000")?.unwrap_or(LIMIT_DEFAULT))
    }

    /// Where the answer begins: behind the row that this cursor of `list` was made of.
    pub fn cursor<T>(&mut self, list: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Unusable> {
        let position = |text: &str| {
            let bytes =
                (text.len() <= CURSOR_CHARS_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
            let text = String::from_utf8(bytes).ok()?;
            let (of, position) = text.split_once(' ')?;
            (of == list).then(|| read(position)).flatten()
        };
        self.word("cursor", position, "the nextCursor of the page before, of the same list")
    }

    /// The same for lists in the order of row keys.
    pub fn key_cursor(&mut self, list: &str) -> Result<Option<RowKey>, Unusable> {
        self.cursor(list, |text| RowKey::from_stored(text.parse().ok()?))
    }

    /// Refuses what nobody has read.
    pub fn finish(self) -> Result<(), Unusable> {
        match self.0.first() {
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                Err(wrong(&name, "is not a parameter of this request"))
            }
            None => Ok(()),
        }
    }
}

/// The cursor of a list behind the row at this position. What it is made of may change; clients hand it back.
pub fn cursor(list: &str, position: impl std::fmt::Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list} {position}"))
}

/// The same for a list in the order of row keys.
pub fn key_cursor(list: &str, key: RowKey) -> String {
    cursor(list, key.get())
}

fn wrong(name: &str, why: &str) -> Unusable {
    Unusable::field(name, format!("{name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of_query(Some(query)).unwrap()
    }

    fn culprit<T: std::fmt::Debug>(result: Result<T, Unusable>) -> String {
        result.unwrap_err().field.unwrap()
    }

    #[test]
    fn a_number_is_read_with_its_plus_with_a_bare_plus_and_without() {
        for query in ["n=%2B8617000000001", "n=+8617000000001", "n=8617000000001"] {
            assert_eq!(params(query).number("n").unwrap().unwrap().expose(), "+8617000000001");
        }
        assert_eq!(culprit(params("n=12x").number("n")), "n");
        assert_eq!(params("n=").number("n"), Ok(None));
    }

    #[test]
    fn a_time_is_rfc_3339_and_nothing_else() {
        let noon = Timestamp::from_secs(1_790_000_000);
        for query in
            ["t=2026-09-21T14:13:20Z", "t=2026-09-21T22:13:20%2B08:00", "t=2026-09-21T22:13:20+08:00"]
        {
            assert_eq!(params(query).time("t"), Ok(Some(noon)), "{query}");
        }
        for query in ["t=1790000000", "t=2026-09-21", "t=yesterday", "t=-1"] {
            assert_eq!(culprit(params(query).time("t")), "t", "{query}");
        }
    }

    #[test]
    fn a_stretch_of_time_with_nothing_in_it_is_refused_by_its_end() {
        let at = |secs: u64| Some(Timestamp::from_secs(1_790_000_000 + secs));
        let (early, late) = ("2026-09-21T14:13:20Z", "2026-09-21T14:13:21Z");
        for (query, period) in [
            (String::new(), [None, None]),
            (format!("from={early}"), [at(0), None]),
            (format!("to={early}"), [None, at(0)]),
            (format!("to={late}&from={early}"), [at(0), at(1)]),
        ] {
            assert_eq!(params(&query).period(), Ok(period), "{query}");
        }
        for query in [format!("from={late}&to={early}"), format!("from={early}&to={early}")] {
            let refused = params(&query).period().unwrap_err();
            assert_eq!(refused, Unusable::field("to", "to must be later than from"), "{query}");
        }
        assert_eq!(culprit(params("from=yesterday&to=today").period()), "from");
    }

    #[test]
    fn a_limit_out_of_range_is_refused() {
        assert_eq!(params("").limit(), Ok(100));
        assert_eq!(params("limit=1000").limit(), Ok(1_000));
        for query in ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.0"] {
            assert_eq!(culprit(params(query).limit()), "limit", "{query}");
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position_in_its_own_list_only() {
        let key = RowKey::from_stored(42).unwrap();
        let query = format!("cursor={}", key_cursor("calls", key));
        assert_eq!(params(&query).key_cursor("calls"), Ok(Some(key)));
        assert_eq!(culprit(params(&query).key_cursor("cdrs")), "cursor");
        for forged in ["cursor=x", "cursor=%FF", "cursor=Y2FsbHM", "cursor=Y2FsbHMgMA"] {
            assert_eq!(culprit(params(forged).key_cursor("calls")), "cursor", "{forged}");
        }
        let long = format!("cursor={}", "A".repeat(10_000));
        assert_eq!(culprit(params(&long).key_cursor("calls")), "cursor");
    }

    #[test]
    fn what_nobody_reads_and_what_is_given_twice_is_refused_by_its_name() {
        let mut read = params("limit=5&limt=6");
        read.limit().unwrap();
        assert_eq!(culprit(read.finish()), "limt");
        assert_eq!(culprit(Params::of_query(Some("a=1&a=2"))), "a");
        assert!(Params::of_query(None).unwrap().finish().is_ok());
    }
}
