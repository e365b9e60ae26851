//! What is asked of a resolver: [`Query`], and the options that it is made from.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::error::LookupError;
use super::international::to_ascii;

/// Which families of addresses are wanted, and in which order (DNS-03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Families {
    /// Both, in the resolver's order.
    #[default]
    Any,
    /// IPv4 alone.
    OnlyV4,
    /// IPv6 alone.
    OnlyV6,
    /// Both, those of IPv4 first; otherwise in the resolver's order.
    V4First,
    /// Both, those of IPv6 first; otherwise in the resolver's order.
    V6First,
}

impl Families {
    /// Whether an address is of a family that is wanted.
    pub fn include(self, address: &SocketAddr) -> bool {
        match self {
            Self::OnlyV4 => address.is_ipv4(),
            Self::OnlyV6 => address.is_ipv6(),
            _ => true,
        }
    }

    /// Leaves out what is not wanted, and puts what is wanted first in front.
    pub(super) fn arrange(self, addresses: &mut Vec<SocketAddr>) {
        addresses.retain(|address| self.include(address));
        match self {
            // False comes before true, and what is alike stays in its order.
            Self::V4First => addresses.sort_by_key(SocketAddr::is_ipv6),
            Self::V6First => addresses.sort_by_key(SocketAddr::is_ipv4),
            _ => {}
        }
    }
}

/// As a part of a sentence: "IPv4 address", or "address" where any will do.
impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnlyV4 => "IPv4 address",
            Self::OnlyV6 => "IPv6 address",
            _ => "address",
        })
    }
}

/// What kind of socket the addresses are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketType {
    /// A connection, as of TCP.
    #[default]
    Stream,
    /// Datagrams, as of UDP.
    Datagram,
}

/// One question to a [`NameResolver`](super::NameResolver).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    host: String,
    families: Families,
    socket_type: SocketType,
}

impl Query {
    /// A question for both families and for a stream. For tests of a resolver: a loop asks
    /// by itself.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            families: Families::Any,
            socket_type: SocketType::Stream,
        }
    }

    /// What a loop asks its resolver for `host` with the default options: the name in the
    /// one form that all its spellings have. For those who enter hosts under names, and are
    /// to be found under them.
    ///
    /// ```
    /// use polyloop_core::Query;
    ///
    /// assert_eq!(Query::parse("bücher.example")?.host(), "xn--bcher-kva.example");
    /// # Ok::<(), polyloop_core::LookupError>(())
    /// ```
    ///
    /// # Errors
    /// [`LookupError::InvalidName`] if it can't be a host's name (DNS-05).
    pub fn parse(host: &str) -> Result<Self, LookupError> {
        Self::with(host, &LookupOptions::default())
    }

    pub(super) fn with(host: &str, options: &LookupOptions) -> Result<Self, LookupError> {
        let name = to_ascii(host).map_err(|problem| LookupError::InvalidName {
            host: host.to_owned(),
            problem,
        })?;
        Ok(Self {
            host: name.into_owned(),
            families: options.families,
            socket_type: options.socket_type,
        })
    }

    /// The name: in ASCII, never empty, at most 253 characters and 63 in each label, with
    /// those of other scripts in their `xn--` form. A dot at its end was put there by
    /// whoever asks: nothing is to be appended to the name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The families that are wanted. Others are left out of the answer, so a resolver may
    /// give them all.
    pub fn families(&self) -> Families {
        self.families
    }

    /// The kind of socket that the addresses are for.
    pub fn socket_type(&self) -> SocketType {
        self.socket_type
    }

    /// The same question for some families.
    pub fn for_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// The same question for a kind of socket.
    pub fn for_socket_type(mut self, socket_type: SocketType) -> Self {
        self.socket_type = socket_type;
        self
    }
}

/// Options of a lookup.
///
/// ```
/// use polyloop_core::{ConnectOptions, Families, LookupOptions};
/// use std::time::Duration;
///
/// let lookup = LookupOptions::new()
///     .families(Families::V4First)
///     .timeout(Some(Duration::from_secs(5)));
/// let options = ConnectOptions::new().lookup(lookup);
/// # assert_eq!(options.lookup.families, Families::V4First);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupOptions {
    /// Which families, and in which order: any unless set.
    pub families: Families,
    /// What the addresses are for: a stream unless set.
    pub socket_type: SocketType,
    /// How long the answer may take (DNS-04): 30 s unless set; `None` waits as long as the
    /// resolver does. With a limit of zero nobody is asked. A lookup on behalf of a connect
    /// counts into [its limit](crate::ConnectOptions::timeout), too, and whichever comes
    /// first ends it; of two that are the same it is the connect's.
    pub timeout: Option<Duration>,
}

impl Default for LookupOptions {
    fn default() -> Self {
        Self {
            families: Families::Any,
            socket_type: SocketType::Stream,
            timeout: Some(Duration::from_secs(30)),
        }
    }
}

impl LookupOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`families`](Self#structfield.families).
    pub fn families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// Sets [`socket_type`](Self#structfield.socket_type).
    pub fn socket_type(mut self, socket_type: SocketType) -> Self {
        self.socket_type = socket_type;
        self
    }

    /// Sets [`timeout`](Self#structfield.timeout).
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// These within a limit of somebody else's, who ends the lookup when that is up: then
    /// one of their own that is not shorter has nothing to add.
    pub(crate) fn within(&self, limit: Option<Duration>) -> Self {
        let own = self.timeout;
        let shorter = own.filter(|own| limit.is_none_or(|limit| *own < limit));
        self.clone().timeout(shorter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_keeps_its_order() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all = ["10.0.0.2:1", "[::2]:1", "10.0.0.1:1", "[::1]:1"].map(address);
        for (families, order) in [
            (Families::Any, &[0, 1, 2, 3][..]),
            (Families::V4First, &[0, 2, 1, 3]),
            (Families::V6First, &[1, 3, 0, 2]),
            (Families::OnlyV4, &[0, 2]),
            (Families::OnlyV6, &[1, 3]),
        ] {
            let mut arranged = all.to_vec();
            families.arrange(&mut arranged);
            let expected: Vec<_> = order.iter().map(|index| all[*index]).collect();
            assert_eq!(arranged, expected, "{families:?}");
        }
    }

    #[test]
    fn a_limit_of_its_own_counts_if_it_is_the_shorter_one() {
        let second = Duration::from_secs(1);
        let mine = |own, theirs| LookupOptions::new().timeout(own).within(theirs).timeout;
        assert_eq!(mine(Some(second), Some(2 * second)), Some(second));
        assert_eq!(mine(Some(second), None), Some(second));
        assert_eq!(mine(Some(second), Some(second)), None);
        assert_eq!(mine(Some(2 * second), Some(second)), None);
        assert_eq!(mine(None, Some(second)), None);
    }
}
