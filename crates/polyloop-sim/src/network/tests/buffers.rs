//! Buffers: what fits, what has to wait, and who is woken when.

use std::task::{Poll, Waker};

use polyloop_core::TcpOptions;

use super::rig::{Rig, counter, pattern, ready};
use crate::clock::nanos;
use crate::trace::{Event, Segment};

fn narrow() -> TcpOptions {
    TcpOptions::new()
        .send_buffer_size(Some(10_000))
        .recv_buffer_size(Some(6_000))
}

#[test]
fn a_write_takes_what_fits_and_then_waits() {
    let mut rig = Rig::new(1);
    let (client, _server) = rig.linked_with(&narrow());
    let data = pattern(25_000);
    assert_eq!(ready(rig.write(client, &data)).unwrap(), 10_000);
    assert!(rig.write(client, &data).is_pending());
    // The peer's buffer takes some of it, and nobody reads there.
    rig.settle();
    assert_eq!(ready(rig.write(client, &data[10_000..])).unwrap(), 6_000);
    rig.settle();
    assert!(rig.write(client, &data).is_pending());
}

#[test]
fn a_closed_window_opens_when_there_is_room_worth_telling() {
    let mut rig = Rig::new(2);
    let (client, server) = rig.linked_with(&narrow());
    let data = pattern(16_000);
    assert_eq!(ready(rig.write(client, &data)).unwrap(), 10_000);
    rig.settle();
    rig.log.clear();
    // A few bytes are not worth a word.
    let mut buffer = [0; 100];
    let read = rig
        .net
        .poll_read(nanos(rig.now), server, &mut buffer, Waker::noop());
    assert_eq!(ready(read).unwrap(), 100);
    rig.settle();
    assert!(rig.log.is_empty(), "{:?}", rig.log);
    let rest = ready(rig.read(server)).unwrap();
    assert_eq!(rest.len(), 5_900);
    rig.settle();
    assert!(
        rig.count(|event| matches!(
            event,
            Event::Arrived {
                segment: Segment::Ack {
                    offset: 6_000,
                    window: 6_000
                },
                ..
            }
        )) == 1,
        "{:?}",
        rig.log
    );
    assert_eq!(ready(rig.read(server)).unwrap(), &data[6_000..10_000]);
}

#[test]
fn a_writer_is_woken_once_a_third_of_its_buffer_is_free() {
    let mut rig = Rig::new(3);
    let (client, server) = rig.linked_with(&narrow());
    assert_eq!(ready(rig.write(client, &pattern(10_000))).unwrap(), 10_000);
    let (count, waker) = counter();
    let data = pattern(1);
    assert!(
        rig.net
            .poll_write(nanos(rig.now), client, &data, &waker)
            .is_pending()
    );
    rig.settle();
    assert_eq!(count.get(), 1, "6,000 bytes left the buffer");
    assert!(matches!(
        rig.write(client, &pattern(9_000)),
        Poll::Ready(Ok(6_000))
    ));
    assert!(
        rig.net
            .poll_write(nanos(rig.now), client, &data, &waker)
            .is_pending()
    );
    rig.settle();
    assert_eq!(count.get(), 1, "nothing left it");
    assert_eq!(ready(rig.read(server)).unwrap().len(), 6_000);
    rig.settle();
    assert_eq!(count.get(), 2);
}

#[test]
fn a_buffer_of_one_byte_is_enough() {
    let mut rig = Rig::new(4);
    let tiny = TcpOptions::new()
        .send_buffer_size(Some(0))
        .recv_buffer_size(Some(1));
    let (client, server) = rig.linked_with(&tiny);
    rig.carry(client, server, &pattern(100));
    rig.carry(server, client, &pattern(100));
}

#[test]
fn small_writes_are_put_together_unless_they_may_not_wait() {
    for (nodelay, expected) in [(true, 10), (false, 2)] {
        let mut rig = Rig::new(5);
        let (client, server) = rig.linked_with(&TcpOptions::new().nodelay(nodelay));
        rig.log.clear();
        for _ in 0..10 {
            ready(rig.write(client, b"word")).unwrap();
        }
        rig.settle();
        assert_eq!(ready(rig.read(server)).unwrap().len(), 40);
        let sent = rig.count(|event| {
            matches!(
                event,
                Event::Sent {
                    segment: Segment::Data { .. },
                    ..
                }
            )
        });
        assert_eq!(sent, expected, "nodelay {nodelay}");
    }
}

#[test]
fn switching_nodelay_on_lets_go_what_waits() {
    let mut rig = Rig::new(6);
    let (client, server) = rig.linked_with(&TcpOptions::new().nodelay(false));
    ready(rig.write(client, b"a")).unwrap();
    ready(rig.write(client, b"b")).unwrap();
    rig.net.set_nodelay(nanos(rig.now), client, true).unwrap();
    assert!(rig.net.nodelay(client).unwrap());
    while rig.read(server).is_pending() {
        assert!(rig.step());
    }
    rig.pass(std::time::Duration::from_millis(5));
    assert_eq!(ready(rig.read(server)).unwrap(), b"b");
}

#[test]
fn a_burst_is_acknowledged_at_once_and_wakes_once() {
    let mut rig = Rig::new(7);
    let host = rig.net.add_host("alone");
    let options = TcpOptions::new()
        .send_buffer_size(Some(1 << 20))
        .recv_buffer_size(Some(1 << 20));
    let (a, b) = rig.link_up(host, host, &options);
    let (count, waker) = counter();
    let mut buffer = vec![0; 1 << 20];
    assert!(
        rig.net
            .poll_read(nanos(rig.now), b, &mut buffer, &waker)
            .is_pending()
    );
    rig.log.clear();
    assert_eq!(ready(rig.write(a, &pattern(1 << 20))).unwrap(), 1 << 20);
    rig.settle();
    assert_eq!(count.get(), 1);
    let sent = rig.count(|event| matches!(event, Event::Sent { .. }));
    assert!(sent < 30, "{sent} segments for 17 of data");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut rig = Rig::new(8);
    let (client, server) = rig.linked();
    rig.carry(client, server, &pattern(1 << 20));
    rig.settle();
    for (_, connection) in &rig.net.connections {
        for end in connection.ends.iter().flatten() {
            assert_eq!(end.outgoing.kept(), 0);
            assert_eq!(end.incoming.kept(), 0);
        }
    }
}
