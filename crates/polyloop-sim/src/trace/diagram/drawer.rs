//! From records to marks: what belongs together, and what is not over yet.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use super::super::words::describe;
use super::super::{
    ConnectionId, Datagram, DatagramEvent, DatagramId, Event, Phase, Record, Segment, Trace, clock,
};
use super::kind::Kind;
use super::picture::{Fate, Mark, Shape};
use crate::HostId;

/// What tells one of those on their way from another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Segment(ConnectionId, Segment),
    Datagram(DatagramId, Datagram),
}

/// The same, with where it is from and where it goes.
type Key = (What, HostId, HostId);

/// Draws record after record, and remembers what is not over yet.
pub(super) struct Drawer<'a> {
    trace: &'a Trace,
    marks: Vec<Mark>,
    /// What is on its way: its marks, the oldest first.
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
                let what = What::Segment(*connection, *segment);
                self.left(row, record, (what, *from, *to));
            }
            Event::Arrived {
                connection,
                from,
                to,
                segment,
            } => {
                let what = What::Segment(*connection, *segment);
                self.landed(row, record, (what, *from, *to), Fate::Arrived);
            }
            Event::Lost {
                connection,
                from,
                to,
                segment,
            } => {
                let what = What::Segment(*connection, *segment);
                self.landed(row, record, (what, *from, *to), Fate::Lost);
            }
            Event::Datagram(event) => self.draw_datagram(row, record, event),
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
            _ => self.state(row, record),
        }
    }

    fn draw_datagram(&mut self, row: usize, record: &Record, event: &DatagramEvent) {
        match event {
            DatagramEvent::Sent {
                datagram,
                from,
                to,
                what,
                ..
            } => {
                let what = What::Datagram(*datagram, *what);
                self.left(row, record, (what, *from, *to));
            }
            DatagramEvent::Arrived {
                datagram,
                from,
                to,
                what,
            } => {
                let what = What::Datagram(*datagram, *what);
                self.landed(row, record, (what, *from, *to), Fate::Arrived);
            }
            DatagramEvent::Lost {
                datagram,
                from,
                to: Some(to),
                what,
                ..
            } => {
                let what = What::Datagram(*datagram, *what);
                self.landed(row, record, (what, *from, *to), Fate::Lost);
            }
            DatagramEvent::Lost { datagram, from, .. } => {
                let label = format!("{datagram} is lost");
                let shape = Shape::Dot { host: *from };
                self.add(row, record, Kind::Datagrams, shape, label);
            }
            DatagramEvent::Dropped { datagram, host, .. } => {
                let label = format!("{datagram}: no room");
                let shape = Shape::Dot { host: *host };
                self.add(row, record, Kind::Datagrams, shape, label);
            }
            _ => self.state(row, record),
        }
    }

    /// A change of state.
    fn state(&mut self, row: usize, record: &Record) {
        let described = describe(self.trace, &record.event);
        if let Some(host) = described.host {
            let label = match described.connection {
                Some(connection) => format!("{connection} {}", described.words),
                None => described.words,
            };
            self.add(row, record, Kind::States, Shape::Dot { host }, label);
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
            let (Event::Sent {
                from,
                to,
                arrives: Some(arrives),
                ..
            }
            | Event::Datagram(DatagramEvent::Sent {
                from,
                to,
                arrives: Some(arrives),
                ..
            })) = records[mark.row].event
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

    /// Something is on its way.
    fn left(&mut self, row: usize, record: &Record, key: Key) {
        let (what, from, to) = key;
        let on_their_way = self.flying.entry(key).or_default();
        on_their_way.push_back(self.marks.len());
        let shape = Shape::Arrow {
            from,
            to,
            fate: Fate::InFlight,
        };
        self.add(row, record, what.kind(), shape, what.label());
    }

    /// Its way is over.
    fn landed(&mut self, row: usize, record: &Record, key: Key, fate: Fate) {
        let (what, from, to) = key;
        if let Some(index) = self.flying.get_mut(&key).and_then(VecDeque::pop_front) {
            let mark = &mut self.marks[index];
            let took = record.at.saturating_sub(self.trace.records[mark.row].at);
            let took = clock::span(took);
            mark.until = row;
            mark.shape = Shape::Arrow { from, to, fate };
            let _ = match fate {
                Fate::Lost => match &record.event {
                    Event::Datagram(DatagramEvent::Lost { why, .. }) => {
                        write!(mark.details, "\nlost after {took}: {why}")
                    }
                    _ => write!(mark.details, "\nlost after {took}"),
                },
                _ => write!(mark.details, "\non its way for {took}"),
            };
            return;
        }
        let fate = if fate == Fate::Arrived {
            Fate::SentBefore
        } else {
            fate
        };
        let shape = Shape::Arrow { from, to, fate };
        self.add(row, record, what.kind(), shape, what.label());
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

impl What {
    fn kind(&self) -> Kind {
        match self {
            Self::Segment(_, segment) => Kind::of(segment),
            Self::Datagram(..) => Kind::Datagrams,
        }
    }

    /// What stands on an arrow.
    fn label(&self) -> String {
        match self {
            Self::Segment(connection, segment) => format!("{connection} {}", short(segment)),
            Self::Datagram(id, Datagram::Data { length, .. }) => format!("{id} {length} B"),
            Self::Datagram(id, Datagram::Refusal { .. }) => format!("{id} refusal"),
        }
    }
}

fn short(segment: &Segment) -> String {
    match segment {
        Segment::Data { len, .. } => format!("{len} B"),
        Segment::Ack { offset, .. } => format!("ACK {offset}"),
        other => other.to_string(),
    }
}
