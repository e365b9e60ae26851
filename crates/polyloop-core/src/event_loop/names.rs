//! Names: from a host name to its addresses, and who is asked for them.
//!
//! Each loop has one [`NameResolver`], which can be replaced; until then it asks what its
//! [backend](crate::backend::Backend::lookup) does, which for real loops is the system.
//! What a resolver is spared is done here, once: addresses that are written out, names in
//! other scripts, the time limit, the families and their order, the port.

mod ask;
mod error;
mod international;
mod query;
mod resolver;

use std::future::Future;
use std::net::SocketAddr;

use crate::event_loop::backend::Backend;
use crate::promise::discard::Guarded;
use crate::sync::primitive::Arc;
pub(crate) use ask::written_out;
pub use error::LookupError;
pub use query::{Families, LookupOptions, Query, SocketType};
pub use resolver::{Lookup, NameResolver};

/// What a loop keeps of a resolver that it was given.
pub(crate) type Installed = Guarded<Arc<dyn NameResolver>>;

/// Host names.
///
/// ```
/// use polyloop_core::{LookupError, Resolve};
///
/// async fn first<R: Resolve>(lp: &R) -> Result<(), LookupError> {
///     for address in lp.resolve("localhost", 80).await? {
///         println!("{address}");
///     }
///     Ok(())
/// }
/// ```
pub trait Resolve: Send + Sync {
    /// Looks `host` up without blocking the loop (DNS-01): its addresses in the resolver's
    /// order, each once, with `port` filled in (DNS-03), within 30 s (DNS-04). A name
    /// without an address is an error of its own (DNS-02).
    ///
    /// An address that is written out is its own answer, and nobody is asked (CLI-12). Cancel
    /// safe.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, LookupError>> + Send;

    /// [`resolve`](Self::resolve) with options of your own: families, their order, the limit.
    fn resolve_with(
        &self,
        host: &str,
        port: u16,
        options: &LookupOptions,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, LookupError>> + Send;

    /// Asks `resolver` from now on, for whatever is looked up on this loop: by
    /// [`resolve`](Self::resolve), [`connect`](crate::Loop::connect) and
    /// [`serve`](crate::Loop::serve) (DNS-05). Lookups that are under way end as they began.
    ///
    /// The loop keeps it until it is replaced, or the loop is
    /// [closed](crate::Lifecycle::close). One that holds the loop in turn keeps it alive for
    /// that long, too.
    ///
    /// ```
    /// use polyloop_core::{Query, Resolve};
    ///
    /// fn know_one_host<R: Resolve>(lp: &R) {
    ///     lp.set_resolver(|query: Query| async move {
    ///         Ok(match query.host() {
    ///             "db.example" => vec![([10, 0, 0, 7], 0).into()],
    ///             _ => Vec::new(),
    ///         })
    ///     });
    /// }
    /// ```
    fn set_resolver<R: NameResolver>(&self, resolver: R);

    /// Goes back to the resolver that the loop was made with.
    fn reset_resolver(&self);
}

impl<B: Backend> Resolve for B {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
        ask::resolve(self, host, port, &LookupOptions::default()).await
    }

    async fn resolve_with(
        &self,
        host: &str,
        port: u16,
        options: &LookupOptions,
    ) -> Result<Vec<SocketAddr>, LookupError> {
        ask::resolve(self, host, port, options).await
    }

    fn set_resolver<R: NameResolver>(&self, resolver: R) {
        self.state().set_resolver(Some(Arc::new(resolver)));
    }

    fn reset_resolver(&self) {
        self.state().set_resolver(None);
    }
}
