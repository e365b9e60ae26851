//! BACK: finding a loop again by its state.

use std::sync::Arc;
use std::time::Duration;

use polyloop_core::context::current_state;
use polyloop_core::{LoopState, MainLoop};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::run;

/// In a task, and by a state of somebody else's.
pub fn back_21<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    struct Stranger;

    let stranger = LoopState::new("stranger", Stranger);
    ensure!(
        L::from_state(&stranger).is_none(),
        "`from_state` takes the state of a loop of another kind for one of its own"
    );
    run(make, async |lp| {
        let task = lp.spawn(async { current_state().as_ref().and_then(L::from_state) });
        let Some(found) = task.await? else {
            return Err(Fault::new("`from_state` does not find the loop of a task"));
        };
        ensure!(
            Arc::ptr_eq(found.state(), lp.state()),
            "`from_state` gives another loop than the one of the task"
        );
        let inner = found.clone();
        let task = found.spawn(async move {
            inner.sleep(Duration::from_millis(1)).await;
            5
        });
        ensure_eq!(task.await?, 5, "a task of the loop that was found");
        Ok(())
    })
}
