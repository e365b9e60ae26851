//! Child processes that end with the test.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// A running `polyloop-test-peer`, killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Child {
    /// Starts `program` with `arguments`.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("can't start {program}: {error}"));
        let stdin = process.stdin.take();
        let stdout = BufReader::new(process.stdout.take().expect("its output is piped"));
        Self {
            process,
            stdin,
            stdout,
        }
    }

    /// The next line of its output.
    ///
    /// # Panics
    /// If there is none.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line).expect("a readable line");
        assert!(read > 0, "the child ended without another line");
        line.trim_end().to_owned()
    }

    /// The address it says it listens on.
    ///
    /// # Panics
    /// If its next line is something else.
    pub fn address(&mut self) -> SocketAddr {
        let line = self.line();
        line.strip_prefix("listening on ")
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("expected `listening on ADDRESS`, got {line:?}"))
    }

    /// How much memory it holds now, and has held at most, in KiB.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn memory_kib(&self) -> (u64, u64) {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("a process has a status");
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| {
                    line.strip_prefix(name)?
                        .split_whitespace()
                        .next()?
                        .parse()
                        .ok()
                })
                .expect("the status has the field")
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Ends its input, which asks it to stop, and waits for it. Gives the lines that nobody
    /// has read.
    ///
    /// # Panics
    /// If it fails.
    pub fn stop(mut self) -> Vec<String> {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.flush();
        }
        let lines = self.stdout.by_ref().lines();
        let lines = lines.map(|line| line.expect("a readable line")).collect();
        let status = self.process.wait().expect("a child can be waited for");
        assert!(status.success(), "the child ended with {status}");
        lines
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The path of a client program from Debian's `package`, or `None` where it is not
/// installed and that is allowed.
///
/// # Panics
/// Under CI, if it is missing: there the test must not pass without it.
pub fn client_program(name: &str, package: &str, test: &str) -> Option<String> {
    let found = std::env::var_os("PATH").is_some_and(|paths| {
        std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
    });
    if found {
        return Some(name.to_owned());
    }
    let message = format!("{test} needs {name}: apt-get install {package}");
    assert!(std::env::var_os("CI").is_none(), "{message}");
    // Past the capture of the test harness: a skipped test is never silent.
    let _ = writeln!(std::io::stderr(), "SKIPPED {message}");
    None
}
