//! A connect over a UNIX socket, and what its errors say.

use std::io;
use std::time::Duration;

use crate::net::drive::Reached;
use crate::net::unix::UnixPathError;
use crate::net::unix::listening::is_of_another_kind;
use crate::net::{Loop, Stream as _, TcpOptions};
use crate::protocol::address::UnixAddress;

/// How long a server that has no room for one more is left in peace: as long as it takes to
/// accept some, and longer each time.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(50)];

/// Connects, as soon as the server has room.
pub(super) async fn attempt<L: Loop>(
    lp: &L,
    address: &UnixAddress,
    options: &TcpOptions,
) -> io::Result<Reached<L::TcpStream>> {
    let [mut pause, longest] = PAUSES;
    loop {
        match lp.connect_unix(address, options).await {
            Ok(stream) => {
                let local = stream.local_addr().ok();
                return Ok(Reached::Stream { stream, local });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                lp.sleep(pause).await;
                pause = longest.min(pause * 2);
            }
            Err(error) => return Err(explained(lp, address, error)),
        }
    }
}

/// The same error, or what is wrong with the path. The system refuses what is no socket in the
/// same words as what nobody listens on.
fn explained<L: Loop>(lp: &L, address: &UnixAddress, error: io::Error) -> io::Error {
    let Some(path) = address.as_path() else {
        return error;
    };
    let is_file = || lp.socket_file(path).is_ok_and(|found| !found.is_socket);
    match error.kind() {
        io::ErrorKind::NotFound => UnixPathError::Missing.into(),
        io::ErrorKind::ConnectionRefused if is_file() => UnixPathError::NoSocket.into(),
        _ if is_of_another_kind(&error) => UnixPathError::NoStream.into(),
        _ => error,
    }
}
