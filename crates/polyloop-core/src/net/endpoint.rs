//! [`Endpoint`]: where to listen or connect.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::event_loop::names::written_out;
use crate::promise::failure::Failure;
use crate::protocol::address::Address;

/// Where to listen or connect: a host and a port.
///
/// Written `host:port` or `tcp:host:port`; an IPv6 address stands in brackets,
/// `[::1]:80`, and `*:80` is every interface. Parsing opens no socket and asks no resolver (ENDP-12).
///
/// ```
/// use polyloop_core::Endpoint;
///
/// let endpoint: Endpoint = "tcp:localhost:6379".parse()?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("localhost", 6379));
///
/// let error = "localhost".parse::<Endpoint>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"localhost\" is not an endpoint: it has no port; expected host:port, such as 127.0.0.1:80 or [::1]:80"
/// );
/// # Ok::<(), polyloop_core::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// A host name or address, and a port.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// The host name, or the address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 asks the system for a free one when listening.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every interface of the machine, IPv4 and IPv6: written `*:port`. For listening
    /// only; with port 0 both families get the same one (SERV-02).
    pub fn every_interface(port: u16) -> Self {
        Self::tcp("*", port)
    }

    /// Whether it stands for every interface.
    pub fn is_every_interface(&self) -> bool {
        self.host == "*"
    }

    /// The address, if the host is one: then nothing has to be resolved (CLI-12).
    pub fn address(&self) -> Option<SocketAddr> {
        written_out(&self.host, self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A text that is not an [`Endpoint`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{given:?} is not an endpoint: {problem}; expected host:port, such as 127.0.0.1:80 or [::1]:80"
)]
#[non_exhaustive]
pub struct EndpointError {
    /// The text.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl From<EndpointError> for Failure {
    #[track_caller]
    fn from(error: EndpointError) -> Self {
        Self::new(error)
    }
}

impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(given: &str) -> Result<Self, EndpointError> {
        let wrong = |problem| EndpointError {
            given: given.to_owned(),
            problem,
        };
        let text = match given.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("tcp:") => &given[4..],
            _ => given,
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest
                .split_once(']')
                .ok_or_else(|| wrong("its bracket is not closed"))?;
            let address = host.split('%').next().unwrap_or(host);
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(wrong("there is no IPv6 address between the brackets"));
            }
            let port = rest
                .strip_prefix(':')
                .ok_or_else(|| wrong("it has no port"))?;
            (host, port)
        } else {
            let (host, port) = text
                .rsplit_once(':')
                .ok_or_else(|| wrong("it has no port"))?;
            if host.contains(':') {
                return Err(wrong("an IPv6 address stands in brackets"));
            }
            (host, port)
        };
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(wrong("a host has no spaces and no slashes"));
        }
        // `u16::from_str` takes a plus sign, which no port has.
        if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong("its port is not a number"));
        }
        let port = port.parse().map_err(|_| wrong("its port is over 65535"))?;
        Ok(Self::tcp(host, port))
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

/// What can be given where an [`Endpoint`] is wanted: an endpoint, a text, a
/// socket address, an [`Address`], or a host and a port.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name an endpoint",
    label = "expected a text, a socket address, an `Endpoint`, or a host and a port",
    note = "such as \"localhost:80\", or (\"localhost\", 80)"
)]
pub trait IntoEndpoint {
    /// The endpoint, or what is wrong with the text.
    fn into_endpoint(self) -> Result<Endpoint, EndpointError>;
}

impl IntoEndpoint for Endpoint {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(self)
    }
}

impl IntoEndpoint for &Endpoint {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(self.clone())
    }
}

impl IntoEndpoint for &str {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.parse()
    }
}

impl IntoEndpoint for String {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.parse()
    }
}

impl IntoEndpoint for &String {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.parse()
    }
}

impl IntoEndpoint for SocketAddr {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(self.into())
    }
}

impl IntoEndpoint for Address {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        (&self).into_endpoint()
    }
}

impl IntoEndpoint for &Address {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.as_ip()
            .map(Endpoint::from)
            .ok_or_else(|| EndpointError {
                given: self.to_string(),
                problem: "it is no IP address",
            })
    }
}

impl IntoEndpoint for (&str, u16) {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(Endpoint::tcp(self.0, self.1))
    }
}

impl IntoEndpoint for (String, u16) {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(Endpoint::tcp(self.0, self.1))
    }
}

impl IntoEndpoint for (IpAddr, u16) {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        SocketAddr::from(self).into_endpoint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_endpoints() {
        for (text, host, port) in [
            ("localhost:80", "localhost", 80),
            ("TCP:h:1", "h", 1),
            ("[::1]:65535", "::1", 65535),
            ("[fe80::1%2]:9", "fe80::1%2", 9),
            ("127.0.0.1:0", "127.0.0.1", 0),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
            let again: Endpoint = endpoint.to_string().parse().unwrap();
            assert_eq!(again, endpoint);
        }
    }

    #[test]
    fn texts_that_are_not_name_themselves_and_the_fault() {
        for (text, problem) in [
            ("", "no port"),
            ("localhost", "no port"),
            (":80", "no host"),
            ("h:", "not a number"),
            ("h:+80", "not a number"),
            ("h:65536", "over 65535"),
            ("::1:80", "in brackets"),
            ("[::1:80", "not closed"),
            ("[::1]80", "no port"),
            ("[nope]:80", "no IPv6"),
            ("http://h:80", "in brackets"),
            ("a b:80", "no spaces"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn an_address_needs_no_resolver() {
        assert!("[::1]:5".parse::<Endpoint>().unwrap().address().is_some());
        assert!(
            "localhost:5"
                .parse::<Endpoint>()
                .unwrap()
                .address()
                .is_none()
        );
    }
}
