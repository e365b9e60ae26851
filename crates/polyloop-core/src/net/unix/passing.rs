//! [`PassDescriptors`]: a layer that passes descriptors beside the bytes of a UNIX socket.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::net::endpoint::Endpoint;
use crate::net::socket::{self, BorrowedSocket};
use crate::net::{Layer, Loop, Stream};
use crate::os::{Interest, Watch, Watcher};
use crate::promise::failure::Failure;
use crate::protocol::descriptors::Descriptors;
use crate::protocol::peer::Peer;

/// How many go with one write: no system takes more.
const MOST: usize = 253;

/// Passes descriptors beside the bytes of a UNIX socket, both ways: an option of
/// [`connect`](crate::ConnectOptions::layer) and [`serve`](crate::ListenOptions::layer). For
/// loops that have [`Watch`]; without it what is passed to a connection is closed by the
/// system.
///
/// Protocols find theirs at the peer, before the first byte:
///
/// ```
/// use polyloop_core::{
///     Descriptors, Failure, ListenOptions, Loop, PassDescriptors, Peer, Protocol,
///     ProtocolFactory, Server, Transport, Watch,
/// };
///
/// /// Takes a descriptor with each byte.
/// struct Takes(Descriptors);
///
/// impl Protocol for Takes {
///     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         for _ in data {
///             let descriptor = self.0.take().ok_or_else(|| Failure::message("none came"))?;
///             println!("{descriptor:?}");
///         }
///         Ok(())
///     }
/// }
///
/// struct Takers;
///
/// impl ProtocolFactory for Takers {
///     type Protocol = Takes;
///     fn build_protocol(&mut self, peer: &Peer) -> Option<Takes> {
///         peer.descriptors().cloned().map(Takes)
///     }
/// }
///
/// async fn serve<L: Loop + Watch>(lp: &L) -> Result<Server<Takes>, Failure> {
///     let options = ListenOptions::new().layer(PassDescriptors::on(lp));
///     Ok(lp.serve_with("unix:/run/takes.sock", options, Takers).await?)
/// }
/// ```
#[derive(Clone)]
pub struct PassDescriptors<L: Watch> {
    lp: L,
}

impl<L: Watch> PassDescriptors<L> {
    /// For connections of this loop.
    pub fn on(lp: &L) -> Self {
        Self { lp: lp.clone() }
    }
}

impl<S: Stream, L: Watch> Layer<S> for PassDescriptors<L> {
    type Stream = DescriptorStream<L>;

    const WAITS: bool = false;

    async fn wrap<K: Loop>(
        &self,
        _: &K,
        stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(DescriptorStream<L>, Peer), Failure> {
        let socket = stream.into_socket()?;
        if !socket::is_unix(&socket) {
            let peer = peer.address();
            return Err(Failure::message(format!(
                "descriptors can't be passed to {peer}; expected a UNIX socket"
            )));
        }
        let descriptors = Descriptors::new();
        let stream = DescriptorStream {
            watcher: self.lp.watcher(socket)?,
            descriptors: descriptors.clone(),
        };
        Ok((stream, peer.with_descriptors(descriptors)))
    }
}

impl<L: Watch> fmt::Debug for PassDescriptors<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassDescriptors").finish_non_exhaustive()
    }
}

/// A UNIX socket that passes descriptors beside its bytes: what [`PassDescriptors`] makes.
pub struct DescriptorStream<L: Watch> {
    watcher: L::Watcher<OwnedFd>,
    descriptors: Descriptors,
}

impl<L: Watch> DescriptorStream<L> {
    /// Those that come and go.
    pub fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }
}

/// What came, with its descriptors.
fn receive(socket: &OwnedFd, buffer: &mut [u8], descriptors: &Descriptors) -> io::Result<usize> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    #[cfg(not(target_vendor = "apple"))]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(target_vendor = "apple")]
    let flags = RecvFlags::empty();
    let received = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            let kept = descriptors.receive(more);
            kept.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
    Ok(received.bytes)
}

fn send(socket: &OwnedFd, data: &[u8], leaving: &[OwnedFd]) -> io::Result<usize> {
    #[cfg(not(target_vendor = "apple"))]
    let flags = SendFlags::NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    let flags = SendFlags::empty();
    if leaving.is_empty() {
        return Ok(rustix::net::send(socket, data, flags)?);
    }
    let borrowed: Vec<BorrowedFd<'_>> = leaving.iter().map(OwnedFd::as_fd).collect();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    control.push(SendAncillaryMessage::ScmRights(&borrowed));
    Ok(sendmsg(socket, &[IoSlice::new(data)], &mut control, flags)?)
}

impl<L: Watch> Stream for DescriptorStream<L> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        Some(socket::borrow(self.watcher.source()))
    }
}

impl<L: Watch> Unpin for DescriptorStream<L> {}

impl<L: Watch> AsyncRead for DescriptorStream<L> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.watcher.poll_io(cx, Interest::Readable, |socket| {
            receive(socket, buffer, &self.descriptors)
        })
    }
}

impl<L: Watch> AsyncWrite for DescriptorStream<L> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let leaving = self.descriptors.leaving(data.len().min(MOST));
        let polled = self.watcher.poll_io(cx, Interest::Writable, |socket| {
            send(socket, data, &leaving)
        });
        if !matches!(polled, Poll::Ready(Ok(_))) {
            self.descriptors.come_back(leaving);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket::end_output(self.watcher.source())?;
        let gone = self.descriptors.check_all_gone();
        Poll::Ready(gone.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error)))
    }
}

impl<L: Watch> Drop for DescriptorStream<L> {
    fn drop(&mut self) {
        self.descriptors.end();
    }
}

impl<L: Watch> fmt::Debug for DescriptorStream<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DescriptorStream")
            .field("socket", self.watcher.source())
            .field("descriptors", &self.descriptors)
            .finish()
    }
}
