//! The file of seeds under which a test failed before.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::SeedError;
use crate::seed;

/// The file can't be followed.
#[derive(Debug, Error)]
pub(super) enum KeptError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}, line {line}: {:?} is no seed; each line has one, and remarks are behind a #", path.display(), source.given)]
    Line {
        path: PathBuf,
        line: usize,
        source: SeedError,
    },
}

/// The seeds in a file, none if it is not there.
pub(super) fn read(path: &Path) -> Result<Vec<u64>, KeptError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(KeptError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut seeds = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        seeds.push(seed::parse(text).map_err(|source| KeptError::Line {
            path: path.to_owned(),
            line,
            source,
        })?);
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_line_is_a_seed_or_a_remark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.txt");
        assert_eq!(read(&path).unwrap(), [0; 0]);
        std::fs::write(&path, "# found\n\n7 # twice\r\n0x10\n").unwrap();
        assert_eq!(read(&path).unwrap(), [7, 16]);
        std::fs::write(&path, "7\nseven\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("kept.txt, line 2: \"seven\""), "{error}");
        assert!(read(folder.path()).is_err());
    }
}
