//! [`Peer`]: the other end of a connection, as far as it is known before a protocol
//! exists.
//!
//! A factory looks at it to choose a protocol or to decline: by address, by what a secure
//! connection has negotiated, by who holds the other end of a UNIX socket. Whatever makes
//! streams (a loop, a TLS layer, a test) makes it.

use std::fmt;
use std::net::SocketAddr;

use crate::protocol::address::Address;
#[cfg(unix)]
use crate::protocol::descriptors::Descriptors;
use crate::sync::primitive::Arc;

/// Who is at the other end of a connection.
///
/// A clone allocates nothing, and the peer of a plain TCP connection does not either.
///
/// ```
/// use polyloop_core::{Address, Peer, Secure};
/// # use std::net::SocketAddr;
///
/// let address: SocketAddr = "192.0.2.7:443".parse()?;
/// let peer = Peer::new(address).with_secure(
///     Secure::new("TLSv1.3", "TLS13_AES_128_GCM_SHA256").with_protocol("h2"),
/// );
/// assert_eq!(peer.address(), &Address::from(address));
/// assert_eq!(peer.secure().and_then(Secure::protocol), Some(&b"h2"[..]));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    address: Address,
    /// Most have none.
    details: Option<Arc<Details>>,
}

/// What only some peers have.
#[derive(Clone, Default, PartialEq, Eq)]
struct Details {
    secure: Option<Secure>,
    credentials: Option<Credentials>,
    #[cfg(unix)]
    descriptors: Option<Descriptors>,
}

impl Peer {
    /// A peer of which the address is known.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            details: None,
        }
    }

    /// The same, at another address: what a proxy says whom it speaks for.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<Address>) -> Self {
        self.address = address.into();
        self
    }

    /// The same, over a secure connection.
    #[must_use]
    pub fn with_secure(mut self, secure: Secure) -> Self {
        self.details_mut().secure = Some(secure);
        self
    }

    /// The same, a process of this machine.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.details_mut().credentials = Some(credentials);
        self
    }

    /// The same, with what passes descriptors to it.
    #[cfg(unix)]
    #[must_use]
    pub(crate) fn with_descriptors(mut self, descriptors: Descriptors) -> Self {
        self.details_mut().descriptors = Some(descriptors);
        self
    }

    /// Its address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn into_address(self) -> Address {
        self.address
    }

    /// What was negotiated, if the connection is secure.
    pub fn secure(&self) -> Option<&Secure> {
        self.details.as_ref()?.secure.as_ref()
    }

    /// The process at the other end, if it is one of this machine and the system says so:
    /// over UNIX sockets.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.details.as_ref()?.credentials.as_ref()
    }

    /// The descriptors that come and go beside the bytes, where the options of the connection
    /// have [`PassDescriptors`](crate::PassDescriptors).
    #[cfg(unix)]
    pub fn descriptors(&self) -> Option<&Descriptors> {
        self.details.as_ref()?.descriptors.as_ref()
    }

    /// Whether nothing but the address is known.
    pub(crate) fn is_plain(&self) -> bool {
        self.details.is_none()
    }

    fn details_mut(&mut self) -> &mut Details {
        Arc::make_mut(self.details.get_or_insert_default())
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::new(address)
    }
}

impl From<Address> for Peer {
    fn from(address: Address) -> Self {
        Self::new(address)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Peer");
        shown.field("address", &self.address);
        if let Some(details) = &self.details {
            shown.field("secure", &details.secure);
            shown.field("credentials", &details.credentials);
        }
        shown.finish()
    }
}

/// What a secure connection has negotiated, and what the peer has shown of itself
/// (TLS-12).
#[derive(Clone, PartialEq, Eq)]
pub struct Secure {
    version: String,
    cipher_suite: String,
    protocol: Option<Vec<u8>>,
    certificates: Vec<Vec<u8>>,
    server_name: Option<String>,
}

impl Secure {
    /// A connection of this version (`"TLSv1.3"`) and cipher suite
    /// (`"TLS13_AES_128_GCM_SHA256"`).
    pub fn new(version: impl Into<String>, cipher_suite: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            cipher_suite: cipher_suite.into(),
            protocol: None,
            certificates: Vec::new(),
            server_name: None,
        }
    }

    /// The same, with a protocol that both sides have agreed on.
    #[must_use]
    pub fn with_protocol(mut self, protocol: impl Into<Vec<u8>>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// The same, with the certificates that the peer has shown, its own first, as DER.
    #[must_use]
    pub fn with_certificates(mut self, certificates: Vec<Vec<u8>>) -> Self {
        self.certificates = certificates;
        self
    }

    /// The same, with the name of the server that was asked for.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The version of the secure protocol, such as `TLSv1.3`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How the connection is encrypted, such as `TLS13_AES_128_GCM_SHA256`.
    pub fn cipher_suite(&self) -> &str {
        &self.cipher_suite
    }

    /// The protocol that both sides have agreed on (ALPN), such as `h2`.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.protocol.as_deref()
    }

    /// The certificates that the peer has shown, its own first, each as DER. Empty where it
    /// has shown none, as most clients.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The name of the server that the client asked for (SNI).
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.as_deref().map(String::from_utf8_lossy);
        f.debug_struct("Secure")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("protocol", &protocol)
            .field("certificates", &self.certificates.len())
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// Which process holds the other end of a UNIX socket, as the system tells it. The numbers
/// are those of the time when it connected, or listened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    uid: u32,
    gid: u32,
    pid: Option<u32>,
}

impl Credentials {
    /// A process of that user and group.
    pub fn new(uid: u32, gid: u32) -> Self {
        Self {
            uid,
            gid,
            pid: None,
        }
    }

    /// The same, with the process's own number.
    #[must_use]
    pub fn with_pid(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }

    /// The user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process, where the system tells it.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_adds_up_and_clones_keep_what_they_had() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let plain = Peer::new(address);
        assert!(plain.is_plain());
        let secure = plain.clone().with_secure(Secure::new("TLSv1.3", "x"));
        let both = secure
            .clone()
            .with_credentials(Credentials::new(1, 2).with_pid(3));
        assert!(plain.is_plain() && secure.credentials().is_none());
        assert_eq!(both.secure(), secure.secure());
        assert_eq!(both.credentials().and_then(Credentials::pid), Some(3));
        let elsewhere = both.with_address(SocketAddr::from(([127, 0, 0, 1], 2)));
        assert_eq!(elsewhere.address().port(), Some(2));
        assert!(elsewhere.secure().is_some());
    }
}
