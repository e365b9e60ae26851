//! Reset: the server aborts as soon as it has been greeted, and the client must see
//! a reset, not a clean end.

use polyloop_core::{CloseReason, Failure, Protocol, Transport};

use crate::witness::Witness;

/// What the client says.
pub(crate) const GREETING: &[u8] = b"hello\n";

/// Aborts once it has the greeting.
pub(crate) struct Aborter {
    witness: Witness,
}

impl Aborter {
    pub(crate) fn new(witness: Witness) -> Self {
        Self { witness }
    }
}

impl Protocol for Aborter {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        if self.witness.received_so_far().bytes() == GREETING.len() as u64 {
            transport.abort();
        }
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}

/// Greets, and waits for what happens.
pub(crate) struct Greeter {
    witness: Witness,
}

impl Greeter {
    pub(crate) fn new(witness: Witness) -> Self {
        Self { witness }
    }
}

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.witness.write(transport, GREETING).map(drop)
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}
