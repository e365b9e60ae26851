//! A program at one end of a connection: it writes, reads, naps and half closes as it
//! pleases, and acts only when it was woken or has slept enough. So a wake-up that gets
//! lost leaves it standing still.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use super::rig::Rig;
use crate::clock::nanos;
use crate::network::SocketId;

/// Whether something was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What became of an actor's connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All was sent, and all there was to read was read.
    Clean,
    Failed(io::ErrorKind),
}

pub(super) struct Actor {
    socket: SocketId,
    connecting: bool,
    woken: Arc<Woken>,
    /// Sleeps until then.
    pub(super) nap: Option<Duration>,
    sends: Vec<u8>,
    sent: usize,
    /// The largest single write and read.
    most: usize,
    naps: f64,
    shut: bool,
    read_all: bool,
    pub(super) got: Vec<u8>,
    pub(super) end: Option<End>,
}

impl Actor {
    pub(super) fn new(socket: SocketId, connecting: bool, rng: &mut fastrand::Rng) -> Self {
        let most = 1 << rng.u32(0..16);
        let scale = 1 << rng.u32(0..18);
        let total = rng.usize(0..=scale.min(most * 400));
        Self {
            socket,
            connecting,
            woken: Arc::new(Woken(AtomicBool::new(true))),
            nap: None,
            sends: std::iter::repeat_with(|| rng.u8(..)).take(total).collect(),
            sent: 0,
            most,
            naps: if rng.bool() { 0.0 } else { rng.f64() / 4.0 },
            shut: false,
            read_all: false,
            got: Vec::new(),
            end: None,
        }
    }

    pub(super) fn sends(&self) -> &[u8] {
        &self.sends
    }

    /// Whether it has anything to do now.
    pub(super) fn is_ready(&self, now: Duration) -> bool {
        self.end.is_none()
            && match self.nap {
                Some(until) => until <= now,
                None => self.woken.0.load(Ordering::Relaxed),
            }
    }

    /// Does what it can, until it has to wait.
    pub(super) fn act(&mut self, rig: &mut Rig, rng: &mut fastrand::Rng) {
        self.nap = None;
        self.woken.0.store(false, Ordering::Relaxed);
        let waker: Waker = self.woken.clone().into();
        match self.turn(rig, rng, &waker) {
            Poll::Pending => {}
            Poll::Ready(ended) => {
                self.end = Some(match ended {
                    Ok(()) => End::Clean,
                    Err(error) => End::Failed(error.kind()),
                });
                rig.close(self.socket);
            }
        }
    }

    fn turn(
        &mut self,
        rig: &mut Rig,
        rng: &mut fastrand::Rng,
        waker: &Waker,
    ) -> Poll<io::Result<()>> {
        if self.connecting {
            match rig.net.poll_connect(nanos(rig.now), self.socket, waker)? {
                Poll::Ready(()) => self.connecting = false,
                Poll::Pending => return Poll::Pending,
            }
        }
        let mut buffer = vec![0; self.most];
        loop {
            if rng.f64() < self.naps {
                self.nap = Some(rig.now + Duration::from_micros(rng.u64(1..500_000)));
                return Poll::Pending;
            }
            let mut waits = true;
            if self.sent < self.sends.len() {
                let most = rng.usize(1..=self.most);
                let rest = &self.sends[self.sent..];
                let piece = &rest[..most.min(rest.len())];
                if let Poll::Ready(written) =
                    rig.net
                        .poll_write(nanos(rig.now), self.socket, piece, waker)?
                {
                    self.sent += written;
                    waits = false;
                }
            } else if !self.shut {
                self.shut = true;
                rig.shutdown(self.socket)?;
            }
            if !self.read_all {
                let most = rng.usize(1..=self.most);
                if let Poll::Ready(read) =
                    rig.net
                        .poll_read(nanos(rig.now), self.socket, &mut buffer[..most], waker)?
                {
                    self.got.extend_from_slice(&buffer[..read]);
                    self.read_all = read == 0;
                    waits = false;
                }
            }
            if self.shut && self.read_all {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }
}
