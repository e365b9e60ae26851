//! [`Unix`]: streams over UNIX sockets.
//!
//! | here | what |
//! | --- | --- |
//! | [`Unix`] | the ability of a loop: a backend's part, which real loops have for nothing |
//! | `making` | how sockets of the system's are made, once for all backends |
//! | `listening` | what becomes of a path: stale files, modes, live servers |
//! | `file` | the file of a listening socket, removed if it is still ours |
//! | [`UnixOptions`] | what can be said about it |
//! | [`PassDescriptors`] | descriptors beside the bytes, on loops that watch descriptors |
//! | [`UnixDatagrams`] | datagrams, on the same loops |
//!
//! [`Loop::connect`](crate::Loop::connect) and [`Loop::serve`](crate::Loop::serve) of a
//! `unix:` endpoint stand on it, with all that they do over TCP.

#[cfg(unix)]
mod datagrams;
mod error;
pub(super) mod file;
pub(super) mod listening;
#[cfg(unix)]
mod making;
mod options;
#[cfg(unix)]
mod passing;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
pub use datagrams::{UnixDatagram, UnixDatagramError, UnixDatagrams};
pub use error::UnixPathError;
pub use options::UnixOptions;
#[cfg(unix)]
pub use passing::{DescriptorStream, PassDescriptors};

use super::{ListenOptions, Tcp, TcpOptions};
use crate::protocol::address::UnixAddress;

/// Streams over UNIX sockets.
///
/// Their streams and listeners are those of [`Tcp`]: a runtime that waits for a stream socket
/// does not care of which family it is, so both speak to the same protocols, pass the same
/// layers, and cost the same. A loop of the system's has all of this from [`Tcp`]'s two
/// `adopt` methods, with an empty `impl`; one that has no such sockets, too, and each method
/// is an error of kind `Unsupported` then. A loop whose network is its own overrides all.
///
/// Most code wants [`Loop::connect`](crate::Loop::connect) and
/// [`Loop::serve`](crate::Loop::serve), which know about stale files and limits.
///
/// ```
/// use polyloop_core::{Failure, Loop, ProtocolFactory};
///
/// async fn both<L: Loop, F: ProtocolFactory + Clone>(lp: &L, factory: F) -> Result<(), Failure> {
///     let near = lp.serve("unix:/run/app.sock:mode=660", factory.clone()).await?;
///     let far = lp.serve("tcp:7000", factory).await?;
///     near.drained().await;
///     far.drained().await;
///     Ok(())
/// }
/// ```
pub trait Unix: Tcp {
    /// Connects to a listening socket of this machine. Cancel safe.
    ///
    /// There is nothing to wait for: where the queue of those that wait to be accepted is
    /// full, it is an error of kind `WouldBlock`, and
    /// [`Loop::connect`](crate::Loop::connect) tries again. Of the options those count that
    /// are about buffers.
    fn connect_unix(
        &self,
        address: &UnixAddress,
        options: &TcpOptions,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send {
        async {
            #[cfg(unix)]
            return self.adopt_stream(making::connect(address, options)?);
            #[cfg(not(unix))]
            return Err(unsupported(address, options));
        }
    }

    /// Listens on a name that is free, with the mode that the options say, and leaves the
    /// file where it is in the end. This is the system's part and no more:
    /// [`Loop::serve`](crate::Loop::serve) decides about a name that is taken.
    fn bind_unix(
        &self,
        address: &UnixAddress,
        options: &ListenOptions,
    ) -> io::Result<Self::TcpListener> {
        #[cfg(unix)]
        return self.adopt_tcp(making::listen(address, options)?);
        #[cfg(not(unix))]
        return Err(unsupported(address, options));
    }

    /// What there is at a path. A symbolic link at its end is not followed.
    fn socket_file(&self, path: &Path) -> io::Result<SocketFile> {
        #[cfg(unix)]
        return making::look_at(path);
        #[cfg(not(unix))]
        return Err(unsupported(path, ()));
    }

    /// Removes the file of a socket.
    fn remove_socket_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// A lock on the directory that a path is in, released when it is dropped: held while a
    /// file is looked at and replaced, so that of two servers one finds the other's. An error
    /// of kind `WouldBlock` if somebody else has it; none where there is none to be had.
    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        #[cfg(unix)]
        return making::lock_directory(path);
        #[cfg(not(unix))]
        return Err(unsupported(path, ()));
    }
}

/// What there is at a path: what [`Unix::socket_file`] gives. For backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketFile {
    /// The path from the root: the program may go elsewhere meanwhile.
    pub path: PathBuf,
    /// Whether it is a socket.
    pub is_socket: bool,
    /// Which file it is: no other has these two numbers while it is there.
    pub id: (u64, u64),
}

/// A lock on a directory, released when it is dropped. For backends.
#[derive(Debug)]
pub struct DirectoryLock {
    #[cfg(unix)]
    _lock: nix::fcntl::Flock<std::fs::File>,
}

#[cfg(not(unix))]
fn unsupported<A, B>(_: A, _: B) -> io::Error {
    let why = "this system has no UNIX sockets, or std does not know them";
    io::Error::new(io::ErrorKind::Unsupported, why)
}
