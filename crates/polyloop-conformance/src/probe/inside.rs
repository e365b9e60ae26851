//! Telling 'inside the call' from 'at the same time on another thread'.

use std::cell::Cell;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`; meanwhile [`is_inside`] is true on this thread. If it panics, it is over, too.
pub fn inside<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }
    let _outer = Restore(INSIDE.replace(true));
    f()
}

/// Whether this runs inside the closure of [`inside`], further up the same stack.
pub fn is_inside() -> bool {
    INSIDE.get()
}
