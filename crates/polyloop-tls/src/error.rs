//! [`TlsError`]: why a secure connection was not made, or ended.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use polyloop_core::Failure;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};
use thiserror::Error;

/// Why a secure connection was not made, or ended otherwise than by both sides' wish.
///
/// It comes as it is from a handshake, and inside of an [`io::Error`] from whatever reads and
/// writes: [`TlsError::of`] takes it out of one, and of a [`Failure`].
///
/// Where the peer can be told, an alert has been sent to it before this error is seen.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The name to connect to is neither a host name nor an IP address.
    #[error("{name:?} is neither a host name nor an IP address, so no certificate can be for it")]
    InvalidName {
        /// What was given.
        name: String,
    },
    /// The peer's certificate was not accepted.
    #[error("the certificate of {peer} is not accepted: {}", Told(problem))]
    Certificate {
        /// Whose it is: the host that was asked for, or the client.
        peer: TlsPeer,
        /// What is wrong with it.
        problem: CertificateError,
    },
    /// A certificate is required of the client, and it has sent none.
    #[error("{peer} has sent no certificate, and one is required")]
    NoCertificate {
        /// Who has sent none.
        peer: TlsPeer,
    },
    /// This server has no certificate for what the client can use or has asked for.
    #[error("there is no certificate for {}", .server_name.as_deref().unwrap_or("a client that names no server"))]
    NoCertificateFor {
        /// The name that the client has asked for.
        server_name: Option<String>,
    },
    /// The peer has refused to go on, with an alert.
    #[error("{peer} has sent the alert {alert:?}{}", advice(*alert))]
    Alert {
        /// Who has sent it.
        peer: TlsPeer,
        /// What it said.
        alert: AlertDescription,
    },
    /// Both sides have protocols to speak over TLS (ALPN), and none in common.
    #[error(
        "no application protocol in common with {peer}: offered {}, known {}",
        names(offered),
        names(known)
    )]
    NoApplicationProtocol {
        /// The other side.
        peer: TlsPeer,
        /// What the client has offered.
        offered: Vec<String>,
        /// What the server speaks; empty where this is the client, which is not told.
        known: Vec<String>,
    },
    /// No TLS version, cipher suite or the like in common.
    #[error("{peer} and this side have no way of speaking in common: {why:?}")]
    Incompatible {
        /// The other side.
        peer: TlsPeer,
        /// What is missing.
        why: PeerIncompatible,
    },
    /// What came is no TLS at all.
    #[error("{peer} does not speak TLS: it began with {}, where a TLS record was expected", began.escape_ascii())]
    NotTls {
        /// The other side.
        peer: TlsPeer,
        /// The first bytes that it has sent.
        began: Vec<u8>,
    },
    /// Somebody speaks HTTP without TLS, to a port that expects TLS.
    #[error("{peer} speaks plain HTTP, where TLS was expected: {}", request.escape_ascii())]
    PlainHttp {
        /// The other side.
        peer: TlsPeer,
        /// The beginning of what it has sent.
        request: Vec<u8>,
    },
    /// The peer has ended the connection in mid-handshake.
    #[error("{peer} ended the connection in the TLS handshake")]
    HandshakeCut {
        /// The other side.
        peer: TlsPeer,
    },
    /// The handshake was not done in time (TLS-04).
    #[error("the TLS handshake with {peer} was not done within {limit:?}")]
    HandshakeTimedOut {
        /// The other side.
        peer: TlsPeer,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The connection has ended without the `close_notify` that every side has to send, so
    /// what came may be less than the peer has sent (TLS-05).
    #[error("{peer} ended the connection without close_notify, so what it sent may be cut short")]
    Truncated {
        /// The other side.
        peer: TlsPeer,
    },
    /// This side has ended the connection, and wants to write.
    #[error("this side has closed the TLS connection and can send no more")]
    Closed,
    /// The peer breaks the protocol: what it sent is malformed, can't be decrypted, or is
    /// out of place.
    #[error("the TLS connection with {peer} has failed: {source}")]
    Protocol {
        /// The other side.
        peer: TlsPeer,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The connection below has failed.
    #[error("the connection below TLS has failed: {0}")]
    Io(#[source] Arc<io::Error>),
}

/// The other side of a connection, in the words of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsPeer {
    /// The server that goes by this name, which was asked for.
    Server(String),
    /// A client, with the server name that it has asked for if that is known.
    Client {
        /// The name.
        asked_for: Option<String>,
    },
}

impl fmt::Display for TlsPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) => f.write_str(name),
            Self::Client { asked_for: None } => f.write_str("the client"),
            Self::Client {
                asked_for: Some(name),
            } => write!(f, "the client (which asked for {name})"),
        }
    }
}

/// What is known of a connection when it fails.
pub(crate) struct Circumstances<'a> {
    pub(crate) peer: TlsPeer,
    /// The first bytes that came.
    pub(crate) began: &'a [u8],
    /// What the client offers to speak.
    pub(crate) offered: &'a [Vec<u8>],
    /// What the server speaks, if this is it.
    pub(crate) known: &'a [Vec<u8>],
}

impl TlsError {
    /// The one in an I/O error, which may be wrapped in others.
    ///
    /// ```
    /// use polyloop_tls::TlsError;
    ///
    /// let error = std::io::Error::from(TlsError::Closed);
    /// assert!(matches!(TlsError::of(&error), Some(TlsError::Closed)));
    /// ```
    pub fn of<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            // An I/O error passes on the source of what it holds, and not that itself.
            next = match error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
            {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    /// What an I/O error says that has this one inside.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::InvalidName { .. } => io::ErrorKind::InvalidInput,
            Self::HandshakeCut { .. } | Self::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            Self::HandshakeTimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Closed => io::ErrorKind::NotConnected,
            Self::Io(error) => error.kind(),
            _ => io::ErrorKind::InvalidData,
        }
    }

    pub(crate) fn io(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }

    /// What rustls has found, with what else is known of the connection.
    pub(crate) fn new(error: rustls::Error, at: Circumstances<'_>) -> Self {
        use rustls::Error;
        let peer = at.peer;
        match error {
            Error::InvalidCertificate(problem) => Self::Certificate { peer, problem },
            Error::NoCertificatesPresented => Self::NoCertificate { peer },
            Error::AlertReceived(AlertDescription::NoApplicationProtocol)
            | Error::NoApplicationProtocol => Self::NoApplicationProtocol {
                peer,
                offered: readable(at.offered),
                known: readable(at.known),
            },
            Error::AlertReceived(alert) => Self::Alert { peer, alert },
            Error::PeerIncompatible(why) => Self::Incompatible { peer, why },
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge
                | InvalidMessage::InvalidEmptyPayload,
            ) if !looks_like_tls(at.began) => {
                let began = at.began.to_vec();
                if looks_like_http(&began) {
                    Self::PlainHttp {
                        peer,
                        request: began,
                    }
                } else {
                    Self::NotTls { peer, began }
                }
            }
            // What rustls says where its resolver has found no certificate.
            Error::General(why) if why == NO_CERTIFICATE => Self::NoCertificateFor {
                server_name: match peer {
                    TlsPeer::Client { asked_for } => asked_for,
                    TlsPeer::Server(name) => Some(name),
                },
            },
            source => Self::Protocol { peer, source },
        }
    }
}

const NO_CERTIFICATE: &str = "no server certificate chain resolved";

/// A record of a handshake or an alert, in any version since SSL 3.
fn looks_like_tls(began: &[u8]) -> bool {
    matches!(began, [21 | 22, 3, ..])
}

fn looks_like_http(began: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"CONNECT ",
        b"PATCH ",
        b"PRI ",
        b"HTTP/",
    ];
    WORDS.iter().any(|word| began.starts_with(word))
}

fn readable(protocols: &[Vec<u8>]) -> Vec<String> {
    protocols
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

fn names(protocols: &[String]) -> String {
    if protocols.is_empty() {
        "what it did not say".to_owned()
    } else {
        protocols.join(", ")
    }
}

/// What an alert commonly comes from, where its name does not say it.
fn advice(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => ": it does not trust who signed this side's certificate",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            ": it does not accept this side's certificate"
        }
        AlertDescription::CertificateRequired => ": it requires a certificate of this side",
        AlertDescription::UnrecognisedName => ": it has no certificate for the name asked for",
        AlertDescription::ProtocolVersion => ": it does not speak the TLS versions offered",
        AlertDescription::HandshakeFailure => ": it found nothing in common to speak",
        _ => "",
    }
}

/// A problem with a certificate, in a sentence.
pub(crate) struct Told<'a>(pub(crate) &'a CertificateError);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago = |early: &UnixTime, late: &UnixTime| {
            Duration::from_secs(late.as_secs().saturating_sub(early.as_secs()))
        };
        match self.0 {
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => {
                write!(f, "it is not for {}", expected.to_str())?;
                if presented.is_empty() {
                    f.write_str(", and for no other name")
                } else {
                    write!(f, ", but for {}", presented.join(", "))
                }
            }
            CertificateError::NotValidForName => f.write_str("it is for another name"),
            CertificateError::UnknownIssuer => {
                f.write_str("it is signed by an authority that is not trusted here")
            }
            CertificateError::ExpiredContext { time, not_after } => {
                write!(f, "it has expired {:?} ago", ago(not_after, time))
            }
            CertificateError::Expired => f.write_str("it has expired"),
            CertificateError::NotValidYetContext { time, not_before } => {
                write!(f, "it is not valid yet, but in {:?}", ago(time, not_before))
            }
            CertificateError::NotValidYet => f.write_str("it is not valid yet"),
            CertificateError::Revoked => f.write_str("it has been revoked"),
            CertificateError::BadEncoding => f.write_str("it is malformed"),
            CertificateError::BadSignature => f.write_str("its signature is wrong"),
            other => write!(f, "{other}"),
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        match error {
            // An error of the network is handed on as it came where nobody else has it.
            TlsError::Io(error) => Arc::try_unwrap(error)
                .unwrap_or_else(|error| Self::new(error.kind(), TlsError::Io(error))),
            other => Self::new(other.kind(), other),
        }
    }
}

impl From<TlsError> for Failure {
    #[track_caller]
    fn from(error: TlsError) -> Self {
        Self::new(error)
    }
}
