//! The table of areas as operators hand it in: CSV with a header row, `prefix,areaCode,province`.
//!
//! `prefix` is either in global form with its `+` (`+861380013`), or national as such tables are commonly
//! sold: `1380013` for a mobile, `0755` for a landline. Digits that start with `86` are taken as global with
//! the `+` lost to a spreadsheet; no Chinese national number starts so. `province` may be empty or left out;
//! further columns are ignored.

use std::borrow::Cow;
use std::io::{self, Read, Take};

use serde::Deserialize;

use crate::domain::area::{AreaCode, AreaRowError, AreaTable, AreaTableBuilder};

/// Largest table that is read: 32 bytes for each of the rows a table may have.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What is wrong with a table, and where.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct AreaTableProblem {
    /// Line of the file, from 1 (the header row). Of blank lines directly above the row it is the first.
    pub line: u64,
    /// What is wrong there.
    pub fault: AreaTableFault,
}

/// What is wrong with a line of a table.
#[derive(Debug, thiserror::Error)]
pub enum AreaTableFault {
    /// The header row lacks a column.
    #[error("the header row must have the columns prefix, areaCode and, if known, province")]
    Header,
    /// Not UTF-8, another number of fields than the header row, too long, or not readable.
    #[error("{0}")]
    Csv(csv::Error),
    /// The area code is not `0` and two or three digits.
    #[error("the area code must be 0 and two or three digits, such as 010 or 0755")]
    AreaCode,
    /// The row does not fit into the table.
    #[error("{0}")]
    Row(AreaRowError),
}

#[derive(Deserialize)]
struct Row<'r> {
    prefix: &'r str,
    #[serde(rename = "areaCode")]
    area_code: &'r str,
    #[serde(default)]
    province: &'r str,
}

/// Reads a whole table. The first problem ends the reading: a table is taken as a whole or not at all.
pub fn read_area_table(reader: impl Read) -> Result<AreaTable, AreaTableProblem> {
    read_bounded(reader, BYTES_MAX)
}

fn read_bounded(reader: impl Read, bytes_max: u64) -> Result<AreaTable, AreaTableProblem> {
    let bounded = Bounded(reader.take(bytes_max + 1));
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bounded);
    let headers = csv.headers().map_err(|error| csv_problem(error, 1))?.clone();
    if !["prefix", "areaCode"].iter().all(|column| headers.iter().any(|header| header == *column)) {
        return Err(AreaTableProblem { line: 1, fault: AreaTableFault::Header });
    }
    let mut builder = AreaTableBuilder::default();
    let mut record = csv::StringRecord::new();
    loop {
        let line = csv.position().line();
        if !csv.read_record(&mut record).map_err(|error| csv_problem(error, line))? {
            return Ok(builder.finish());
        }
        add_row(&mut builder, &record, &headers, line)?;
    }
}

fn add_row(
    builder: &mut AreaTableBuilder,
    record: &csv::StringRecord,
    headers: &csv::StringRecord,
    line: u64,
) -> Result<(), AreaTableProblem> {
    let row: Row<'_> = record.deserialize(Some(headers)).map_err(|error| csv_problem(error, line))?;
    let area =
        AreaCode::parse(row.area_code).ok_or(AreaTableProblem { line, fault: AreaTableFault::AreaCode })?;
    builder
        .add(&global_prefix(row.prefix), area, row.province)
        .map_err(|error| AreaTableProblem { line, fault: AreaTableFault::Row(error) })
}

/// The prefix with its country code and without `+`. What is no prefix stays so and is refused by the table.
fn global_prefix(prefix: &str) -> Cow<'_, str> {
    if let Some(digits) = prefix.strip_prefix('+') {
        return Cow::Borrowed(digits);
    }
    let national = prefix.strip_prefix('0').unwrap_or(prefix);
    // An empty prefix must stay one, or it would put the whole country into one city.
    if prefix.starts_with("86") || national.is_empty() {
        return Cow::Borrowed(prefix);
    }
    Cow::Owned(format!("86{national}"))
}

/// Fails where `Take` would end: a file that is cut off must not pass for a whole one.
struct Bounded<R>(Take<R>);

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if self.0.limit() == 0 {
            return Err(io::Error::other("the file is too long"));
        }
        Ok(read)
    }
}

fn csv_problem(error: csv::Error, otherwise: u64) -> AreaTableProblem {
    let line = error.position().map_or(otherwise, csv::Position::line);
    AreaTableProblem { line, fault: AreaTableFault::Csv(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::number::E164;

    fn read(text: &str) -> Result<AreaTable, String> {
        read_area_table(text.as_bytes()).map_err(|problem| problem.to_string())
    }

    fn area_of(table: &AreaTable, number: &str) -> Option<String> {
        table.area_of(E164::parse(number).unwrap()).map(|area| area.to_string())
    }

    #[test]
    fn a_table_is_read_with_every_spelling_of_a_prefix() {
        let table = read(
            "prefix,areaCode,province\n1380013,0755,Guangdong\n+861390013,755,Guangdong\n\
             861370013, 010 ,\"Beijing\"\n0571,0571,浙江\n",
        )
        .unwrap();
        for (number, expected) in [
            ("+8613800130001", Some("0755")),
            ("+8613900130001", Some("0755")),
            ("+8613700130001", Some("010")),
            ("+8657188880000", Some("0571")),
            ("+8613600130001", None),
        ] {
            assert_eq!(area_of(&table, number).as_deref(), expected, "{number}");
        }
        assert_eq!(table.province_of(AreaCode::parse("0571").unwrap()), Some("浙江"));
    }

    #[test]
    fn columns_may_come_in_any_order_after_a_byte_order_mark_with_others_between() {
        let table = read("\u{feff}areaCode,carrier,prefix\r\n0755,x,1380013\r\n").unwrap();
        assert_eq!(area_of(&table, "+8613800130001").as_deref(), Some("0755"));
        assert!(read("prefix,areaCode\n").unwrap().is_empty());
    }

    #[test]
    fn a_problem_is_named_with_its_line() {
        let cases = [
            ("", "line 1: the header row"),
            ("1380013,0755,Guangdong\n", "line 1: the header row"),
            ("prefix,areaCode\n1380013,0755\n1380014,SZ\n", "line 3: the area code"),
            ("prefix,areaCode\n\n138x,0755\n", "line 2: the prefix"),
            ("prefix,areaCode\n,0755\n", "line 2: the prefix"),
            ("prefix,areaCode\n0,0755\n", "line 2: the prefix"),
            ("prefix,areaCode\n+,0755\n", "line 2: the prefix"),
            ("prefix,areaCode\n1380013,0755\n1380013,010\n", "line 3: this prefix was given before"),
            ("prefix,areaCode\n1380013\n", "line 2: "),
        ];
        for (text, expected) in cases {
            let problem = read(text).expect_err(text);
            assert!(problem.starts_with(expected), "{text:?}: {problem}");
        }
        let problem = read_area_table(&b"prefix,areaCode,province\n1380013,0755,\xff\n"[..]).unwrap_err();
        assert_eq!(problem.line, 2);
    }

    #[test]
    fn a_file_over_the_bound_is_refused_and_one_at_the_bound_is_not() {
        let text = "prefix,areaCode\n1380013,0755\n";
        let bytes = u64::try_from(text.len()).unwrap();
        assert_eq!(read_bounded(text.as_bytes(), bytes).unwrap().len(), 1);
        let problem = read_bounded(text.as_bytes(), bytes - 1).unwrap_err().to_string();
        assert!(problem.ends_with("the file is too long"), "{problem}");
        assert!(read_bounded(io::repeat(b'"'), 10_000).is_err());
    }
}
