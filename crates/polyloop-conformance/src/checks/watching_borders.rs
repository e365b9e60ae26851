//! WATCH: where watching begins and ends: other threads, descriptors that can't be
//! watched, and what comes back.

use std::fs::{self, File};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use polyloop_core::{Interest, IntoInnerError, MainLoop, Watch, WatchError};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{block_on, run, until};

/// Watched on one thread, waited for on another, let go on a third, and none of them the
/// loop's.
pub fn watch_07<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, mut writer) = io::pipe()?;
        let beside = lp.clone();
        let watching = thread::spawn(move || beside.watch(reader));
        until(&lp, "watched on a thread", || watching.is_finished()).await?;
        let pipe = joined(watching)??;

        let clone = pipe.clone();
        let reading = thread::spawn(move || {
            block_on(clone.io(Interest::Readable, |mut pipe| pipe.read(&mut [0; 16])))
        });
        writer.write_all(b"abc")?;
        until(&lp, "read on a thread", || reading.is_finished()).await?;
        ensure_eq!(joined(reading)??, 3, "bytes read");

        let ending = thread::spawn(move || pipe.into_inner().is_ok());
        until(&lp, "let go on a thread", || ending.is_finished()).await?;
        ensure!(joined(ending)?, "it is held by somebody else");
        Ok(())
    })
}

fn joined<T>(thread: thread::JoinHandle<T>) -> Verdict<T> {
    let ended = thread.join();
    ended.map_err(|_| Fault::new("watching panicked outside of the loop's threads"))
}

/// A descriptor whose number nobody has, or will have.
struct Closed(ManuallyDrop<OwnedFd>);

impl Closed {
    fn new() -> io::Result<Self> {
        let owned = Self::open()?;
        nix::unistd::close(owned.as_raw_fd())?;
        Ok(Self(owned))
    }

    /// A pipe that is still open.
    fn open() -> io::Result<ManuallyDrop<OwnedFd>> {
        /// High above what a test has open, so that nobody gets the number meanwhile.
        const HIGH: i32 = 800;

        let (reader, _) = io::pipe()?;
        Ok(ManuallyDrop::new(rustix::io::fcntl_dupfd_cloexec(
            &reader, HIGH,
        )?))
    }
}

impl AsFd for Closed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One of each kind. The one that is refused does not disturb the one that is watched.
pub fn watch_08<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let closed = Closed::new()?;
        let number = closed.as_fd().as_raw_fd();
        let refused = refused(lp.watch(closed), number)?;
        ensure!(
            matches!(refused, WatchError::NotOpen { .. }),
            "of a closed descriptor it said {refused:?}"
        );

        let (reader, mut writer) = io::pipe()?;
        let reader = Arc::new(reader);
        let number = reader.as_raw_fd();
        let pipe = lp.watch(reader.clone())?;
        let refused = self::refused(lp.watch(reader.clone()), number)?;
        ensure!(
            matches!(refused, WatchError::WatchedAlready { .. }),
            "of a descriptor that is watched already it said {refused:?}"
        );
        writer.write_all(b"x")?;
        pipe.ready(Interest::Readable).await?;

        // Elsewhere the system lets one wait for files.
        if cfg!(any(target_os = "linux", target_os = "android")) {
            let file = Arc::new(File::open(std::env::current_exe()?)?);
            let before = blocks(&file)?;
            let number = file.as_raw_fd();
            let refused = self::refused(lp.watch(file.clone()), number)?;
            ensure!(
                matches!(refused, WatchError::NeverWaits { .. }),
                "of a regular file it said {refused:?}"
            );
            ensure_eq!(
                blocks(&file)?,
                before,
                "the mode of a file that was refused"
            );
        }
        Ok(())
    })?;
    let lp = make();
    lp.close()?;
    let refused = lp.watch(io::pipe()?.0).map(drop);
    ensure!(
        matches!(refused, Err(WatchError::Closed(_))),
        "on a loop that was closed it said {refused:?}"
    );
    Ok(())
}

fn refused<T>(outcome: Result<T, WatchError>, number: i32) -> Verdict<WatchError> {
    let Err(error) = outcome else {
        return Err(Fault::new(format!("descriptor {number} is watched")));
    };
    let text = error.to_string();
    ensure!(
        text.contains(&number.to_string()) && text.contains("expected"),
        "the sentence for descriptor {number} is {text:?}"
    );
    Ok(error)
}

/// Whether reads of it block.
fn blocks(source: &impl AsFd) -> io::Result<bool> {
    let flags = fcntl(source.as_fd(), FcntlArg::F_GETFL)?;
    Ok(!OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK))
}

/// Taken back and dropped, in both modes, and watched again each time.
pub fn watch_09<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reader, mut writer) = io::pipe()?;
        let reader = Arc::new(reader);
        for blocking in [true, false] {
            let mut flags = OFlag::from_bits_retain(fcntl(&*reader, FcntlArg::F_GETFL)?);
            flags.set(OFlag::O_NONBLOCK, !blocking);
            fcntl(&*reader, FcntlArg::F_SETFL(flags))?;
            for taken in [true, false, true] {
                let pipe = lp.watch(reader.clone())?;
                ensure!(!blocks(&reader)?, "what is watched blocks");
                let clone = pipe.clone();
                let Err(IntoInnerError::Shared(pipe)) = pipe.into_inner() else {
                    return Err(Fault::new("a source was taken from who holds a clone"));
                };
                drop(clone);
                writer.write_all(b"x")?;
                let read = |mut pipe: &PipeReader| pipe.read(&mut [0; 16]);
                let got = pipe.io(Interest::Readable, |pipe| read(pipe)).await?;
                ensure_eq!(got, 1, "bytes read");
                if taken {
                    ensure!(pipe.into_inner().is_ok(), "nobody else holds it");
                } else {
                    drop(pipe);
                }
                ensure_eq!(blocks(&reader)?, blocking, "whether it blocks afterwards");
            }
        }
        Ok(())
    })
}

/// Enough that what each leaves behind shows beside what other tests do meanwhile.
const MANY: usize = 100;

/// Many that were waited for, each dropped in another stage; then the descriptors are
/// counted. That each is watched no more shows where the same one is watched again.
pub fn watch_10<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let count = || fs::read_dir("/proc/self/fd").map(Iterator::count);
        // Only Linux tells.
        let before = count().ok();
        for number in 0..MANY {
            let (reader, mut writer) = io::pipe()?;
            let reader = Arc::new(reader);
            let pipe = lp.watch(reader.clone())?;
            match number % 3 {
                0 => drop(pipe),
                1 => {
                    writer.write_all(b"x")?;
                    pipe.ready(Interest::Readable).await?;
                    drop(pipe);
                }
                _ => {
                    let waiting = lp.spawn(async move { pipe.ready(Interest::Readable).await });
                    polyloop_core::yield_now().await;
                    drop(polyloop_core::Promise::cancel_on_drop(waiting));
                    let alone = || Arc::strong_count(&reader) == 1;
                    until(&lp, "a cancelled wait lets its source go", alone).await?;
                }
            }
            let again = lp.watch(reader);
            ensure!(
                again.is_ok(),
                "a source that was dropped is refused: {again:?}"
            );
        }
        let Some(before) = before else {
            return Ok(());
        };
        let few_left = || count().is_ok_and(|now| now.saturating_sub(before) < MANY * 3 / 4);
        until(
            &lp,
            "what was watched leaves no descriptor behind",
            few_left,
        )
        .await
    })
}

/// Whether the runtime notices is its own affair; nothing panics, and others are watched on.
pub fn watch_15<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let watched = lp.watch(Closed(Closed::open()?))?;
        nix::unistd::close(watched.get_ref().0.as_raw_fd())?;
        if let Err(error @ IntoInnerError::Shared(_)) = watched.into_inner() {
            return Err(Fault::new(error.to_string()));
        }
        let (reader, mut writer) = io::pipe()?;
        let pipe = lp.watch(reader)?;
        writer.write_all(b"x")?;
        pipe.ready(Interest::Readable).await?;
        Ok(())
    })
}
