//! Datagrams between processes: groups, and a reader that can't keep up.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use polyloop::{
    AnyLoop, DatagramSocket as _, MainLoop as _, MulticastInterface, SendError, Udp as _,
    UdpOptions, UdpSettings as _,
};
use polyloop_tests::Child;

const PEER: &str = env!("CARGO_BIN_EXE_polyloop-test-peer");
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[test]
fn a_group_is_joined_in_one_process_and_spoken_to_in_another() {
    polyloop_tests::on_each_real_loop(|lp| {
        // Each loop with a member on another.
        for name in AnyLoop::available_real() {
            let mut member = Child::start(PEER, &["multicast", name]);
            let group = member.address();
            assert!(group.ip().is_multicast(), "{group}");
            let answer = lp.run(async {
                let socket = lp.bind_udp(HERE, &UdpOptions::new())?;
                let loopback = MulticastInterface::Address(Ipv4Addr::LOCALHOST);
                socket.set_multicast_interface(loopback)?;
                socket.send_to(b"group", group).await?;
                let mut buffer = [0; 64];
                let (length, from) = socket.recv_from(&mut buffer).await?;
                assert_eq!(from.ip(), Ipv4Addr::LOCALHOST);
                Ok::<_, polyloop::Failure>(buffer[..length].to_vec())
            });
            assert_eq!(answer.unwrap().unwrap(), b"hello, group");
            member.stop();
        }
    });
}

#[test]
fn a_hundred_thousand_datagrams_to_a_slow_reader_need_little_memory() {
    const MANY: u64 = 100_000;

    polyloop_tests::on_each_real_loop(|lp| {
        let name = polyloop::Lifecycle::name(&lp);
        let mut child = Child::start(PEER, &["slow-datagrams", name]);
        let address = child.address();
        let (before, _) = child.memory_kib();
        let full = lp
            .run(async {
                let socket = lp.connect_udp(address, &UdpOptions::new())?;
                let mut full = 0_u64;
                for _ in 0..MANY {
                    match socket.try_send(&[7; 1024]) {
                        Ok(()) => {}
                        Err(SendError::Full) => full += 1,
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok::<_, polyloop::Failure>(full)
            })
            .unwrap()
            .unwrap();
        let received = how_many(address);
        let (_, peak) = child.memory_kib();
        println!(
            "{name}: {received} of {MANY} received, {full} refused, {before} KiB, then {peak}"
        );
        // The system dropped what it had no room for, and said so to nobody.
        assert!(received > 0 && received < MANY, "{received}");
        assert!(
            peak < before + 16 * 1024,
            "{name}: {before} KiB before, {peak} KiB at most: it keeps what it can't handle"
        );
        child.stop();
    });
}

/// Asks until there is room for the question.
fn how_many(address: SocketAddr) -> u64 {
    let client = UdpSocket::bind(HERE).unwrap();
    client.connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut answer = [0; 32];
    loop {
        client.send(b"how many?").unwrap();
        match client.recv(&mut answer) {
            Ok(length) => {
                let text = std::str::from_utf8(&answer[..length]).unwrap();
                return text.parse().unwrap();
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "{error}"
            ),
        }
    }
}
