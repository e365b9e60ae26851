//! A [`TlsStream`] as a stream of polyloop: a layer over the one below, which answers what is
//! asked of the socket.

use std::io;

use polyloop_core::net::socket::BorrowedSocket;
use polyloop_core::{Address, Peer, Stream};

use super::TlsStream;

impl<S: Stream> Stream for TlsStream<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        self.below.socket()
    }

    fn below(&self) -> Option<&dyn Stream> {
        Some(&self.below)
    }

    /// TLS has no half that can be closed alone (TLS-14).
    fn can_write_eof(&self) -> bool {
        false
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn peer_at(&self, address: Address) -> Peer {
        self.below.peer_at(address).with_secure(self.secure())
    }

    /// One whose peer has been told why it ends is not reset: a reset would overtake the
    /// alert.
    fn reset_on_drop(&self) -> io::Result<()> {
        match self.state.failed {
            Some(_) => Ok(()),
            None => self.below.reset_on_drop(),
        }
    }

    /// With what has been encrypted and waits here.
    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        let here = self.state.session.outgoing.len() as u64;
        Ok(self.below.unconfirmed()?.map(|below| below + here))
    }
}
