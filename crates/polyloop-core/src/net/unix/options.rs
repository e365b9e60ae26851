//! [`UnixOptions`]: what can be said about the file of a listening socket.

use super::super::options::setters;

/// Options of a listening UNIX socket. They mean nothing where it listens on an abstract name,
/// which has no file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixOptions {
    /// The permissions of the file, such as `0o660`: what the umask leaves unless set
    /// (UNIX-04). Nobody can connect before they are in force.
    pub mode: Option<u32>,
    /// Whether the file of a server that is gone gives way: off unless set. Whether it is gone
    /// is found out by a connect; one that listens is never displaced, and what is no socket
    /// never removed (UNIX-02).
    pub replace_stale: bool,
}

setters! { UnixOptions:
    /// Sets [`mode`](Self#structfield.mode).
    mode: Option<u32>,
    /// Sets [`replace_stale`](Self#structfield.replace_stale).
    replace_stale: bool,
}
