//! TCP on tokio's sockets.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::{self, BorrowedSocket, OwnedSocket};
use polyloop_core::{Address, Listener, Stream, Tcp, TcpOptions};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::TokioLoop;

impl Tcp for TokioLoop {
    type TcpStream = TokioTcpStream;
    type TcpListener = TokioTcpListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<TokioTcpStream> {
        let socket = socket::start_connect(address, options)?;
        let stream = self.socket(|| TcpStream::from_std(socket))?;
        poll_fn(|cx| stream.poll_write_ready(cx)).await?;
        socket::finish_connect(&stream)?;
        Ok(TokioTcpStream(stream))
    }

    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<TokioTcpListener> {
        self.socket(|| TcpListener::from_std(socket))
            .map(TokioTcpListener)
    }
}

/// tokio's [`TcpStream`], speaking `futures_io`.
#[derive(Debug)]
pub struct TokioTcpStream(TcpStream);

impl Stream for TokioTcpStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        Some(socket::borrow(&self.0))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn into_socket(self) -> io::Result<OwnedSocket> {
        self.0.into_std().map(OwnedSocket::from)
    }
}

impl AsyncRead for TokioTcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl AsyncWrite for TokioTcpStream {
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

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// tokio's [`TcpListener`].
#[derive(Debug)]
pub struct TokioTcpListener(TcpListener);

impl Listener for TokioTcpListener {
    type Stream = TokioTcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TokioTcpStream, Address)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((TokioTcpStream(stream), peer.into())))
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.0.local_addr()?.into())
    }
}
