//! Listening on a UNIX socket: what becomes of a name that is taken, and of the file.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::DirectoryLock;
use super::error::UnixPathError;
use super::file::OwnFile;
use crate::net::server::ListenError;
use crate::net::{ListenOptions, Loop, TcpOptions};
use crate::protocol::address::UnixAddress;

/// How often a lock on a directory that somebody else has is asked for again, and after how
/// long each time. Who has it looks at a file and binds a socket, so it is soon free.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// What listens, and its file if it has one.
pub(in crate::net) async fn listen<L: Loop>(
    lp: &L,
    address: &UnixAddress,
    options: &ListenOptions,
) -> Result<(L::TcpListener, Option<OwnFile<L>>), ListenError> {
    let refused = |source| refusal(address, source);
    let Some(path) = address.as_path() else {
        return Ok((lp.bind_unix(address, options).map_err(refused)?, None));
    };
    let lock = lock_directory(lp, path).await;
    let listener = match lp.bind_unix(address, options) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            make_room(lp, address, path, options).await?;
            lp.bind_unix(address, options).map_err(refused)?
        }
        bound => bound.map_err(refused)?,
    };
    let file = OwnFile {
        lp: lp.clone(),
        file: lp.socket_file(path).map_err(refused)?,
    };
    drop(lock);
    Ok((listener, Some(file)))
}

/// Without it a server that has bound its socket, and does not listen yet, would be taken for
/// one that is gone. Where there is none to be had, chance is left to decide that.
async fn lock_directory<L: Loop>(lp: &L, path: &Path) -> Option<DirectoryLock> {
    for _ in 0..TRIES {
        match lp.lock_directory(path) {
            Ok(lock) => return lock,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => lp.sleep(PAUSE).await,
            Err(_) => return None,
        }
    }
    None
}

/// Removes the file of a server that is gone, if that is wanted (UNIX-02).
async fn make_room<L: Loop>(
    lp: &L,
    address: &UnixAddress,
    path: &Path,
    options: &ListenOptions,
) -> Result<(), ListenError> {
    match lp.socket_file(path) {
        Ok(found) if found.is_socket => {}
        Ok(_) => return Err(refusal(address, UnixPathError::NoSocket.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refusal(address, error)),
    }
    let listens = |why: String| io::Error::new(io::ErrorKind::AddrInUse, why);
    match lp.connect_unix(address, &TcpOptions::default()).await {
        Ok(_) => Err(refusal(
            address,
            listens("a server listens there".to_owned()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            if !options.unix.replace_stale {
                return Err(refusal(address, UnixPathError::Stale.into()));
            }
            let removed = lp.remove_socket_file(path);
            removed.map_err(|error| refusal(address, error))
        }
        Err(error) if is_of_another_kind(&error) => {
            Err(refusal(address, UnixPathError::NoStream.into()))
        }
        // A full queue, or a file that is not for us: somebody's, in any case.
        Err(error) => {
            let why = format!("whether a server listens there can't be found out: {error}");
            Err(refusal(address, listens(why)))
        }
    }
}

/// Whether a connect failed since the socket takes no streams.
pub(in crate::net) fn is_of_another_kind(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::EPROTOTYPE);
    #[cfg(not(unix))]
    return matches!(error.raw_os_error(), None if false);
}

fn refusal(address: &UnixAddress, source: io::Error) -> ListenError {
    let on = address.clone().into();
    if let Some(source) = UnixPathError::of(&source) {
        return ListenError::Path {
            address: on,
            source,
        };
    }
    match source.kind() {
        io::ErrorKind::NotFound => {
            let source = UnixPathError::NoDirectory;
            ListenError::Path {
                address: on,
                source,
            }
        }
        io::ErrorKind::AddrInUse => ListenError::InUse {
            address: on,
            source,
        },
        _ => ListenError::Bind {
            address: on,
            source,
        },
    }
}
