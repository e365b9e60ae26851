//! The other end: a second probe, or a bare stream of the same loop.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures_util::AsyncReadExt;
use polyloop_core::{
    Address, ConnectOptions, Connection, ListenOptions, Listener, Loop, Server, Stream, Tcp,
    TcpOptions,
};

use super::{Once, Probe};
use crate::fault::{Fault, Verdict};

/// Any port of the loopback address.
fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Serves one probe.
pub async fn listen<L: Loop>(lp: &L, probe: Probe) -> Verdict<Server<Probe>> {
    Ok(lp.serve(anywhere(), Once::new(probe)).await?)
}

/// Two probes, connected.
#[derive(Debug)]
pub struct Pair {
    /// Where one end was accepted.
    pub server: Server<Probe>,
    /// The end that dialled.
    pub client: Connection<Probe>,
}

/// Connects a client's probe with a server's.
pub async fn pair<L: Loop>(lp: &L, server: Probe, client: Probe) -> Verdict<Pair> {
    let server = listen(lp, server).await?;
    let client = lp.connect(server.local_addr(), Once::new(client)).await?;
    Ok(Pair { server, client })
}

/// A listening socket without protocols.
#[derive(Debug)]
pub struct RawListener<K> {
    listener: K,
    /// Where it listens.
    pub address: SocketAddr,
}

impl<K: Listener> RawListener<K> {
    /// Listens on any port of the loopback address.
    pub fn open<L: Tcp<TcpListener = K>>(lp: &L) -> Verdict<Self> {
        Self::open_with(lp, &ListenOptions::default())
    }

    /// The same with options.
    pub fn open_with<L: Tcp<TcpListener = K>>(lp: &L, options: &ListenOptions) -> Verdict<Self> {
        let listener = lp.bind_tcp(anywhere(), options)?;
        let address = ip_of(&listener.local_addr()?)?;
        Ok(Self { listener, address })
    }

    /// The next connection.
    pub async fn accept(&mut self) -> Verdict<K::Stream> {
        Ok(poll_fn(|cx| self.poll_accept(cx)).await?)
    }

    /// The next connection, if one waits.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<K::Stream>> {
        self.listener.poll_accept(cx).map_ok(|(stream, _)| stream)
    }
}

/// What TCP can connect to, and std knows.
pub fn ip_of(address: &Address) -> Verdict<SocketAddr> {
    let ip = address.as_ip();
    ip.ok_or_else(|| Fault::new(format!("{address} is no IP address and port")))
}

/// A bare stream to `address`.
pub async fn dial<L: Tcp>(lp: &L, address: impl Into<Address> + Send) -> Verdict<L::TcpStream> {
    let address = ip_of(&address.into())?;
    Ok(lp.connect_tcp(address, &TcpOptions::default()).await?)
}

/// A probe that dialled, and the bare stream at the other end.
pub async fn raw_peer<L: Loop>(lp: &L, probe: Probe) -> Verdict<(Connection<Probe>, L::TcpStream)> {
    let mut listener = RawListener::open(lp)?;
    let connection = lp
        .connect(listener.address, Once::new(probe))
        .await
        .map_err(|error| Fault::new(format!("no connection: {error}")))?;
    Ok((connection, listener.accept().await?))
}

/// More than the buffers of a narrow connection hold when nobody reads.
pub const MUCH: usize = 2 * 1024 * 1024;

/// The same as [`raw_peer`], with small buffers in the system, so that a peer that
/// does not read soon clogs the connection. Buffers smaller still would make the
/// system crawl: its loopback likes large segments.
pub async fn narrow_peer<L: Loop>(
    lp: &L,
    probe: Probe,
) -> Verdict<(Connection<Probe>, L::TcpStream)> {
    let narrow = TcpOptions::new()
        .recv_buffer_size(Some(128 * 1024))
        .send_buffer_size(Some(128 * 1024));
    let mut listener = RawListener::open_with(lp, &ListenOptions::new().tcp(narrow.clone()))?;
    let options = ConnectOptions::new().tcp(narrow);
    let connection = lp
        .connect_with(listener.address, options, Once::new(probe))
        .await?;
    Ok((connection, listener.accept().await?))
}

/// How a bare stream ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The end of stream.
    Eof,
    /// An error of that kind.
    Error(io::ErrorKind),
}

/// Everything that comes, and how it ends.
pub async fn read_all<S: Stream>(stream: &mut S) -> (Vec<u8>, End) {
    // Not `read_to_end`, which without optimisation takes its time to clear its buffer.
    let (mut data, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    let end = loop {
        match stream.read(&mut piece).await {
            Ok(0) => break End::Eof,
            Ok(len) => data.extend_from_slice(&piece[..len]),
            Err(error) => break End::Error(error.kind()),
        }
    };
    (data, end)
}

/// A pattern in which a lost, doubled or swapped byte shows.
pub fn pattern(len: usize) -> Vec<u8> {
    /// A prime: the pattern begins again where no buffer does.
    const PERIOD: usize = 1_048_573;
    // Made once, and copied: without optimisation, bytes that are made one by one take
    // longer than most checks do.
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();

    let made = MADE.get_or_init(|| (0..PERIOD).map(pattern_at).collect());
    let mut pattern = Vec::with_capacity(len);
    while pattern.len() < len {
        let more = PERIOD.min(len - pattern.len());
        pattern.extend_from_slice(&made[..more]);
    }
    pattern
}

fn pattern_at(index: usize) -> u8 {
    let byte = index.wrapping_mul(31).wrapping_add(index >> 8) ^ (index >> 16);
    byte.to_le_bytes()[0]
}
