//! What a program does with a connected socket.

use std::io;
use std::net::SocketAddr;
use std::task::{Poll, Waker};

use polyloop_core::TcpOptions;

use super::address::{no_stream_to, not_bindable, reachable, unmapped};
use super::connection::Connection;
use super::end::{End, Owner, Phase};
use super::errno::Errno;
use super::outgoing::Fin;
use super::packet::{EndKey, Key, Outbound, Side};
use super::ports::Binding;
use super::{ConnectFailure, Nanos, Network, SocketId};
use crate::HostId;
use crate::trace::{ConnectionId, Event};

/// Where a connection starts.
struct Start {
    local: SocketAddr,
    binding: Binding,
    /// The port was asked for.
    chosen: bool,
}

impl Network {
    /// Begins to connect. The socket has to be closed, whatever becomes of it.
    pub(crate) fn connect(
        &mut self,
        now: Nanos,
        host: HostId,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> Result<SocketId, ConnectFailure> {
        self.machine(host)
            .check_descriptors()
            .map_err(|errno| ConnectFailure::Other(errno.into()))?;
        let (remote, mapped) = unmapped(address);
        let remote = reachable(remote);
        if let Some(errno) = no_stream_to(remote) {
            return Err(ConnectFailure::Other(errno.into()));
        }
        let remote = SocketAddr::new(remote.ip(), remote.port());
        let start = self.start_of(now, host, (address, remote), options.local_address)?;
        let to_host = self.route(host, remote.ip());
        if start.local.ip().is_loopback() && to_host != Some(host) {
            return Err(ConnectFailure::Other(Errno::Invalid.into()));
        }
        let machine = self.machine_mut(host);
        if start.chosen {
            machine
                .ports
                .pair(now, start.local, remote)
                .map_err(|errno| ConnectFailure::Other(errno.into()))?;
        }
        machine.ports.join(start.local.port(), start.binding);
        machine.open_descriptor();
        let segment = to_host.map_or(self.link.segment, |to| self.link(host, to).segment);
        let addresses = (start.local, remote);
        let mut end = End::new(host, addresses, Owner::Program, options, segment, now);
        end.mapped = mapped;
        end.binding = Some(start.binding);
        end.paired = start.chosen;
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let index = self.connections.insert(Connection {
            id,
            hosts: [Some(host), to_host],
            addresses: [start.local, remote],
            ends: [Some(end), None],
            arrivals: [0, 0],
        });
        self.effects.record(now, || Event::Connecting {
            connection: id,
            host,
            from: start.local,
            to: remote,
        });
        let socket = EndKey {
            key: Key {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                id,
            },
            side: Side::Client,
        };
        self.with_end(now, socket, |end, out| end.greet(now, out));
        Ok(SocketId(socket))
    }

    fn start_of(
        &mut self,
        now: Nanos,
        host: HostId,
        (asked, remote): (SocketAddr, SocketAddr),
        local: Option<SocketAddr>,
    ) -> Result<Start, ConnectFailure> {
        let machine = self.machine_mut(host);
        let towards = machine.address_towards(remote.ip());
        let Some(wanted) = local else {
            let port = machine
                .ports
                .free()
                .ok_or_else(|| ConnectFailure::Other(Errno::AddrNotAvailable.into()))?;
            return Ok(Start {
                local: SocketAddr::new(towards, port),
                binding: Binding::connected(towards, false),
                chosen: false,
            });
        };
        let refuse = |errno: Errno| ConnectFailure::LocalAddress(wanted, errno.into());
        match (asked.is_ipv4(), wanted.is_ipv4()) {
            (true, false) => return Err(refuse(Errno::FamilyNotSupported)),
            (false, true) => return Err(refuse(Errno::Invalid)),
            _ => {}
        }
        let (inner, _) = unmapped(wanted);
        let mut ip = inner.ip();
        if ip.is_unspecified() {
            ip = towards;
        }
        let owned = machine.owns(ip);
        if !owned && let Some(errno) = not_bindable(inner) {
            return Err(refuse(errno));
        }
        if !owned || ip.is_ipv4() != remote.is_ipv4() {
            return Err(ConnectFailure::Other(Errno::Invalid.into()));
        }
        let chosen = inner.port() != 0;
        let binding = Binding::connected(ip, chosen);
        let port = if chosen {
            machine
                .ports
                .check(now, inner.port(), &binding)
                .map_err(refuse)?;
            inner.port()
        } else {
            machine
                .ports
                .free()
                .ok_or_else(|| refuse(Errno::AddrInUse))?
        };
        Ok(Start {
            local: SocketAddr::new(ip, port),
            binding,
            chosen,
        })
    }

    fn socket(&self, socket: SocketId) -> Result<&End, Errno> {
        self.end(socket.0)
            .filter(|end| end.owner == Owner::Program)
            .ok_or(Errno::BadDescriptor)
    }

    fn socket_mut(&mut self, socket: SocketId) -> Result<&mut End, Errno> {
        self.end_mut(socket.0)
            .filter(|end| end.owner == Owner::Program)
            .ok_or(Errno::BadDescriptor)
    }

    /// Remembers whom to wake when the socket can be read, or written.
    fn wait(&mut self, socket: SocketId, waker: &Waker, to_read: bool) {
        let found = self
            .connections
            .get_mut(socket.0.key.index as usize)
            .and_then(|connection| connection.ends[socket.0.side as usize].as_mut());
        if let Some(end) = found {
            let place = if to_read {
                &mut end.reader
            } else {
                &mut end.writer
            };
            self.effects.remember(place, waker);
        }
    }

    /// Whether it is connected.
    pub(crate) fn poll_connect(
        &mut self,
        _now: Nanos,
        socket: SocketId,
        waker: &Waker,
    ) -> Poll<io::Result<()>> {
        let end = self.socket_mut(socket)?;
        if end.phase == Phase::Connecting {
            self.wait(socket, waker, false);
            return Poll::Pending;
        }
        match end.error.take() {
            Some(errno) => Poll::Ready(Err(errno.into())),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Reads what has arrived; 0 bytes are the end.
    pub(crate) fn poll_read(
        &mut self,
        now: Nanos,
        socket: SocketId,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let end = self.socket_mut(socket)?;
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if end.incoming.unread() > 0 {
            let read = end.incoming.read(buffer);
            if end.was_read(now) {
                self.settle(now, socket.0);
            }
            return Poll::Ready(Ok(read));
        }
        if end.incoming.has_ended() {
            return Poll::Ready(Ok(0));
        }
        if let Some(errno) = end.error.take() {
            return Poll::Ready(Err(errno.into()));
        }
        if end.phase == Phase::Dead {
            return Poll::Ready(Ok(0));
        }
        self.wait(socket, waker, true);
        Poll::Pending
    }

    /// Takes as much as there is room for.
    pub(crate) fn poll_write(
        &mut self,
        now: Nanos,
        socket: SocketId,
        data: &[u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let end = self.socket_mut(socket)?;
        if let Some(errno) = end.error.take() {
            return Poll::Ready(Err(errno.into()));
        }
        if matches!(end.phase, Phase::Dead | Phase::Ended) || end.outgoing.fin != Fin::Open {
            return Poll::Ready(Err(Errno::BrokenPipe.into()));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if end.phase != Phase::Open || end.outgoing.room() == 0 {
            self.wait(socket, waker, false);
            return Poll::Pending;
        }
        let written = end.outgoing.write(data);
        let host = end.host;
        self.effects.record_payload(now, || Event::Written {
            connection: socket.connection(),
            host,
            bytes: data[..written].to_vec(),
        });
        self.with_end(now, socket.0, |end, out| end.send(now, out));
        Poll::Ready(Ok(written))
    }

    /// What the peer's system does not have of what was written, the end included.
    pub(crate) fn unconfirmed(&mut self, socket: SocketId) -> io::Result<u64> {
        let end = self.socket_mut(socket)?;
        match end.phase {
            Phase::Dead => Err(end.error.take().unwrap_or(Errno::Reset).into()),
            _ => Ok(end.outgoing.unconfirmed()),
        }
    }

    /// Ready once it is broken, whatever is still to be read.
    pub(crate) fn poll_broken(&mut self, socket: SocketId, waker: &Waker) -> Poll<io::Error> {
        match self.socket_mut(socket) {
            Ok(end) if end.phase == Phase::Dead => {
                Poll::Ready(end.error.take().unwrap_or(Errno::Reset).into())
            }
            Ok(_) => {
                self.wait(socket, waker, true);
                Poll::Pending
            }
            Err(errno) => Poll::Ready(errno.into()),
        }
    }

    /// Ends the sending side behind what was written. Of a connection that has ended there
    /// is nothing left to end.
    pub(crate) fn shutdown(&mut self, now: Nanos, socket: SocketId) -> io::Result<()> {
        let end = self.socket_mut(socket)?;
        if end.phase == Phase::Open {
            self.finish(now, socket.0);
        }
        Ok(())
    }

    fn finish(&mut self, now: Nanos, at: EndKey) {
        self.with_end(now, at, |end, out| {
            if end.outgoing.fin == Fin::Open {
                end.outgoing.fin = Fin::Queued;
            }
            end.send(now, out);
        });
    }

    /// Makes [`close`](Self::close) reset the connection.
    pub(crate) fn reset_on_close(&mut self, socket: SocketId) -> io::Result<()> {
        self.socket_mut(socket)?.reset_on_close = true;
        Ok(())
    }

    /// Lets go of a socket. What was written is still sent, unless there is unread data
    /// or a reset was asked for.
    pub(crate) fn close(&mut self, now: Nanos, socket: SocketId) {
        let Ok(end) = self.socket_mut(socket) else {
            return;
        };
        end.owner = Owner::Nobody;
        let (phase, host) = (end.phase, end.host);
        let resets = end.reset_on_close || end.incoming.unread() > 0;
        let wakers = [end.reader.take(), end.writer.take()];
        end.incoming.clear();
        self.effects.discard.extend(wakers.into_iter().flatten());
        self.machine_mut(host).close_descriptor();
        match phase {
            Phase::Open if resets => {
                self.transmit(now, socket.0, Outbound::reset());
                self.die(now, socket.0, None, true);
            }
            Phase::Open => self.finish(now, socket.0),
            Phase::Connecting | Phase::Answering => self.die(now, socket.0, None, false),
            Phase::Ended | Phase::Dead => {}
        }
        self.let_go(now, socket.0);
    }

    /// This end's address.
    pub(crate) fn local_address(&self, socket: SocketId) -> io::Result<SocketAddr> {
        let end = self.socket(socket)?;
        Ok(end.shown(end.local))
    }

    /// The other end's address.
    pub(crate) fn peer_address(&self, socket: SocketId) -> io::Result<SocketAddr> {
        let end = self.socket(socket)?;
        match end.phase {
            Phase::Open => Ok(end.shown(end.peer)),
            _ => Err(Errno::NotConnected.into()),
        }
    }

    /// Whether small writes leave at once.
    pub(crate) fn nodelay(&self, socket: SocketId) -> io::Result<bool> {
        Ok(self.socket(socket)?.nodelay)
    }

    /// See [`nodelay`](Self::nodelay).
    pub(crate) fn set_nodelay(&mut self, now: Nanos, socket: SocketId, on: bool) -> io::Result<()> {
        self.socket_mut(socket)?.nodelay = on;
        self.with_end(now, socket.0, |end, out| end.send(now, out));
        Ok(())
    }

    /// Whether an idle peer is probed.
    pub(crate) fn keepalive(&self, socket: SocketId) -> io::Result<bool> {
        Ok(self.socket(socket)?.keepalive)
    }

    /// See [`keepalive`](Self::keepalive).
    pub(crate) fn set_keepalive(
        &mut self,
        now: Nanos,
        socket: SocketId,
        on: bool,
    ) -> io::Result<()> {
        let end = self.socket_mut(socket)?;
        end.keepalive = on;
        if on {
            // Something may have broken before.
            end.watch(now);
            self.arm(socket.0);
        }
        Ok(())
    }
}
