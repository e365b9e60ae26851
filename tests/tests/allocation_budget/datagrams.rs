//! Datagrams: received and answered by a protocol, and by plain receives and sends.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use polyloop_core::{
    DatagramProtocol, DatagramSocket, DatagramTransport, Failure, Loop, Promise as _, Udp,
    UdpOptions, UdpSettings as _,
};

use crate::connections::beside;
use crate::meter::count_beside;
use crate::sheet::Budget::AtMost;
use crate::sheet::Sheet;

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

pub(crate) async fn measure<L: Loop + Udp>(lp: &L, sheet: &mut Sheet) {
    let here = (Ipv4Addr::LOCALHOST, 0).into();
    let socket = lp.bind_udp(here, &UdpOptions::new()).unwrap();
    let address = socket.local_addr().unwrap();
    let endpoint = lp.drive_datagrams(socket, Echo).unwrap();
    let counted = beside(move || count_at(address)).await;
    sheet.enter("datagram, callback, answer", AtMost(0), counted, None);
    endpoint.close();

    let socket = lp.bind_udp(here, &UdpOptions::new()).unwrap();
    let address = socket.local_addr().unwrap();
    let serving = lp.spawn(async move {
        let mut buffer = vec![0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    });
    let counted = beside(move || count_at(address)).await;
    sheet.enter("recv_from, send_to", AtMost(0), counted, None);
    serving.cancel("it was counted");
    serving.ignore_failure();
}

fn count_at(address: SocketAddr) -> u64 {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    count_beside(|| {
        client.send(&[7; 64]).unwrap();
        assert_eq!(client.recv(&mut [0; 128]).unwrap(), 64);
    })
}
