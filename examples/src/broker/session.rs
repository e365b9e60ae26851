//! One client's connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use polyloop_core::sync::channel;
use polyloop_core::{Bytes, CloseReason, Connection, Failure, Flow, TimerKey, Transport};
use polyloop_framing::{FrameProtocol, Lines};

use super::BrokerOptions;
use super::command::Command;
use super::topics::{Outside, Topics};

/// A client has so long to say who it is.
const CONNECT: TimerKey = TimerKey::new("connect");
/// It has been silent for longer than it said it would be.
const KEEP_ALIVE: TimerKey = TimerKey::new("keep alive");

/// How long a client that is shown out may take for what was written to it.
const FAREWELL: Duration = Duration::from_secs(5);

/// The broker's side of one client's connection.
#[derive(Debug)]
pub struct BrokerSession {
    topics: Arc<Topics>,
    options: BrokerOptions,
    lines: Lines,
    /// Once it has said who it is.
    member: Option<Member>,
}

#[derive(Debug)]
struct Member {
    name: Box<str>,
    number: u64,
    silence: Option<Duration>,
    subscriptions: BTreeSet<Box<str>>,
    inbox: channel::Receiver<Bytes>,
    outside: Arc<Outside>,
}

impl BrokerSession {
    pub(super) fn new(topics: Arc<Topics>, options: BrokerOptions) -> Self {
        Self {
            topics,
            options,
            lines: Lines::lf_or_crlf().limit(options.line_limit),
            member: None,
        }
    }

    fn obey(&mut self, transport: &mut dyn Transport, line: &[u8]) -> Result<(), Failure> {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(error) => return show_out(transport, Failure::new(error)),
        };
        let Some(member) = &mut self.member else {
            return match command {
                Command::Connect { name, keep_alive } => self.enter(transport, name, keep_alive),
                _ => show_out(transport, "the first line has to be CONNECT".into()),
            };
        };
        match command {
            Command::Connect { .. } => {
                return show_out(transport, "CONNECT was said before".into());
            }
            Command::Subscribe(topic) => {
                if member.subscriptions.insert(topic.into()) {
                    self.topics.subscribe(topic, &member.outside);
                }
                transport.write(b"OK\n")?;
            }
            Command::Unsubscribe(topic) => {
                if member.subscriptions.remove(topic) {
                    self.topics.unsubscribe(topic, &member.outside);
                }
                transport.write(b"OK\n")?;
            }
            Command::Publish(topic, text) => {
                // One payload for all.
                let line = Bytes::from(format!("MSG {topic} {text}\n"));
                self.topics.publish(topic, &line);
            }
            Command::Ping => {
                transport.write(b"PONG\n")?;
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        transport: &mut dyn Transport,
        name: &str,
        keep_alive: Option<Duration>,
    ) -> Result<(), Failure> {
        transport.cancel_timer(CONNECT);
        let (sender, inbox) = channel::bounded(self.options.inbox.max(1));
        let (number, old) = self.topics.enter(name, Connection::of(transport));
        if let Some(old) = old {
            old.post(|session, transport| session.be_taken_over(transport));
        }
        self.member = Some(Member {
            name: name.into(),
            number,
            silence: keep_alive.map(|interval| interval * 3 / 2),
            subscriptions: BTreeSet::new(),
            inbox,
            outside: Outside::new(sender, transport.handle()),
        });
        self.hears(transport);
        transport.write(b"OK\n")?;
        Ok(())
    }

    fn be_taken_over(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.leave();
        show_out(transport, "another connection has this name now".into())
    }

    /// The client has said something.
    fn hears(&self, transport: &mut dyn Transport) {
        if let Some(silence) = self.member.as_ref().and_then(|member| member.silence) {
            transport.set_timer(KEEP_ALIVE, silence);
        }
    }

    /// Sends what has come, for as long as the connection takes it.
    fn send(&self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let Some(member) = &self.member else {
            return Ok(());
        };
        if transport.is_closing() {
            return Ok(());
        }
        while transport.flow() == Flow::Continue {
            let Ok(message) = member.inbox.try_recv() else {
                let lost = member.outside.take_lost();
                if lost > 0 {
                    transport.write(format!("LOST {lost}\n").as_bytes())?;
                }
                return Ok(());
            };
            transport.write(&message)?;
        }
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            for topic in &member.subscriptions {
                self.topics.unsubscribe(topic, &member.outside);
            }
            self.topics.leave(&member.name, member.number);
        }
    }
}

/// Tells the client why, and ends the connection with that.
fn show_out(transport: &mut dyn Transport, why: Failure) -> Result<(), Failure> {
    if !transport.is_closing() {
        transport.write(format!("ERR {}\n", why.text()).as_bytes())?;
        transport.fail(why);
        transport.close_within(FAREWELL);
    }
    Ok(())
}

impl FrameProtocol for BrokerSession {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.set_timer(CONNECT, self.options.connect_within);
        Ok(())
    }

    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        self.hears(transport);
        self.obey(transport, line)
    }

    fn frame_refused(
        &mut self,
        transport: &mut dyn Transport,
        failure: Failure,
        _: &[u8],
    ) -> Result<(), Failure> {
        show_out(transport, failure)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.send(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.send(transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        match key {
            CONNECT => show_out(transport, "nobody said CONNECT".into()),
            KEEP_ALIVE => show_out(transport, "nothing was heard for too long".into()),
            _ => Ok(()),
        }
    }

    fn connection_lost(&mut self, _reason: CloseReason) {
        self.leave();
    }
}
