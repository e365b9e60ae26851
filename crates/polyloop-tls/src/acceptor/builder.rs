//! What a [`TlsAcceptor`] is made of.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{KeyLogFile, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::TlsAcceptor;
use crate::config_error::TlsConfigError;
use crate::handshake;
use crate::identities::{Choice, Identities};
use crate::identity::Identity;
use crate::protocols::{checked, collect};
use crate::provider::default_provider;
use crate::witness::Witness;

/// How many sessions are kept for resumption.
const SESSIONS: usize = 1024;

/// Describes a [`TlsAcceptor`].
#[derive(Clone, Debug)]
#[must_use = "`build` makes the acceptor"]
pub struct TlsAcceptorBuilder {
    identities: Option<Identities>,
    clients: ClientCertificates,
    alpn: Vec<Vec<u8>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    key_log: bool,
    provider: Option<Arc<CryptoProvider>>,
    handshake_limit: Duration,
}

/// What a server wants to know of its clients.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// Nothing: no certificate is asked for.
    #[default]
    Unasked,
    /// A certificate is asked for. Who has none is welcome; one that does not come from these
    /// authorities is refused.
    Wanted(Arc<RootCertStore>),
    /// A certificate from one of these authorities is required.
    Required(Arc<RootCertStore>),
}

impl ClientCertificates {
    /// [`Wanted`](Self::Wanted).
    pub fn wanted(roots: impl Into<Arc<RootCertStore>>) -> Self {
        Self::Wanted(roots.into())
    }

    /// [`Required`](Self::Required).
    pub fn required(roots: impl Into<Arc<RootCertStore>>) -> Self {
        Self::Required(roots.into())
    }

    fn verifier(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsConfigError> {
        let made = |roots| WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
        Ok(match self {
            Self::Unasked => WebPkiClientVerifier::no_client_auth(),
            Self::Wanted(roots) => made(roots).allow_unauthenticated().build()?,
            Self::Required(roots) => made(roots).build()?,
        })
    }
}

impl Default for TlsAcceptorBuilder {
    fn default() -> Self {
        Self {
            identities: None,
            clients: ClientCertificates::Unasked,
            alpn: Vec::new(),
            versions: rustls::DEFAULT_VERSIONS.to_vec(),
            key_log: false,
            provider: None,
            handshake_limit: handshake::LIMIT,
        }
    }
}

impl TlsAcceptorBuilder {
    /// Who this server is, whatever name it is asked for.
    pub fn identity(self, identity: Identity) -> Self {
        self.identities(Identities::new(identity))
    }

    /// Who this server is under each of its names.
    pub fn identities(mut self, identities: Identities) -> Self {
        self.identities = Some(identities);
        self
    }

    /// Whether clients have to say who they are: not asked unless set.
    pub fn client_certificates(mut self, clients: ClientCertificates) -> Self {
        self.clients = clients;
        self
    }

    /// The protocols to speak over TLS, the preferred one first (ALPN). A client that has
    /// some to offer, and none of these, is refused.
    pub fn alpn<N: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = N>) -> Self {
        self.alpn = collect(protocols);
        self
    }

    /// The versions to speak: TLS 1.2 and 1.3 unless set.
    pub fn versions(mut self, versions: &[&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions.to_vec();
        self
    }

    /// Lets the environment variable `SSLKEYLOGFILE` name a file that the secrets of each
    /// connection are written to, for tools that look into captured traffic. Off unless
    /// called: whoever may set the environment can read along then.
    pub fn key_log_by_environment(mut self) -> Self {
        self.key_log = true;
        self
    }

    /// The cryptography to use. Unless set, the one that the program has installed with
    /// [`CryptoProvider::install_default`]; then that of the feature `ring`; then that of
    /// `aws-lc-rs`.
    pub fn provider(mut self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// How long a handshake may take: 60 s unless set (TLS-04). As a layer of a server it has
    /// the limit of [`ListenOptions`](polyloop_core::ListenOptions), too; the shorter one
    /// counts.
    pub fn handshake_limit(mut self, limit: Duration) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// Makes it. What is wrong with any of the parts is found here.
    pub fn build(self) -> Result<TlsAcceptor, TlsConfigError> {
        checked(&self.alpn)?;
        let identities = self.identities.ok_or(TlsConfigError::NoIdentity)?;
        let provider = match self.provider {
            Some(provider) => provider,
            None => default_provider()?,
        };
        let choice = Arc::new(Choice::new(&identities, provider.clone())?);
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)
            .map_err(TlsConfigError::Versions)?
            .with_client_cert_verifier(self.clients.verifier(&provider)?)
            .with_cert_resolver(Arc::new(Witness(choice.clone())));
        config.alpn_protocols = self.alpn;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(TlsAcceptor {
            config: Arc::new(config),
            time_of_loop: true,
            choice: Some(choice),
            handshake_limit: self.handshake_limit,
        })
    }
}
