//! [`NameResolver`]: who knows the addresses of names.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use super::query::Query;

/// What [`NameResolver::lookup`] returns.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Who knows the addresses of names: Twisted's `IHostnameResolver`.
///
/// A loop takes one with [`set_resolver`](super::Resolve::set_resolver) (DNS-05). It has
/// little to do: the loop answers for addresses that are written out, turns names of other
/// scripts into their ASCII form, ends what takes too long by dropping it, leaves out what
/// is of the wrong family or there twice, and puts the port that was asked for in place of 0.
///
/// Any closure from a [`Query`] to a future is one. As a type of your own:
///
/// ```
/// use std::{collections::HashMap, net::SocketAddr};
/// use polyloop_core::{Lookup, NameResolver, Query};
///
/// /// Knows what it was told.
/// struct Hosts(HashMap<String, Vec<SocketAddr>>);
///
/// impl NameResolver for Hosts {
///     fn lookup(&self, query: Query) -> Lookup<'_> {
///         Box::pin(async move { Ok(self.0.get(query.host()).cloned().unwrap_or_default()) })
///     }
/// }
/// ```
pub trait NameResolver: Send + Sync + 'static {
    /// The addresses of [`query.host()`](Query::host), in the order to be tried. Their port
    /// is 0, unless this resolver knows better where the service is.
    ///
    /// An empty answer says that there is no such name, or that it has no such address; an
    /// error, that the question could not be answered this time (DNS-02). It is polled by
    /// the task that asks, so it must not block.
    fn lookup(&self, query: Query) -> Lookup<'_>;
}

impl<F, A> NameResolver for F
where
    F: Fn(Query) -> A + Send + Sync + 'static,
    A: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn lookup(&self, query: Query) -> Lookup<'_> {
        Box::pin(self(query))
    }
}
