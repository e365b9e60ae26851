//! A virtual environment with uvloop and Twisted in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long making it and installing may take, each.
const DEADLINE: Duration = Duration::from_secs(300);

/// Makes the environment in `directory`, unless it is there, and gives its Python.
pub(crate) fn environment(directory: &Path) -> Result<PathBuf, String> {
    let python = directory.join("bin/python3");
    if !python.exists() {
        eprintln!("making a virtual environment in {}", directory.display());
        let mut make = Command::new("python3");
        finish(make.args(["-m", "venv"]).arg(directory))?;
    }
    let mut import = Command::new(&python);
    import.args(["-c", "import twisted, uvloop"]);
    import.stderr(Stdio::null());
    if finish(&mut import).is_err() {
        let mut install = Command::new(&python);
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        eprintln!("installing uvloop and Twisted into it");
        finish(install.args(["uvloop", "twisted"]))?;
    }
    Ok(python)
}

/// Runs a command to its end, or to the deadline.
fn finish(command: &mut Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let shown = format!("{command:?}");
    let problem = |what: &dyn std::fmt::Display| format!("--python: {shown}: {what}");
    let mut child = command.spawn().map_err(|error| problem(&error))?;
    let deadline = Instant::now() + DEADLINE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(problem(&status)),
            Ok(None) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
            Ok(None) => {
                // It fails only if it has just ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(problem(&format!("not done within {DEADLINE:?}")));
            }
            Err(error) => return Err(problem(&error)),
        }
    }
}
