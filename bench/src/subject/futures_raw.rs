//! What the hand-written servers on smol, async-std and async-io have in common:
//! streams that speak `futures_io`. The compiler makes one of each for every runtime,
//! as if it had been written for that.

use std::future::Future as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use async_channel::Receiver;
use async_io::Timer;
use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use futures_util::stream::Stream as _;

use super::lines::LineCollector;
use super::moving;

/// Echoes until the other side ends, through a buffer of its own.
pub(crate) async fn echo<S, B>(mut stream: S, mut buffer: B)
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: AsMut<[u8]>,
{
    let buffer = buffer.as_mut();
    while let Ok(read @ 1..) = stream.read(buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Moves timers of the reactor that are armed.
pub(crate) async fn moved_calls(operations: u64) {
    let mut timers: Vec<_> = (0..moving::CALLS)
        .map(|number| Timer::after(moving::at_first(number)))
        .collect();
    poll_fn(|cx| {
        let ready = timers
            .iter_mut()
            .any(|timer| Pin::new(timer).poll(cx).is_ready());
        assert!(!ready);
        Poll::Ready(())
    })
    .await;
    for operation in 0..operations {
        timers[moving::which(operation)].set_at(Instant::now() + moving::to(operation));
    }
}

/// Echoes whole lines, those of one read in one write.
pub(crate) async fn echo_lines<S>(mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut lines = LineCollector::new();
    while let Ok(read @ 1..) = stream.read(lines.room()).await {
        let Some(whole) = lines.collect(read) else {
            return;
        };
        if !whole.is_empty() && stream.write_all(whole).await.is_err() {
            return;
        }
    }
}

/// A closure for the task that owns a connection.
pub(crate) type Job<S> = Box<dyn FnOnce(&mut u64, &mut S) + Send>;

/// A connection that also runs the closures it is sent.
pub(crate) async fn connection_with_jobs<S>(mut stream: S, jobs: Receiver<Job<S>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut jobs = std::pin::pin!(jobs);
    let mut count = 0;
    let mut buffer = [0; 1024];
    poll_fn(|cx| {
        while let Poll::Ready(job) = jobs.as_mut().poll_next(cx) {
            match job {
                Some(job) => job(&mut count, &mut stream),
                None => return Poll::Ready(()),
            }
        }
        match Pin::new(&mut stream).poll_read(cx, &mut buffer) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
}
