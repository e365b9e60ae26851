//! A workspace that a test writes and builds with cargo.
//!
//! All of them are built in one place, which stays from run to run, so that the crates of
//! others are compiled once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long one call of cargo, or one program, may take.
const DEADLINE: Duration = Duration::from_secs(600);

pub(crate) struct Workspace {
    root: PathBuf,
    /// Cargo lets one command at a time build in one place.
    _turn: MutexGuard<'static, ()>,
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) passed: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workspace {
    /// An empty one, or what an earlier run has left of it.
    pub(crate) fn new(name: &str) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let workspace = Self {
            root: place().join(name),
            _turn: turn,
        };
        // With the versions that this repository is tested with, which are there.
        let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
        let lock_file = workspace.root.join("Cargo.lock");
        if !lock_file.exists() {
            workspace.write("Cargo.lock", &lock);
        }
        workspace
    }

    /// Writes a file, in which `POLYLOOP` stands for the path to it. One that is there
    /// already is left alone, so that nothing is built again for it.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        let polyloop = repository().join("crates/polyloop");
        let polyloop = polyloop.to_str().unwrap();
        let text = text.replace("POLYLOOP", &format!("path = {polyloop:?}"));
        if fs::read_to_string(&path).is_ok_and(|known| known == text) {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs cargo.
    pub(crate) fn cargo(&self, arguments: &str, environment: &[(&str, &str)]) -> Printed {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        command
            .arg("--offline")
            .args(arguments.split(' '))
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", place().join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .envs(environment.iter().copied());
        self.run(command)
    }

    /// The same, where it has to succeed.
    pub(crate) fn build(&self, arguments: &str) {
        let printed = self.cargo(arguments, &[]);
        assert!(printed.passed, "cargo {arguments}: {printed:#?}");
    }

    /// Runs a program that was built.
    pub(crate) fn program(&self, name: &str, variable: Option<&str>) -> Printed {
        let path = place().join("target/debug").join(name);
        let mut command = Command::new(path);
        command.envs(variable.map(|value| ("POLYLOOP_LOOP", value)));
        self.run(command)
    }

    fn run(&self, mut command: Command) -> Printed {
        let (out, err) = (self.root.join("out"), self.root.join("err"));
        if command.get_envs().all(|(name, _)| name != "POLYLOOP_LOOP") {
            command.env_remove("POLYLOOP_LOOP");
        }
        let mut child = command
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > DEADLINE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{command:?} did not end within {DEADLINE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        Printed {
            passed: status.success(),
            out: fs::read_to_string(out).unwrap(),
            err: fs::read_to_string(err).unwrap(),
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }
}

fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages")
}

fn repository() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().unwrap()
}
