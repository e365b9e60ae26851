//! How a child's end comes to its loop.
//!
//! Each child has a task of the runtime's, none of a user's, that waits until the system says
//! that it has ended, and takes its status: so none stays behind as a zombie. On Linux the
//! system says so by a descriptor; elsewhere, and where it is too old for that, a `SIGCHLD`
//! says that some child has ended, and each is asked.

use std::io;
use std::process::{Child, ExitStatus};

use crate::os::signal::Signal;
use crate::os::signals::{SignalError, SignalStream, Signals as _};
use crate::os::{Interest, ProcessSignalError, Watch, Watched};
use crate::sync::Event;
use crate::sync::primitive::process;
use crate::sync::primitive::{Arc, Mutex, PoisonError, lock};

/// A child process, for all who have to do with it. Its number belongs to it for as long as
/// its status has not been taken, and that happens here alone, under the lock.
pub(super) struct Kin {
    id: u32,
    state: Mutex<State>,
    ended: Event,
}

enum State {
    Running(Child),
    Ended(ExitStatus),
    /// Somebody else has taken its status.
    Lost,
}

impl Kin {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// How it ended, if it was reaped.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        match *lock(&self.state) {
            State::Ended(status) => Some(status),
            _ => None,
        }
    }

    /// Whether it has ended, and nobody here will ever know how.
    pub(super) fn is_lost(&self) -> bool {
        matches!(*lock(&self.state), State::Lost)
    }

    /// Waits until it was reaped. Fails if nobody will ever tell, since the loop has gone.
    pub(super) async fn ended(&self) -> io::Result<ExitStatus> {
        let _ = self.ended.wait().await;
        // Its loop may have gone before it.
        self.reap();
        match *lock(&self.state) {
            State::Ended(status) => Ok(status),
            State::Lost => Err(io::Error::other(format!(
                "process {} has ended, and its status is not known: somebody else has taken it, \
                 or this program ignores SIGCHLD, so that the system keeps none",
                self.id
            ))),
            State::Running(_) => Err(io::Error::other(
                "the loop has ended, so nobody waits for the child any more",
            )),
        }
    }

    /// Sends it a signal, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ProcessSignalError> {
        let id = self.id;
        let refused = |source| ProcessSignalError::Refused { id, signal, source };
        let state = lock(&self.state);
        match *state {
            State::Ended(status) => return Err(ProcessSignalError::Exited { id, signal, status }),
            State::Lost => return Err(ProcessSignalError::StatusTaken { id, signal }),
            State::Running(_) => {}
        }
        let number = nix::sys::signal::Signal::try_from(signal.as_raw())
            .map_err(|error| refused(error.into()))?;
        let process = i32::try_from(id).map_err(|_| refused(io::ErrorKind::InvalidInput.into()))?;
        let sent = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), number);
        drop(state);
        sent.map_err(|error| refused(error.into()))
    }

    /// Takes its status if it has ended. Whether it has.
    pub(super) fn reap(&self) -> bool {
        let mut state = lock(&self.state);
        let State::Running(child) = &mut *state else {
            return true;
        };
        *state = match child.try_wait() {
            Ok(None) => return false,
            Ok(Some(status)) => State::Ended(status),
            Err(_) => State::Lost,
        };
        drop(state);
        self.ended.set();
        true
    }
}

/// Children whose loop has gone before them. They are looked at whenever another is started.
static ORPHANS: process::Mutex<Vec<Arc<Kin>>> = process::Mutex::new(Vec::new());

fn orphans() -> process::MutexGuard<'static, Vec<Arc<Kin>>> {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_after_orphans() {
    let mut known = std::mem::take(&mut *orphans());
    // Nothing is locked: whoever waits for one of them is woken.
    known.retain(|kin| !kin.reap());
    orphans().append(&mut known);
}

/// What says that a child may have ended.
enum Sign<L: Watch> {
    #[cfg(target_os = "linux")]
    Descriptor(Watched<L, std::os::fd::OwnedFd>),
    Signals(SignalStream, std::marker::PhantomData<L>),
}

impl<L: Watch> Sign<L> {
    fn of(lp: &L, child: &Child) -> Result<Self, SignalError> {
        #[cfg(target_os = "linux")]
        if let Some(descriptor) = descriptor_of(child)
            && let Ok(watched) = lp.watch(descriptor)
        {
            return Ok(Self::Descriptor(watched));
        }
        let _ = child;
        lp.signals([Signal::CHLD])
            .map(|signals| Self::Signals(signals, std::marker::PhantomData))
    }

    /// False if no sign will come.
    async fn comes(&mut self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::Descriptor(watched) => watched.ready(Interest::Readable).await.is_ok(),
            Self::Signals(signals, _) => signals.next().await.is_some(),
        }
    }
}

/// The descriptor that becomes readable when the child ends, where the system has such.
#[cfg(target_os = "linux")]
fn descriptor_of(child: &Child) -> Option<std::os::fd::OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    let id = Pid::from_raw(i32::try_from(child.id()).ok()?)?;
    pidfd_open(id, PidfdFlags::empty()).ok()
}

/// Waits for the child for as long as the loop goes on.
struct Reaper(Arc<Kin>);

impl Drop for Reaper {
    fn drop(&mut self) {
        if !self.0.reap() {
            orphans().push(self.0.clone());
            // Whoever waits is told that nobody will ever know.
            self.0.ended.set();
        }
    }
}

/// Sees to it that the child is reaped.
pub(super) fn look_after<L: Watch>(lp: &L, child: Child) -> Result<Arc<Kin>, SignalError> {
    look_after_orphans();
    let sign = Sign::of(lp, &child);
    let kin = Arc::new(Kin {
        id: child.id(),
        state: Mutex::new(State::Running(child)),
        ended: Event::new(),
    });
    // From here on it is never forgotten.
    let reaper = Reaper(kin.clone());
    let mut sign = sign.inspect_err(|_| {
        // Fails only where it has ended.
        let _ = kin.signal(Signal::KILL);
    })?;
    drop(lp.start(async move {
        // It may have ended before anybody listened.
        while !reaper.0.reap() {
            if !sign.comes().await {
                return;
            }
        }
    }));
    Ok(kin)
}
