//! TCP on tokio's sockets.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::{self, BorrowedSocket, OwnedSocket};
#[cfg(unix)]
use polyloop_core::os::{Interest, Watch as _, Watcher as _};
use polyloop_core::{Address, Listener, Stream, Tcp, TcpOptions, Unix};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::TokioLoop;
#[cfg(unix)]
use crate::watch::TokioWatcher;

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
        #[cfg(unix)]
        if socket::is_unix(&socket) {
            let listener = self.watcher(socket)?;
            return Ok(TokioTcpListener(Inner::Unix(self.clone(), listener)));
        }
        let listener = self.socket(|| TcpListener::from_std(socket))?;
        Ok(TokioTcpListener(Inner::Tcp(listener)))
    }

    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<TokioTcpStream> {
        self.socket(|| TcpStream::from_std(socket))
            .map(TokioTcpStream)
    }
}

impl Unix for TokioLoop {}

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

/// tokio's [`TcpListener`], or a UNIX socket that listens.
#[derive(Debug)]
pub struct TokioTcpListener(Inner);

#[derive(Debug)]
enum Inner {
    Tcp(TcpListener),
    /// tokio's own gives streams of another type, each registered once already.
    #[cfg(unix)]
    Unix(TokioLoop, TokioWatcher<std::net::TcpListener>),
}

impl Listener for TokioTcpListener {
    type Stream = TokioTcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TokioTcpStream, Address)>> {
        match &self.0 {
            Inner::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok((TokioTcpStream(stream), peer.into())))
            }
            #[cfg(unix)]
            Inner::Unix(lp, listener) => {
                let accepted = listener.poll_io(cx, Interest::Readable, socket::accept);
                let (stream, peer) = ready!(accepted)?;
                stream.set_nonblocking(true)?;
                Poll::Ready(Ok((lp.adopt_stream(stream)?, peer)))
            }
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        match &self.0 {
            Inner::Tcp(listener) => Ok(listener.local_addr()?.into()),
            #[cfg(unix)]
            Inner::Unix(_, listener) => socket::local_addr(listener.source()),
        }
    }
}
