//! [`ProcessProtocol`]: a child process for code that is called back.

use std::fmt;
use std::process::ExitStatus;

use super::ProcessTransport;
use crate::promise::failure::Failure;

/// What is told of a child process: Twisted's `ProcessProtocol`, asyncio's
/// `SubprocessProtocol`.
///
/// Callbacks never overlap. They come in this order: started; output and its ends, as they
/// come; exited, when the system says so, which may be before the last output; ended, once
/// and last, when all is closed (PROC-02, PROC-03). An error or a panic in one of them is
/// reported, and the child is killed.
///
/// ```
/// use polyloop_core::{Failure, OutputPipe, ProcessProtocol, ProcessTransport};
///
/// /// Sends a text through `sort`, and prints what comes back.
/// struct Sorted(String);
///
/// impl ProcessProtocol for Sorted {
///     fn process_started(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
///         process.write(self.0.as_bytes())?;
///         process.close_input();
///         Ok(())
///     }
///     fn output_received(
///         &mut self,
///         _: &mut ProcessTransport,
///         _: OutputPipe,
///         data: &[u8],
///     ) -> Result<(), Failure> {
///         print!("{}", String::from_utf8_lossy(data));
///         Ok(())
///     }
/// }
/// ```
pub trait ProcessProtocol: Send + 'static {
    /// The child has been started.
    fn process_started(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        let _ = process;
        Ok(())
    }

    /// The child has written something to its output, or to its errors (PROC-01). It is cut
    /// anywhere.
    fn output_received(
        &mut self,
        process: &mut ProcessTransport,
        pipe: OutputPipe,
        data: &[u8],
    ) -> Result<(), Failure>;

    /// Nothing more comes from this pipe: whoever could write to it has closed it. Not told
    /// of one that this side has closed.
    fn output_ended(
        &mut self,
        process: &mut ProcessTransport,
        pipe: OutputPipe,
    ) -> Result<(), Failure> {
        let _ = (process, pipe);
        Ok(())
    }

    /// The child has taken all that was written, after some of it had to wait.
    fn input_drained(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        let _ = process;
        Ok(())
    }

    /// Nobody reads the child's input any more, though this side has not closed it. What
    /// was still to be written is dropped.
    fn input_lost(&mut self, process: &mut ProcessTransport) -> Result<(), Failure> {
        let _ = process;
        Ok(())
    }

    /// The child has ended, by an exit code or by a signal (PROC-04). Told once, unless how is
    /// not [known](ProcessEnd::StatusTaken); output may still come, from children of its own.
    fn process_exited(
        &mut self,
        process: &mut ProcessTransport,
        status: ExitStatus,
    ) -> Result<(), Failure> {
        let _ = (process, status);
        Ok(())
    }

    /// All is over. Told once, and last.
    fn process_ended(&mut self, end: ProcessEnd) {
        let _ = end;
    }
}

/// Which of its two outputs a child has written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputPipe {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl OutputPipe {
    pub(super) const BOTH: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// The number of the descriptor in the child: 1 or 2.
    pub fn descriptor(self) -> u32 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }
}

/// How it ended with a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessEnd {
    /// The child has ended so.
    Exited(ExitStatus),
    /// The loop's run has ended before the child, which may run on.
    LeftBehind,
    /// The child has ended, and how is not known: somebody else in this process has taken its
    /// status, or the system was told to keep none, since `SIGCHLD` is ignored.
    StatusTaken,
}

impl ProcessEnd {
    /// How the child ended, if that is known.
    pub fn status(self) -> Option<ExitStatus> {
        match self {
            Self::Exited(status) => Some(status),
            Self::LeftBehind | Self::StatusTaken => None,
        }
    }
}

impl fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => status.fmt(f),
            Self::LeftBehind => f.write_str("the loop's run ended before the child"),
            Self::StatusTaken => f.write_str("it ended, and somebody else has taken its status"),
        }
    }
}
