//! Tables for people. Identifiers and numbers are never broken in two, so that they can be copied; where a
//! table does not fit the terminal its rows are told one below the other.

use std::fmt::Write as _;

use comfy_table::{ColumnConstraint, ContentArrangement, Table as Grid, TableStyle};

use super::output::plain;

/// Narrowest width to which a column of free text is squeezed before the table is given up.
const PROSE_WIDTH_MIN: usize = 16;
/// Blanks between two columns.
const GAP: u16 = 2;

/// How a column behaves when room is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Kind {
    /// Identifiers, numbers, times: whole or not at all.
    Whole,
    /// Free text: may be broken into lines.
    Prose,
}

/// Rows under titles.
#[derive(Debug)]
pub(in crate::cli) struct Table {
    columns: Vec<(&'static str, Kind)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(in crate::cli) const fn new(columns: Vec<(&'static str, Kind)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(in crate::cli) fn add(&mut self, row: impl IntoIterator<Item = String>) {
        // In a cell a line break would tear the row apart.
        let cells = row.into_iter().map(|cell| plain(&cell).replace('\n', "\\n"));
        self.rows.push(cells.map(|cell| if cell.is_empty() { "-".into() } else { cell }).collect());
    }

    /// As text for a terminal of `width` columns; `None` = as wide as it takes.
    pub(in crate::cli) fn render(&self, width: Option<u16>) -> String {
        match width {
            Some(width) if self.least_width() > usize::from(width) => self.one_below_the_other(),
            _ => self.grid(width),
        }
    }

    fn grid(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new();
        grid.load_style(TableStyle::new());
        match width {
            // The gap after the last column may stand beyond the edge: it is trimmed.
            Some(width) => grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width + GAP),
            None => grid.set_content_arrangement(ContentArrangement::Disabled),
        };
        grid.set_header(self.columns.iter().map(|(title, _)| *title));
        grid.add_rows(&self.rows);
        for (column, (_, kind)) in grid.column_iter_mut().zip(&self.columns) {
            column.set_padding((0, GAP));
            if *kind == Kind::Whole {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        grid.trim_fmt()
    }

    fn one_below_the_other(&self) -> String {
        let widest = self.columns.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
        let mut text = String::new();
        for row in &self.rows {
            for ((title, _), cell) in self.columns.iter().zip(row) {
                writeln!(text, "{title:widest$}  {cell}").expect("a String takes every text");
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The least width at which nothing whole is broken and prose is still readable.
    fn least_width(&self) -> usize {
        let of_column = |at: usize, (title, kind): &(&str, Kind)| {
            let cells = self.rows.iter().map(|row| console::measure_text_width(&row[at]));
            let natural = cells.max().unwrap_or(0).max(title.len());
            if *kind == Kind::Prose { natural.min(PROSE_WIDTH_MIN) } else { natural }
        };
        let columns = self.columns.iter().enumerate().map(|(at, column)| of_column(at, column));
        columns.sum::<usize>() + usize::from(GAP) * self.columns.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![("KEY", Kind::Whole), ("MODE", Kind::Whole), ("NAME", Kind::Prose)]);
        table.add([
            "demoAppKey00000000000000000001".into(),
            "AXB".into(),
            "Example Taxi of the North".into(),
        ]);
        table.add(["k2".into(), "AX".into(), String::new()]);
        table
    }

    #[test]
    fn columns_line_up_and_lines_carry_no_blanks_at_their_ends() {
        assert_eq!(
            table().render(None),
            "KEY                             MODE  NAME\n\
             demoAppKey00000000000000000001  AXB   Example Taxi of the North\n\
             k2                              AX    -"
        );
    }

    #[test]
    fn prose_is_broken_before_an_identifier_is() {
        let text = table().render(Some(56));
        assert!(text.contains("demoAppKey00000000000000000001  AXB   Example Taxi of\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 56), "{text}");
    }

    #[test]
    fn where_there_is_no_room_rows_are_told_one_below_the_other() {
        assert_eq!(
            table().render(Some(40)),
            "KEY   demoAppKey00000000000000000001\nMODE  AXB\nNAME  Example Taxi of the North\n\n\
             KEY   k2\nMODE  AX\nNAME  -"
        );
    }

    #[test]
    fn a_line_break_in_a_cell_does_not_tear_the_row_apart() {
        let mut table = Table::new(vec![("NAME", Kind::Prose)]);
        table.add(["two\nlines".into()]);
        assert_eq!(table.render(None), "NAME\ntwo\\nlines");
    }
}
