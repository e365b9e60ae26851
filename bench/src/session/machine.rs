//! What the figures were measured on, and when.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

use super::cores::Cores;

/// The circumstances.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) pinning: String,
}

pub(crate) fn describe(cores: &Cores) -> Machine {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let count = cpus.lines().filter(|line| line.starts_with("processor"));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // It runs in the root of the repository; a report says nothing of where that is.
    let here = std::env::current_dir().unwrap_or_default();
    let here = format!("{}/", here.display());
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .map(|argument| argument.replace(&here, ""))
        .collect();
    Machine {
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        command: format!("cargo xtask bench {}", arguments.join(" "))
            .trim_end()
            .to_owned(),
        commit: commit().unwrap_or_else(|| "unknown".to_owned()),
        processor: processor.to_owned(),
        cores: count.count(),
        kernel: kernel.trim().to_owned(),
        pinning: cores.to_string(),
    }
}

/// The commit that is checked out, and whether it is all.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then_some(())?;
        String::from_utf8(output.stdout).ok()
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let mark = if changed { " with changes" } else { "" };
    Some(format!("{}{mark}", commit.trim()))
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, commit {}, `{}`\n{} cores of {}, Linux {}; {}",
            self.date,
            self.commit,
            self.command,
            self.cores,
            self.processor,
            self.kernel,
            self.pinning
        )
    }
}
