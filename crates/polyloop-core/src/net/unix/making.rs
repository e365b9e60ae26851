//! How UNIX sockets of the system's are made, once for all backends.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{self, Path};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::error::UnixPathError;
use super::{DirectoryLock, SocketFile};
use crate::net::socket::open;
use crate::net::{ListenOptions, TcpOptions};
use crate::protocol::address::UnixAddress;

/// What a path may have without the zero byte behind it: what `sun_path` has room for.
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A connected socket that does not block. What stands in a `TcpStream` is a stream socket,
/// and std asks no more of it.
pub(super) fn connect(address: &UnixAddress, options: &TcpOptions) -> io::Result<TcpStream> {
    let to = system_address(address)?;
    let socket = socket(options)?;
    socket.connect(&to)?;
    Ok(OwnedFd::from(socket).into())
}

/// A listening socket that does not block.
pub(super) fn listen(address: &UnixAddress, options: &ListenOptions) -> io::Result<TcpListener> {
    let on = system_address(address)?;
    let socket = socket(&options.tcp)?;
    socket.bind(&on)?;
    let listens = || {
        if let (Some(mode), Some(path)) = (options.unix.mode, address.as_path()) {
            // Before anybody can connect: to what does not listen nobody can.
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))
    };
    if let Err(error) = listens() {
        // Nobody else has the file yet.
        if let Some(path) = address.as_path() {
            let _ = fs::remove_file(path);
        }
        return Err(error);
    }
    Ok(OwnedFd::from(socket).into())
}

fn socket(options: &TcpOptions) -> io::Result<Socket> {
    let socket = open(Domain::UNIX, Type::STREAM, None)?;
    set_buffers(&SockRef::from(&socket), options)?;
    Ok(socket)
}

fn set_buffers(socket: &SockRef<'_>, options: &TcpOptions) -> io::Result<()> {
    if let Some(size) = options.recv_buffer_size {
        socket.set_recv_buffer_size(size)?;
    }
    if let Some(size) = options.send_buffer_size {
        socket.set_send_buffer_size(size)?;
    }
    Ok(())
}

/// The address as the system has it.
pub(super) fn system_address(address: &UnixAddress) -> io::Result<SockAddr> {
    let name = if let Some(path) = address.as_path() {
        let bytes = path.as_os_str().as_bytes();
        check(bytes, LONGEST)?;
        if bytes.contains(&0) {
            return Err(UnixPathError::ZeroByte.into());
        }
        return SockAddr::unix(path);
    } else if let Some(name) = address.as_abstract_name() {
        name
    } else {
        return Err(UnixPathError::Unnamed.into());
    };
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(UnixPathError::NoAbstractNames.into());
    }
    check(name, LONGEST)?;
    let name = [&[0], name].concat();
    SockAddr::unix(Path::new(std::ffi::OsStr::from_bytes(&name)))
}

fn check(name: &[u8], limit: usize) -> Result<(), UnixPathError> {
    match name.len() {
        0 => Err(UnixPathError::Unnamed),
        length if length > limit => Err(UnixPathError::TooLong { length, limit }),
        _ => Ok(()),
    }
}

/// What there is at a path.
pub(super) fn look_at(path: &Path) -> io::Result<SocketFile> {
    let found = fs::symlink_metadata(path)?;
    Ok(SocketFile {
        path: path::absolute(path)?,
        is_socket: found.file_type().is_socket(),
        id: (found.dev(), found.ino()),
    })
}

/// A lock on the directory of a path; none where the directory can't be opened.
pub(super) fn lock_directory(path: &Path) -> io::Result<Option<DirectoryLock>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let Ok(opened) = File::open(directory) else {
        return Ok(None);
    };
    match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(DirectoryLock { _lock: lock })),
        Err((_, Errno::EWOULDBLOCK)) => Err(io::ErrorKind::WouldBlock.into()),
        // A file system without locks.
        Err(_) => Ok(None),
    }
}
