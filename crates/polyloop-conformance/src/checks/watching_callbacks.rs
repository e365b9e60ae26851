//! WATCH: readiness for code that is called back.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};

use polyloop_core::{Interest, IntoInnerError, MainLoop, ReadinessCallback, Watch, context};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, inside, is_inside, quiet, run, until};

/// A reader that takes one byte a time, and a writer that goes on until it is removed.
pub fn watch_11<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(b"ab")?;
        let pipe = lp.watch(reader)?;
        let (called, within, elsewhere) = (Flag::new(), Flag::new(), Flag::new());
        let (noted, wrong, astray) = (called.clone(), within.clone(), elsewhere.clone());
        let name = lp.name();
        let callback = inside(|| {
            lp.add_reader(&pipe, move |mut pipe| {
                if is_inside() {
                    wrong.set();
                }
                if context::current_state().is_none_or(|state| state.name() != name) {
                    astray.set();
                }
                if pipe.read(&mut [0]).is_ok() {
                    noted.set();
                }
            })
        })?;
        until(&lp, "a call for what was there", || called.count() == 2).await?;
        quiet(&lp).await;
        writer.write_all(b"c")?;
        until(&lp, "a call for what came", || called.count() == 3).await?;
        quiet(&lp).await;
        ensure_eq!(called.count(), 3, "calls with something to read");
        ensure!(!within.is_set(), "a callback was made inside `add_reader`");
        ensure!(!elsewhere.is_set(), "in a callback the loop is not current");
        ensure!(callback.is_active(), "the callback ended by itself");

        let pipe = lp.watch(writer)?;
        let called = Flag::new();
        let noted = called.clone();
        let writer = lp.add_writer(&pipe, move |_| noted.set())?;
        until(&lp, "calls while there is room", || called.count() > 3).await?;
        writer.remove();
        Ok(())
    })
}

/// Removed outside and inside of itself, dropped, and detached; on a loop that is closed
/// there is none.
pub fn watch_12<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for removed in [true, false] {
            let (reader, mut writer) = io::pipe()?;
            let pipe = lp.watch(reader)?;
            let (called, gone) = (Flag::new(), Flag::new());
            let (noted, guard) = (called.clone(), gone.on_drop());
            let callback = lp.add_reader(&pipe, move |_| {
                let _guard = &guard;
                noted.set();
            })?;
            quiet(&lp).await;
            if removed {
                ensure!(callback.remove(), "it was there to be removed");
            } else {
                drop(callback);
            }
            writer.write_all(b"x")?;
            until(&lp, "its closure goes", || gone.is_set()).await?;
            quiet(&lp).await;
            ensure_eq!(called.count(), 0, "calls after the handle went");
            let mut pipe = Some(pipe);
            until(&lp, "the source is free", || {
                match pipe.take().map(polyloop_core::Watched::into_inner) {
                    Some(Err(IntoInnerError::Shared(held))) => {
                        pipe = Some(held);
                        false
                    }
                    _ => true,
                }
            })
            .await?;
        }

        // It is left with more to read, and called again without end but for this.
        let (reader, mut writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        let (called, slot) = (Flag::new(), Arc::new(Mutex::new(None)));
        let (noted, own) = (called.clone(), slot.clone());
        let callback = lp.add_reader(&pipe, move |_| {
            noted.set();
            let own: Option<ReadinessCallback> = own.lock().unwrap().take();
            if let Some(own) = own {
                own.remove();
            }
        })?;
        *slot.lock().unwrap() = Some(callback);
        writer.write_all(b"x")?;
        until(&lp, "a call", || called.is_set()).await?;
        quiet(&lp).await;
        ensure_eq!(called.count(), 1, "calls of one that removes itself");

        let detached = Flag::new();
        let noted = detached.clone();
        lp.add_reader(&pipe, move |_| noted.set())?.detach();
        until(&lp, "a callback that was detached goes on", || {
            detached.count() > 2
        })
        .await?;
        ensure_eq!(pipe.get_ref().read(&mut [0; 16])?, 1, "bytes left");
        Ok(())
    })?;

    let lp = make();
    let (reader, _writer) = io::pipe()?;
    let pipe = lp.watch(reader)?;
    lp.close()?;
    let refused = lp.add_reader(&pipe, |_| ());
    ensure!(refused.is_err(), "a closed loop takes a callback");
    Ok(())
}

/// One that panics the first time, with another on the same descriptor and a call beside it.
pub fn watch_13<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    const SAID: &str = "a callback that fails";

    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (reader, mut writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        let (called, beside) = (Flag::new(), Flag::new());
        let (noted, other) = (called.clone(), beside.clone());
        let callback = lp.add_reader(&pipe, move |mut pipe| {
            let read = pipe.read(&mut [0]);
            noted.set();
            assert!(noted.count() > 1, "{SAID}: {read:?}");
        })?;
        let (second, mut to_second) = io::pipe()?;
        let second = lp.watch(second)?;
        let _other = lp.add_reader(&second, move |mut pipe| {
            if pipe.read(&mut [0]).is_ok() {
                other.set();
            }
        })?;
        writer.write_all(b"x")?;
        until(&lp, "the report", || reports.mentioning(SAID) == 1).await?;
        writer.write_all(b"y")?;
        to_second.write_all(b"z")?;
        until(&lp, "calls after it", || {
            called.count() == 2 && beside.is_set()
        })
        .await?;
        quiet(&lp).await;
        ensure_eq!(reports.all().len(), 1, "reports");
        ensure!(callback.is_active(), "one that panicked has ended");
        let soon = Flag::new();
        let noted = soon.clone();
        lp.call_soon(move || noted.set())?;
        until(&lp, "the loop goes on", || soon.is_set()).await
    })
}

/// A socket of std's; on Linux, a terminal's two sides and a timer, too.
pub fn watch_14<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let socket = lp.watch(socket)?;
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let receiving = socket.io(Interest::Readable, |socket| socket.recv(&mut [0; 16]));
        far.send_to(b"abc", address)?;
        ensure_eq!(receiving.await?, 3, "the length of a datagram");
        #[cfg(target_os = "linux")]
        {
            terminal(&lp).await?;
            timer(&lp).await?;
        }
        Ok(())
    })
}

#[cfg(target_os = "linux")]
async fn terminal<L: MainLoop + Watch>(lp: &L) -> Verdict {
    let pair = nix::pty::openpty(None, None)?;
    let master = lp.watch(std::fs::File::from(pair.master))?;
    let slave = lp.watch(std::fs::File::from(pair.slave))?;
    let mut line = [0; 16];
    let reading = slave.io(Interest::Readable, |mut slave| slave.read(&mut line));
    master
        .io(Interest::Writable, |mut master| master.write(b"hello\n"))
        .await?;
    let length = reading.await?;
    ensure_eq!(&line[..length], b"hello\n", "the line that was typed");
    slave
        .io(Interest::Writable, |mut slave| slave.write(b"bye"))
        .await?;
    // The terminal has told what was typed, too.
    let mut shown = Vec::new();
    while !shown.ends_with(b"bye") {
        let mut some = [0; 16];
        let read = |mut master: &std::fs::File| master.read(&mut some);
        let length = master.io(Interest::Readable, read).await?;
        shown.extend_from_slice(&some[..length]);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
async fn timer<L: MainLoop + Watch>(lp: &L) -> Verdict {
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use std::time::Duration;

    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
    let soon = TimeSpec::from_duration(Duration::from_millis(20));
    timer.set(Expiration::OneShot(soon), TimerSetTimeFlags::empty())?;
    let before = lp.now();
    let timer = lp.watch(timer)?;
    timer.ready(Interest::Readable).await?;
    let took = lp.now() - before;
    ensure!(
        took >= Duration::from_millis(15),
        "a timer of 20 ms is ready after {took:?}"
    );
    timer.get_ref().wait().map_err(Fault::from)
}
