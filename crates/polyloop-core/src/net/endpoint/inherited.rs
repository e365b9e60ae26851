//! Sockets that a supervisor opened and passed on, as systemd does: `fd:3`, `fd:web`.
//!
//! They belong to the process, not to a loop, so this is one table for all of it. Each
//! socket can be had once: whoever listens on it owns it (ENDP-12).

use std::env;
use std::io;
use std::net::TcpListener;
#[cfg(unix)]
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use thiserror::Error;

use crate::sync::primitive::PoisonError;
use crate::sync::primitive::process::{Mutex, OnceLock};

/// Why there is no socket to inherit.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InheritedError {
    /// The environment names no sockets for this process.
    #[error("no sockets were passed to this process: LISTEN_FDS and LISTEN_PID name none")]
    None,
    /// Another number.
    #[error("there is no socket {given}: those that were passed are {first} to {last}")]
    NoSuchNumber {
        /// The descriptor that was asked for.
        given: u32,
        /// The first that was passed.
        first: usize,
        /// The last.
        last: usize,
    },
    /// Another name.
    #[error("there is no socket {given:?}: LISTEN_FDNAMES has {known:?}")]
    NoSuchName {
        /// The name that was asked for.
        given: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It was listened on before.
    #[error("socket {number} was taken already: each can be listened on once")]
    Taken {
        /// Its descriptor.
        number: usize,
    },
    /// It is not what was expected.
    #[error("socket {number} is unfit: {source}; expected a TCP or UNIX socket that listens")]
    Unfit {
        /// Its descriptor.
        number: usize,
        /// What is wrong with it.
        source: io::Error,
    },
}

struct Passed {
    sockets: ListenFd,
    first: usize,
    names: Vec<String>,
}

impl Passed {
    /// Takes the variables out of the environment, so that children do not believe that the
    /// sockets are theirs.
    fn from_env() -> Self {
        let first = env::var("LISTEN_FDS_FIRST_FD").ok();
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self {
            sockets: ListenFd::from_env(),
            first: first.and_then(|first| first.parse().ok()).unwrap_or(3),
            names: names.split(':').map(str::to_owned).collect(),
        }
    }

    /// The place of the socket that is called so: by its descriptor, or by its name.
    fn find(&self, which: &str) -> Result<usize, InheritedError> {
        let count = self.sockets.len();
        if count == 0 {
            return Err(InheritedError::None);
        }
        if let Ok(number) = which.parse::<u32>() {
            let place = (number as usize).checked_sub(self.first);
            return place
                .filter(|place| *place < count)
                .ok_or(InheritedError::NoSuchNumber {
                    given: number,
                    first: self.first,
                    last: self.first + count - 1,
                });
        }
        let place = self.names.iter().position(|name| name == which);
        place
            .filter(|place| *place < count)
            .ok_or_else(|| InheritedError::NoSuchName {
                given: which.to_owned(),
                known: self.names.clone(),
            })
    }

    fn take(&mut self, which: &str) -> Result<TcpListener, InheritedError> {
        let place = self.find(which)?;
        let number = self.first + place;
        let taken = match self.sockets.take_tcp_listener(place) {
            // It is left in its place then.
            #[cfg(unix)]
            Err(_) => {
                let taken = self.sockets.take_unix_listener(place);
                taken.map(|taken| taken.map(|socket| OwnedFd::from(socket).into()))
            }
            taken => taken,
        };
        match taken {
            Ok(Some(socket)) => Ok(socket),
            Ok(None) => Err(InheritedError::Taken { number }),
            Err(source) => Err(InheritedError::Unfit { number, source }),
        }
    }
}

/// The socket that is called so, which is the caller's from now on.
pub(in crate::net) fn take(which: &str) -> Result<TcpListener, InheritedError> {
    static PASSED: OnceLock<Mutex<Passed>> = OnceLock::new();
    let passed = PASSED.get_or_init(|| Mutex::new(Passed::from_env()));
    let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
    passed.take(which)
}
