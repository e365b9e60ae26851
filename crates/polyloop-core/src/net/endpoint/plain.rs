//! The plain form of an endpoint: `host:port`, `[::1]:80`, `*:80`.

use std::net::Ipv6Addr;

use super::error::Fault;

const EXPECTED: &str = "host:port, such as 127.0.0.1:80 or [::1]:80";

/// The host and the port.
pub(super) fn parse(text: &str) -> Result<(&str, u16), Fault> {
    let wrong = |at, problem: &str| Fault::new(at, problem, EXPECTED);
    let no_port = || wrong(text.len(), "it has no port");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| wrong(0, "its bracket is not closed"))?;
        if !is_ipv6(host) {
            return Err(wrong(1, "there is no IPv6 address between the brackets"));
        }
        (host, rest.strip_prefix(':').ok_or_else(no_port)?)
    } else {
        let (host, port) = text.rsplit_once(':').ok_or_else(no_port)?;
        if host.contains(':') {
            return Err(wrong(0, "an IPv6 address stands in brackets"));
        }
        (host, port)
    };
    check_host(host).map_err(|problem| wrong(0, problem))?;
    let port = self::port(port).map_err(|problem| wrong(text.len() - port.len(), problem))?;
    Ok((host, port))
}

/// Whether it is an address of IPv6, with a scope or without.
pub(super) fn is_ipv6(text: &str) -> bool {
    let address = text.split('%').next().unwrap_or(text);
    address.parse::<Ipv6Addr>().is_ok()
}

/// What is wrong with a host, as far as that shows without asking anybody.
pub(super) fn check_host(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("it has no host");
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Err("a host has no spaces and no slashes");
    }
    Ok(())
}

/// The number of a port.
pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    // `u16::from_str` takes a plus sign, which no port has.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("its port is not a number");
    }
    text.parse().map_err(|_| "its port is over 65535")
}
