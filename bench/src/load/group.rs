//! [`Group`]: connections to one subject, and the epoll that watches them.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};

use super::SILENCE;

/// How many events are taken at a time.
const EVENTS: usize = 256;

/// Connections by number.
pub(super) struct Group {
    pub(super) connections: Vec<TcpStream>,
    pub(super) watch: Watch,
}

impl Group {
    pub(super) fn open(address: SocketAddr, connections: usize) -> io::Result<Self> {
        let watch = Watch::new()?;
        let connections = (0..connections)
            .map(|number| {
                let connection = TcpStream::connect(address)?;
                connection.set_nodelay(true)?;
                connection.set_nonblocking(true)?;
                watch.add(&connection, number)?;
                Ok(connection)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { connections, watch })
    }
}

/// An epoll, edge-triggered in both directions.
pub(super) struct Watch(OwnedFd);

impl Watch {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    pub(super) fn add(&self, connection: &TcpStream, number: usize) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(
            &self.0,
            connection,
            epoll::EventData::new_u64(number as u64),
            flags,
        )?;
        Ok(())
    }

    /// The connections that something happened to; an error if nothing does for too
    /// long.
    pub(super) fn wait(&self, ready: &mut Vec<usize>) -> io::Result<()> {
        let mut events = [MaybeUninit::uninit(); EVENTS];
        let silence = Timespec::try_from(SILENCE).map_err(io::Error::other)?;
        let (events, _) = epoll::wait(&self.0, &mut events, Some(&silence))?;
        if events.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the subject did nothing for {SILENCE:?}"),
            ));
        }
        ready.clear();
        ready.extend(
            events
                .iter()
                .filter_map(|event| usize::try_from(event.data.u64()).ok()),
        );
        Ok(())
    }
}
