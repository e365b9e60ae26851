//! How much is sent at once, and what a layered stream is asked for.

use std::pin::Pin;
use std::task::Waker;

use futures_io::{AsyncRead, AsyncWrite};

use super::*;
use crate::protocol::stream::borrowed::BorrowedSocket;

/// Takes whatever it is given, as a system does whose reader is quick.
#[derive(Default)]
struct Greedy {
    taken: usize,
    ended: bool,
}

impl AsyncRead for Greedy {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Greedy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.taken += data.len();
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}

impl Stream for Greedy {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        None
    }
}

fn own<S>(io: &Io<S>) -> &S {
    match &io.stream {
        Some(Carrier::Own(stream)) => stream,
        _ => panic!("its stream is another one"),
    }
}

fn taken(io: &Io<Greedy>) -> usize {
    own(io).taken
}

#[test]
fn a_large_write_leaves_the_thread_before_it_is_sent() {
    let mut io = Io::new(Greedy::default());
    let cx = &mut Context::from_waker(Waker::noop());
    let data = vec![7; 3 * DIRECT_AT_MOST];
    let rest = io.write_direct(cx, &data).unwrap().len();
    assert_eq!(taken(&io), DIRECT_AT_MOST);
    assert_eq!(rest, data.len() - DIRECT_AT_MOST);

    io.out().append(&data[..rest]);
    io.end_output();
    let mut turns = 0;
    while io.send(cx).unwrap() == Sent::Enough {
        turns += 1;
        assert_eq!(taken(&io), DIRECT_AT_MOST + turns * SEND_AT_MOST);
        assert!(!io.eof_sent, "the end came before the data");
    }
    assert_eq!((taken(&io), io.buffered()), (data.len(), 0));
    assert!(io.eof_sent);
    assert_eq!(turns, 2 * DIRECT_AT_MOST / SEND_AT_MOST - 1);
}

/// Holds back what it is given until it is flushed, and is flushed only when it may be.
#[derive(Default)]
struct Holding {
    below: Greedy,
    held: usize,
    stuck: bool,
}

impl AsyncRead for Holding {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Holding {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held += data.len();
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stuck {
            return Poll::Pending;
        }
        self.below.taken += std::mem::take(&mut self.held);
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        assert_eq!(self.held, 0, "closed before it was flushed");
        self.below.ended = true;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl Stream for Holding {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        None
    }

    fn below(&self) -> Option<&dyn Stream> {
        Some(&self.below)
    }
}

#[test]
fn a_layered_stream_has_output_until_it_is_flushed() {
    let mut io = Io::new(Holding {
        stuck: true,
        ..Holding::default()
    });
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(!io.has_output());
    io.out().append(&[7; 100]);
    assert!(io.send(cx).unwrap() == Sent::Blocked);
    assert!(io.out.is_none() && io.has_output(), "it was not flushed");
    let Some(Carrier::Own(stream)) = &mut io.stream else {
        panic!("it is its own")
    };
    stream.stuck = false;
    assert!(io.send(cx).unwrap() == Sent::All && !io.has_output());
    assert_eq!(own(&io).below.taken, 100);
    let rest = io.write_direct(cx, &[7; 50]).unwrap().len();
    assert!(rest == 0 && io.has_output(), "a direct write was not seen");

    // The peer has ended, and is not there for the goodbye any more.
    io.eof_received = true;
    io.end_output();
    assert!(io.send(cx).unwrap() == Sent::All && io.eof_sent);
    assert!(own(&io).below.ended);
    // One that has not ended has broken the connection.
    io.eof_received = false;
    io.eof_sent = false;
    assert!(io.send(cx).is_err());
}

#[test]
fn a_broken_pipe_is_a_reset() {
    let told = |kind: io::ErrorKind| network_failure(kind.into()).io_kind();
    assert_eq!(
        told(io::ErrorKind::BrokenPipe),
        Some(io::ErrorKind::ConnectionReset)
    );
    assert_eq!(told(io::ErrorKind::TimedOut), Some(io::ErrorKind::TimedOut));
}
