//! How a subject is asked for things while it is measured.
//!
//! A line of its own thread's input is `count`, answered by the allocations so far, or
//! `run N`, answered by [`Done`] as JSON once N operations are through. Neither
//! allocates in the steady state, so asking does not change the answer.

use std::io::{self, BufRead as _, Write as _};
use std::process;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Gives the number of allocations so far, where they are counted.
pub(crate) type AllocationCount = fn() -> Option<u64>;

/// What so many operations took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) nanos: u64,
    pub(crate) cpu_nanos: u64,
    pub(crate) allocations: Option<u64>,
}

/// The subject's end of the conversation.
pub(crate) struct Control {
    runs: Receiver<u64>,
    allocations: AllocationCount,
}

impl Control {
    /// Starts the thread that listens.
    pub(crate) fn start(allocations: AllocationCount) -> Self {
        let (sender, runs) = async_channel::unbounded();
        std::thread::spawn(move || listen(&sender, allocations));
        Self { runs, allocations }
    }

    /// Runs `work` whenever it is asked for, for as long as somebody may ask.
    pub(crate) async fn obey<W, F>(self, work: W)
    where
        W: Fn(u64) -> F,
        F: Future<Output = ()>,
    {
        say("ready");
        while let Ok(operations) = self.runs.recv().await {
            let allocations = (self.allocations)();
            let cpu = cpu_time();
            let began = Instant::now();
            work(operations).await;
            let nanos = nanos(began.elapsed());
            let done = Done {
                nanos,
                cpu_nanos: nanos_between(cpu, cpu_time()),
                allocations: allocations.and_then(|before| Some((self.allocations)()? - before)),
            };
            match serde_json::to_string(&done) {
                Ok(line) => say(&line),
                Err(error) => say(&error.to_string()),
            }
        }
    }
}

impl Control {
    /// The same for work that blocks and says itself what came of it.
    pub(crate) fn obey_blocking<T: Serialize>(
        self,
        mut work: impl FnMut() -> Result<T, String>,
    ) -> Result<(), String> {
        say("ready");
        while let Ok(operations) = self.runs.recv_blocking() {
            for _ in 0..operations {
                let done = serde_json::to_string(&work()?);
                say(&done.map_err(|error| error.to_string())?);
            }
        }
        Ok(())
    }
}

fn listen(runs: &Sender<u64>, allocations: AllocationCount) {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    while input.read_line(&mut line).is_ok_and(|read| read > 0) {
        let asked = line.trim_end();
        if asked == "count" {
            match allocations() {
                Some(count) => say_number(count),
                None => say("not counted"),
            }
        } else if let Some(Ok(operations)) = asked.strip_prefix("run ").map(str::parse) {
            if runs.try_send(operations).is_err() {
                say("this subject does nothing by itself");
            }
        } else {
            say("expected `count` or `run N`");
        }
        line.clear();
    }
    // Whoever started this is gone or has had enough: there is nothing to put in order.
    process::exit(0);
}

/// Says a line; nobody who listens is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn say_number(number: u64) {
    let _ = writeln!(io::stdout().lock(), "{number}");
}

/// What this process has run so far, all its threads together.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    // Every process has that clock.
    time.map(Duration::from).unwrap_or_default()
}

pub(crate) fn nanos_between(before: Duration, after: Duration) -> u64 {
    nanos(after.saturating_sub(before))
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
