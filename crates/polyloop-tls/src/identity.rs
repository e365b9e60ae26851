//! [`Identity`]: a certificate with its private key, who one side of a connection is.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config_error::TlsConfigError;

/// Who a server or a client is: its certificate, those of the authorities between it and
/// one that is trusted, and its private key.
///
/// ```no_run
/// # fn main() -> Result<(), polyloop_tls::TlsConfigError> {
/// use polyloop_tls::Identity;
///
/// let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
/// # drop(identity); Ok(()) }
/// ```
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Where they come from, for errors.
    pub(crate) chain_origin: String,
    key_origin: String,
}

impl Identity {
    /// Reads the certificate, with those that lead to its authority behind it, and the key
    /// from two files of PEM sections. They may be one file. Blocks while it reads.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsConfigError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        Self::parse(
            &read(chain)?,
            &read(key)?,
            chain.display().to_string(),
            key.display().to_string(),
        )
    }

    /// The same from what has been read already.
    pub fn from_pem(
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        Self::parse(
            chain.as_ref(),
            key.as_ref(),
            "the certificates given".to_owned(),
            "the key given".to_owned(),
        )
    }

    /// Of parts in DER.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsConfigError> {
        let origin = "the chain given".to_owned();
        if chain.is_empty() {
            return Err(TlsConfigError::NoCertificate { origin });
        }
        Ok(Self {
            chain,
            key,
            chain_origin: origin,
            key_origin: "the key given".to_owned(),
        })
    }

    fn parse(
        chain: &[u8],
        key: &[u8],
        chain_origin: String,
        key_origin: String,
    ) -> Result<Self, TlsConfigError> {
        let chain = certificates(chain, &chain_origin)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| match source {
            pem::Error::NoItemsFound => TlsConfigError::NoKey {
                origin: key_origin.clone(),
            },
            source => TlsConfigError::NotPem {
                origin: key_origin.clone(),
                source,
            },
        })?;
        Ok(Self {
            chain,
            key,
            chain_origin,
            key_origin,
        })
    }

    /// Puts the certificates of a file behind its own: those that lead to its authority.
    pub(crate) fn lead_on(&mut self, path: &str) -> Result<(), TlsConfigError> {
        let more = certificates(&read(Path::new(path))?, path)?;
        self.chain.extend(more);
        Ok(())
    }

    /// As rustls wants it, seen to fit together.
    pub(crate) fn certified(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, TlsConfigError> {
        let key = provider
            .key_provider
            .load_private_key(self.key.clone_key())
            .map_err(|source| TlsConfigError::BadKey {
                origin: self.key_origin.clone(),
                source,
            })?;
        let certified = CertifiedKey::new(self.chain.clone(), key);
        match certified.keys_match() {
            // Of some keys the public part can't be had.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Arc::new(certified))
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsConfigError::KeyMismatch {
                chain: self.chain_origin.clone(),
                key: self.key_origin.clone(),
            }),
            Err(source) => Err(TlsConfigError::BadCertificate {
                origin: self.chain_origin.clone(),
                source,
            }),
        }
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            chain_origin: self.chain_origin.clone(),
            key_origin: self.key_origin.clone(),
        }
    }
}

/// Says where it comes from, and nothing of the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("chain", &self.chain_origin)
            .field("key", &self.key_origin)
            .finish_non_exhaustive()
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsConfigError> {
    fs::read(path).map_err(|source| TlsConfigError::Read {
        path: path.display().to_string(),
        source,
    })
}

/// All certificates in a text of PEM sections, at least one.
pub(crate) fn certificates(
    text: &[u8],
    origin: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsConfigError::NotPem {
            origin: origin.to_owned(),
            source,
        })?;
    if found.is_empty() {
        return Err(TlsConfigError::NoCertificate {
            origin: origin.to_owned(),
        });
    }
    Ok(found)
}
