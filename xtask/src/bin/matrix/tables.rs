//! The matrix on a terminal: rows, counts, and last what failed and why.

use std::env;
use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use polyloop_conformance::Status;

use crate::matrix::{Matrix, Row, Section};

/// Wide enough for a sentence beside the loops, where the terminal doesn't say.
const WIDTH: u16 = 120;

/// As wide as `COLUMNS` says.
pub(crate) fn width() -> u16 {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(WIDTH)
}

/// One table per section with a row per behaviour.
pub(crate) fn sections(matrix: &Matrix, width: u16) -> String {
    let mut text = String::new();
    for section in matrix.sections() {
        let mut table = table(width);
        let title = [section.name.to_owned(), "behaviour".to_owned()];
        table.set_header(title.iter().chain(&matrix.loops));
        for row in section.rows {
            let cells = row.cells.iter().map(|cell| word(cell).to_owned());
            let line = [row.id.clone(), row.text.clone()].into_iter().chain(cells);
            table.add_row(line);
        }
        let _ = writeln!(text, "\n{table}");
    }
    text
}

/// The counts of each section and of all.
pub(crate) fn counts(matrix: &Matrix, width: u16) -> Table {
    let mut table = table(width);
    let title = ["section".to_owned(), "IDs".to_owned()];
    table.set_header(title.iter().chain(&matrix.loops));
    for section in matrix.sections().chain([matrix.whole()]) {
        table.add_row(count_row(matrix, section));
    }
    table
}

fn count_row(matrix: &Matrix, section: Section<'_>) -> Vec<String> {
    let mut line = vec![section.name.to_owned(), section.rows.len().to_string()];
    line.extend((0..matrix.loops.len()).map(|column| section.counts(column).words().join(", ")));
    line
}

/// Each failing line with its sentence, what was seen where, and how to see it
/// again.
pub(crate) fn failures(matrix: &Matrix) -> String {
    let mut text = String::new();
    for row in matrix.failing() {
        let _ = writeln!(text, "\n{} {}", row.id, row.text);
        for (loops, status) in row.notes(&matrix.loops) {
            if let Status::Fail(seen) = status {
                let _ = writeln!(text, "    {}: {}", loops.join(", "), indented(seen));
            }
        }
        let _ = writeln!(text, "    again: {}", matrix.again(row));
    }
    text
}

/// Each line that doesn't apply everywhere, with the reason.
pub(crate) fn reasons(matrix: &Matrix) -> String {
    let mut text = String::new();
    for row in &matrix.rows {
        for (loops, status) in row.notes(&matrix.loops) {
            if !matches!(status, Status::Fail(_)) {
                let _ = writeln!(text, "\n{} {}", row.id, row.text);
                let _ = writeln!(text, "    {}{}", whom(matrix, row, &loops), status);
            }
        }
    }
    text
}

/// Names the loops unless it is all of them.
fn whom(matrix: &Matrix, row: &Row, loops: &[&str]) -> String {
    debug_assert_eq!(row.cells.len(), matrix.loops.len());
    if loops.len() == matrix.loops.len() {
        String::new()
    } else {
        format!("{}: ", loops.join(", "))
    }
}

/// The word in a cell.
pub(crate) fn word(status: &Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Fail(_) => "FAIL",
        Status::NotYet => "not yet",
        _ => "n/a",
    }
}

fn indented(seen: &str) -> String {
    seen.replace('\n', "\n        ")
}

fn table(width: u16) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    table
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, counts, failures, reasons, sections};
    use crate::matrix::tests::sample;

    #[test]
    fn a_failure_is_shown_with_its_sentence_and_the_way_back_to_it() {
        assert_eq!(
            failures(&sample()),
            "\nLOOP-02 The sentence of LOOP-02.\n    smol: expected <a> & \"b\"\n    \
             again: cargo xtask matrix --only LOOP-02 --loop smol\n"
        );
    }

    #[test]
    fn a_reason_names_the_loops_only_if_not_all_share_it() {
        assert_eq!(
            reasons(&sample()),
            "\nLOOP-03 The sentence of LOOP-03.\n    n/a: types say so\n\
             \nBUF-01 The sentence of BUF-01.\n    smol: n/a: not checked yet\n"
        );
    }

    #[test]
    fn every_row_and_every_count_is_there() {
        let rows = sections(&sample(), WIDTH);
        for row in &sample().rows {
            assert!(rows.contains(&row.text), "{rows}");
        }
        let counts = counts(&sample(), WIDTH).to_string();
        assert!(counts.contains("1 fail, 1 pass, 1 n/a"), "{counts}");
        assert!(counts.contains("1 not yet"), "{counts}");
    }
}
