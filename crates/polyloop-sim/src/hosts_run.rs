//! While a simulation is run, all its hosts run: the one whose loop somebody runs, and
//! the others beside it.

use std::sync::Mutex;

use polyloop_core::backend::{self, Backend as _, JoinedRun, StartedTask as _};

use crate::Sim;
use crate::lock::lock;
use crate::ready::stop_waker;
use crate::sim_loop::SimLoop;
use crate::spawned::Spawned;

/// The runs of the hosts beside the one that is run; `None` between two runs.
#[derive(Default)]
pub(crate) struct HostsRun(Mutex<Option<Vec<JoinedRun>>>);

/// All hosts run until this is dropped.
pub(crate) struct AllRun<'a>(&'a HostsRun);

impl HostsRun {
    /// Begins a run on all hosts of `sim` on which none is under way.
    pub(crate) fn begin(&self, sim: &Sim) -> AllRun<'_> {
        *lock(&self.0) = Some(Vec::new());
        let guard = AllRun(self);
        for lp in sim.loops() {
            self.add(&lp);
        }
        guard
    }

    /// Takes a host into the run that is under way, if one is.
    pub(crate) fn add(&self, lp: &SimLoop) {
        if lock(&self.0).is_none() {
            return;
        }
        // Calls that have waited for the run are made now, so no lock may be held.
        let joined = backend::join_run(lp, stop_waker(&lp.sim().shared.ready, lp.id()));
        if let (Some(joined), Some(runs)) = (joined, &mut *lock(&self.0)) {
            runs.push(joined);
        }
    }
}

impl Drop for AllRun<'_> {
    fn drop(&mut self) {
        let runs = lock(&self.0.0).take();
        drop(runs);
    }
}

impl SimLoop {
    /// Winds the loop up beside all that goes on, since it was asked to stop: the host's
    /// program ends, and the machine does not.
    pub(crate) fn end_program(&self) {
        if self.ending(|known| known.as_ref().is_some_and(|known| !known.is_finished())) {
            return;
        }
        let lp = self.clone();
        let ending = self.start(async move { backend::wind_up(&lp).await });
        self.ending(|known| *known = Some(ending));
    }

    /// Winds the loop up at the end of a run.
    pub(crate) async fn end_run(&self) {
        if let Some(ending) = self.ending(Option::take) {
            ending.await;
        }
        backend::wind_up(self).await;
    }

    fn ending<R>(&self, look: impl FnOnce(&mut Option<Spawned<()>>) -> R) -> R {
        let mut world = lock(&self.sim().shared.world);
        look(&mut world.hosts[self.id().index()].ending)
    }
}
