//! A trace written by hand, for the tests of what shows one.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ConnectionId, Event, Phase, Record, Segment, TaskId, Trace};
use crate::HostId;

pub(super) const SERVER: HostId = HostId(0);
pub(super) const CLIENT: HostId = HostId(1);
const FIRST: ConnectionId = ConnectionId(1);

/// Puts a trace together.
struct Writer {
    trace: Trace,
    micros: u64,
}

impl Writer {
    fn add(&mut self, event: Event) {
        let at = Duration::from_micros(self.micros);
        self.trace.records.push(Record::new(at, event));
    }

    fn sent(&mut self, from: HostId, to: HostId, segment: Segment, latency: Option<u64>) {
        let arrives = latency.map(|latency| Duration::from_micros(self.micros + latency));
        self.add(Event::Sent {
            connection: FIRST,
            from,
            to,
            segment,
            arrives,
        });
    }

    fn arrived(&mut self, from: HostId, to: HostId, segment: Segment) {
        self.add(Event::Arrived {
            connection: FIRST,
            from,
            to,
            segment,
        });
    }

    fn fault(&mut self, host: HostId, peer: Option<HostId>, phase: Phase, text: &str) {
        let text = text.to_owned();
        self.add(Event::Fault {
            host: Some(host),
            peer,
            phase,
            text,
        });
    }
}

/// Two hosts: a handshake, data each way, a partition that loses a segment, an hour
/// of nothing, the data again, a pause and an end.
pub(super) fn exchange() -> Trace {
    let hosts = vec!["server".to_owned(), "client".to_owned()];
    let trace = Trace {
        seed: 7,
        hosts,
        ..Trace::default()
    };
    let mut run = Writer { trace, micros: 0 };
    let server: SocketAddr = "10.0.0.1:7000".parse().unwrap();
    let client: SocketAddr = "10.0.0.2:49152".parse().unwrap();
    let hello = Segment::Data {
        offset: 0,
        len: 512,
    };
    let answer = Segment::Data { offset: 0, len: 5 };
    let more = Segment::Data {
        offset: 512,
        len: 40,
    };

    run.add(Event::Listening {
        host: SERVER,
        address: server,
    });
    run.add(Event::Connecting {
        connection: FIRST,
        host: CLIENT,
        from: client,
        to: server,
    });
    run.sent(CLIENT, SERVER, Segment::Syn, Some(150));
    run.micros = 150;
    run.arrived(CLIENT, SERVER, Segment::Syn);
    run.sent(SERVER, CLIENT, Segment::SynAck, Some(150));
    run.micros = 300;
    run.arrived(SERVER, CLIENT, Segment::SynAck);
    run.add(Event::Established {
        connection: FIRST,
        host: CLIENT,
    });
    for _ in 0..3 {
        run.add(Event::TaskPolled {
            host: CLIENT,
            task: TaskId(4),
        });
    }
    run.sent(CLIENT, SERVER, hello, Some(150));
    run.micros = 450;
    run.arrived(CLIENT, SERVER, hello);
    run.sent(
        SERVER,
        CLIENT,
        Segment::Ack {
            offset: 512,
            window: 65_536,
        },
        Some(150),
    );
    run.sent(SERVER, CLIENT, answer, Some(200));
    run.micros = 600;
    run.arrived(
        SERVER,
        CLIENT,
        Segment::Ack {
            offset: 512,
            window: 65_536,
        },
    );
    run.micros = 650;
    run.arrived(SERVER, CLIENT, answer);
    run.fault(
        CLIENT,
        Some(SERVER),
        Phase::Begins,
        "partition between client and server",
    );
    run.sent(CLIENT, SERVER, more, None);
    run.add(Event::Lost {
        connection: FIRST,
        from: CLIENT,
        to: SERVER,
        segment: more,
    });
    run.micros = 3_600_000_650;
    run.fault(SERVER, Some(CLIENT), Phase::Ends, "healed");
    run.sent(CLIENT, SERVER, more, Some(150));
    run.micros += 150;
    run.arrived(CLIENT, SERVER, more);
    run.fault(SERVER, None, Phase::Begins, "server pauses");
    run.micros += 100;
    run.add(Event::Note {
        host: CLIENT,
        text: "that is all".to_owned(),
    });
    run.sent(CLIENT, SERVER, Segment::Fin, Some(150));
    run.add(Event::Closed {
        connection: FIRST,
        host: CLIENT,
        reset: false,
    });
    run.trace
}

/// The same, and a note at the end.
pub(super) fn with_note(text: &str) -> Trace {
    let mut trace = exchange();
    let at = trace
        .records
        .last()
        .map_or(Duration::ZERO, |record| record.at);
    let text = text.to_owned();
    trace
        .records
        .push(Record::new(at, Event::Note { host: SERVER, text }));
    trace
}
