//! [`Contest`]: one suite on one loop, and who takes part in it.
//!
//! What measures it knows it, and not the other way round.

use super::bench::Bench;
use super::process::Process;
use crate::report::{Figures, Metric, Row};
use crate::suites::{LoopKind, Subject, Suite};

/// Who takes part in what.
pub(crate) struct Contest<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) suite: Suite,
    pub(crate) on: LoopKind,
    pub(crate) reference: Subject,
    /// The control is the first of them.
    pub(crate) others: Vec<Subject>,
}

impl<'a> Contest<'a> {
    pub(crate) fn new(bench: &'a Bench, suite: Suite, on: LoopKind) -> Self {
        let (reference, mut others) = suite.subjects(on);
        if bench.pace.essentials {
            others.retain(|subject| *subject == Subject::Control || subject.has_bars());
        }
        others.extend(bench.programs.guests(suite, on));
        Self {
            bench,
            suite,
            on,
            reference,
            others,
        }
    }

    /// The reference first.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = vec![self.reference];
        subjects.extend(&self.others);
        subjects
    }
}

impl Contest<'_> {
    /// Starts a subject as it is.
    pub(crate) fn start(&self, subject: Subject) -> Result<Process, String> {
        let bench = self.bench;
        bench
            .programs
            .subject(&bench.cores, self.suite, self.on, subject)
    }

    /// A row for each subject besides the reference. The values of all subjects come
    /// in their order, the reference first; those in the same place of two lists were
    /// measured next to each other.
    pub(crate) fn rows(&self, metric: Metric, values: &[Vec<f64>]) -> Vec<Row> {
        let Some((reference, others)) = values.split_first() else {
            return Vec::new();
        };
        let measured = self.others.iter().zip(others);
        measured
            .filter(|(_, values)| !values.is_empty())
            .map(|(subject, values)| Row {
                figures: Some(Figures::of(values, reference)),
                ..self.unmeasured(*subject, metric)
            })
            .collect()
    }

    /// A row that says that something was not measured.
    pub(crate) fn unmeasured(&self, subject: Subject, metric: Metric) -> Row {
        Row {
            suite: self.suite,
            on: self.on,
            subject,
            against: Some(self.reference),
            metric,
            figures: None,
        }
    }
}
