//! Hosts that crash, come back, and stand still.

use std::io::ErrorKind;
use std::task::Poll;
use std::time::Duration;

use polyloop_core::{ListenOptions, TcpOptions};

use super::rig::{Rig, counter, fails, pattern, ready};
use crate::HostId;
use crate::clock::nanos;
use crate::network::{Crash, Fault};
use crate::trace::Event;

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_crash_by_reset_tells_every_peer() {
    let mut rig = Rig::new(1);
    let (client, server) = rig.linked();
    let listener = rig.listen(B, "0.0.0.0:80").unwrap();
    let queued = rig.dial(A, "10.0.0.2:80").unwrap();
    rig.settle();
    let (count, waker) = counter();
    let mut buffer = [0; 8];
    assert!(
        rig.net
            .poll_read(nanos(rig.now), client, &mut buffer, &waker)
            .is_pending()
    );
    rig.net.crash(nanos(rig.now), B, Crash::Reset);
    rig.settle();
    assert_eq!(count.get(), 1);
    assert_eq!(fails(rig.read(client)), ErrorKind::ConnectionReset);
    assert_eq!(fails(rig.read(queued)), ErrorKind::ConnectionReset);
    assert!(ready(rig.read(server)).is_err(), "its sockets are gone");
    assert!(ready(rig.accept(listener)).is_err());
    let refused = rig.dial(A, "10.0.0.2:80").unwrap();
    rig.settle();
    assert_eq!(fails(rig.connected(refused)), ErrorKind::ConnectionRefused);
    for socket in [client, queued, refused, server] {
        rig.close(socket);
    }
    rig.settle();
    assert!(rig.is_clean());
}

#[test]
fn a_silent_crash_is_learned_of_after_the_restart() {
    let mut rig = Rig::new(2);
    let (client, _server) = rig.linked();
    rig.net.crash(nanos(rig.now), B, Crash::Silent);
    assert!(!rig.net.is_up(B));
    rig.settle();
    assert!(rig.read(client).is_pending());
    let dialled = rig.dial(A, "10.0.0.2:80").unwrap();
    rig.pass(SECOND * 10);
    assert!(rig.connected(dialled).is_pending());
    rig.net.restart(nanos(rig.now), B);
    assert!(rig.net.is_up(B));
    let listener = rig.listen(B, "0.0.0.0:80").unwrap();
    assert!(rig.read(client).is_pending());
    ready(rig.write(client, b"anybody there")).unwrap();
    rig.settle();
    assert_eq!(fails(rig.read(client)), ErrorKind::ConnectionReset);
    ready(rig.connected(dialled)).unwrap();
    ready(rig.accept(listener)).unwrap();
}

#[test]
fn a_silent_crash_is_learned_of_by_silence() {
    let mut rig = Rig::new(3);
    let (client, _server) = rig.linked();
    // What is written before and after it is asked after alike.
    ready(rig.write(client, b"before")).unwrap();
    rig.net.crash(nanos(rig.now), B, Crash::Silent);
    ready(rig.write(client, b"after")).unwrap();
    rig.settle();
    assert!(rig.now >= SECOND * 924);
    assert_eq!(fails(rig.read(client)), ErrorKind::TimedOut);
    rig.close(client);
    rig.settle();
    assert!(rig.is_clean());
}

#[test]
fn a_writer_that_waits_for_room_learns_of_the_crash_too() {
    let mut rig = Rig::new(4);
    let (client, _server) = rig.linked();
    let data = pattern(1 << 20);
    while rig.write(client, &data).is_ready() {
        rig.settle();
    }
    let (count, waker) = counter();
    assert!(
        rig.net
            .poll_write(nanos(rig.now), client, &data, &waker)
            .is_pending()
    );
    assert_eq!(rig.next_event(), None);
    rig.net.crash(nanos(rig.now), B, Crash::Silent);
    rig.settle();
    assert_eq!(count.get(), 1);
    assert_eq!(fails(rig.write(client, &data)), ErrorKind::TimedOut);
}

#[test]
fn a_host_that_stands_still_keeps_only_so_many_segments() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.pair();
    let options = ListenOptions::new().backlog(4_096);
    let listener = rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
    rig.net.pause(nanos(rig.now), server);
    for _ in 0..1_500 {
        rig.dial(client, "10.0.0.2:80").unwrap();
    }
    rig.pass(Duration::from_millis(500));
    let lost = rig.count(|event| matches!(event, Event::Lost { .. }));
    assert_eq!(lost, 500);
    rig.net.resume(nanos(rig.now), server);
    // Those that were lost are sent again.
    rig.settle();
    let mut accepted = 0;
    while let Poll::Ready(socket) = rig.accept(listener) {
        socket.unwrap();
        accepted += 1;
    }
    assert_eq!(accepted, 1_500);
}

#[test]
fn keep_alive_finds_a_silent_peer() {
    for on in [true, false] {
        let mut rig = Rig::new(5);
        let (client, _server) = rig.linked_with(&TcpOptions::new().keepalive(on));
        assert_eq!(rig.net.keepalive(client).unwrap(), on);
        let begun = rig.now;
        rig.net.crash(nanos(rig.now), B, Crash::Silent);
        rig.settle();
        if on {
            assert_eq!(fails(rig.read(client)), ErrorKind::TimedOut);
            let took = rig.now - begun;
            let expected = SECOND * (7_200 + 9 * 75);
            assert!(took <= expected && took + SECOND > expected, "{took:?}");
        } else {
            assert!(rig.read(client).is_pending());
        }
    }
}

#[test]
fn keep_alive_finds_a_restarted_peer_and_spares_a_living_one() {
    let mut rig = Rig::new(6);
    let (client, _server) = rig.linked();
    let third = rig.net.add_host("third");
    let (other, _) = rig.link_up(A, third, &TcpOptions::new().keepalive(true));
    rig.net.crash(nanos(rig.now), B, Crash::Silent);
    rig.net.restart(nanos(rig.now), B);
    // It can be switched on when it is too late to notice.
    rig.net.set_keepalive(nanos(rig.now), client, true).unwrap();
    rig.fault(Fault::Partition { a: A, b: third });
    rig.plan(rig.now + SECOND * 7_400, Fault::Heal { a: A, b: third });
    rig.settle();
    assert_eq!(fails(rig.read(client)), ErrorKind::ConnectionReset);
    assert!(rig.read(other).is_pending());
}

#[test]
fn a_paused_host_goes_on_where_it_was() {
    let mut rig = Rig::new(7);
    let (client, server) = rig.linked();
    ready(rig.write(server, b"sent before")).unwrap();
    rig.net.pause(nanos(rig.now), B);
    assert!(!rig.net.is_up(B));
    ready(rig.write(client, b"sent to it")).unwrap();
    rig.pass(SECOND * 5);
    assert!(rig.read(server).is_pending());
    assert_eq!(ready(rig.read(client)).unwrap(), b"sent before");
    rig.net.resume(nanos(rig.now), B);
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"sent to it");
    assert_eq!(rig.count(|event| matches!(event, Event::Closed { .. })), 0);
}

#[test]
fn descriptors_and_ports_are_free_after_a_crash() {
    let mut rig = Rig::new(8);
    let host = rig.net.add_host("alone");
    rig.fault(Fault::Descriptors {
        host,
        limit: Some(1),
    });
    for how in [Crash::Reset, Crash::Silent, Crash::Reset] {
        let listener = rig.listen(host, "0.0.0.0:80").unwrap();
        assert!(rig.listen(host, "0.0.0.0:81").is_err());
        rig.net.crash(nanos(rig.now), host, how);
        // Whoever had it may still close it.
        rig.net.close_listener(nanos(rig.now), listener);
        rig.net.restart(nanos(rig.now), host);
    }
}
