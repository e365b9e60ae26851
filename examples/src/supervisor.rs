//! Supervisor: keeps a program running, and ends it in good order when it is told to end
//! itself.
//!
//! A child that fails is started again, at growing intervals. At the first `SIGINT` or
//! `SIGTERM` the child is asked to end, and killed if it does not: nothing is left behind.
//! The loop needs child processes and signals; every loop that watches descriptors has both.

use std::pin::pin;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use futures_util::future::{Either, select};
use memchr::memchr;
use polyloop_core::{
    Failure, OutputPipe, Process, ProcessEnd, ProcessProtocol, ProcessTransport, Processes,
    RetryPolicy, Signal, SignalStream, Signals, Timers,
};
use thiserror::Error;

/// How long a child may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// A line longer than this is given in parts.
const LONGEST_LINE: usize = 64 << 10;

/// The child has failed so often that it is not started again.
#[derive(Clone, Debug, Error)]
#[error("the program has ended with {status}, and is not started again")]
#[non_exhaustive]
pub struct GaveUp {
    /// How it ended the last time.
    pub status: ExitStatus,
}

/// Runs the program that `command` describes until it succeeds, and again whenever it fails,
/// as long as `intervals` say so. Each line that it writes is given to `on_line`.
///
/// Ends well when the child has succeeded, or when a signal has asked for the end and the
/// child is gone.
pub async fn supervise<L, C, S>(
    lp: &L,
    mut command: C,
    mut intervals: impl RetryPolicy,
    on_line: S,
) -> Result<(), Failure>
where
    L: Processes + Signals + Timers,
    C: FnMut() -> Command,
    S: FnMut(OutputPipe, &str) + Clone + Send + 'static,
{
    let mut stops = lp.signals([Signal::INT, Signal::TERM])?;
    let mut failures = 0;
    loop {
        let child = lp.spawn_process(&mut command(), Lines::new(on_line.clone()))?;
        let Some(end) = end_of(&child, &mut stops).await else {
            return stop(lp, &child).await;
        };
        let Some(status) = end.status().filter(|status| !status.success()) else {
            return Ok(());
        };
        failures += 1;
        let gave_up = Failure::new(GaveUp { status });
        let Some(delay) = intervals.delay(failures, &gave_up) else {
            return Err(gave_up);
        };
        let (pause, stopped) = (pin!(lp.sleep(delay)), pin!(stops.next()));
        if let Either::Right(_) = select(pause, stopped).await {
            return Ok(());
        }
    }
}

/// How the child has ended; `None` if a signal came first.
async fn end_of<S>(child: &Process<Lines<S>>, stops: &mut SignalStream) -> Option<ProcessEnd>
where
    S: FnMut(OutputPipe, &str) + Send + 'static,
{
    match select(pin!(child.ended()), pin!(stops.next())).await {
        Either::Left((end, _)) => Some(end),
        Either::Right(_) => None,
    }
}

/// Asks the child to end, and sees to it that it does.
async fn stop<L, S>(lp: &L, child: &Process<Lines<S>>) -> Result<(), Failure>
where
    L: Timers,
    S: FnMut(OutputPipe, &str) + Send + 'static,
{
    // One that has ended meanwhile can't be signalled, and need not be.
    let _ = child.signal(Signal::TERM);
    let patience = pin!(lp.sleep(PATIENCE));
    if let Either::Right(_) = select(pin!(child.ended()), patience).await {
        let _ = child.kill();
        child.ended().await;
    }
    Ok(())
}

/// Cuts what the child writes into lines.
struct Lines<S> {
    on_line: S,
    /// The beginnings of lines, of each of its outputs.
    begun: [Vec<u8>; 2],
}

impl<S: FnMut(OutputPipe, &str) + Send + 'static> Lines<S> {
    fn new(on_line: S) -> Self {
        Self {
            on_line,
            begun: Default::default(),
        }
    }

    fn give(&mut self, pipe: OutputPipe) {
        let line = std::mem::take(self.begun(pipe));
        (self.on_line)(pipe, &String::from_utf8_lossy(&line));
    }

    fn begun(&mut self, pipe: OutputPipe) -> &mut Vec<u8> {
        match pipe {
            OutputPipe::Stdout => &mut self.begun[0],
            OutputPipe::Stderr => &mut self.begun[1],
        }
    }
}

impl<S: FnMut(OutputPipe, &str) + Send + 'static> ProcessProtocol for Lines<S> {
    fn process_started(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        process.close_input();
        Ok(())
    }

    fn output_received(
        &mut self,
        _: &mut ProcessTransport,
        pipe: OutputPipe,
        mut data: &[u8],
    ) -> Result<(), Failure> {
        while let Some(end) = memchr(b'\n', data) {
            self.begun(pipe).extend_from_slice(&data[..end]);
            self.give(pipe);
            data = &data[end + 1..];
        }
        self.begun(pipe).extend_from_slice(data);
        if self.begun(pipe).len() > LONGEST_LINE {
            self.give(pipe);
        }
        Ok(())
    }

    fn output_ended(&mut self, _: &mut ProcessTransport, pipe: OutputPipe) -> Result<(), Failure> {
        if !self.begun(pipe).is_empty() {
            self.give(pipe);
        }
        Ok(())
    }
}
