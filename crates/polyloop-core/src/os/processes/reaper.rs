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
    child: Mutex<Option<Child>>,
    status: Mutex<Option<ExitStatus>>,
    ended: Event,
}

impl Kin {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// How it ended, if it was reaped.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        *lock(&self.status)
    }

    /// Waits until it was reaped. Fails if nobody will ever tell, since the loop has gone.
    pub(super) async fn ended(&self) -> io::Result<ExitStatus> {
        let _ = self.ended.wait().await;
        self.status().ok_or_else(|| {
            io::Error::other("the loop has ended, so nobody waits for the child any more")
        })
    }

    /// Sends it a signal, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ProcessSignalError> {
        let id = self.id;
        let refused = |source| ProcessSignalError::Refused { id, signal, source };
        let child = lock(&self.child);
        if let Some(status) = self.status() {
            return Err(ProcessSignalError::Exited { id, signal, status });
        }
        let number = nix::sys::signal::Signal::try_from(signal.as_raw())
            .map_err(|error| refused(error.into()))?;
        let process = i32::try_from(id).map_err(|_| refused(io::ErrorKind::InvalidInput.into()))?;
        let sent = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), number);
        drop(child);
        sent.map_err(|error| refused(error.into()))
    }

    /// Takes its status if it has ended. Whether it has.
    pub(super) fn reap(&self) -> bool {
        let mut child = lock(&self.child);
        let Some(running) = &mut *child else {
            return true;
        };
        match running.try_wait() {
            Ok(None) => false,
            Ok(Some(status)) => {
                *lock(&self.status) = Some(status);
                *child = None;
                drop(child);
                self.ended.set();
                true
            }
            Err(_) => {
                // Somebody else has taken its status.
                *child = None;
                drop(child);
                self.ended.set();
                true
            }
        }
    }
}

/// Children whose loop has gone before them. They are looked at whenever another is started.
static ORPHANS: process::Mutex<Vec<Child>> = process::Mutex::new(Vec::new());

fn look_after_orphans(further: Option<Child>) {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    orphans.extend(further);
    orphans.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
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
            look_after_orphans(lock(&self.0.child).take());
            // Whoever waits is told that nobody will ever know.
            self.0.ended.set();
        }
    }
}

/// Sees to it that the child is reaped.
pub(super) fn look_after<L: Watch>(lp: &L, mut child: Child) -> Result<Arc<Kin>, SignalError> {
    look_after_orphans(None);
    let mut sign = match Sign::of(lp, &child) {
        Ok(sign) => sign,
        Err(error) => {
            // Fails only where it has ended.
            let _ = child.kill();
            look_after_orphans(Some(child));
            return Err(error);
        }
    };
    let kin = Arc::new(Kin {
        id: child.id(),
        child: Mutex::new(Some(child)),
        status: Mutex::new(None),
        ended: Event::new(),
    });
    let reaper = Reaper(kin.clone());
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
