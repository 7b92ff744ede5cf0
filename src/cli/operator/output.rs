//! Standard output: tables and details for people, JSON for machines.
//!
//! What the gateway sends was partly written by customers and their servers, so nothing in it may steer the
//! terminal: every text passes [`plain`] on its way to a person. JSON is printed as it came.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufWriter, Stdout, Write as _};

use super::fault::Fault;
use super::table::Table;

/// Where answers go.
pub(super) struct Output {
    out: BufWriter<Stdout>,
    json: bool,
    /// Columns of the terminal; `None` when standard output is none.
    width: Option<u16>,
}

/// One thing, told as a heading and named values.
#[derive(Debug)]
pub(super) struct Details {
    heading: String,
    rows: Vec<(&'static str, String)>,
}

impl Details {
    pub(super) fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), rows: Vec::new() }
    }

    /// Adds a value that is always there.
    pub(super) fn with(mut self, label: &'static str, value: impl Into<String>) -> Self {
        self.rows.push((label, value.into()));
        self
    }

    /// Adds a value; `-` when there is none.
    pub(super) fn or_dash(self, label: &'static str, value: Option<impl Into<String>>) -> Self {
        let value = value.map_or_else(|| "-".into(), Into::into);
        self.with(label, value)
    }

    /// Adds a value, or nothing when there is none.
    pub(super) fn if_some(self, label: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(label, value),
            None => self,
        }
    }

    fn render(&self) -> String {
        let widest = self.rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let mut text = plain(&self.heading).into_owned();
        for (label, value) in &self.rows {
            let value = plain(value);
            write!(text, "\n  {label:widest$}  {value}").expect("a String takes every text");
        }
        text
    }
}

impl Output {
    /// For standard output.
    pub(super) fn stdout(json: bool) -> Self {
        let terminal = console::Term::stdout();
        let width = terminal.is_term().then(|| terminal.size_checked()).flatten().map(|(_, columns)| columns);
        Self { out: BufWriter::new(std::io::stdout()), json, width }
    }

    /// Whether a machine reads.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// A line of our own making, or one that came through [`plain`].
    pub(super) fn line(&mut self, text: &str) -> Result<(), Fault> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// What the gateway sent, as it is, on a line of its own.
    pub(super) fn raw(&mut self, text: impl AsRef<str>) -> Result<(), Fault> {
        self.line(text.as_ref().trim_end())
    }

    /// Bytes as they are, with nothing added.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        Ok(self.out.write_all(bytes)?)
    }

    pub(super) fn details(&mut self, details: &Details) -> Result<(), Fault> {
        self.line(&details.render())
    }

    pub(super) fn table(&mut self, table: &Table) -> Result<(), Fault> {
        let text = table.render(self.width);
        self.line(&text)
    }

    /// Hands on what is still held back.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        Ok(self.out.flush()?)
    }
}

/// `text` with everything that could steer a terminal or turn the reading direction written as an escape.
pub(in crate::cli) fn plain(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::new(), |mut escaped, c| {
        if steers(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
        escaped
    });
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_line_up_and_name_what_is_missing() {
        let details = Details::new("App demo").with("mode", "AXB").or_dash("status to", None::<String>);
        assert_eq!(details.render(), "App demo\n  mode       AXB\n  status to  -");
    }

    #[test]
    fn no_text_can_steer_the_terminal() {
        assert_eq!(plain("\u{1b}[2Jgone\u{9b}1m\r"), "\\u{1b}[2Jgone\\u{9b}1m\\r");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(plain("plain 中文\nsecond"), "plain 中文\nsecond");
    }
}
