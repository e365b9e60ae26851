//! [`Exchange`]: what a server and a client do with each other, and what must be
//! true of it afterwards.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use polyloop_core::{
    Address, CloseReason, Deferred, Failure, Loop, Peer, Protocol, ProtocolFactory, Resolver,
};

use crate::bulk::Bulk;
use crate::half_close::{self, Sender, Summarizer};
use crate::lines::{LineClient, LineEcho};
use crate::reset::{Aborter, GREETING, Greeter};
use crate::witness::{Evidence, Witness};

/// How much is exchanged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Bytes each way in a bulk exchange.
    pub(crate) bulk_bytes: u64,
    /// Lines in a lines exchange.
    pub(crate) lines: u64,
    /// Determines all content.
    pub(crate) seed: u64,
}

/// One conversation over one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    Bulk,
    Lines,
    HalfClose,
    Reset,
}

impl Exchange {
    pub(crate) const ALL: [Self; 4] = [Self::Bulk, Self::Lines, Self::HalfClose, Self::Reset];

    /// Serves one connection: announces the address, and gives the evidence when the
    /// connection is lost and the port closed.
    pub(crate) async fn serve<L: Loop>(
        self,
        lp: &L,
        plan: Plan,
        open: Resolver<Address>,
    ) -> Result<Evidence, Failure> {
        let (witness, evidence) = Witness::new();
        match self {
            Self::Bulk => {
                let protocol = Bulk::new(witness, plan.bulk_bytes, plan.seed.wrapping_add(1));
                serve_one(lp, protocol, evidence, open).await
            }
            Self::Lines => serve_one(lp, LineEcho::new(witness), evidence, open).await,
            Self::HalfClose => serve_one(lp, Summarizer::new(witness), evidence, open).await,
            Self::Reset => serve_one(lp, Aborter::new(witness), evidence, open).await,
        }
    }

    /// Connects, and gives the evidence and the time it took when the connection is
    /// lost.
    pub(crate) async fn connect<L: Loop>(
        self,
        lp: &L,
        plan: Plan,
        server: Address,
    ) -> Result<(Evidence, Duration), Failure> {
        let (witness, evidence) = Witness::new();
        let started = lp.now();
        match self {
            Self::Bulk => {
                let protocol = Bulk::new(witness, plan.bulk_bytes, plan.seed);
                lp.connect(server, OneConnection(Some(protocol))).await?;
            }
            Self::Lines => {
                let protocol = LineClient::new(witness, plan.lines, plan.seed);
                lp.connect(server, OneConnection(Some(protocol))).await?;
            }
            Self::HalfClose => {
                let protocol = Sender::new(witness, plan.seed);
                lp.connect(server, OneConnection(Some(protocol))).await?;
            }
            Self::Reset => {
                let protocol = Greeter::new(witness);
                lp.connect(server, OneConnection(Some(protocol))).await?;
            }
        }
        let evidence = evidence.await?;
        Ok((evidence, lp.now().duration_since(started)))
    }

    /// Whether what both ends saw is what was promised; otherwise, what is not.
    pub(crate) fn judge(
        self,
        plan: Plan,
        server: &Evidence,
        client: &Evidence,
    ) -> Result<(), String> {
        for (sender, receiver, from, to) in [
            ("client", "server", client, server),
            ("server", "client", server, client),
        ] {
            if from.sent != to.received {
                return Err(format!(
                    "the {sender} sent {}, but the {receiver} received {}",
                    from.sent, to.received
                ));
            }
        }
        let expected = match self {
            Self::Bulk => Some((plan.bulk_bytes, Some(plan.bulk_bytes))),
            // That the lines are right and that none is missing, the client has
            // checked; a server that sends back what came leaves equal sums.
            Self::Lines if client.sent != client.received => {
                return Err(format!(
                    "the client sent {}, and got back {}",
                    client.sent, client.received
                ));
            }
            Self::Lines => None,
            Self::HalfClose => Some((half_close::BYTES as u64, None)),
            Self::Reset => Some((GREETING.len() as u64, Some(0))),
        };
        if let Some((sent, answered)) = expected {
            if client.sent.bytes() != sent {
                return Err(format!(
                    "the client sent {} bytes of {sent}",
                    client.sent.bytes()
                ));
            }
            if answered.is_some_and(|answered| answered != server.sent.bytes()) {
                return Err(format!("the server sent {} bytes", server.sent.bytes()));
            }
        }
        self.judge_ends(&server.ended, &client.ended)
    }

    fn judge_ends(self, server: &CloseReason, client: &CloseReason) -> Result<(), String> {
        let (promised, kept) = if self == Self::Reset {
            let reset = client.error().and_then(Failure::io_kind);
            (
                "the server aborts, the client sees a reset",
                matches!(server, CloseReason::Aborted) && reset == Some(ErrorKind::ConnectionReset),
            )
        } else {
            (
                "a clean end on both sides",
                server.is_clean() && client.is_clean(),
            )
        };
        if kept {
            return Ok(());
        }
        Err(format!(
            "promised: {promised}; but the server's connection ended with {server:?}, \
             and the client's with {client:?}"
        ))
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bulk => "bulk",
            Self::Lines => "lines",
            Self::HalfClose => "half close",
            Self::Reset => "reset",
        })
    }
}

async fn serve_one<L: Loop, P: Protocol>(
    lp: &L,
    protocol: P,
    evidence: Deferred<Evidence>,
    open: Resolver<Address>,
) -> Result<Evidence, Failure> {
    let server = lp
        .serve("127.0.0.1:0", OneConnection(Some(protocol)))
        .await?;
    // If the client's side has gone, its own error says why.
    let _ = open.resolve(server.local_addr());
    let evidence = evidence.await?;
    server.close();
    server.drained().await;
    Ok(evidence)
}

/// A factory with one protocol in store; it declines every further connection.
struct OneConnection<P>(Option<P>);

impl<P: Protocol> ProtocolFactory for OneConnection<P> {
    type Protocol = P;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<P> {
        self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::checksum::Checksum;

    const PLAN: Plan = Plan {
        bulk_bytes: 4,
        lines: 1,
        seed: 1,
    };

    fn evidence(sent: &[u8], received: &[u8], ended: CloseReason) -> Evidence {
        Evidence {
            sent: Checksum::of(sent),
            received: Checksum::of(received),
            ended,
        }
    }

    fn bulk(client_got: &[u8], client_ended: CloseReason) -> Result<(), String> {
        let server = evidence(b"down", b"up..", CloseReason::Clean);
        let client = evidence(b"up..", client_got, client_ended);
        Exchange::Bulk.judge(PLAN, &server, &client)
    }

    #[test]
    fn what_was_promised_passes() {
        assert_eq!(bulk(b"down", CloseReason::Clean), Ok(()));
    }

    #[test]
    fn a_changed_byte_a_missing_byte_and_an_unclean_end_do_not() {
        assert!(bulk(b"dOwn", CloseReason::Clean).is_err());
        assert!(bulk(b"dow", CloseReason::Clean).is_err());
        assert!(bulk(b"down", CloseReason::Aborted).is_err());
    }

    #[test]
    fn too_little_is_found_out_even_if_both_ends_agree() {
        let server = evidence(b"down", b"up", CloseReason::Clean);
        let client = evidence(b"up", b"down", CloseReason::Clean);
        assert!(Exchange::Bulk.judge(PLAN, &server, &client).is_err());
    }

    #[test]
    fn an_echo_must_send_back_what_came() {
        let server = evidence(b"two\n", b"one\n", CloseReason::Clean);
        let client = evidence(b"one\n", b"two\n", CloseReason::Clean);
        assert!(Exchange::Lines.judge(PLAN, &server, &client).is_err());
    }

    #[test]
    fn only_a_reset_by_the_server_is_a_reset() {
        let reset = || CloseReason::Error(io::Error::from(ErrorKind::ConnectionReset).into());
        let pipe = || CloseReason::Error(io::Error::from(ErrorKind::BrokenPipe).into());
        let judge = |server, client| {
            let server = evidence(b"", GREETING, server);
            Exchange::Reset.judge(PLAN, &server, &evidence(GREETING, b"", client))
        };
        assert_eq!(judge(CloseReason::Aborted, reset()), Ok(()));
        assert!(judge(CloseReason::Aborted, CloseReason::Clean).is_err());
        assert!(judge(CloseReason::Aborted, pipe()).is_err());
        assert!(judge(CloseReason::Clean, reset()).is_err());
    }
}
