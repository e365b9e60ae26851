//! What the checks of secure connections have in common: two certificates that are good for
//! nothing else, and both sides with them.

pub(crate) mod ends;
pub(crate) mod handshakes;
pub(crate) mod upgrades;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use polyloop_core::{CloseReason, ConnectOptions, Connection, ListenOptions, Loop, Server};
use polyloop_tls::{
    Identity, TlsAcceptor, TlsAcceptorBuilder, TlsConnector, TlsConnectorBuilder, TlsError,
    roots_from_pem,
};

use crate::fault::{Fault, Verdict};
use crate::probe::{Journal, Once, Probe, until};

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Whose certificate the server has, beside that of 127.0.0.1.
const NAME: &str = "server.test";

fn acceptor() -> Verdict<TlsAcceptorBuilder> {
    let pem = include_str!("tls/server.pem");
    Ok(TlsAcceptor::builder().identity(Identity::from_pem(pem, pem)?))
}

fn connector() -> Verdict<TlsConnectorBuilder> {
    let roots = roots_from_pem(include_str!("tls/authority.pem"))?;
    Ok(TlsConnector::builder().roots(roots))
}

/// A server of probes over TLS.
async fn serve<L: Loop>(
    lp: &L,
    probe: impl FnMut() -> Probe + Send + 'static,
) -> Verdict<Server<Probe>> {
    let options = ListenOptions::new().layer(acceptor()?.build()?);
    Ok(lp.serve_with(ANYWHERE, options, probe).await?)
}

/// Two probes over TLS.
async fn pair<L: Loop>(
    lp: &L,
    server: impl FnMut() -> Probe + Send + 'static,
    client: Probe,
) -> Verdict<(Server<Probe>, Connection<Probe>)> {
    let server = serve(lp, server).await?;
    let options = ConnectOptions::new().layer(connector()?.build()?);
    let client = lp.connect_with(server.local_addr(), options, Once::new(client));
    Ok((server, client.await?))
}

async fn loss<L: Loop>(lp: &L, journal: &Journal) -> Verdict<CloseReason> {
    until(lp, "the loss", || journal.has("lost")).await?;
    let lost = journal.lost();
    lost.ok_or_else(|| Fault::new("no loss in the journal"))
}

/// What TLS has to say about it.
fn told(reason: &CloseReason) -> Option<&TlsError> {
    reason.error().and_then(|failure| TlsError::of(failure))
}
