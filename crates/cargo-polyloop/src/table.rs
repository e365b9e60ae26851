//! The matrix on a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::matrix::{Matrix, Outcome, Row};

const BOLD: Style = Style::new().bold();
const PASS: Style = AnsiColor::Green.on_default();
const FAIL: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = AnsiColor::BrightBlack.on_default();

/// The widths of its columns, which are known before anything has run.
pub(crate) struct Table {
    first: usize,
    head: String,
}

/// Wide enough for every word and every loop.
const WIDTH: usize = 9;

impl Table {
    pub(crate) fn of(matrix: &Matrix) -> Self {
        let lengths = matrix.rows.iter().flat_map(|row| {
            let test = row.test.chars().count() + 2;
            [test, row.target.chars().count()]
        });
        let first = lengths.max().unwrap_or_default();
        let mut head = format!("\n{BOLD}{:first$}", "");
        for column in &matrix.columns {
            let _ = write!(head, "  {column:WIDTH$}");
        }
        let _ = writeln!(head, "{BOLD:#}");
        Self { first, head }
    }

    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// A row, with the name of its program above the first one of it.
    pub(crate) fn row(&self, matrix: &Matrix, row: &Row, place: usize) -> String {
        let mut text = String::new();
        let before = place
            .checked_sub(1)
            .and_then(|place| matrix.rows.get(place));
        if before.is_none_or(|before| before.target != row.target) {
            let _ = writeln!(text, "{BOLD}{}{BOLD:#}", row.target);
        }
        let first = self.first - 2;
        let _ = write!(text, "  {:first$}", row.test);
        for cell in &row.cells {
            let style = match cell.outcome() {
                Some(Outcome::Pass) => PASS,
                Some(Outcome::Fail { .. }) => FAIL,
                _ => QUIET,
            };
            let _ = write!(text, "  {style}{:WIDTH$}{style:#}", cell.word());
        }
        text + "\n"
    }
}

/// The counts of each loop, and each failure with its output and the way back to it.
pub(crate) fn conclusion(matrix: &Matrix) -> String {
    let mut text = String::new();
    for (row, column, output, again) in matrix.failures() {
        let _ = writeln!(
            text,
            "\n{FAIL}FAIL{FAIL:#} {BOLD}{} on {column}{BOLD:#} ({})",
            row.test, row.target
        );
        for line in output.lines() {
            let _ = writeln!(text, "    {line}");
        }
        let _ = writeln!(
            text,
            "  to run exactly this again:\n    {BOLD}{again}{BOLD:#}"
        );
    }
    let _ = writeln!(text);
    for (place, column) in matrix.columns.iter().enumerate() {
        let counts = matrix.counts(place);
        let style = if counts.fail > 0 { FAIL } else { PASS };
        let _ = writeln!(text, "{column:WIDTH$}  {style}{}{style:#}", counts.words());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Table, conclusion};
    use crate::matrix::tests::sample;

    fn plain(text: &str) -> String {
        let stripped = anstream::adapter::strip_str(text);
        stripped.to_string()
    }

    #[test]
    fn each_test_has_a_line_and_each_loop_a_column() {
        let matrix = sample();
        let table = Table::of(&matrix);
        let mut text = table.head().to_owned();
        for (place, row) in matrix.rows.iter().enumerate() {
            text += &table.row(&matrix, row, place);
        }
        let text = plain(&text);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "",
                "     tokio      smol       plain",
                "lib",
                "  a  pass       FAIL",
                "  b  ignored",
                "  c                        pass",
            ]
        );
    }

    #[test]
    fn a_failure_is_told_with_its_output_and_the_way_back() {
        let text = plain(&conclusion(&sample()));
        assert!(
            text.contains("FAIL a on smol (lib)\n    expected <a>"),
            "{text}"
        );
        assert!(
            text.contains("again:\n    cargo test --lib -- --exact a::smol\n"),
            "{text}"
        );
        assert!(text.contains("smol       1 fail\n"), "{text}");
    }
}
