//! [`ProtocolFactory`]: makes a protocol for each connection.

use crate::event_loop::context;
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::protocol::Protocol;
use crate::protocol::peer::Peer;

/// Makes protocol instances, one per connection.
///
/// Any `FnMut() -> P` is one. Implement it to look at the peer, to decline a connection,
/// or to be told when listening begins and ends.
///
/// ```
/// use polyloop_core::{Peer, Protocol, ProtocolFactory};
///
/// /// Serves this machine only.
/// struct LocalOnly<F>(F);
///
/// impl<P: Protocol, F: FnMut() -> P + Send + 'static> ProtocolFactory for LocalOnly<F> {
///     type Protocol = P;
///     fn build_protocol(&mut self, peer: &Peer) -> Option<P> {
///         peer.address().ip()?.is_loopback().then(|| (self.0)())
///     }
/// }
/// ```
///
/// What was negotiated on a secure connection is known before there is a protocol:
///
/// ```
/// use polyloop_core::{Peer, Protocol, ProtocolFactory, Secure};
/// # use polyloop_core::{Failure, Transport};
/// # struct Http1; struct Http2;
/// # impl Protocol for Http1 { fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> { Ok(()) } }
/// # impl Protocol for Http2 { fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> { Ok(()) } }
///
/// struct Http;
///
/// impl ProtocolFactory for Http {
///     type Protocol = Box<dyn Protocol>;
///     fn build_protocol(&mut self, peer: &Peer) -> Option<Box<dyn Protocol>> {
///         Some(match peer.secure().and_then(Secure::protocol) {
///             Some(b"h2") => Box::new(Http2),
///             _ => Box::new(Http1),
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make protocols",
    label = "expected a factory, such as a closure that returns a protocol",
    note = "a factory makes a protocol for each connection: for a type `P` that is a \
            protocol, write `|| P`",
    note = "it is `Send` and `'static`: what a closure uses is moved into it"
)]
pub trait ProtocolFactory: Send + 'static {
    /// What it makes.
    type Protocol: Protocol;

    /// Makes the protocol for a connection with `peer`, or declines it with `None`:
    /// then a server closes the connection and a client's connect fails (FACT-01,
    /// FACT-02). If it panics, that connection is closed; a server reports the panic and
    /// goes on (FACT-03), a client's connect fails with it (FACT-04).
    fn build_protocol(&mut self, peer: &Peer) -> Option<Self::Protocol>;

    /// The first port it serves is open, or its connection is about to be made
    /// (FACT-05 to FACT-07). If it panics, that is the error of the call that started it
    /// (FACT-09).
    fn start_factory(&mut self) {}

    /// The last port it serves is closed, or its connection has failed or ended. If it
    /// panics, that is reported (FACT-09).
    fn stop_factory(&mut self) {}
}

/// A factory that was started, and is stopped when this is dropped. Whatever of it panics,
/// its destructor included, is an error or a report and goes no further (FACT-09).
pub(crate) struct Started<F: ProtocolFactory> {
    factory: Guarded<F>,
}

impl<F: ProtocolFactory> Started<F> {
    /// Starts it; what its hook panics with is the error.
    pub(crate) fn new(factory: F) -> Result<Self, Failure> {
        let mut factory = Guarded::new(factory);
        catch(|| {
            factory.start_factory();
            Ok(())
        })?;
        Ok(Self { factory })
    }

    /// Asks for a protocol; a panic is an error.
    pub(crate) fn build(&mut self, peer: &Peer) -> Result<Option<F::Protocol>, Failure> {
        catch(|| Ok(self.factory.build_protocol(peer)))
    }
}

impl<F: ProtocolFactory> Drop for Started<F> {
    fn drop(&mut self) {
        let stopped = catch(|| {
            if !context::is_killed() {
                self.factory.stop_factory();
            }
            Ok(())
        });
        if let Err(failure) = stopped {
            report_here("a factory failed to stop", &failure);
        }
    }
}

impl<F, P> ProtocolFactory for F
where
    F: FnMut() -> P + Send + 'static,
    P: Protocol,
{
    type Protocol = P;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<P> {
        Some(self())
    }
}
