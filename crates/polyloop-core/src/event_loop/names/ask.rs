//! Asking a loop's resolver, and what it is spared.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;

use super::error::LookupError;
use super::query::{LookupOptions, Query};
use crate::event_loop::backend::Backend;
use crate::event_loop::timers::within;

pub(super) async fn resolve<B: Backend>(
    backend: &B,
    host: &str,
    port: u16,
    options: &LookupOptions,
) -> Result<Vec<SocketAddr>, LookupError> {
    let families = options.families;
    if let Some(address) = written_out(host, port) {
        return if families.include(&address) {
            Ok(vec![address])
        } else {
            Err(LookupError::WrongFamily {
                address: address.ip(),
                families,
            })
        };
    }
    let query = Query::with(host, options)?;
    let found = within(backend, options.timeout, ask(backend, query)).await;
    let mut found = match found {
        Some(Ok(found)) => found,
        Some(Err(source)) => {
            return Err(LookupError::Failed {
                host: host.to_owned(),
                source,
            });
        }
        None => {
            return Err(LookupError::TimedOut {
                host: host.to_owned(),
                limit: options.timeout.unwrap_or_default(),
            });
        }
    };
    for address in &mut found {
        if address.port() == 0 {
            address.set_port(port);
        }
    }
    families.arrange(&mut found);
    // A resolver may list an address once per kind of socket.
    let mut seen = HashSet::with_capacity(found.len());
    found.retain(|address| seen.insert(*address));
    if found.is_empty() {
        return Err(LookupError::NotFound {
            host: host.to_owned(),
            families,
        });
    }
    Ok(found)
}

/// The address that `host` is, if it is one: then nobody has to be asked (CLI-12).
pub(crate) fn written_out(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse() {
        return Some(SocketAddr::new(ip, port));
    }
    // An IPv6 address with a scope, fe80::1%2, is one only together with a port.
    if host.contains('%') {
        return format!("[{host}]:{port}").parse().ok();
    }
    None
}

async fn ask<B: Backend>(backend: &B, query: Query) -> io::Result<Vec<SocketAddr>> {
    match backend.state().resolver() {
        Some(resolver) => resolver.lookup(query).await,
        None => backend.lookup(query).await,
    }
}
