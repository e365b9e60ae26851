//! Cryptography for tests, which draws everything from a seed: a handshake is repeated to the
//! byte.
//!
//! **Its secrets are no secrets.** It is for simulations and for nothing else.
//!
//! rustls asks its provider for all randomness but one: key exchanges draw their secrets from
//! the system. So the [provider] here has a key exchange of its own, X25519 with a secret from
//! the seed. With it these come from the seed: the randoms and session IDs of both hellos, the
//! order of their extensions, the key exchange, and the names of sessions that are kept for
//! resumption.
//!
//! What is drawn elsewhere has to be kept out of a test that compares bytes:
//!
//! * signatures of ECDSA and RSA-PSS keys: use an Ed25519 certificate, whose signatures are
//!   always the same;
//! * the keys and certificates themselves: make them once, or take them from a file;
//! * `ring::Ticketer`, which draws its keys from the system: what a
//!   [`TlsAcceptor`](crate::TlsAcceptor) does for resumption unless it is told otherwise draws
//!   nothing but names.
//!
//! Give each side of each connection the same provider, or one of its own, but the same in
//! every run.

use std::sync::{Mutex, PoisonError};

use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup, ring,
};
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::{PublicKey, StaticSecret};

/// ring's provider, with all that it draws drawn from `seed`. Not for use outside of tests.
///
/// rustls wants providers to live for ever, so each call leaves some 100 bytes behind.
///
/// ```
/// use polyloop_tls::{TlsConnector, deterministic};
///
/// let builder = TlsConnector::builder().provider(deterministic::provider(17));
/// # drop(builder);
/// ```
pub fn provider(seed: u64) -> CryptoProvider {
    let drawn: &'static Drawn =
        Box::leak(Box::new(Drawn(Mutex::new(fastrand::Rng::with_seed(seed)))));
    let group: &'static X25519 = Box::leak(Box::new(X25519(drawn)));
    CryptoProvider {
        kx_groups: vec![group],
        secure_random: drawn,
        ..ring::default_provider()
    }
}

/// Bytes from a seed.
#[derive(Debug)]
struct Drawn(Mutex<fastrand::Rng>);

impl Drawn {
    fn draw(&self, room: &mut [u8]) {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        random.fill(room);
    }
}

impl SecureRandom for Drawn {
    fn fill(&self, room: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.draw(room);
        Ok(())
    }
}

/// The key exchange, with secrets from a seed.
#[derive(Debug)]
struct X25519(&'static Drawn);

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut bytes = [0; 32];
        self.0.draw(&mut bytes);
        let secret = StaticSecret::from(bytes);
        let public = PublicKey::from(&secret);
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer
            .try_into()
            .map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(peer));
        if !shared.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&shared.as_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
