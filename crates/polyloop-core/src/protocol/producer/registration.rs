//! The two kinds of producers, and their way to a consumer.

use std::fmt;

use thiserror::Error;

use crate::event_loop::context;
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::protocol::transport::Transport;

/// A source that produces by itself and can be told to pause: Twisted's
/// `IPushProducer`.
///
/// It writes wherever its data comes from: in its own task, through a
/// [`TransportHandle`](crate::TransportHandle), or in these calls.
pub trait PushProducer: Send + 'static {
    /// The write buffer is over its high mark: stop for now.
    fn pause_producing(&mut self) -> Result<(), Failure>;

    /// Go on. Each call has had its [`pause_producing`](Self::pause_producing) before.
    fn resume_producing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure>;

    /// The connection is lost, or never took it: stop for good. Once, and last.
    fn stop_producing(&mut self) {}
}

/// A source that produces when it is asked: Twisted's `IPullProducer`. Any
/// `FnMut(&mut Vec<u8>) -> Result<Produced, Failure>` is one.
pub trait PullProducer: Send + 'static {
    /// Appends the next piece to `out`, and says whether it was the last. It is
    /// never told to pause: it is not asked again before that piece is sent.
    fn produce(&mut self, out: &mut Vec<u8>) -> Result<Produced, Failure>;

    /// The connection is lost, or never took it: stop for good. Once, and last.
    fn stop_producing(&mut self) {}
}

impl<F> PullProducer for F
where
    F: FnMut(&mut Vec<u8>) -> Result<Produced, Failure> + Send + 'static,
{
    fn produce(&mut self, out: &mut Vec<u8>) -> Result<Produced, Failure> {
        self(out)
    }
}

/// Whether a pull producer has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produced {
    /// Ask again when this is sent. There has to be at least one byte.
    More,
    /// That was all: the producer unregisters.
    Done,
}

/// Why a producer was not registered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// There is one already, which stays (PROD-01).
    #[error("the consumer has a producer already; unregister that one first")]
    Occupied,
    /// Nothing more can be sent (PROD-02).
    #[error("the connection is closing or lost and takes no producer")]
    Closed,
}

/// A producer on its way to a [`Consumer`](super::Consumer).
///
/// If it never gets there, or its connection is lost, the producer is told to stop:
/// once, whatever becomes of the way. So a registration that is sent with
/// [`Connection::call`](crate::Connection::call) to a connection that has just been lost
/// is not forgotten (PROD-02).
#[must_use = "a registration that is dropped tells its producer to stop"]
pub struct Registration {
    source: Source,
    finished: bool,
}

pub(super) enum Source {
    Push(Guarded<Box<dyn PushProducer>>),
    Pull(Guarded<Box<dyn PullProducer>>),
}

impl Registration {
    /// Of a producer that works by itself; Twisted's `streaming=True`.
    pub fn push(producer: impl PushProducer) -> Self {
        Self {
            source: Source::Push(Guarded::new(Box::new(producer))),
            finished: false,
        }
    }

    /// Of a producer that is asked; Twisted's `streaming=False`.
    pub fn pull(producer: impl PullProducer) -> Self {
        Self {
            source: Source::Pull(Guarded::new(Box::new(producer))),
            finished: false,
        }
    }

    pub(super) fn pulls(&self) -> bool {
        matches!(self.source, Source::Pull(_))
    }

    pub(super) fn source(&mut self) -> &mut Source {
        &mut self.source
    }

    /// Drops the producer without telling it.
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.finished || context::is_killed() {
            return;
        }
        // It may be dropped by a panic, and must not make a second one of it.
        let stopped = catch(|| {
            match &mut self.source {
                Source::Push(producer) => producer.stop_producing(),
                Source::Pull(producer) => producer.stop_producing(),
            }
            Ok(())
        });
        if let Err(failure) = stopped {
            report_here("a producer failed to stop", &failure);
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::Push(_) => "Registration::push",
            Source::Pull(_) => "Registration::pull",
        })
    }
}
