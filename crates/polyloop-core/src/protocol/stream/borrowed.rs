//! Sockets as the standard library lends them, under one name on every system.
//!
//! What stands in a public signature is std's, so that nobody has to match the version of
//! a crate. `socket2::SockRef::from(&borrowed)`, or any other crate of that kind, sets what
//! std has no method for.

#[cfg(unix)]
pub use std::os::fd::{AsFd as AsSocket, BorrowedFd as BorrowedSocket, OwnedFd as OwnedSocket};
#[cfg(windows)]
pub use std::os::windows::io::{AsSocket, BorrowedSocket, OwnedSocket};

/// Lends the socket of anything that has one: `as_fd` on Unix, `as_socket` on Windows.
pub fn borrow<S: AsSocket + ?Sized>(socket: &S) -> BorrowedSocket<'_> {
    #[cfg(unix)]
    return socket.as_fd();
    #[cfg(windows)]
    return socket.as_socket();
}
