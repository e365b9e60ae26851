//! [`Endpoint`]: where to listen or connect.
//!
//! | here | what |
//! | --- | --- |
//! | `plain`, `text` | reading `host:port`, and a type with arguments |
//! | [`scheme`](Scheme) | the types there are, and how others are added |
//! | [`parameter`](Parameter), [`arguments`](Arguments) | what a type takes, and what was given |
//! | `purpose` | what an endpoint comes to for a client, and for a server |
//! | `inherited` | sockets that a supervisor passed on |

mod arguments;
mod error;
pub(super) mod inherited;
mod into;
mod parameter;
mod plain;
mod purpose;
mod scheme;
mod text;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use crate::event_loop::names::written_out;
use crate::protocol::address::UnixAddress;
use crate::sync::primitive::Arc;
pub use arguments::Arguments;
pub use error::EndpointError;
pub use inherited::InheritedError;
pub use into::IntoEndpoint;
pub use parameter::Parameter;
pub(super) use purpose::{Unusable, for_client, for_server};
pub use scheme::{Scheme, Schemes, TLS_PARAMETERS};
pub use text::quote;

/// Where to listen or connect.
///
/// Most are written `host:port`; an IPv6 address stands in brackets, `[::1]:80`, and `*:80`
/// is every interface. Others begin with a type and its arguments, as Twisted's do:
///
/// | type | for servers | for clients |
/// | --- | --- | --- |
/// | `tcp:` | `tcp:80` (every interface of IPv4), `tcp:80:interface=127.0.0.1:backlog=50` | `tcp:example.com:80:timeout=5:bindAddress=10.0.0.1` |
/// | `tcp6:` | the same with IPv6 alone | the same |
/// | `unix:` | `unix:/run/app.sock:mode=660:backlog=50:replaceStale=yes` | `unix:/run/app.sock:timeout=5` |
/// | `tls:`, `ssl:` | `tls:443:privateKey=key.pem:certKey=cert.pem:extraCertChain=chain.pem` | `tls:example.com:443:trustRoots=/etc/ca:hostname=other.example:alpn=h2,http/1.1` |
/// | `fd:` | `fd:3`, `fd:web`: a socket that systemd passed on, by number or name | |
///
/// Arguments stand between colons, with their names in any order, or without in the order
/// above. A backslash makes the next character literal; [`quote`] puts them where they
/// belong. What the text says goes before the options that a program sets. One text may
/// serve both sides; what fits the other side alone is refused when it is used, and all
/// else that is wrong when it is parsed (ENDP-01 to ENDP-11).
///
/// Parsing opens neither a socket nor a file and asks no resolver (ENDP-12). `tls:` and
/// types of other crates need [`Schemes`] that have them, to be used.
///
/// ```
/// use polyloop_core::Endpoint;
///
/// let endpoint: Endpoint = "tcp:localhost:6379".parse()?;
/// assert_eq!((endpoint.host(), endpoint.port()), (Some("localhost"), Some(6379)));
///
/// let error = "tcp:localhost:http".parse::<Endpoint>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"tcp:localhost:http\" is not an endpoint: its port is not a number (at 14); expected port as a number from 0 to 65535"
/// );
/// # Ok::<(), polyloop_core::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    kind: Kind,
    /// Without the host and the port of [`Kind::Tcp`].
    arguments: Arguments,
}

#[derive(Clone)]
enum Kind {
    Tcp {
        v6: bool,
        host: Option<String>,
        port: u16,
    },
    Unix,
    Fd,
    Tls,
    Other(Arc<dyn Scheme>),
}

impl Endpoint {
    /// A host name or address, and a port.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self {
            kind: Kind::Tcp {
                v6: false,
                host: Some(host.into()),
                port,
            },
            arguments: Arguments::default(),
        }
    }

    /// A UNIX socket: a path, or with an `@` in front an abstract name.
    pub fn unix(path: impl Into<String>) -> Self {
        let mut arguments = Arguments::default();
        arguments.set("path", path.into());
        Self {
            kind: Kind::Unix,
            arguments,
        }
    }

    /// Every interface of the machine, IPv4 and IPv6: written `*:port`. For listening
    /// only; with port 0 both families get the same one (SERV-02).
    pub fn every_interface(port: u16) -> Self {
        Self::tcp("*", port)
    }

    fn of(mut kind: Kind, mut arguments: Arguments) -> Self {
        if let Kind::Tcp { host, port, .. } = &mut kind {
            *port = arguments.port("port").unwrap_or_default();
            arguments.take("port");
            *host = arguments
                .take("host")
                .map(|host| parameter::unbracketed(&host).to_owned());
        }
        Self { kind, arguments }
    }

    /// The type, as it stands before the first colon: `tcp` for the plain form.
    pub fn scheme(&self) -> &'static str {
        self.kind.name()
    }

    /// The host name, or the address without brackets, if it has one.
    pub fn host(&self) -> Option<&str> {
        match &self.kind {
            Kind::Tcp { host, .. } => host.as_deref(),
            _ => self.arguments.host("host"),
        }
    }

    /// The port, if it has one; 0 asks the system for a free one when listening.
    pub fn port(&self) -> Option<u16> {
        match &self.kind {
            Kind::Tcp { port, .. } => Some(*port),
            _ => self.arguments.port("port"),
        }
    }

    /// The path of a UNIX socket, if it is one; an abstract name begins with an `@`.
    pub fn path(&self) -> Option<&str> {
        match &self.kind {
            Kind::Unix => self.arguments.get("path"),
            _ => None,
        }
    }

    /// The name of a UNIX socket, if it is one.
    pub(super) fn unix_address(&self) -> Option<UnixAddress> {
        self.path().map(|path| match path.strip_prefix('@') {
            Some(name) => UnixAddress::from_abstract_name(name),
            None => UnixAddress::from_path(path),
        })
    }

    /// Which socket of those that were passed on, if it is one.
    pub(super) fn inherited(&self) -> Option<&str> {
        match &self.kind {
            Kind::Fd => self.arguments.get("socket"),
            _ => None,
        }
    }

    /// The other arguments that were given; of types that are not TCP's, all.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// Whether it stands for every interface.
    pub fn is_every_interface(&self) -> bool {
        self.host() == Some("*")
    }

    /// The address, if the host is one: then nothing has to be resolved (CLI-12).
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp {
                host: Some(host),
                port,
                ..
            } => written_out(host, *port),
            _ => None,
        }
    }

    /// Whether `host:port` says it all, and nothing else.
    fn is_plain(&self) -> bool {
        let Kind::Tcp {
            v6: false,
            host: Some(host),
            ..
        } = &self.kind
        else {
            return false;
        };
        self.arguments.iter().next().is_none() && !Kind::is_own(host)
    }
}

/// As it is parsed: two that print alike are alike.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_plain() {
            write!(f, "{}:", self.scheme())?;
        }
        let mut separator = "";
        if let Kind::Tcp { host, port, .. } = &self.kind {
            match host {
                Some(host) if host.contains(':') => write!(f, "[{host}]:{port}")?,
                Some(host) => write!(f, "{host}:{port}")?,
                None => write!(f, "{port}")?,
            }
            separator = ":";
        }
        let bare = self.kind.positional();
        for (place, (name, value)) in self.arguments.iter().enumerate() {
            f.write_str(separator)?;
            separator = ":";
            if bare != ["host", "port"] && bare.get(place) == Some(&name) {
                f.write_str(&quote(value))?;
            } else {
                write!(f, "{name}={}", quote(value))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl Endpoint {
    fn parts(&self) -> (&'static str, Option<&str>, Option<u16>, &Arguments) {
        (self.scheme(), self.host(), self.port(), &self.arguments)
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// By the [`Schemes`] of polyloop.
impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(given: &str) -> Result<Self, EndpointError> {
        Schemes::new().parse(given)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                Self::tcp(format!("{}%{}", v6.ip(), v6.scope_id()), v6.port())
            }
            _ => Self::tcp(address.ip().to_string(), address.port()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_endpoints_and_how_they_print() {
        for (text, host, port, printed) in [
            ("localhost:80", Some("localhost"), 80, "localhost:80"),
            ("TCP:h:1", Some("h"), 1, "h:1"),
            ("[::1]:65535", Some("::1"), 65535, "[::1]:65535"),
            ("[fe80::1%2]:9", Some("fe80::1%2"), 9, "[fe80::1%2]:9"),
            ("127.0.0.1:0", Some("127.0.0.1"), 0, "127.0.0.1:0"),
            ("tcp:80", None, 80, "tcp:80"),
            ("tcp:tcp:80", Some("tcp"), 80, "tcp:tcp:80"),
            ("tcp6:80:::1", None, 0, ""),
            ("tcp6:[::1]:80", Some("::1"), 80, "tcp6:[::1]:80"),
            (r"tcp:\:\:1:80", Some("::1"), 80, "[::1]:80"),
            ("tcp:80:127.0.0.1", Some("127.0.0.1"), 80, "127.0.0.1:80"),
            ("tcp:port=80:h", Some("h"), 80, "h:80"),
            (
                "tcp:80:backlog=9:interface=h",
                None,
                80,
                "tcp:80:interface=h:backlog=9",
            ),
            (
                "tcp:h:80:timeout=2.5",
                Some("h"),
                80,
                "tcp:h:80:timeout=2.5",
            ),
        ] {
            let parsed = text.parse::<Endpoint>();
            if printed.is_empty() {
                assert!(parsed.is_err(), "{text}");
                continue;
            }
            let endpoint = parsed.unwrap();
            assert_eq!(
                (endpoint.host(), endpoint.port()),
                (host, Some(port)),
                "{text}"
            );
            assert_eq!(endpoint.to_string(), printed, "{text}");
            let again: Endpoint = printed.parse().unwrap();
            assert_eq!(again, endpoint, "{text}");
        }
        for text in [
            r"unix:/run/a\:b:mode=660",
            "unix:@name:timeout=1",
            "fd:web",
            "tls:host=h:port=443:hostname=other",
            "tls:port=443:privateKey=key.pem",
            r"tls:port=443:alpn=h2,x\:y",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn texts_that_are_not_name_themselves_the_fault_and_its_place() {
        for (text, at, problem) in [
            ("", 0, "no port"),
            ("localhost", 9, "no port"),
            (":80", 0, "no host"),
            ("h:", 2, "not a number"),
            ("h:+80", 2, "not a number"),
            ("h:65536", 2, "over 65535"),
            ("::1:80", 0, "in brackets"),
            ("[::1:80", 0, "not closed"),
            ("[::1]80", 7, "no port"),
            ("[nope]:80", 1, "no IPv6"),
            ("http://h:80", 0, "no type \"http\""),
            ("udp:h:80", 0, "no type \"udp\""),
            ("a b:80", 0, "no spaces"),
            ("tcp:", 4, "it has no host"),
            ("tcp:h", 5, "it has no port"),
            ("tcp:h:80:90", 9, "one argument too many"),
            ("tcp:h:port=x", 11, "its port is not a number"),
            ("tcp:h:80:tiemout=3", 9, "no argument \"tiemout\""),
            ("tcp:h:80:timeout=-3", 17, "\"-3\" is not a time"),
            ("tcp:h:80:timeout=", 17, "it has no value"),
            ("tcp:h:80:host=g", 6, "too many"),
            ("tcp:port=80:port=81", 12, "given twice"),
            ("tcp:h:80:bindAddress=h", 21, "not an IP address"),
            (r"tcp:h:80\", 8, "backslash"),
            ("unix:", 5, "it has no value"),
            ("unix:/s:mode=999", 13, "not permissions"),
            ("tls:443:extraCertChain=", 23, "it has no value"),
            ("tls:443:alpn=", 13, "it has no value"),
            ("tls:443:alpn=h2,,http/1.1", 16, "a name is empty"),
            (r"tls:443:alpn=x\:y,", 18, "a name is empty"),
            ("tls:443:alpn=h2, x", 16, "has a space"),
            ("tls:443:alpn=h2,x,h2", 18, "\"h2\" is given twice"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.problem.contains(problem), "{text}: {error}");
            assert_eq!(error.position, at, "{text}: {error}");
            assert_eq!(error.given, text);
        }
    }

    #[test]
    fn an_address_needs_no_resolver() {
        let address = |text: &str| text.parse::<Endpoint>().unwrap().address();
        assert!(address("[::1]:5").is_some());
        assert!(address("localhost:5").is_none());
    }
}
