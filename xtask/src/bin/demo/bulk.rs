//! Bulk: both ends send much at once, and each ends its side when it has.

use polyloop_core::{CloseReason, Failure, Flow, OnEof, Protocol, Transport};

use crate::witness::Witness;

const BLOCK: usize = 64 * 1024;

/// Sends random bytes as fast as the peer takes them, and receives meanwhile.
pub(crate) struct Bulk {
    witness: Witness,
    content: fastrand::Rng,
    left: u64,
    block: Vec<u8>,
}

impl Bulk {
    /// Sends `bytes` bytes that `seed` determines.
    pub(crate) fn new(witness: Witness, bytes: u64, seed: u64) -> Self {
        Self {
            witness,
            content: fastrand::Rng::with_seed(seed),
            left: bytes,
            block: vec![0; BLOCK],
        }
    }
}

impl Protocol for Bulk {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.resume_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        while self.left > 0 {
            let length = usize::try_from(self.left).map_or(BLOCK, |left| left.min(BLOCK));
            let block = &mut self.block[..length];
            self.content.fill(block);
            self.left -= length as u64;
            if self.witness.write(transport, block)? == Flow::Pause {
                return Ok(());
            }
        }
        transport.write_eof()?;
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        Ok(())
    }

    fn eof_received(&mut self, _: &mut dyn Transport) -> Result<OnEof, Failure> {
        // The connection closes by itself once this side has ended, too.
        Ok(OnEof::KeepOpen)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}
