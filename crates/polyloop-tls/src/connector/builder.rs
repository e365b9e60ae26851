//! What a [`TlsConnector`] is made of.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, KeyLogFile, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::TlsConnector;
use crate::config_error::TlsConfigError;
use crate::connector::server_name;
use crate::handshake;
use crate::identity::Identity;
use crate::protocols::{checked, collect};
use crate::provider::default_provider;

/// Describes a [`TlsConnector`].
#[derive(Clone, Debug)]
#[must_use = "`build` makes the connector"]
pub struct TlsConnectorBuilder {
    roots: Option<Arc<RootCertStore>>,
    alpn: Vec<Vec<u8>>,
    server_name: Option<String>,
    identity: Option<Identity>,
    versions: Vec<&'static SupportedProtocolVersion>,
    key_log: bool,
    provider: Option<Arc<CryptoProvider>>,
    handshake_limit: Duration,
}

impl Default for TlsConnectorBuilder {
    fn default() -> Self {
        Self {
            roots: None,
            alpn: Vec::new(),
            server_name: None,
            identity: None,
            versions: rustls::DEFAULT_VERSIONS.to_vec(),
            key_log: false,
            provider: None,
            handshake_limit: handshake::LIMIT,
        }
    }
}

impl TlsConnectorBuilder {
    /// Trusts these, and nobody else. Unless set, whom the system trusts (feature
    /// `platform-roots`).
    pub fn roots(mut self, roots: impl Into<Arc<RootCertStore>>) -> Self {
        self.roots = Some(roots.into());
        self
    }

    /// The protocols to speak over TLS, the preferred one first (ALPN).
    pub fn alpn<N: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = N>) -> Self {
        self.alpn = collect(protocols);
        self
    }

    /// Asks for this name, and expects a certificate for it, whatever the host is called that
    /// is connected to.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Who this client is, to servers that want to know.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
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

    /// How long a handshake may take: 60 s unless set (TLS-04). As a layer of a client it
    /// counts into the limit of the connect, too.
    pub fn handshake_limit(mut self, limit: Duration) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// Makes it. What is wrong with any of the parts is found here.
    pub fn build(self) -> Result<TlsConnector, TlsConfigError> {
        checked(&self.alpn)?;
        let server_name = match self.server_name {
            None => None,
            Some(name) => {
                Some(server_name(&name).map_err(|_| TlsConfigError::InvalidName { name })?)
            }
        };
        let provider = match self.provider {
            Some(provider) => provider,
            None => default_provider()?,
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)
            .map_err(TlsConfigError::Versions)?;
        let builder = match self.roots {
            Some(roots) if roots.is_empty() => return Err(TlsConfigError::NoRoots),
            Some(roots) => builder.with_root_certificates(roots),
            None => builder
                .dangerous()
                .with_custom_certificate_verifier(platform_verifier(&provider)?),
        };
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let one = OneIdentity(identity.certified(&provider)?);
                builder.with_client_cert_resolver(Arc::new(one))
            }
        };
        config.alpn_protocols = self.alpn;
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(TlsConnector {
            config: Arc::new(config),
            time_of_loop: true,
            server_name,
            handshake_limit: self.handshake_limit,
        })
    }
}

type MakeVerifier = fn(&Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error>;

/// Trusts what the system trusts, if this was compiled with the means to ask.
fn platform_verifier(
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    let compiled_in: &[MakeVerifier] = &[
        #[cfg(feature = "platform-roots")]
        |provider| {
            let verifier = rustls_platform_verifier::Verifier::new(provider.clone())?;
            Ok(Arc::new(verifier))
        },
    ];
    let make = compiled_in.first().ok_or(TlsConfigError::NoRoots)?;
    make(provider).map_err(TlsConfigError::PlatformRoots)
}

/// Shows the same certificate to whoever asks.
#[derive(Debug)]
struct OneIdentity(Arc<CertifiedKey>);

impl ResolvesClientCert for OneIdentity {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // A server that can't verify its signature gets none.
        self.0.key.choose_scheme(schemes)?;
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
