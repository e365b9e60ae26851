//! [`Descriptors`]: what a UNIX socket passes beside its bytes, as a protocol sees it.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::OwnedFd;

use thiserror::Error;

use crate::promise::failure::Failure;
use crate::sync::primitive::{Arc, Mutex, lock};

/// How many may wait to be taken: four times as many as come with one write at most.
const MOST: usize = 1024;

/// The descriptors that come and go with the bytes of one connection. A factory finds it at
/// its [peer](crate::Peer::descriptors), where the connection's options have
/// [`PassDescriptors`](crate::PassDescriptors). Clones are the same one.
///
/// One that was passed is here before the first of the bytes that it came with is delivered,
/// and may be here sooner (UNIX-06). What nobody takes is closed with the connection.
#[derive(Clone)]
pub struct Descriptors(Arc<Mutex<Queues>>);

#[derive(Default)]
struct Queues {
    received: VecDeque<OwnedFd>,
    leaving: VecDeque<OwnedFd>,
    ended: bool,
}

/// A descriptor was not passed. It was closed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassError {
    /// The connection has ended.
    #[error("the connection has ended, so no descriptor goes over it any more")]
    Ended,
    /// The connection ends, and there are descriptors for which there was no byte.
    #[error(
        "{count} descriptors were to be passed, and no byte was left to go with them; expected \
         at least one byte for each"
    )]
    NoByte {
        /// How many.
        count: usize,
    },
    /// The peer has passed more than were taken.
    #[error(
        "the peer has passed {count} descriptors that nobody has taken; expected at most {limit}"
    )]
    NotTaken {
        /// How many wait.
        count: usize,
        /// How many may.
        limit: usize,
    },
}

impl From<PassError> for Failure {
    #[track_caller]
    fn from(error: PassError) -> Self {
        Self::new(error)
    }
}

impl Descriptors {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// The next one that was passed, in their order.
    pub fn take(&self) -> Option<OwnedFd> {
        lock(&self.0).received.pop_front()
    }

    /// Passes a descriptor with the next bytes that are written, each with a byte of its own,
    /// as Twisted does. It is closed here when it has gone, or with the connection.
    pub fn pass(&self, descriptor: impl Into<OwnedFd>) -> Result<(), PassError> {
        let descriptor = descriptor.into();
        let mut queues = lock(&self.0);
        if queues.ended {
            return Err(PassError::Ended);
        }
        queues.leaving.push_back(descriptor);
        Ok(())
    }

    /// Those that go with so many bytes.
    pub(crate) fn leaving(&self, most: usize) -> Vec<OwnedFd> {
        let mut queues = lock(&self.0);
        let count = most.min(queues.leaving.len());
        queues.leaving.drain(..count).collect()
    }

    /// They have not gone.
    pub(crate) fn come_back(&self, descriptors: Vec<OwnedFd>) {
        let mut queues = lock(&self.0);
        for descriptor in descriptors.into_iter().rev() {
            queues.leaving.push_front(descriptor);
        }
    }

    /// More have come.
    pub(crate) fn receive(&self, more: impl Iterator<Item = OwnedFd>) -> Result<(), PassError> {
        let mut queues = lock(&self.0);
        queues.received.extend(more);
        let (count, limit) = (queues.received.len(), MOST);
        if count > limit {
            return Err(PassError::NotTaken { count, limit });
        }
        Ok(())
    }

    /// No more bytes will be written.
    pub(crate) fn check_all_gone(&self) -> Result<(), PassError> {
        match lock(&self.0).leaving.len() {
            0 => Ok(()),
            count => Err(PassError::NoByte { count }),
        }
    }

    /// The stream has gone, and all of them with it.
    pub(crate) fn end(&self) {
        let mut queues = lock(&self.0);
        queues.ended = true;
        let left = (
            std::mem::take(&mut queues.received),
            std::mem::take(&mut queues.leaving),
        );
        drop(queues);
        drop(left);
    }
}

/// Whether they are of one connection.
impl PartialEq for Descriptors {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Descriptors {}

impl fmt::Debug for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queues = lock(&self.0);
        f.debug_struct("Descriptors")
            .field("received", &queues.received.len())
            .field("leaving", &queues.leaving.len())
            .finish()
    }
}
