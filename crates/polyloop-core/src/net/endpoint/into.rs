//! [`IntoEndpoint`]: what can be given where an endpoint is wanted.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::{Endpoint, EndpointError};
use crate::protocol::address::{Address, UnixAddress};

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
        if let Some(ip) = self.as_ip() {
            return Ok(ip.into());
        }
        let unix = self.as_unix();
        let path = unix.and_then(UnixAddress::as_path).map(Path::as_os_str);
        let path = path.map(OsStr::to_str);
        let name = unix.and_then(UnixAddress::as_abstract_name);
        let name = name.map(|name| str::from_utf8(name).ok().map(|name| format!("@{name}")));
        match (path, name) {
            (Some(Some(path)), _) => Ok(Endpoint::unix(path)),
            (_, Some(Some(name))) => Ok(Endpoint::unix(name)),
            (None, None) => Err(self.is_no_endpoint("it has no name")),
            _ => Err(self.is_no_endpoint("its name is no text")),
        }
    }
}

impl Address {
    fn is_no_endpoint(&self, problem: &str) -> EndpointError {
        EndpointError {
            given: self.to_string(),
            position: 0,
            problem: problem.to_owned(),
            expected: "an IP address, or the path of a UNIX socket".to_owned(),
        }
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
