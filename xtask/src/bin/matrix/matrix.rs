//! [`Matrix`]: every behaviour with its outcome on every loop, and the counts.

use polyloop_conformance::{Outcome, Status};

/// The outcomes, as rows in the order of the catalogue.
pub(crate) struct Matrix {
    /// The names of the loops, in the order of each row's cells.
    pub(crate) loops: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One behaviour.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) cells: Vec<Status>,
}

/// A part of the matrix whose IDs begin alike.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    pub(crate) rows: &'a [Row],
}

/// How often each outcome came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pass: usize,
    pub(crate) fail: usize,
    pub(crate) not_applicable: usize,
    pub(crate) not_yet: usize,
}

/// `LOOP` of `LOOP-14`.
pub(crate) fn section_of(id: &str) -> &str {
    id.split_once('-').map_or(id, |(section, _)| section)
}

/// `1 loop`, `4 loops`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

impl Matrix {
    /// Puts the outcomes of each loop side by side; all are of the same IDs in the
    /// same order.
    pub(crate) fn new(columns: Vec<(String, Vec<Outcome>)>) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut loops = Vec::new();
        for (number, (name, outcomes)) in columns.into_iter().enumerate() {
            loops.push(name);
            for (place, outcome) in outcomes.into_iter().enumerate() {
                if number == 0 {
                    rows.push(Row {
                        id: outcome.id,
                        text: outcome.text.to_owned(),
                        cells: vec![outcome.status],
                    });
                } else {
                    assert_eq!(
                        rows[place].id, outcome.id,
                        "loops were asked different things"
                    );
                    rows[place].cells.push(outcome.status);
                }
            }
        }
        Self { loops, rows }
    }

    pub(crate) fn sections(&self) -> impl Iterator<Item = Section<'_>> {
        self.rows
            .chunk_by(|one, next| section_of(&one.id) == section_of(&next.id))
            .map(|rows| Section {
                name: section_of(&rows[0].id),
                rows,
            })
    }

    pub(crate) fn whole(&self) -> Section<'_> {
        Section {
            name: "all",
            rows: &self.rows,
        }
    }

    pub(crate) fn failing(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.fails())
    }

    /// The command that runs exactly the failing cells of this row again.
    pub(crate) fn again(&self, row: &Row) -> String {
        let mut command = format!("cargo xtask matrix --only {}", row.id);
        for (name, cell) in self.loops.iter().zip(&row.cells) {
            if matches!(cell, Status::Fail(_)) {
                command.push_str(" --loop ");
                command.push_str(name);
            }
        }
        command
    }
}

impl Row {
    pub(crate) fn fails(&self) -> bool {
        self.cells
            .iter()
            .any(|cell| matches!(cell, Status::Fail(_)))
    }

    /// The notes of the cells, each with the loops that it was given for.
    pub(crate) fn notes<'a>(&'a self, loops: &'a [String]) -> Vec<(Vec<&'a str>, &'a Status)> {
        let mut notes: Vec<(Vec<&str>, &Status)> = Vec::new();
        for (name, cell) in loops.iter().zip(&self.cells) {
            match notes.iter_mut().find(|(_, known)| *known == cell) {
                _ if *cell == Status::Pass => {}
                Some((names, _)) => names.push(name),
                None => notes.push((vec![name], cell)),
            }
        }
        notes
    }
}

impl Section<'_> {
    /// The counts of the loop whose cells have this place in each row.
    pub(crate) fn counts(&self, column: usize) -> Counts {
        let mut counts = Counts::default();
        for row in self.rows {
            counts.add(&row.cells[column]);
        }
        counts
    }

    /// The counts of all loops together.
    pub(crate) fn total(&self) -> Counts {
        let mut counts = Counts::default();
        for cell in self.rows.iter().flat_map(|row| &row.cells) {
            counts.add(cell);
        }
        counts
    }
}

impl Counts {
    pub(crate) fn add(&mut self, status: &Status) {
        match status {
            Status::Pass => self.pass += 1,
            Status::Fail(_) => self.fail += 1,
            Status::NotYet => self.not_yet += 1,
            _ => self.not_applicable += 1,
        }
    }

    /// Each count with its word, those that are zero left out.
    pub(crate) fn words(&self) -> Vec<String> {
        let counts = [
            (self.fail, "fail"),
            (self.pass, "pass"),
            (self.not_applicable, "n/a"),
            (self.not_yet, "not yet"),
        ];
        let nonzero = counts.into_iter().filter(|(count, _)| *count > 0);
        nonzero
            .map(|(count, word)| format!("{count} {word}"))
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use polyloop_conformance::Status;

    use super::{Counts, Matrix, Row, counted};

    /// Two loops, two sections, each kind of outcome.
    pub(crate) fn sample() -> Matrix {
        let row = |id: &str, cells: [Status; 2]| Row {
            id: id.to_owned(),
            text: format!("The sentence of {id}."),
            cells: cells.into(),
        };
        let seen = Status::Fail("expected <a> & \"b\"".to_owned());
        let reason = Status::NotApplicable("types say so".to_owned());
        Matrix {
            loops: vec!["tokio".to_owned(), "smol".to_owned()],
            rows: vec![
                row("LOOP-01", [Status::Pass, Status::Pass]),
                row("LOOP-02", [Status::Pass, seen]),
                row("LOOP-03", [reason.clone(), reason]),
                row("BUF-01", [Status::Pass, Status::NotYet]),
            ],
        }
    }

    #[test]
    fn sections_are_counted_by_loop() {
        let matrix = sample();
        let names: Vec<&str> = matrix.sections().map(|section| section.name).collect();
        assert_eq!(names, ["LOOP", "BUF"]);
        let smol = matrix.sections().next().unwrap().counts(1);
        assert_eq!(smol.words(), ["1 fail", "1 pass", "1 n/a"]);
        let all = Counts {
            pass: 4,
            fail: 1,
            not_applicable: 2,
            not_yet: 1,
        };
        assert_eq!(matrix.whole().total(), all);
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "loop"), "1 loop");
        assert_eq!(counted(0, "loop"), "0 loops");
    }

    #[test]
    fn a_failing_row_names_the_command_that_runs_exactly_it() {
        let matrix = sample();
        let commands: Vec<String> = matrix.failing().map(|row| matrix.again(row)).collect();
        assert_eq!(commands, ["cargo xtask matrix --only LOOP-02 --loop smol"]);
    }

    #[test]
    fn a_note_that_holds_for_several_loops_is_given_once() {
        let matrix = sample();
        let notes = matrix.rows[2].notes(&matrix.loops);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].0, ["tokio", "smol"]);
        assert!(matrix.rows[0].notes(&matrix.loops).is_empty());
    }
}
