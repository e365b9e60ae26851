//! Thread-locals of shuttle's threads, with what std's can do and shuttle's can not.

use std::cell::Cell;
use std::marker::PhantomData;

use shuttle::thread::AccessError;

/// As std's: the value is there for as long as the thread runs code.
pub(crate) struct LocalKey<T: 'static>(shuttle::thread::LocalKey<T>);

impl<T> LocalKey<T> {
    pub(crate) const fn new(init: fn() -> T) -> Self {
        Self(shuttle::thread::LocalKey {
            init,
            _p: PhantomData,
        })
    }

    pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        let mut f = Some(f);
        let mut call = |value: &T| f.take().map(|f| f(value));
        let found = match self.try_with(&mut call) {
            Ok(found) => found,
            // The thread's values have been dropped; std drops none that need it not.
            Err(_) => call(&(self.0.init)()),
        };
        found.expect("it is called once")
    }
}

impl<T> LocalKey<T> {
    pub(crate) fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        self.0.try_with(f)
    }
}

impl<T> LocalKey<Cell<T>> {
    pub(crate) fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    pub(crate) fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }
}

impl<T: Copy> LocalKey<Cell<T>> {
    pub(crate) fn get(&'static self) -> T {
        self.with(Cell::get)
    }
}

impl<T: Default> LocalKey<Cell<T>> {
    pub(crate) fn take(&'static self) -> T {
        self.with(Cell::take)
    }
}

macro_rules! locals {
    ($($(#[$attribute:meta])* static $name:ident: $of:ty = const { $init:expr };)*) => {
        $(
            $(#[$attribute])*
            static $name: $crate::sync::primitive::LocalKey<$of> =
                $crate::sync::primitive::LocalKey::new(|| $init);
        )*
    };
}
pub(crate) use locals as thread_local;
