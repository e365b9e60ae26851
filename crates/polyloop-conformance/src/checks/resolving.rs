//! LOOP: looking names up while all threads are taken.

use polyloop_core::MainLoop;
use polyloop_core::sync::Event;

use crate::fault::{Fault, Verdict, ensure};
use crate::probe::{Flag, run, until};

/// More work than any loop has threads for, all of which waits for the answer: for loops
/// that ask the system, as those do that have its sockets.
pub fn loop_46<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let answered = Event::new();
        let work: Vec<_> = (0..600)
            .map(|_| {
                let (lp2, answered) = (lp.clone(), answered.wait());
                // As a thread of this loop waits: a simulation stands still otherwise.
                lp.run_in_thread(move || lp2.wait_on_thread(answered).is_ok())
            })
            .collect();
        let (found, resolver) = (Flag::new(), lp.clone());
        let noted = found.clone();
        let question = lp.spawn(async move {
            let addresses = resolver.resolve("localhost", 80).await;
            noted.set();
            addresses
        });
        let outcome = until(&lp, "an answer beside blocking work", || found.is_set()).await;
        answered.set();
        outcome?;
        let addresses = question.await??;
        ensure!(!addresses.is_empty(), "localhost has no address");
        for work in work {
            ensure!(work.await?, "the work was not told");
        }
        Ok::<_, Fault>(())
    })
}
