//! WATCH: waiting for descriptors, with pipes and pairs of sockets.

use std::future::{Future, poll_fn};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use polyloop_core::{Interest, MainLoop, Promise as _, Watch, Watched};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, poll_once, quiet, run, until};

/// A runtime may wake once or twice too often. One that spins does so thousands of times.
const A_FEW: usize = 20;

/// How a task may wait.
#[derive(Clone, Copy, Debug)]
enum Way {
    Io,
    PollIo,
    Ready,
    PollReady,
}

/// Waits in one way and reads what is there, noting each turn and each try.
async fn read<L: Watch>(
    pipe: &Watched<L, PipeReader>,
    way: Way,
    count: &AtomicUsize,
) -> io::Result<usize> {
    let note = || count.fetch_add(1, Ordering::SeqCst);
    let try_it = |mut pipe: &PipeReader| {
        note();
        pipe.read(&mut [0; 16])
    };
    match way {
        Way::Io => {
            let mut io = pin!(pipe.io(Interest::Readable, try_it));
            poll_fn(|cx| {
                note();
                io.as_mut().poll(cx)
            })
            .await
        }
        Way::PollIo => {
            poll_fn(|cx| {
                note();
                pipe.poll_io(cx, Interest::Readable, try_it)
            })
            .await
        }
        Way::Ready => {
            let mut ready = pin!(pipe.ready(Interest::Readable));
            poll_fn(|cx| {
                note();
                ready.as_mut().poll(cx)
            })
            .await?;
            try_it(pipe.get_ref())
        }
        Way::PollReady => {
            poll_fn(|cx| {
                note();
                pipe.poll_ready(cx, Interest::Readable)
            })
            .await?;
            try_it(pipe.get_ref())
        }
    }
}

/// In each way that there is, and twice: what was once ready is to rest again.
pub fn watch_01<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for way in [Way::Io, Way::PollIo, Way::Ready, Way::PollReady] {
            let (reader, mut writer) = io::pipe()?;
            let pipe = lp.watch(reader)?;
            for _ in 0..2 {
                let count = Arc::new(AtomicUsize::new(0));
                let (pipe, noted) = (pipe.clone(), count.clone());
                let reading = lp.spawn(async move { read(&pipe, way, &noted).await });
                until(&lp, "a first poll", || count.load(Ordering::SeqCst) > 0).await?;
                quiet(&lp).await;
                let resting = count.load(Ordering::SeqCst);
                ensure!(
                    resting <= A_FEW,
                    "{way:?}: {resting} turns and tries while nothing came for 50 ms: whoever \
                     waits has to rest until there is an event"
                );
                ensure!(
                    !reading.is_done(),
                    "{way:?}: it is ready with nothing there"
                );
                writer.write_all(b"abc")?;
                ensure_eq!(reading.await??, 3, "{way:?}: bytes read");
                let all = count.load(Ordering::SeqCst);
                ensure!(
                    all <= 2 * A_FEW,
                    "{way:?}: {all} turns and tries for one event"
                );
            }
        }
        Ok(())
    })
}

/// A pair of sockets, of which one is full: reading goes on while writing waits.
pub fn watch_02<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, mut far) = UnixStream::pair()?;
        let near = lp.watch(near)?;
        let mut filled = 0;
        loop {
            match near.get_ref().write(&[0; 4096]) {
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let (room, clone) = (Flag::new(), near.clone());
        let noted = room.clone();
        let writing = lp.spawn(async move {
            clone.ready(Interest::Writable).await?;
            noted.set();
            clone
                .io(Interest::Writable, |mut near| near.write(b"x"))
                .await
        });
        quiet(&lp).await;
        ensure!(!room.is_set(), "a socket that is full is said to have room");
        far.write_all(b"y")?;
        let mut byte = [0];
        let read = near
            .io(Interest::Readable, |mut near| near.read(&mut byte))
            .await?;
        ensure_eq!((read, byte), (1, *b"y"), "what was read meanwhile");
        quiet(&lp).await;
        ensure!(
            !room.is_set(),
            "what was read is taken for room to write: the directions have to be told apart"
        );
        let mut all = vec![0; filled];
        far.read_exact(&mut all)?;
        ensure_eq!(writing.await??, 1, "bytes written once there was room");
        Ok(())
    })
}

/// Five that await, one that polls, and one byte that none of them takes.
pub fn watch_03<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, mut writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        let turns = Flag::new();
        let mut waits: Vec<_> = (0..5)
            .map(|_| {
                let (pipe, turns) = (pipe.clone(), turns.clone());
                lp.spawn(async move {
                    let mut ready = pin!(pipe.ready(Interest::Readable));
                    poll_fn(|cx| {
                        turns.set();
                        ready.as_mut().poll(cx)
                    })
                    .await
                })
            })
            .collect();
        let (clone, noted) = (pipe.clone(), turns.clone());
        waits.push(lp.spawn(async move {
            poll_fn(|cx| {
                noted.set();
                clone.poll_ready(cx, Interest::Readable)
            })
            .await
        }));
        until(&lp, "all of them", || turns.count() >= waits.len()).await?;
        quiet(&lp).await;
        let resting = turns.count();
        ensure!(
            resting <= A_FEW,
            "{resting} turns of six that wait for one descriptor: they wake each other"
        );
        writer.write_all(b"x")?;
        let all_there = || waits.iter().all(polyloop_core::Promise::is_done);
        until(&lp, "each of those who wait is woken", all_there).await?;
        for waited in join_all(waits).await {
            waited??;
        }
        Ok(())
    })
}

/// Waits that were polled and are gone, beside one that goes on and before one that begins.
pub fn watch_04<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, mut writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        for byte in [b"x", b"y"] {
            for _ in 0..10 {
                ensure!(
                    waits(pipe.ready(Interest::Readable)),
                    "ready with nothing there"
                );
            }
            let clone = pipe.clone();
            let waiting = lp.spawn(async move { clone.ready(Interest::Readable).await });
            let clone = pipe.clone();
            let dropped = lp.spawn(async move { clone.ready(Interest::Readable).await });
            quiet(&lp).await;
            dropped.cancel("it is not wanted any more");
            ensure!(dropped.await.is_err(), "a cancelled wait is done");
            quiet(&lp).await;
            writer.write_all(byte)?;
            waiting.await??;
            let mut got = [0];
            let read = |mut pipe: &PipeReader| pipe.read(&mut got);
            ensure_eq!(pipe.io(Interest::Readable, read).await?, 1, "bytes read");
        }
        // Nobody waits, and then everything is let go.
        ensure!(
            waits(pipe.ready(Interest::Readable)),
            "ready with nothing there"
        );
        let source = pipe.into_inner();
        ensure!(source.is_ok(), "a wait that was dropped holds the source");
        Ok(())
    })
}

/// Polls a wait once and drops it.
fn waits(wait: impl Future) -> bool {
    poll_once(&mut pin!(wait)).is_pending()
}

/// Two bytes of which one is left, and then none.
pub fn watch_05<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, mut writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        for _ in 0..3 {
            writer.write_all(b"xy")?;
            pipe.ready(Interest::Readable).await?;
            pipe.ready(Interest::Readable).await?;
            ensure_eq!(pipe.get_ref().read(&mut [0])?, 1, "the first byte");
            pipe.ready(Interest::Readable).await?;
            ensure_eq!(pipe.get_ref().read(&mut [0])?, 1, "the second byte");
            for _ in 0..3 {
                ensure!(
                    waits(pipe.ready(Interest::Readable)),
                    "an empty pipe is ready: an event of the past was taken for one of now"
                );
                quiet(&lp).await;
            }
        }
        Ok(())
    })
}

/// A socket for datagrams to whom nobody listens: in each way of waiting.
async fn refused<L: MainLoop + Watch>(lp: &L) -> Verdict {
    let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(gone.local_addr()?)?;
    drop(gone);
    let socket = lp.watch(socket)?;
    for polls in [false, true, true, false] {
        let waiting = {
            let socket = socket.clone();
            lp.spawn(async move {
                let receive = |socket: &UdpSocket| socket.recv(&mut [0; 16]);
                if polls {
                    poll_fn(|cx| socket.poll_io(cx, Interest::Readable, receive)).await
                } else {
                    socket.io(Interest::Readable, receive).await
                }
            })
        };
        quiet(lp).await;
        ensure!(!waiting.is_done(), "ready with nothing there");
        socket.get_ref().send(b"x")?;
        let told = || waiting.is_done();
        until(lp, "an error is readiness, too", told).await?;
        let kind = waiting.await?.map_err(|error| error.kind());
        ensure_eq!(
            kind,
            Err(io::ErrorKind::ConnectionRefused),
            "what is received where nobody listens"
        );
    }
    Ok(())
}

/// A pipe whose other end is dropped, on either side; and an error.
pub fn watch_06<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        let reading = lp.spawn(async move {
            pipe.ready(Interest::Readable).await?;
            pipe.get_ref().read(&mut [0; 16])
        });
        quiet(&lp).await;
        ensure!(!reading.is_done(), "ready with nothing there");
        drop(writer);
        ensure_eq!(reading.await??, 0, "bytes at the end");

        let (reader, writer) = io::pipe()?;
        let pipe = lp.watch(writer)?;
        let full = Flag::new();
        let noted = full.clone();
        let writing = lp.spawn(async move {
            loop {
                match pipe.get_ref().write(&[0; 4096]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        noted.set();
                        pipe.ready(Interest::Writable).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
        });
        until(&lp, "the pipe is full", || full.is_set()).await?;
        quiet(&lp).await;
        drop(reader);
        let written: io::Result<()> = writing.await?;
        let kind = written.map_err(|error| error.kind());
        ensure_eq!(
            kind,
            Err(io::ErrorKind::BrokenPipe),
            "a write without a reader"
        );
        refused(&lp).await
    })
}
