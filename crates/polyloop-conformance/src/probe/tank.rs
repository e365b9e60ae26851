//! [`Tank`]: a stream below which there is no system, but so much room as a check gives it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use polyloop_core::Stream;
use polyloop_core::futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::BorrowedSocket;

/// A stream that takes what there is room for, and never gives anything.
#[derive(Clone, Debug)]
pub struct Tank(Arc<Mutex<Level>>);

#[derive(Debug)]
struct Level {
    room: usize,
    taken: usize,
    /// It has something to take only each second time that it is asked.
    reluctant: bool,
    asked: bool,
    waits: Option<Waker>,
}

impl Tank {
    /// With room for so many bytes.
    pub fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Level {
            room,
            taken: 0,
            reluctant: false,
            asked: false,
            waits: None,
        })))
    }

    /// With room for everything, but none at first, each time that it is asked.
    pub fn reluctant() -> Self {
        let tank = Self::new(usize::MAX);
        tank.change(|level| level.reluctant = true);
        tank
    }

    fn change<R>(&self, change: impl FnOnce(&mut Level) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many bytes it has taken.
    pub fn taken(&self) -> usize {
        self.change(|level| level.taken)
    }

    /// Makes room for so many more.
    pub fn widen(&self, by: usize) {
        let waits = self.change(|level| {
            level.room += by;
            level.waits.take()
        });
        if let Some(waits) = waits {
            waits.wake();
        }
    }
}

impl AsyncRead for Tank {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Tank {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.change(|level| {
            if level.reluctant && !std::mem::replace(&mut level.asked, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            level.asked = false;
            let takes = data.len().min(level.room);
            if takes == 0 {
                level.waits = Some(cx.waker().clone());
                return Poll::Pending;
            }
            level.room -= takes;
            level.taken += takes;
            Poll::Ready(Ok(takes))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Tank {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        None
    }
}
