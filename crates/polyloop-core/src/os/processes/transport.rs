//! [`ProcessTransport`]: a child process, as its protocol sees it inside its callbacks.

use std::process::ExitStatus;

use bytes::BytesMut;
use thiserror::Error;

use super::reaper::Kin;
use super::{OutputPipe, ProcessSignalError};
use crate::os::signal::Signal;
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;

/// A child process, lent to its protocol for the time of each callback. Nothing here blocks,
/// and nothing calls back before the callback has returned.
pub struct ProcessTransport {
    kin: Arc<Kin>,
    /// What the child has not taken yet.
    pub(super) input: BytesMut,
    pub(super) input_is: Input,
    /// Which of the outputs are read.
    pub(super) reads: [bool; 2],
    pub(super) paused: bool,
}

/// How it stands with the child's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Open,
    /// To be closed once all is written.
    Closing,
    Closed,
}

impl ProcessTransport {
    pub(super) fn new(kin: Arc<Kin>, has_input: bool, reads: [bool; 2]) -> Self {
        Self {
            kin,
            input: BytesMut::new(),
            input_is: if has_input {
                Input::Open
            } else {
                Input::Closed
            },
            reads,
            paused: false,
        }
    }

    /// Writes to the child's input: all of it, in order. What the child does not take at
    /// once waits here, however much it is; [`input_buffer_size`](Self::input_buffer_size)
    /// says how much, and [`input_drained`](super::ProcessProtocol::input_drained) comes when
    /// it has taken all.
    pub fn write(&mut self, data: &[u8]) -> Result<(), InputClosed> {
        if self.input_is != Input::Open {
            return Err(InputClosed);
        }
        self.input.extend_from_slice(data);
        Ok(())
    }

    /// How many bytes wait for the child to take them.
    pub fn input_buffer_size(&self) -> usize {
        self.input.len()
    }

    /// Writes what waits, and gives the child the end of its input then (PROC-01).
    pub fn close_input(&mut self) {
        if self.input_is == Input::Open {
            self.input_is = Input::Closing;
        }
    }

    /// Closes one of its outputs: a child that writes to it after that is told by the system,
    /// which for most means the end.
    pub fn close_output(&mut self, pipe: OutputPipe) {
        self.reads[place(pipe)] = false;
    }

    /// Closes all pipes, the input at once, and leaves a running child alone (PROC-08).
    pub fn close(&mut self) {
        self.input.clear();
        self.input_is = Input::Closed;
        self.reads = [false; 2];
    }

    /// Reads nothing more until [`resume_reading`](Self::resume_reading), so that a child that
    /// writes much has to wait.
    pub fn pause_reading(&mut self) {
        self.paused = true;
    }

    /// Undoes [`pause_reading`](Self::pause_reading), whichever callback this is called in
    /// (PROC-11).
    pub fn resume_reading(&mut self) {
        self.paused = false;
    }

    /// Its number. Once it has ended, that may be another's.
    pub fn id(&self) -> u32 {
        self.kin.id()
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<ExitStatus> {
        self.kin.status()
    }

    /// Sends it a signal. One that has ended is an error of its own (PROC-07).
    pub fn signal(&mut self, signal: Signal) -> Result<(), ProcessSignalError> {
        self.kin.signal(signal)
    }

    /// Ends it by `SIGKILL`, which it can't refuse.
    pub fn kill(&mut self) -> Result<(), ProcessSignalError> {
        self.signal(Signal::KILL)
    }
}

pub(super) fn place(pipe: OutputPipe) -> usize {
    match pipe {
        OutputPipe::Stdout => 0,
        OutputPipe::Stderr => 1,
    }
}

impl std::fmt::Debug for ProcessTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessTransport")
            .field("id", &self.id())
            .field("input", &self.input_is)
            .field("waiting", &self.input.len())
            .finish_non_exhaustive()
    }
}

/// A write to a child whose input is closed, by this side or by the child.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the child's input is closed; nothing more can be written to it")]
#[non_exhaustive]
pub struct InputClosed;

impl From<InputClosed> for Failure {
    #[track_caller]
    fn from(error: InputClosed) -> Self {
        Self::new(error)
    }
}
