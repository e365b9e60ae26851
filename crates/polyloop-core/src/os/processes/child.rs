//! [`Child`]: a child process for code that awaits.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Output};

use futures_util::future::try_join;
use futures_util::io::AsyncReadExt as _;

use super::reaper::{Kin, look_after};
use super::{ChildInput, ChildOutput, ProcessError, ProcessSignalError};
use crate::os::signal::Signal;
use crate::os::signals::SignalError;
use crate::os::{Watch, WatchError};
use crate::sync::primitive::Arc;

/// A process that this one has started: what [`Processes::spawn_child`](crate::Processes::spawn_child)
/// gives.
///
/// Dropping it closes those of its pipes that were not taken, and leaves a running child
/// alone, unless [`kill_on_drop`](Self::kill_on_drop) says otherwise (PROC-08).
///
/// ```
/// use polyloop_core::{Failure, Processes, Signal};
/// use std::process::Command;
/// use std::os::unix::process::ExitStatusExt as _;
///
/// async fn stop_it<L: Processes>(lp: &L) -> Result<(), Failure> {
///     let child = lp.spawn_child(Command::new("sleep").arg("1000"))?;
///     child.signal(Signal::TERM)?;
///     assert_eq!(child.wait().await?.signal(), Some(Signal::TERM.as_raw()));
///     Ok(())
/// }
/// ```
pub struct Child<L: Watch> {
    /// Its standard input, if the command says `Stdio::piped()`.
    pub stdin: Option<ChildInput<L>>,
    /// Its standard output, likewise.
    pub stdout: Option<ChildOutput<L>>,
    /// Its standard error, likewise.
    pub stderr: Option<ChildOutput<L>>,
    pub(super) kin: Arc<Kin>,
    kill_on_drop: bool,
}

impl<L: Watch> Child<L> {
    pub(super) fn spawn(lp: &L, command: &mut Command) -> Result<Self, ProcessError> {
        lp.state().check_open()?;
        let mut started = command
            .spawn()
            .map_err(|error| ProcessError::not_started(command, error))?;
        let pipes = (
            started.stdin.take().map(OwnedFd::from),
            started.stdout.take().map(OwnedFd::from),
            started.stderr.take().map(OwnedFd::from),
        );
        let kin = look_after(lp, started).map_err(|error| match error {
            SignalError::Closed(closed) => ProcessError::Closed(closed),
            other => ProcessError::not_watched(command, io::Error::other(other)),
        })?;
        // From here on it is killed if it can't be had.
        let mut child = Self {
            stdin: None,
            stdout: None,
            stderr: None,
            kin,
            kill_on_drop: true,
        };
        let not_watched = |error: WatchError| ProcessError::not_watched(command, error.into());
        if let Some(pipe) = pipes.0 {
            let watched = lp.watch(PipeWriter::from(pipe)).map_err(not_watched)?;
            child.stdin = Some(ChildInput::new(watched));
        }
        for (pipe, place) in [(pipes.1, &mut child.stdout), (pipes.2, &mut child.stderr)] {
            if let Some(pipe) = pipe {
                let watched = lp.watch(PipeReader::from(pipe)).map_err(not_watched)?;
                *place = Some(ChildOutput::new(watched));
            }
        }
        child.kill_on_drop = false;
        Ok(child)
    }

    /// Its number. Once it has ended, that may be another's.
    pub fn id(&self) -> u32 {
        self.kin.id()
    }

    /// Whether the child is killed when this is dropped before it has ended.
    pub fn kill_on_drop(&mut self, kill: bool) {
        self.kill_on_drop = kill;
    }

    /// Waits until it has ended, and says how: by an exit code or a signal (PROC-04). Its
    /// pipes may have more to read, and may stay open, where a child of its own has them.
    ///
    /// A child that reads its input to the end wants its input closed first. Fails if the
    /// loop ends before the child, or somebody else has taken its status (which the system itself
    /// does where `SIGCHLD` is ignored). May be called any number of times, also at once.
    ///
    /// Cancel safe.
    pub async fn wait(&self) -> io::Result<ExitStatus> {
        self.kin.ended().await
    }

    /// How it ended, if it has, also where its loop was closed (PROC-12).
    pub fn try_wait(&self) -> Option<ExitStatus> {
        self.kin.reap();
        self.kin.status()
    }

    /// Closes its input, reads what it writes to both of its outputs, and waits for its end.
    ///
    /// Dropping the future drops the child with what was read.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        self.stdin = None;
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (stdout, stderr) = try_join(read_all(stdout), read_all(stderr)).await?;
        let status = self.wait().await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Sends it a signal. One that has ended is an error of its own (PROC-07).
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessSignalError> {
        self.kin.signal(signal)
    }

    /// Ends it by `SIGKILL`, which it can't refuse.
    pub fn kill(&self) -> Result<(), ProcessSignalError> {
        self.signal(Signal::KILL)
    }
}

async fn read_all<L: Watch>(pipe: Option<ChildOutput<L>>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut all).await?;
    }
    Ok(all)
}

impl<L: Watch> Drop for Child<L> {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // Fails only where it has ended.
            let _ = self.kill();
        }
    }
}

impl<L: Watch> fmt::Debug for Child<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("status", &self.kin.status())
            .finish_non_exhaustive()
    }
}
