//! Lookup: questions and answers over datagrams, as DNS has them.
//!
//! A datagram may be lost, or come twice, or be somebody else's. So a question has a number,
//! its answer has the same, and a client asks again when none comes in time; whatever else
//! comes is none of its business. The server keeps nothing between two questions.
//!
//! ```text
//! question: number (2 bytes), name       answer: number (2 bytes), 1, value    or    number, 0
//! ```

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use polyloop_core::{
    DatagramEndpoint, DatagramProtocol, DatagramTransport, Deferred, Failure, Resolver, SendError,
    TimerKey, Udp, UdpOptions,
};
use thiserror::Error;

/// How long an answer may take before the question is asked again, at first; then twice as
/// long, and so on.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often it is asked.
const TRIES: u32 = 6;

/// Why there is no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LookupError {
    /// The server does not know the name.
    #[error("the server knows no {0:?}")]
    Unknown(String),
    /// Nobody answered.
    #[error("no answer from {server} to {tries} questions")]
    Silence {
        /// Who was asked.
        server: SocketAddr,
        /// How often.
        tries: u32,
    },
}

/// Answers by a table.
#[derive(Debug)]
pub struct Names(HashMap<Vec<u8>, Vec<u8>>);

impl Names {
    /// With these names and values.
    pub fn new<N: Into<Vec<u8>>, V: Into<Vec<u8>>>(
        table: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let table = table.into_iter();
        Self(table.map(|(n, v)| (n.into(), v.into())).collect())
    }
}

impl DatagramProtocol for Names {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        // Anybody may send anything: what is no question is left alone.
        let Some((number, name)) = data.split_first_chunk::<2>() else {
            return Ok(());
        };
        let mut answer = number.to_vec();
        match self.0.get(name) {
            Some(value) => {
                answer.push(1);
                answer.extend_from_slice(value);
            }
            None => answer.push(0),
        }
        match transport.send_to(&answer, from) {
            // It is lost, as on any way; the client asks again.
            Ok(()) | Err(SendError::Full) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Serves `names` on `address`, on any loop with datagrams.
pub fn serve<L: Udp>(
    lp: &L,
    address: SocketAddr,
    names: Names,
) -> Result<DatagramEndpoint<Names>, Failure> {
    let socket = lp.bind_udp(address, &UdpOptions::new())?;
    Ok(lp.drive_datagrams(socket, names)?)
}

/// Asks `server` for `name`.
pub async fn look_up<L: Udp>(lp: &L, server: SocketAddr, name: &str) -> Result<Vec<u8>, Failure> {
    // A connected socket gets what its server sends, and nothing of anybody else.
    let socket = lp.connect_udp(server, &UdpOptions::new())?;
    let (resolver, answer) = Deferred::new();
    // A number that others can't guess would be drawn from the system.
    let number = u16::try_from(lp.random_seed() & 0xFFFF).unwrap_or_default();
    let question = Question {
        server,
        name: name.to_owned(),
        number: number.to_be_bytes(),
        tries: 0,
        resolver: Some(resolver),
    };
    let endpoint = lp.drive_datagrams(socket, question)?;
    let answer = answer.await;
    endpoint.stopped().await;
    answer
}

/// One question, until it has its answer.
struct Question {
    server: SocketAddr,
    name: String,
    number: [u8; 2],
    tries: u32,
    /// Settled once.
    resolver: Option<Resolver<Vec<u8>>>,
}

const AGAIN: TimerKey = TimerKey::new("ask again");

impl Question {
    fn ask(&mut self, transport: &mut dyn DatagramTransport) -> Result<(), Failure> {
        let silence = LookupError::Silence {
            server: self.server,
            tries: self.tries,
        };
        if self.tries == TRIES {
            self.settle(transport, Err(silence));
            return Ok(());
        }
        transport.set_timer(AGAIN, PATIENCE * 2_u32.pow(self.tries));
        self.tries += 1;
        let question = [&self.number, self.name.as_bytes()].concat();
        match transport.send(&question) {
            Err(SendError::Failed { .. } | SendError::Full) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn settle(
        &mut self,
        transport: &mut dyn DatagramTransport,
        outcome: Result<Vec<u8>, LookupError>,
    ) {
        transport.close();
        if let Some(resolver) = self.resolver.take() {
            let _ = match outcome {
                Ok(value) => resolver.resolve(value).map_err(drop),
                Err(error) => resolver.reject(Failure::new(error)).map_err(drop),
            };
        }
    }
}

impl DatagramProtocol for Question {
    fn started(&mut self, transport: &mut dyn DatagramTransport) -> Result<(), Failure> {
        self.ask(transport)
    }

    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        _: SocketAddr,
    ) -> Result<(), Failure> {
        let answer = data
            .strip_prefix(&self.number)
            .and_then(|rest| rest.split_first());
        match answer {
            Some((1, value)) => self.settle(transport, Ok(value.to_vec())),
            Some((0, [])) => {
                let unknown = LookupError::Unknown(self.name.clone());
                self.settle(transport, Err(unknown));
            }
            // Not for this question.
            _ => {}
        }
        Ok(())
    }

    // That nobody is there (yet) is told here, and the timer asks again: so this needs no
    // code.

    fn timer_fired(
        &mut self,
        transport: &mut dyn DatagramTransport,
        _: TimerKey,
    ) -> Result<(), Failure> {
        self.ask(transport)
    }
}
