//! [`Process`]: a child that is spoken to in lines, answers within a deadline, and ends
//! with whoever holds it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long a process may take to end once it is told to.
const GRACE: Duration = Duration::from_secs(10);

/// What a process has had of its core, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) ran_nanos: u64,
    /// It could have run, and something else did.
    pub(crate) waited_nanos: u64,
}

/// A running child.
pub(crate) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(name: impl Into<String>, mut command: Command) -> Result<Self, String> {
        let name = name.into();
        let mut child = command
            // A backtrace for each error would be counted, where the caller's shell asks
            // for them.
            .env("RUST_BACKTRACE", "0")
            .env_remove("RUST_LIB_BACKTRACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {command:?} did not start: {error}"))?;
        let input = child.stdin.take();
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            // It ends with the child's output.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            name,
            child,
            input,
            lines,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), String> {
        // In one piece, so that it is also read as one.
        let line = format!("{line}\n");
        let said = self
            .input
            .as_mut()
            .map(|input| input.write_all(line.as_bytes()));
        match said {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(format!("{} takes no more input: {error}", self.name)),
            None => Err(format!("{} was told to end", self.name)),
        }
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> Result<String, String> {
        self.lines.recv_timeout(DEADLINE).map_err(|error| {
            let name = &self.name;
            match error {
                RecvTimeoutError::Timeout => format!("{name} did not answer within {DEADLINE:?}"),
                RecvTimeoutError::Disconnected => match self.child.wait() {
                    Ok(status) => format!("{name} ended with {status}"),
                    Err(error) => format!("{name} is lost: {error}"),
                },
            }
        })
    }

    /// Says a line and gives the answer.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String, String> {
        self.say(line)?;
        self.line()
    }

    /// The address that a server says it listens on.
    pub(crate) fn address(&mut self) -> Result<SocketAddr, String> {
        let line = self.line()?;
        line.strip_prefix("listening ")
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| format!("{}: expected `listening ADDRESS`, got {line:?}", self.name))
    }

    /// What its threads have had of their core so far.
    pub(crate) fn schedule(&self) -> Result<Schedule, String> {
        let tasks = format!("/proc/{}/task", self.id());
        let problem = |error| format!("{}: {tasks}: {error}", self.name);
        let mut schedule = Schedule::default();
        for task in fs::read_dir(&tasks).map_err(problem)? {
            let path = task.map_err(problem)?.path().join("schedstat");
            // A thread may end while they are read.
            let text = fs::read_to_string(path).unwrap_or_default();
            let mut fields = text.split_whitespace().map(str::parse::<u64>);
            if let (Some(Ok(ran)), Some(Ok(waited))) = (fields.next(), fields.next()) {
                schedule.ran_nanos += ran;
                schedule.waited_nanos += waited;
            }
        }
        Ok(schedule)
    }

    /// Its resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/smaps_rollup", self.id());
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let kib = text.lines().find_map(|line| {
            let value = line.strip_prefix("Rss:")?.trim().strip_suffix("kB")?;
            value.trim().parse::<u64>().ok()
        });
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| format!("{path} does not tell the resident memory"))
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> Result<usize, String> {
        let path = format!("/proc/{}/fd", self.id());
        fs::read_dir(&path)
            .map(Iterator::count)
            .map_err(|error| format!("{path}: {error}"))
    }

    /// Ends its input, which ends it, and waits for that.
    pub(crate) fn end(mut self) -> Result<ExitStatus, String> {
        self.input = None;
        let deadline = Instant::now() + GRACE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(None) => return Err(format!("{} did not end within {GRACE:?}", self.name)),
                Err(error) => return Err(format!("{} is lost: {error}", self.name)),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A tracer's own child ends with its input, which is the same.
        self.input = None;
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
