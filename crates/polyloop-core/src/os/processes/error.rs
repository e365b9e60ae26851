//! Why a process can't be started, and why a signal can't reach it.

use std::io;
use std::process::{Command, ExitStatus};

use thiserror::Error;

use crate::event_loop::lifecycle::LoopClosed;
use crate::os::signal::Signal;
use crate::promise::failure::Failure;

/// Why a program can't be started (PROC-05).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The system did not start it: there is no such program or directory, or it may not be
    /// run.
    #[error("can't start {program:?}{}: {source}; expected a program in the PATH, or a path to one",
        .directory.as_ref().map(|at| format!(" in the directory {at:?}")).unwrap_or_default())]
    NotStarted {
        /// The program.
        program: String,
        /// Where it was to be started, if the command says.
        directory: Option<String>,
        /// What the system said.
        source: io::Error,
    },
    /// The loop can't watch its pipes or its end, so it was killed at once.
    #[error("{program:?} was started and killed again, since the loop can't watch it: {source}")]
    NotWatched {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

impl ProcessError {
    pub(super) fn not_started(command: &Command, source: io::Error) -> Self {
        Self::NotStarted {
            program: program(command),
            directory: command
                .get_current_dir()
                .map(|directory| directory.to_string_lossy().into_owned()),
            source,
        }
    }

    pub(super) fn not_watched(command: &Command, source: io::Error) -> Self {
        Self::NotWatched {
            program: program(command),
            source,
        }
    }

    /// The kind of error, as of a failed `Command::spawn`.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotStarted { source, .. } => source.kind(),
            Self::NotWatched { .. } | Self::Closed(_) => io::ErrorKind::Unsupported,
        }
    }
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Why a signal could not be sent to a child.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessSignalError {
    /// It has ended already, and its number may be another's (PROC-07).
    #[error("{signal} was not sent: process {id} has ended ({status})")]
    Exited {
        /// The number that it had.
        id: u32,
        /// The signal.
        signal: Signal,
        /// How it ended.
        status: ExitStatus,
    },
    /// It has ended already, and how is not known: somebody else has taken its status.
    #[error(
        "{signal} was not sent: process {id} has ended, and somebody else has taken its status"
    )]
    StatusTaken {
        /// The number that it had.
        id: u32,
        /// The signal.
        signal: Signal,
    },
    /// The system refused.
    #[error("{signal} was not sent to process {id}: {source}; expected a signal of this system")]
    Refused {
        /// The number of the process.
        id: u32,
        /// The signal.
        signal: Signal,
        /// What the system said.
        source: io::Error,
    },
}

impl From<ProcessError> for Failure {
    #[track_caller]
    fn from(error: ProcessError) -> Self {
        Self::new(error)
    }
}

impl From<ProcessSignalError> for Failure {
    #[track_caller]
    fn from(error: ProcessSignalError) -> Self {
        Self::new(error)
    }
}
