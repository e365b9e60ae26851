//! [`Parameter`]: which arguments a scheme takes, and of what form.

use std::net::IpAddr;
use std::time::Duration;

use super::plain;

/// One argument that a [scheme](super::Scheme) takes.
///
/// ```
/// use polyloop_core::Parameter;
///
/// const PARAMETERS: &[Parameter] = &[
///     Parameter::text("topic"),
///     Parameter::seconds("timeout").for_clients(),
/// ];
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) side: Side,
    pub(super) required: bool,
}

/// What an argument may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Host,
    Port,
    Number,
    Octal,
    Seconds,
    Switch,
    Address,
    Names,
}

/// Who may be given an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Both,
    Clients,
    Servers,
}

impl Parameter {
    const fn new(name: &'static str, form: Form) -> Self {
        Self {
            name,
            form,
            side: Side::Both,
            required: false,
        }
    }

    /// Any text but an empty one.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, Form::Text)
    }

    /// A host's name or address.
    pub const fn host(name: &'static str) -> Self {
        Self::new(name, Form::Host)
    }

    /// The number of a port.
    pub const fn port(name: &'static str) -> Self {
        Self::new(name, Form::Port)
    }

    /// A number that is not negative.
    pub const fn number(name: &'static str) -> Self {
        Self::new(name, Form::Number)
    }

    /// Permissions of a file, in octal.
    pub const fn mode(name: &'static str) -> Self {
        Self::new(name, Form::Octal)
    }

    /// A time in seconds, which may have a fraction.
    pub const fn seconds(name: &'static str) -> Self {
        Self::new(name, Form::Seconds)
    }

    /// On or off: `1`, `yes`, `true`, `on`, and their opposites.
    pub const fn switch(name: &'static str) -> Self {
        Self::new(name, Form::Switch)
    }

    /// An IP address.
    pub const fn address(name: &'static str) -> Self {
        Self::new(name, Form::Address)
    }

    /// Names between commas, such as those of protocols (ALPN): each of 1 to 255 bytes without
    /// spaces, and none of them twice.
    pub const fn names(name: &'static str) -> Self {
        Self::new(name, Form::Names)
    }

    /// Without it there is no endpoint.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Only whoever connects may be given it.
    pub const fn for_clients(mut self) -> Self {
        self.side = Side::Clients;
        self
    }

    /// Only whoever listens may be given it.
    pub const fn for_servers(mut self) -> Self {
        self.side = Side::Servers;
        self
    }
}

impl Form {
    /// What is wrong with a value, where in it, and what was expected.
    pub(super) fn check(self, value: &str) -> Result<(), Misfit> {
        let wrong = |problem: &str, expected| Misfit {
            at: 0,
            problem: problem.to_owned(),
            expected,
        };
        let expected = match self {
            Self::Text => "a text",
            Self::Host => {
                return plain::check_host(unbracketed(value))
                    .map_err(|problem| wrong(problem, "a host's name or address"));
            }
            Self::Port => {
                return plain::port(value)
                    .map(|_| ())
                    .map_err(|problem| wrong(problem, "a number from 0 to 65535"));
            }
            Self::Number => "a number from 0 to 4294967295",
            Self::Octal => "permissions in octal, such as 660",
            Self::Seconds => "a time in seconds, such as 2.5",
            Self::Switch => "yes or no",
            Self::Address => "an IP address",
            Self::Names => {
                return check_names(value).map_err(|(at, problem)| Misfit {
                    at,
                    problem,
                    expected: "names between commas, such as h2,http/1.1",
                });
            }
        };
        let fits = match self {
            Self::Text | Self::Host | Self::Port | Self::Names => !value.is_empty(),
            Self::Number => number(value).is_some(),
            Self::Octal => octal(value).is_some(),
            Self::Seconds => seconds(value).is_some(),
            Self::Switch => switch(value).is_some(),
            Self::Address => address(value).is_some(),
        };
        if fits {
            Ok(())
        } else if value.is_empty() {
            Err(wrong("it has no value", expected))
        } else {
            Err(wrong(&format!("{value:?} is not {expected}"), expected))
        }
    }
}

/// What is wrong with the value of an argument.
pub(super) struct Misfit {
    /// Where in the value, in bytes.
    pub(super) at: usize,
    pub(super) problem: String,
    pub(super) expected: &'static str,
}

/// The longest name that ALPN can carry.
const LONGEST_NAME: usize = 255;

/// What is wrong with names between commas, and where.
fn check_names(value: &str) -> Result<(), (usize, String)> {
    if value.is_empty() {
        return Err((0, "it has no value".to_owned()));
    }
    let (mut at, mut before) = (0, Vec::new());
    for name in value.split(',') {
        let problem = if name.is_empty() {
            Some("a name is empty".to_owned())
        } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            Some(format!("{name:?} has a space in it"))
        } else if name.len() > LONGEST_NAME {
            Some(format!("a name has more than {LONGEST_NAME} bytes"))
        } else {
            let twice = before.contains(&name);
            twice.then(|| format!("{name:?} is given twice"))
        };
        if let Some(problem) = problem {
            return Err((at, problem));
        }
        before.push(name);
        at += name.len() + 1;
    }
    Ok(())
}

/// A host without the brackets around an IPv6 address.
pub(super) fn unbracketed(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.filter(|inner| plain::is_ipv6(inner)).unwrap_or(host)
}

fn digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn number(value: &str) -> Option<u32> {
    digits(value).then(|| value.parse().ok())?
}

pub(super) fn octal(value: &str) -> Option<u32> {
    let mode = digits(value).then(|| u32::from_str_radix(value, 8).ok())??;
    (mode <= 0o7777).then_some(mode)
}

pub(super) fn seconds(value: &str) -> Option<Duration> {
    // No signs, no exponents, no infinity.
    let plain = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = plain.then(|| value.parse().ok())??;
    Duration::try_from_secs_f64(seconds).ok()
}

pub(super) fn switch(value: &str) -> Option<bool> {
    let is = |word: &&str| value.eq_ignore_ascii_case(word);
    if ["1", "yes", "true", "on"].iter().any(is) {
        return Some(true);
    }
    ["0", "no", "false", "off"].iter().any(is).then_some(false)
}

pub(super) fn address(value: &str) -> Option<IpAddr> {
    unbracketed(value).parse().ok()
}
