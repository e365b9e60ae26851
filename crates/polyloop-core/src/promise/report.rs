//! [`ErrorReport`]: what is told of a failure that no caller is left to receive, and the
//! route it takes.
//!
//! Promises know no loop, and yet what they report belongs to the loop whose callback or
//! task is running on the thread. So the first loop of a process lays a [`Route`] here,
//! and it is asked when there is something to report, which is not often. Where it leads
//! nowhere, the report goes to `tracing` at error level, and to standard error as well
//! while no subscriber is installed, so that a panic never vanishes.

use std::fmt;

use crate::promise::failure::Failure;
use crate::sync::primitive::process::OnceLock;

/// One error report: what was going on, and what went wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorReport {
    /// What failed, as a phrase: `"a task panicked and nobody awaited it"`.
    pub context: String,
    /// The failure itself.
    pub failure: Failure,
    /// The name of the loop it happened on, if it happened on one.
    pub loop_name: Option<&'static str>,
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#}", self.context, self.failure)?;
        if let Some(name) = self.loop_name {
            write!(f, " (on the {name} loop)")?;
        }
        Ok(())
    }
}

/// Reports to the loop that is current on this thread. False if there is none.
pub(crate) type Route = fn(context: &str, failure: &Failure) -> bool;

static ROUTE: OnceLock<Route> = OnceLock::new();

/// Lays the route for the rest of the process. There is one; the first stays.
pub(crate) fn lay(route: Route) {
    // Laid again by every further loop.
    let _ = ROUTE.set(route);
}

/// Reports to the loop whose callback or task is running on this thread, or by
/// the default where there is none.
pub(crate) fn report_here(context: &str, failure: &Failure) {
    if ROUTE.get().is_some_and(|route| route(context, failure)) {
        return;
    }
    report_by_default(&ErrorReport {
        context: context.to_owned(),
        failure: failure.clone(),
        loop_name: None,
    });
}

/// Reports where no hook of a loop does.
pub(crate) fn report_by_default(report: &ErrorReport) {
    tracing::error!(
        target: "polyloop",
        failure = %report.failure,
        loop_name = report.loop_name,
        "{report}"
    );
    if !tracing::dispatcher::has_been_set() {
        eprintln!("polyloop: {report}");
    }
}
