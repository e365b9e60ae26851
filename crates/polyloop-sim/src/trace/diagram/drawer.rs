//! From records to marks: what belongs together, and what is not over yet.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use super::super::words::describe;
use super::super::{ConnectionId, Event, Phase, Record, Segment, Trace, clock};
use super::kind::Kind;
use super::picture::{Fate, Mark, Shape};
use crate::HostId;

/// What tells one segment on its way from another.
type Key = (ConnectionId, HostId, HostId, Segment);

/// Draws record after record, and remembers what is not over yet.
pub(super) struct Drawer<'a> {
    trace: &'a Trace,
    marks: Vec<Mark>,
    /// Segments on their way: their marks, the oldest first.
    flying: BTreeMap<Key, VecDeque<usize>>,
    /// Faults that last: their marks.
    lasting: Vec<usize>,
    /// What is late: its mark, and until when.
    late: Vec<(usize, Duration)>,
    /// The stroke that a host's next turn adds to.
    ticks: BTreeMap<(HostId, Kind), usize>,
}

impl<'a> Drawer<'a> {
    pub(super) fn new(trace: &'a Trace) -> Self {
        Self {
            trace,
            marks: Vec::new(),
            flying: BTreeMap::new(),
            lasting: Vec::new(),
            late: Vec::new(),
            ticks: BTreeMap::new(),
        }
    }

    pub(super) fn draw(&mut self, row: usize, record: &Record) {
        match &record.event {
            Event::TaskSpawned { host, .. }
            | Event::TaskPolled { host, .. }
            | Event::TaskEnded { host, .. } => {
                return self.tick(row, record, *host, Kind::Tasks);
            }
            Event::TimerFired { host } | Event::Thread { host, .. } => {
                return self.tick(row, record, *host, Kind::Timers);
            }
            _ => self.ticks.clear(),
        }
        match &record.event {
            Event::Sent {
                connection,
                from,
                to,
                segment,
                ..
            } => {
                let key = (*connection, *from, *to, *segment);
                self.flying
                    .entry(key)
                    .or_default()
                    .push_back(self.marks.len());
                let shape = Shape::Arrow {
                    from: *from,
                    to: *to,
                    fate: Fate::InFlight,
                };
                let label = format!("{connection} {}", short(segment));
                self.add(row, record, Kind::of(segment), shape, label);
            }
            Event::Arrived {
                connection,
                from,
                to,
                segment,
            } => {
                self.landed(
                    row,
                    record,
                    (*connection, *from, *to, *segment),
                    Fate::Arrived,
                );
            }
            Event::Lost {
                connection,
                from,
                to,
                segment,
            } => {
                self.landed(row, record, (*connection, *from, *to, *segment), Fate::Lost);
            }
            Event::Fault {
                host,
                peer,
                phase,
                text,
            } => {
                self.fault(row, record, *host, *peer, *phase, text);
            }
            Event::Stalled { host, what, until } => {
                self.late.push((self.marks.len(), *until));
                let (host, peer) = (*host, None);
                let shape = Shape::Band { host, peer };
                self.add(row, record, Kind::Stalls, shape, format!("{what} stalls"));
            }
            Event::Note { host, text } => {
                self.add(
                    row,
                    record,
                    Kind::Notes,
                    Shape::Flag { host: *host },
                    text.clone(),
                );
            }
            Event::Connecting {
                connection,
                host,
                to,
                ..
            } => {
                let label = format!("{connection} connects to {to}");
                self.add(row, record, Kind::States, Shape::Dot { host: *host }, label);
            }
            other => {
                let described = describe(self.trace, other);
                if let Some(host) = described.host {
                    let label = match described.connection {
                        Some(connection) => format!("{connection} {}", described.words),
                        None => described.words,
                    };
                    self.add(row, record, Kind::States, Shape::Dot { host }, label);
                }
            }
        }
    }

    /// The marks, those that still last drawn to the end.
    pub(super) fn into_marks(mut self) -> Vec<Mark> {
        let records = &self.trace.records;
        let end = records.len().saturating_sub(1);
        for index in self.lasting {
            self.marks[index].until = end;
        }
        for (index, until) in self.late {
            let back = records.partition_point(|record| record.at < until);
            let mark = &mut self.marks[index];
            mark.until = back.min(end).max(mark.row);
        }
        for index in self.flying.into_values().flatten() {
            let mark = &mut self.marks[index];
            mark.until = end;
            let Event::Sent {
                from,
                to,
                arrives: Some(arrives),
                ..
            } = records[mark.row].event
            else {
                continue;
            };
            let arrival = records.partition_point(|record| record.at < arrives);
            if arrival < end {
                mark.until = arrival.max(mark.row);
                let fate = Fate::Ignored;
                mark.shape = Shape::Arrow { from, to, fate };
                mark.details += "\nnobody was there any more to take it";
            }
        }
        self.marks
    }

    fn add(&mut self, row: usize, record: &Record, kind: Kind, shape: Shape, label: String) {
        let described = describe(self.trace, &record.event);
        let mut details = clock::exact(record.at);
        if let Some(host) = described.host {
            let _ = write!(details, "  {}", self.trace.host_name(host));
        }
        if let Some(connection) = described.connection {
            let _ = write!(details, "  {connection}");
        }
        let _ = write!(details, "\n{}", described.words);
        self.marks.push(Mark {
            kind,
            connection: described.connection,
            shape,
            row,
            until: row,
            label,
            details,
        });
    }

    /// One more turn on a host: consecutive ones are one stroke.
    fn tick(&mut self, row: usize, record: &Record, host: HostId, kind: Kind) {
        const LINES: usize = 12;
        let Some(index) = self.ticks.get(&(host, kind)).copied() else {
            self.ticks.insert((host, kind), self.marks.len());
            return self.add(row, record, kind, Shape::Tick { host }, String::new());
        };
        let words = describe(self.trace, &record.event).words;
        let mark = &mut self.marks[index];
        mark.until = row;
        match mark.details.lines().count() {
            0..LINES => {
                let _ = write!(mark.details, "\n{words}");
            }
            LINES => mark.details += "\n\u{2026}",
            _ => {}
        }
    }

    /// A segment's way is over.
    fn landed(&mut self, row: usize, record: &Record, key: Key, fate: Fate) {
        let (connection, from, to, segment) = key;
        if let Some(index) = self.flying.get_mut(&key).and_then(VecDeque::pop_front) {
            let mark = &mut self.marks[index];
            let took = record.at.saturating_sub(self.trace.records[mark.row].at);
            let took = clock::span(took);
            mark.until = row;
            mark.shape = Shape::Arrow { from, to, fate };
            let _ = match fate {
                Fate::Lost => write!(mark.details, "\nlost after {took}"),
                _ => write!(mark.details, "\non its way for {took}"),
            };
            return;
        }
        let fate = if fate == Fate::Arrived {
            Fate::SentBefore
        } else {
            fate
        };
        let label = format!("{connection} {}", short(&segment));
        self.add(
            row,
            record,
            Kind::of(&segment),
            Shape::Arrow { from, to, fate },
            label,
        );
    }

    fn fault(
        &mut self,
        row: usize,
        record: &Record,
        host: Option<HostId>,
        peer: Option<HostId>,
        phase: Phase,
        text: &str,
    ) {
        if phase == Phase::Ends {
            let (marks, trace) = (&mut self.marks, self.trace);
            self.lasting.retain(|index| {
                let mark = &mut marks[*index];
                let over = match mark.shape {
                    Shape::Band { host: a, peer: b } => {
                        let all_links = host.is_none() && peer.is_none() && b.is_some();
                        all_links || same_ends((Some(a), b), (host, peer))
                    }
                    _ => false,
                };
                if over {
                    mark.until = row;
                    let took = record.at.saturating_sub(trace.records[mark.row].at);
                    let _ = write!(mark.details, "\nfor {}, until: {text}", clock::span(took));
                }
                !over
            });
        }
        let shape = match (phase, host.or(peer)) {
            (Phase::Begins, Some(first)) => {
                self.lasting.push(self.marks.len());
                let peer = host.and(peer);
                Shape::Band { host: first, peer }
            }
            _ => Shape::Stroke { host, peer },
        };
        self.add(row, record, Kind::Faults, shape, text.to_owned());
    }
}

type Ends = (Option<HostId>, Option<HostId>);

fn same_ends(one: Ends, other: Ends) -> bool {
    one == other || one == (other.1, other.0)
}

/// What stands on an arrow.
fn short(segment: &Segment) -> String {
    match segment {
        Segment::Data { len, .. } => format!("{len} B"),
        Segment::Ack { offset, .. } => format!("ACK {offset}"),
        other => other.to_string(),
    }
}
