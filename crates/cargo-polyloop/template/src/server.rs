//! The server: a [`Session`] per connection, and the [`Tally`] that they share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use polyloop_core::{Failure, IntoEndpoint, ListenError, Loop, Server, Transport};
use polyloop_framing::{Encoder as _, FrameProtocol, Framed, Lines};

use crate::protocol::{Order, lines};

/// Serves on `endpoint`, such as `127.0.0.1:7000` or `unix:/run/count.sock`.
pub async fn serve<L, E>(
    lp: &L,
    endpoint: E,
    tally: Tally,
) -> Result<Server<Framed<Session>>, ListenError>
where
    L: Loop,
    E: IntoEndpoint,
{
    let session = move || {
        Framed::new(Session {
            lines: lines(),
            tally: tally.clone(),
        })
    };
    lp.serve(endpoint, session).await
}

/// What was added up so far. Clones are the same tally.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    orders: Arc<Mutex<BTreeMap<u64, u32>>>,
}

impl Tally {
    /// Counts an order, unless it was counted before. Gives the sum.
    pub fn add(&self, order: Order) -> u64 {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.entry(order.number).or_insert(order.amount);
        orders.values().map(|amount| u64::from(*amount)).sum()
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.values().map(|amount| u64::from(*amount)).sum()
    }
}

/// The server's end of one connection.
#[derive(Debug)]
pub struct Session {
    lines: Lines,
    tally: Tally,
}

impl FrameProtocol for Session {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        match String::from_utf8_lossy(line).parse::<Order>() {
            Ok(order) => {
                let total = self.tally.add(order);
                self.lines.send(transport, &total.to_string())?;
            }
            // Anybody may send anything: the end of this connection, and no news for a log.
            Err(error) => transport.fail(Failure::new(error)),
        }
        Ok(())
    }
}
