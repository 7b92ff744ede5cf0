//! `privnum number import`: a CSV file of any length, in portions that the gateway takes.
//!
//! Each row ends up added or reported with its line. Rows that cannot be read are reported here, the others
//! by the gateway. A number that comes a second time is not sent again, so a report of the gateway leads to
//! exactly one line. When a portion fails as a whole the import stops and says where.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Shell;
use super::client::Query;
use super::fault::Fault;
use super::output::plain;
use super::rows::{Header, Lines};
use crate::cli::complain;
use crate::domain::number::E164;

/// Rows in one request: the most the gateway takes.
const PORTION_ROWS: usize = 10_000;

/// A number that was not added.
#[derive(Debug, Deserialize)]
pub(super) struct Failed {
    pub(super) number: String,
    pub(super) code: String,
    pub(super) message: String,
}

/// A row that was not added.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct FailedRow {
    line: u64,
    number: String,
    code: String,
    message: String,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) added: u64,
}

impl Tally {
    /// In words; `thing` is what was added, in the singular.
    pub(super) fn told(self, thing: &str) -> String {
        let Self { rows, added } = self;
        let things = if rows == 1 { thing.to_owned() } else { format!("{thing}s") };
        match rows - added.min(rows) {
            0 if rows == 1 => format!("Added the {thing}."),
            0 => format!("Added all {rows} {things}."),
            failed => format!("Added {added} of {rows} {things}; {failed} failed."),
        }
    }
}

#[derive(Deserialize)]
struct Added {
    added: u64,
    failed: Vec<Failed>,
}

/// The rows of one request. `lines` leads from a number to where it stands.
#[derive(Default)]
struct Portion {
    entries: Vec<Value>,
    lines: HashMap<String, Vec<u64>>,
    first_line: u64,
    last_line: u64,
}

impl Portion {
    fn push(&mut self, entry: Value, number: &str, line: u64) {
        if self.entries.is_empty() {
            self.first_line = line;
        }
        self.last_line = line;
        self.lines.entry(spelled_alike(number)).or_default().push(line);
        self.entries.push(entry);
    }

    /// The row that a report of the gateway is about. Only what is no number can be there more than once, and
    /// then each such row has its own report.
    fn row_of(&mut self, failed: Failed) -> FailedRow {
        let lines = self.lines.get_mut(&spelled_alike(&failed.number));
        let line = lines.filter(|lines| !lines.is_empty()).map_or(0, |lines| lines.remove(0));
        FailedRow { line, number: failed.number, code: failed.code, message: failed.message }
    }
}

/// One spelling for each number; what is none stays as it is.
fn spelled_alike(text: &str) -> String {
    E164::parse(text).map_or_else(|_| text.to_owned(), E164::expose)
}

/// An import under way.
struct Import<'a> {
    shell: &'a mut Shell,
    bar: ProgressBar,
    tally: Tally,
    failures: u64,
}

/// Imports the file at `path`; rows without an app are for `app`.
pub(super) async fn run(shell: &mut Shell, path: &Path, app: Option<&str>) -> Result<(), Fault> {
    let unreadable = |what: String| Fault::File { path: path.into(), what };
    let (mut lines, length) = Lines::open(path).map_err(|error| unreadable(error.to_string()))?;
    let first = lines.next().map_err(|error| unreadable(error.to_string()))?;
    let first = first.ok_or_else(|| unreadable("is empty".into()))?;
    let first = first.map_err(|_| unreadable("line 1 is no text in UTF-8".into()))?;
    let header = Header::read(&first, app.is_some()).map_err(unreadable)?;

    let mut import = Import { shell, bar: progress_bar(length), tally: Tally::default(), failures: 0 };
    import.open()?;
    let outcome = import.rows(path, &mut lines, &header, app).await;
    import.bar.finish_and_clear();
    import.close(&outcome)?;
    match outcome {
        Ok(()) if import.failures == 0 => Ok(()),
        Ok(()) => Err(Fault::Partly),
        Err(fault) => Err(fault),
    }
}

impl Import<'_> {
    async fn rows(
        &mut self,
        path: &Path,
        lines: &mut Lines,
        header: &Header,
        app: Option<&str>,
    ) -> Result<(), Fault> {
        let (mut portion, mut seen) = (Portion::default(), HashMap::new());
        let unreadable = |error: std::io::Error| Fault::File { path: path.into(), what: error.to_string() };
        while let Some(row) = lines.next().map_err(unreadable)? {
            self.bar.set_position(lines.bytes);
            self.tally.rows += 1;
            let (line, number) = (lines.count, header.number_of(row.as_ref().ok()));
            let entry = match &row {
                Ok(row) => header.entry(row, app),
                Err(_) => Err(("invalid_row", "the line is no text in UTF-8".into())),
            };
            let entry = entry.and_then(|entry| match first_time(&mut seen, &number, line) {
                None => Ok(entry),
                Some(first) => Err(("duplicate_row", format!("the number stands in line {first} already"))),
            });
            match entry {
                Ok(entry) => portion.push(entry, &number, line),
                Err((code, message)) => {
                    self.fail(&FailedRow { line, number, code: code.into(), message })?;
                }
            }
            if portion.entries.len() == PORTION_ROWS {
                self.send(std::mem::take(&mut portion)).await?;
            }
        }
        if portion.entries.is_empty() { Ok(()) } else { self.send(portion).await }
    }

    async fn send(&mut self, mut portion: Portion) -> Result<(), Fault> {
        let body = json!({ "numbers": std::mem::take(&mut portion.entries) });
        let answer = self.shell.client.post(&["numbers"], &Query::default(), &body).await;
        let answer = answer.inspect_err(|_| {
            let Portion { first_line, last_line, .. } = portion;
            let text = format!("The import stopped: lines {first_line} to {last_line} failed as a whole, later ones were not sent.");
            self.bar.suspend(|| complain(&text));
        })?;
        let added: Added = self.shell.client.read(&answer)?;
        self.tally.added += added.added;
        for failed in added.failed {
            let row = portion.row_of(failed);
            self.fail(&row)?;
        }
        read_or_not(self.shell.out.flush())
    }

    /// Reports a row, at once: of a long file there may be more than one wants to keep.
    fn fail(&mut self, row: &FailedRow) -> Result<(), Fault> {
        self.failures += 1;
        let (json, first) = (self.shell.out.is_json(), self.failures == 1);
        let text = if json {
            let row = serde_json::to_string(row).expect("texts and numbers are valid JSON");
            format!("{}{row}", if first { "" } else { "," })
        } else {
            let FailedRow { line, number, code, message } = row;
            plain(&format!("line {line}  {number}  {code}: {message}")).replace('\n', "\\n")
        };
        let out = &mut self.shell.out;
        read_or_not(self.bar.suspend(|| out.line(&text).and_then(|()| out.flush())))
    }

    fn open(&mut self) -> Result<(), Fault> {
        read_or_not(if self.shell.out.is_json() { self.shell.out.line("{\"failed\":[") } else { Ok(()) })
    }

    /// The summary. When the import broke off a machine finds no end of the object, and people the count.
    fn close(&mut self, outcome: &Result<(), Fault>) -> Result<(), Fault> {
        let Tally { rows, added } = self.tally;
        let out = &mut self.shell.out;
        let said = match (out.is_json(), outcome) {
            (true, Ok(())) => out.line(&format!("],\"rows\":{rows},\"added\":{added}}}")),
            (true, Err(_)) => Ok(()),
            (false, Ok(())) => out.line(&self.tally.told("row")),
            (false, Err(_)) => out.line(&format!("Added {added} numbers before that.")),
        };
        read_or_not(said.and_then(|()| out.flush()))
    }
}

/// An import goes on to its end also when nobody reads its reports any more.
fn read_or_not(written: Result<(), Fault>) -> Result<(), Fault> {
    match written {
        Err(Fault::ReaderGone) => Ok(()),
        other => other,
    }
}

/// Notes that `number` stands in `line`. Returns the line where it stood first, if that is another one.
fn first_time(seen: &mut HashMap<u64, u64>, number: &str, line: u64) -> Option<u64> {
    // What is no number is refused wherever it stands.
    let word = E164::parse(number).ok()?.word();
    match seen.entry(word) {
        std::collections::hash_map::Entry::Occupied(first) => Some(*first.get()),
        std::collections::hash_map::Entry::Vacant(free) => {
            free.insert(line);
            None
        }
    }
}

/// Shown on a terminal only.
fn progress_bar(length: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let Some(length) = length else { return ProgressBar::new_spinner() };
    let style = ProgressStyle::with_template("importing {bar:40} {bytes}/{total_bytes} {eta}");
    ProgressBar::new(length).with_style(style.expect("the template is valid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_the_gateway_leads_to_its_line() {
        let mut portion = Portion::default();
        for (number, line) in [("+8617000000001", 2), ("nonsense", 3), ("nonsense", 4)] {
            portion.push(Value::Null, number, line);
        }
        let mut line_of = |number: &str| {
            let failed = Failed { number: number.into(), code: "c".into(), message: "m".into() };
            portion.row_of(failed).line
        };
        assert_eq!([line_of("nonsense"), line_of("+8617000000001"), line_of("nonsense")], [3, 2, 4]);
    }
}
