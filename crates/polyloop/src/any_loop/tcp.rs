//! The sockets of whichever loop it is.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::{BorrowedSocket, OwnedSocket};
use polyloop_core::net::unix::{DirectoryLock, SocketFile};
use polyloop_core::{
    Address, ListenOptions, Listener, Peer, Stream, Tcp, TcpOptions, Unix, UnixAddress,
};

use super::{Absent, AnyLoop, dispatch};

/// A stream of one of the loops.
#[derive(Debug)]
pub struct AnyTcpStream(Streams);

#[derive(Debug)]
enum Streams {
    #[cfg(feature = "async-std")]
    AsyncStd(<crate::AsyncStdLoop as Tcp>::TcpStream),
    #[cfg(feature = "smol")]
    Smol(<crate::SmolLoop as Tcp>::TcpStream),
    #[cfg(feature = "tokio")]
    Tokio(<crate::TokioLoop as Tcp>::TcpStream),
    #[cfg(feature = "sim")]
    Sim(<crate::SimLoop as Tcp>::TcpStream),
    Absent(Absent),
}

/// A listener of one of the loops.
#[derive(Debug)]
pub struct AnyTcpListener(Listeners);

#[derive(Debug)]
enum Listeners {
    #[cfg(feature = "async-std")]
    AsyncStd(<crate::AsyncStdLoop as Tcp>::TcpListener),
    #[cfg(feature = "smol")]
    Smol(<crate::SmolLoop as Tcp>::TcpListener),
    #[cfg(feature = "tokio")]
    Tokio(<crate::TokioLoop as Tcp>::TcpListener),
    #[cfg(feature = "sim")]
    Sim(<crate::SimLoop as Tcp>::TcpListener),
    Absent(Absent),
}

impl Tcp for AnyLoop {
    type TcpStream = AnyTcpStream;
    type TcpListener = AnyTcpListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<AnyTcpStream> {
        let stream = dispatch!(Self, self, lp => Streams as wrap: {
            wrap(lp.connect_tcp(address, options).await?)
        });
        Ok(AnyTcpStream(stream))
    }

    fn bind_tcp(&self, address: SocketAddr, options: &ListenOptions) -> io::Result<AnyTcpListener> {
        let listener = dispatch!(Self, self, lp => Listeners as wrap: {
            wrap(lp.bind_tcp(address, options)?)
        });
        Ok(AnyTcpListener(listener))
    }

    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<AnyTcpListener> {
        let listener = dispatch!(Self, self, lp => Listeners as wrap: {
            wrap(lp.adopt_tcp(socket)?)
        });
        Ok(AnyTcpListener(listener))
    }

    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<AnyTcpStream> {
        let stream = dispatch!(Self, self, lp => Streams as wrap: {
            wrap(lp.adopt_stream(socket)?)
        });
        Ok(AnyTcpStream(stream))
    }
}

impl Unix for AnyLoop {
    async fn connect_unix(
        &self,
        address: &UnixAddress,
        options: &TcpOptions,
    ) -> io::Result<AnyTcpStream> {
        let stream = dispatch!(Self, self, lp => Streams as wrap: {
            wrap(lp.connect_unix(address, options).await?)
        });
        Ok(AnyTcpStream(stream))
    }

    fn bind_unix(
        &self,
        address: &UnixAddress,
        options: &ListenOptions,
    ) -> io::Result<AnyTcpListener> {
        let listener = dispatch!(Self, self, lp => Listeners as wrap: {
            wrap(lp.bind_unix(address, options)?)
        });
        Ok(AnyTcpListener(listener))
    }

    fn socket_file(&self, path: &Path) -> io::Result<SocketFile> {
        dispatch!(Self, self, lp => lp.socket_file(path))
    }

    fn remove_socket_file(&self, path: &Path) -> io::Result<()> {
        dispatch!(Self, self, lp => lp.remove_socket_file(path))
    }

    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        dispatch!(Self, self, lp => lp.lock_directory(path))
    }
}

impl Listener for AnyTcpListener {
    type Stream = AnyTcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(AnyTcpStream, Address)>> {
        dispatch!(Listeners, &mut self.0, listener => Streams as wrap: {
            listener
                .poll_accept(cx)
                .map_ok(|(stream, peer)| (AnyTcpStream(wrap(stream)), peer))
        })
    }

    fn local_addr(&self) -> io::Result<Address> {
        dispatch!(Listeners, &self.0, listener => Listener::local_addr(listener))
    }
}

// Each method is passed on, the provided ones too: a loop without real sockets
// overrides them.
impl Stream for AnyTcpStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        dispatch!(Streams, &self.0, stream => stream.socket())
    }

    fn below(&self) -> Option<&dyn Stream> {
        dispatch!(Streams, &self.0, stream => stream.below())
    }

    fn is_layered(&self) -> bool {
        dispatch!(Streams, &self.0, stream => stream.is_layered())
    }

    fn can_write_eof(&self) -> bool {
        dispatch!(Streams, &self.0, stream => stream.can_write_eof())
    }

    fn is_write_vectored(&self) -> bool {
        dispatch!(Streams, &self.0, stream => stream.is_write_vectored())
    }

    fn peer_at(&self, address: Address) -> Peer {
        dispatch!(Streams, &self.0, stream => stream.peer_at(address))
    }

    fn into_socket(self) -> io::Result<OwnedSocket> {
        dispatch!(Streams, self.0, stream => stream.into_socket())
    }

    fn local_addr(&self) -> io::Result<Address> {
        dispatch!(Streams, &self.0, stream => Stream::local_addr(stream))
    }

    fn peer_addr(&self) -> io::Result<Address> {
        dispatch!(Streams, &self.0, stream => stream.peer_addr())
    }

    fn nodelay(&self) -> io::Result<bool> {
        dispatch!(Streams, &self.0, stream => stream.nodelay())
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        dispatch!(Streams, &self.0, stream => stream.set_nodelay(on))
    }

    fn keepalive(&self) -> io::Result<bool> {
        dispatch!(Streams, &self.0, stream => stream.keepalive())
    }

    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        dispatch!(Streams, &self.0, stream => stream.set_keepalive(on))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        dispatch!(Streams, &self.0, stream => stream.reset_on_drop())
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        dispatch!(Streams, &self.0, stream => stream.unconfirmed())
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        dispatch!(Streams, &self.0, stream => stream.poll_broken(cx))
    }

    fn wakes_when_broken(&self) -> bool {
        dispatch!(Streams, &self.0, stream => stream.wakes_when_broken())
    }
}

impl AsyncRead for AnyTcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        dispatch!(Streams, &mut self.0, stream => Pin::new(stream).poll_read(cx, buf))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        dispatch!(Streams, &mut self.0, stream => Pin::new(stream).poll_read_vectored(cx, bufs))
    }
}

impl AsyncWrite for AnyTcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        dispatch!(Streams, &mut self.0, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        dispatch!(Streams, &mut self.0, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        dispatch!(Streams, &mut self.0, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        dispatch!(Streams, &mut self.0, stream => Pin::new(stream).poll_close(cx))
    }
}
