//! [`Scheme`]: what stands before the first colon; those that polyloop has, and how others
//! are added.

use std::fmt;

use super::error::{EndpointError, Fault};
use super::parameter::Parameter;
use super::{Arguments, Endpoint, Kind, plain, text};
use crate::net::{ConnectOptions, ListenOptions};
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;

/// A kind of endpoint that a crate adds to those of polyloop.
///
/// It says which arguments it takes, and at each connect or listen what stands below it:
/// another endpoint, and options with it. Whoever wants it [parses](Schemes::parse) with
/// [`Schemes`] that have it; the endpoint takes it along, so the loop need not know it.
///
/// ```
/// use polyloop_core::{
///     Arguments, ConnectOptions, Endpoint, Failure, ListenOptions, Parameter, Scheme, Schemes,
/// };
///
/// /// `redis:HOST`, where the port goes without saying.
/// struct Redis;
///
/// impl Scheme for Redis {
///     fn name(&self) -> &'static str {
///         "redis"
///     }
///
///     fn parameters(&self) -> &'static [Parameter] {
///         const { &[Parameter::host("host").required()] }
///     }
///
///     fn positional(&self) -> &'static [&'static str] {
///         &["host"]
///     }
///
///     fn client(&self, given: &Arguments, _: &mut ConnectOptions) -> Result<Endpoint, Failure> {
///         Ok(Endpoint::tcp(given.host("host").unwrap_or_default(), 6379))
///     }
///
///     fn server(&self, given: &Arguments, _: &mut ListenOptions) -> Result<Endpoint, Failure> {
///         Ok(Endpoint::tcp(given.host("host").unwrap_or_default(), 6379))
///     }
/// }
///
/// let schemes = Schemes::new().with(Redis);
/// let endpoint = schemes.parse("Redis:db.example")?;
/// assert_eq!(endpoint.to_string(), "redis:db.example");
/// # Ok::<(), polyloop_core::EndpointError>(())
/// ```
pub trait Scheme: Send + Sync + 'static {
    /// What stands before the colon, in lower case: letters, digits, and `+ - .` behind the
    /// first letter. Case is ignored where it is read (ENDP-06).
    fn name(&self) -> &'static str;

    /// Other names for the same.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// The arguments that it takes.
    fn parameters(&self) -> &'static [Parameter];

    /// Those that may be given without their names, in this order. Of `host` and `port` a
    /// server's text may leave out the first.
    fn positional(&self) -> &'static [&'static str] {
        &[]
    }

    /// What to connect to, and with which options: called for each connect, and inside of
    /// it, so it must not block for long. What the text says goes before what the program
    /// has set.
    fn client(&self, given: &Arguments, options: &mut ConnectOptions) -> Result<Endpoint, Failure>;

    /// What to listen on, and with which options.
    fn server(&self, given: &Arguments, options: &mut ListenOptions) -> Result<Endpoint, Failure>;
}

impl fmt::Debug for dyn Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The arguments of `tls:`, which a crate that adds TLS takes over with the name. A
/// certificate is looked for in the file of the key unless it is given; an empty chain is
/// none. `alpn` lists the protocols to agree on, the preferred one first (ENDP-11).
pub const TLS_PARAMETERS: &[Parameter] = &[
    Parameter::host("host"),
    Parameter::port("port").required(),
    Parameter::host("interface").for_servers(),
    Parameter::number("backlog").for_servers(),
    Parameter::text("privateKey"),
    Parameter::text("certKey"),
    Parameter::text("extraCertChain"),
    Parameter::seconds("timeout").for_clients(),
    Parameter::address("bindAddress").for_clients(),
    Parameter::text("trustRoots"),
    Parameter::host("hostname").for_clients(),
    Parameter::names("alpn"),
];

const TCP_PARAMETERS: &[Parameter] = &[
    Parameter::host("host"),
    Parameter::port("port").required(),
    Parameter::host("interface").for_servers(),
    Parameter::number("backlog").for_servers(),
    Parameter::seconds("timeout").for_clients(),
    Parameter::address("bindAddress").for_clients(),
];

const UNIX_PARAMETERS: &[Parameter] = &[
    Parameter::text("path").required(),
    Parameter::mode("mode").for_servers(),
    Parameter::number("backlog").for_servers(),
    Parameter::switch("replaceStale").for_servers(),
    Parameter::seconds("timeout").for_clients(),
];

const FD_PARAMETERS: &[Parameter] = &[Parameter::text("socket").required()];

impl Kind {
    /// Those that polyloop has, but for what only a parsed text has.
    const OWN: [fn() -> Self; 5] = [
        || Self::tcp(false),
        || Self::tcp(true),
        || Self::Unix,
        || Self::Tls,
        || Self::Fd,
    ];

    pub(super) fn tcp(v6: bool) -> Self {
        Self::Tcp {
            v6,
            host: None,
            port: 0,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Tcp { v6: false, .. } => "tcp",
            Self::Tcp { v6: true, .. } => "tcp6",
            Self::Unix => "unix",
            Self::Fd => "fd",
            Self::Tls => "tls",
            Self::Other(scheme) => scheme.name(),
        }
    }

    fn aliases(&self) -> &'static [&'static str] {
        match self {
            Self::Tls => &["ssl"],
            Self::Other(scheme) => scheme.aliases(),
            _ => &[],
        }
    }

    pub(super) fn parameters(&self) -> &'static [Parameter] {
        match self {
            Self::Tcp { .. } => TCP_PARAMETERS,
            Self::Unix => UNIX_PARAMETERS,
            Self::Fd => FD_PARAMETERS,
            Self::Tls => TLS_PARAMETERS,
            Self::Other(scheme) => scheme.parameters(),
        }
    }

    pub(super) fn positional(&self) -> &'static [&'static str] {
        match self {
            Self::Tcp { .. } | Self::Tls => &["host", "port"],
            Self::Unix => &["path"],
            Self::Fd => &["socket"],
            Self::Other(scheme) => scheme.positional(),
        }
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        is(self.name()) || self.aliases().iter().any(|alias| is(alias))
    }

    /// Whether one that polyloop has is called so.
    pub(super) fn is_own(name: &str) -> bool {
        Self::OWN.iter().any(|own| own().is_called(name))
    }
}

/// The schemes that a text may begin with: those of polyloop (`tcp`, `tcp6`, `unix`, `tls`,
/// `fd`), and those that were added.
#[derive(Clone, Debug, Default)]
pub struct Schemes {
    added: Vec<Arc<dyn Scheme>>,
}

impl Schemes {
    /// Those of polyloop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. It goes before others of the same name.
    pub fn with(mut self, scheme: impl Scheme) -> Self {
        self.added.insert(0, Arc::new(scheme));
        self
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = Kind::OWN.iter().map(|own| own().name()).collect();
        for scheme in &self.added {
            if !names.contains(&scheme.name()) {
                names.push(scheme.name());
            }
        }
        names
    }

    /// The endpoint that `text` is. Neither a socket nor a file is opened, and nobody is
    /// asked (ENDP-12).
    pub fn parse(&self, given: &str) -> Result<Endpoint, EndpointError> {
        self.read(given).map_err(|fault| fault.within(given))
    }

    fn find(&self, name: &str) -> Option<Kind> {
        let mut added = self.added.iter().cloned().map(Kind::Other);
        added.find(|kind| kind.is_called(name)).or_else(|| {
            let mut own = Kind::OWN.iter().map(|own| own());
            own.find(|kind| kind.is_called(name))
        })
    }

    fn read(&self, given: &str) -> Result<Endpoint, Fault> {
        let name = given.split_once(':').map(|(name, _)| name);
        let Some((name, kind)) = name.and_then(|name| Some((name, self.find(name)?))) else {
            return plain::parse(given)
                .map(|(host, port)| Endpoint::tcp(host, port))
                .map_err(|fault| self.unknown(given).unwrap_or(fault));
        };
        let pieces = text::split(given, name.len() + 1)
            .map_err(|at| Fault::new(at, "a backslash ends it", r"a character behind it, or \\"))?;
        let arguments = Arguments::fit(given, pieces, kind.parameters(), kind.positional())?;
        Ok(Endpoint::of(kind, arguments))
    }

    /// That a text names a scheme which there is not, if it looks like that.
    fn unknown(&self, given: &str) -> Option<Fault> {
        let (name, rest) = given.split_once(':')?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        (is_name && rest.contains([':', '=', '/'])).then(|| {
            let problem = format!("there is no type {name:?}");
            let names = self.names();
            let (last, others) = names.split_last().unwrap_or((&"tcp", &[]));
            let expected = format!("{} or {last}, or host:port", others.join(", "));
            Fault::new(0, problem, expected)
        })
    }
}
