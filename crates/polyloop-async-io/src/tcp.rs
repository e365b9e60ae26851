//! TCP on the reactor's readiness.

use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::{self, BorrowedSocket, OwnedSocket};
use polyloop_core::{Address, Listener, Stream, TcpOptions};

use crate::wait::wait;

/// What a backend's `Tcp::connect_tcp` does on this reactor.
pub async fn connect_tcp(
    address: SocketAddr,
    options: &TcpOptions,
) -> io::Result<ReactorTcpStream> {
    let stream = Async::new_nonblocking(socket::start_connect(address, options)?)?;
    poll_fn(|cx| stream.poll_writable(cx)).await?;
    socket::finish_connect(stream.get_ref())?;
    Ok(ReactorTcpStream(stream))
}

/// What a backend's `Tcp::adopt_tcp` does on this reactor.
pub fn adopt_tcp(socket: TcpListener) -> io::Result<ReactorTcpListener> {
    Async::new_nonblocking(socket).map(ReactorTcpListener)
}

/// What a backend's `Tcp::adopt_stream` does on this reactor.
pub fn adopt_stream(socket: TcpStream) -> io::Result<ReactorTcpStream> {
    Async::new_nonblocking(socket).map(ReactorTcpStream)
}

/// A stream registered with the reactor.
#[derive(Debug)]
pub struct ReactorTcpStream(Async<TcpStream>);

impl Stream for ReactorTcpStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        Some(socket::borrow(self.0.get_ref()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn into_socket(self) -> io::Result<OwnedSocket> {
        self.0.into_inner().map(OwnedSocket::from)
    }
}

impl AsyncRead for ReactorTcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.0.get_ref().read(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(|| self.0.poll_readable(cx))?;
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }
}

impl AsyncWrite for ReactorTcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut socket| socket.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut socket| socket.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The reactor's own close only flushes.
        Poll::Ready(socket::end_output(self.0.get_ref()))
    }
}

impl ReactorTcpStream {
    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        match write(self.0.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(|| self.0.poll_writable(cx))?;
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }
}

/// A listener registered with the reactor.
#[derive(Debug)]
pub struct ReactorTcpListener(Async<TcpListener>);

impl Listener for ReactorTcpListener {
    type Stream = ReactorTcpStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(ReactorTcpStream, Address)>> {
        match socket::accept(self.0.get_ref()) {
            Ok((stream, peer)) => Poll::Ready(Ok((ReactorTcpStream(Async::new(stream)?), peer))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(|| self.0.poll_readable(cx))?;
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        socket::local_addr(self.0.get_ref())
    }
}
