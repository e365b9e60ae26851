//! [`Identities`]: who a server is, under each of its names.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config_error::TlsConfigError;
use crate::identity::Identity;

/// Who a server is, to clients that ask for one of its names (SNI) and to all others.
///
/// ```no_run
/// # fn main() -> Result<(), polyloop_tls::TlsConfigError> {
/// use polyloop_tls::{Identities, Identity, TlsAcceptor};
///
/// let main = Identity::from_pem_files("main.pem", "main.key")?;
/// let blog = Identity::from_pem_files("blog.pem", "blog.key")?;
/// let acceptor = TlsAcceptor::builder()
///     .identities(Identities::new(main).and_for("blog.example", blog))
///     .build()?;
/// # drop(acceptor); Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Identities {
    other: Identity,
    named: Vec<(String, Identity)>,
}

impl Identities {
    /// This one, whatever is asked for.
    pub fn new(identity: Identity) -> Self {
        Self {
            other: identity,
            named: Vec::new(),
        }
    }

    /// This one for clients that ask for `name`, which may begin with `*.` for one label. The
    /// certificate has to be for that name.
    pub fn and_for(mut self, name: impl Into<String>, identity: Identity) -> Self {
        self.named.push((name.into(), identity));
        self
    }
}

/// The identities as they are now, for handshakes to choose from.
#[derive(Debug)]
pub(crate) struct Choice {
    provider: Arc<CryptoProvider>,
    table: RwLock<Table>,
}

#[derive(Debug)]
struct Table {
    other: Arc<CertifiedKey>,
    named: Vec<(String, Arc<CertifiedKey>)>,
}

impl Choice {
    pub(crate) fn new(
        identities: &Identities,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsConfigError> {
        let table = RwLock::new(Table::new(identities, &provider)?);
        Ok(Self { provider, table })
    }

    /// From the next handshake on.
    pub(crate) fn replace(&self, identities: &Identities) -> Result<(), TlsConfigError> {
        let table = Table::new(identities, &self.provider)?;
        let mut current = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = std::mem::replace(&mut *current, table);
        drop(current);
        drop(replaced);
        Ok(())
    }
}

impl Table {
    fn new(identities: &Identities, provider: &CryptoProvider) -> Result<Self, TlsConfigError> {
        let mut named = Vec::new();
        for (name, identity) in &identities.named {
            let certified = identity.certified(provider)?;
            check_name(name, identity, &certified)?;
            named.push((name.to_ascii_lowercase(), certified));
        }
        Ok(Self {
            other: identities.other.certified(provider)?,
            named,
        })
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let exact = self.named.iter().find(|(known, _)| known == name);
        let found = exact.or_else(|| {
            let (_, domain) = name.split_once('.')?;
            self.named
                .iter()
                .find(|(known, _)| known.strip_prefix("*.") == Some(domain))
        });
        found.map(|(_, certified)| certified)
    }
}

fn check_name(
    name: &str,
    identity: &Identity,
    certified: &CertifiedKey,
) -> Result<(), TlsConfigError> {
    // Any label stands for all of them.
    let example = match name.strip_prefix("*.") {
        Some(domain) => format!("any.{domain}"),
        None => name.to_owned(),
    };
    let server_name = ServerName::try_from(example).map_err(|_| TlsConfigError::InvalidName {
        name: name.to_owned(),
    })?;
    let checked = certified
        .end_entity_cert()
        .and_then(ParsedCertificate::try_from)
        .and_then(|certificate| verify_server_name(&certificate, &server_name));
    checked.map_err(|error| match error {
        rustls::Error::InvalidCertificate(problem) => TlsConfigError::WrongName {
            name: name.to_owned(),
            origin: identity.chain_origin.clone(),
            problem,
        },
        source => TlsConfigError::BadCertificate {
            origin: identity.chain_origin.clone(),
            source,
        },
    })
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let named = hello.server_name().and_then(|name| table.find(name));
        Some(named.unwrap_or(&table.other).clone())
    }
}
