//! The buffer to read into, lent per thread, so that what is idle holds none: for whatever
//! reads on a loop, connections, datagrams and the pipes of children.

use std::cell::Cell;

use crate::sync::primitive::thread_local;

/// What one read can take.
const READ_SIZE: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// The thread's read buffer for the time of one poll. A callback that makes this
/// thread read for somebody else (by blocking on a loop, say) gets a second one.
pub(crate) struct ReadBuffer(Option<Box<[u8]>>);

impl ReadBuffer {
    pub(crate) fn borrow() -> Self {
        let lent = SPARE.try_with(Cell::take).ok().flatten();
        Self(Some(
            lent.unwrap_or_else(|| vec![0; READ_SIZE].into_boxed_slice()),
        ))
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        // On a thread that is ending it is freed.
        let _ = SPARE.try_with(|slot| slot.set(self.0.take()));
    }
}
