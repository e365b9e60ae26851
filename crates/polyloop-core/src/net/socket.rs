//! How real sockets are made and configured, once for all backends.
//!
//! A backend's part is to wrap the standard library's socket that it gets from
//! here, and to wait until it is writable.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

pub use crate::protocol::stream::borrowed::{AsSocket, BorrowedSocket, OwnedSocket, borrow};

use super::{ListenOptions, Stream, TcpOptions};
use crate::protocol::address::Address;

/// A new socket that does not block: on Linux in one system call instead of three.
pub(super) fn open(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Socket::new(domain, kind.nonblocking(), protocol);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// A non-blocking socket on its way to `address`. It is connected when it becomes
/// writable and [`finish_connect`] finds no error.
pub fn start_connect(address: SocketAddr, options: &TcpOptions) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = open(domain, Type::STREAM, Some(Protocol::TCP))?;
    configure(SockRef::from(&socket), options)?;
    if let Some(local) = options.local_address {
        // Like a listener: an address that an earlier connection used is not busy.
        if local.port() != 0 && cfg!(unix) {
            socket.set_reuse_address(true)?;
        }
        socket
            .bind(&local.into())
            .map_err(|error| local_bind_error(local, &error))?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if in_progress(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// Why a connect attempt that [`start_connect`] began has failed, if it has. To be asked
/// when the socket has become writable, and not before.
///
/// An error of kind `ConnectionReset` says that the handshake was complete and the peer
/// has reset the connection since; [`Loop::connect`](crate::Loop::connect) makes of it a
/// connection that is lost (CLI-20). What the peer had sent before is left to be read.
pub fn finish_connect(socket: &impl AsSocket) -> io::Result<()> {
    use io::ErrorKind::{NotConnected, WouldBlock};

    let socket = SockRef::from(socket);
    if socket.peer_addr().is_ok() {
        return Ok(());
    }
    // Asking for the socket's error takes it away, so first comes what can be read.
    match socket.peek(&mut [MaybeUninit::uninit()]) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), WouldBlock | NotConnected) => {
            Err(socket.take_error()?.unwrap_or_else(|| {
                io::Error::new(
                    NotConnected,
                    "the connect is under way: await writability first",
                )
            }))
        }
        Err(error) => Err(error),
    }
}

/// Ends the sending side of a stream. One whose connection has ended has nothing left to
/// end, which is no error.
pub fn end_output(socket: &impl AsSocket) -> io::Result<()> {
    match SockRef::from(socket).shutdown(Shutdown::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}

/// A non-blocking socket that listens on `address`.
pub fn listen(address: SocketAddr, options: &ListenOptions) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = open(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(options.v6_only)?;
    }
    // Elsewhere than on Unix the option would let two listeners share a port.
    if cfg!(unix) {
        socket.set_reuse_address(options.reuse_address)?;
    }
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuse_port(options.reuse_port)?;
    // Accepted sockets inherit these where the system does that; `configure_accepted`
    // does the rest.
    configure(SockRef::from(&socket), &options.tcp)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Accepts from a listening stream socket of whatever family, one of UNIX included. Whether
/// what it gives blocks is the system's choice: say that it does not.
pub fn accept(socket: &TcpListener) -> io::Result<(TcpStream, Address)> {
    let (stream, peer) = SockRef::from(socket).accept()?;
    Ok((stream.into(), Address::of_system(&peer)?))
}

/// The address of a socket of whatever family.
pub fn local_addr(socket: &impl AsSocket) -> io::Result<Address> {
    Address::of_system(&SockRef::from(socket).local_addr()?)
}

/// Whether a socket is one of UNIX.
pub fn is_unix(socket: &impl AsSocket) -> bool {
    let local = SockRef::from(socket).local_addr();
    local.is_ok_and(|local| local.is_unix())
}

/// Whether accepted sockets inherit the options of their listener. Where they do,
/// a system call per connection is saved.
pub(crate) const ACCEPTED_INHERIT: bool = cfg!(target_os = "linux");

fn configure(socket: SockRef<'_>, options: &TcpOptions) -> io::Result<()> {
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if options.keepalive {
        socket.set_keepalive(true)?;
    }
    if let Some(size) = options.recv_buffer_size {
        socket.set_recv_buffer_size(size)?;
    }
    if let Some(size) = options.send_buffer_size {
        socket.set_send_buffer_size(size)?;
    }
    Ok(())
}

/// Sets the options of a stream that does not have them from its listener. One that can't
/// be set is no reason to lose a connection, nor to leave out the next.
pub(crate) fn configure_accepted<S: Stream>(stream: &S, options: &TcpOptions) {
    let _ = stream.set_nodelay(options.nodelay);
    let _ = stream.set_keepalive(options.keepalive);
    let Some(socket) = stream.socket() else {
        return;
    };
    let socket = SockRef::from(&socket);
    if let Some(size) = options.recv_buffer_size {
        let _ = socket.set_recv_buffer_size(size);
    }
    if let Some(size) = options.send_buffer_size {
        let _ = socket.set_send_buffer_size(size);
    }
}

fn in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    // What Windows says.
    error.kind() == io::ErrorKind::WouldBlock
}

/// A failure to bind the local end of a client, told apart from those of the
/// connection itself (CLI-11).
#[derive(Debug, thiserror::Error)]
#[error("can't bind the local address {address}: {source}")]
pub(crate) struct LocalBindError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

/// The error of a client whose local end can't be bound, told apart from those of the
/// connection itself (CLI-11).
pub fn local_bind_error(address: SocketAddr, error: &io::Error) -> io::Error {
    let source = match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    };
    io::Error::new(error.kind(), LocalBindError { address, source })
}
