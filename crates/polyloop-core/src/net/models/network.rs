//! The network of a model: a port is a queue of streams, a stream two buffers.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};

use crate::event_loop::models::model_loop::ModelLoop;
use crate::net::socket::BorrowedSocket;
use crate::net::{ListenOptions, Listener, Stream, Tcp, TcpOptions, Unix};
use crate::protocol::address::Address;
use crate::sync::primitive::{Arc, Mutex, lock};

/// How many bytes are under way in one direction at most.
const ROOM: usize = 4;

impl Tcp for ModelLoop {
    type TcpStream = ModelStream;
    type TcpListener = ModelListener;

    async fn connect_tcp(&self, address: SocketAddr, _: &TcpOptions) -> io::Result<ModelStream> {
        let port = lock(&self.ports).get(&address.port()).cloned();
        let Some(port) = port.and_then(|port| port.downcast::<Port>().ok()) else {
            return Err(ErrorKind::ConnectionRefused.into());
        };
        let (there, back) = (Direction::new(), Direction::new());
        let own = SocketAddr::new(address.ip(), 40_000);
        let accepted = ModelStream {
            local: address,
            peer: own,
            incoming: there.clone(),
            outgoing: back.clone(),
        };
        let waker = {
            let mut queue = lock(&port.0);
            if queue.closed {
                return Err(ErrorKind::ConnectionRefused.into());
            }
            queue.streams.push_back(accepted);
            queue.waker.take()
        };
        wake(waker);
        Ok(ModelStream {
            local: own,
            peer: address,
            incoming: back,
            outgoing: there,
        })
    }

    fn bind_tcp(&self, address: SocketAddr, _: &ListenOptions) -> io::Result<ModelListener> {
        let port = Arc::new(Port::default());
        let mut ports = lock(&self.ports);
        if ports.contains_key(&address.port()) {
            return Err(ErrorKind::AddrInUse.into());
        }
        ports.insert(address.port(), port.clone());
        drop(ports);
        Ok(ModelListener {
            lp: self.clone(),
            address,
            port,
        })
    }

    fn adopt_tcp(&self, _: std::net::TcpListener) -> io::Result<ModelListener> {
        Err(ErrorKind::Unsupported.into())
    }

    fn adopt_stream(&self, _: std::net::TcpStream) -> io::Result<ModelStream> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl Unix for ModelLoop {}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[derive(Default)]
struct Port(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    streams: VecDeque<ModelStream>,
    waker: Option<Waker>,
    closed: bool,
}

pub(crate) struct ModelListener {
    lp: ModelLoop,
    address: SocketAddr,
    port: Arc<Port>,
}

impl Listener for ModelListener {
    type Stream = ModelStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(ModelStream, Address)>> {
        let mut queue = lock(&self.port.0);
        if let Some(stream) = queue.streams.pop_front() {
            let peer = stream.peer.into();
            return Poll::Ready(Ok((stream, peer)));
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.address.into())
    }
}

impl Drop for ModelListener {
    fn drop(&mut self) {
        lock(&self.lp.ports).remove(&self.address.port());
        let mut queue = lock(&self.port.0);
        queue.closed = true;
        let refused = std::mem::take(&mut queue.streams);
        drop(queue);
        // As a system does with connections that nobody has accepted.
        for stream in refused {
            drop(stream.reset_on_drop());
        }
    }
}

/// One way of a stream.
#[derive(Clone)]
struct Direction(Arc<Mutex<Way>>);

#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    ended: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Who does not read, and wants to know of a reset.
    watcher: Option<Waker>,
}

impl Direction {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn change(&self, change: impl FnOnce(&mut Way)) {
        let mut way = lock(&self.0);
        change(&mut way);
        let wakers = [way.reader.take(), way.writer.take(), way.watcher.take()];
        drop(way);
        wakers.into_iter().for_each(wake);
    }
}

pub(crate) struct ModelStream {
    local: SocketAddr,
    peer: SocketAddr,
    incoming: Direction,
    outgoing: Direction,
}

impl AsyncRead for ModelStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut way = lock(&self.incoming.0);
        if way.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if way.bytes.is_empty() && !way.ended {
            way.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let size = way.bytes.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(way.bytes.drain(..size)) {
            *place = byte;
        }
        let writer = way.writer.take();
        drop(way);
        wake(writer);
        Poll::Ready(Ok(size))
    }
}

impl AsyncWrite for ModelStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut way = lock(&self.outgoing.0);
        if way.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if way.ended {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let size = data.len().min(ROOM.saturating_sub(way.bytes.len()));
        if size == 0 {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        way.bytes.extend(&data[..size]);
        let reader = way.reader.take();
        drop(way);
        wake(reader);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.change(|way| way.ended = true);
        Poll::Ready(Ok(()))
    }
}

impl Stream for ModelStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        None
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.local.into())
    }

    fn peer_addr(&self) -> io::Result<Address> {
        Ok(self.peer.into())
    }

    fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn set_keepalive(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        for direction in [&self.incoming, &self.outgoing] {
            direction.change(|way| way.reset = true);
        }
        Ok(())
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        // The buffers are the systems of both ends.
        if lock(&self.outgoing.0).reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        Ok(Some(0))
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut way = lock(&self.incoming.0);
        if way.reset {
            return Poll::Ready(ErrorKind::ConnectionReset.into());
        }
        way.watcher = Some(cx.waker().clone());
        Poll::Pending
    }

    fn wakes_when_broken(&self) -> bool {
        true
    }
}

impl Drop for ModelStream {
    fn drop(&mut self) {
        self.outgoing.change(|way| way.ended = true);
        // Nobody reads any more: what is written is answered with a reset.
        self.incoming.change(|way| way.reset |= !way.ended);
    }
}
