//! Which ports can be listened on, who is connected to what, and names.

use std::io::{self, ErrorKind};
use std::time::Duration;

use polyloop_core::ListenOptions;

use super::rig::{Rig, fails, ready};
use crate::clock::nanos;
use crate::network::ListenerId;
use crate::trace::Event;

#[track_caller]
fn in_use(result: io::Result<ListenerId>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_port_is_given_to_one_listener() {
    let mut rig = Rig::new(1);
    let (a, b) = rig.pair();
    let first = rig.listen(a, "127.0.0.1:80").unwrap();
    in_use(rig.listen(a, "127.0.0.1:80"));
    in_use(rig.listen(a, "0.0.0.0:80"));
    // Another address, another family and another host are something else.
    rig.listen(a, "10.0.0.1:80").unwrap();
    rig.listen(a, "127.0.0.2:80").unwrap();
    rig.listen(a, "[::]:80").unwrap();
    in_use(rig.listen(a, "[::1]:80"));
    rig.listen(b, "0.0.0.0:80").unwrap();
    rig.net.close_listener(nanos(rig.now), first);
    rig.listen(a, "127.0.0.1:80").unwrap();
}

#[test]
fn foreign_addresses_are_not_available() {
    let mut rig = Rig::new(2);
    let (a, _) = rig.pair();
    for foreign in [
        "10.0.0.2:80",
        "192.0.2.1:80",
        "[fd00::2]:80",
        "[2001:db8::1]:0",
    ] {
        let error = rig.listen(a, foreign).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{foreign}");
    }
}

#[test]
fn port_0_is_some_free_port() {
    let mut rig = Rig::new(3);
    let (a, _) = rig.pair();
    let mut ports = Vec::new();
    for _ in 0..100 {
        let listener = rig.listen(a, "127.0.0.1:0").unwrap();
        let port = rig.net.listener_address(listener).unwrap().port();
        assert!(port >= 32_768 && !ports.contains(&port));
        ports.push(port);
        rig.net.close_listener(nanos(rig.now), listener);
    }
}

#[test]
fn a_port_with_connections_can_be_listened_on_again_if_reuse_was_asked_for() {
    for reuse in [true, false] {
        let mut rig = Rig::new(4);
        let (client, server) = rig.pair();
        let options = ListenOptions::new().reuse_address(reuse);
        let listener = rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
        let socket = rig.dial(client, "10.0.0.2:80").unwrap();
        rig.settle();
        let accepted = ready(rig.accept(listener)).unwrap();
        rig.net.close_listener(nanos(rig.now), listener);
        let again = rig.listen_with(server, "0.0.0.0:80", &options);
        assert_eq!(again.is_ok(), reuse);
        if let Ok(again) = again {
            rig.net.close_listener(nanos(rig.now), again);
        }
        // The port rests after a connection that this side ended first.
        rig.close(accepted);
        rig.settle();
        rig.close(socket);
        rig.settle();
        let again = rig.listen_with(server, "0.0.0.0:80", &options);
        assert_eq!(again.is_ok(), reuse);
        if again.is_err() {
            rig.pass(Duration::from_secs(59));
            in_use(rig.listen_with(server, "0.0.0.0:80", &options));
            rig.pass(Duration::from_secs(1));
            rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
        }
    }
}

#[test]
fn a_port_does_not_rest_after_what_the_peer_ended_or_reset() {
    for reset in [true, false] {
        let mut rig = Rig::new(4);
        let (client, server) = rig.pair();
        let options = ListenOptions::new().reuse_address(false);
        let listener = rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
        let socket = rig.dial(client, "10.0.0.2:80").unwrap();
        rig.settle();
        let accepted = ready(rig.accept(listener)).unwrap();
        rig.net.close_listener(nanos(rig.now), listener);
        if reset {
            rig.net.reset_on_close(accepted).unwrap();
        } else {
            rig.close(socket);
            rig.settle();
        }
        rig.close(accepted);
        rig.settle();
        rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
    }
}

#[test]
fn addresses_of_many_hosts_and_of_no_link() {
    let mut rig = Rig::new(4);
    let (a, _) = rig.pair();
    let both = ListenOptions::new().v6_only(false);
    for (address, alone, dual) in [
        ("224.0.0.1:0", None, None),
        ("255.255.255.255:0", None, None),
        (
            "[ff02::1]:0",
            Some(ErrorKind::InvalidInput),
            Some(ErrorKind::InvalidInput),
        ),
        (
            "[fe80::1]:0",
            Some(ErrorKind::InvalidInput),
            Some(ErrorKind::InvalidInput),
        ),
        (
            "[fe80::1%1]:0",
            Some(ErrorKind::AddrNotAvailable),
            Some(ErrorKind::AddrNotAvailable),
        ),
        ("[::ffff:127.0.0.1]:0", Some(ErrorKind::InvalidInput), None),
        (
            "[::ffff:192.0.2.1]:0",
            Some(ErrorKind::InvalidInput),
            Some(ErrorKind::AddrNotAvailable),
        ),
    ] {
        let kind = |result: io::Result<ListenerId>| result.err().map(|error| error.kind());
        assert_eq!(kind(rig.listen(a, address)), alone, "{address}");
        assert_eq!(kind(rig.listen_with(a, address, &both)), dual, "{address}");
    }
}

#[test]
fn a_port_can_be_shared_if_all_want_to() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.pair();
    let shared = ListenOptions::new().reuse_port(true);
    let one = rig.listen_with(server, "0.0.0.0:80", &shared).unwrap();
    let two = rig.listen_with(server, "0.0.0.0:80", &shared).unwrap();
    in_use(rig.listen(server, "0.0.0.0:80"));
    for _ in 0..40 {
        rig.dial(client, "10.0.0.2:80").unwrap();
    }
    rig.settle();
    let mut counts = [0; 2];
    for (listener, count) in [one, two].into_iter().zip(&mut counts) {
        while rig.accept(listener).is_ready() {
            *count += 1;
        }
    }
    assert_eq!(counts[0] + counts[1], 40);
    assert!(counts[0] > 5 && counts[1] > 5, "{counts:?}");
}

#[test]
fn ipv6_takes_ipv4_only_if_told_so() {
    let mut rig = Rig::new(6);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "[::]:80").unwrap();
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    rig.settle();
    assert_eq!(fails(rig.connected(socket)), ErrorKind::ConnectionRefused);
    rig.net.close_listener(nanos(rig.now), listener);

    let both = ListenOptions::new().v6_only(false);
    let listener = rig.listen_with(server, "[::]:80", &both).unwrap();
    in_use(rig.listen(server, "0.0.0.0:80"));
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    let accepted = ready(rig.accept(listener)).unwrap();
    let peer = rig.net.peer_address(accepted).unwrap();
    assert_eq!(peer.ip().to_string(), "::ffff:10.0.0.1");
    let local = rig.net.local_address(accepted).unwrap();
    assert_eq!(local.to_string(), "[::ffff:10.0.0.2]:80");

    // And a client may write IPv4 as IPv6.
    let socket = rig.dial(client, "[::ffff:10.0.0.2]:80").unwrap();
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    let peer = rig.net.peer_address(socket).unwrap();
    assert_eq!(peer.to_string(), "[::ffff:10.0.0.2]:80");
}

#[test]
fn the_most_exact_listener_gets_the_connection() {
    let mut rig = Rig::new(7);
    let (client, server) = rig.pair();
    let any = rig.listen(server, "0.0.0.0:80").unwrap();
    rig.net.close_listener(nanos(rig.now), any);
    let shared = ListenOptions::new().reuse_port(true);
    let any = rig.listen_with(server, "0.0.0.0:80", &shared).unwrap();
    let exact = rig.listen_with(server, "10.0.0.2:80", &shared).unwrap();
    rig.dial(client, "10.0.0.2:80").unwrap();
    rig.settle();
    assert!(rig.accept(any).is_pending());
    ready(rig.accept(exact)).unwrap();
}

#[test]
fn closing_a_listener_resets_what_nobody_accepted() {
    let mut rig = Rig::new(8);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "0.0.0.0:80").unwrap();
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    rig.settle();
    ready(rig.connected(socket)).unwrap();
    rig.net.close_listener(nanos(rig.now), listener);
    assert!(ready(rig.accept(listener)).is_err());
    assert!(rig.net.listener_address(listener).is_err());
    rig.settle();
    assert_eq!(fails(rig.read(socket)), ErrorKind::ConnectionReset);
    rig.close(socket);
    assert!(rig.is_clean());
    assert_eq!(
        rig.count(|event| matches!(event, Event::ListenerClosed { .. })),
        1
    );
}

#[test]
fn a_listener_has_what_was_reset_in_its_queue() {
    let mut rig = Rig::new(9);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "0.0.0.0:80").unwrap();
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    rig.settle();
    rig.net.reset_on_close(socket).unwrap();
    rig.close(socket);
    rig.settle();
    let accepted = ready(rig.accept(listener)).unwrap();
    assert_eq!(fails(rig.read(accepted)), ErrorKind::ConnectionReset);
    rig.close(accepted);
    assert!(rig.is_clean());
}

#[test]
fn names_lead_to_hosts() {
    let mut rig = Rig::new(10);
    let (client, server) = rig.pair();
    let resolve = |name: &str| {
        let found = rig.net.resolve(client, name);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        found.join(" ")
    };
    assert_eq!(resolve("server"), "10.0.0.2 fd00::2");
    assert_eq!(resolve("SERVER."), "10.0.0.2 fd00::2");
    assert_eq!(resolve("localhost"), "::1 127.0.0.1");
    assert_eq!(resolve("nobody"), "");
    assert_eq!(rig.net.find_host("Server"), Some(server));
    assert_eq!(rig.net.add_host("server"), server);
    assert_eq!(rig.net.host_name(server), "server");
}

#[test]
fn a_thousand_hosts_have_addresses_of_their_own() {
    let mut rig = Rig::new(11);
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..1_000 {
        let host = rig.net.add_host(&format!("host{number}"));
        for address in rig.net.host_addresses(host) {
            assert!(seen.insert(address));
            assert_eq!(rig.net.route(host, address), Some(host));
            assert_eq!(rig.net.route(crate::HostId(0), address), Some(host));
        }
    }
}
