//! Producers and consumers: Twisted's way to couple a source of data to a
//! connection, on top of the watermarks.
//!
//! Three ways lead from a source to a connection. The first that fits is the best:
//!
//! * **A task that writes**, for sources that are futures. It holds a
//!   [`TransportHandle`](crate::TransportHandle), writes, and waits for
//!   [`ready`](crate::TransportHandle::ready) when [`write`](crate::TransportHandle::write)
//!   says [`Flow::Pause`](crate::Flow::Pause). `ready` serves any number of waiters and
//!   fails once the connection is lost (PROD-08). Twisted's push producers are mostly
//!   this.
//!
//!   ```
//!   # use polyloop_core::{Failure, Flow, TransportHandle};
//!   async fn feed(to: TransportHandle, mut next: impl FnMut() -> Option<Vec<u8>>) -> Result<(), Failure> {
//!       while let Some(chunk) = next() {
//!           if to.write(chunk)? == Flow::Pause {
//!               to.ready().await?;
//!           }
//!       }
//!       to.close(); // after all of it
//!       Ok(())
//!   }
//!   ```
//!
//! * **The protocol itself**, which writes in
//!   [`resume_writing`](crate::Protocol::resume_writing) until it is told to pause. See
//!   the example of [`Transport`].
//!
//! * **A registered producer**, for sources that the protocol does not know: the
//!   protocol holds a [`Consumer`], passes three events on to it, and whoever has a
//!   [`PushProducer`] or a [`PullProducer`] registers it there.
//!
//! | Twisted | polyloop |
//! | --- | --- |
//! | `transport.registerProducer(p, streaming=True)` | `consumer.register(transport, Registration::push(p))` |
//! | `transport.registerProducer(p, streaming=False)` | `consumer.register(transport, Registration::pull(p))` |
//! | `transport.unregisterProducer()` | `consumer.unregister(transport)`; a pull producer says [`Produced::Done`] |
//! | `transport.loseConnection()` with a producer | `consumer.close(transport)` |

mod registration;

use std::fmt;

use registration::Source;
pub use registration::{Produced, PullProducer, PushProducer, RegisterError, Registration};

use crate::promise::failure::Failure;
use crate::protocol::transport::{Transport, WriteLimits};

/// What a protocol holds so that producers can be registered with it.
///
/// The protocol passes on three events, and closes through it where the producer shall
/// finish first. An error of a producer's callback goes the same way back: with `?` it
/// ends the connection, as a broken flow control would otherwise buffer for ever
/// (PROD-07).
///
/// ```
/// use polyloop_core::*;
///
/// #[derive(Default)]
/// struct Download { consumer: Consumer }
///
/// impl Protocol for Download {
///     fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
///         // Any request gets the numbers from 1 to 1000, as the peer takes them.
///         let mut lines = 1..=1000;
///         let numbers = move |out: &mut Vec<u8>| {
///             let Some(number) = lines.next() else { return Ok(Produced::Done) };
///             out.extend_from_slice(format!("{number}\n").as_bytes());
///             Ok(Produced::More)
///         };
///         self.consumer.register(transport, Registration::pull(numbers))?;
///         self.consumer.close(transport); // when all of them are sent
///         Ok(())
///     }
///     fn pause_writing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
///         self.consumer.pause_writing()
///     }
///     fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         self.consumer.resume_writing(transport)
///     }
///     fn connection_lost(&mut self, _reason: CloseReason) {
///         self.consumer.connection_lost(); // first of all
///     }
/// }
/// ```
///
/// From outside: `connection.call(move |protocol, transport|
/// protocol.consumer.register(transport, registration))`.
#[derive(Default)]
pub struct Consumer {
    producer: Option<Registration>,
    /// The protocol was told to pause, and so was its push producer.
    paused: bool,
    /// The limits to restore when the pull producer goes.
    limits: Option<WriteLimits>,
    closing: bool,
    lost: bool,
}

/// A pull producer is asked when the buffer is empty, whatever the protocol's limits.
fn when_empty() -> WriteLimits {
    WriteLimits::with_high(0)
}

/// Takes what it produces whole, and leaves the sending to the driver, which lets other
/// connections have their turns.
fn while_asking() -> WriteLimits {
    WriteLimits::with_high(usize::MAX)
}

impl Consumer {
    /// Without a producer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a producer.
    ///
    /// A pull producer is asked at once, and then once each time that the write buffer
    /// has become empty (PROD-03). A push producer is told to pause and to resume, in
    /// pairs; if writing is paused already, it is told so at once (PROD-04).
    ///
    /// A second producer is refused and the first kept (PROD-01); on a connection that is
    /// closing or lost, none is taken (PROD-02). A producer that is not taken is told to
    /// stop.
    pub fn register(
        &mut self,
        transport: &mut dyn Transport,
        registration: Registration,
    ) -> Result<(), Failure> {
        if self.lost || self.closing || transport.is_closing() {
            return Err(Failure::new(RegisterError::Closed));
        }
        if self.producer.is_some() {
            return Err(Failure::new(RegisterError::Occupied));
        }
        let pulls = registration.pulls();
        self.producer = Some(registration);
        if pulls {
            self.limits = Some(transport.write_limits());
            self.ask(transport)
        } else if self.paused {
            self.tell_pause()
        } else {
            Ok(())
        }
    }

    /// Lets the producer go; it is not told to stop, for it knows. A close that waited for
    /// it goes on. False if there was none.
    pub fn unregister(&mut self, transport: &mut dyn Transport) -> bool {
        let Some(producer) = self.producer.take() else {
            return false;
        };
        if let Some(limits) = self.limits.take() {
            transport.set_write_limits(limits);
        }
        producer.finish();
        if self.closing {
            transport.close();
        }
        true
    }

    /// Whether a producer is registered.
    pub fn has_producer(&self) -> bool {
        self.producer.is_some()
    }

    /// Closes when the producer has unregistered and all is sent, push and pull producers
    /// alike; at once if there is none. Nothing more is received (PROD-06).
    pub fn close(&mut self, transport: &mut dyn Transport) {
        if self.producer.is_some() {
            self.closing = true;
            transport.pause_reading();
        } else {
            transport.close();
        }
    }

    /// To be called from [`Protocol::pause_writing`](crate::Protocol::pause_writing).
    pub fn pause_writing(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.paused, true) {
            return Ok(());
        }
        self.tell_pause()
    }

    fn tell_pause(&mut self) -> Result<(), Failure> {
        match self.producer.as_mut().map(Registration::source) {
            Some(Source::Push(producer)) => producer.pause_producing(),
            _ => Ok(()),
        }
    }

    /// To be called from [`Protocol::resume_writing`](crate::Protocol::resume_writing).
    pub fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let was_paused = std::mem::take(&mut self.paused);
        match self.producer.as_mut().map(Registration::source) {
            Some(Source::Push(producer)) if was_paused => producer.resume_producing(transport),
            Some(Source::Pull(_)) => self.ask(transport),
            _ => Ok(()),
        }
    }

    /// To be called first in
    /// [`Protocol::connection_lost`](crate::Protocol::connection_lost): the producer is
    /// told to stop, once (PROD-05). A consumer that is dropped does it as well.
    pub fn connection_lost(&mut self) {
        self.lost = true;
        drop(self.producer.take());
    }

    fn ask(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if transport.is_closing() {
            // The protocol closed past the consumer: nothing can be sent any more.
            drop(self.producer.take());
            return Ok(());
        }
        let Some(Source::Pull(producer)) = self.producer.as_mut().map(Registration::source) else {
            return Ok(());
        };
        let mut out = Vec::new();
        let answer = producer.produce(&mut out)?;
        transport.set_write_limits(while_asking());
        // In pieces, so that it goes through the buffer and not past it: only then there
        // is a moment when the buffer becomes empty.
        for piece in out.chunks(8 * 1024) {
            transport.write(piece)?;
        }
        match answer {
            Produced::Done => {
                self.unregister(transport);
                Ok(())
            }
            Produced::More if out.is_empty() => Err(Failure::message(
                "a pull producer gave nothing and was not done; a source that has to wait \
                 registers as a push producer",
            )),
            Produced::More => {
                transport.set_write_limits(when_empty());
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("producer", &self.producer)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
