//! [`UnixDatagrams`]: datagrams over UNIX sockets, on every loop that watches descriptors.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use thiserror::Error;

use super::error::UnixPathError;
use super::file::OwnFile;
use super::{Unix, UnixOptions, making};
use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::timers::Timers;
use crate::os::{Interest, Watch, Watcher};
use crate::promise::failure::Failure;
use crate::protocol::address::{Address, UnixAddress};

/// How long a receiver that has no room is left in peace, at first and at last. The system
/// tells nobody when it has room again.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Datagrams over UNIX sockets: whole, in order, and never lost on the way. For loops that
/// have [`Watch`], all of them.
///
/// ```
/// use polyloop_core::{Failure, Loop, UnixAddress, UnixDatagrams, UnixOptions, Watch};
///
/// /// Says to systemd that all is well.
/// async fn ready<L: Loop + Watch>(lp: &L, manager: &UnixAddress) -> Result<(), Failure> {
///     let socket = lp.bind_unix_datagram(&UnixAddress::unnamed(), &UnixOptions::new())?;
///     Ok(socket.send_to(b"READY=1", manager).await?)
/// }
/// ```
pub trait UnixDatagrams: Watch + Unix {
    /// A socket with that name, which receives from everybody; one without a name only sends,
    /// and receives from whom it is [connected](UnixDatagram::connect) to.
    ///
    /// The name is taken and left as that of a server is (UNIX-02 to 05).
    fn bind_unix_datagram(
        &self,
        address: &UnixAddress,
        options: &UnixOptions,
    ) -> Result<UnixDatagram<Self>, UnixDatagramError> {
        UnixDatagram::bind(self, address, options)
    }
}

impl<L: Watch + Unix> UnixDatagrams for L {}

/// Why there is no socket for datagrams.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnixDatagramError {
    /// The name can't be had (UNIX-02).
    #[error("can't receive datagrams on {address}: {source}")]
    Path {
        /// The name.
        address: Address,
        /// What is wrong with it.
        source: UnixPathError,
    },
    /// Another socket has the name.
    #[error("can't receive datagrams on {address}: another socket is there")]
    InUse {
        /// The name.
        address: Address,
    },
    /// Anything else that the system or the runtime refused.
    #[error("can't receive datagrams on {address}: {source}")]
    Bind {
        /// The name.
        address: Address,
        /// What it said.
        source: io::Error,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

impl From<UnixDatagramError> for Failure {
    #[track_caller]
    fn from(error: UnixDatagramError) -> Self {
        Self::new(error)
    }
}

/// A UNIX socket for datagrams. It is shared by reference, and any number of tasks may await
/// in both directions. Dropping it removes its file.
pub struct UnixDatagram<L: Watch + Unix> {
    lp: L,
    /// Goes first.
    file: Option<OwnFile<L>>,
    watcher: L::Watcher<net::UnixDatagram>,
}

impl<L: Watch + Unix> UnixDatagram<L> {
    fn bind(
        lp: &L,
        address: &UnixAddress,
        options: &UnixOptions,
    ) -> Result<Self, UnixDatagramError> {
        lp.state().check_open()?;
        let refused = |source: io::Error| refusal(address, source);
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).map_err(refused)?;
        socket.set_nonblocking(true).map_err(refused)?;
        // First: where there is nothing that waits for it, no file is made.
        let socket = net::UnixDatagram::from(OwnedFd::from(socket));
        let watcher = lp.watcher(socket).map_err(refused)?;
        let socket = SockRef::from(watcher.source());
        let mut file = None;
        if !address.is_unnamed() {
            let name = making::system_address(address).map_err(refused)?;
            // Others look at the file under the same lock.
            let lock = address.as_path().map(|path| lp.lock_directory(path));
            if let Err(error) = socket.bind(&name) {
                make_room(&name, address, options, error)?;
                socket.bind(&name).map_err(refused)?;
            }
            if let Some(path) = address.as_path() {
                let found = lp.socket_file(path).map_err(refused)?;
                file = Some(OwnFile {
                    lp: lp.clone(),
                    file: found,
                });
                if let Some(mode) = options.mode {
                    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(refused)?;
                }
            }
            drop(lock);
        }
        Ok(Self {
            lp: lp.clone(),
            file,
            watcher,
        })
    }

    fn socket(&self) -> &net::UnixDatagram {
        self.watcher.source()
    }

    /// Sends to that name from now on, and receives from it alone.
    pub fn connect(&self, peer: &UnixAddress) -> io::Result<()> {
        SockRef::from(self.socket()).connect(&making::system_address(peer)?)
    }

    /// Its name.
    pub fn local_addr(&self) -> io::Result<UnixAddress> {
        self.socket().local_addr().map(UnixAddress::from)
    }

    /// Whom it is connected to.
    pub fn peer_addr(&self) -> io::Result<UnixAddress> {
        self.socket().peer_addr().map(UnixAddress::from)
    }

    /// Waits for a datagram: its length, and whom it is from. What does not fit into the
    /// buffer is lost. Cancel safe: nothing is lost.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, UnixAddress)> {
        let receive = |socket: &net::UnixDatagram| socket.recv_from(buffer);
        let (length, from) = self.watcher.io(Interest::Readable, receive).await?;
        Ok((length, from.into()))
    }

    /// The same by polls: the last task that did is woken.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, UnixAddress)>> {
        self.watcher
            .poll_io(cx, Interest::Readable, |socket| socket.recv_from(buffer))
            .map_ok(|(length, from)| (length, from.into()))
    }

    /// Sends a datagram now, or not at all: where the receiver has no room it is an error of
    /// kind `WouldBlock`, and nothing is kept.
    pub fn try_send_to(&self, data: &[u8], to: &UnixAddress) -> io::Result<()> {
        self.transmit(data, &making::system_address(to)?)
    }

    /// The same to the peer of a connected socket.
    pub fn try_send(&self, data: &[u8]) -> io::Result<()> {
        self.socket().send(data).map(drop)
    }

    fn transmit(&self, data: &[u8], to: &SockAddr) -> io::Result<()> {
        SockRef::from(self.socket()).send_to(data, to).map(drop)
    }

    /// Sends a datagram as soon as the receiver has room. Cancel safe: it is sent, or it is
    /// not.
    pub async fn send_to(&self, data: &[u8], to: &UnixAddress) -> io::Result<()> {
        let to = making::system_address(to)?;
        let [mut pause, longest] = PAUSES;
        loop {
            match self.transmit(data, &to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
            self.lp.sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    /// The same to the peer of a connected socket.
    pub async fn send(&self, data: &[u8]) -> io::Result<()> {
        let send = |socket: &net::UnixDatagram| socket.send(data).map(drop);
        self.watcher.io(Interest::Writable, send).await
    }
}

/// Removes the file of a socket that is gone, if that is wanted (UNIX-02).
fn make_room(
    name: &SockAddr,
    address: &UnixAddress,
    options: &UnixOptions,
    error: io::Error,
) -> Result<(), UnixDatagramError> {
    let refused = |source: io::Error| refusal(address, source);
    let path = match address.as_path() {
        Some(path) if error.kind() == io::ErrorKind::AddrInUse => path,
        _ => return Err(refused(error)),
    };
    if !making::look_at(path).map_err(refused)?.is_socket {
        return Err(refused(UnixPathError::NoSocket.into()));
    }
    let probe = Socket::new(Domain::UNIX, Type::DGRAM, None).map_err(refused)?;
    match probe.connect(name) {
        Err(told) if told.kind() == io::ErrorKind::ConnectionRefused => {}
        // One of another kind is somebody's, too, who may be there.
        _ => return Err(refused(error)),
    }
    if !options.replace_stale {
        return Err(refused(UnixPathError::Stale.into()));
    }
    fs::remove_file(path).map_err(refused)
}

fn refusal(address: &UnixAddress, source: io::Error) -> UnixDatagramError {
    let on = address.clone().into();
    if let Some(source) = UnixPathError::of(&source) {
        return UnixDatagramError::Path {
            address: on,
            source,
        };
    }
    match source.kind() {
        io::ErrorKind::AddrInUse => UnixDatagramError::InUse { address: on },
        io::ErrorKind::NotFound => UnixDatagramError::Path {
            address: on,
            source: UnixPathError::NoDirectory,
        },
        _ => UnixDatagramError::Bind {
            address: on,
            source,
        },
    }
}

impl<L: Watch + Unix> fmt::Debug for UnixDatagram<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixDatagram")
            .field("socket", self.socket())
            .field("has_file", &self.file.is_some())
            .finish_non_exhaustive()
    }
}
