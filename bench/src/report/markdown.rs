//! The results as a page of Markdown: the circumstances, and a table per suite.

use std::fmt::Write as _;

use super::row::Row;
use super::tables::{HEADS, NUMBERS, cells, counts};
use crate::session::Machine;
use crate::suites::Suite;

/// The whole file.
pub(super) fn write(machine: &Machine, rows: &[Row]) -> String {
    let mut page = format!(
        "{}, commit {}: {} cores of {}, Linux {}; {}.\n\n```sh\n{}\n```\n\n{}.\n",
        machine.date,
        machine.commit,
        machine.cores,
        machine.processor,
        machine.kernel,
        machine.pinning,
        machine.command,
        counts(rows)
    );
    for suite in Suite::ALL {
        let of_suite: Vec<&Row> = rows.iter().filter(|row| row.suite == suite).collect();
        if !of_suite.is_empty() {
            // Nothing is written to but a string, which never fails.
            let _ = write!(page, "\n## {}\n\n{}.\n\n", suite.name(), suite.about());
            table(&mut page, rows, &of_suite);
        }
    }
    page
}

fn table(page: &mut String, all: &[Row], rows: &[&Row]) {
    // The suite is in the heading.
    let rules = (1..HEADS.len()).map(|n| if NUMBERS.contains(&n) { "--:" } else { "---" });
    line(page, HEADS[1..].iter().copied());
    line(page, rules);
    for row in rows {
        let cells = cells(all, row);
        line(page, cells[1..].iter().map(String::as_str));
    }
}

fn line<'a>(page: &mut String, cells: impl Iterator<Item = &'a str>) {
    let cells: Vec<&str> = cells.collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::report::{Figures, Metric, Row};
    use crate::session::Machine;
    use crate::suites::{LoopKind, Subject, Suite};

    #[test]
    fn a_suite_has_a_heading_and_a_table() {
        let row = Row {
            suite: Suite::Churn,
            on: LoopKind::Smol,
            subject: Subject::Polyloop,
            against: Some(Subject::Raw),
            metric: Metric::CpuNanos,
            figures: Some(Figures::of(&[150.0], &[100.0])),
        };
        let page = write(&Machine::default(), &[row]);
        assert!(page.contains("\n## churn\n"), "{page}");
        assert!(!page.contains("## ping1"), "{page}");
        let line =
            "| smol | polyloop | CPU ns/op | 150 | 100 | 1.500 | 1.500..1.500 | ≤ 1.05 | NO |";
        assert!(page.contains(line), "{page}");
    }
}
