//! One attempt to connect to one address.
//!
//! Here is decided what a loop's `connect_tcp` leaves to chance, so that it is the same on
//! every loop.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::net::drive::Reached;
use crate::net::{Loop, Stream, TcpOptions};
use crate::protocol::address::Address;

/// How often a connection that leads to itself is given up for another.
const TRIES: usize = 3;

/// The address that was connected to is this connection's own: nobody listens there.
#[derive(Debug, Error)]
#[error("nobody listens on {address}: the connection led back to itself")]
struct LedToItself {
    address: SocketAddr,
}

/// Connects to one address.
///
/// If nobody listens on a local port, the system may give a client just this port and
/// connect it to itself. Then it would hear itself speak, and its server could not have
/// the port. So such a connection is reset, which frees the port at once, and another is
/// tried: it will be refused, unless a server has come meanwhile (CLI-21).
pub(super) async fn attempt<L: Loop>(
    lp: &L,
    address: SocketAddr,
    options: &TcpOptions,
) -> io::Result<Reached<L::TcpStream>> {
    for _ in 0..TRIES {
        let stream = match lp.connect_tcp(address, options).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Ok(Reached::Reset(error));
            }
            Err(error) => return Err(error),
        };
        let local = stream.local_addr().ok();
        if !leads_to_itself(&stream, local.as_ref(), address) {
            return Ok(Reached::Stream { stream, local });
        }
        // Fails only where there is no connection left to reset.
        let _ = stream.reset_on_drop();
    }
    Err(io::Error::new(
        io::ErrorKind::ConnectionRefused,
        LedToItself { address },
    ))
}

/// The ports tell, nearly always; what was asked for may be another name of this host.
fn leads_to_itself<S: Stream>(stream: &S, local: Option<&Address>, asked: SocketAddr) -> bool {
    local.is_some_and(|local| {
        local.port() == Some(asked.port()) && stream.peer_addr().is_ok_and(|peer| peer == *local)
    })
}
