//! Errors as the operating system numbers them, so that code which looks at the number
//! or the kind can't tell the simulation from it.

use std::io;

/// What a call on a socket can fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errno {
    AccessDenied,
    AddrInUse,
    AddrNotAvailable,
    BadDescriptor,
    BrokenPipe,
    DestinationRequired,
    FamilyNotSupported,
    Invalid,
    MessageSize,
    NoDevice,
    NoEntry,
    NotConnected,
    Refused,
    Reset,
    TimedOut,
    TooManyFiles,
    Unreachable,
    WouldBlock,
}

impl Errno {
    #[cfg(unix)]
    fn code(self) -> i32 {
        match self {
            Self::AccessDenied => libc::EACCES,
            Self::AddrInUse => libc::EADDRINUSE,
            Self::AddrNotAvailable => libc::EADDRNOTAVAIL,
            Self::BadDescriptor => libc::EBADF,
            Self::BrokenPipe => libc::EPIPE,
            Self::DestinationRequired => libc::EDESTADDRREQ,
            Self::FamilyNotSupported => libc::EAFNOSUPPORT,
            Self::Invalid => libc::EINVAL,
            Self::MessageSize => libc::EMSGSIZE,
            Self::NoDevice => libc::ENODEV,
            Self::NoEntry => libc::ENOENT,
            Self::NotConnected => libc::ENOTCONN,
            Self::Refused => libc::ECONNREFUSED,
            Self::Reset => libc::ECONNRESET,
            Self::TimedOut => libc::ETIMEDOUT,
            Self::TooManyFiles => libc::EMFILE,
            Self::Unreachable => libc::ENETUNREACH,
            Self::WouldBlock => libc::EWOULDBLOCK,
        }
    }

    /// The numbers of Windows Sockets.
    #[cfg(not(unix))]
    fn code(self) -> i32 {
        match self {
            Self::AccessDenied => 10013,
            Self::AddrInUse => 10048,
            Self::AddrNotAvailable => 10049,
            Self::BadDescriptor => 10009,
            Self::BrokenPipe => 109,
            // There it is the same as of a stream.
            Self::DestinationRequired => 10057,
            Self::FamilyNotSupported => 10047,
            Self::Invalid => 10022,
            Self::MessageSize => 10040,
            Self::NoDevice => 10049,
            Self::NoEntry => 2,
            Self::NotConnected => 10057,
            Self::Refused => 10061,
            Self::Reset => 10054,
            Self::TimedOut => 10060,
            Self::TooManyFiles => 10024,
            Self::Unreachable => 10051,
            Self::WouldBlock => 10035,
        }
    }

    /// In words that are the same on every machine, for the trace.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::AccessDenied => "access denied",
            Self::AddrInUse => "address in use",
            Self::AddrNotAvailable => "address not available",
            Self::BadDescriptor => "bad descriptor",
            Self::BrokenPipe => "broken pipe",
            Self::DestinationRequired => "destination address required",
            Self::FamilyNotSupported => "address family not supported",
            Self::Invalid => "invalid argument",
            Self::MessageSize => "message too long",
            Self::NoDevice => "no such device",
            Self::NoEntry => "no such file",
            Self::NotConnected => "not connected",
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::TimedOut => "timed out",
            Self::TooManyFiles => "too many open files",
            Self::Unreachable => "network unreachable",
            Self::WouldBlock => "would block",
        }
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.code())
    }
}
