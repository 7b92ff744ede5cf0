//! The rows of a CSV file of numbers, each with the line it stands in.
//!
//! A row is one line of the file: no column of ours holds a line break, and a stray quotation mark spoils one
//! row instead of all that follow.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use csv::StringRecord;
use serde_json::{Value, json};

/// Longest line that is read: far more than the longest row.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// Mark that some spreadsheets put before UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
const COLUMNS: [&str; 4] = ["number", "appKey", "areaCode", "sms"];

/// Where each column stands in a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    number: usize,
    app_key: Option<usize>,
    area_code: Option<usize>,
    sms: Option<usize>,
    width: usize,
}

impl Header {
    /// Reads the first row. The error says what is wrong with it.
    pub(super) fn read(row: &StringRecord, has_default_app: bool) -> Result<Self, String> {
        let names: Vec<&str> =
            row.iter().map(|name| name.trim_start_matches(BYTE_ORDER_MARK).trim()).collect();
        if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(name)) {
            return Err(format!("line 1: unknown column {unknown:?}; known are {}", COLUMNS.join(", ")));
        }
        let at = |column: &str| names.iter().position(|name| *name == column);
        if COLUMNS.iter().any(|column| names.iter().filter(|name| *name == column).count() > 1) {
            return Err("line 1: a column is named twice".into());
        }
        let number = at("number").ok_or("line 1: there must be a column `number`")?;
        if at("appKey").is_none() && !has_default_app {
            return Err("line 1: there must be a column `appKey`, or give --app".into());
        }
        let (app_key, area_code, sms) = (at("appKey"), at("areaCode"), at("sms"));
        Ok(Self { number, app_key, area_code, sms, width: names.len() })
    }

    /// What stands for the number, or nothing.
    pub(super) fn number_of(&self, row: Option<&StringRecord>) -> String {
        row.and_then(|row| row.get(self.number)).unwrap_or_default().trim().to_owned()
    }

    /// The request's entry for a row, or why there is none: `(code, message)`.
    pub(super) fn entry(
        &self,
        row: &StringRecord,
        app: Option<&str>,
    ) -> Result<Value, (&'static str, String)> {
        if row.len() != self.width {
            let message = format!("the row has {} fields, the first line has {}", row.len(), self.width);
            return Err(("invalid_row", message));
        }
        let field =
            |at: Option<usize>| at.and_then(|at| row.get(at)).map(str::trim).filter(|text| !text.is_empty());
        let sms = match field(self.sms).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => return Err(("invalid_row", "sms must be true or false".into())),
        };
        let app = field(self.app_key).or(app).ok_or(("invalid_row", "appKey is missing".to_owned()))?;
        let number = field(Some(self.number)).unwrap_or_default();
        Ok(json!({"number": number, "appKey": app, "areaCode": field(self.area_code), "sms": sms}))
    }
}

/// The lines of a file.
pub(super) struct Lines {
    source: BufReader<Box<dyn Read>>,
    /// How many were read.
    pub(super) count: u64,
    /// How many bytes they had.
    pub(super) bytes: u64,
}

impl Lines {
    /// Opens a file, or standard input for `-`. With the length of the file, when it is one.
    pub(super) fn open(path: &Path) -> std::io::Result<(Self, Option<u64>)> {
        let (source, length): (Box<dyn Read>, _) = if path == Path::new("-") {
            (Box::new(std::io::stdin()), None)
        } else {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        Ok((Self { source: BufReader::new(source), count: 0, bytes: 0 }, length))
    }

    /// The fields of the next line that is not blank; `None` at the end. The inner error spoils one row only.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Result<StringRecord, csv::Error>>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut self.source).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? as u64;
            if read == 0 {
                return Ok(None);
            }
            self.count += 1;
            self.bytes += read;
            if read == LINE_BYTES_MAX && !line.ends_with(b"\n") {
                let what = format!("line {} is too long: this is no list of numbers", self.count);
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
            }
            let row = line.trim_ascii();
            if !row.is_empty() {
                return Ok(Some(fields(row)));
            }
        }
    }
}

fn fields(row: &[u8]) -> Result<StringRecord, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(row.len()).from_reader(row);
    let mut record = StringRecord::new();
    reader.read_record(&mut record)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[&str]) -> StringRecord {
        StringRecord::from(fields.to_vec())
    }

    #[test]
    fn columns_are_found_in_any_order_and_behind_a_byte_order_mark() {
        let header = Header::read(&row(&["\u{feff}appKey", " number "]), false).unwrap();
        assert_eq!((header.app_key, header.number, header.area_code), (Some(0), 1, None));
    }

    #[test]
    fn a_first_line_that_names_no_columns_is_refused() {
        for (fields, expected) in [
            (&["+8617000000001", "key"][..], "unknown column \"+8617000000001\""),
            (&["appKey"], "`number`"),
            (&["number"], "`appKey`"),
            (&["number", "number", "appKey"], "twice"),
        ] {
            let refusal = Header::read(&row(fields), false).unwrap_err();
            assert!(refusal.contains(expected), "{refusal}");
        }
        assert!(Header::read(&row(&["number"]), true).is_ok());
    }

    #[test]
    fn a_row_becomes_an_entry_and_a_bad_one_says_why() {
        let header = Header::read(&row(&["number", "appKey", "areaCode", "sms"]), true).unwrap();
        let entry = header.entry(&row(&["+8617000000001", "", "", "TRUE"]), Some("k")).unwrap();
        assert_eq!(entry, json!({"number": "+8617000000001", "appKey": "k", "areaCode": null, "sms": true}));
        let (code, message) = header.entry(&row(&["+8617000000001"]), Some("k")).unwrap_err();
        assert_eq!((code, message.as_str()), ("invalid_row", "the row has 1 fields, the first line has 4"));
        assert!(header.entry(&row(&["+86", "k", "", "maybe"]), None).unwrap_err().1.contains("sms"));
        assert!(header.entry(&row(&["+86", "", "", ""]), None).unwrap_err().1.contains("appKey"));
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let text = "number\r\n\r\n\"a,b\",c\r\n\u{ff}\n\"stray\nlast";
        let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
        let source: Box<dyn Read> = Box::new(std::io::Cursor::new(bytes));
        let mut lines = Lines { source: BufReader::new(source), count: 0, bytes: 0 };
        let mut read = Vec::new();
        while let Some(row) = lines.next().unwrap() {
            read.push((lines.count, row.ok().map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>())));
        }
        let row = |fields: &[&str]| Some(fields.iter().map(|field| (*field).to_owned()).collect());
        assert_eq!(
            read,
            [
                (1, row(&["number"])),
                (3, row(&["a,b", "c"])),
                (4, None),
                (5, row(&["stray"])),
                (6, row(&["last"]))
            ]
        );
    }
}
