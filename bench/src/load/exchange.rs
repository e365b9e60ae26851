//! Sending something and waiting for the same back, over all connections of a group.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Load;
use super::group::Group;
use crate::suites::{LINES_PER_BATCH, Payload};

/// Where one connection stands.
#[derive(Clone, Copy)]
struct Place {
    /// Bytes of the current message that are still to be sent.
    unsent: usize,
    /// Bytes that are still to come back.
    expected: usize,
    began: Instant,
}

struct Exchange<'a> {
    connections: &'a mut [TcpStream],
    places: Vec<Place>,
    message: Vec<u8>,
    /// The next message leaves without waiting for the last one's echo.
    streaming: bool,
    /// Messages that are still to begin.
    left: u64,
    begun: u64,
    /// Connections that wait for something.
    busy: usize,
    latencies: Vec<Duration>,
    deadline: Instant,
    buffer: Vec<u8>,
}

pub(super) fn run(
    group: &mut Group,
    payload: Payload,
    operations: u64,
    limit: Duration,
) -> io::Result<Load> {
    let (message, each) = match payload {
        Payload::Ping(size) => ((0_u8..=255).cycle().take(size).collect(), 1),
        Payload::Stream => (vec![b'x'; 64 * 1024], 1),
        Payload::Lines => (lines(), LINES_PER_BATCH),
    };
    // What was ready before belongs to an earlier command.
    let began = Instant::now();
    let idle = Place {
        unsent: 0,
        expected: 0,
        began,
    };
    let mut exchange = Exchange {
        places: vec![idle; group.connections.len()],
        connections: &mut group.connections,
        message,
        streaming: payload == Payload::Stream,
        left: operations.div_ceil(each),
        begun: 0,
        busy: 0,
        latencies: Vec::new(),
        deadline: began + limit,
        buffer: vec![0; 64 * 1024],
    };
    for number in 0..exchange.places.len() {
        if exchange.begin(number) {
            exchange.busy += 1;
            exchange.send(number)?;
        }
    }
    let mut ready = Vec::new();
    while exchange.busy > 0 {
        group.watch.wait(&mut ready)?;
        for &number in &ready {
            if exchange.places[number].expected > 0 {
                exchange.advance(number)?;
            }
        }
    }
    let took = began.elapsed();
    Ok(Load::new(
        exchange.begun * each,
        took,
        &mut exchange.latencies,
    ))
}

impl Exchange<'_> {
    /// Begins one more message, if one is left.
    fn begin(&mut self, number: usize) -> bool {
        if self.left == 0 {
            return false;
        }
        let now = Instant::now();
        if now >= self.deadline {
            self.left = 0;
            return false;
        }
        self.left -= 1;
        self.begun += 1;
        let place = &mut self.places[number];
        place.unsent = self.message.len();
        place.expected += self.message.len();
        place.began = now;
        true
    }

    /// Goes on with a connection that something happened to.
    fn advance(&mut self, number: usize) -> io::Result<()> {
        if self.streaming {
            self.stream(number)
        } else {
            self.take_turns(number)
        }
    }

    /// Sends a message, and the next when its echo is complete. Nothing is read right
    /// after sending: the echo is an event of its own.
    fn take_turns(&mut self, number: usize) -> io::Result<()> {
        self.send(number)?;
        self.receive(number)?;
        let place = self.places[number];
        if place.expected == 0 {
            self.latencies.push(place.began.elapsed());
            if self.begin(number) {
                self.send(number)?;
            } else {
                self.busy -= 1;
            }
        }
        Ok(())
    }

    /// Sends and receives until the connection would block or has nothing to do.
    fn stream(&mut self, number: usize) -> io::Result<()> {
        loop {
            let sent = self.send(number)?;
            let received = self.receive(number)?;
            if self.places[number].expected == 0 {
                if !self.begin(number) {
                    self.busy -= 1;
                    return Ok(());
                }
            } else if !sent && !received {
                return Ok(());
            }
        }
    }

    /// Whether there is room for more.
    fn send(&mut self, number: usize) -> io::Result<bool> {
        if self.places[number].unsent == 0 && (!self.streaming || !self.begin(number)) {
            return Ok(false);
        }
        let place = &mut self.places[number];
        let from = self.message.len() - place.unsent;
        match self.connections[number].write(&self.message[from..]) {
            Ok(sent) => {
                place.unsent -= sent;
                Ok(place.unsent == 0 && self.streaming)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether there may be more to read.
    fn receive(&mut self, number: usize) -> io::Result<bool> {
        let place = &mut self.places[number];
        let room = place.expected.min(self.buffer.len());
        match self.connections[number].read(&mut self.buffer[..room]) {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the subject closed a connection that still waited for its echo",
            )),
            Ok(read) => {
                if !self.streaming {
                    let at = self.message.len() - place.expected;
                    if self.message[at..at + read] != self.buffer[..read] {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "the subject sent back something else",
                        ));
                    }
                }
                place.expected -= read;
                Ok(read == room)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A batch, the same in every run.
fn lines() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(4);
    let mut batch = Vec::new();
    for _ in 0..LINES_PER_BATCH {
        batch.extend((1..random.usize(16..=32)).map(|_| random.alphanumeric() as u8));
        batch.push(b'\n');
    }
    batch
}
