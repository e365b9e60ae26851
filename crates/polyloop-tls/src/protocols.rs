//! The names of application protocols (ALPN), as they are given to a builder.

use crate::config_error::TlsConfigError;

/// Those that can be told to a peer.
pub(crate) fn checked(names: &[Vec<u8>]) -> Result<(), TlsConfigError> {
    match names.iter().find(|name| !matches!(name.len(), 1..=255)) {
        None => Ok(()),
        Some(name) => Err(TlsConfigError::InvalidProtocol {
            name: String::from_utf8_lossy(name).into_owned(),
        }),
    }
}

pub(crate) fn collect<N: AsRef<[u8]>>(names: impl IntoIterator<Item = N>) -> Vec<Vec<u8>> {
    names
        .into_iter()
        .map(|name| name.as_ref().to_vec())
        .collect()
}
