//! Connects that fail, and where they start from.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use polyloop_core::{ListenOptions, TcpOptions};

use super::rig::{Rig, counter, fails, ready};
use crate::Fault;
use crate::clock::nanos;
use crate::network::{ConnectFailure, SocketId};
use crate::trace::{Event, Segment};

fn from(local: &str) -> TcpOptions {
    TcpOptions::new().local_address(Some(local.parse().unwrap()))
}

#[track_caller]
fn bind_error(result: Result<SocketId, ConnectFailure>) -> (SocketAddr, ErrorKind) {
    match result {
        Err(ConnectFailure::LocalAddress(address, error)) => (address, error.kind()),
        other => panic!("no failure of the local address: {other:?}"),
    }
}

#[test]
fn a_closed_port_refuses() {
    let mut rig = Rig::new(1);
    let (client, _server) = rig.pair();
    for to in ["10.0.0.2:80", "127.0.0.1:80", "[::1]:80", "[fd00::2]:80"] {
        let socket = rig.dial(client, to).unwrap();
        let (count, waker) = counter();
        assert!(
            rig.net
                .poll_connect(nanos(rig.now), socket, &waker)
                .is_pending()
        );
        rig.settle();
        assert_eq!(count.get(), 1, "{to}");
        assert_eq!(fails(rig.connected(socket)), ErrorKind::ConnectionRefused);
        rig.close(socket);
    }
    assert!(rig.is_clean());
    assert_eq!(
        rig.count(|event| matches!(event, Event::ConnectFailed { reason, .. }
            if reason == "connection refused")),
        4
    );
}

#[test]
fn a_silent_host_makes_a_connect_time_out_after_127_seconds() {
    let mut rig = Rig::new(2);
    let (client, server) = rig.pair();
    rig.listen(server, "0.0.0.0:80").unwrap();
    rig.fault(Fault::Partition {
        a: client,
        b: server,
    });
    for to in [
        "10.0.0.2:80",
        "10.1.2.3:80",
        "[2001:db8::1]:80",
        "192.0.2.1:80",
    ] {
        let begun = rig.now;
        let socket = rig.dial(client, to).unwrap();
        rig.settle();
        assert_eq!(rig.now - begun, Duration::from_secs(127), "{to}");
        assert_eq!(fails(rig.connected(socket)), ErrorKind::TimedOut);
        rig.close(socket);
    }
    let tries = rig.count(|event| {
        matches!(
            event,
            Event::Lost {
                segment: Segment::Syn,
                ..
            }
        )
    });
    assert_eq!(tries, 7);
    assert!(rig.is_clean());
}

#[test]
fn a_connect_gets_through_when_a_partition_heals() {
    let mut rig = Rig::new(3);
    let (a, b) = rig.pair();
    let listener = rig.listen(b, "0.0.0.0:80").unwrap();
    rig.fault(Fault::Partition { a, b });
    rig.plan(Duration::from_secs(20), Fault::Heal { a, b });
    let socket = rig.dial(a, "10.0.0.2:80").unwrap();
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    ready(rig.accept(listener)).unwrap();
    // Tries come after 1, 3, 7, 15 and 31 seconds.
    assert!(rig.now >= Duration::from_secs(31));
}

#[test]
fn the_answer_of_a_handshake_may_be_lost_too() {
    let mut rig = Rig::new(4);
    let (a, b) = rig.pair();
    let listener = rig.listen(b, "0.0.0.0:80").unwrap();
    rig.fault(Fault::Cut { from: b, to: a });
    let socket = rig.dial(a, "10.0.0.2:80").unwrap();
    rig.pass(Duration::from_millis(500));
    assert!(
        rig.accept(listener).is_pending(),
        "a half-open connection was accepted"
    );
    rig.fault(Fault::Heal { a, b });
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    let accepted = ready(rig.accept(listener)).unwrap();
    rig.carry(socket, accepted, b"through");

    // And one whose client is gone meanwhile is forgotten.
    rig.fault(Fault::Cut { from: b, to: a });
    let socket = rig.dial(a, "10.0.0.2:80").unwrap();
    rig.pass(Duration::from_millis(500));
    rig.close(socket);
    rig.settle();
    assert!(rig.accept(listener).is_pending());
    assert_eq!(rig.net.connections.len(), 1);
}

#[test]
fn a_connect_that_is_given_up_leaves_nothing() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "0.0.0.0:80").unwrap();
    for steps in 0..4 {
        let socket = rig.dial(client, "10.0.0.2:80").unwrap();
        for _ in 0..steps {
            rig.step();
        }
        rig.close(socket);
        rig.settle();
    }
    while let std::task::Poll::Ready(socket) = rig.accept(listener) {
        let socket = socket.unwrap();
        assert_eq!(ready(rig.read(socket)).unwrap(), b"");
        rig.close(socket);
    }
    rig.settle();
    assert!(rig.is_clean());
}

#[test]
fn a_local_address_is_used_or_refused() {
    let mut rig = Rig::new(7);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "[::]:80").unwrap();
    rig.listen(server, "0.0.0.0:80").unwrap();
    let socket = rig
        .dial_with(client, "10.0.0.2:80", &from("10.0.0.1:5000"))
        .unwrap();
    assert_eq!(
        rig.net.local_address(socket).unwrap().to_string(),
        "10.0.0.1:5000"
    );
    let socket = rig
        .dial_with(client, "[fd00::2]:80", &from("[::]:5001"))
        .unwrap();
    rig.settle();
    assert_eq!(
        rig.net.local_address(socket).unwrap().to_string(),
        "[fd00::1]:5001"
    );
    ready(rig.accept(listener)).unwrap();

    // Foreign, of the wrong family, taken.
    let refused = rig.dial_with(client, "10.0.0.2:80", &from("192.0.2.1:0"));
    assert_eq!(bind_error(refused).1, ErrorKind::AddrNotAvailable);
    let refused = rig.dial_with(client, "10.0.0.2:80", &from("[fd00::1]:0"));
    assert_eq!(bind_error(refused).0.to_string(), "[fd00::1]:0");
    rig.listen(client, "0.0.0.0:5002").unwrap();
    let refused = rig.dial_with(client, "10.0.0.2:80", &from("10.0.0.1:5002"));
    assert_eq!(bind_error(refused).1, ErrorKind::AddrInUse);
    // The same two addresses twice, and loopback that leads away.
    let refused = rig.dial_with(client, "10.0.0.2:80", &from("10.0.0.1:5000"));
    let Err(ConnectFailure::Other(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    let refused = rig.dial_with(client, "10.0.0.2:80", &from("127.0.0.1:0"));
    let Err(ConnectFailure::Other(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_pair_of_addresses_rests_after_the_side_that_ended_first() {
    let mut rig = Rig::new(8);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "0.0.0.0:80").unwrap();
    let other = rig.listen(server, "0.0.0.0:81").unwrap();
    let exchange = |rig: &mut Rig, client_first: bool| {
        let socket = rig.dial_with(client, "10.0.0.2:80", &from("10.0.0.1:5000"))?;
        rig.settle();
        let accepted = ready(rig.accept(listener)).unwrap();
        let mut ends = [accepted, socket];
        if client_first {
            ends.reverse();
        }
        for end in ends {
            rig.close(end);
            rig.settle();
        }
        Ok(())
    };
    exchange(&mut rig, false).unwrap();
    exchange(&mut rig, false).unwrap();
    exchange(&mut rig, true).unwrap();
    let Err(ConnectFailure::Other(error)) = exchange(&mut rig, true) else {
        panic!("the pair is taken again at once");
    };
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    // Another pair with the same port may be had.
    rig.dial_with(client, "10.0.0.2:81", &from("10.0.0.1:5000"))
        .unwrap();
    rig.net.close_listener(nanos(rig.now), other);
    rig.pass(Duration::from_secs(60));
    exchange(&mut rig, true).unwrap();
}

#[test]
fn a_socket_may_be_connected_to_itself() {
    let mut rig = Rig::new(8);
    let (client, _) = rig.pair();
    let socket = rig
        .dial_with(client, "10.0.0.1:5000", &from("10.0.0.1:5000"))
        .unwrap();
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    assert_eq!(
        rig.net.local_address(socket).unwrap(),
        rig.net.peer_address(socket).unwrap()
    );
    // Its port is taken.
    let alone = ListenOptions::new().reuse_address(false);
    let refused = rig.listen_with(client, "10.0.0.1:5000", &alone);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::AddrInUse);
    ready(rig.write(socket, b"echo")).unwrap();
    rig.settle();
    assert_eq!(ready(rig.read(socket)).unwrap(), b"echo");
    rig.shutdown(socket).unwrap();
    rig.settle();
    assert_eq!(ready(rig.read(socket)).unwrap(), b"");
    rig.close(socket);
    rig.settle();
    assert!(rig.is_clean());
}

#[test]
fn no_stream_leads_to_many_hosts_or_off_the_link() {
    let mut rig = Rig::new(8);
    let (client, _) = rig.pair();
    for (address, expected) in [
        ("224.0.0.1:80", ErrorKind::NetworkUnreachable),
        ("255.255.255.255:80", ErrorKind::NetworkUnreachable),
        ("[ff02::1]:80", ErrorKind::NetworkUnreachable),
        ("[::ffff:224.0.0.1]:80", ErrorKind::NetworkUnreachable),
        ("[fe80::1]:80", ErrorKind::InvalidInput),
        ("[fe80::1%1]:80", ErrorKind::NetworkUnreachable),
    ] {
        let Err(ConnectFailure::Other(error)) = rig.dial(client, address) else {
            panic!("{address} leads somewhere");
        };
        assert_eq!(error.kind(), expected, "{address}");
    }
}

#[test]
fn descriptors_run_out() {
    let mut rig = Rig::new(9);
    let (client, server) = rig.pair();
    let too_many = io::Error::from(crate::network::errno::Errno::TooManyFiles).raw_os_error();
    let limit = |rig: &mut Rig, host, limit| rig.fault(Fault::Descriptors { host, limit });
    limit(&mut rig, client, Some(1));
    limit(&mut rig, server, Some(1));
    let listener = rig.listen(server, "0.0.0.0:80").unwrap();
    let error = rig.listen(server, "0.0.0.0:81").unwrap_err();
    assert_eq!(error.raw_os_error(), too_many);
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    match rig.dial(client, "10.0.0.2:80") {
        Err(ConnectFailure::Other(error)) => assert_eq!(error.raw_os_error(), too_many),
        other => panic!("{other:?}"),
    }
    assert!(
        rig.accept(listener).is_pending(),
        "there is nobody to accept"
    );
    rig.settle();
    for _ in 0..2 {
        let error = ready(rig.accept(listener)).unwrap_err();
        assert_eq!(error.raw_os_error(), too_many);
    }
    // It has waited in the queue.
    limit(&mut rig, server, Some(2));
    let accepted = ready(rig.accept(listener)).unwrap();
    rig.carry(socket, accepted, b"still there");
    rig.close(accepted);
    rig.close(socket);
    rig.settle();
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    ready(rig.accept(listener)).unwrap();
}

#[test]
fn any_address_leads_to_oneself() {
    let mut rig = Rig::new(10);
    let (client, _) = rig.pair();
    let v4 = rig.listen(client, "127.0.0.1:80").unwrap();
    let v6 = rig.listen(client, "[::1]:80").unwrap();
    for (to, listener) in [("0.0.0.0:80", v4), ("[::]:80", v6)] {
        let socket = rig.dial(client, to).unwrap();
        rig.settle();
        ready(rig.connected(socket)).unwrap();
        ready(rig.accept(listener)).unwrap();
    }
}
