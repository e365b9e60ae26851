//! What lies below a secure stream in the tests: two ends of a wire in memory, which passes
//! on as much at once as a test says, and keeps all that went over it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures_util::{AsyncRead, AsyncWrite};

/// One direction.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<u8>,
    ended: bool,
    /// Nobody will read it.
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// All that was ever written.
    seen: Vec<u8>,
}

impl Lane {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

/// How much a read gives and a write takes at once, and how much fits between the two.
#[derive(Clone, Copy)]
pub(crate) struct Width {
    pub(crate) read: usize,
    pub(crate) write: usize,
    pub(crate) holds: usize,
}

impl Width {
    pub(crate) const WIDE: Self = Self {
        read: usize::MAX,
        write: usize::MAX,
        holds: usize::MAX,
    };

    /// One byte at a time, and no second before the first has been read.
    pub(crate) const BYTES: Self = Self {
        read: 1,
        write: 1,
        holds: 1,
    };
}

/// One end of a wire.
pub(crate) struct End {
    to: Arc<Mutex<Lane>>,
    from: Arc<Mutex<Lane>>,
    width: Width,
}

pub(crate) fn wire(width: Width) -> (End, End) {
    let (one, other) = (Arc::default(), Arc::default());
    let near = End {
        to: Arc::clone(&one),
        from: Arc::clone(&other),
        width,
    };
    let far = End {
        to: other,
        from: one,
        width,
    };
    (near, far)
}

impl End {
    /// All that this end has sent.
    pub(crate) fn sent(&self) -> Vec<u8> {
        lock(&self.to).seen.clone()
    }

    /// Sends something past whatever lies over it.
    pub(crate) fn slip_in(&self, bytes: &[u8]) {
        let mut lane = lock(&self.to);
        lane.waiting.extend(bytes);
        lane.wake();
    }

    /// Ends it past whatever lies over it.
    pub(crate) fn cut(&self) {
        let mut lane = lock(&self.to);
        lane.ended = true;
        lane.wake();
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.cut();
        let mut lane = lock(&self.from);
        lane.abandoned = true;
        lane.wake();
    }
}

fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap()
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = lock(&self.from);
        if lane.waiting.is_empty() && !lane.ended {
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = room.len().min(self.width.read).min(lane.waiting.len());
        for (place, byte) in room.iter_mut().zip(lane.waiting.drain(..count)) {
            *place = byte;
        }
        if let Some(writer) = lane.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = lock(&self.to);
        if lane.ended || lane.abandoned {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let free = self.width.holds.saturating_sub(lane.waiting.len());
        if free == 0 {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = data.len().min(self.width.write).min(free);
        lane.waiting.extend(&data[..count]);
        lane.seen.extend(&data[..count]);
        if let Some(reader) = lane.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut();
        Poll::Ready(Ok(()))
    }
}
