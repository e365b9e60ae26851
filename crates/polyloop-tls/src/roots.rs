//! Whom to trust: the authorities that a peer's certificate has to come from.

use std::path::Path;

use rustls::RootCertStore;

use crate::config_error::TlsConfigError;
use crate::identity::{certificates, read};

/// Trusts the certificates in a file of PEM sections, and no others. Blocks while it reads.
///
/// ```no_run
/// # fn main() -> Result<(), polyloop_tls::TlsConfigError> {
/// use polyloop_tls::{TlsConnector, roots_from_pem_file};
///
/// let connector = TlsConnector::builder()
///     .roots(roots_from_pem_file("our-authority.pem")?)
///     .build()?;
/// # drop(connector); Ok(()) }
/// ```
pub fn roots_from_pem_file(path: impl AsRef<Path>) -> Result<RootCertStore, TlsConfigError> {
    let path = path.as_ref();
    roots(&read(path)?, &path.display().to_string())
}

/// Trusts the certificates in a text of PEM sections, and no others.
pub fn roots_from_pem(text: impl AsRef<[u8]>) -> Result<RootCertStore, TlsConfigError> {
    roots(text.as_ref(), "the roots given")
}

fn roots(text: &[u8], origin: &str) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text, origin)? {
        roots
            .add(certificate)
            .map_err(|source| TlsConfigError::BadCertificate {
                origin: origin.to_owned(),
                source,
            })?;
    }
    Ok(roots)
}
