//! Signals: what a test tells the programs of a host with.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use polyloop_core::os::{Caught, SignalDesk, SignalSource};
use polyloop_core::{Signal, SignalError, Signals};

use crate::lock::lock;
use crate::{Crash, HostRef, Sim, SimLoop};

/// Which signals the programs of a host have asked for.
#[derive(Default)]
pub(crate) struct Table {
    caught: BTreeMap<Signal, usize>,
    /// Each group ends the programs at the second of its signals; whether one has come.
    ending: BTreeMap<u64, (Vec<Signal>, bool)>,
    next_group: u64,
}

/// What comes of a signal.
enum Outcome {
    Told,
    Ends,
    Nothing,
}

impl Table {
    fn raise(&mut self, signal: Signal) -> Outcome {
        let mut second = false;
        for (signals, came) in self.ending.values_mut() {
            if signals.contains(&signal) {
                second |= std::mem::replace(came, true);
            }
        }
        if second {
            Outcome::Ends
        } else if self.caught.contains_key(&signal) {
            Outcome::Told
        } else if signal.is_ignored_by_default() {
            Outcome::Nothing
        } else {
            Outcome::Ends
        }
    }
}

pub(crate) type SharedTable = Arc<Mutex<Table>>;

struct CaughtHere(SharedTable, Signal);

impl Drop for CaughtHere {
    fn drop(&mut self) {
        let mut table = lock(&self.0);
        if let Some(count) = table.caught.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                table.caught.remove(&self.1);
            }
        }
    }
}

struct EndsHere(SharedTable, u64);

impl Drop for EndsHere {
    fn drop(&mut self) {
        lock(&self.0).ending.remove(&self.1);
    }
}

/// A simulated machine has the signals of Linux.
fn exists(signal: Signal) -> Result<(), SignalError> {
    if (1..=64).contains(&signal.as_raw()) {
        return Ok(());
    }
    let source = io::Error::from(io::ErrorKind::InvalidInput);
    Err(SignalError::Refused { signal, source })
}

/// The signals of one host.
struct HostSignals {
    lp: SimLoop,
    table: SharedTable,
}

impl Signals for SimLoop {
    fn signal_source(&self) -> Box<dyn SignalSource> {
        let table = lock(&self.sim().shared.world).hosts[self.id().index()]
            .signals
            .clone();
        Box::new(HostSignals {
            lp: self.clone(),
            table,
        })
    }
}

impl SignalSource for HostSignals {
    fn catch(&self, signal: Signal) -> Result<Caught, SignalError> {
        exists(signal)?;
        *lock(&self.table).caught.entry(signal).or_insert(0) += 1;
        Ok(Caught::new(CaughtHere(self.table.clone(), signal)))
    }

    fn end_at_second(&self, signals: &[Signal]) -> Result<Caught, SignalError> {
        let mut table = lock(&self.table);
        let group = table.next_group;
        table.next_group += 1;
        table.ending.insert(group, (signals.to_vec(), false));
        Ok(Caught::new(EndsHere(self.table.clone(), group)))
    }

    fn raise(&self, signal: Signal) -> Result<(), SignalError> {
        exists(signal)?;
        self.lp.sim().raise(&self.lp, signal);
        Ok(())
    }
}

impl Sim {
    /// Raises a signal on a host, as another process there would: it is told to whoever has
    /// asked for it ([`Signals`]).
    ///
    /// Where nobody has, the system acts as it does by default: the programs die and the
    /// machine lives on ([`Crash::Reset`]), at some signals nothing happens. `SIGSTOP` and
    /// `SIGTSTP` [pause](Self::pause) it, `SIGCONT` [resumes](Self::resume) it. A host that
    /// is down or paused is not told of others.
    ///
    /// ```
    /// use polyloop_core::{Signal, Signals, Timers};
    /// use polyloop_sim::Sim;
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(1);
    /// sim.host("server").on_boot(|lp| async move {
    ///     let mut asked = lp.signals([Signal::TERM]).expect("it can be caught");
    ///     assert_eq!(asked.next().await, Some(Signal::TERM));
    ///     lp.sim().note(&lp, "ends in good order");
    /// });
    /// sim.after(Duration::from_secs(1), |sim| sim.raise("server", Signal::TERM));
    /// let clock = sim.host("clock");
    /// sim.run(async { clock.sleep(Duration::from_secs(2)).await })?;
    /// # Ok::<(), polyloop_core::RunError>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such host.
    pub fn raise(&self, host: impl HostRef, signal: Signal) {
        let host = host.host_in(self);
        if signal == Signal::CONT {
            self.resume(host);
        }
        if !self.is_up(host) {
            self.note(host, format!("{signal} is raised, and nobody is there"));
            return;
        }
        let (state, table) = {
            let world = lock(&self.shared.world);
            let known = &world.hosts[host.index()];
            (known.state.clone(), known.signals.clone())
        };
        let outcome = lock(&table).raise(signal);
        match outcome {
            Outcome::Told => {
                self.note(host, format!("{signal} is raised"));
                SignalDesk::tell(&state, signal);
            }
            Outcome::Nothing => {
                self.note(host, format!("{signal} is raised, and nobody asked for it"));
            }
            Outcome::Ends if matches!(signal, Signal::STOP | Signal::TSTP) => {
                self.note(host, format!("{signal} is raised, and stops the programs"));
                self.pause(host);
            }
            Outcome::Ends => {
                self.note(host, format!("{signal} is raised, and ends the programs"));
                self.crash(host, Crash::Reset);
            }
        }
    }
}
