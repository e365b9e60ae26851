//! Which cryptography is used where none is given.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::config_error::TlsConfigError;

/// The one that the program has installed for all its uses of rustls; then ring's; then
/// AWS-LC's, as far as they are compiled in.
pub(crate) fn default_provider() -> Result<Arc<CryptoProvider>, TlsConfigError> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(installed.clone());
    }
    let compiled_in: &[fn() -> CryptoProvider] = &[
        #[cfg(feature = "ring")]
        rustls::crypto::ring::default_provider,
        #[cfg(feature = "aws-lc-rs")]
        rustls::crypto::aws_lc_rs::default_provider,
    ];
    let first = compiled_in.first().ok_or(TlsConfigError::NoProvider)?;
    Ok(Arc::new(first()))
}
