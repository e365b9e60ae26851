//! [`Upgrade`]: what a connection is made of in the middle of its life, such as a secure
//! one. Twisted and asyncio call it `startTLS` and `start_tls`.
//!
//! It is a [`Layer`](crate::Layer) and the loop that it works on, as a value: a protocol and
//! its transport know neither.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

use crate::promise::failure::Failure;
use crate::protocol::peer::Peer;
use crate::protocol::stream::BoxedStream;
use crate::sync::primitive::Arc;

/// Turns the stream below a connection into another one in the middle of the connection's
/// life, for [`Transport::upgrade`](crate::Transport::upgrade). Cheap to clone, and good for
/// any number of connections.
///
/// ```
/// use polyloop_core::{
///     BoxedStream, Failure, Layer, Loop, Protocol, Server, Transport, Upgrade, ListenError,
/// };
///
/// /// Answers `STARTTLS` as SMTP does.
/// struct Smtp { line: Vec<u8>, tls: Upgrade }
///
/// impl Protocol for Smtp {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         let mut rest = data;
///         while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
///             self.line.extend_from_slice(&rest[..end]);
///             rest = &rest[end + 1..];
///             let line = std::mem::take(&mut self.line);
///             if line.trim_ascii().eq_ignore_ascii_case(b"STARTTLS") {
///                 transport.write(b"220 go ahead\r\n")?;
///                 // What came behind that line is the layer's, whatever it is.
///                 transport.upgrade(&self.tls, rest)?;
///                 return Ok(());
///             }
///             transport.write(b"250 noted\r\n")?;
///         }
///         self.line.extend_from_slice(rest);
///         Ok(())
///     }
///
///     fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         // Nothing that was said in plain counts any more.
///         self.line.clear();
///         println!("secure now: {:?}", transport.peer().secure());
///         Ok(())
///     }
/// }
///
/// async fn serve<L, Y>(lp: &L, acceptor: Y) -> Result<Server<Smtp>, ListenError>
/// where
///     L: Loop,
///     Y: Layer<BoxedStream>,
/// {
///     let tls = Upgrade::new(lp, acceptor);
///     lp.serve("0.0.0.0:25", move || Smtp { line: Vec::new(), tls: tls.clone() }).await
/// }
/// ```
#[derive(Clone)]
pub struct Upgrade {
    wrap: Arc<dyn Wrap>,
}

/// What it does with a stream.
pub(crate) trait Wrap: Send + Sync + 'static {
    fn wrap(&self, stream: BoxedStream, peer: Peer) -> Wrapping;
}

/// What it is at, within its limit.
pub(crate) type Wrapping =
    Pin<Box<dyn Future<Output = Result<(BoxedStream, Peer), Failure>> + Send>>;

impl Upgrade {
    pub(crate) fn of(wrap: impl Wrap) -> Self {
        Self {
            wrap: Arc::new(wrap),
        }
    }

    pub(crate) fn wrap(&self, stream: BoxedStream, peer: Peer) -> Wrapping {
        self.wrap.wrap(stream, peer)
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}

/// Why a connection is not upgraded. It goes on as it was (TRAN-54).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpgradeError {
    /// It is being upgraded, or has been.
    #[error("the connection can be upgraded once, and that has been asked for")]
    Again,
    /// A close was asked for before.
    #[error("the connection is closing and can't be upgraded any more")]
    Closing,
    /// `write_eof` was called before.
    #[error("the sending side was ended with `write_eof`, so the connection can't be upgraded")]
    AfterEof,
    /// The peer sends no more, so there is nobody to agree with.
    #[error("the peer has ended its side, so the connection can't be upgraded")]
    PeerEnded,
    /// More was read ahead than the layer can be told any more, if there is one.
    #[error("no upgrade is about to begin, which could be told what was read ahead")]
    NotBeginning,
    /// The connection is lost.
    #[error("the connection is lost and can't be upgraded")]
    Closed,
}

impl From<UpgradeError> for Failure {
    #[track_caller]
    fn from(error: UpgradeError) -> Self {
        Self::new(error)
    }
}
