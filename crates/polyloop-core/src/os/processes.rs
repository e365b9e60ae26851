//! [`Processes`]: child processes, with their pipes and their end.
//!
//! | here | what |
//! | --- | --- |
//! | this file | the ability of a loop |
//! | [`child`](Child) | a child for code that awaits |
//! | [`pipe`](ChildInput) | its pipes, as streams |
//! | [`protocol`](ProcessProtocol), [`transport`](ProcessTransport), [`process`](Process), `driver` | a child for code that is called back |
//! | `reaper` | how its end comes to the loop |
//!
//! Whatever watches descriptors has this: the end of a child is a descriptor's readiness on
//! Linux, and a signal elsewhere, so there is no thread per child.

mod child;
mod driver;
mod error;
mod pipe;
mod process;
mod protocol;
mod reaper;
mod transport;

use std::process::{Command, Stdio};

pub use child::Child;
pub use error::{ProcessError, ProcessSignalError};
pub use pipe::{ChildInput, ChildOutput};
pub use process::{Process, ProcessLost};
pub use protocol::{OutputPipe, ProcessEnd, ProcessProtocol};
pub use transport::{InputClosed, ProcessTransport};

use crate::os::Watch;

/// Starts programs.
///
/// They are described by std's [`Command`]: a child inherits the environment and what is not
/// [piped](Stdio::piped), as it says (PROC-06), and no other descriptor of this process
/// (PROC-10).
///
/// ```
/// use polyloop_core::{Failure, Processes};
/// use std::process::{Command, Stdio};
///
/// async fn version<L: Processes>(lp: &L) -> Result<String, Failure> {
///     let child = lp.spawn_child(Command::new("rustc").arg("--version").stdout(Stdio::piped()))?;
///     let output = child.wait_with_output().await?;
///     Ok(String::from_utf8_lossy(&output.stdout).into_owned())
/// }
/// ```
pub trait Processes: Watch {
    /// Starts a program, for code that awaits. One that can't be started is an error here
    /// (PROC-05).
    ///
    /// The call lasts as long as the system takes to start it. A child that nobody waits for
    /// is reaped all the same, as long as the loop goes on (PROC-09).
    fn spawn_child(&self, command: &mut Command) -> Result<Child<Self>, ProcessError> {
        Child::spawn(self, command)
    }

    /// Starts a program with pipes for its input, its output and its errors, and drives
    /// `protocol` with what comes: Twisted's `spawnProcess`, asyncio's `subprocess_exec`.
    ///
    /// For other pipes, or fewer, [start a child](Self::spawn_child) and
    /// [drive](Self::drive_process) that.
    #[track_caller]
    fn spawn_process<P: ProcessProtocol>(
        &self,
        command: &mut Command,
        protocol: P,
    ) -> Result<Process<P>, ProcessError> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.drive_process(self.spawn_child(command)?, protocol)
    }

    /// Drives a protocol with what comes of a child that was started before, on those of its
    /// pipes that have not been taken.
    #[track_caller]
    fn drive_process<P: ProcessProtocol>(
        &self,
        child: Child<Self>,
        protocol: P,
    ) -> Result<Process<P>, ProcessError> {
        driver::start(self, child, protocol)
    }
}

impl<L: Watch> Processes for L {}
