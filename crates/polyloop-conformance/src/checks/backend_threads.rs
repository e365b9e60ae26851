//! BACK: what core asks of a runtime's threads for blocking work, and of its resolver.

use std::fs;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use polyloop_core::MainLoop;

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::run;

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
        let begun = bytes_read().zip(bytes_read());
        let mut lookup = pin!(lp.lookup("localhost", 4711));
        let polled = lookup
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let ended = bytes_read();
        if let (Some((first, second)), Some(third)) = (begun, ended) {
            // Asking reads something itself, the same each time but for a digit or two.
            let asking = second.saturating_sub(first);
            let read = third.saturating_sub(second).saturating_sub(asking);
            ensure!(
                read < 10,
                "`lookup` read {read} bytes on the thread that polls it: the system's resolver \
                 blocks, and with it the loop, so it has to be asked on a thread of its own"
            );
        }
        let found = match polled {
            Poll::Ready(found) => found?,
            Poll::Pending => lookup.await?,
        };
        ensure!(!found.is_empty(), "`localhost` has no address");
        for address in found {
            ensure_eq!(address.port(), 4711, "the port of what was looked up");
        }
        Ok(())
    })
}

/// What this thread has read from files so far, where the system tells.
fn bytes_read() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/io").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("rchar:"))?;
    line.trim().parse().ok()
}
