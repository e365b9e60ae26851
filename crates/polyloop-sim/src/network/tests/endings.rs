//! Resets: who makes one, and what each side sees of it.

use std::io::ErrorKind;

use super::rig::{Rig, counter, fails, pattern, ready};
use crate::clock::nanos;
use crate::trace::{Event, Segment};

fn resets(rig: &Rig) -> usize {
    rig.count(|event| {
        matches!(
            event,
            Event::Sent {
                segment: Segment::Rst,
                ..
            }
        )
    })
}

#[test]
fn closing_with_unread_data_resets() {
    let mut rig = Rig::new(1);
    let (client, server) = rig.linked();
    ready(rig.write(client, b"never read")).unwrap();
    rig.settle();
    rig.close(server);
    rig.settle();
    assert_eq!(resets(&rig), 1);
    assert_eq!(fails(rig.read(client)), ErrorKind::ConnectionReset);
    // The error is told once; after it comes the end.
    assert_eq!(ready(rig.read(client)).unwrap(), b"");
    assert_eq!(fails(rig.write(client, b"x")), ErrorKind::BrokenPipe);
    let peer = rig.net.peer_address(client);
    assert_eq!(peer.unwrap_err().kind(), ErrorKind::NotConnected);
    // Nothing is left to end.
    rig.shutdown(client).unwrap();
    rig.close(client);
    assert!(rig.is_clean());
}

#[test]
fn closing_with_a_reset_drops_what_was_not_sent() {
    let mut rig = Rig::new(2);
    let (client, server) = rig.linked();
    let (count, waker) = counter();
    let mut buffer = [0; 8];
    assert!(
        rig.net
            .poll_read(nanos(rig.now), server, &mut buffer, &waker)
            .is_pending()
    );
    rig.net.reset_on_close(client).unwrap();
    rig.close(client);
    rig.settle();
    assert_eq!(count.get(), 1);
    assert_eq!(fails(rig.read(server)), ErrorKind::ConnectionReset);
}

#[test]
fn what_arrived_before_a_reset_can_still_be_read() {
    let mut rig = Rig::new(3);
    let (client, server) = rig.linked();
    ready(rig.write(client, b"first")).unwrap();
    rig.settle();
    rig.net.reset_on_close(client).unwrap();
    rig.close(client);
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"first");
    assert_eq!(fails(rig.read(server)), ErrorKind::ConnectionReset);
}

#[test]
fn a_write_may_be_the_one_to_learn_of_a_reset() {
    let mut rig = Rig::new(4);
    let (client, server) = rig.linked();
    rig.net.reset_on_close(client).unwrap();
    rig.close(client);
    rig.settle();
    assert_eq!(fails(rig.write(server, b"x")), ErrorKind::ConnectionReset);
    assert_eq!(fails(rig.write(server, b"x")), ErrorKind::BrokenPipe);
    assert_eq!(ready(rig.read(server)).unwrap(), b"");
}

#[test]
fn data_to_a_closed_socket_is_answered_by_a_reset() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.linked();
    rig.close(client);
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"");
    // The first write succeeds, as with a real socket.
    assert_eq!(ready(rig.write(server, b"x")).unwrap(), 1);
    rig.settle();
    assert_eq!(resets(&rig), 1);
    assert_eq!(fails(rig.write(server, b"y")), ErrorKind::BrokenPipe);
    assert_eq!(
        ready(rig.read(server)).unwrap(),
        b"",
        "the end was read before"
    );
    rig.close(server);
    rig.settle();
    assert!(rig.is_clean());
}

#[test]
fn a_writer_that_waits_is_woken_by_a_reset() {
    let mut rig = Rig::new(6);
    let (client, server) = rig.linked();
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
    rig.close(server);
    rig.settle();
    assert_eq!(count.get(), 1);
    assert_eq!(
        fails(rig.net.poll_write(nanos(rig.now), client, &data, &waker)),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn what_was_written_is_sent_although_the_socket_was_closed() {
    let mut rig = Rig::new(7);
    let (client, server) = rig.linked();
    let data = pattern(200_000);
    assert_eq!(ready(rig.write(client, &data)).unwrap(), data.len());
    rig.close(client);
    let mut got = Vec::new();
    loop {
        match rig.read(server) {
            std::task::Poll::Ready(read) => {
                let read = read.unwrap();
                if read.is_empty() {
                    break;
                }
                got.extend(read);
            }
            std::task::Poll::Pending => assert!(rig.step()),
        }
    }
    assert!(got == data);
    rig.close(server);
    rig.settle();
    assert!(rig.is_clean());
    assert_eq!(resets(&rig), 0);
}

#[test]
fn both_may_end_at_the_same_time() {
    let mut rig = Rig::new(8);
    let (client, server) = rig.linked();
    rig.close(client);
    rig.close(server);
    rig.settle();
    assert!(rig.is_clean());
    assert_eq!(resets(&rig), 0);
}

#[test]
fn a_socket_that_was_closed_is_none_any_more() {
    let mut rig = Rig::new(9);
    let (client, _server) = rig.linked();
    rig.close(client);
    rig.close(client);
    assert!(ready(rig.read(client)).is_err());
    assert!(ready(rig.write(client, b"x")).is_err());
    assert!(rig.shutdown(client).is_err());
    assert!(rig.net.peer_address(client).is_err());
}
