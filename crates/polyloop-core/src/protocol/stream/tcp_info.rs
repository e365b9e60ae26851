//! What the system says of a TCP connection: how much of what it took for sending the
//! peer's system has not confirmed.
//!
//! Linux answers with `TCP_INFO`. Elsewhere nothing is known.

use std::io;

use socket2::SockRef;

/// About how many bytes the peer's system has not confirmed, the end of stream
/// included. 0 is exact: it has everything. An error is what broke the connection.
#[cfg(all(target_os = "linux", not(target_env = "uclibc")))]
pub(super) fn unconfirmed(socket: &SockRef<'_>) -> io::Result<Option<u64>> {
    use nix::errno::Errno;
    use nix::sys::socket::GetSockOpt;
    use nix::{getsockopt_impl, sockopt_impl};

    /// The system's `struct tcp_info` as far as `tcpi_notsent_bytes`, in words of 32 bits.
    /// It has been that long since Linux 4.6, and only grows at its end.
    type Words = [u32; 38];

    sockopt_impl!(
        /// Asks for it.
        TcpInfo,
        GetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_INFO,
        Words
    );

    // Places in it.
    const STATE: usize = 0;
    const SEGMENT: usize = 4;
    const UNACKED: usize = 6;
    const NOT_SENT: usize = 36;
    /// The state of a connection that has ended, on both sides or by a reset.
    const CLOSED: u8 = 7;

    let info = match TcpInfo.get(&**socket) {
        Ok(info) => info,
        Err(Errno::EOPNOTSUPP) => return other_than_tcp(socket),
        Err(error) => return Err(error.into()),
    };
    if info[STATE].to_ne_bytes()[0] == CLOSED {
        // A reset has emptied the counts, and only the error tells it from the other.
        return socket.take_error()?.map_or(Ok(Some(0)), Err);
    }
    let in_flight = u64::from(info[UNACKED]) * u64::from(info[SEGMENT].max(1));
    Ok(Some(in_flight + u64::from(info[NOT_SENT])))
}

/// A UNIX socket hands what is written to its peer at once. Of others nothing is known.
#[cfg(all(target_os = "linux", not(target_env = "uclibc")))]
#[cold]
fn other_than_tcp(socket: &SockRef<'_>) -> io::Result<Option<u64>> {
    if socket.local_addr()?.is_unix() {
        return socket.take_error()?.map_or(Ok(Some(0)), Err);
    }
    Ok(None)
}

/// Not known on this system.
#[cfg(not(all(target_os = "linux", not(target_env = "uclibc"))))]
pub(super) fn unconfirmed(_: &SockRef<'_>) -> io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use socket2::SockRef;

    use super::unconfirmed;

    #[test]
    fn what_the_peer_has_no_room_for_is_unconfirmed_until_it_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(n) = stream.write(&vec![7; 64 * 1024]) {
            written += n;
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let left = unconfirmed(&SockRef::from(&stream)).unwrap();
        assert!(
            left > Some(0),
            "all of {written} bytes confirmed, and nobody read"
        );
        let mut data = Vec::new();
        peer.read_to_end(&mut data).unwrap();
        assert_eq!(data.len(), written);
        drop(peer);
        // The peer's end confirms everything before it.
        stream.set_nonblocking(false).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert_eq!(unconfirmed(&SockRef::from(&stream)).unwrap(), Some(0));
    }

    #[test]
    fn a_reset_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        SockRef::from(&peer)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(peer);
        let told = loop {
            match unconfirmed(&SockRef::from(&stream)) {
                Ok(_) => crate::sync::primitive::thread::yield_now(),
                Err(error) => break error.kind(),
            }
        };
        assert_eq!(told, std::io::ErrorKind::ConnectionReset);
    }
}
