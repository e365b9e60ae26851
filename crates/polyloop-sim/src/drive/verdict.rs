//! What ends a run before its future is done: an invariant that does not hold, a
//! simulation that can't go on, one that spins or lasts too long.

use std::sync::atomic::Ordering;

use polyloop_core::Lifecycle as _;

use super::Run;
use crate::clock::Nanos;
use crate::lock::lock;
use crate::report::{self, Stuck};

impl Run<'_> {
    pub(super) fn check(&mut self) {
        if let Some(text) = self.broken_invariant() {
            self.fail(text);
        }
    }

    /// The same when the run is over.
    pub(super) fn check_at_the_end(&self) {
        if let Some(text) = self.broken_invariant() {
            lock(&self.shared.world).failure.get_or_insert(text);
        }
    }

    /// The report of an invariant that does not hold.
    fn broken_invariant(&self) -> Option<String> {
        let shared = self.shared;
        if self.failed || !shared.has_checks.load(Ordering::Acquire) {
            return None;
        }
        let mut checks = std::mem::take(&mut *lock(&shared.checks));
        let failed = checks.iter_mut().find_map(|check| check().err());
        {
            let mut kept = lock(&shared.checks);
            checks.append(&mut kept);
            *kept = checks;
        }
        let why = failed?;
        let at = shared.clock.now();
        Some(report::invariant(&lock(&shared.world), at, &why))
    }

    /// Makes the run end with a report of what everybody waits for.
    pub(super) fn report(&mut self, why: fn(&Stuck<'_>) -> String, at: Nanos) {
        let text = why(&Stuck {
            world: &lock(&self.shared.world),
            main: self.lp.id(),
            at,
            blocking: self.shared.workshop.unfinished(),
            mode: &|host| self.shared.ready.mode(host),
        });
        self.fail(text);
    }

    /// Makes the run end with `text`. The loop is wound up first, so that nothing is left.
    pub(super) fn fail(&mut self, text: String) {
        let first = lock(&self.shared.world).failure.get_or_insert(text).clone();
        let ends = !std::mem::replace(&mut self.failed, true) && self.lp.stop().is_ok();
        assert!(ends, "{first}");
    }
}
