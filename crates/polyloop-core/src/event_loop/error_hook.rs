//! Where errors go that no caller is left to receive: a callback that failed, a
//! task that panicked and was never awaited, a failure dropped unseen.
//!
//! Each loop has one hook that can be replaced. Without one a report goes where those
//! do that were made on no loop.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::event_loop::context;
use crate::promise::discard::caught;
use crate::promise::report::{self, ErrorReport, report_by_default};
use crate::sync::primitive::Arc;

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
            failure: caught(payload),
            loop_name: report.loop_name,
        });
        report_by_default(report);
    }
}

/// Has promises report to the loop that is current on their thread.
pub(super) fn lay_route() {
    report::lay(|context, failure| {
        let current = context::current_state();
        if let Some(state) = &current {
            state.report(context, failure);
        }
        current.is_some()
    });
}
