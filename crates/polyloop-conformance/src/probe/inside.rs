//! Telling 'inside the call' from 'at the same time on another thread'.

use std::cell::Cell;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`; meanwhile [`is_inside`] is true on this thread.
pub fn inside<R>(f: impl FnOnce() -> R) -> R {
    let outer = INSIDE.replace(true);
    let value = f();
    INSIDE.set(outer);
    value
}

/// Whether this runs inside the closure of [`inside`], further up the same stack.
pub fn is_inside() -> bool {
    INSIDE.get()
}
