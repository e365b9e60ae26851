//! The suites, the loops and the subjects: their names and what each is about.

use crate::options::{LOOPS, SUITES};
use crate::subject::plain::Plain;
use crate::subject::simulation::Scenario;

/// A kind of work that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    Ping1,
    Ping64,
    Ping1000,
    Stream,
    Churn,
    Lines,
    Idle,
    AnyLoop,
    Spawn,
    CallLater,
    MovedCalls,
    ZeroDelay,
    Deferred,
    Chain10,
    Waiters,
    Call,
    BrokerWakes,
    Closing,
    UdpEcho,
    UnixPing,
    Process,
    TlsStream,
    TlsPing,
    TlsHandshakes,
    TlsIdle,
    SimEvents,
    SimHosts,
    SimRetries,
    SimRoundTrips,
    SimConnections,
    SimSleepers,
    SimSeeds,
}

/// How a suite is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The load generator sends and waits for the same back.
    Exchange(usize, Payload),
    /// It connects, exchanges 64 bytes and closes, from so many workers.
    Churn(usize),
    /// It holds so many connections, idle but for a little traffic.
    Idle(usize),
    /// The subject works by itself.
    Inside,
    /// The subject runs a simulation.
    Simulation(Scenario),
    /// And one that other simulators can do as well.
    PlainSimulation(Plain),
}

/// What one operation of an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Payload {
    /// So many bytes, and their echo before the next.
    Ping(usize),
    /// 64 KiB, as fast as the sockets take them.
    Stream,
    /// A line of 16 to 32 bytes, in batches of 512.
    Lines,
}

/// Lines that are sent in one go.
pub(crate) const LINES_PER_BATCH: u64 = 512;

impl Suite {
    pub(crate) const ALL: [Self; 32] = [
        Self::Ping1,
        Self::Ping64,
        Self::Ping1000,
        Self::Stream,
        Self::Churn,
        Self::Lines,
        Self::Idle,
        Self::AnyLoop,
        Self::Spawn,
        Self::CallLater,
        Self::MovedCalls,
        Self::ZeroDelay,
        Self::Deferred,
        Self::Chain10,
        Self::Waiters,
        Self::Call,
        Self::BrokerWakes,
        Self::Closing,
        Self::UdpEcho,
        Self::UnixPing,
        Self::Process,
        Self::TlsStream,
        Self::TlsPing,
        Self::TlsHandshakes,
        Self::TlsIdle,
        Self::SimEvents,
        Self::SimHosts,
        Self::SimRetries,
        Self::SimRoundTrips,
        Self::SimConnections,
        Self::SimSleepers,
        Self::SimSeeds,
    ];

    pub(crate) fn name(self) -> &'static str {
        SUITES[self as usize]
    }

    pub(crate) fn work(self) -> Work {
        match self {
            Self::Ping1 => Work::Exchange(1, Payload::Ping(64)),
            Self::Ping64 | Self::AnyLoop => Work::Exchange(64, Payload::Ping(64)),
            Self::Ping1000 => Work::Exchange(1000, Payload::Ping(64)),
            Self::Stream => Work::Exchange(8, Payload::Stream),
            Self::Lines => Work::Exchange(16, Payload::Lines),
            Self::Churn => Work::Churn(32),
            Self::Idle => Work::Idle(10_000),
            Self::Spawn
            | Self::CallLater
            | Self::MovedCalls
            | Self::ZeroDelay
            | Self::Deferred
            | Self::Chain10
            | Self::Waiters
            | Self::Call
            | Self::BrokerWakes
            | Self::Closing
            | Self::UdpEcho
            | Self::UnixPing
            | Self::Process
            | Self::TlsStream
            | Self::TlsPing
            | Self::TlsHandshakes
            | Self::TlsIdle => Work::Inside,
            Self::SimEvents => Work::Simulation(Scenario::Echo {
                hosts: 10,
                connections: 4,
                exchanges: 200,
            }),
            Self::SimHosts => Work::Simulation(Scenario::Echo {
                hosts: 1_000,
                connections: 10,
                exchanges: 3,
            }),
            Self::SimRetries => Work::Simulation(Scenario::Retries),
            Self::SimRoundTrips => Work::PlainSimulation(Plain::RoundTrips),
            Self::SimConnections => Work::PlainSimulation(Plain::Connections),
            Self::SimSleepers => Work::PlainSimulation(Plain::Sleepers),
            Self::SimSeeds => Work::PlainSimulation(Plain::Seeds),
        }
    }

    /// One sentence for whoever reads the results.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Ping1 => "64 bytes and their echo, 1 connection",
            Self::Ping64 => "64 bytes and their echo, 64 connections",
            Self::Ping1000 => "64 bytes and their echo, 1,000 connections",
            Self::Stream => "64 KiB writes echoed as fast as they go, 8 connections",
            Self::Churn => "connect, 64 bytes and their echo, close; 32 at a time",
            Self::Lines => {
                "lines of 16 to 32 bytes, one write per line; the hand-written program \
                 collects them into a single write"
            }
            Self::Idle => "10,000 idle connections",
            Self::AnyLoop => "ping64 on `AnyLoop`, against the concrete loop",
            Self::Spawn => "spawn a task and wait for it",
            Self::CallLater => {
                "`call_later` and cancel, 100,000 at a time, against a task that sleeps \
                 and is aborted"
            }
            Self::MovedCalls => {
                "one of 1,000 pending calls moved, to later and to earlier by turns, against a \
                 sleep that is reset"
            }
            Self::ZeroDelay => "a call in zero seconds, against a yield of the runtime",
            Self::Deferred => "a Deferred created, resolved and awaited, against a futures oneshot",
            Self::Chain10 => "the same with ten links, against the source without links",
            Self::Waiters => {
                "one more that waits, for a connection's end, for room in a queue, for an \
                 item, for an event, beside 20,000 who do, against the same beside 100"
            }
            Self::Call => "connection.call, against a channel of closures and a oneshot",
            Self::BrokerWakes => {
                "1,000 connections that are woken from outside, each once in a round, against \
                 tasks that wait for a flag and their socket"
            }
            Self::Closing => {
                "connections opened, and then closed at once, up to 10,000 at a time, each \
                 until the other side has ended, too"
            }
            Self::UdpEcho => {
                "a datagram of 64 bytes and its echo, between a connected socket and a protocol, \
                 against two of the runtime's sockets"
            }
            Self::UnixPing => {
                "64 bytes and their echo over one UNIX socket, between a stream that was dialled \
                 and a protocol, against two streams of the runtime's"
            }
            Self::Process => {
                "a child process started and waited for, against tokio's own, and on smol and \
                 async-std against async-process"
            }
            Self::TlsStream => {
                "64 KiB and their echo over one TLS connection, as fast as they go, both ends in \
                 the program, against tokio-rustls, and on smol and async-std futures-rustls"
            }
            Self::TlsPing => "64 bytes and their echo over one TLS connection, against the same",
            Self::TlsHandshakes => {
                "connect, a whole TLS handshake, 64 bytes and their echo, close; against the same"
            }
            Self::TlsIdle => {
                "idle TLS connections, both ends in the program, that have said something once; \
                 against the same"
            }
            Self::SimEvents => {
                "10 simulated hosts with 40 connections that echo 64 bytes; an event is a \
                 turn of a task, a timer that is due or a segment that arrives, and the rate \
                 is by CPU time"
            }
            Self::SimHosts => "the same with 1,000 hosts and 10,000 connections at once",
            Self::SimRetries => {
                "a simulated hour of a `ClientService` that retries through a partition"
            }
            Self::SimRoundTrips => "50,000 simulated round trips of 64 bytes over one connection",
            Self::SimConnections => {
                "100 simulated hosts, each with 10 connections of 100 round trips"
            }
            Self::SimSleepers => "10,000 simulated tasks that sleep 20 times each",
            Self::SimSeeds => "1,000 simulations of five round trips, a seed each",
        }
    }

    /// Whether it is measured on that loop: real or simulated.
    pub(crate) fn runs_on(self, on: LoopKind) -> bool {
        let simulated = matches!(self.work(), Work::Simulation(_) | Work::PlainSimulation(_));
        match self {
            // There is a hand-written one for tokio.
            Self::BrokerWakes | Self::Closing => !on.is_on_async_io() && on != LoopKind::Sim,
            _ => simulated == (on == LoopKind::Sim),
        }
    }

    /// What the figures of this suite are held against, and what is held against it,
    /// on that loop.
    pub(crate) fn subjects(self, on: LoopKind) -> (Subject, Vec<Subject>) {
        use Subject::{
            AnyLoop, Control, Polyloop, PolyloopSleep, Raw, RuntimeSockets, Source, Unrecorded,
        };
        match self {
            Self::AnyLoop => (Polyloop, vec![Control, AnyLoop]),
            Self::Chain10 | Self::Waiters => (Source, vec![Control, Polyloop]),
            _ if on == LoopKind::Sim => (Polyloop, vec![Unrecorded]),
            Self::ZeroDelay => (Raw, vec![Control, Polyloop, PolyloopSleep]),
            _ if self.work() != Work::Inside && on.is_on_async_io() => {
                (Raw, vec![Control, Polyloop, RuntimeSockets])
            }
            _ => (Raw, vec![Control, Polyloop]),
        }
    }
}

/// A runtime, and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    Tokio,
    TokioCurrentThread,
    Smol,
    AsyncStd,
    /// No runtime: everything is simulated.
    Sim,
}

impl LoopKind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Tokio,
        Self::TokioCurrentThread,
        Self::Smol,
        Self::AsyncStd,
        Self::Sim,
    ];

    pub(crate) fn name(self) -> &'static str {
        LOOPS[self as usize]
    }

    /// Its reactor is async-io's, which can also be used without the runtime's own
    /// sockets in between.
    pub(crate) fn is_on_async_io(self) -> bool {
        matches!(self, Self::Smol | Self::AsyncStd)
    }
}

/// A program that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Written by hand on the runtime, in the best way there is: on smol and async-std
    /// that is with the sockets of async-io below them, which cost as much time, and
    /// less memory and allocations, than the runtime's own.
    Raw,
    /// The reference once more, which shows how far two runs of the same thing differ.
    Control,
    /// Written by hand with the sockets that smol and async-std bring.
    RuntimeSockets,
    Polyloop,
    /// polyloop with a loop that is chosen when the program starts.
    AnyLoop,
    /// `sleep(0)` instead of `call_later(0)`.
    PolyloopSleep,
    /// The same with less of what the suite is about: a chain without its links, a crowd
    /// of a few.
    Source,
    /// A simulation without a trace.
    Unrecorded,
    TorRtcompat,
    AgnosticNet,
    AsyncRs,
    Madsim,
    /// Its time moves in ticks of a millisecond.
    Turmoil,
    /// In ticks of ten.
    TurmoilInLongTicks,
    Asyncio,
    Uvloop,
    Twisted,
}

impl Subject {
    pub(crate) const ALL: [Self; 17] = [
        Self::Raw,
        Self::Control,
        Self::RuntimeSockets,
        Self::Polyloop,
        Self::AnyLoop,
        Self::PolyloopSleep,
        Self::Source,
        Self::Unrecorded,
        Self::TorRtcompat,
        Self::AgnosticNet,
        Self::AsyncRs,
        Self::Madsim,
        Self::Turmoil,
        Self::TurmoilInLongTicks,
        Self::Asyncio,
        Self::Uvloop,
        Self::Twisted,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Control => "control",
            Self::RuntimeSockets => "runtime sockets",
            Self::Polyloop => "polyloop",
            Self::AnyLoop => "polyloop AnyLoop",
            Self::PolyloopSleep => "polyloop sleep",
            Self::Source => "source",
            Self::Unrecorded => "polyloop unrecorded",
            Self::TorRtcompat => "tor-rtcompat",
            Self::AgnosticNet => "agnostic-net",
            Self::AsyncRs => "async-rs",
            Self::Madsim => "madsim",
            Self::Turmoil => "turmoil 1 ms",
            Self::TurmoilInLongTicks => "turmoil 10 ms",
            Self::Asyncio => "asyncio",
            Self::Uvloop => "uvloop",
            Self::Twisted => "twisted",
        }
    }
}

impl Subject {
    /// What it measures up to is agreed: it is polyloop.
    pub(crate) fn has_bars(self) -> bool {
        matches!(self, Self::Polyloop | Self::AnyLoop | Self::PolyloopSleep)
    }

    /// It is one of this package's own programs, into which more can be seen than into
    /// those of others.
    pub(crate) fn is_own(self) -> bool {
        matches!(
            self,
            Self::Raw
                | Self::Control
                | Self::RuntimeSockets
                | Self::Polyloop
                | Self::AnyLoop
                | Self::PolyloopSleep
                | Self::Source
        )
    }
}

/// Finds one of `all` by its name; the error lists them.
pub(crate) fn named<T: Copy>(
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    given: &str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|one| name(*one) == given);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        format!("{given:?} is no {what}; there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::{LoopKind, Subject, Suite, named};

    #[test]
    fn each_name_leads_back_to_what_it_names() {
        for suite in Suite::ALL {
            assert_eq!(
                named("suite", &Suite::ALL, Suite::name, suite.name()),
                Ok(suite)
            );
        }
        for kind in LoopKind::ALL {
            assert_eq!(
                named("loop", &LoopKind::ALL, LoopKind::name, kind.name()),
                Ok(kind)
            );
        }
        for subject in Subject::ALL {
            let found = named("subject", &Subject::ALL, Subject::name, subject.name());
            assert_eq!(found, Ok(subject));
        }
    }

    #[test]
    fn an_unknown_name_gets_the_list() {
        let problem = named("loop", &LoopKind::ALL, LoopKind::name, "glommio").unwrap_err();
        assert!(
            problem.contains("glommio") && problem.contains("tokio-ct"),
            "{problem}"
        );
    }
}
