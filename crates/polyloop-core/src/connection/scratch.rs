//! Buffers lent per thread, so that an idle connection holds none.

use std::cell::Cell;

use bytes::BytesMut;

/// What one read can take.
const READ_SIZE: usize = 64 * 1024;
/// A larger write buffer is freed instead of kept.
const KEEP: usize = 128 * 1024;

thread_local! {
    static READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static WRITE: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// The thread's read buffer for the time of one poll. A callback that makes this
/// thread drive another connection (by blocking on a loop, say) gets a second one.
pub(super) struct ReadBuffer(Option<Box<[u8]>>);

impl ReadBuffer {
    pub(super) fn borrow() -> Self {
        let lent = READ.try_with(Cell::take).ok().flatten();
        Self(Some(
            lent.unwrap_or_else(|| vec![0; READ_SIZE].into_boxed_slice()),
        ))
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        // On a thread that is ending it is freed.
        let _ = READ.try_with(|slot| slot.set(self.0.take()));
    }
}

/// A write buffer to fill, empty.
pub(super) fn take_write_buffer() -> BytesMut {
    WRITE
        .try_with(Cell::take)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Gives an emptied write buffer back.
pub(super) fn keep_write_buffer(mut buffer: BytesMut) {
    buffer.clear();
    // Takes back the room in front of what was sent.
    if buffer.try_reclaim(1) && buffer.capacity() <= KEEP {
        let _ = WRITE.try_with(|slot| slot.set(Some(buffer)));
    }
}
