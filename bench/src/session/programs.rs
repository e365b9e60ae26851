//! [`Programs`]: where the programs of the subjects are and how they are started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cores::Cores;
use super::process::Process;
use super::python;
use crate::options::Options;
use crate::suites::{LoopKind, Subject, Suite, Work};

/// What Python's subjects run.
const ECHO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/echo.py");

/// The executables.
pub(crate) struct Programs {
    bench: PathBuf,
    counting: PathBuf,
    peers: Option<PathBuf>,
    /// Those that simulate, which are built in a directory of their own.
    simulators: Option<PathBuf>,
    python: Option<PathBuf>,
}

impl Programs {
    /// They lie beside this one, except for Python, whose environment is made where it
    /// is missing.
    pub(crate) fn find(options: &Options) -> Result<Self, String> {
        let bench =
            std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
        let beside = |name: &str| {
            let path = bench.with_file_name(name);
            let missing = || {
                format!(
                    "{} is not there; cargo xtask bench builds it",
                    path.display()
                )
            };
            path.exists().then_some(&path).cloned().ok_or_else(missing)
        };
        let peers = beside("polyloop-bench-peers");
        let simulators = bench
            .ancestors()
            .nth(2)
            .map(|target| target.join("sim-peers/bench-release/polyloop-bench-sim-peers"))
            .filter(|path| options.peers && path.exists());
        // Only what is selected is built.
        let peers = if options.peers { peers.ok() } else { None };
        if options.peers && peers.is_none() && simulators.is_none() {
            return Err("no peers are there; cargo xtask bench builds them".to_owned());
        }
        let python = options
            .python
            .then(|| python::environment(&bench.with_file_name("bench-python")));
        Ok(Self {
            counting: beside("polyloop-bench-counting")?,
            peers,
            simulators,
            python: python.transpose()?,
            bench,
        })
    }

    /// Who else takes part: the peers where they run, and Python beside the runtime
    /// that also has one thread.
    pub(crate) fn guests(&self, suite: Suite, on: LoopKind) -> Vec<Subject> {
        let mut guests = Vec::new();
        if let Work::PlainSimulation(_) = suite.work() {
            if self.simulators.is_some() {
                use Subject::{Madsim, Turmoil, TurmoilInLongTicks};
                guests.extend([Madsim, Turmoil, TurmoilInLongTicks]);
            }
            return guests;
        }
        let alone = matches!(suite.work(), Work::Inside | Work::Simulation(_));
        if alone || suite == Suite::AnyLoop {
            return guests;
        }
        if self.peers.is_some() && suite != Suite::Lines {
            guests.push(Subject::TorRtcompat);
            if on != LoopKind::AsyncStd {
                guests.extend([Subject::AgnosticNet, Subject::AsyncRs]);
            }
        }
        if self.python.is_some() && on == LoopKind::TokioCurrentThread {
            guests.extend([Subject::Asyncio, Subject::Uvloop, Subject::Twisted]);
        }
        guests
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
        let command = self.command(suite, on, subject)?;
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
        let mut command = Command::new(&self.counting);
        command.args(arguments(suite, on, subject));
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
        let traced = self.command(suite, on, subject)?;
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "signal=none", "-s", "8", "-o"]);
        command.arg(log);
        command.arg(traced.get_program()).args(traced.get_args());
        cores.with_subject(|| Process::start(name(suite, on, subject), command))
    }

    /// The same below valgrind, which writes to `log` how many instructions it took.
    pub(crate) fn weighed(
        &self,
        cores: &Cores,
        suite: Suite,
        on: LoopKind,
        subject: Subject,
        log: &Path,
    ) -> Result<Process, String> {
        let weighed = self.command(suite, on, subject)?;
        let mut command = Command::new("valgrind");
        command.args(["--tool=cachegrind", "--cache-sim=no"]);
        command.arg("--cachegrind-out-file=/dev/null");
        command.arg(prefixed("--log-file=", log));
        command.arg(weighed.get_program()).args(weighed.get_args());
        cores.with_subject(|| Process::start(name(suite, on, subject), command))
    }

    fn command(&self, suite: Suite, on: LoopKind, subject: Subject) -> Result<Command, String> {
        let program = match subject {
            Subject::TorRtcompat | Subject::AgnosticNet | Subject::AsyncRs => self.peers.as_ref(),
            Subject::Madsim | Subject::Turmoil | Subject::TurmoilInLongTicks => {
                self.simulators.as_ref()
            }
            Subject::Asyncio | Subject::Uvloop | Subject::Twisted => self.python.as_ref(),
            _ => Some(&self.bench),
        };
        let program = program.ok_or_else(|| format!("{} was not asked for", subject.name()))?;
        let mut command = Command::new(program);
        if self.python.as_ref() == Some(program) {
            command.args([ECHO, subject.name(), suite.name()]);
        } else {
            command.args(arguments(suite, on, subject));
        }
        Ok(command)
    }
}

/// An option and its path in one argument, whatever bytes the path is made of.
fn prefixed(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

fn arguments(suite: Suite, on: LoopKind, subject: Subject) -> [&'static str; 4] {
    ["subject", suite.name(), on.name(), subject.name()]
}

fn name(suite: Suite, on: LoopKind, subject: Subject) -> String {
    format!("{} on {} in {}", subject.name(), on.name(), suite.name())
}
