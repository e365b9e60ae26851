//! The client: [`connect`] and [`Asking::ask`] are one connection, [`add`] is an order
//! that is carried out whatever the network does.

use std::time::Duration;

use polyloop_core::{
    CloseReason, Connection, Deferred, Failure, IntoEndpoint, Loop, Promise as _, Transport,
};
use polyloop_framing::{Encoder as _, FrameProtocol, Framed, Lines, Pipeline};

use crate::protocol::{Order, lines};

/// How long one attempt may take. A peer that is gone does not say so.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait before the next one.
const PAUSE: Duration = Duration::from_millis(500);

/// The client's end of one connection.
#[derive(Debug)]
pub struct Asking {
    lines: Lines,
    asked: Pipeline<u64>,
}

/// Connects to a server.
pub async fn connect<L, E>(lp: &L, server: E) -> Result<Connection<Framed<Asking>>, Failure>
where
    L: Loop,
    E: IntoEndpoint,
{
    let asking = || {
        Framed::new(Asking {
            lines: lines(),
            asked: Pipeline::new(),
        })
    };
    Ok(lp.connect(server, asking).await?)
}

impl Asking {
    /// Sends an order: a promise for the sum.
    pub fn ask(
        &mut self,
        transport: &mut dyn Transport,
        order: Order,
    ) -> Result<Deferred<u64>, Failure> {
        let answer = self.asked.ask()?;
        self.lines.send(transport, &order.to_string())?;
        Ok(answer)
    }
}

/// Has an order counted once, and gives the sum then. An attempt that fails, or takes
/// longer than [`TIME_LIMIT`], is followed by another one, `attempts` in all.
///
/// Dropping the future gives up; the order may have been counted by then.
pub async fn add<L: Loop>(
    lp: &L,
    server: &str,
    order: Order,
    attempts: u32,
) -> Result<u64, Failure> {
    let mut attempt = 1;
    loop {
        let once = once(lp.clone(), server.to_owned(), order);
        match lp.spawn(once).timeout(lp, TIME_LIMIT).await {
            Ok(Ok(total)) => return Ok(total),
            Ok(Err(failure)) | Err(failure) if attempt >= attempts => return Err(failure),
            _ => {}
        }
        attempt += 1;
        lp.sleep(PAUSE).await;
    }
}

/// One attempt, on a connection of its own.
async fn once<L: Loop>(lp: L, server: String, order: Order) -> Result<u64, Failure> {
    let connection = connect(&lp, server.as_str()).await?;
    let answer = connection.call(move |asking, transport| asking.get_mut().ask(transport, order));
    let total = answer.await??.await?;
    connection.close();
    Ok(total)
}

impl FrameProtocol for Asking {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn frame_received(&mut self, _: &mut dyn Transport, line: &[u8]) -> Result<(), Failure> {
        let total = String::from_utf8_lossy(line).parse()?;
        self.asked.answer(total)?;
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        let failure = Failure::message(format!("the server went: {reason}"));
        self.asked.fail_all(&failure);
    }
}
