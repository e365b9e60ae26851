//! Letting go of what is a user's: the one place where core drops it.
//!
//! A destructor may panic, as any code of a user's may: that of a value which nobody
//! took, of what a closure has captured, of a panic's own payload. Whoever happens to
//! drop it then is in the middle of something else, with others still to be told. So the
//! panic goes no further: it is reported, once, and everything else goes on.
//!
//! [`discard`] drops a value so. [`Guarded`] is for one that is kept: wherever it goes,
//! it goes that way. What has no destructor costs nothing in either.

use std::any::Any;
use std::mem::needs_drop;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Waker;

use crate::promise::failure::Failure;
use crate::promise::report::report_here;

/// Drops `value`. If its destructor panics, that is reported to the loop that is
/// current on this thread, or by the default where there is none, and goes no further
/// (ERR-09).
///
/// For backends: core drops what belongs to users this way.
pub fn discard<T>(value: T) {
    if let Err(failure) = try_drop(value) {
        report_here(DESTRUCTOR, &failure);
    }
}

/// What is said of a destructor that panicked.
pub(crate) const DESTRUCTOR: &str = "a destructor panicked";

/// Drops `value`; what its destructor panicked with is for the caller to report.
#[inline]
pub(crate) fn try_drop<T>(value: T) -> Result<(), Failure> {
    if needs_drop::<T>() {
        catch_unwind(AssertUnwindSafe(move || drop(value))).map_err(caught)
    } else {
        Ok(())
    }
}

/// Drops the future in its place, which is empty afterwards.
pub(crate) fn discard_in_place<F>(mut place: Pin<&mut Option<F>>) {
    if needs_drop::<F>() {
        contain(DESTRUCTOR, || place.set(None));
    } else {
        place.set(None);
    }
}

/// Wakes whoever waits. A waker may be a user's, too: what it panics with is reported, as
/// [`discard`] does, and those who are woken after it are.
///
/// For backends that wake many at a time.
pub fn wake(waker: Waker) {
    contain("a waker panicked", move || waker.wake());
}

fn contain(context: &str, f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        report_here(context, &caught(payload));
    }
}

/// The failure that a panic is. Its payload goes, and if that panics in turn, so does
/// what it panicked with: reported as well, but kept for ever, since there need not be an
/// end to it.
#[cold]
#[track_caller]
pub(crate) fn caught(payload: Box<dyn Any + Send>) -> Failure {
    let failure = Failure::panicked(payload.as_ref());
    if let Err(further) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        report_here(
            "dropping what a panic carried panicked",
            &Failure::panicked(further.as_ref()),
        );
        std::mem::forget(further);
    }
    failure
}

/// A user's value that is [discarded](discard) when it is dropped.
pub(crate) struct Guarded<T>(Option<T>);

const PRESENT: &str = "only `into_inner` and `drop` take the value, and both end its guard";

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect(PRESENT)
    }
}

impl<T> Drop for Guarded<T> {
    #[inline]
    fn drop(&mut self) {
        if needs_drop::<T>()
            && let Some(value) = self.0.take()
        {
            discard(value);
        }
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(PRESENT)
    }
}

impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(PRESENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::primitive::process::{AtomicU64, Ordering};
    use std::panic::panic_any;

    static DROPS: AtomicU64 = AtomicU64::new(0);

    /// Panics with another of its kind whenever it is dropped.
    struct Endless;

    impl Drop for Endless {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::SeqCst);
            panic_any(Self);
        }
    }

    #[test]
    fn a_payload_that_panics_with_its_like_ends_with_the_second() {
        discard(Endless);
        // The value, and what its panic carried; what that one's carried is kept.
        assert_eq!(DROPS.load(Ordering::SeqCst), 2);
        drop(Guarded::new(Endless));
        assert_eq!(DROPS.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_guard_is_as_large_as_the_box_that_it_guards() {
        type Closure = Box<dyn FnOnce() + Send>;
        assert_eq!(size_of::<Guarded<Closure>>(), size_of::<Closure>());
    }

    #[test]
    fn one_bad_destructor_keeps_no_other_from_running() {
        struct Bad<'a>(&'a AtomicU64);
        impl Drop for Bad<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
                panic!("on purpose");
            }
        }
        let dropped = AtomicU64::new(0);
        drop(vec![
            Guarded::new(Bad(&dropped)),
            Guarded::new(Bad(&dropped)),
        ]);
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
    }
}
