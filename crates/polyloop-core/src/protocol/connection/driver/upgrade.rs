//! An [`Upgrade`](crate::Upgrade) in the life of a connection: bringing it further, and what
//! comes of it.

use std::task::{Context, Poll};

use super::turn::Turn;
use super::{Driver, Origin};
use crate::promise::failure::Failure;
use crate::protocol::connection::carrier::{Carrier, Refused};
use crate::protocol::connection::io::network_failure;
use crate::protocol::peer::Peer;
use crate::protocol::stream::Stream;
use crate::protocol::{CloseReason, Protocol};

impl<P: Protocol, O: Origin, S: Stream> Driver<P, O, S> {
    /// Brings an upgrade further that is under way.
    #[inline]
    pub(super) fn upgrade_on(&mut self, cx: &mut Context<'_>) -> Result<Option<Turn>, CloseReason> {
        match &mut self.io.stream {
            None | Some(Carrier::Own(_)) => Ok(None),
            Some(other) => match other.poll_upgrade(cx) {
                None | Some(Poll::Pending) => Ok(None),
                Some(Poll::Ready(Ok(peer))) => self.upgraded(cx, peer).map(|()| None),
                Some(Poll::Ready(Err(refused))) => self.refused(cx, refused).map(Some),
            },
        }
    }

    fn upgraded(&mut self, cx: &mut Context<'_>, peer: Peer) -> Result<(), CloseReason> {
        // What waits on both sides is seen to in the next turn.
        self.busy = true;
        self.io.upgraded();
        drop(self.origin.mailbox().set_peer(peer));
        if self.io.closing {
            return Ok(());
        }
        self.call(cx, |p, t| p.upgraded(t))
    }

    fn refused(&mut self, cx: &mut Context<'_>, refused: Refused) -> Result<Turn, CloseReason> {
        let said = self.io.rare().and_then(|rare| rare.closing.reason());
        let said = said.cloned();
        let reason = |failure: Failure| CloseReason::Error(said.unwrap_or(failure));
        match refused {
            Refused::Network(error) => Err(reason(network_failure(error))),
            // The layer may have told the peer why. A reset would overtake that, so the
            // socket ends in good order.
            Refused::Layer(failure) => {
                self.io.stream = self.io.stream.take().and_then(Carrier::give_up);
                if let Some(stream) = &mut self.io.stream {
                    let _ = stream.poll_close(cx);
                }
                Ok(Turn::Over(reason(failure)))
            }
        }
    }
}
