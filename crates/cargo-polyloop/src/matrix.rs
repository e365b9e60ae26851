//! [`Matrix`]: what became of each test on each loop, with one set of features.

use std::time::Duration;

use crate::case::{Case, Column};

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    /// With what it printed, and the command that runs exactly it again.
    Fail {
        output: String,
        again: String,
    },
    /// With the reason, which may be empty.
    Ignored(String),
}

/// What became of it, and how long that took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// A line: one function, on all loops that it is a test on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The package and the program that it is in.
    pub(crate) target: String,
    pub(crate) test: String,
    /// As many as there are columns.
    pub(crate) cells: Vec<Cell>,
}

/// What stands in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The function is no test there.
    Absent,
    /// It has not been run yet.
    Waiting,
    Done(Ran),
}

/// Tests by loops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// What it was built with.
    pub(crate) set: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// How often each outcome came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pass: usize,
    pub(crate) fail: usize,
    pub(crate) ignored: usize,
}

impl Matrix {
    /// With every cell waiting; and for each case its row and its column.
    pub(crate) fn new<'a>(
        set: String,
        cases: impl IntoIterator<Item = (&'a Case, String)>,
    ) -> (Self, Vec<(usize, usize)>) {
        let cases: Vec<(&Case, String)> = cases.into_iter().collect();
        let mut columns: Vec<Column> = cases.iter().map(|(case, _)| case.column).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut rows: Vec<Row> = Vec::new();
        let mut places = Vec::new();
        for (case, target) in cases {
            let is = |row: &Row| row.target == target && row.test == case.test;
            let row = rows.iter().position(is).unwrap_or_else(|| {
                rows.push(Row {
                    target: target.clone(),
                    test: case.test.clone(),
                    cells: vec![Cell::Absent; columns.len()],
                });
                rows.len() - 1
            });
            let column = columns.iter().position(|column| *column == case.column);
            let column = column.unwrap_or_default();
            rows[row].cells[column] = Cell::Waiting;
            places.push((row, column));
        }
        (Self { set, columns, rows }, places)
    }

    pub(crate) fn counts(&self, column: usize) -> Counts {
        let mut counts = Counts::default();
        for row in &self.rows {
            counts.add(&row.cells[column]);
        }
        counts
    }

    pub(crate) fn total(&self) -> Counts {
        let mut counts = Counts::default();
        for cell in self.rows.iter().flat_map(|row| &row.cells) {
            counts.add(cell);
        }
        counts
    }

    /// Each failure: its row, its column, what it printed and how to run it again.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&Row, Column, &str, &str)> {
        self.rows.iter().flat_map(|row| {
            let cells = self.columns.iter().zip(&row.cells);
            cells.filter_map(move |(column, cell)| match cell.outcome() {
                Some(Outcome::Fail { output, again }) => {
                    Some((row, *column, output.as_str(), again.as_str()))
                }
                _ => None,
            })
        })
    }
}

impl Row {
    /// Whether every test of it has been run.
    pub(crate) fn is_done(&self) -> bool {
        !self.cells.contains(&Cell::Waiting)
    }
}

impl Cell {
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Done(ran) => Some(&ran.outcome),
            Self::Absent | Self::Waiting => None,
        }
    }

    /// The word in it.
    pub(crate) fn word(&self) -> &'static str {
        match self.outcome() {
            Some(Outcome::Pass) => "pass",
            Some(Outcome::Fail { .. }) => "FAIL",
            Some(Outcome::Ignored(_)) => "ignored",
            None => "",
        }
    }
}

impl Counts {
    fn add(&mut self, cell: &Cell) {
        match cell.outcome() {
            Some(Outcome::Pass) => self.pass += 1,
            Some(Outcome::Fail { .. }) => self.fail += 1,
            Some(Outcome::Ignored(_)) => self.ignored += 1,
            None => {}
        }
    }

    /// Each count with its word, those that are zero left out.
    pub(crate) fn words(self) -> String {
        let counts = [
            (self.fail, "fail"),
            (self.pass, "pass"),
            (self.ignored, "ignored"),
        ];
        let nonzero = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = nonzero
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        words.join(", ")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::{Cell, Counts, Matrix, Outcome, Ran};
    use crate::case::Case;

    /// Two loops and an ordinary test, each kind of outcome.
    pub(crate) fn sample() -> Matrix {
        let names = ["a::tokio", "a::smol", "b::tokio", "c"];
        let cases = names.map(|name| Case::new(0, name, name == "b::tokio"));
        let given = cases.iter().map(|case| (case, "lib".to_owned()));
        let (mut matrix, places) = Matrix::new("the default features".to_owned(), given);
        let outcomes = [
            Outcome::Pass,
            Outcome::Fail {
                output: "expected <a> & \"b\"\n\u{1b}[31mred".to_owned(),
                again: "cargo test --lib -- --exact a::smol".to_owned(),
            },
            Outcome::Ignored("not | asked".to_owned()),
            Outcome::Pass,
        ];
        for ((row, column), outcome) in places.into_iter().zip(outcomes) {
            matrix.rows[row].cells[column] = Cell::Done(Ran {
                outcome,
                took: Duration::from_millis(1500),
            });
        }
        matrix
    }

    #[test]
    fn a_function_is_a_row_and_a_loop_a_column() {
        let matrix = sample();
        let columns: Vec<&str> = matrix.columns.iter().map(|column| column.name()).collect();
        assert_eq!(columns, ["tokio", "smol", "plain"]);
        let words: Vec<Vec<&str>> = matrix
            .rows
            .iter()
            .map(|row| row.cells.iter().map(Cell::word).collect())
            .collect();
        assert_eq!(
            words,
            [["pass", "FAIL", ""], ["ignored", "", ""], ["", "", "pass"]]
        );
        let all = Counts {
            pass: 2,
            fail: 1,
            ignored: 1,
        };
        assert_eq!(matrix.total(), all);
        assert_eq!(matrix.counts(1).words(), "1 fail");
        assert_eq!(matrix.failures().count(), 1);
    }
}
