//! [`Counterexample`]: a seed under which a test fails.

use std::fmt;

use super::run::is_end;
use crate::Trace;

/// How many of the last events its text shows.
const EVENTS: usize = 30;

/// A seed under which a test fails, and that run. Its `Display` is the report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counterexample {
    /// The seed.
    pub seed: u64,
    /// What went wrong: the panic, the error, or why the simulation could not go on.
    pub error: String,
    /// Where that panicked, if it did and many seeds were run: then it is printed nowhere
    /// else.
    pub place: Option<String>,
    /// The run.
    pub trace: Trace,
    /// How many seeds were run.
    pub runs: u64,
    /// The other seeds among them that fail.
    pub others: Vec<u64>,
    /// Whether the error's text shows the events that led to it.
    pub(super) has_events: bool,
    pub(super) name: Option<String>,
    pub(super) package: Option<String>,
}

impl Counterexample {
    /// How many records the run has.
    pub(super) fn length(&self) -> u64 {
        self.trace.dropped + self.trace.records.len() as u64
    }

    /// The trace, without what happened when the test was over.
    fn until_the_end(&self) -> Trace {
        let mut trace = self.trace.clone();
        let mut records = trace.records.iter();
        if let Some(end) = records.rposition(|record| is_end(&record.event)) {
            trace.records.truncate(end + 1);
        }
        trace
    }

    /// What one types to have exactly this run again.
    fn command(&self) -> String {
        let package = match &self.package {
            Some(package) => format!(" --package {package}"),
            None => String::new(),
        };
        // One that is ignored is run again only by whoever asks for it again.
        let asked =
            |argument: String| matches!(argument.as_str(), "--ignored" | "--include-ignored");
        let ignored = if std::env::args().any(asked) {
            " --include-ignored"
        } else {
            ""
        };
        match &self.name {
            Some(name) => format!(
                "POLYLOOP_SEED={} cargo test{package} {name} -- --exact{ignored}",
                self.seed
            ),
            None => format!("POLYLOOP_SEED={}, and the same command again", self.seed),
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("the test");
        writeln!(f, "{name} fails under seed {}: {}", self.seed, self.error)?;
        if let Some(place) = &self.place {
            writeln!(f, "at {place}")?;
        }
        writeln!(f, "({})", self.trace.conditions())?;
        match (&self.others[..], self.runs) {
            ([], 1) => {}
            ([], runs) => writeln!(f, "({runs} seeds were run, and no other one fails)")?,
            (others, runs) => {
                let others: Vec<String> = others.iter().map(u64::to_string).collect();
                let others = others.join(", ");
                writeln!(
                    f,
                    "({runs} seeds were run; these fail, too, after more events: {others})"
                )?;
            }
        }
        writeln!(f, "to run exactly this again:\n  {}", self.command())?;
        writeln!(
            f,
            "to see it drawn, put this in front:\n  POLYLOOP_TRACE=run.html"
        )?;
        if self.has_events {
            return Ok(());
        }
        write!(f, "the last events:\n{}", self.until_the_end().last(EVENTS))
    }
}
