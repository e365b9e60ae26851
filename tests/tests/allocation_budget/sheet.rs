//! The table of what was counted and what was allowed.

use std::fmt::{self, Write as _};

use crate::meter::TIMES;

/// What an operation may allocate.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// So many, whatever the runtime does.
    AtMost(u64),
    /// As many as the runtime allocates for the same, and so many more.
    RawPlus(u64),
}

#[derive(Default)]
pub(crate) struct Sheet {
    loop_name: String,
    rows: Vec<Row>,
}

struct Row {
    loop_name: String,
    operation: &'static str,
    /// Per [`TIMES`] operations, as is `raw`.
    counted: u64,
    raw: Option<u64>,
    budget: Budget,
}

impl Sheet {
    /// What follows was counted on this loop.
    pub(crate) fn begin(&mut self, loop_name: &str) {
        loop_name.clone_into(&mut self.loop_name);
    }

    pub(crate) fn enter(
        &mut self,
        operation: &'static str,
        budget: Budget,
        counted: u64,
        raw: impl Into<Option<u64>>,
    ) {
        self.rows.push(Row {
            loop_name: self.loop_name.clone(),
            operation,
            counted,
            raw: raw.into(),
            budget,
        });
    }

    /// The rows that allocate more than they may, as text.
    pub(crate) fn over_budget(&self) -> String {
        let mut text = String::new();
        for row in self.rows.iter().filter(|row| row.is_over()) {
            writeln!(text, "{row}").expect("a string takes every text");
        }
        text
    }
}

impl Row {
    fn allowed(&self) -> u64 {
        let per_operation = match self.budget {
            Budget::AtMost(n) => n * TIMES,
            // Where several threads are at work, a poll or two may fall into the next
            // count; a whole number is meant.
            Budget::RawPlus(n) => {
                let raw = self.raw.unwrap_or_default();
                (raw + TIMES / 2) / TIMES * TIMES + n * TIMES
            }
        };
        // A runtime's queue may have got a new block in one count and not in the
        // other. One allocation in every tenth operation is over.
        per_operation + TIMES / 10 - 1
    }

    fn is_over(&self) -> bool {
        self.counted > self.allowed()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |n: u64| n as f64 / TIMES as f64;
        let raw = self
            .raw
            .map_or_else(|| "-".to_owned(), |raw| format!("{:.2}", each(raw)));
        write!(
            f,
            "{:32} {:34} {:6.2} raw {raw:>6} allowed {:6.2}",
            self.loop_name,
            self.operation,
            each(self.counted),
            each(self.allowed()),
        )
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
