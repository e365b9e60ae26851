//! What an event is, in words: for the text and for the diagram.

use std::fmt;

use super::{ConnectionId, Event, Segment, Stalled, Trace};
use crate::HostId;

/// One event, taken apart.
pub(super) struct Described {
    /// Where it happened, if at one host.
    pub(super) host: Option<HostId>,
    /// Of which connection, if of one.
    pub(super) connection: Option<ConnectionId>,
    pub(super) words: String,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syn => f.write_str("SYN"),
            Self::SynAck => f.write_str("SYN+ACK"),
            Self::Data { offset, len } => {
                write!(f, "DATA {offset}..{}", offset + *len as u64)
            }
            Self::Ack { offset, window } => write!(f, "ACK {offset} (room for {window})"),
            Self::Fin => f.write_str("FIN"),
            Self::Rst => f.write_str("RST"),
        }
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => write!(f, "task {}", task.0),
            Self::Main => f.write_str("what is run"),
            Self::Host => f.write_str("the host"),
        }
    }
}

pub(super) fn describe(trace: &Trace, event: &Event) -> Described {
    let name = |host: &HostId| trace.host_name(*host);
    let at = |host: &HostId, words: String| Described {
        host: Some(*host),
        connection: None,
        words,
    };
    let of = |connection: &ConnectionId, host: &HostId, words: String| Described {
        host: Some(*host),
        connection: Some(*connection),
        words,
    };
    match event {
        Event::TaskSpawned { host, task } => at(host, format!("task {} spawned", task.0)),
        Event::TaskPolled { host, task } => at(host, format!("task {} polled", task.0)),
        Event::TaskEnded { host, task } => at(host, format!("task {} ended", task.0)),
        Event::Stalled { host, what, until } => at(
            host,
            format!("{what} stalls until {}", super::clock::exact(*until)),
        ),
        Event::TimerFired { host } => at(host, "timer fired".to_owned()),
        Event::Thread { host, done: false } => at(host, "work handed to a thread".to_owned()),
        Event::Thread { host, done: true } => at(host, "work on a thread is done".to_owned()),
        Event::Listening { host, address } => at(host, format!("listening on {address}")),
        Event::ListenerClosed { host, address } => {
            at(host, format!("no longer listening on {address}"))
        }
        Event::Connecting {
            connection,
            host,
            from,
            to,
        } => of(connection, host, format!("connects: {from} to {to}")),
        Event::Established { connection, host } => of(connection, host, "established".to_owned()),
        Event::Written {
            connection,
            host,
            bytes,
        } => of(connection, host, written(bytes)),
        Event::ConnectFailed {
            connection,
            host,
            reason,
        } => of(connection, host, format!("connect failed: {reason}")),
        Event::Sent {
            connection,
            from,
            to,
            segment,
            arrives,
        } => {
            let arrival = match arrives {
                Some(at) => format!("arrives at {}", super::clock::exact(*at)),
                None => "held or lost".to_owned(),
            };
            let words = format!("{segment} to {}, {arrival}", name(to));
            of(connection, from, words)
        }
        Event::Arrived {
            connection,
            from,
            to,
            segment,
        } => of(connection, to, format!("{segment} from {}", name(from))),
        Event::Lost {
            connection,
            from,
            to,
            segment,
        } => of(
            connection,
            from,
            format!("{segment} to {} is LOST", name(to)),
        ),
        Event::Closed {
            connection,
            host,
            reset,
        } => {
            let words = if *reset {
                "closed by a reset"
            } else {
                "closed"
            };
            of(connection, host, words.to_owned())
        }
        Event::Datagram(event) => event.describe(trace),
        Event::Fault { host, text, .. } => Described {
            host: *host,
            connection: None,
            words: format!("*** {text}"),
        },
        Event::Note { host, text } => at(host, format!("\u{201c}{text}\u{201d}")),
    }
}

/// What was written, as far as it fits on a line.
pub(super) fn written(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii();
    let rest = if bytes.len() > SHOWN { "\u{2026}" } else { "" };
    format!("wrote {} bytes: {shown}{rest}", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn the_beginning_of_what_was_written_is_shown() {
        assert_eq!(written(b"GET /\r\n"), "wrote 7 bytes: GET /\\r\\n");
        let long = written(&[b'x'; 65]);
        assert_eq!(long, format!("wrote 65 bytes: {}\u{2026}", "x".repeat(64)));
    }
}
