//! The tables on the terminal.

use comfy_table::{CellAlignment, Table, presets};

use super::bars::{Verdict, bar, verdict};
use super::figures::Figures;
use super::row::{Metric, Row};
use crate::suites::Subject;

/// The heads of the columns.
const HEADS: [&str; 10] = [
    "suite",
    "loop",
    "subject",
    "metric",
    "value",
    "reference",
    "ratio",
    "spread",
    "bar",
    "met",
];

/// The columns of numbers.
const NUMBERS: std::ops::Range<usize> = 4..8;

/// Two tables: the figures that have a bar, and all the others beside them.
pub(crate) fn tables(rows: &[Row]) -> String {
    let (barred, beside): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| bar(row).is_some());
    format!(
        "Beside the bars:\n{}\n\nHeld against the bars ({}):\n{}",
        table(rows, &beside),
        counts(rows),
        table(rows, &barred)
    )
}

fn table(all: &[Row], rows: &[&Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(HEADS);
    for row in rows {
        table.add_row(cells(all, row));
    }
    for number in NUMBERS {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// What stands in the columns.
fn cells(all: &[Row], row: &Row) -> [String; 10] {
    let (value, reference, ratio, spread) = match row.figures {
        None => (
            "not measured".to_owned(),
            String::new(),
            String::new(),
            String::new(),
        ),
        Some(figures) => (
            row.metric.show(figures.value),
            figures
                .reference
                .map_or_else(String::new, |reference| row.metric.show(reference)),
            shown_ratio(&figures),
            figures
                .spread
                .map_or_else(String::new, |(low, high)| format!("{low:.3}..{high:.3}")),
        ),
    };
    let (most, met) = bar(row).map_or_else(Default::default, |bar| {
        let verdict = verdict(row, bar, control(all, row));
        (bar.to_string(), verdict.to_string())
    });
    [
        row.suite.name().to_owned(),
        row.on.name().to_owned(),
        row.subject.name().to_owned(),
        row.metric.title().to_owned(),
        value,
        reference,
        ratio,
        spread,
        most,
        met,
    ]
}

fn shown_ratio(figures: &Figures) -> String {
    match (figures.reference, figures.ratio) {
        (None, _) => String::new(),
        (_, Some(ratio)) => format!("{ratio:.3}"),
        (_, None) => "∞".to_owned(),
    }
}

/// The same figure of the reference against itself.
pub(super) fn control<'a>(all: &'a [Row], row: &Row) -> Option<&'a Row> {
    all.iter().find(|other| {
        other.subject == Subject::Control
            && (other.suite, other.on, other.metric) == (row.suite, row.on, row.metric)
    })
}

/// How many bars are met.
pub(super) fn counts(rows: &[Row]) -> String {
    let verdicts: Vec<Verdict> = rows
        .iter()
        .filter_map(|row| Some(verdict(row, bar(row)?, control(rows, row))))
        .collect();
    let count = |wanted| {
        verdicts
            .iter()
            .filter(|verdict| **verdict == wanted)
            .count()
    };
    format!(
        "{} met, {} within noise, {} not met, {} not measured",
        count(Verdict::Met),
        count(Verdict::WithinNoise),
        count(Verdict::Missed),
        count(Verdict::NotMeasured) + count(Verdict::Unsteady)
    )
}

/// What one contest showed, in a line.
pub(crate) fn in_short(rows: &[Row]) -> String {
    let shown = |row: &&Row| {
        matches!(
            row.metric,
            Metric::CpuNanos
                | Metric::Instructions
                | Metric::SystemCalls
                | Metric::Allocations
                | Metric::MemoryAfterTraffic
                | Metric::EventRate
                | Metric::ResidentMemory
                | Metric::RealMillis
        )
    };
    let mut parts: Vec<String> = Vec::new();
    for row in rows.iter().filter(shown) {
        let what = match row.metric {
            Metric::CpuNanos => "cpu",
            Metric::Instructions => "instructions",
            Metric::SystemCalls => "calls",
            Metric::SocketCalls => "socket calls",
            Metric::Allocations => "allocations",
            Metric::EventRate | Metric::ResidentMemory | Metric::RealMillis => row.metric.title(),
            _ => "memory",
        };
        let value = match (row.metric, row.figures) {
            (_, None) => "not measured".to_owned(),
            (
                metric,
                Some(Figures {
                    value,
                    reference: None,
                    ..
                }),
            ) => metric.show(value),
            // A ratio of counts hides what there is to count.
            (Metric::SystemCalls | Metric::SocketCalls | Metric::Allocations, Some(figures)) => {
                let reference = figures.reference.unwrap_or_default();
                format!("{:.2}:{reference:.2}", figures.value)
            }
            (_, Some(figures)) => figures
                .ratio
                .map_or("∞".to_owned(), |ratio| format!("×{ratio:.3}")),
        };
        parts.push(format!("{} {what} {value}", row.subject.name()));
    }
    parts.join(", ")
}
