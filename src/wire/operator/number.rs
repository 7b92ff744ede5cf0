//! X numbers: what operators write about them, as JSON or as CSV, and what they are shown.

use serde::Serialize;

use super::members::Members;
use super::{Unusable, time};
use crate::domain::customer::{CustomerApp, NumberRecord, NumberStatus};
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_rfc3339_millis;

/// Most numbers in one request.
pub const NUMBERS_MAX: usize = 10_000;
/// The columns of a CSV.
const COLUMNS: [&str; 4] = ["number", "appKey", "areaCode", "sms"];

/// One number to add, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewNumber {
    /// The number; may be none.
    pub number: String,
    /// The app; may be unknown.
    pub app_key: String,
    /// The city; empty = not known.
    pub area_code: String,
    /// Whether it can carry short messages.
    pub sms: bool,
}

/// The numbers of a request, and the rows of a CSV that are none.
#[derive(Debug, Default)]
pub struct NewNumbers {
    /// To be added.
    pub numbers: Vec<NewNumber>,
    /// Rows that cannot be read.
    pub failed: Vec<FailedNumber>,
}

/// Reads `POST /operator/v1/numbers` as JSON.
pub fn new_numbers(body: &[u8]) -> Result<NewNumbers, Unusable> {
    let mut members = Members::of_body(body)?;
    let entries = members.objects("numbers", 1, NUMBERS_MAX)?;
    members.finish()?;
    let numbers = entries.into_iter().map(new_number).collect::<Result<_, _>>()?;
    Ok(NewNumbers { numbers, failed: Vec::new() })
}

fn new_number(mut members: Members) -> Result<NewNumber, Unusable> {
    let number = NewNumber {
        number: members.required_text("number")?,
        app_key: members.required_text("appKey")?,
        area_code: members.nullable_text("areaCode")?.flatten().unwrap_or_default(),
        sms: members.boolean("sms")?.unwrap_or(false),
    };
    members.finish()?;
    Ok(number)
}

/// Reads the same as CSV with a header row. Rows that cannot be read do not keep the others from being added.
pub fn new_numbers_csv(body: &[u8]) -> Result<NewNumbers, Unusable> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).has_headers(false).from_reader(body);
    let mut rows = reader.byte_records();
    let unreadable = |_| Unusable::whole("the body is not CSV");
    let header = rows.next().transpose().map_err(unreadable)?;
    let header = header.ok_or_else(|| Unusable::whole("the header row is missing"))?;
    let columns = Columns::of_header(&header)?;
    let mut lines = Lines { text: body, line: 1, offset: 0 };
    let mut read = NewNumbers::default();
    for row in rows {
        let row = row.map_err(unreadable)?;
        if read.numbers.len() + read.failed.len() >= NUMBERS_MAX {
            return Err(Unusable::whole(format!("there are more than {NUMBERS_MAX} rows")));
        }
        match columns.read(&row) {
            Ok(number) => read.numbers.push(number),
            Err(why) => {
                let line = lines.of_row(row.position().map_or(0, csv::Position::byte));
                let message = format!("line {line}: {why}");
                read.failed.push(FailedNumber { number: columns.number(&row), code: "invalid_row", message });
            }
        }
    }
    Ok(read)
}

/// Counts lines as an editor does. The reader's own count is one behind where lines end with CR and LF.
struct Lines<'b> {
    text: &'b [u8],
    line: u64,
    offset: usize,
}

impl Lines<'_> {
    /// The line of the row that begins at this byte or at the first after it that ends no line. Rows are asked
    /// for in their order.
    fn of_row(&mut self, byte: u64) -> u64 {
        let begins = |&at: &usize| !matches!(self.text.get(at), Some(b'\r' | b'\n'));
        let byte = usize::try_from(byte).unwrap_or(self.text.len());
        let start = (byte..self.text.len()).find(begins).unwrap_or(self.text.len());
        let passed = self.text.get(self.offset..start).unwrap_or_default();
        self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.offset = self.offset.max(start);
        self.line
    }
}

/// Where each of [`COLUMNS`] stands in a row.
struct Columns {
    places: [Option<usize>; COLUMNS.len()],
    count: usize,
}

impl Columns {
    fn of_header(header: &csv::ByteRecord) -> Result<Self, Unusable> {
        let mut places = [None; COLUMNS.len()];
        for (place, name) in header.iter().enumerate() {
            let Some(known) = COLUMNS.iter().position(|known| known.as_bytes() == name) else {
                let name: String = String::from_utf8_lossy(name).chars().take(64).collect();
                return Err(Unusable::field(name, "the columns are number, appKey, areaCode and sms"));
            };
            if places[known].replace(place).is_some() {
                return Err(Unusable::field(COLUMNS[known], format!("{} is a column twice", COLUMNS[known])));
            }
        }
        for required in 0..2 {
            if places[required].is_none() {
                let name = COLUMNS[required];
                return Err(Unusable::field(name, format!("the header row lacks the column {name}")));
            }
        }
        Ok(Self { places, count: header.len() })
    }

    fn read(&self, row: &csv::ByteRecord) -> Result<NewNumber, String> {
        if row.len() != self.count {
            return Err(format!("{} fields where the header row has {}", row.len(), self.count));
        }
        let text = |column: usize| match self.places[column].and_then(|place| row.get(place)) {
            None => Ok(String::new()),
            Some(bytes) => std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| format!("{} is not UTF-8", COLUMNS[column])),
        };
        let sms = match text(3)?.to_ascii_lowercase().as_str() {
            "" | "false" => false,
            "true" => true,
            _ => return Err("sms must be true or false".into()),
        };
        Ok(NewNumber { number: text(0)?, app_key: text(1)?, area_code: text(2)?, sms })
    }

    /// What stands in the number's place of a row that cannot be read; a number has at most 19 characters.
    fn number(&self, row: &csv::ByteRecord) -> String {
        let field = self.places[0].and_then(|place| row.get(place)).unwrap_or_default();
        String::from_utf8_lossy(field).chars().take(32).collect()
    }
}

/// What became of new numbers.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct NumbersAdded {
    pub added: usize,
    pub failed: Vec<FailedNumber>,
}

/// A number that could not be added.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of proto-docs/operator.md")]
pub struct FailedNumber {
    pub number: String,
    pub code: &'static str,
    pub message: String,
}

/// Reads `POST /operator/v1/numbers/{number}/status`.
pub fn new_status(body: &[u8]) -> Result<NumberStatus, Unusable> {
    let mut members = Members::of_body(body)?;
    let status = members.required_text("status")?;
    let cause = members.nullable_text("cause")?.flatten();
    let unknown_cause = members.wrong("cause", "must be 1, 2, 3 or 5 to 9");
    let misplaced_cause = members.wrong("cause", "goes with status 10 only");
    let unknown_status = members.wrong("status", "must be 5, 9, 10 or 11");
    members.finish()?;
    let cause = match cause.as_deref() {
        None => None,
        Some(text) => {
            let cause = text.parse().ok().filter(|cause| matches!(cause, 1..=3 | 5..=9));
            Some(cause.ok_or(unknown_cause)?)
        }
    };
    let status = NumberStatus::from_codes(&status, cause).ok_or(unknown_status)?;
    if cause.is_some() && status.cause().is_none() { Err(misplaced_cause) } else { Ok(status) }
}

/// Reads `POST /operator/v1/numbers/{number}/move`: the new app's key.
pub fn move_to(body: &[u8]) -> Result<String, Unusable> {
    let mut members = Members::of_body(body)?;
    let app_key = members.required_text("appKey")?;
    members.finish()?;
    Ok(app_key)
}

/// What is known about a number besides its record.
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberUse {
    /// Bindings that stand on it.
    pub bound: usize,
    /// How many can, where it is not as for all numbers of its app.
    pub capacity: Option<u32>,
    /// Parties in quarantine on it.
    pub quarantined: u32,
    /// When a call to it last ended.
    pub last_call_at: Option<Timestamp>,
}

/// One number as operators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberAnswer {
    number: String,
    app_key: String,
    mode: &'static str,
    area_code: Option<String>,
    sms: bool,
    status: &'static str,
    cause: Option<String>,
    bound: usize,
    capacity: u32,
    quarantined: u32,
    last_call_at: Option<String>,
    added_at: String,
}

impl NumberAnswer {
    /// For a number of `app`.
    pub fn of(record: &NumberRecord, app: &CustomerApp, used: NumberUse) -> Self {
        Self {
            number: record.x.expose(),
            app_key: app.key.to_string(),
            mode: app.mode.as_str(),
            area_code: record.area.map(|area| area.to_string()),
            sms: record.sms,
            status: record.status.code(),
            cause: record.status.cause().map(|cause| cause.to_string()),
            bound: used.bound,
            capacity: used.capacity.unwrap_or(app.x_capacity()),
            quarantined: used.quarantined,
            last_call_at: time(used.last_call_at),
            added_at: format_rfc3339_millis(record.added_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_is_read_by_its_header_row_and_bad_rows_are_named_by_their_line() {
        let csv = "\u{feff}appKey, number ,sms\r\nkey,+8617000000001,TRUE\r\nkey\r\n\nkey,+8617000000002,perhaps\n\
                   \nkey,\"+8617000000003\",\n";
        let read = new_numbers_csv(csv.as_bytes()).unwrap();
        let number = |number: &str, sms| NewNumber {
            number: number.into(),
            app_key: "key".into(),
            area_code: String::new(),
            sms,
        };
        assert_eq!(read.numbers, [number("+8617000000001", true), number("+8617000000003", false)]);
        let failed: Vec<_> = read.failed.iter().map(|row| (&*row.number, &*row.message)).collect();
        let expected = [
            ("", "line 3: 1 fields where the header row has 3"),
            ("+8617000000002", "line 5: sms must be true or false"),
        ];
        assert_eq!(failed, expected);
    }

    #[test]
    fn a_csv_without_the_right_columns_is_refused_with_the_column() {
        for (csv, field) in [
            ("number,appKey,city\n", Some("city")),
            ("number\n", Some("appKey")),
            ("number,appKey,number\n", Some("number")),
            ("", None),
        ] {
            assert_eq!(new_numbers_csv(csv.as_bytes()).unwrap_err().field.as_deref(), field, "{csv:?}");
        }
        let long = format!("number,appKey\n{}", "a,b\n".repeat(NUMBERS_MAX + 1));
        assert!(new_numbers_csv(long.as_bytes()).unwrap_err().message.contains("more than 10000"));
    }

    #[test]
    fn no_bytes_upset_the_csv_reader() {
        let read = new_numbers_csv(b"number,appKey\n\xff\xfe,key\n\"open,key\n").unwrap();
        assert_eq!((read.numbers.len(), read.failed.len()), (0, 2));
    }

    #[test]
    fn a_cause_goes_with_status_10_only() {
        let read = |body: &str| new_status(body.as_bytes());
        assert_eq!(read(r#"{"status":"10","cause":"2"}"#), Ok(NumberStatus::Unavailable(Some(2))));
        assert_eq!(read(r#"{"status":"10"}"#), Ok(NumberStatus::Unavailable(None)));
        assert_eq!(read(r#"{"status":"9","cause":null}"#), Ok(NumberStatus::Suspended));
        for (body, field) in [
            (r#"{"status":"9","cause":"2"}"#, "cause"),
            (r#"{"status":"10","cause":"4"}"#, "cause"),
            (r#"{"status":"7"}"#, "status"),
            (r#"{"status":5}"#, "status"),
            (r"{}", "status"),
        ] {
            assert_eq!(read(body).unwrap_err().field.as_deref(), Some(field), "{body}");
        }
    }
}
