//! A broker: who publishes to a topic reaches everybody who has subscribed to it.
//!
//! It speaks lines, so netcat is a client:
//!
//! | a client says | the broker answers |
//! | --- | --- |
//! | `CONNECT name [seconds]` first of all | `OK`; without a word for 1.5 times that long it is given up |
//! | `SUB topic`, `UNSUB topic` | `OK` |
//! | `PUB topic text` | nothing; every subscriber gets `MSG topic text` |
//! | `PING` | `PONG` |
//! | anything else | `ERR why`, and the end |
//!
//! What it shows: a session of an MQTT broker, less MQTT. It is reached by others without a
//! lock around its state: each has an inbox, a bounded channel, and whoever puts something
//! into it [wakes](polyloop_core::TransportHandle::wake) the session, which looks when it
//! has its turn: once, however many messages came, and with nothing allocated for it. What
//! it can't take is counted and told as `LOST n`. A client that connects again under its
//! name takes over from its own older session, which is reached by its address. Timers
//! watch over silent clients, and a client that breaks the protocol is answered and ended
//! with a reason, which is no news for a log.

mod command;
mod session;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use polyloop_core::{IntoEndpoint, ListenError, Loop, Server};
use polyloop_framing::Framed;

pub use command::{Command, CommandError};
pub use session::BrokerSession;
use topics::Topics;

/// What can be set about a broker.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// How long a client may take to say its name: 10 s unless set.
    pub connect_within: Duration,
    /// Messages that may wait for a client: 1,000 unless set.
    pub inbox: usize,
    /// The longest line, in bytes: 64 KiB unless set.
    pub line_limit: usize,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(10),
            inbox: 1000,
            line_limit: 64 * 1024,
        }
    }
}

impl BrokerOptions {
    /// Sets [`connect_within`](Self#structfield.connect_within).
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.connect_within = limit;
        self
    }

    /// Sets [`inbox`](Self#structfield.inbox).
    pub fn inbox(mut self, messages: usize) -> Self {
        self.inbox = messages;
        self
    }
}

/// Opens a broker on `endpoint`, on any loop.
pub async fn serve<L: Loop>(
    lp: &L,
    endpoint: impl IntoEndpoint,
    options: BrokerOptions,
) -> Result<Server<Framed<BrokerSession>>, ListenError> {
    let topics = Arc::new(Topics::default());
    let factory = move || Framed::new(BrokerSession::new(topics.clone(), options));
    lp.serve(endpoint, factory).await
}
