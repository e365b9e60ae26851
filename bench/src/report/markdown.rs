//! The results as a page of Markdown: the circumstances, and a table per suite in which
//! each subject has a line and each kind of figure a column.

use std::fmt::Write as _;

use super::bars::{Verdict, bar, verdict};
use super::row::{Metric, Row};
use super::tables::{control, counts};
use crate::session::Machine;
use crate::suites::{LoopKind, Subject, Suite};

/// How the cells are to be read.
const LEGEND: &str = "\
The first line of each loop is the reference. The others have their figure, its ratio to the
reference and, in brackets, the quartiles of that ratio. `+` meets its bar, `~` is over it by
less than the control strays from 1, `!` misses it, and `?` says nothing, since the control or
the figure itself strays by more than a tenth; instructions, as valgrind counts them, then stand in for time.";

/// The whole file.
pub(super) fn write(machine: &Machine, rows: &[Row]) -> String {
    let mut page = format!(
        "{}, commit {}: {} cores of {}, Linux {}; {}.\n\n```sh\n{}\n```\n\n{}.\n\n{LEGEND}\n",
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
    let metrics = distinct(rows.iter().map(|row| row.metric));
    let heads = metrics.iter().map(|metric| metric.title());
    line(page, ["loop", "subject"].into_iter().chain(heads));
    let rules = metrics.iter().map(|_| "--:");
    line(page, ["---", "---"].into_iter().chain(rules));
    for on in distinct(rows.iter().map(|row| row.on)) {
        let of_loop: Vec<&Row> = rows.iter().copied().filter(|row| row.on == on).collect();
        if let Some(reference) = of_loop.iter().find_map(|row| row.against) {
            subject(page, on, reference, &metrics, |metric| {
                let row = of_loop.iter().find(|row| row.metric == metric)?;
                Some(metric.show(row.figures?.reference?))
            });
        }
        for name in distinct(of_loop.iter().map(|row| row.subject)) {
            subject(page, on, name, &metrics, |metric| {
                let mut rows = of_loop.iter().filter(|row| row.subject == name);
                Some(cell(all, rows.find(|row| row.metric == metric)?))
            });
        }
    }
}

/// One line.
fn subject(
    page: &mut String,
    on: LoopKind,
    subject: Subject,
    metrics: &[Metric],
    cell: impl Fn(Metric) -> Option<String>,
) {
    let cells: Vec<String> = metrics
        .iter()
        .map(|metric| cell(*metric).unwrap_or_default())
        .collect();
    let names = [on.name(), subject.name()];
    line(
        page,
        names.into_iter().chain(cells.iter().map(String::as_str)),
    );
}

/// One figure, and what there is to say of it.
fn cell(all: &[Row], row: &Row) -> String {
    let Some(figures) = row.figures else {
        return "not measured".to_owned();
    };
    let mut text = row.metric.show(figures.value);
    if let Some(ratio) = figures.ratio {
        let _ = write!(text, " ×{ratio:.2}");
    }
    if let Some((low, high)) = figures.spread
        && high - low >= 0.005
    {
        let _ = write!(text, " ({low:.2}..{high:.2})");
    }
    if let Some(bar) = bar(row) {
        text.push_str(match verdict(row, bar, control(all, row)) {
            Verdict::Met => " +",
            Verdict::WithinNoise => " ~",
            Verdict::Missed => " !",
            Verdict::Unsteady => " ?",
            Verdict::NotMeasured => "",
        });
    }
    text
}

/// Each once, in the order in which they come first.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut found, one| {
        if !found.contains(&one) {
            found.push(one);
        }
        found
    })
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

    fn row(subject: Subject, metric: Metric, values: &[f64]) -> Row {
        Row {
            suite: Suite::Churn,
            on: LoopKind::Smol,
            subject,
            against: Some(Subject::Raw),
            metric,
            figures: Some(Figures::of(values, &[100.0, 100.0])),
        }
    }

    #[test]
    fn a_suite_has_a_heading_and_each_subject_a_line() {
        let rows = [
            row(Subject::Control, Metric::CpuNanos, &[101.0, 101.0]),
            row(Subject::Polyloop, Metric::CpuNanos, &[140.0, 160.0]),
            row(Subject::Polyloop, Metric::SystemCalls, &[100.0, 100.0]),
        ];
        let page = write(&Machine::default(), &rows);
        assert!(page.contains("\n## churn\n"), "{page}");
        assert!(!page.contains("## ping1"), "{page}");
        for line in [
            "| loop | subject | CPU ns/op | system calls/op |",
            "| smol | raw | 100 | 100.000 |",
            "| smol | control | 101 ×1.01 |  |",
            "| smol | polyloop | 150 ×1.50 (1.45..1.55) ! | 100.000 ×1.00 + |",
        ] {
            assert!(page.contains(line), "no {line} in {page}");
        }
    }

    #[test]
    fn what_has_no_reference_stands_alone() {
        let rate = Row {
            suite: Suite::SimEvents,
            on: LoopKind::Sim,
            subject: Subject::Polyloop,
            against: None,
            metric: Metric::EventRate,
            figures: Some(Figures::alone(&[400_000.0])),
        };
        let page = write(&Machine::default(), &[rate]);
        assert!(page.contains("| sim | polyloop | 400000 + |"), "{page}");
    }
}
