//! [`Case`]: one test on one loop.

use std::fmt;

/// Where a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// On a loop: its place in [`LOOPS`].
    Loop(usize),
    /// On none: an ordinary `#[test]`, or a test none of whose loops is compiled in.
    Plain,
}

/// The loops, as `#[polyloop::test]` names the tests on them.
pub(crate) const LOOPS: [&str; 4] = ["tokio", "smol", "async_std", "sim"];

/// What the test is called that stands for all where none of its loops is compiled in.
const NO_LOOP: &str = "no_loop";

impl Column {
    /// The loop of that name, as it is written in code or as a feature.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let name = name.replace('-', "_");
        let place = LOOPS.iter().position(|known| *known == name);
        place.map(Self::Loop)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loop(place) => LOOPS[place],
            Self::Plain => "plain",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A test that the harness knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// The place of its program.
    pub(crate) executable: usize,
    /// Its whole name.
    pub(crate) name: String,
    /// That of its function.
    pub(crate) test: String,
    pub(crate) column: Column,
    pub(crate) ignored: bool,
    /// Whether it is made by `#[polyloop::test]`.
    pub(crate) on_loops: bool,
}

impl Case {
    pub(crate) fn new(executable: usize, name: &str, ignored: bool) -> Self {
        let split = name.rsplit_once("::");
        let (test, column, on_loops) = match split {
            Some((test, NO_LOOP)) => (test, Column::Plain, true),
            Some((test, last)) if LOOPS.contains(&last) => {
                (test, Column::by_name(last).unwrap_or(Column::Plain), true)
            }
            _ => (name, Column::Plain, false),
        };
        Self {
            executable,
            name: name.to_owned(),
            test: test.to_owned(),
            column,
            ignored,
            on_loops,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Column};

    #[test]
    fn the_last_part_of_a_name_tells_the_loop() {
        let on = |name| {
            let case = Case::new(0, name, false);
            (case.test, case.column, case.on_loops)
        };
        let sim = Column::by_name("sim").unwrap();
        assert_eq!(on("a::b::sim"), ("a::b".to_owned(), sim, true));
        assert_eq!(on("a::no_loop"), ("a".to_owned(), Column::Plain, true));
        assert_eq!(on("a::b"), ("a::b".to_owned(), Column::Plain, false));
        // A function of that name, not a module's test.
        assert_eq!(on("sim"), ("sim".to_owned(), Column::Plain, false));
        assert_eq!(Column::by_name("async-std"), Column::by_name("async_std"));
        assert_eq!(Column::by_name("tokyo"), None);
    }
}
