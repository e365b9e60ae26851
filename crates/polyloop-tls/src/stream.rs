//! [`TlsStream`]: a secure connection over any stream.

mod layered;
mod traffic;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::Secure;
use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ProtocolVersion, SupportedCipherSuite};

use crate::error::{Circumstances, TlsError, TlsPeer};
use crate::session::{Session, Side};
use crate::witness::{self, Asked};

/// How much is encrypted ahead of the network, unless set.
const BUFFER_LIMIT: usize = 64 * 1024;

/// How much room is wanted for a read: the largest record, and what surrounds it.
const READ_AT_LEAST: usize = 17 * 1024;

/// A secure connection over `S`, for code that speaks
/// `futures_io::{AsyncRead, AsyncWrite}`. It is a [`Stream`](polyloop_core::Stream) of
/// polyloop where `S` is one.
///
/// [`TlsConnector::connect`](crate::TlsConnector::connect) and
/// [`TlsAcceptor::accept`](crate::TlsAcceptor::accept) make it, so one that is at hand has
/// done its handshake and verified its peer (TLS-01).
///
/// * **The end.** `close` sends what was written and a `close_notify`, and ends the stream
///   below (TLS-06); both directions end with it, since TLS has no half that can be closed
///   alone (TLS-14). The peer's `close_notify` reads as an end of stream; an end without it is
///   an error of kind `UnexpectedEof`, [`TlsError::Truncated`] (TLS-05). Who has closed and
///   reads on, as is allowed, is told of it, too: many a peer does not answer a close.
/// * **Writing** is taken in parts of [64 KiB](Self::set_buffer_limit) at most. What the
///   stream below does not take at once waits here, so flush when the peer has to see it.
/// * **Errors** are [`TlsError`]s inside of [`io::Error`]s ([`TlsError::of`]), and stay.
///   The peer is told first, with an alert.
/// * **Memory.** One that is idle holds no buffer.
///
/// Cancel safe: a read or a write that is dropped before it is done has taken nothing.
pub struct TlsStream<S> {
    below: S,
    state: Box<State>,
}

struct State {
    session: Session,
    peer: TlsPeer,
    /// The name that the client asks for.
    server_name: Option<Box<str>>,
    /// What the client offers to speak.
    offered: Vec<Vec<u8>>,
    /// What the server speaks; nothing on a client.
    known: Vec<Vec<u8>>,
    /// The first bytes that came.
    began: Vec<u8>,
    /// What it has failed with. It is told once the alert has gone.
    failed: Option<TlsError>,
    /// Who waits to write.
    writer: Option<Waker>,
    buffer_limit: usize,
}

/// How much of what a peer begins with is kept, for the error that says it is no TLS.
const BEGINNING: usize = 32;

/// Keeps the first bytes that came.
fn note_beginning(began: &mut Vec<u8>, came: &[u8]) {
    let lacking = BEGINNING - began.len();
    began.extend_from_slice(&came[..came.len().min(lacking)]);
}

impl<S> TlsStream<S> {
    pub(crate) fn new(
        below: S,
        side: Side,
        peer: TlsPeer,
        offered: Vec<Vec<u8>>,
        known: Vec<Vec<u8>>,
    ) -> Self {
        let server_name = match &peer {
            TlsPeer::Server(name) => Some(name.as_str().into()),
            TlsPeer::Client { .. } => None,
        };
        Self {
            below,
            state: Box::new(State {
                session: Session::new(side),
                peer,
                server_name,
                offered,
                known,
                began: Vec::new(),
                failed: None,
                writer: None,
                buffer_limit: BUFFER_LIMIT,
            }),
        }
    }

    /// Bytes that were read from the stream below already.
    pub(crate) fn came(&mut self, read: &[u8]) {
        note_beginning(&mut self.state.began, read);
        self.state.session.incoming.append(read);
        self.state.session.incoming.settle();
    }

    /// Why the handshake was not done in time: for a reason that could not be told to a peer
    /// that does not read, or for none that is known.
    pub(crate) fn late(&self, limit: Duration) -> TlsError {
        let peer = self.state.peer.clone();
        let known = self.state.failed.clone();
        known.unwrap_or(TlsError::HandshakeTimedOut { peer, limit })
    }

    /// The stream below. What is read from it or written to it is missing here.
    pub fn get_ref(&self) -> &S {
        &self.below
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.below
    }

    /// The protocol that both sides have agreed upon (ALPN), if any (TLS-12).
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.state.session.side().common().alpn_protocol()
    }

    /// The certificates that the peer has proved to own, its own first. A client is asked for
    /// them only if the server wants them.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.state.session.side().common().peer_certificates()
    }

    /// The version of TLS that is spoken.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.state.session.side().common().protocol_version()
    }

    /// How the connection is encrypted.
    pub fn cipher_suite(&self) -> Option<SupportedCipherSuite> {
        self.state.session.side().common().negotiated_cipher_suite()
    }

    /// All of this as a [`Peer`](polyloop_core::Peer) has it (TLS-12).
    pub fn secure(&self) -> Secure {
        let version = match self.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "unknown",
        };
        let suite = self.cipher_suite().and_then(|suite| suite.suite().as_str());
        let mut secure = Secure::new(version, suite.unwrap_or("unknown"));
        if let Some(protocol) = self.alpn_protocol() {
            secure = secure.with_protocol(protocol);
        }
        if let Some(name) = self.server_name() {
            secure = secure.with_server_name(name);
        }
        let certificates = self.peer_certificates().unwrap_or_default();
        secure.with_certificates(certificates.iter().map(|one| one.to_vec()).collect())
    }

    /// Whether the handshake was a whole one, or resumed an earlier session.
    pub fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.state.session.side().common().handshake_kind()
    }

    /// The name that the client has asked for: on its own side as it was given, on the
    /// server's in lower case and without an IP address, which no client sends (SNI).
    pub fn server_name(&self) -> Option<&str> {
        self.state.server_name.as_deref()
    }

    /// At most so many bytes are encrypted ahead of what the stream below has taken, and one
    /// write takes no more: 64 KiB unless set, and never less than one.
    pub fn set_buffer_limit(&mut self, bytes: usize) {
        self.state.buffer_limit = bytes.max(1);
    }
}

impl State {
    /// What a client's hello says.
    fn heard(&mut self, asked: Asked) {
        self.server_name = asked.server_name.as_deref().map(Into::into);
        self.peer = TlsPeer::Client {
            asked_for: asked.server_name,
        };
        self.offered = asked.offered;
    }

    /// Forgets what only the errors of a handshake tell.
    fn shaken(&mut self) {
        self.offered = Vec::new();
        self.known = Vec::new();
    }

    /// Notes an error, whose alert is waiting to be sent.
    fn fail(&mut self, error: rustls::Error) {
        let at = Circumstances {
            peer: self.peer.clone(),
            began: &self.began,
            offered: &self.offered,
            known: &self.known,
        };
        let error = TlsError::new(error, at);
        self.failed.get_or_insert(error);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Goes on with the handshake. Ready when it is done and the peer can know it, or with the
    /// error, which the peer has been told.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        loop {
            if let Some(error) = ready!(self.poll_failure(cx)) {
                return Poll::Ready(Err(error));
            }
            let (shaken, asked) = witness::during(|| self.state.session.shake_hands());
            if let Some(asked) = asked {
                self.state.heard(asked);
            }
            if let Err(error) = shaken {
                self.state.fail(error);
                continue;
            }
            let sent = self.poll_send(cx);
            if let Poll::Ready(Err(error)) = sent {
                return Poll::Ready(Err(ready!(self.poll_explained(cx, error))));
            }
            if !self.state.session.is_handshaking() && (sent.is_ready() || self.sends_tickets()) {
                self.state.shaken();
                return Poll::Ready(Ok(()));
            }
            // A peer that has something to complain about may not read before it is heard.
            match ready!(self.poll_fill(cx)) {
                Ok(0) => {
                    let peer = self.state.peer.clone();
                    self.state.failed = Some(TlsError::HandshakeCut { peer });
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(TlsError::io(error))),
            }
        }
    }

    /// What is left to be sent after the handshake are tickets, which a client that waits
    /// for something else need not read before it.
    fn sends_tickets(&self) -> bool {
        let side = self.state.session.side();
        matches!(side, Side::Server(_))
            && side.common().protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// What it has failed with, once the alert has gone.
    fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<Option<TlsError>> {
        if self.state.failed.is_some() {
            // One that can't be told is gone.
            let _ = ready!(self.poll_send(cx));
        }
        Poll::Ready(self.state.failed.clone())
    }

    /// A write below has failed, maybe since the peer has sent an alert and gone: that would
    /// be the better reason.
    fn poll_explained(&mut self, cx: &mut Context<'_>, error: io::Error) -> Poll<TlsError> {
        while let Poll::Ready(Ok(1..)) = self.poll_fill(cx) {
            if let Err(error) = self.state.session.shake_hands() {
                self.state.fail(error);
                break;
            }
        }
        let outgoing = &mut self.state.session.outgoing;
        outgoing.consume(outgoing.len());
        let failed = &mut self.state.failed;
        Poll::Ready(failed.get_or_insert_with(|| TlsError::io(error)).clone())
    }

    /// Sends what is encrypted.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outgoing = &mut self.state.session.outgoing;
        while !outgoing.is_empty() {
            match Pin::new(&mut self.below).poll_write(cx, outgoing.filled()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => outgoing.consume(count),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    outgoing.settle();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more of what is to be decrypted.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let State { session, began, .. } = &mut *self.state;
        let incoming = &mut session.incoming;
        loop {
            let room = incoming.free(READ_AT_LEAST);
            match Pin::new(&mut self.below).poll_read(cx, room) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Ok(count)) => {
                    note_beginning(began, &room[..count]);
                    incoming.fill(count);
                    return Poll::Ready(Ok(count));
                }
                done => {
                    incoming.settle();
                    return done;
                }
            }
        }
    }

    /// What every write begins with: nothing is taken while earlier writes wait below.
    fn poll_ready_to_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.writer = None;
        if let Some(error) = ready!(self.poll_failure(cx)) {
            return Poll::Ready(Err(error.into()));
        }
        match self.poll_send(cx) {
            Poll::Pending => {
                self.state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => {
                let error = ready!(self.poll_explained(cx, error));
                Poll::Ready(Err(error.into()))
            }
        }
    }

    /// Encrypts `data`, all of it, and sends what the stream below takes at once.
    fn send_on(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<()>> {
        if let Err(error) = self.state.session.write(data) {
            self.state.fail(error);
            let error = ready!(self.poll_failure(cx));
            return Poll::Ready(Err(error.unwrap_or(TlsError::Closed).into()));
        }
        // It is taken; how far it has come is the next write's or the flush's affair.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            let error = ready!(self.poll_explained(cx, error));
            return Poll::Ready(Err(error.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("peer", &self.state.peer)
            .field("version", &self.protocol_version())
            .finish_non_exhaustive()
    }
}
