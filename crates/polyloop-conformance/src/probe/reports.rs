//! [`Reports`]: what a loop reported to its error hook.

use std::sync::{Arc, Mutex, PoisonError};

use polyloop_core::{ErrorReport, Lifecycle};

/// Collects what a loop reports.
#[derive(Clone, Debug, Default)]
pub struct Reports(Arc<Mutex<Vec<ErrorReport>>>);

impl Reports {
    /// Becomes the loop's error hook.
    pub fn of<L: Lifecycle>(lp: &L) -> Self {
        let reports = Self::default();
        let sink = reports.clone();
        lp.set_error_hook(move |report| {
            sink.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(report.clone());
        });
        reports
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<ErrorReport> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many mention `text` in their failure.
    pub fn mentioning(&self, text: &str) -> usize {
        self.all()
            .iter()
            .filter(|report| format!("{:#}", report.failure).contains(text))
            .count()
    }
}
