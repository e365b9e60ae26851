//! What the one who runs the tests asks for, by variables of the environment.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{SeedError, seed, seed_from_env};

const SEEDS: &str = "POLYLOOP_SEEDS";
const FIRST: &str = "POLYLOOP_FIRST_SEED";
const TRACE: &str = "POLYLOOP_TRACE";

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Only this seed.
    pub(super) seed: Option<u64>,
    /// So many seeds.
    pub(super) seeds: Option<u64>,
    /// Beginning with this one.
    pub(super) first: Option<u64>,
    /// Where the picture goes.
    pub(super) trace: Option<PathBuf>,
}

/// A variable can't be followed.
#[derive(Debug, Error)]
pub(super) enum EnvironmentError {
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error("{SEEDS} is {given:?}; expected how many seeds to run, at least 1")]
    Seeds { given: OsString },
    #[error("{FIRST} is {given:?}; expected the first seed to run, a whole number")]
    First { given: OsString },
}

impl Environment {
    pub(super) fn read() -> Result<Self, EnvironmentError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        Ok(Self {
            seed: seed_from_env()?,
            seeds: set(SEEDS).map(count).transpose()?,
            first: set(FIRST).map(first).transpose()?,
            trace: set(TRACE).map(PathBuf::from),
        })
    }
}

fn count(given: OsString) -> Result<u64, EnvironmentError> {
    let parsed = given.to_str().and_then(|text| text.trim().parse().ok());
    parsed
        .filter(|count| *count > 0)
        .ok_or(EnvironmentError::Seeds { given })
}

fn first(given: OsString) -> Result<u64, EnvironmentError> {
    let parsed = seed::parse(&given.to_string_lossy());
    parsed.map_err(|_| EnvironmentError::First { given })
}

/// Whether a run is written to `path` as lines instead of being drawn.
pub(super) fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "txt")
}

/// The file that a picture goes to: `path`, or one of its own in that directory.
pub(super) fn picture_file(path: &Path, name: &str, seed: u64) -> PathBuf {
    let directory = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
    if !directory {
        return path.to_owned();
    }
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.replace("::", "-").chars().map(plain).collect();
    path.join(format!("{name}-seed-{seed}.html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gets_a_file_for_each_test_and_seed() {
        let file = Path::new("run.html");
        assert_eq!(picture_file(file, "a::b", 7), file);
        assert_eq!(
            picture_file(Path::new("runs/"), "chat::order::sim", 7),
            Path::new("runs/chat-order-sim-seed-7.html")
        );
        assert!(is_text(Path::new("run.txt")) && !is_text(file) && !is_text(Path::new("txt")));
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            picture_file(directory.path(), "../a b", 7),
            directory.path().join("---a-b-seed-7.html")
        );
    }

    #[test]
    fn a_number_of_seeds_is_a_number() {
        assert_eq!(count("2000".into()).unwrap(), 2000);
        for wrong in ["0", "-1", "many"] {
            let error = count(wrong.into()).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }
}
