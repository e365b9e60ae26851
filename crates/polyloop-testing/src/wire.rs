//! [`MemoryStream`]: the stream below a protocol under test, and [`Wire`], its other end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::BorrowedSocket;
use polyloop_core::{Address, Stream};

/// What lies between a protocol and its peer. Clones are the same.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<State>>);

/// How an end was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Clean,
    Reset,
}

struct State {
    addresses: [Address; 2],
    /// On its way to the protocol; a read gives no more than one of them.
    pieces: VecDeque<Vec<u8>>,
    /// What the peer has done behind the pieces. A reset overtakes them.
    peer: Option<Ending>,
    /// Written by the protocol, not taken by the peer yet.
    written: Vec<u8>,
    /// How much more the peer's system takes.
    room: usize,
    /// The protocol's side has said that no more comes.
    finished: bool,
    /// That was looked at once.
    end_seen: bool,
    /// The protocol's side is gone.
    gone: Option<Ending>,
    resets: bool,
    settings: Settings,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Counts what has happened here.
    steps: u64,
}

/// What is set of a socket.
struct Settings {
    nodelay: bool,
    keepalive: bool,
}

impl Wire {
    pub(crate) fn new(local: Address, peer: Address) -> (Self, MemoryStream) {
        let wire = Self(Arc::new(Mutex::new(State {
            addresses: [local, peer],
            pieces: VecDeque::new(),
            peer: None,
            written: Vec::new(),
            room: usize::MAX,
            finished: false,
            end_seen: false,
            gone: None,
            resets: false,
            settings: Settings {
                nodelay: true,
                keepalive: false,
            },
            reader: None,
            writer: None,
            steps: 0,
        })));
        (wire.clone(), MemoryStream(wire))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a piece on its way. What nobody is there to read is lost, as on a socket.
    pub(crate) fn send(&self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        let mut state = self.state();
        if state.gone.is_none() {
            state.pieces.push_back(piece.to_vec());
        }
        let waker = state.reader.take();
        drop(state);
        wake(waker);
    }

    /// The peer has ended its side, or all of it.
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = self.state();
        state.peer = Some(ending);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().for_each(wake);
    }

    pub(crate) fn peer_ended(&self) -> Option<Ending> {
        self.state().peer
    }

    /// What the protocol has written since it was last asked.
    pub(crate) fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().written)
    }

    /// How much of what was sent the protocol has not read.
    pub(crate) fn unread(&self) -> usize {
        self.state().pieces.iter().map(Vec::len).sum()
    }

    pub(crate) fn set_room(&self, room: usize) {
        let mut state = self.state();
        state.room = room;
        let waker = state.writer.take();
        drop(state);
        wake(waker);
    }

    /// Whether the protocol's side has ended, in either way.
    pub(crate) fn finished(&self) -> bool {
        let state = self.state();
        state.finished || state.gone.is_some()
    }

    /// Whether the protocol's side has ended since this was last asked.
    pub(crate) fn see_end(&self) -> bool {
        let mut state = self.state();
        let news = state.finished && !state.end_seen;
        state.end_seen = state.finished;
        news
    }

    pub(crate) fn gone(&self) -> Option<Ending> {
        self.state().gone
    }

    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }
}

/// Wakes with no lock held.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn reset() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "the peer reset the connection",
    )
}

/// The protocol's end.
pub(crate) struct MemoryStream(Wire);

impl AsyncRead for MemoryStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if state.peer == Some(Ending::Reset) {
            return Poll::Ready(Err(reset()));
        }
        let Some(mut piece) = state.pieces.pop_front() else {
            if state.peer.is_some() {
                return Poll::Ready(Ok(0));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.steps += 1;
        let length = piece.len().min(buf.len());
        buf[..length].copy_from_slice(&piece[..length]);
        if length < piece.len() {
            piece.drain(..length);
            state.pieces.push_front(piece);
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if state.peer == Some(Ending::Reset) {
            return Poll::Ready(Err(reset()));
        }
        if state.room == 0 && !buf.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.steps += 1;
        let length = buf.len().min(state.room);
        // Whoever set no limit has room for ever.
        if state.room != usize::MAX {
            state.room -= length;
        }
        state.written.extend_from_slice(&buf[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        state.steps += u64::from(!state.finished);
        state.finished = true;
        Poll::Ready(Ok(()))
    }
}

impl Stream for MemoryStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        None
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.0.state().addresses[0].clone())
    }

    fn peer_addr(&self) -> io::Result<Address> {
        Ok(self.0.state().addresses[1].clone())
    }

    fn nodelay(&self) -> io::Result<bool> {
        Ok(self.0.state().settings.nodelay)
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.0.state().settings.nodelay = on;
        Ok(())
    }

    fn keepalive(&self) -> io::Result<bool> {
        Ok(self.0.state().settings.keepalive)
    }

    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        self.0.state().settings.keepalive = on;
        Ok(())
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        self.0.state().resets = true;
        Ok(())
    }

    /// What was taken from the protocol is with its peer.
    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        match self.0.state().peer {
            Some(Ending::Reset) => Err(reset()),
            _ => Ok(Some(0)),
        }
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut state = self.0.state();
        if state.peer == Some(Ending::Reset) {
            return Poll::Ready(reset());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn wakes_when_broken(&self) -> bool {
        true
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // What was sent and not read makes a system answer with a reset, too.
        let reset = state.resets || !state.pieces.is_empty();
        state.gone = Some(if reset { Ending::Reset } else { Ending::Clean });
        state.pieces.clear();
        state.steps += 1;
    }
}
