//! TLS for polyloop, on any of its loops: [rustls] with the streams, the time and the limits
//! of a loop.
//!
//! * [`TlsConnector`] and [`TlsAcceptor`] are the two sides. Their builders begin with what is
//!   right for most; of a configuration of rustls' own they are made with `from_config`.
//!   Both are [layers](polyloop_core::Layer): given to the options of
//!   [`connect_with`](polyloop_core::Loop::connect_with) and
//!   [`serve_with`](polyloop_core::Loop::serve_with) they put TLS below any protocol, and to
//!   those of [`dial_with`](polyloop_core::Loop::dial_with) and
//!   [`accept_with`](polyloop_core::Loop::accept_with) below code that takes streams.
//!   As an [`Upgrade`](polyloop_core::Upgrade) they make a connection secure in the middle of
//!   its life, where a protocol has agreed on that in plain: `STARTTLS`.
//! * [`TlsStream`] is a secure connection for code that speaks
//!   `futures_io::{AsyncRead, AsyncWrite}`, over any stream that does.
//! * [`Identity`] is a certificate with its key; [`Identities`] are those of a server with
//!   several names, which can be [reloaded](TlsAcceptor::reload) while it serves.
//! * [`client_endpoint`] and [`server_endpoint`] make of a `tls:` endpoint, and of any other,
//!   where to connect or listen and what to put there: a program's `--listen` is one call
//!   more than `tcp:` alone would take, and no branch.
//! * What goes wrong is a [`TlsConfigError`] when something is made, and a [`TlsError`] when a
//!   connection is: which name was asked for, whose certificate it was, what the alert said.
//!
//! ```no_run
//! use futures_util::AsyncWriteExt;
//! use polyloop_core::{ConnectOptions, Failure, Loop};
//! use polyloop_tls::TlsConnector;
//!
//! async fn greet<L: Loop>(lp: &L) -> Result<(), Failure> {
//!     let connector = TlsConnector::builder().alpn(["http/1.1"]).build()?;
//!     let options = ConnectOptions::new().layer(connector);
//!     let mut secure = lp.dial_with("example.org:443", options).await?;
//!     secure.write_all(b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n").await?;
//!     secure.close().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Cryptography
//!
//! rustls brings none; a program chooses its provider. Unless one is given to the builder, it
//! is the one that the program has installed
//! ([`CryptoProvider::install_default`](rustls::crypto::CryptoProvider::install_default)), then
//! that of the feature `ring`, then that of the feature `aws-lc-rs`, as far as they are on.
//!
//! | feature | what it brings |
//! | --- | --- |
//! | `ring` (on by default) | ring's provider. Builds with a C compiler and nothing else |
//! | `aws-lc-rs` | AWS-LC's, with key exchanges that withstand quantum computers; takes longer to build |
//! | `platform-roots` (on by default) | trusts what the system trusts, unless roots are given |
//! | `deterministic` | cryptography for tests, drawn from a seed: the module of that name |
//!
//! Of the cipher suites that both sides have, the client's favourite is taken: all of them are
//! good, and a client knows whether its processor has AES. `testssl.sh` (3.0.8, run by hand
//! against the example `kv`) calls that order a fault, and finds none else but those of the
//! test's own certificate; TLS 1.2 and 1.3 are all that it is offered.
//!
//! # Time
//!
//! A connection asks its loop what time it is. So in a simulation a certificate expires by
//! virtual time, and a handshake takes too long by it.
//!
//! # Memory and copies
//!
//! A connection that is idle holds no buffer. Room to read into and to encrypt into is lent by
//! the thread for as long as there is something in it; what has to wait, such as half a record,
//! takes no more room than it needs. rustls itself allocates once for each record that it
//! encrypts or decrypts; nothing is added to that here.

mod acceptor;
mod clock;
mod config_error;
mod connector;
#[cfg(feature = "deterministic")]
pub mod deterministic;
mod endpoint;
mod error;
mod handshake;
mod identities;
mod identity;
mod layer;
mod maybe;
mod protocols;
mod provider;
mod record_buffer;
mod roots;
mod session;
mod stream;
mod witness;

/// The TLS below, re-exported so that its version never has to be guessed.
pub use rustls;

pub use acceptor::{ClientCertificates, TlsAcceptor, TlsAcceptorBuilder};
pub use config_error::TlsConfigError;
pub use connector::{TlsConnector, TlsConnectorBuilder};
pub use endpoint::{client_endpoint, server_endpoint};
pub use error::{TlsError, TlsPeer};
pub use identities::Identities;
pub use identity::Identity;
pub use maybe::{MaybeTls, MaybeTlsStream};
pub use roots::{roots_from_pem, roots_from_pem_file};
pub use stream::TlsStream;
