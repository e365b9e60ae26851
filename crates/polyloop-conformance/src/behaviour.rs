//! [`Behaviour`]: one numbered line of what a loop must do, and what stands behind
//! it.

use std::fmt;

use crate::fault::Verdict;

/// Every ID of the sections that this suite covers, with its sentence, in order:
/// the list that the registry is measured against.
const CATALOGUE: &str = include_str!("catalogue.txt");

/// The IDs with their sentences, in the order of the catalogue.
///
/// ```
/// let (id, text) = polyloop_conformance::behaviour::catalogue().next().unwrap();
/// assert_eq!(id, "LOOP-01");
/// assert!(text.ends_with('.'));
/// ```
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    CATALOGUE.lines().filter_map(|line| line.split_once(' '))
}

/// The sentence of an ID.
pub fn text_of(id: &str) -> Option<&'static str> {
    catalogue()
        .find(|(known, _)| *known == id)
        .map(|(_, text)| text)
}

/// `loop_14`, as a test is named, becomes `LOOP-14`, as people say it.
pub fn id_of(name: &str) -> String {
    name.to_uppercase().replace('_', "-")
}

/// One line of what a loop must do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Behaviour<L> {
    /// `LOOP-14`.
    pub id: String,
    /// Its sentence.
    pub text: &'static str,
    /// What stands behind it.
    pub standing: Standing<L>,
}

/// What stands behind a behaviour.
#[non_exhaustive]
pub enum Standing<L> {
    /// A check, and the ability that it needs beyond running.
    Check(Capability, Check<L>),
    /// Why there is nothing to check: the types rule the fault out, or polyloop
    /// argues against the line.
    Reason(&'static str),
    /// Its check needs an ability beside [`Loop`](polyloop_core::Loop), and a trait that
    /// nobody has said of the loop: see [`abilities`](crate::abilities).
    Beside(Capability),
    /// Neither yet. Counted and printed, so that nothing is silently missing.
    NotYet,
}

/// A check: it makes as many loops as it likes and judges them.
pub type Check<L> = fn(&dyn Fn() -> L) -> Verdict;

impl<L> fmt::Debug for Standing<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(needs, _) => f.debug_tuple("Check").field(needs).finish(),
            Self::Beside(needs) => f.debug_tuple("Beside").field(needs).finish(),
            Self::Reason(why) => f.debug_tuple("Reason").field(why).finish(),
            Self::NotYet => f.write_str("NotYet"),
        }
    }
}

/// What a check may need of a loop, so that a loop can say that it lacks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Tasks, timers, calls and `run`: every loop has these.
    Core,
    /// Work on threads beside the loop, and calls from threads of the program.
    Threads,
    /// TCP on the loopback addresses of IPv4, between sockets of this loop.
    Tcp,
    /// The same on IPv6.
    Ipv6,
    /// Sockets of the operating system, that code without a loop can talk to.
    SystemSockets,
    /// UNIX sockets between sockets of this loop.
    Unix,
    /// Host names.
    Resolve,
    /// Readiness of anything with a descriptor: a trait of its own, which a loop may be
    /// without.
    Watch,
    /// Signals: the loop is told of them, and can raise them.
    Signals,
    /// Child processes of the system.
    Processes,
    /// Datagrams on the loopback addresses of IPv4: likewise.
    Udp,
    /// TLS, which no loop has to do anything for: it lies over TCP. The suite has it where it
    /// is built with its feature `tls`.
    Tls,
}

impl Capability {
    /// Whether the suite has checks of it.
    pub(crate) fn is_built_in(self) -> bool {
        self != Self::Tls || cfg!(feature = "tls")
    }

    /// Why a check that needs it says nothing about a loop without it.
    pub(crate) fn missing(self) -> &'static str {
        match self {
            Self::Core => "the loop has no tasks, timers or calls",
            Self::Threads => "the loop has no threads beside it",
            Self::Tcp => "the loop has no TCP on IPv4",
            Self::Ipv6 => "the loop has no TCP on IPv6",
            Self::SystemSockets => {
                "the loop's sockets are its own: code without a loop can't talk to them"
            }
            Self::Unix => "the loop has no UNIX sockets",
            Self::Resolve => "the loop knows no host names",
            Self::Tls => "the suite is built without its feature `tls`",
            Self::Udp => "the loop has no datagrams",
            Self::Watch => "the loop watches no descriptors",
            Self::Signals => "the loop catches no signals",
            Self::Processes => "the loop starts no processes",
        }
    }
}
