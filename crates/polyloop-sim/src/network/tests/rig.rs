//! A network that is driven by hand, with wakers that count.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use polyloop_core::{ListenOptions, TcpOptions};

use crate::clock::nanos;
use crate::network::{ConnectFailure, Link, ListenerId, Network, SocketId};
use crate::trace::{Event, Record};
use crate::{Fault, HostId};

/// Counts how often it is woken.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A waker, and how often it was woken.
pub(super) fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), count.into())
}

/// The network, what time it is, and what has happened.
pub(super) struct Rig {
    pub(super) net: Network,
    pub(super) now: Duration,
    pub(super) log: Vec<Record>,
    /// How many instants something happened at.
    pub(super) steps: usize,
}

/// More than any test here needs.
const MOST_STEPS: usize = 2_000_000;

impl Rig {
    pub(super) fn new(seed: u64) -> Self {
        Self::with(seed, Link::new())
    }

    pub(super) fn with(seed: u64, link: Link) -> Self {
        Self {
            net: Network::new(fastrand::Rng::with_seed(seed), link),
            now: Duration::ZERO,
            log: Vec::new(),
            steps: 0,
        }
    }

    /// Two hosts.
    pub(super) fn pair(&mut self) -> (HostId, HostId) {
        (self.net.add_host("client"), self.net.add_host("server"))
    }

    pub(super) fn collect(&mut self) {
        let effects = self.net.effects();
        let records = effects.records.drain(..);
        let records = records.map(|(at, event)| Record::new(Duration::from_nanos(at), event));
        self.log.extend(records);
        effects.discard.clear();
        for waker in effects.wake.drain(..) {
            waker.wake();
        }
    }

    pub(super) fn next_event(&mut self) -> Option<Duration> {
        self.net.next_event().map(Duration::from_nanos)
    }

    pub(super) fn plan(&mut self, at: Duration, fault: Fault) {
        self.net.at(nanos(at), fault);
    }

    /// Lets the next thing happen; false if there is none.
    pub(super) fn step(&mut self) -> bool {
        self.collect();
        let Some(next) = self.next_event() else {
            return false;
        };
        assert!(next >= self.now, "time runs backwards");
        self.now = next;
        self.net.advance(nanos(next));
        self.collect();
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "it never comes to rest");
        true
    }

    /// Lets everything happen, until nothing is left.
    pub(super) fn settle(&mut self) {
        while self.step() {}
    }

    /// Lets everything happen within some time.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.next_event().is_some_and(|next| next <= until) {
            self.step();
        }
        self.now = until;
    }

    pub(super) fn listen(&mut self, host: HostId, address: &str) -> io::Result<ListenerId> {
        self.listen_with(host, address, &ListenOptions::new())
    }

    pub(super) fn listen_with(
        &mut self,
        host: HostId,
        address: &str,
        options: &ListenOptions,
    ) -> io::Result<ListenerId> {
        let address = address.parse().expect("an address");
        self.net.listen(nanos(self.now), host, address, options)
    }

    pub(super) fn dial(
        &mut self,
        host: HostId,
        address: impl ToString,
    ) -> Result<SocketId, ConnectFailure> {
        self.dial_with(host, address, &TcpOptions::new())
    }

    pub(super) fn dial_with(
        &mut self,
        host: HostId,
        address: impl ToString,
        options: &TcpOptions,
    ) -> Result<SocketId, ConnectFailure> {
        let address: SocketAddr = address.to_string().parse().expect("an address");
        self.net.connect(nanos(self.now), host, address, options)
    }

    pub(super) fn accept(&mut self, listener: ListenerId) -> Poll<io::Result<SocketId>> {
        self.net
            .poll_accept(nanos(self.now), listener, Waker::noop())
            .map_ok(|(socket, _)| socket)
    }

    pub(super) fn connected(&mut self, socket: SocketId) -> Poll<io::Result<()>> {
        self.net
            .poll_connect(nanos(self.now), socket, Waker::noop())
    }

    /// A client and what it is connected to, on other hosts.
    pub(super) fn linked(&mut self) -> (SocketId, SocketId) {
        self.linked_with(&TcpOptions::new())
    }

    /// The same with options at both ends.
    pub(super) fn linked_with(&mut self, options: &TcpOptions) -> (SocketId, SocketId) {
        let (client, server) = self.pair();
        self.link_up(client, server, options)
    }

    /// A connection between two hosts.
    pub(super) fn link_up(
        &mut self,
        client: HostId,
        server: HostId,
        options: &TcpOptions,
    ) -> (SocketId, SocketId) {
        let listen = ListenOptions::new().tcp(options.clone());
        let listener = self
            .listen_with(server, "0.0.0.0:0", &listen)
            .expect("a port");
        let port = self
            .net
            .listener_address(listener)
            .expect("an address")
            .port();
        let to = SocketAddr::new(self.net.host_addresses(server)[0], port);
        let dialled = self.dial_with(client, to, options).expect("a socket");
        let mut accepted = None;
        while accepted.is_none() {
            assert!(self.step(), "nobody was connected");
            if let Poll::Ready(found) = self.accept(listener) {
                accepted = Some(found.expect("a connection"));
            }
        }
        self.net.close_listener(nanos(self.now), listener);
        self.settle();
        assert!(self.connected(dialled).is_ready());
        (dialled, accepted.expect("a connection"))
    }

    /// A connection of a host with itself, made within some time.
    pub(super) fn link_up_for(&mut self, host: HostId, time: Duration) -> (SocketId, SocketId) {
        let listener = self.listen(host, "127.0.0.1:0").expect("a port");
        let to = self.net.listener_address(listener).expect("an address");
        let dialled = self.dial(host, to).expect("a socket");
        self.pass(time);
        let accepted = ready(self.accept(listener)).expect("a connection");
        (dialled, accepted)
    }

    pub(super) fn write(&mut self, socket: SocketId, data: &[u8]) -> Poll<io::Result<usize>> {
        self.net
            .poll_write(nanos(self.now), socket, data, Waker::noop())
    }

    pub(super) fn read(&mut self, socket: SocketId) -> Poll<io::Result<Vec<u8>>> {
        let mut buffer = vec![0; 64 * 1024];
        self.net
            .poll_read(nanos(self.now), socket, &mut buffer, Waker::noop())
            .map_ok(|len| {
                buffer.truncate(len);
                buffer
            })
    }

    pub(super) fn close(&mut self, socket: SocketId) {
        self.net.close(nanos(self.now), socket);
    }

    pub(super) fn shutdown(&mut self, socket: SocketId) -> io::Result<()> {
        self.net.shutdown(nanos(self.now), socket)
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        self.net.apply(nanos(self.now), fault);
    }

    /// Everything written, and read at the other end, until it is all there.
    pub(super) fn carry(&mut self, from: SocketId, to: SocketId, data: &[u8]) {
        let (mut written, mut got) = (0, Vec::new());
        while got.len() < data.len() {
            if let Poll::Ready(taken) = self.write(from, &data[written..]) {
                written += taken.expect("a write");
            }
            match self.read(to) {
                Poll::Ready(read) => got.extend(read.expect("a read")),
                Poll::Pending => assert!(self.step(), "it stands still"),
            }
        }
        assert!(got == data, "the bytes differ");
    }

    /// How many of the recorded events are of this kind.
    pub(super) fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.log
            .iter()
            .filter(|record| which(&record.event))
            .count()
    }

    /// Nothing is left of any connection.
    pub(super) fn is_clean(&self) -> bool {
        self.net.connections.is_empty()
    }
}

/// What a call that has come to an end says.
#[track_caller]
pub(super) fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it has to wait"),
    }
}

/// The kind of the error that a call has come to.
#[track_caller]
pub(super) fn fails<T>(poll: Poll<io::Result<T>>) -> io::ErrorKind {
    match ready(poll) {
        Ok(_) => panic!("it succeeded"),
        Err(error) => {
            assert!(error.raw_os_error().is_some(), "no number in {error:?}");
            error.kind()
        }
    }
}

/// A pattern in which a lost, doubled or swapped byte shows.
pub(super) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index.wrapping_mul(31) ^ (index >> 8)).to_le_bytes()[0])
        .collect()
}
