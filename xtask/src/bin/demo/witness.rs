//! [`Witness`] and [`Evidence`]: what one end of a connection says it sent,
//! received and ended with.

use polyloop_core::{CloseReason, Deferred, Failure, Flow, Resolver, Transport};

use crate::checksum::Checksum;

/// What one end saw of a connection, from its making to its loss.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) sent: Checksum,
    pub(crate) received: Checksum,
    pub(crate) ended: CloseReason,
}

/// A protocol's witness: it counts what goes through, and gives its evidence when
/// the connection is lost.
pub(crate) struct Witness {
    sent: Checksum,
    received: Checksum,
    evidence: Option<Resolver<Evidence>>,
}

impl Witness {
    /// A witness, and the promise of its evidence.
    pub(crate) fn new() -> (Self, Deferred<Evidence>) {
        let (evidence, promise) = Deferred::new();
        let witness = Self {
            sent: Checksum::default(),
            received: Checksum::default(),
            evidence: Some(evidence),
        };
        (witness, promise)
    }

    /// Writes `data`, and takes note of it.
    pub(crate) fn write(
        &mut self,
        transport: &mut dyn Transport,
        data: &[u8],
    ) -> Result<Flow, Failure> {
        let flow = transport.write(data)?;
        self.sent.add(data);
        Ok(flow)
    }

    /// Takes note of received data.
    pub(crate) fn received(&mut self, data: &[u8]) {
        self.received.add(data);
    }

    /// What was received so far.
    pub(crate) fn received_so_far(&self) -> Checksum {
        self.received
    }

    /// The connection is lost: gives the evidence.
    pub(crate) fn lost(&mut self, ended: CloseReason) {
        if let Some(evidence) = self.evidence.take() {
            // Whoever waited for it may have given up.
            let _ = evidence.resolve(Evidence {
                sent: self.sent,
                received: self.received,
                ended,
            });
        }
    }
}
