//! [`Options`] of `cargo xtask bench`.
//!
//! `cargo xtask` includes this file too, so that a wrong option and `--help` are
//! answered before anything is compiled.

use std::path::PathBuf;

use clap::Args;

/// Every suite, in the order they run.
pub(crate) const SUITES: [&str; 32] = [
    "ping1",
    "ping64",
    "ping1000",
    "stream",
    "churn",
    "lines",
    "idle",
    "any-loop",
    "spawn",
    "call-later",
    "moved-calls",
    "zero-delay",
    "deferred",
    "chain10",
    "waiters",
    "call",
    "broker-wakes",
    "closing",
    "udp-echo",
    "unix-ping",
    "process",
    "tls-stream",
    "tls-ping",
    "tls-handshakes",
    "tls-idle",
    "sim-events",
    "sim-hosts",
    "sim-retries",
    "sim-round-trips",
    "sim-connections",
    "sim-sleepers",
    "sim-seeds",
];

/// Every loop.
pub(crate) const LOOPS: [&str; 5] = ["tokio", "tokio-ct", "smol", "async-std", "sim"];

/// What to measure, for how long, and where the results go.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Runs only the suites of these names, or whose name contains one of these texts.
    #[arg(value_parser = filter)]
    pub(crate) filters: Vec<String>,
    /// Runs only this loop. May be given several times.
    #[arg(long = "loop", value_name = "NAME", value_parser = LOOPS)]
    pub(crate) loops: Vec<String>,
    /// Measures for about two minutes in all: enough to see where something stands,
    /// not to tell one per cent.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measures next to nothing: for the tests.
    #[arg(long, hide = true, conflicts_with = "quick")]
    pub(crate) smoke: bool,
    /// Counts instructions everywhere, and not only where the machine is too restless to
    /// tell time. It takes valgrind, and a minute for each suite.
    #[arg(long)]
    pub(crate) instructions: bool,
    /// Writes every figure to this file as JSON.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the tables to this file as Markdown.
    #[arg(long, value_name = "PATH")]
    pub(crate) markdown: Option<PathBuf>,
    /// Draws a bar chart of each suite into this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) svg: Option<PathBuf>,
    /// Also measures the echo servers of tor-rtcompat, agnostic-net and async-rs, and the
    /// simulators turmoil and madsim.
    #[arg(long)]
    pub(crate) peers: bool,
    /// Also measures echo servers on asyncio, uvloop and Twisted, installed into a
    /// virtual environment in the target directory.
    #[arg(long)]
    pub(crate) python: bool,
}

/// Whether a filter selects a suite: `ping1` is that one, `ping` is three.
pub(crate) fn selects(filter: &str, suite: &str) -> bool {
    if SUITES.contains(&filter) {
        suite == filter
    } else {
        suite.contains(filter)
    }
}

fn filter(text: &str) -> Result<String, String> {
    if SUITES.iter().any(|suite| selects(text, suite)) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "no suite contains it; there are {}",
            SUITES.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{SUITES, filter, selects};

    #[test]
    fn a_whole_name_selects_one_suite_and_a_part_of_it_several() {
        let selected = |text| SUITES.iter().filter(|suite| selects(text, suite)).count();
        assert_eq!(selected("ping1"), 1);
        assert!(selected("ping") > 2);
    }

    #[test]
    fn a_filter_that_selects_nothing_says_what_there_is() {
        assert_eq!(filter("ping").unwrap(), "ping");
        let problem = filter("pong").unwrap_err();
        assert!(
            problem.contains("ping64") && problem.contains("chain10"),
            "{problem}"
        );
    }
}
