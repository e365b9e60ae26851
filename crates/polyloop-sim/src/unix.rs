//! UNIX sockets of a simulated host: each host has paths and abstract names of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use polyloop_core::net::unix::{DirectoryLock, SocketFile};
use polyloop_core::{ListenOptions, TcpOptions, Unix, UnixAddress, UnixPathError};

use crate::SimLoop;
use crate::listener::SimTcpListener;
use crate::stream::SimTcpStream;

/// What the systems that have such sockets have room for.
const LONGEST: usize = 107;

impl Unix for SimLoop {
    async fn connect_unix(
        &self,
        address: &UnixAddress,
        options: &TcpOptions,
    ) -> io::Result<SimTcpStream> {
        self.check_power()?;
        let name = checked(address)?;
        let to = self
            .sim()
            .with_network(|network, _| network.address_of_name(self.id(), &name))?;
        let mut options = options.clone();
        options.local_address = None;
        let stream = self.connect_to(to, &options).await?;
        Ok(stream.named(UnixAddress::unnamed(), address.clone()))
    }

    fn bind_unix(
        &self,
        address: &UnixAddress,
        options: &ListenOptions,
    ) -> io::Result<SimTcpListener> {
        self.check_power()?;
        let name = checked(address)?;
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (listener, at) = self.sim().with_network(|network, now| {
            network.check_name(self.id(), &name)?;
            let listener = network.listen(now, self.id(), anywhere, options)?;
            network.bind_name(self.id(), name, listener);
            io::Result::Ok((listener, network.listener_address(listener)?))
        })?;
        Ok(SimTcpListener::new(self.sim().clone(), listener, at).named(address.clone()))
    }

    fn socket_file(&self, path: &Path) -> io::Result<SocketFile> {
        let path = plain(path);
        let number = self
            .sim()
            .with_network(|network, _| network.file_at(self.id(), &path))?;
        Ok(SocketFile {
            is_socket: true,
            id: (0, number),
            path,
        })
    }

    fn remove_socket_file(&self, path: &Path) -> io::Result<()> {
        // A machine without power keeps its files.
        self.check_power()?;
        let path = plain(path);
        self.sim()
            .with_network(|network, _| network.remove_file(self.id(), &path))
    }

    /// None is needed: nobody has a turn in between.
    fn lock_directory(&self, _: &Path) -> io::Result<Option<DirectoryLock>> {
        Ok(None)
    }
}

/// The name as the host knows it, if it is one that a system would take.
fn checked(address: &UnixAddress) -> io::Result<UnixAddress> {
    let length = match (address.as_path(), address.as_abstract_name()) {
        (Some(path), _) => {
            let path = path.as_os_str().as_encoded_bytes();
            if path.contains(&0) {
                return Err(UnixPathError::ZeroByte.into());
            }
            path.len()
        }
        (_, Some(name)) => name.len(),
        _ => 0,
    };
    match length {
        0 => Err(UnixPathError::Unnamed.into()),
        1..=LONGEST => Ok(match address.as_path() {
            Some(path) => UnixAddress::from_path(plain(path)),
            None => address.clone(),
        }),
        _ => Err(UnixPathError::TooLong {
            length,
            limit: LONGEST,
        }
        .into()),
    }
}

/// The path from the root, where a simulated program is.
fn plain(path: &Path) -> PathBuf {
    let mut whole = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::ParentDir => {
                whole.pop();
            }
            Component::Normal(name) => whole.push(name),
            _ => {}
        }
    }
    whole
}
