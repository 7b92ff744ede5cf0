//! Which city a number belongs to. Used to choose an X number near the parties (customer-api 4.1, areaMatchMode).
//!
//! Operators may load a table of number prefixes; it is what knows mobile numbers. Without one, or where it
//! has no match, a Chinese landline's own area code counts, and a mobile has no known area.
//!
//! A table of half a million prefixes takes 10 bytes a row and answers by a few binary searches.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;

use crate::domain::number::E164;

/// Most rows of a table: four times all mobile prefixes of China.
pub const AREA_ROWS_MAX: usize = 2_000_000;
/// Longest name of a province, in characters.
const PROVINCE_CHARS_MAX: usize = 64;
/// Most digits of a prefix, country code included: as many as a number has.
const PREFIX_DIGITS_MAX: usize = 18;

/// A Chinese city code: 0 and two or three digits, such as `010` or `0755`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AreaCode(NonZeroU16);

impl AreaCode {
    /// Reads `0755`. Also `755`: spreadsheets drop the zero, and no code is lost by taking it as there.
    /// `None` for anything else, letters included.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('0').unwrap_or(text);
        if digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // `010` is 10, `0010` is 10 as well but has three digits and is no code.
        let value: u16 = digits.parse().ok()?;
        let full = digits.len() == if value < 100 { 2 } else { 3 };
        if full { Self::from_word(value) } else { None }
    }

    /// The code as a small number, for the store: its digits without the zero in front.
    pub const fn word(self) -> u16 {
        self.0.get()
    }

    /// A code that [`AreaCode::word`] wrote; `None` when the word cannot be one.
    pub fn from_word(word: u16) -> Option<Self> {
        NonZeroU16::new(word).filter(|word| (10..1_000).contains(&word.get())).map(Self)
    }

    /// The area code a Chinese landline number carries itself; `None` for mobiles, service numbers (400,
    /// 95xxx) and other countries.
    pub fn of_landline(number: E164) -> Option<Self> {
        let national = number.chinese_national()?.get();
        let digits = national.ilog10() + 1;
        // Area code and local number of 7 or 8 digits. `10` is Beijing, `13` to `19` are mobiles.
        let leading = |count: u32| national / 10_u64.pow(digits - count);
        let code = match (digits, leading(digits.min(2))) {
            (9..=10, 10 | 20..=29) => leading(2),
            (10..=11, 30..=99) if leading(3) % 100 != 0 => leading(3),
            _ => return None,
        };
        Self::from_word(u16::try_from(code).ok()?)
    }
}

impl fmt::Display for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{}", self.0)
    }
}

impl fmt::Debug for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Areas by number prefix, and the province of each area. Built once, then only read.
#[derive(Clone, Debug, Default)]
pub struct AreaTable {
    /// Longest prefixes first, so that the first match is the answer.
    levels: Vec<Level>,
    /// In the order in which the provinces first came.
    provinces: Vec<Box<str>>,
    /// Index into `provinces`.
    province_of: BTreeMap<AreaCode, u16>,
}

/// All prefixes of one length, sorted; `areas[i]` belongs to `prefixes[i]`. Two lists, because a list of
/// pairs would pad each row to 16 bytes.
#[derive(Clone, Debug, Default)]
struct Level {
    digits: u32,
    prefixes: Vec<u64>,
    areas: Vec<AreaCode>,
}

/// Why a row cannot be part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AreaRowError {
    /// The prefix is empty, too long, starts with 0 or is not made of digits.
    #[error("the prefix must be 1 to {PREFIX_DIGITS_MAX} digits, country code first")]
    Prefix,
    /// The name of the province is too long.
    #[error("the name of a province has at most {PROVINCE_CHARS_MAX} characters")]
    Province,
    /// The same prefix came before with another area.
    #[error("this prefix was given before with another area code")]
    PrefixTwice,
    /// The same area came before in another province.
    #[error("this area code was given before in another province")]
    ProvinceTwice,
    /// The table is full.
    #[error("an area table has at most {AREA_ROWS_MAX} rows")]
    TooMany,
}

/// Gathers the rows of an [`AreaTable`].
#[derive(Debug, Default)]
pub struct AreaTableBuilder {
    /// Areas by number of digits and digits.
    rows: BTreeMap<(u32, u64), AreaCode>,
    provinces: Vec<Box<str>>,
    province_of: BTreeMap<AreaCode, u16>,
}

impl AreaTableBuilder {
    /// Adds a row: numbers that start with `prefix` (digits, country code first, no `+`) are in `area`. An
    /// empty `province` says nothing about the area's province. The same row may come twice.
    pub fn add(&mut self, prefix: &str, area: AreaCode, province: &str) -> Result<(), AreaRowError> {
        let plausible = (1..=PREFIX_DIGITS_MAX).contains(&prefix.len())
            && prefix.bytes().all(|byte| byte.is_ascii_digit())
            && !prefix.starts_with('0');
        let digits =
            plausible.then(|| u32::try_from(prefix.len()).ok()).flatten().ok_or(AreaRowError::Prefix)?;
        let value: u64 = prefix.parse().map_err(|_| AreaRowError::Prefix)?;
        if self.rows.len() >= AREA_ROWS_MAX {
            return Err(AreaRowError::TooMany);
        }
        self.place(area, province)?;
        match self.rows.insert((digits, value), area) {
            Some(before) if before != area => Err(AreaRowError::PrefixTwice),
            _ => Ok(()),
        }
    }

    /// The finished table.
    pub fn finish(self) -> AreaTable {
        let mut levels: Vec<Level> = Vec::new();
        for ((digits, prefix), area) in self.rows {
            if levels.last().is_none_or(|level| level.digits != digits) {
                levels.push(Level { digits, ..Level::default() });
            }
            let level = levels.last_mut().expect("one was pushed if there was none");
            level.prefixes.push(prefix);
            level.areas.push(area);
        }
        for level in &mut levels {
            level.prefixes.shrink_to_fit();
            level.areas.shrink_to_fit();
        }
        levels.reverse();
        AreaTable { levels, provinces: self.provinces, province_of: self.province_of }
    }

    fn place(&mut self, area: AreaCode, province: &str) -> Result<(), AreaRowError> {
        if province.is_empty() {
            return Ok(());
        }
        if let Some(&known) = self.province_of.get(&area) {
            let same = *self.provinces[usize::from(known)] == *province;
            return if same { Ok(()) } else { Err(AreaRowError::ProvinceTwice) };
        }
        if province.chars().count() > PROVINCE_CHARS_MAX {
            return Err(AreaRowError::Province);
        }
        let at = self.provinces.iter().position(|known| **known == *province).unwrap_or_else(|| {
            self.provinces.push(province.into());
            self.provinces.len() - 1
        });
        let index = u16::try_from(at).expect("there are fewer than 1,000 areas, so fewer provinces");
        self.province_of.insert(area, index);
        Ok(())
    }
}

impl AreaTable {
    /// The area of a number: that of the longest prefix in the table, else a landline's own.
    pub fn area_of(&self, number: E164) -> Option<AreaCode> {
        self.by_prefix(number).or_else(|| AreaCode::of_landline(number))
    }

    /// The province of an area, as the table names it. `None` means unknown: two unknown provinces are not
    /// the same province.
    pub fn province_of(&self, area: AreaCode) -> Option<&str> {
        self.province_of.get(&area).map(|&index| &*self.provinces[usize::from(index)])
    }

    /// The other areas of the same province; none when the province is not known.
    pub fn neighbours(&self, area: AreaCode) -> Vec<AreaCode> {
        let Some(province) = self.province_of.get(&area) else { return Vec::new() };
        let same = self.province_of.iter().filter(|&(&other, known)| known == province && other != area);
        same.map(|(&other, _)| other).collect()
    }

    /// How many prefixes the table has.
    pub fn len(&self) -> usize {
        self.levels.iter().map(|level| level.prefixes.len()).sum()
    }

    /// Whether no table was loaded.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    fn by_prefix(&self, number: E164) -> Option<AreaCode> {
        self.levels.iter().find_map(|level| {
            let prefix = number.word() / 10_u64.pow(number.digit_count().checked_sub(level.digits)?);
            level.prefixes.binary_search(&prefix).ok().map(|at| level.areas[at])
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(text: &str) -> AreaCode {
        AreaCode::parse(text).unwrap()
    }

    fn number(text: &str) -> E164 {
        E164::parse(text).unwrap()
    }

    fn table(rows: &[(&str, &str, &str)]) -> AreaTable {
        let mut builder = AreaTableBuilder::default();
        for (prefix, code, province) in rows {
            builder.add(prefix, area(code), province).unwrap();
        }
        builder.finish()
    }

    #[test]
    fn area_codes_are_read_with_or_without_the_zero_and_print_with_it() {
        for (text, printed) in
            [("010", "010"), ("0755", "0755"), ("755", "0755"), ("10", "010"), ("021", "021")]
        {
            assert_eq!(area(text).to_string(), printed);
            assert_eq!(AreaCode::from_word(area(text).word()), Some(area(text)));
        }
        let wrong = [
            "",
            "0",
            "00",
            "01",
            "5",
            "000",
            "0010",
            "0075",
            "075a",
            "SZ",
            "07555",
            "1755",
            "+755",
            "０７５５",
            "0 755",
        ];
        for text in wrong {
            assert_eq!(AreaCode::parse(text), None, "{text}");
        }
        assert_eq!([AreaCode::from_word(9), AreaCode::from_word(1_000)], [None, None]);
        assert_eq!(size_of::<Option<AreaCode>>(), 2);
    }

    #[test]
    fn a_landline_carries_its_area_and_other_numbers_carry_none() {
        let cases = [
            ("+861088880000", Some("010")),
            ("+862188880000", Some("021")),
            ("+862988880000", Some("029")),
            ("+8675528000001", Some("0755")),
            ("+863118888888", Some("0311")),
            ("+8631188888888", Some("0311")),
            ("+8613800000001", None),
            ("+8617000000001", None),
            ("+8610012345678", None),
            ("+8612345678", None),
            ("+864001234567", None),
            ("+868001234567", None),
            ("+8695588", None),
            ("+86755280", None),
            ("+867001234567890123", None),
            ("+85228000001", None),
            ("+861", None),
        ];
        for (text, expected) in cases {
            assert_eq!(AreaCode::of_landline(number(text)), expected.map(area), "{text}");
            assert_eq!(AreaTable::default().area_of(number(text)), expected.map(area), "{text}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_the_landline_rule_fills_the_gaps() {
        let table = table(&[
            ("861380", "0755", "Guangdong"),
            ("8613800000", "020", "Guangdong"),
            ("86755", "0755", "Guangdong"),
            ("8613", "010", ""),
        ]);
        let cases = [
            ("+8613800000001", Some("020")),
            ("+8613801000001", Some("0755")),
            ("+8613901000001", Some("010")),
            ("+8615801000001", None),
            ("+8675528000001", Some("0755")),
            ("+862188880000", Some("021")),
            ("+861", None),
            ("+138000000", None),
        ];
        for (text, expected) in cases {
            assert_eq!(table.area_of(number(text)), expected.map(area), "{text}");
        }
        assert_eq!(table.len(), 4);
        assert_eq!(table.province_of(area("020")), Some("Guangdong"));
        assert_eq!(table.province_of(area("010")), None);
        assert_eq!(table.province_of(area("021")), None);
    }

    #[test]
    fn a_row_that_contradicts_an_earlier_one_is_refused() {
        let mut builder = AreaTableBuilder::default();
        builder.add("86755", area("0755"), "Guangdong").unwrap();
        assert_eq!(builder.add("86755", area("0755"), "Guangdong"), Ok(()));
        assert_eq!(builder.add("86755", area("0755"), ""), Ok(()));
        assert_eq!(builder.add("86755", area("020"), ""), Err(AreaRowError::PrefixTwice));
        assert_eq!(builder.add("86756", area("0755"), "Guangxi"), Err(AreaRowError::ProvinceTwice));
        assert_eq!(builder.add("8610", area("010"), &"x".repeat(65)), Err(AreaRowError::Province));
        for prefix in ["", "0755", "86a", "+86", "1234567890123456789"] {
            assert_eq!(builder.add(prefix, area("010"), ""), Err(AreaRowError::Prefix), "{prefix}");
        }
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_scan_of_all_prefixes_finds(
            rows in proptest::collection::btree_map("86[1-3]{0,5}", 10_u16..20, 1..60),
            digits in "86[1-3]{1,7}",
        ) {
            let mut builder = AreaTableBuilder::default();
            for (prefix, code) in &rows {
                builder.add(prefix, AreaCode::from_word(*code).unwrap(), "").unwrap();
            }
            let number = E164::from_digits(&digits).unwrap();
            let longest = rows.iter().filter(|row| digits.starts_with(row.0.as_str())).max_by_key(|row| row.0.len());
            let expected = longest.map(|row| AreaCode::from_word(*row.1).unwrap());
            prop_assert_eq!(builder.finish().by_prefix(number), expected);
        }
    }
}
