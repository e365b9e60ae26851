//! Datagrams of a simulated host.

use std::net::SocketAddr;

use polyloop_core::backend::Backend as _;
use polyloop_core::{Udp, UdpError, UdpOptions};

use crate::SimLoop;
use crate::tcp::of_the_real_system;
use crate::udp_socket::SimUdpSocket;

impl Udp for SimLoop {
    type UdpSocket = SimUdpSocket;

    fn adopt_udp(&self, socket: std::net::UdpSocket) -> Result<SimUdpSocket, UdpError> {
        drop(socket);
        Err(UdpError::Refused {
            name: self.state().name(),
            source: of_the_real_system(),
        })
    }

    fn bind_udp(
        &self,
        address: SocketAddr,
        options: &UdpOptions,
    ) -> Result<SimUdpSocket, UdpError> {
        let refused = |source| UdpError::Bind { address, source };
        let socket = self.bound(address, options)?;
        socket.told_its_address(options).map_err(refused)
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> Result<SimUdpSocket, UdpError> {
        let socket = self.bound(options.local_for(peer)?, options)?;
        let refused = |source| UdpError::Connect { peer, source };
        socket
            .connected(peer)
            .and_then(|socket| socket.told_its_address(options))
            .map_err(refused)
    }
}

impl SimLoop {
    fn bound(&self, address: SocketAddr, options: &UdpOptions) -> Result<SimUdpSocket, UdpError> {
        let refused = |source| UdpError::Bind { address, source };
        // One that has crashed takes no work either, and this says more.
        self.check_power().map_err(refused)?;
        self.state().check_open()?;
        let id = self
            .sim()
            .with_network(|network, now| network.bind_udp(now, self.id(), address, options))
            .map_err(refused)?;
        Ok(SimUdpSocket::new(self.sim().clone(), id, address))
    }
}
