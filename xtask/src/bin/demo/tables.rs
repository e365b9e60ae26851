//! The tables at the end.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use crate::choosing::Choice;
use crate::exchange::Plan;
use crate::pair::PairReport;

/// One row per pair of loops.
pub(crate) fn pairs(reports: &[PairReport], plan: Plan) -> Table {
    let exchanged = format!(
        "{0} MiB + {0} MiB, {1} lines, half close, reset",
        plan.bulk_bytes / 1024 / 1024,
        plan.lines
    );
    let mut table = table([
        "server loop",
        "client loop",
        "exchanged",
        "MiB/s",
        "lines/s",
        "ok",
    ]);
    for report in reports {
        let mib = plan.bulk_bytes as f64 * 2.0 / 1024.0 / 1024.0;
        table.add_row([
            report.server.to_string(),
            report.client.to_string(),
            exchanged.clone(),
            per_second(mib, report.bulk),
            per_second(plan.lines as f64, report.lines),
            "ok".to_owned(),
        ]);
    }
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// One row per choice of a loop.
pub(crate) fn choices(choices: &[Choice]) -> Table {
    let mut table = table(["chosen by", "asked for", "got", "its tasks ran on", "ok"]);
    for choice in choices {
        table.add_row([choice.way, &choice.asked, &choice.got, &choice.thread, "ok"]);
    }
    table
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

fn per_second(amount: f64, took: Duration) -> String {
    format!("{:.0}", amount / took.as_secs_f64().max(1e-9))
}
