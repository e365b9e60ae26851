//! What a test can do to the network and the hosts of its simulation.

use std::time::Duration;

use crate::clock::nanos;
use crate::host::HostRef;
use crate::lock::lock;
use crate::network::{Crash, Fault, FaultRate};
use crate::ready::Mode;
use crate::trace::ConnectionId;
use crate::world::{Boot, Due};
use crate::{HostId, Link, Sim};

/// Faults take effect at once, between two events. Combine them with [`Sim::at`] for a
/// script, and with [`Sim::random_in`] for one that each seed writes anew.
impl Sim {
    /// Nothing gets from either host to the other, until it is [healed](Self::heal).
    ///
    /// # Panics
    /// If the two are one host: nothing comes between a host and itself.
    #[track_caller]
    pub fn partition(&self, a: impl HostRef, b: impl HostRef) {
        let (a, b) = (a.host_in(self), b.host_in(self));
        self.fault(Fault::Partition { a, b });
    }

    /// Nothing gets from one host to the other any more; the way back is left alone.
    ///
    /// # Panics
    /// If the two are one host.
    #[track_caller]
    pub fn cut(&self, from: impl HostRef, to: impl HostRef) {
        let (from, to) = (from.host_in(self), to.host_in(self));
        self.fault(Fault::Cut { from, to });
    }

    /// Nothing gets from the host to any other, or to it.
    pub fn isolate(&self, host: impl HostRef) {
        let host = host.host_in(self);
        self.fault(Fault::Isolate { host });
    }

    /// Mends what [`partition`](Self::partition) and [`cut`](Self::cut) have done between
    /// two hosts.
    pub fn heal(&self, a: impl HostRef, b: impl HostRef) {
        let (a, b) = (a.host_in(self), b.host_in(self));
        self.fault(Fault::Heal { a, b });
    }

    /// Mends what [`isolate`](Self::isolate) has done.
    pub fn rejoin(&self, host: impl HostRef) {
        let host = host.host_in(self);
        self.fault(Fault::Rejoin { host });
    }

    /// Mends every partition, cut and isolation, and releases what is held.
    pub fn heal_all(&self) {
        self.fault(Fault::HealAll);
    }

    /// What is sent from one host to the other waits on the way.
    ///
    /// # Panics
    /// If the two are one host.
    #[track_caller]
    pub fn hold(&self, from: impl HostRef, to: impl HostRef) {
        let (from, to) = (from.host_in(self), to.host_in(self));
        self.fault(Fault::Hold { from, to });
    }

    /// Lets go what [`hold`](Self::hold) has held.
    pub fn release(&self, from: impl HostRef, to: impl HostRef) {
        let (from, to) = (from.host_in(self), to.host_in(self));
        self.fault(Fault::Release { from, to });
    }

    /// Replaces what leads from one host to the other, both ways. A name that no host has
    /// yet is that of one to come: the network may be described before its hosts.
    ///
    /// ```
    /// use polyloop_sim::{Link, Sim};
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(1);
    /// sim.link("paris", "tokyo", Link::new().latency(Duration::from_millis(120)));
    /// let paris = sim.host("paris");
    /// ```
    ///
    /// # Panics
    /// If the two are one host.
    #[track_caller]
    pub fn link(&self, a: impl HostRef, b: impl HostRef, link: Link) {
        let (a, b) = (a.host_to_be(self), b.host_to_be(self));
        self.fault(Fault::Link {
            from: a,
            to: b,
            link: link.clone(),
        });
        self.fault(Fault::Link {
            from: b,
            to: a,
            link,
        });
    }

    /// Replaces what leads between hosts that have no link of their own.
    pub fn default_link(&self, link: Link) {
        self.with_network(|network, now| network.set_default_link(now, link));
        self.shared.ready.nudge();
    }

    /// Resets a connection at both ends.
    pub fn reset(&self, connection: ConnectionId) {
        self.fault(Fault::Reset { connection });
    }

    /// Sets how many descriptors a host has for its sockets; `None` is no limit.
    pub fn descriptors(&self, host: impl HostRef, limit: Option<usize>) {
        let host = host.host_in(self);
        self.fault(Fault::Descriptors { host, limit });
    }

    /// Breaks or mends something now.
    ///
    /// # Panics
    /// If it would come between a host and itself.
    #[track_caller]
    pub fn fault(&self, fault: Fault) {
        self.check_ends(&fault);
        self.with_network(|network, now| network.apply(now, fault));
        self.shared.ready.nudge();
    }

    /// Breaks or mends something at that time, counted from the beginning of the
    /// simulation.
    ///
    /// # Panics
    /// If it would come between a host and itself.
    #[track_caller]
    pub fn fault_at(&self, time: Duration, fault: Fault) {
        self.check_ends(&fault);
        self.with_network(|network, _| network.at(nanos(time), fault));
        self.shared.ready.nudge();
    }

    /// A fault between a host and itself would hit nobody: what a host sends to itself
    /// takes no link.
    #[track_caller]
    fn check_ends(&self, fault: &Fault) {
        let (one, other) = match *fault {
            Fault::Partition { a, b } => (a, b),
            Fault::Cut { from, to } | Fault::Hold { from, to } | Fault::Link { from, to, .. } => {
                (from, to)
            }
            _ => return,
        };
        if one == other {
            let name = lock(&self.shared.world).name_of(one).to_owned();
            panic!(
                "both ends are the host {name:?}, which reaches itself by no link: name two hosts, \
                 or `Sim::isolate` it, or `Sim::crash` it"
            );
        }
    }

    /// Faults at a rate, drawn from the seed, from now on.
    ///
    /// # Panics
    /// If there is no time between them.
    #[track_caller]
    pub fn draw_faults(&self, rate: FaultRate) {
        assert!(
            !rate.every.is_zero(),
            "faults every {:?} leave no time for anything else",
            rate.every
        );
        self.with_network(|network, now| network.draw_faults(now, rate));
        self.shared.ready.nudge();
    }

    /// A host crashes, as a machine that loses its power: its sockets are gone, and so are
    /// its tasks, protocols, calls and shutdown hooks, before any other task has a turn.
    /// Nothing runs on it until it is [restarted](Self::restart).
    ///
    /// Nobody on it is told: no `connection_lost` is called, no
    /// [`catch_cancel`](polyloop_core::catch_cancel) sees a reason, no error hook gets a
    /// report. The values are dropped, since memory has to go somewhere, and their
    /// destructors run; whatever those do has no effect: the loop takes no task and no
    /// call, and the network nothing. Work that is on a thread already is no part of the
    /// simulation and goes on; what it asks of the loop fails. What is durable is the
    /// test's to keep: what a program has written into something that the test holds, such
    /// as an `Arc`, is there when it is booted again, and everything else is not.
    ///
    /// Its peers learn as from such a machine: by a reset or by silence, as `how` says. Who
    /// waits elsewhere for one of its tasks, as a test does, sees it cancelled.
    ///
    /// A future that is being run on the host goes on: it is the test, and not the
    /// program. The task that has its turn meanwhile ends when that is over.
    pub fn crash(&self, host: impl HostRef, how: Crash) {
        let host = host.host_in(self);
        self.with_network(|network, now| network.crash(now, host, how));
        self.shared.ready.set_mode(host, Mode::Down);
        let late = lock(&self.shared.stalls).take_host(host);
        self.shared.ready.put_back(late);
        let (state, work, ending) = {
            let mut world = lock(&self.shared.world);
            let is_work = |due: &Due| matches!(due, Due::Blocking(at, _) if *at == host);
            let work = world.timers.remove_all(is_work);
            let host = &mut world.hosts[host.index()];
            (host.state.clone(), work, host.ending.take())
        };
        drop(work);
        if let Some(ending) = ending {
            ending.cancel();
        }
        state.kill();
    }

    /// A host that has crashed, or has not, starts afresh, and its
    /// [programs](crate::SimLoop::on_boot) with it.
    pub fn restart(&self, host: impl HostRef) {
        let host = host.host_in(self);
        if self.shared.ready.mode(host) != Mode::Down {
            self.crash(host, Crash::Reset);
        }
        self.with_network(|network, now| network.restart(now, host));
        let (state, boot): (_, Vec<Boot>) = {
            let world = lock(&self.shared.world);
            let host = &world.hosts[host.index()];
            (host.state.clone(), host.boot.clone())
        };
        // What was asked of it while it was down is gone, too.
        state.kill();
        state.revive();
        self.shared.ready.set_mode(host, Mode::Up);
        for program in boot {
            program();
        }
    }

    /// A host stands still, as one that swaps or is suspended: none of its tasks has a
    /// turn, and what arrives waits, until it is [resumed](Self::resume).
    pub fn pause(&self, host: impl HostRef) {
        let host: HostId = host.host_in(self);
        if self.shared.ready.mode(host) == Mode::Up {
            self.with_network(|network, now| network.pause(now, host));
            self.shared.ready.set_mode(host, Mode::Paused);
        }
    }

    /// A host that was paused goes on. Its timers that came due meanwhile are late.
    pub fn resume(&self, host: impl HostRef) {
        let host: HostId = host.host_in(self);
        if self.shared.ready.mode(host) == Mode::Paused {
            self.with_network(|network, now| network.resume(now, host));
            self.shared.ready.set_mode(host, Mode::Up);
        }
    }

    /// Whether a host is up: neither crashed nor paused.
    pub fn is_up(&self, host: impl HostRef) -> bool {
        let host = host.host_in(self);
        self.shared.ready.mode(host) == Mode::Up
    }
}
