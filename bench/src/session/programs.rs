//! [`Programs`]: where the programs of the subjects are and how they are started.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cores::Cores;
use super::process::Process;
use crate::options::Options;
use crate::suites::{LoopKind, Subject, Suite};

/// The executables.
pub(crate) struct Programs {
    bench: PathBuf,
    counting: PathBuf,
}

impl Programs {
    /// They lie beside this one.
    pub(crate) fn find(_options: &Options) -> Result<Self, String> {
        let bench =
            std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
        let counting = beside(&bench, "polyloop-bench-counting")?;
        Ok(Self { bench, counting })
    }

    /// The load generator.
    pub(crate) fn load(&self) -> Result<Process, String> {
        let mut command = Command::new(&self.bench);
        command.arg("load");
        Process::start("the load generator", command)
    }

    /// Starts a subject on its core.
    pub(crate) fn subject(
        &self,
        cores: &Cores,
        suite: Suite,
        on: LoopKind,
        subject: Subject,
    ) -> Result<Process, String> {
        let command = Self::command(&self.bench, suite, on, subject);
        cores.with_subject(|| Process::start(name(suite, on, subject), command))
    }

    /// The same with an allocator that counts.
    pub(crate) fn counting(
        &self,
        cores: &Cores,
        suite: Suite,
        on: LoopKind,
        subject: Subject,
    ) -> Result<Process, String> {
        let command = Self::command(&self.counting, suite, on, subject);
        cores.with_subject(|| Process::start(name(suite, on, subject), command))
    }

    /// The same below strace, which writes every system call to `log`.
    pub(crate) fn traced(
        &self,
        cores: &Cores,
        suite: Suite,
        on: LoopKind,
        subject: Subject,
        log: &Path,
    ) -> Result<Process, String> {
        let traced = Self::command(&self.bench, suite, on, subject);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "signal=none", "-s", "8", "-o"]);
        command.arg(log);
        command.arg(traced.get_program()).args(traced.get_args());
        cores.with_subject(|| Process::start(name(suite, on, subject), command))
    }

    fn command(program: &Path, suite: Suite, on: LoopKind, subject: Subject) -> Command {
        let mut command = Command::new(program);
        command.args(["subject", suite.name(), on.name(), subject.name()]);
        command
    }
}

fn name(suite: Suite, on: LoopKind, subject: Subject) -> String {
    format!("{} on {} in {}", subject.name(), on.name(), suite.name())
}

fn beside(program: &Path, name: &str) -> Result<PathBuf, String> {
    let path = program.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!(
            "{} is not there; `cargo xtask bench` builds it",
            path.display()
        ))
    }
}
