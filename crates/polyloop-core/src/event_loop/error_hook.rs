//! Where errors go that no caller is left to receive: a callback that failed, a
//! task that panicked and was never awaited, a failure dropped unseen.
//!
//! Each loop has one hook that can be replaced. The default hands the report to
//! `tracing` at error level, and to standard error as well while no subscriber
//! is installed, so that a panic never vanishes.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::event_loop::context;
use crate::promise::failure::Failure;

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

/// What [`Lifecycle::set_error_hook`](crate::Lifecycle::set_error_hook) takes.
pub type ErrorHook = Arc<dyn Fn(&ErrorReport) + Send + Sync>;

/// Reports through `hook`. A hook that panics falls back to the default
/// reporting of both its own panic and the report (LOOP-34).
pub(crate) fn report_to(hook: Option<&ErrorHook>, report: &ErrorReport) {
    let Some(hook) = hook else {
        return report_by_default(report);
    };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(report))) {
        report_by_default(&ErrorReport {
            context: "the loop's error hook panicked".to_owned(),
            failure: Failure::panicked(payload.as_ref()),
            loop_name: report.loop_name,
        });
        report_by_default(report);
    }
}

/// Reports to the loop whose callback or task is running on this thread, or by
/// the default where there is none.
pub(crate) fn report_here(context: &str, failure: &Failure) {
    match context::current_state() {
        Some(state) => state.report(context, failure),
        None => report_by_default(&ErrorReport {
            context: context.to_owned(),
            failure: failure.clone(),
            loop_name: None,
        }),
    }
}

fn report_by_default(report: &ErrorReport) {
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
