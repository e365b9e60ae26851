//! [`TlsConfigError`]: what is wrong with what a connector or an acceptor is made of.

use std::io;

use polyloop_core::{EndpointError, Failure};
use rustls::pki_types::pem;
use rustls::{CertificateError, server::VerifierBuilderError};
use thiserror::Error;

use crate::error::Told;

/// Why a connector, an acceptor or an identity can't be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// What should be PEM is none.
    #[error("{origin} is not PEM: {source}")]
    NotPem {
        /// The file, or what else was given.
        origin: String,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// There is no certificate where one is expected.
    #[error("{origin} has no certificate (a section `BEGIN CERTIFICATE`)")]
    NoCertificate {
        /// The file, or what else was given.
        origin: String,
    },
    /// There is no private key where one is expected.
    #[error(
        "{origin} has no private key (a section `BEGIN PRIVATE KEY`, PKCS #8, PKCS #1 or SEC 1)"
    )]
    NoKey {
        /// The file, or what else was given.
        origin: String,
    },
    /// A certificate can't be read, or can't be used as what it is meant for.
    #[error("the certificate in {origin} can't be used: {source}")]
    BadCertificate {
        /// The file, or what else was given.
        origin: String,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The private key can't be used with the crypto provider.
    #[error("the private key in {origin} can't be used: {source}")]
    BadKey {
        /// The file, or what else was given.
        origin: String,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The private key is not the one of the certificate.
    #[error("the private key in {key} is not that of the first certificate in {chain}")]
    KeyMismatch {
        /// Where the certificate comes from.
        chain: String,
        /// Where the key comes from.
        key: String,
    },
    /// A certificate is to be used for a name that it is not for.
    #[error(
        "the certificate in {origin} can't be used for {name}: {}",
        Told(problem)
    )]
    WrongName {
        /// The name.
        name: String,
        /// The file, or what else was given.
        origin: String,
        /// What it is for, or what else is wrong with it.
        problem: CertificateError,
    },
    /// What should be the name of a server is none.
    #[error("{name:?} is neither a host name nor an IP address")]
    InvalidName {
        /// What was given.
        name: String,
    },
    /// A server has no certificate at all.
    #[error("a server needs a certificate: give it an `identity`, or its endpoint a `privateKey=`")]
    NoIdentity,
    /// Nobody is trusted, so no peer could be.
    #[error(
        "no authority is trusted: give some `roots`, or switch on the feature `platform-roots`"
    )]
    NoRoots,
    /// What the system trusts can't be found out.
    #[error("what this system trusts is not known: {0}")]
    PlatformRoots(#[source] rustls::Error),
    /// The certificates of clients can't be verified with the roots that were given.
    #[error("certificates of clients can't be verified: {0}")]
    ClientCertificates(#[from] VerifierBuilderError),
    /// The name of an application protocol (ALPN) is empty or too long.
    #[error("{name:?} is no name of an application protocol: it has 1 to 255 bytes")]
    InvalidProtocol {
        /// The name.
        name: String,
    },
    /// There is no cryptography.
    #[error(
        "there is no crypto provider: switch on the feature `ring` or `aws-lc-rs`, install one with `CryptoProvider::install_default`, or give one"
    )]
    NoProvider,
    /// The provider can't serve the TLS versions that were chosen.
    #[error("the crypto provider does not fit the TLS versions chosen: {0}")]
    Versions(#[source] rustls::Error),
    /// A text is no endpoint, or what a `tls:` endpoint stands on is none of TCP.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A configuration wants early data (0-RTT), which can be replayed by anybody and which
    /// no protocol here can tell from other data.
    #[error("early data (0-RTT) is not supported: set `max_early_data_size` to 0")]
    EarlyData,
}

impl From<TlsConfigError> for Failure {
    #[track_caller]
    fn from(error: TlsConfigError) -> Self {
        Self::new(error)
    }
}
