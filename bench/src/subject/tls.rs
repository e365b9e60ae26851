//! TLS between two ends of one program: what the hand-written ones and polyloop's share, and
//! polyloop's own.
//!
//! The streams of tokio and of the others speak different traits, so what is done with them is
//! written once over a third, which is gone when it is compiled.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use polyloop::tls::rustls::client::Resumption;
use polyloop::tls::rustls::pki_types::pem::PemObject as _;
use polyloop::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use polyloop::tls::rustls::{ClientConfig, ServerConfig, crypto};
use polyloop::tls::{TlsAcceptor, TlsConnector, TlsStream, roots_from_pem};
use polyloop::{ConnectOptions, Failure, ListenOptions, Loop, Protocol, Transport};

use super::listener::BACKLOG;

/// A certificate that the conformance suite has for its own connections: for 127.0.0.1.
const SERVER: &str = include_str!("../../../crates/polyloop-conformance/src/tls/server.pem");

/// Who has signed it.
const AUTHORITY: &str = include_str!("../../../crates/polyloop-conformance/src/tls/authority.pem");

/// What one write of the stream has.
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// What goes there and back otherwise.
const PING: [u8; 64] = [7; 64];

/// A buffer for what an end of a stream reads.
pub(super) const READ: usize = 64 * 1024;

/// What both of them use. No session is resumed, so that each handshake is a whole one.
pub(super) struct Configs {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl Configs {
    pub(super) fn new() -> io::Result<Self> {
        let provider = Arc::new(crypto::ring::default_provider());
        let chain = CertificateDer::pem_slice_iter(SERVER.as_bytes());
        let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(SERVER.as_bytes()).map_err(io::Error::other)?;
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        let roots = roots_from_pem(AUTHORITY).map_err(io::Error::other)?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.resumption = Resumption::disabled();
        Ok(Self {
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }
}

/// A stream of either kind.
pub(super) trait Duplex {
    fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// One that speaks `futures_io`.
pub(super) struct OfFutures<S>(pub(super) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Duplex for OfFutures<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, room)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

async fn write_all(stream: &mut impl Duplex, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        let count = poll_fn(|cx| stream.poll_write(cx, data)).await?;
        data = &data[count..];
    }
    poll_fn(|cx| stream.poll_flush(cx)).await
}

/// Echoes until the other side ends.
pub(super) async fn echo(mut stream: impl Duplex, mut buffer: impl AsMut<[u8]>) {
    let buffer = buffer.as_mut();
    while let Ok(read @ 1..) = poll_fn(|cx| stream.poll_read(cx, buffer)).await {
        if write_all(&mut stream, &buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// 64 bytes, and their echo.
pub(super) async fn ask(stream: &mut impl Duplex) -> io::Result<()> {
    write_all(stream, &PING).await?;
    let (mut answer, mut came) = ([0; PING.len()], 0);
    while came < answer.len() {
        match poll_fn(|cx| stream.poll_read(cx, &mut answer[came..])).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => came += count,
        }
    }
    Ok(())
}

/// Says that it is over.
pub(super) async fn close(mut stream: impl Duplex) -> io::Result<()> {
    poll_fn(|cx| stream.poll_close(cx)).await
}

/// Sends so many pieces as fast as they are taken, and reads the echo meanwhile.
async fn pump(stream: &mut impl Duplex, operations: u64, buffer: &mut [u8]) -> io::Result<()> {
    let whole = operations * PIECE.len() as u64;
    let (mut sent, mut came) = (0, 0);
    poll_fn(|cx| {
        loop {
            let mut moved = false;
            if sent < whole {
                let from = usize::try_from(sent % PIECE.len() as u64).unwrap_or_default();
                if let Poll::Ready(count) = stream.poll_write(cx, &PIECE[from..])? {
                    (sent, moved) = (sent + count as u64, true);
                }
            } else {
                // Before it is read to its end: what waits here is not echoed.
                let _ = stream.poll_flush(cx)?;
            }
            if let Poll::Ready(count) = stream.poll_read(cx, buffer)? {
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                (came, moved) = (came + count as u64, true);
            }
            if came == whole {
                return Poll::Ready(Ok(()));
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// A client that one run after the other has to itself.
pub(super) struct Client<S>(Mutex<Option<(S, Vec<u8>)>>);

impl<S: Duplex> Client<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Mutex::new(Some((stream, vec![0; READ]))))
    }

    fn take(&self) -> (S, Vec<u8>) {
        let taken = self.0.lock().expect("nobody panics with it").take();
        taken.expect("one run at a time")
    }

    fn give_back(&self, stream: S, buffer: Vec<u8>) {
        *self.0.lock().expect("nobody panics with it") = Some((stream, buffer));
    }

    pub(super) async fn ping(&self, operations: u64) {
        let (mut stream, buffer) = self.take();
        for _ in 0..operations {
            ask(&mut stream).await.expect("it answers");
        }
        self.give_back(stream, buffer);
    }

    pub(super) async fn stream(&self, operations: u64) {
        let (mut stream, mut buffer) = self.take();
        let done = pump(&mut stream, operations, &mut buffer).await;
        done.expect("all of it comes back");
        self.give_back(stream, buffer);
    }
}

/// Handshakes one after the other; `connect` makes a connection.
pub(super) async fn shake_hands<S, F>(operations: u64, connect: impl Fn() -> F)
where
    S: Duplex,
    F: Future<Output = io::Result<S>>,
{
    for _ in 0..operations {
        let mut stream = connect().await.expect("a connection");
        ask(&mut stream).await.expect("it answers");
        close(stream).await.expect("it ends");
    }
}

/// Connections that are kept.
pub(super) struct Crowd<S>(Mutex<Vec<S>>);

impl<S: Duplex> Crowd<S> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// So many more, each of which has said something once.
    pub(super) async fn grow<F>(&self, operations: u64, connect: impl Fn() -> F)
    where
        F: Future<Output = io::Result<S>>,
    {
        for _ in 0..operations {
            let mut stream = connect().await.expect("a connection");
            ask(&mut stream).await.expect("it answers");
            self.0.lock().expect("nobody panics with it").push(stream);
        }
    }
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// polyloop's side: a server, and what connects to it.
pub(super) struct OnLoop<L> {
    lp: L,
    address: SocketAddr,
    options: ConnectOptions<((), TlsConnector)>,
}

impl<L: Loop> OnLoop<L> {
    pub(super) async fn serve(lp: &L) -> Result<Self, String> {
        let configs = Configs::new().map_err(|error| error.to_string())?;
        let acceptor = TlsAcceptor::from_config(configs.server);
        let acceptor = acceptor.map_err(|error| error.to_string())?;
        let options = ListenOptions::new().backlog(BACKLOG.into()).layer(acceptor);
        let server = lp.serve_with("127.0.0.1:0", options, || Echo).await;
        let server = server.map_err(|error| error.to_string())?;
        Ok(Self {
            lp: lp.clone(),
            address: server.local_addr().as_ip().ok_or("no address")?,
            options: ConnectOptions::new().layer(TlsConnector::from_config(configs.client)),
        })
    }

    pub(super) async fn connect(&self) -> io::Result<OfFutures<TlsStream<L::TcpStream>>> {
        let dialled = self.lp.dial_with(self.address, self.options.clone()).await;
        dialled.map(OfFutures).map_err(io::Error::other)
    }
}

/// One of tokio's.
pub(super) struct OfTokio<S>(pub(super) S);

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Duplex for OfTokio<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = tokio::io::ReadBuf::new(room);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut room))?;
        Poll::Ready(Ok(room.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
