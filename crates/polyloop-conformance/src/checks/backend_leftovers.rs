//! BACK: what a loop leaves behind when nobody has it any more.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use polyloop_core::MainLoop;

use crate::fault::{Fault, Verdict};

/// Enough that what each leaves behind shows beside what other tests do meanwhile.
const LOOPS: usize = 100;

/// Loops that were run and made a call, and loops that only were asked for one.
pub fn back_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    leaves_none(make, "descriptors", "/proc/self/fd")
}

/// The same loops.
pub fn back_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    leaves_none(make, "threads", "/proc/self/task")
}

fn leaves_none<L: MainLoop>(make: &dyn Fn() -> L, what: &str, directory: &str) -> Verdict {
    let count = || fs::read_dir(directory).map(Iterator::count);
    // What a runtime has once for all of its loops is there from here on.
    use_one(make, true)?;
    let Ok(before) = count() else {
        // Only Linux tells.
        return Ok(());
    };
    for number in 0..LOOPS {
        use_one(make, number % 2 == 0)?;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = count()?.saturating_sub(before);
        if left < LOOPS * 3 / 4 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Fault::new(format!(
                "{LOOPS} loops that nobody has any more left {left} {what} behind: what reaches \
                 the runtime has to end with the loop's state"
            )));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn use_one<L: MainLoop>(make: &dyn Fn() -> L, run: bool) -> Verdict {
    let lp = make();
    lp.call_soon(|| ())
        .map_err(|_| Fault::new("a new loop is closed"))?;
    if run {
        lp.run(polyloop_core::yield_now())?;
    }
    Ok(())
}
