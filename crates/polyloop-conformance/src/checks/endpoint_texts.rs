//! ENDP: what a text says about where to listen or connect. No loop is needed to read it.

use std::time::Duration;

use polyloop_core::{Address, Endpoint, EndpointError, MainLoop, UnixAddress, quote};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};

fn parse(text: &str) -> Verdict<Endpoint> {
    text.parse()
        .map_err(|error: EndpointError| Fault::new(error.to_string()))
}

/// Why a text is none, which has to name the text.
fn refusal(text: &str) -> Verdict<EndpointError> {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => Err(Fault::new(format!("{text:?} was taken as {endpoint:?}"))),
        Err(error) => {
            ensure_eq!(error.given, text, "the text in the error");
            ensure!(
                error.position <= text.len(),
                "{text:?} has no place {}",
                error.position
            );
            ensure!(
                !error.expected.is_empty(),
                "{error} does not say what was expected"
            );
            Ok(error)
        }
    }
}

/// In two orders, with names and without.
pub fn endp_01<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    let endpoint = parse("tcp:example:80:timeout=5:bindAddress=10.0.0.1")?;
    ensure_eq!(endpoint.scheme(), "tcp", "the type");
    ensure_eq!(endpoint.host(), Some("example"), "the host");
    ensure_eq!(endpoint.port(), Some(80), "the port");
    let given = endpoint.arguments();
    ensure_eq!(
        given.seconds("timeout"),
        Some(Duration::from_secs(5)),
        "the limit"
    );
    ensure_eq!(
        given.get("bindAddress"),
        Some("10.0.0.1"),
        "the local address"
    );
    let other = parse("tcp:bindAddress=10.0.0.1:timeout=5:port=80:host=example")?;
    ensure_eq!(other, endpoint, "the same in another order");
    ensure_eq!(parse(&endpoint.to_string())?, endpoint, "as it prints");
    ensure_eq!(
        parse("example:80")?,
        parse("tcp:example:80")?,
        "the plain form"
    );
    Ok(())
}

/// Before each of the characters that mean something, and before one that means nothing.
pub fn endp_02<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    for (text, path) in [
        (r"unix:a\:b", "a:b"),
        (r"unix:a\=b", "a=b"),
        (r"unix:a\\b", r"a\b"),
        (r"unix:\a\b", "ab"),
        (r"unix:a\\", r"a\"),
        (r"unix:path=a\:b", "a:b"),
    ] {
        ensure_eq!(parse(text)?.path(), Some(path), "{text}");
    }
    Ok(())
}

/// Of two in one argument; and where the first makes a name that there is not.
pub fn endp_03<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    ensure_eq!(parse("unix:path=a=b")?.path(), Some("a=b"), "two in one");
    let error = refusal("unix:a=b")?;
    ensure!(
        error.problem.contains("\"a\""),
        "a value with a bare sign is no name in {error}"
    );
    ensure_eq!(
        parse(r"unix:a\=b=c").is_err(),
        true,
        "behind an escaped one"
    );
    Ok(())
}

/// Every text of up to four of the characters that mean something.
pub fn endp_04<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    const LETTERS: [char; 7] = [':', '=', '\\', '[', ']', 'a', 'é'];
    let mut values = vec![String::new()];
    for _ in 0..4 {
        let longer: Vec<String> = values
            .iter()
            .flat_map(|value| LETTERS.iter().map(move |letter| format!("{value}{letter}")))
            .collect();
        for value in &longer {
            let quoted = quote(value);
            for text in [
                format!("unix:{quoted}"),
                format!("unix:mode=600:path={quoted}"),
            ] {
                ensure_eq!(parse(&text)?.path(), Some(value.as_str()), "{text}");
                ensure_eq!(
                    parse(&parse(&text)?.to_string())?.path(),
                    Some(value.as_str()),
                    "{text} as it prints"
                );
            }
        }
        values = longer;
    }
    Ok(())
}

/// Each fault with its place.
pub fn endp_05<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    for (text, at) in [
        ("gopher:example:70", 0),
        ("http://example:80", 0),
        ("tcp:example", 11),
        ("tcp:example:80:90", 15),
        ("tcp:example:80:colour=red", 15),
        ("tcp:example:port=eighty", 17),
        ("tcp:example:80000", 12),
        ("tcp:port=1:port=2", 11),
        (r"tcp:example:80\", 14),
        ("unix:/s:mode=999", 13),
        ("fd:", 3),
    ] {
        let error = refusal(text)?;
        ensure_eq!(error.position, at, "{error}");
    }
    let known = refusal("gopher:example:70")?.expected;
    for name in ["tcp", "tcp6", "unix", "tls", "fd"] {
        ensure!(
            known.contains(name),
            "{name} is not among those known: {known}"
        );
    }
    Ok(())
}

/// Of each type.
pub fn endp_06<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    for (lower, other) in [
        ("tcp:example:80", "TCP:example:80"),
        ("tcp:80", "Tcp:80"),
        ("tcp6:80", "tCP6:80"),
        ("unix:/Path", "UNIX:/Path"),
        ("tls:example:443", "Tls:example:443"),
        ("tls:example:443", "SSL:example:443"),
        ("fd:web", "FD:web"),
    ] {
        ensure_eq!(parse(other)?, parse(lower)?, "{other}");
    }
    Ok(())
}

/// Escaped, in brackets, in the plain form, with a scope, and bare.
pub fn endp_09<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    for text in [
        r"tcp:\:\:1:80",
        "tcp:[::1]:80",
        "[::1]:80",
        "tcp:80:host=[::1]",
    ] {
        ensure_eq!(parse(text)?.host(), Some("::1"), "{text}");
        ensure_eq!(parse(text)?.port(), Some(80), "{text}");
    }
    let scoped = parse("tcp:[fe80::1%2]:80")?;
    ensure_eq!(scoped.host(), Some("fe80::1%2"), "one with a scope");
    refusal("tcp:::1:80")?;
    refusal("::1:80")?;
    Ok(())
}

/// What is given for each side, and a chain without a file.
pub fn endp_11<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    let server = parse("ssl:443:privateKey=key.pem:extraCertChain=chain.pem")?;
    ensure_eq!(server.scheme(), "tls", "the type");
    ensure_eq!(server.port(), Some(443), "the port");
    let given = server.arguments();
    ensure_eq!(given.get("privateKey"), Some("key.pem"), "the key");
    ensure_eq!(
        given.get("certKey"),
        None,
        "the certificate, which is the key's file"
    );
    ensure_eq!(given.get("extraCertChain"), Some("chain.pem"), "the chain");
    refusal("ssl:443:extraCertChain=")?;
    let client = parse("tls:example:443:trustRoots=/etc/ca:hostname=other.example")?;
    ensure_eq!(client.host(), Some("example"), "the host");
    ensure_eq!(
        client.arguments().get("trustRoots"),
        Some("/etc/ca"),
        "the roots"
    );
    let name = client.arguments().host("hostname");
    ensure_eq!(name, Some("other.example"), "the name to be shown");
    ensure_eq!(client.arguments().names("alpn").count(), 0, "no protocols");
    let protocols = parse(r"tls:example:443:alpn=h2,http/1.1,x\:y")?;
    let names: Vec<&str> = protocols.arguments().names("alpn").collect();
    ensure_eq!(names, ["h2", "http/1.1", "x:y"], "the protocols");
    for (text, place) in [
        ("tls:443:alpn=", 13),
        ("tls:443:alpn=h2,,http/1.1", 16),
        (r"tls:443:alpn=x\:y,h 2", 18),
        ("tls:443:alpn=h2,h3,h2", 19),
    ] {
        ensure_eq!(refusal(text)?.position, place, "the place in {text}");
    }
    Ok(())
}

/// Paths, a name of Linux's and none at all; and an address of IP.
pub fn endp_13<L: MainLoop>(_: &dyn Fn() -> L) -> Verdict {
    let named = |name: &[u8]| UnixAddress::from_abstract_name(name);
    for (address, text) in [
        (
            UnixAddress::from_path("/run/some one"),
            "unix:/run/some one",
        ),
        (
            UnixAddress::from_path("/a\nb\\\u{1b}"),
            "unix:/a\\x0ab\\\\\\x1b",
        ),
        (named(b"a\0\xff"), "unix:@a\\x00\\xff"),
        (UnixAddress::unnamed(), "unix:(unnamed)"),
    ] {
        ensure_eq!(Address::from(address).to_string(), text, "how it is shown");
    }
    let address = Address::from(([192, 0, 2, 1], 7));
    ensure_eq!(address.to_string(), "192.0.2.1:7", "how it is shown");
    Ok(())
}
