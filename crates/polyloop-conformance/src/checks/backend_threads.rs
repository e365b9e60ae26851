//! BACK: what core asks of a runtime's threads for blocking work, and of its resolver.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use polyloop_core::{MainLoop, Query};

use crate::fault::{Verdict, ensure};
use crate::probe::{counting_reads, poll_once, run};

/// Three pieces of work, each of which waits for the others.
pub fn back_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const PIECES: usize = 3;
    const LIMIT: Duration = Duration::from_secs(10);

    run(make, async |lp| {
        let here = Arc::new((Mutex::new(0), Condvar::new()));
        let work = || {
            let here = here.clone();
            lp.run_in_thread(move || {
                let (count, all) = &*here;
                let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                *count += 1;
                all.notify_all();
                let waited = all.wait_timeout_while(count, LIMIT, |count| *count < PIECES);
                waited.is_ok_and(|(_, waited)| !waited.timed_out())
            })
        };
        let met = join_all((0..PIECES).map(|_| work())).await;
        for met in met {
            ensure!(
                met?,
                "pieces of blocking work that wait for each other did not meet within {LIMIT:?}: \
                 `start_blocking` has to run them side by side"
            );
        }
        Ok(())
    })
}

/// A name of this machine. On its way the system reads a file, which shows on the thread
/// that does it.
pub fn back_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut lookup = None;
        let (polled, read) = counting_reads(|| {
            let lookup = lookup.insert(Box::pin(lp.lookup(Query::new("localhost"))));
            poll_once(lookup)
        });
        ensure!(
            read < 10,
            "`lookup` read {read} bytes on the thread that polls it: the system's resolver \
             blocks, and with it the loop, so it has to be asked on a thread of its own"
        );
        let found = match (polled, lookup) {
            (Poll::Ready(found), _) => found?,
            (Poll::Pending, Some(lookup)) => lookup.await?,
            (Poll::Pending, None) => Vec::new(),
        };
        ensure!(!found.is_empty(), "`localhost` has no address");
        Ok(())
    })
}
