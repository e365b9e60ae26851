//! Connections from the outside: the typed [`Connection`] and the untyped
//! [`TransportHandle`].
//!
//! Both post to the connection's mailbox; its own task does the work, between two
//! callbacks. Nothing is locked to read, to write or to call back, and a protocol's
//! state needs no lock. A connection that nobody reaches from outside has no mailbox.

pub(crate) mod alarm;
mod carrier;
mod closing;
pub(crate) mod driver;
mod handle;
mod idle;
mod io;
mod mailbox;
mod rare;
pub(crate) mod timers;
mod view;
mod write_buffer;

use std::any::{TypeId, type_name};
use std::marker::PhantomData;
use std::ops::Deref;

use thiserror::Error;

pub use closing::CutShort;
pub use handle::TransportHandle;
pub use idle::IdleLimitPassed;
pub(crate) use mailbox::Mailbox;
use mailbox::Message;

use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::{Guarded, discard};
use crate::promise::failure::{Failure, catch};
use crate::protocol::Protocol;
use crate::protocol::transport::Transport;
use crate::sync::primitive::Arc;

/// A connection, and the protocol that drives it.
///
/// It is a [`TransportHandle`] that knows the protocol, and has all of its methods; its own
/// [`call`](Self::call) and [`post`](Self::post) come with the protocol. Dropping it leaves
/// the connection open; [`close`](TransportHandle::close) or
/// [`abort`](TransportHandle::abort) end it. Clones are the same connection.
///
/// ```no_run
/// # use polyloop_core::*;
/// struct Client { received: Vec<u8> }
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
/// #         self.received.extend_from_slice(data); Ok(())
/// #     }
/// # }
/// # async fn demo<L: Loop>(lp: &L) -> Result<(), Failure> {
/// let connection = lp.connect("127.0.0.1:7", || Client { received: Vec::new() }).await?;
/// // The closure runs on the connection's own task.
/// let so_far = connection.call(|client, transport| {
///     transport.write(b"hello").map(|_| client.received.len())
/// }).await??;
/// connection.close();
/// println!("{so_far} bytes, {}", connection.closed().await);
/// # Ok(()) }
/// ```
///
/// A protocol makes one of its own transport, for others to reach it by:
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use polyloop_core::*;
/// /// Every player, by name.
/// struct Table { players: Mutex<Vec<Connection<Player>>> }
/// struct Player { table: Arc<Table>, points: u32 }
///
/// impl Protocol for Player {
///     fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         self.table.players.lock().unwrap().push(Connection::of(transport));
///         Ok(())
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
///         for player in self.table.players.lock().unwrap().iter() {
///             player.post(|player, transport| {
///                 player.points += 1;
///                 transport.write(b"a point for everybody\n")?;
///                 Ok(())
///             });
///         }
///         Ok(())
///     }
/// }
/// ```
pub struct Connection<P: 'static> {
    handle: TransportHandle,
    protocol: PhantomData<fn(&mut P)>,
}

impl<P: 'static> Connection<P> {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        TransportHandle::new(mailbox).into()
    }

    /// The connection of a transport, to reach its protocol by from everywhere
    /// (PROTO-14). `P` is that protocol, or one inside of it: what a
    /// [`Switchable`](crate::Switchable) has active, what a box or a
    /// [`Buffered`](crate::Buffered) holds, what [`Protocol::reach`] finds.
    ///
    /// It is not looked for here. Where there is no `P` when a call is to be made, the call
    /// fails with [`ProtocolReplaced`].
    pub fn of(transport: &dyn Transport) -> Self {
        transport.handle().into()
    }

    /// Runs `f` on the connection's own task and promises its result.
    ///
    /// Calls run in the order they were made, between two callbacks. Once the
    /// connection is lost the promise fails with [`ConnectionLost`]. A panic in `f`
    /// fails the promise and, since the protocol's state can't be trusted any more,
    /// ends the connection. Cancelling the promise does not stop the call.
    pub fn call<F, R>(&self, f: F) -> Deferred<R>
    where
        F: FnOnce(&mut P, &mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (resolver, promise) = Deferred::new();
        self.handle
            .mailbox
            .post(Message::Call(Guarded::new(Box::new(move |target| {
                let Some((protocol, transport)) = target else {
                    refuse(resolver, ConnectionLost);
                    return Ok(());
                };
                let Some(protocol) = find::<P>(protocol) else {
                    discard(f);
                    refuse(resolver, ProtocolReplaced::of::<P>());
                    return Ok(());
                };
                run(resolver, || f(protocol, transport))
            }))));
        promise
    }

    /// Runs `f` on the connection's own task, with nobody to wait for it. An error or a
    /// panic in it ends the connection, as in any callback; a connection that is lost, or
    /// has no `P` any more, drops it.
    pub fn post<F>(&self, f: F)
    where
        F: FnOnce(&mut P, &mut dyn Transport) -> Result<(), Failure> + Send + 'static,
    {
        self.handle
            .mailbox
            .post(Message::Call(Guarded::new(Box::new(
                move |target| match target {
                    Some((protocol, transport)) => {
                        if let Some(protocol) = find::<P>(protocol) {
                            f(protocol, transport)
                        } else {
                            discard(f);
                            Ok(())
                        }
                    }
                    None => Ok(()),
                },
            ))));
    }

    /// An untyped handle to the same connection.
    pub fn handle(&self) -> TransportHandle {
        self.handle.clone()
    }
}

impl<P: 'static> From<TransportHandle> for Connection<P> {
    /// As [`Connection::of`], of a handle to the transport.
    fn from(handle: TransportHandle) -> Self {
        Self {
            handle,
            protocol: PhantomData,
        }
    }
}

impl<P: 'static> Deref for Connection<P> {
    type Target = TransportHandle;

    fn deref(&self) -> &TransportHandle {
        &self.handle
    }
}

/// A call came too late: its connection was lost.
#[derive(Clone, Debug, Error)]
#[error("the connection was lost before the call was made")]
#[non_exhaustive]
pub struct ConnectionLost;

/// A call found another protocol than the one it was for: a
/// [`Switchable`](crate::Switchable) has replaced it, or the
/// [`Connection`] was [made](Connection::of) of a transport whose protocol is not of that
/// type.
#[derive(Clone, Debug, Error)]
#[error("the connection has no protocol `{wanted}` (any more), which the call was for")]
#[non_exhaustive]
pub struct ProtocolReplaced {
    /// The type that was looked for.
    pub wanted: &'static str,
}

impl ProtocolReplaced {
    fn of<P>() -> Self {
        Self {
            wanted: type_name::<P>(),
        }
    }
}

fn find<P: 'static>(protocol: &mut dyn Protocol) -> Option<&mut P> {
    protocol.reach(TypeId::of::<P>())?.downcast_mut()
}

/// Settles the promise; what a panic left behind is for the driver to judge.
fn run<R: Send>(resolver: Resolver<R>, f: impl FnOnce() -> R) -> Result<(), Failure> {
    match catch(|| Ok(f())) {
        Ok(value) => {
            // Nobody may be waiting for it.
            discard(resolver.resolve(value));
            Ok(())
        }
        Err(failure) => {
            let _ = resolver.reject(failure.clone());
            Err(failure)
        }
    }
}

fn refuse<R, E>(resolver: Resolver<R>, error: E)
where
    R: Send,
    E: std::error::Error + Send + Sync + 'static,
{
    let _ = resolver.reject(Failure::new(error));
}

impl<P: 'static> Clone for Connection<P> {
    fn clone(&self) -> Self {
        self.handle().into()
    }
}

impl<P: 'static> std::fmt::Debug for Connection<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer_addr())
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}
