//! How a signal comes from the system to a loop that watches descriptors.
//!
//! What runs at the arrival of a signal may do next to nothing, so all it does is to write a
//! byte into a socket; the loop watches the other end. Handlers are the process's and loops
//! are many, so who wants which signal is counted here, once per process: with the last of
//! them the default is back.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;

use signal_hook::{SigId, flag, low_level};

use super::{Caught, SignalDesk, SignalError, SignalSource, Signals};
use crate::event_loop::state::LoopState;
use crate::os::signal::Signal;
use crate::os::{Interest, Watch, Watcher};
use crate::sync::primitive::process::{AtomicBool, Mutex, MutexGuard, Ordering};
use crate::sync::primitive::{Arc, PoisonError, Weak};

impl<L: Watch> Signals for L {
    fn signal_source(&self) -> Box<dyn SignalSource> {
        self.own_signals()
            .unwrap_or_else(|| Box::new(System(self.clone())))
    }
}

/// The signals of the process, for a loop that watches descriptors.
struct System<L>(L);

impl<L: Watch> SignalSource for System<L> {
    fn catch(&self, signal: Signal) -> Result<Caught, SignalError> {
        self.deliver(signal)
            .map(Caught::new)
            .map_err(|source| SignalError::Refused { signal, source })
    }

    fn end_at_second(&self, signals: &[Signal]) -> Result<Caught, SignalError> {
        EndAtSecond::new(signals).map(Caught::new)
    }

    fn raise(&self, signal: Signal) -> Result<(), SignalError> {
        low_level::raise(signal.as_raw()).map_err(|source| SignalError::Refused { signal, source })
    }

    fn is_handled_elsewhere(&self, signal: Signal) -> Result<bool, SignalError> {
        match claims().get(&signal) {
            Some(claimed) => Ok(claimed.elsewhere),
            None => is_handled(signal).map_err(|source| SignalError::Refused { signal, source }),
        }
    }
}

impl<L: Watch> System<L> {
    fn deliver(&self, signal: Signal) -> io::Result<Delivery> {
        let claim = Claim::new(signal)?;
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let watcher = self.0.watcher(read)?;
        let id = low_level::pipe::register(signal.as_raw(), write)?;
        // As the driver of the calls: no task of a user's, so it is neither counted nor
        // cancelled.
        drop(
            self.0
                .start(deliver(watcher, Arc::downgrade(self.0.state()), signal)),
        );
        Ok(Delivery { id, _claim: claim })
    }
}

/// Tells the loop of each arrival, until the other end is closed. It holds no loop, so that
/// one which nobody uses any more can go.
async fn deliver<W: Watcher<UnixStream>>(watcher: W, state: Weak<LoopState>, signal: Signal) {
    while let Ok(true) = watcher.io(Interest::Readable, drain).await {
        let Some(state) = state.upgrade() else {
            return;
        };
        SignalDesk::tell(&state, signal);
    }
}

/// Whether a byte has come; false when none ever will.
fn drain(mut socket: &UnixStream) -> io::Result<bool> {
    let mut bytes = [0; 64];
    // Those that came together count once.
    Ok(socket.read(&mut bytes)? > 0)
}

/// The byte is written until this is dropped, which ends the delivering task, too.
struct Delivery {
    id: SigId,
    _claim: Claim,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        low_level::unregister(self.id);
    }
}

/// What the process knows of a signal that some loop has ever wanted.
struct Claimed {
    /// Somebody else handled or ignored it before.
    elsewhere: bool,
    /// How many want it.
    count: usize,
    /// Nobody wants it: looked at when it comes.
    unwanted: Arc<AtomicBool>,
}

static CLAIMS: Mutex<BTreeMap<Signal, Claimed>> = Mutex::new(BTreeMap::new());

fn claims() -> MutexGuard<'static, BTreeMap<Signal, Claimed>> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody wants the signal until this is dropped.
struct Claim(Signal);

impl Claim {
    fn new(signal: Signal) -> io::Result<Self> {
        let mut claims = claims();
        if let Some(claimed) = claims.get_mut(&signal) {
            claimed.count += 1;
            claimed.unwanted.store(false, Ordering::SeqCst);
            return Ok(Self(signal));
        }
        let unwanted = Arc::new(AtomicBool::new(false));
        let elsewhere = is_handled(signal)?;
        // A handler that was there is called as ever; what was ignored is ignored again. A
        // signal without a name has no known default, and is ignored afterwards.
        if !elsewhere && low_level::signal_name(signal.as_raw()).is_some() {
            flag::register_conditional_default(signal.as_raw(), unwanted.clone())?;
        }
        claims.insert(
            signal,
            Claimed {
                elsewhere,
                count: 1,
                unwanted,
            },
        );
        Ok(Self(signal))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(claimed) = claims().get_mut(&self.0) {
            claimed.count -= 1;
            claimed.unwanted.store(claimed.count == 0, Ordering::SeqCst);
        }
    }
}

/// The second signal that comes has its default action, in the handler itself: no loop has
/// to have a turn for it.
struct EndAtSecond {
    ids: Vec<SigId>,
    /// They count for as long as the actions are there.
    claims: Vec<Claim>,
}

impl EndAtSecond {
    fn new(signals: &[Signal]) -> Result<Self, SignalError> {
        let (ids, claims) = (Vec::new(), Vec::new());
        let mut this = Self { ids, claims };
        let came = Arc::new(AtomicBool::new(false));
        for &signal in signals {
            let refused = |source| SignalError::Refused { signal, source };
            this.claims.push(Claim::new(signal).map_err(refused)?);
            let number = signal.as_raw();
            // In this order: the one that sets it does not see it set.
            let ends = flag::register_conditional_default(number, came.clone());
            this.ids.push(ends.map_err(refused)?);
            let notes = flag::register(number, came.clone());
            this.ids.push(notes.map_err(refused)?);
        }
        Ok(this)
    }
}

impl Drop for EndAtSecond {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
    }
}

/// Whether something else than the default happens at the signal. Only Linux says so without
/// changing it; elsewhere the answer is no. Where Linux can't be asked, for want of a
/// descriptor, a guess would stay for good.
fn is_handled(signal: Signal) -> io::Result<bool> {
    let status = match std::fs::read_to_string("/proc/self/status") {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let place = signal.as_raw().checked_sub(1).map(u32::try_from);
    let Some(bit) = place.and_then(|place| 1_u64.checked_shl(place.ok()?)) else {
        return Ok(false);
    };
    Ok(["SigIgn:", "SigCgt:"].iter().any(|field| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask & bit != 0)
    }))
}
