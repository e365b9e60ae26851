//! [`Directory`]: a place for the files of sockets.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::Verdict;

/// An empty directory of the system's, removed with all that is in it when it is dropped. A
/// simulated host has files of its own, and takes the names for what they are.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// A new one.
    pub fn new() -> Verdict<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("polyloop-{}-{number}", process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Of a process that had this one's number, and was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The endpoint of a socket in it.
    pub fn endpoint(&self, name: &str) -> String {
        endpoint(&self.path(name))
    }
}

/// The endpoint of a path.
pub fn endpoint(path: &Path) -> String {
    format!("unix:{}", polyloop_core::quote(&path.to_string_lossy()))
}

/// An abstract name that nobody else has.
pub fn abstract_name(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("polyloop-{}-{what}-{number}", process::id())
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
