//! What is to be drawn: marks between rows, one row per record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::words::describe;
use super::super::{ConnectionId, Event, Trace};
use super::drawer::Drawer;
use super::kind::Kind;
use crate::HostId;

/// How a segment's way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrived,
    Lost,
    /// It got there, and there was nobody any more to take it.
    Ignored,
    /// Still on its way, or held, when the trace ends.
    InFlight,
    /// It was sent before the trace begins.
    SentBefore,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A segment, until it arrives.
    Arrow {
        from: HostId,
        to: HostId,
        fate: Fate,
    },
    /// A change of state.
    Dot { host: HostId },
    /// Something that was said.
    Flag { host: HostId },
    /// Turns of tasks, timers: a stroke on the lifeline.
    Tick { host: HostId },
    /// A fault that lasts, at a host or between two.
    Band { host: HostId, peer: Option<HostId> },
    /// A fault that is over at once; with no host, it is about all of them.
    Stroke {
        host: Option<HostId>,
        peer: Option<HostId>,
    },
}

/// One thing in the picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) kind: Kind,
    pub(super) connection: Option<ConnectionId>,
    pub(super) shape: Shape,
    /// The row it begins at.
    pub(super) row: usize,
    /// The row it ends at.
    pub(super) until: usize,
    pub(super) label: String,
    /// What is shown when one points at it.
    pub(super) details: String,
}

impl Mark {
    /// The hosts that it touches.
    fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        let (one, other) = match self.shape {
            Shape::Arrow { from, to, .. } => (Some(from), Some(to)),
            Shape::Dot { host } | Shape::Flag { host } | Shape::Tick { host } => (Some(host), None),
            Shape::Band { host, peer } => (Some(host), peer),
            Shape::Stroke { host, peer } => (host, peer),
        };
        one.into_iter().chain(other)
    }
}

pub(super) struct Picture {
    /// The hosts that something happens at, from left to right.
    pub(super) hosts: Vec<HostId>,
    /// When each row is.
    pub(super) rows: Vec<Duration>,
    pub(super) marks: Vec<Mark>,
    /// The connections, with what is known about their ends.
    pub(super) connections: BTreeMap<ConnectionId, String>,
}

impl Picture {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut drawer = Drawer::new(trace);
        let mut connections: BTreeMap<ConnectionId, String> = BTreeMap::new();
        for (row, record) in trace.records.iter().enumerate() {
            if let Some(id) = describe(trace, &record.event).connection {
                let words = connections.entry(id).or_default();
                if words.is_empty() {
                    *words = between(trace, &record.event).unwrap_or_default();
                }
            }
            drawer.draw(row, record);
        }
        let mut marks = drawer.into_marks();
        // A host that does nothing but wait for the others needs no lifeline, unless it is
        // all there is.
        let is_tick =
            |mark: &Mark| matches!(mark.shape, Shape::Tick { .. }) || mark.kind == Kind::Stalls;
        let others: BTreeSet<HostId> = marks
            .iter()
            .filter(|mark| !is_tick(mark))
            .flat_map(Mark::hosts)
            .collect();
        let hosts = if others.is_empty() {
            marks.iter().flat_map(Mark::hosts).collect()
        } else {
            marks.retain(|mark| mark.hosts().all(|host| others.contains(&host)));
            others
        };
        Self {
            hosts: hosts.into_iter().collect(),
            rows: trace.records.iter().map(|record| record.at).collect(),
            marks,
            connections,
        }
    }

    /// Which column the host has.
    pub(super) fn column(&self, host: HostId) -> usize {
        self.hosts.binary_search(&host).unwrap_or(0)
    }
}

/// From where to where a connection goes, if the event tells.
fn between(trace: &Trace, event: &Event) -> Option<String> {
    match event {
        Event::Connecting { host, to, .. } => {
            Some(format!("{} \u{2192} {to}", trace.host_name(*host)))
        }
        Event::Sent { from, to, .. } | Event::Arrived { from, to, .. } => Some(format!(
            "{} \u{2013} {}",
            trace.host_name(*from),
            trace.host_name(*to)
        )),
        _ => None,
    }
}
