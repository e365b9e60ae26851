//! [`TlsConnector`]: the client's side.

mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::Timers;
use rustls::ClientConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;

pub use builder::TlsConnectorBuilder;

use crate::clock::LoopClock;
use crate::error::{Circumstances, TlsError, TlsPeer};
use crate::handshake::{self, shake_hands};
use crate::session::Side;
use crate::stream::TlsStream;

/// Makes secure connections to servers. Cheap to clone; clones share the sessions that are
/// resumed.
///
/// ```no_run
/// use polyloop_core::{Failure, Loop, TcpOptions};
/// use polyloop_tls::TlsConnector;
///
/// async fn dial<L: Loop>(lp: &L) -> Result<(), Failure> {
///     // Trusts what the system trusts.
///     let connector = TlsConnector::builder().alpn(["h2", "http/1.1"]).build()?;
///     let plain = lp.connect_tcp("192.0.2.1:443".parse()?, &TcpOptions::default()).await?;
///     let secure = connector.connect(lp, "example.org", plain).await?;
///     println!("they speak {:?}", secure.alpn_protocol());
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    /// The configuration says nothing of the time, so it is the loop's.
    time_of_loop: bool,
    server_name: Option<ServerName<'static>>,
    handshake_limit: Duration,
}

impl TlsConnector {
    /// Describes one, beginning with what is right for most: TLS 1.2 and 1.3, sessions are
    /// resumed, the system's roots are trusted.
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder::default()
    }

    /// Of a configuration of rustls, which is taken as it is, its time provider included.
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self {
            config: config.into(),
            time_of_loop: false,
            server_name: None,
            handshake_limit: handshake::LIMIT,
        }
    }

    /// How long a handshake may take: 60 s unless set (TLS-04).
    pub fn with_handshake_limit(mut self, limit: Duration) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// Makes a stream secure, as the client of `host`: the name that is asked for, and that
    /// the server's certificate has to be for (TLS-11). `timers`, the loop, says what time it
    /// is and when the handshake takes too long.
    ///
    /// Cancel safe: dropping the future drops the stream.
    pub async fn connect<T, S>(
        &self,
        timers: &T,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, TlsError>
    where
        T: Timers + Clone + 'static,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.connect_read_ahead(timers, host, stream, &[]).await
    }

    /// The same for a stream that more was read from than was meant for whoever read it. A
    /// server that has not heard the hello yet has nothing to say: what was `read` behind its
    /// last plain answer was slipped in by somebody, and fails the handshake (TLS-10).
    ///
    /// Cancel safe: dropping the future drops the stream.
    pub async fn connect_read_ahead<T, S>(
        &self,
        timers: &T,
        host: &str,
        stream: S,
        read: &[u8],
    ) -> Result<TlsStream<S>, TlsError>
    where
        T: Timers + Clone + 'static,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut begun = self.begin(timers, host, stream)?;
        begun.came(read);
        shake_hands(timers, self.handshake_limit, begun).await
    }

    /// A stream that has not shaken hands yet.
    pub(crate) fn begin<T, S>(
        &self,
        timers: &T,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, TlsError>
    where
        T: Timers + Clone + 'static,
    {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let peer = TlsPeer::Server(name.to_str().into_owned());
        let config = if self.time_of_loop {
            let mut config = ClientConfig::clone(&self.config);
            config.time_provider = Arc::new(LoopClock(timers.clone()));
            Arc::new(config)
        } else {
            self.config.clone()
        };
        let offered = config.alpn_protocols.clone();
        match UnbufferedClientConnection::new(config, name) {
            Ok(client) => Ok(TlsStream::new(
                stream,
                Side::Client(client),
                peer,
                offered,
                Vec::new(),
            )),
            Err(error) => Err(TlsError::new(
                error,
                Circumstances {
                    peer,
                    began: &[],
                    offered: &offered,
                    known: &[],
                },
            )),
        }
    }

    /// How long a handshake may take.
    pub fn handshake_limit(&self) -> Duration {
        self.handshake_limit
    }
}

/// What a certificate has to be for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::InvalidName {
        name: host.to_owned(),
    })
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector")
            .field("server_name", &self.server_name)
            .field("handshake_limit", &self.handshake_limit)
            .finish_non_exhaustive()
    }
}
