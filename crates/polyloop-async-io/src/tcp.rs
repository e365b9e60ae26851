//! TCP on the reactor's readiness.

use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket;
use polyloop_core::{Listener, Stream, TcpOptions};
use socket2::SockRef;

/// What a backend's `Tcp::connect_tcp` does on this reactor.
pub async fn connect_tcp(
    address: SocketAddr,
    options: &TcpOptions,
) -> io::Result<ReactorTcpStream> {
    let stream = Async::new_nonblocking(socket::start_connect(address, options)?)?;
    poll_fn(|cx| stream.poll_writable(cx)).await?;
    socket::finish_connect(SockRef::from(stream.get_ref()))?;
    Ok(ReactorTcpStream(stream))
}

/// What a backend's `Tcp::adopt_tcp` does on this reactor.
pub fn adopt_tcp(socket: TcpListener) -> io::Result<ReactorTcpListener> {
    Async::new_nonblocking(socket).map(ReactorTcpListener)
}

/// A stream registered with the reactor.
#[derive(Debug)]
pub struct ReactorTcpStream(Async<TcpStream>);

impl Stream for ReactorTcpStream {
    fn socket(&self) -> Option<SockRef<'_>> {
        Some(SockRef::from(self.0.get_ref()))
    }
}

impl AsyncRead for ReactorTcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for ReactorTcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The reactor's own close only flushes.
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
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
    ) -> Poll<io::Result<(ReactorTcpStream, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Ok((stream, peer)) => {
                    return Poll::Ready(Ok((ReactorTcpStream(Async::new(stream)?), peer)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.0.poll_readable(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}
