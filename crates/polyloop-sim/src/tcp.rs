//! TCP of a simulated host.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use polyloop_core::backend::Backend as _;
use polyloop_core::net::socket::local_bind_error;
use polyloop_core::{ListenOptions, Tcp, TcpOptions};

use crate::SimLoop;
use crate::listener::SimTcpListener;
use crate::network::ConnectFailure;
use crate::report::Wait;
use crate::stream::{SimTcpStream, Socket};

impl Tcp for SimLoop {
    type TcpStream = SimTcpStream;
    type TcpListener = SimTcpListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<SimTcpStream> {
        self.connect_to(address, options).await
    }

    fn bind_tcp(&self, address: SocketAddr, options: &ListenOptions) -> io::Result<SimTcpListener> {
        self.check_power()?;
        let (listener, address) = self.sim().with_network(|network, now| {
            let listener = network.listen(now, self.id(), address, options)?;
            let address = network.listener_address(listener)?;
            io::Result::Ok((listener, address))
        })?;
        Ok(SimTcpListener::new(self.sim().clone(), listener, address))
    }

    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<SimTcpListener> {
        drop(socket);
        Err(of_the_real_system())
    }

    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<SimTcpStream> {
        drop(socket);
        Err(of_the_real_system())
    }
}

pub(crate) fn of_the_real_system() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "a simulated host can't use a socket of the real system",
    )
}

impl SimLoop {
    pub(crate) async fn connect_to(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<SimTcpStream> {
        self.check_power()?;
        let begun = self
            .sim()
            .with_network(|network, now| network.connect(now, self.id(), address, options));
        let socket = match begun {
            Ok(socket) => Socket::new(self.sim().clone(), socket),
            Err(ConnectFailure::LocalAddress(local, error)) => {
                return Err(local_bind_error(local, &error));
            }
            Err(ConnectFailure::Other(error)) => return Err(error),
        };
        Connecting {
            socket: &socket,
            address,
        }
        .await?;
        SimTcpStream::new(socket, address)
    }

    /// A machine that has crashed has no network, whatever is left to ask for it.
    pub(crate) fn check_power(&self) -> io::Result<()> {
        if self.state().is_killed() {
            let why = format!("{} has crashed", self.host_name());
            return Err(io::Error::new(io::ErrorKind::NetworkDown, why));
        }
        Ok(())
    }
}

/// A connect that is under way.
struct Connecting<'a> {
    socket: &'a Socket,
    address: SocketAddr,
}

impl Future for Connecting<'_> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket.id();
        self.socket
            .sim()
            .poll_network(Wait::Connect(self.address), |network, now| {
                network.poll_connect(now, socket, cx.waker())
            })
    }
}
