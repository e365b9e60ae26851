//! `tls:` endpoints: what the text of a program's `--listen` or `--connect` comes to.
//!
//! core knows the arguments and can't do anything with them. Here they become an endpoint of
//! TCP and a layer, which has nothing to do where the endpoint is another one: so a program
//! takes both kinds in one line.
//!
//! No [`Scheme`](polyloop_core::Scheme) does that: it is asked at each connect, and what it
//! gives is an endpoint with options of types that are fixed then. A layer is a type, which is
//! what keeps it free where nothing is between a socket and its protocol; a scheme could bring
//! one in a box alone, and then every stream of every program would be one. Here the type is
//! chosen once, by the call that makes it; files are read before a socket is open, so what is
//! wrong with them is told first; and the acceptor is at hand, to be reloaded.

use std::path::Path;

use polyloop_core::{Endpoint, IntoEndpoint, quote};
use rustls::RootCertStore;

use crate::acceptor::{ClientCertificates, TlsAcceptor};
use crate::config_error::TlsConfigError;
use crate::connector::TlsConnector;
use crate::identity::Identity;
use crate::maybe::MaybeTls;
use crate::roots::roots_from_pem_file;

/// What is TCP's affair.
const BELOW: [&str; 6] = [
    "host",
    "port",
    "interface",
    "backlog",
    "timeout",
    "bindAddress",
];

/// Where to connect, and what to put there: of `tls:` a connector, and nothing of any other
/// endpoint, which is given back as it is. Blocks while it reads files.
///
/// | argument | what |
/// | --- | --- |
/// | `trustRoots` | a file of PEM sections, or a directory of such (`.pem`), to trust; unless given, what the system trusts |
/// | `hostname` | the name to ask for, and to expect a certificate for; otherwise the host |
/// | `privateKey`, `certKey`, `extraCertChain` | who this client is, as below |
/// | `alpn` | the protocols to speak, the preferred one first: `alpn=h2,http/1.1` |
///
/// ```no_run
/// use polyloop_core::{ConnectOptions, Connected, Failure, Loop, ProtocolFactory};
///
/// /// `example.org:80` or `tls:example.org:443`.
/// async fn connect<L: Loop, F: ProtocolFactory>(lp: &L, to: &str, factory: F) -> Result<Connected<F>, Failure> {
///     let (endpoint, tls) = polyloop_tls::client_endpoint(to)?;
///     let options = ConnectOptions::new().layer(tls);
///     Ok(lp.connect_with(endpoint, options, factory).await?)
/// }
/// ```
///
/// # Errors
/// What is wrong with a file, which it names, or with the text, and where in it.
pub fn client_endpoint(
    endpoint: impl IntoEndpoint,
) -> Result<(Endpoint, MaybeTls<TlsConnector>), TlsConfigError> {
    let endpoint = endpoint.into_endpoint()?;
    if endpoint.scheme() != "tls" {
        return Ok((endpoint, MaybeTls::plain()));
    }
    let mut builder = TlsConnector::builder().alpn(endpoint.arguments().names("alpn"));
    if let Some(roots) = trusted(&endpoint)? {
        builder = builder.roots(roots);
    }
    if let Some(name) = endpoint.arguments().host("hostname") {
        builder = builder.server_name(name);
    }
    if let Some(identity) = identity(&endpoint)? {
        builder = builder.identity(identity);
    }
    let connector = builder.build()?;
    Ok((below(&endpoint)?, MaybeTls::of(connector)))
}

/// Where to listen, and what to put there: of `tls:` an acceptor, and nothing of any other
/// endpoint, which is given back as it is. Blocks while it reads files.
///
/// | argument | what |
/// | --- | --- |
/// | `privateKey` | the file of the private key, which a server has to have |
/// | `certKey` | the file of its certificate; otherwise that of the key |
/// | `extraCertChain` | a file with those that lead to its authority |
/// | `trustRoots` | whose clients are let in: a file or a directory, as above; unless given, all |
/// | `alpn` | the protocols to speak, the preferred one first; a client that has some to offer, and none of these, is refused |
///
/// ```no_run
/// use polyloop_core::{Failure, ListenOptions, Loop, ProtocolFactory, Server};
///
/// /// `*:6379` or `tls:6379:privateKey=server.pem`.
/// async fn serve<L: Loop, F: ProtocolFactory>(lp: &L, at: &str, factory: F) -> Result<Server<F::Protocol>, Failure> {
///     let (endpoint, tls) = polyloop_tls::server_endpoint(at)?;
///     let options = ListenOptions::new().layer(tls);
///     Ok(lp.serve_with(endpoint, options, factory).await?)
/// }
/// ```
///
/// # Errors
/// What is wrong with a file, which it names, or with the text, and where in it;
/// [`TlsConfigError::NoIdentity`] without a key.
pub fn server_endpoint(
    endpoint: impl IntoEndpoint,
) -> Result<(Endpoint, MaybeTls<TlsAcceptor>), TlsConfigError> {
    let endpoint = endpoint.into_endpoint()?;
    if endpoint.scheme() != "tls" {
        return Ok((endpoint, MaybeTls::plain()));
    }
    let mut builder = TlsAcceptor::builder().alpn(endpoint.arguments().names("alpn"));
    if let Some(identity) = identity(&endpoint)? {
        builder = builder.identity(identity);
    }
    if let Some(roots) = trusted(&endpoint)? {
        builder = builder.client_certificates(ClientCertificates::required(roots));
    }
    let acceptor = builder.build()?;
    Ok((below(&endpoint)?, MaybeTls::of(acceptor)))
}

/// The endpoint of TCP that it stands on.
fn below(endpoint: &Endpoint) -> Result<Endpoint, TlsConfigError> {
    let mut parts = vec!["tcp".to_owned()];
    for (name, value) in endpoint.arguments().iter() {
        if BELOW.contains(&name) {
            parts.push(format!("{name}={}", quote(value)));
        }
    }
    parts.join(":").parse().map_err(TlsConfigError::Endpoint)
}

fn identity(endpoint: &Endpoint) -> Result<Option<Identity>, TlsConfigError> {
    let given = endpoint.arguments();
    let Some(key) = given.get("privateKey") else {
        return Ok(None);
    };
    let certificate = given.get("certKey").unwrap_or(key);
    let mut identity = Identity::from_pem_files(certificate, key)?;
    if let Some(chain) = given.get("extraCertChain") {
        identity.lead_on(chain)?;
    }
    Ok(Some(identity))
}

fn trusted(endpoint: &Endpoint) -> Result<Option<RootCertStore>, TlsConfigError> {
    let Some(given) = endpoint.arguments().get("trustRoots") else {
        return Ok(None);
    };
    let path = Path::new(given);
    if !path.is_dir() {
        return roots_from_pem_file(path).map(Some);
    }
    let unread = |source| TlsConfigError::Read {
        path: given.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for entry in std::fs::read_dir(path).map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        if file.extension().is_some_and(|extension| extension == "pem") {
            roots.roots.extend(roots_from_pem_file(file)?.roots);
        }
    }
    if roots.is_empty() {
        let origin = format!("{given} (its files with the ending .pem)");
        return Err(TlsConfigError::NoCertificate { origin });
    }
    Ok(Some(roots))
}
