//! A datagram and its echo: the polyloop side, and what the hand-written ones share.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use async_io::Async;
use polyloop::{
    DatagramProtocol, DatagramSocket, DatagramTransport, Failure, Udp, UdpOptions, UdpSettings as _,
};

/// What goes there and back.
pub(super) const DATA: [u8; 64] = [7; 64];

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        transport.send_to(data, from)?;
        Ok(())
    }
}

/// Serves, and gives a client.
pub(super) fn polyloop<L: Udp>(lp: &L) -> Result<L::UdpSocket, String> {
    let told = |error: polyloop::UdpError| error.to_string();
    let socket = lp.bind_udp(HERE, &UdpOptions::new()).map_err(told)?;
    let address = socket.local_addr().map_err(|error| error.to_string())?;
    lp.drive_datagrams(socket, Echo)
        .map_err(|error| error.to_string())?;
    let options = UdpOptions::new().local_address(Some(HERE));
    lp.connect_udp(address, &options).map_err(told)
}

pub(super) async fn ask<S: DatagramSocket>(client: &S, operations: u64) {
    let mut answer = [0; 1024];
    for _ in 0..operations {
        client.send(&DATA).await.expect("room for a datagram");
        let received = client.recv(&mut answer).await;
        assert_eq!(received.ok(), Some(DATA.len()));
    }
}

/// A socket that serves and one that asks, of the standard library.
pub(super) fn pair() -> std::io::Result<(UdpSocket, UdpSocket)> {
    let (server, client) = (UdpSocket::bind(HERE)?, UdpSocket::bind(HERE)?);
    client.connect(server.local_addr()?)?;
    server.set_nonblocking(true)?;
    client.set_nonblocking(true)?;
    Ok((server, client))
}

/// By hand on the reactor below smol and async-std.
pub(super) async fn serve_by_hand(server: Async<UdpSocket>) {
    let mut buffer = [0; 1024];
    while let Ok((length, from)) = server.recv_from(&mut buffer).await {
        if server.send_to(&buffer[..length], from).await.is_err() {
            return;
        }
    }
}

/// The same for the client.
pub(super) async fn ask_by_hand(client: &Async<UdpSocket>, operations: u64) {
    let mut answer = [0; 1024];
    for _ in 0..operations {
        client.send(&DATA).await.expect("room for a datagram");
        let received = client.recv(&mut answer).await;
        assert_eq!(received.ok(), Some(DATA.len()));
    }
}
