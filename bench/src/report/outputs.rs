//! [`Outputs`]: the files that were asked for, opened before anything is measured.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::row::Row;
use super::{charts, json, markdown};
use crate::options::Options;
use crate::session::Machine;

/// Where the results go besides the terminal.
pub(crate) struct Outputs {
    json: Option<Output>,
    markdown: Option<Output>,
    charts: Option<PathBuf>,
}

impl Outputs {
    pub(crate) fn create(options: &Options) -> Result<Self, String> {
        let create = |path: &Option<PathBuf>| path.as_deref().map(Output::create).transpose();
        if let Some(directory) = &options.svg {
            fs::create_dir_all(directory).map_err(|error| problem(directory, &error))?;
            // Whether files can be made in it is known only once one is.
            tempfile::tempfile_in(directory).map_err(|error| problem(directory, &error))?;
        }
        Ok(Self {
            json: create(&options.json)?,
            markdown: create(&options.markdown)?,
            charts: options.svg.clone(),
        })
    }

    pub(crate) fn write(self, machine: &Machine, rows: &[Row]) -> Result<(), String> {
        if let Some(output) = self.json {
            output.write(&json::write(machine, rows)?)?;
        }
        if let Some(output) = self.markdown {
            output.write(&markdown::write(machine, rows))?;
        }
        if let Some(directory) = self.charts {
            charts::draw(&directory, rows)?;
        }
        Ok(())
    }
}

/// A file that is there to be written.
struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    fn create(path: &Path) -> Result<Self, String> {
        let file = File::create(path).map_err(|error| problem(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    fn write(mut self, text: &str) -> Result<(), String> {
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| problem(&self.path, &error))
    }
}

fn problem(path: &Path, error: &std::io::Error) -> String {
    format!("{} can't be written: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::Outputs;
    use crate::options::Options;

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nowhere/results.json");
        let options = Options {
            json: Some(path.clone()),
            ..Options::default()
        };
        let problem = Outputs::create(&options).err().unwrap();
        assert!(problem.contains(path.to_str().unwrap()), "{problem}");
    }
}
