//! BACK: what core asks of a runtime's sockets below the protocols.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{AsyncRead as _, AsyncWriteExt as _};
use polyloop_core::{ListenOptions, Listener as _, MainLoop, Stream, Timers};
use socket2::SockRef;

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{RawListener, dial, quiet, run, until};

/// A listener and both ends of a connection are polled with nothing to come, each on a
/// thread that may get stuck.
pub fn back_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let dialled = dial(&lp, listener.address).await?;
        let accepted = listener.accept().await?;
        let accept = on_a_thread(listener, |listener, cx| {
            listener.poll_accept(cx).is_pending()
        });
        let _listener = wait(&lp, "the listener's `poll_accept`", &accept).await?;
        let read = on_a_thread(dialled, poll_read);
        let _dialled = wait(&lp, "`poll_read` of a stream that was connected", &read).await?;
        let read = on_a_thread(accepted, poll_read);
        wait(&lp, "`poll_read` of a stream that was accepted", &read).await?;
        Ok(())
    })
}

fn poll_read<S: Stream>(stream: &mut S, cx: &mut Context<'_>) -> bool {
    Pin::new(stream).poll_read(cx, &mut [0; 16]).is_pending()
}

/// Whether the socket waits, as soon as it has said.
fn on_a_thread<S: Send + 'static>(
    mut socket: S,
    poll: impl FnOnce(&mut S, &mut Context<'_>) -> bool + Send + 'static,
) -> mpsc::Receiver<(bool, S)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let waits = poll(&mut socket, &mut Context::from_waker(Waker::noop()));
        let _ = sender.send((waits, socket));
    });
    receiver
}

/// Gives the socket back: its peer waits, too.
async fn wait<T: Timers, S>(
    timers: &T,
    what: &str,
    polled: &mpsc::Receiver<(bool, S)>,
) -> Verdict<S> {
    let mut said = None;
    let blocked = format!("{what} blocks its thread: is that socket non-blocking?");
    until(timers, &blocked, || {
        said = said.take().or_else(|| polled.try_recv().ok());
        said.is_some()
    })
    .await?;
    match said {
        Some((true, socket)) => Ok(socket),
        _ => Err(Fault::new(format!(
            "{what} has something to give where nothing has come"
        ))),
    }
}

/// A read waits for 50 ms, and is woken by the one byte that then comes.
pub fn back_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    /// A runtime may wake once or twice too often. One that spins does so thousands of times.
    const A_FEW: usize = 20;

    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let mut near = dial(&lp, listener.address).await?;
        let mut far = listener.accept().await?;
        let polls = Arc::new(AtomicUsize::new(0));
        let count = polls.clone();
        let reading = lp.start(async move {
            poll_fn(|cx| {
                count.fetch_add(1, Ordering::SeqCst);
                Pin::new(&mut near).poll_read(cx, &mut [0; 16])
            })
            .await
        });
        until(&lp, "a first poll", || polls.load(Ordering::SeqCst) > 0).await?;
        quiet(&lp).await;
        let resting = polls.load(Ordering::SeqCst);
        ensure!(
            resting <= A_FEW,
            "a read was polled {resting} times while nothing came for 50 ms: `poll_read` may wake \
             only when there is something to read"
        );
        far.write_all(b"x").await?;
        let read = reading
            .await
            .ok_or_else(|| Fault::new("the reader was dropped"))??;
        ensure_eq!(read, 1, "bytes read");
        Ok(())
    })
}

/// A listener that accepts nobody, until no more find room in its queue.
pub fn back_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const MOST: usize = 20;
    const PATIENCE: Duration = Duration::from_secs(1);

    run(make, async |lp| {
        let full = RawListener::open_with(&lp, &ListenOptions::new().backlog(1))?;
        let mut streams = Vec::new();
        while streams.len() < MOST {
            let connect = pin!(dial(&lp, full.address));
            match select(connect, pin!(lp.sleep(PATIENCE))).await {
                Either::Left((stream, _)) => streams.push(stream?),
                // It waits for its turn, as it should.
                Either::Right(_) => return Ok(()),
            }
        }
        Err(Fault::new(format!(
            "{MOST} connects to a listener that accepts nobody and has room for one are said to \
             be done: `connect_tcp` has to wait until the socket is writable before it asks \
             `finish_connect`"
        )))
    })
}

/// A listening socket that is shut down below the listener, while an accept waits.
pub fn back_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const PATIENCE: Duration = Duration::from_secs(10);

    run(make, async |lp| {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let beside = socket.try_clone()?;
        let mut listener = lp.adopt_tcp(socket)?;
        let mut polled = false;
        let accept = poll_fn(|cx| {
            let accepted = listener.poll_accept(cx);
            if !std::mem::replace(&mut polled, true) {
                // Not every system ends a listening socket so.
                let _ = SockRef::from(&beside).shutdown(Shutdown::Both);
            }
            accepted
        });
        match select(pin!(accept), pin!(lp.sleep(PATIENCE))).await {
            Either::Left((Err(_), _)) => Ok(()),
            Either::Left((Ok((_, peer)), _)) => Err(Fault::new(format!(
                "a listener whose socket was shut down accepts {peer}"
            ))),
            Either::Right(_) if beside.accept().is_err_and(|error| would_block(&error)) => Ok(()),
            Either::Right(_) => Err(Fault::new(
                "the socket below a listener gives an error, and `poll_accept` keeps it back: \
                 only `WouldBlock` means that it has to wait",
            )),
        }
    })
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
