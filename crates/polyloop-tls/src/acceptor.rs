//! [`TlsAcceptor`]: the server's side.

mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::Timers;
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;

pub use builder::{ClientCertificates, TlsAcceptorBuilder};

use crate::clock::LoopClock;
use crate::config_error::TlsConfigError;
use crate::error::{Circumstances, TlsError, TlsPeer};
use crate::handshake::{self, shake_hands};
use crate::identities::{Choice, Identities};
use crate::session::Side;
use crate::stream::TlsStream;
use crate::witness::Witness;

/// Makes secure connections to clients. Cheap to clone; clones share their identities and
/// the sessions that are resumed.
///
/// ```no_run
/// use polyloop_core::{Failure, Loop};
/// use polyloop_tls::{Identity, TlsAcceptor};
///
/// async fn greet<L: Loop>(lp: &L, plain: L::TcpStream) -> Result<(), Failure> {
///     let acceptor = TlsAcceptor::builder()
///         .identity(Identity::from_pem_files("fullchain.pem", "privkey.pem")?)
///         .build()?;
///     let secure = acceptor.accept(lp, plain).await?;
///     println!("they asked for {:?}", secure.server_name());
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
    /// The configuration says nothing of the time, so it is the loop's.
    time_of_loop: bool,
    /// Where they are ours.
    choice: Option<Arc<Choice>>,
    handshake_limit: Duration,
}

impl TlsAcceptor {
    /// Describes one, beginning with what is right for most: TLS 1.2 and 1.3, sessions are
    /// resumed, clients need no certificate.
    pub fn builder() -> TlsAcceptorBuilder {
        TlsAcceptorBuilder::default()
    }

    /// Of a configuration of rustls, which is taken as it is, its time provider included.
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> Result<Self, TlsConfigError> {
        let mut config = Arc::unwrap_or_clone(config.into());
        if config.max_early_data_size > 0 {
            return Err(TlsConfigError::EarlyData);
        }
        config.cert_resolver = Arc::new(Witness(config.cert_resolver));
        Ok(Self {
            config: Arc::new(config),
            time_of_loop: false,
            choice: None,
            handshake_limit: handshake::LIMIT,
        })
    }

    /// How long a handshake may take: 60 s unless set (TLS-04).
    pub fn with_handshake_limit(mut self, limit: Duration) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// Has all clones of this acceptor be somebody else from the next handshake on, as when
    /// a certificate has been renewed. Connections that stand are left alone; sessions that
    /// were made before are resumed still.
    ///
    /// If anything is wrong with the new ones, the old ones stay. Those of an acceptor
    /// [of a configuration of rustls](Self::from_config) are that configuration's affair:
    /// [`TlsConfigError::NoIdentity`].
    pub fn reload(&self, identities: &Identities) -> Result<(), TlsConfigError> {
        let choice = self.choice.as_ref().ok_or(TlsConfigError::NoIdentity)?;
        choice.replace(identities)
    }

    /// Makes a stream secure, as the server. `timers`, the loop, says what time it is and
    /// when the handshake takes too long.
    ///
    /// Cancel safe: dropping the future drops the stream.
    pub async fn accept<T, S>(&self, timers: &T, stream: S) -> Result<TlsStream<S>, TlsError>
    where
        T: Timers + Clone + 'static,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_read_ahead(timers, stream, &[]).await
    }

    /// The same for a stream that more was read from than was meant for whoever read it:
    /// where a plain dialogue leads to TLS, the client's hello may come in one segment with
    /// the last plain bytes. What was `read` behind these is taken for the beginning of the
    /// handshake; if it is anything else, that fails (TLS-10).
    ///
    /// Cancel safe: dropping the future drops the stream.
    pub async fn accept_read_ahead<T, S>(
        &self,
        timers: &T,
        stream: S,
        read: &[u8],
    ) -> Result<TlsStream<S>, TlsError>
    where
        T: Timers + Clone + 'static,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut begun = self.begin(timers, stream)?;
        begun.came(read);
        shake_hands(timers, self.handshake_limit, begun).await
    }

    /// A stream that has not shaken hands yet.
    pub(crate) fn begin<T, S>(&self, timers: &T, stream: S) -> Result<TlsStream<S>, TlsError>
    where
        T: Timers + Clone + 'static,
    {
        let config = if self.time_of_loop {
            let mut config = ServerConfig::clone(&self.config);
            config.time_provider = Arc::new(LoopClock(timers.clone()));
            Arc::new(config)
        } else {
            self.config.clone()
        };
        let peer = TlsPeer::Client { asked_for: None };
        let known = config.alpn_protocols.clone();
        match UnbufferedServerConnection::new(config) {
            Ok(server) => Ok(TlsStream::new(
                stream,
                Side::Server(server),
                peer,
                Vec::new(),
                known,
            )),
            Err(error) => Err(TlsError::new(
                error,
                Circumstances {
                    peer,
                    began: &[],
                    offered: &[],
                    known: &known,
                },
            )),
        }
    }

    /// How long a handshake may take.
    pub fn handshake_limit(&self) -> Duration {
        self.handshake_limit
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor")
            .field("handshake_limit", &self.handshake_limit)
            .finish_non_exhaustive()
    }
}
