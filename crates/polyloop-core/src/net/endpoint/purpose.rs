//! What an endpoint comes to for a client, and for a server: what stands below a type that
//! another crate has added, and the options that the text sets.

use std::borrow::Cow;

use super::parameter::{Parameter, Side};
use super::{Endpoint, Kind};
use crate::event_loop::names::Families;
use crate::net::{ConnectOptions, ListenOptions};
use crate::promise::failure::Failure;

/// Why an endpoint that was parsed well can't be used so.
#[derive(Debug)]
pub(in crate::net) enum Unusable {
    /// Something in it is for the other side, or missing for this one.
    Misused(String),
    /// Nothing here can do it.
    Unsupported(String),
    /// The type that another crate has added has failed.
    Scheme(Failure),
}

/// How many types may stand on one another.
const DEEPEST: usize = 8;

/// The endpoint to connect to, which is one of TCP with a host or a UNIX socket, and its
/// options.
pub(in crate::net) fn for_client<'a>(
    endpoint: &'a Endpoint,
    options: &mut ConnectOptions,
) -> Result<Cow<'a, Endpoint>, Unusable> {
    let mut endpoint = Cow::Borrowed(endpoint);
    for _ in 0..DEEPEST {
        endpoint.refuse_misplaced(Side::Clients)?;
        let below = match &endpoint.kind {
            Kind::Tcp { host: None, .. } => {
                return Err(Unusable::Misused("it names no host".to_owned()));
            }
            Kind::Tcp { v6, .. } => {
                if endpoint.is_every_interface() {
                    return Err(Unusable::Misused(
                        "every interface is to listen on".to_owned(),
                    ));
                }
                if *v6 {
                    options.lookup.families = Families::OnlyV6;
                }
                if let Some(limit) = endpoint.arguments.seconds("timeout") {
                    options.timeout = Some(limit);
                }
                if let Some(local) = endpoint.arguments.address("bindAddress") {
                    options.tcp.local_address = Some((local, 0).into());
                }
                return Ok(endpoint);
            }
            Kind::Fd => {
                return Err(Unusable::Misused(
                    "sockets that were passed on are to listen on".to_owned(),
                ));
            }
            Kind::Unix => {
                if let Some(limit) = endpoint.arguments.seconds("timeout") {
                    options.timeout = Some(limit);
                }
                return Ok(endpoint);
            }
            Kind::Tls => return Err(no_tls()),
            Kind::Other(scheme) => scheme
                .client(&endpoint.arguments, options)
                .map_err(Unusable::Scheme)?,
        };
        endpoint = Cow::Owned(below);
    }
    Err(too_deep())
}

/// The endpoint to listen on, which is one of TCP with a host, a UNIX socket or a socket that
/// was passed on, and its options.
pub(in crate::net) fn for_server(
    endpoint: &Endpoint,
    options: &mut ListenOptions,
) -> Result<Endpoint, Unusable> {
    let mut endpoint = endpoint.clone();
    for _ in 0..DEEPEST {
        endpoint.refuse_misplaced(Side::Servers)?;
        let below = match &mut endpoint.kind {
            Kind::Tcp { v6, host, .. } => {
                if *v6 {
                    options.lookup.families = Families::OnlyV6;
                }
                if let Some(backlog) = endpoint.arguments.number("backlog") {
                    options.backlog = backlog;
                }
                match (&host, endpoint.arguments.host("interface")) {
                    (Some(host), Some(interface)) => {
                        return Err(Unusable::Misused(format!(
                            "the host {host:?} and the interface {interface:?} are the same \
                             for a server, so one of them is to be given"
                        )));
                    }
                    (None, Some(interface)) => *host = Some(interface.to_owned()),
                    (None, None) => *host = Some(if *v6 { "::" } else { "0.0.0.0" }.to_owned()),
                    (Some(_), None) => {}
                }
                return Ok(endpoint);
            }
            Kind::Fd => return Ok(endpoint),
            Kind::Unix => {
                let given = &endpoint.arguments;
                if let Some(backlog) = given.number("backlog") {
                    options.backlog = backlog;
                }
                if let Some(mode) = given.mode("mode") {
                    options.unix.mode = Some(mode);
                }
                if let Some(replace) = given.switch("replaceStale") {
                    options.unix.replace_stale = replace;
                }
                return Ok(endpoint);
            }
            Kind::Tls => return Err(no_tls()),
            Kind::Other(scheme) => scheme
                .server(&endpoint.arguments, options)
                .map_err(Unusable::Scheme)?,
        };
        endpoint = below;
    }
    Err(too_deep())
}

fn no_tls() -> Unusable {
    Unusable::Unsupported(
        "nothing was given that speaks TLS; `polyloop-tls` makes an endpoint and a layer of such a text (`server_endpoint`, `client_endpoint`)"
            .to_owned(),
    )
}

fn too_deep() -> Unusable {
    Unusable::Misused(format!(
        "its types stand on one another, over {DEEPEST} deep"
    ))
}

impl Endpoint {
    fn refuse_misplaced(&self, here: Side) -> Result<(), Unusable> {
        let parameters: &[Parameter] = self.kind.parameters();
        match self.arguments.misplaced(parameters, here) {
            Some(name) if here == Side::Clients => {
                Err(Unusable::Misused(format!("{name}= is for listening")))
            }
            Some(name) => Err(Unusable::Misused(format!("{name}= is for connecting"))),
            None => Ok(()),
        }
    }
}
