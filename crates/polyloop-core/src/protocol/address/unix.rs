//! [`UnixAddress`]: what a UNIX socket is called.
//!
//! The type is there on every platform, so that code that prints or compares addresses
//! needs no `cfg`; sockets of that kind are not.

use std::fmt::{self, Write as _};
use std::path::Path;

use crate::sync::primitive::Arc;

/// The address of a UNIX socket: a path, an abstract name (Linux), or nothing, as most
/// clients have it.
///
/// It prints as `unix:/run/app.sock`, `unix:@name` and `unix:(unnamed)`, with whatever of
/// it is not printable escaped.
///
/// ```
/// use polyloop_core::UnixAddress;
///
/// assert_eq!(UnixAddress::from_path("/run/app.sock").to_string(), "unix:/run/app.sock");
/// assert_eq!(UnixAddress::from_abstract_name(b"app\x01").to_string(), "unix:@app\\x01");
/// assert!(UnixAddress::unnamed().is_unnamed());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixAddress(Name);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name {
    Unnamed,
    Path(Arc<Path>),
    Abstract(Arc<[u8]>),
}

impl UnixAddress {
    /// Of a socket that was bound to nothing.
    pub fn unnamed() -> Self {
        Self(Name::Unnamed)
    }

    /// A place in the file system. Nothing is looked up.
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self(Name::Path(path.as_ref().into()))
    }

    /// A name that is in no file system, without the zero byte before it.
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> Self {
        Self(Name::Abstract(name.as_ref().into()))
    }

    /// The path, if it is one.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.0 {
            Name::Path(path) => Some(path),
            _ => None,
        }
    }

    /// The abstract name, if it is one, without the zero byte before it.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match &self.0 {
            Name::Abstract(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it has no name.
    pub fn is_unnamed(&self) -> bool {
        matches!(self.0, Name::Unnamed)
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::SocketAddr> for UnixAddress {
    fn from(address: std::os::unix::net::SocketAddr) -> Self {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt as _;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt as _;

        if let Some(path) = address.as_pathname() {
            return Self::from_path(path);
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = address.as_abstract_name() {
            return Self::from_abstract_name(name);
        }
        Self::unnamed()
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Unnamed => f.write_str("unix:(unnamed)"),
            Name::Path(path) => {
                f.write_str("unix:")?;
                escaped(f, path.as_os_str().as_encoded_bytes())
            }
            Name::Abstract(name) => {
                f.write_str("unix:@")?;
                escaped(f, name)
            }
        }
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is no text, or would move the cursor of a terminal, as an escape.
fn escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => f.write_str("\\\\")?,
                '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(letter))?,
                // Others that do not show: escaped as Rust does it.
                _ if letter.escape_debug().len() > 1 && letter != '"' && letter != '\'' => {
                    write!(f, "{}", letter.escape_debug())?;
                }
                _ => f.write_char(letter)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_and_what_is_not_printable_is_escaped() {
        for (name, text) in [
            (&b"plain"[..], "unix:@plain"),
            ("Größe \"1\"".as_bytes(), "unix:@Größe \"1\""),
            (b"a\nb\x1b[2J", "unix:@a\\x0ab\\x1b[2J"),
            (b"back\\slash", "unix:@back\\\\slash"),
            (b"\xff\xfe", "unix:@\\xff\\xfe"),
            ("\u{202e}".as_bytes(), "unix:@\\u{202e}"),
            (b"", "unix:@"),
        ] {
            assert_eq!(UnixAddress::from_abstract_name(name).to_string(), text);
        }
        assert_eq!(UnixAddress::unnamed().to_string(), "unix:(unnamed)");
        assert_eq!(format!("{:?}", UnixAddress::from_path("/a")), "unix:/a");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_text() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let path = Path::new(OsStr::from_bytes(b"/run/\xe9.sock"));
        let address = UnixAddress::from_path(path);
        assert_eq!(address.to_string(), "unix:/run/\\xe9.sock");
        assert_eq!(address.as_path(), Some(path));
    }

    #[cfg(unix)]
    #[test]
    fn std_s_addresses_are_understood() {
        use std::os::unix::net::{SocketAddr, UnixStream};

        let path = SocketAddr::from_pathname("/run/app.sock").unwrap();
        assert_eq!(
            UnixAddress::from(path),
            UnixAddress::from_path("/run/app.sock")
        );
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(UnixAddress::from(one.local_addr().unwrap()).is_unnamed());
    }
}
