//! An authority that signs certificates for the tests.

use std::sync::LazyLock;

use polyloop_tls::rustls::RootCertStore;
use polyloop_tls::{Identity, TlsAcceptor, TlsConnector, roots_from_pem};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, date_time_ymd,
};

/// Who signs, and whose certificate is to be trusted.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate with its key, as files have them.
pub(crate) struct Signed {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// For the names, valid until the end of that year.
    pub(crate) fn sign_until(&self, names: &[&str], year: i32) -> Signed {
        // OpenSSL can't read Ed25519 keys in the form in which they come here.
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        let called = names.first().map_or("nobody", String::as_str);
        params.distinguished_name.push(DnType::CommonName, called);
        params.not_before = date_time_ymd(1990, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn sign(&self, names: &[&str]) -> Signed {
        self.sign_until(names, 2200)
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        roots_from_pem(&self.pem).unwrap()
    }
}

impl Signed {
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(&self.chain, &self.key).unwrap()
    }
}

/// The one that most tests trust.
pub(crate) static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Us"));

/// Who `server.test` is, also by its address.
pub(crate) static SERVER: LazyLock<Signed> =
    LazyLock::new(|| AUTHORITY.sign(&["server.test", "127.0.0.1"]));

pub(crate) fn acceptor() -> TlsAcceptor {
    TlsAcceptor::builder()
        .identity(SERVER.identity())
        .build()
        .unwrap()
}

pub(crate) fn connector() -> TlsConnector {
    TlsConnector::builder()
        .roots(AUTHORITY.roots())
        .build()
        .unwrap()
}
