//! Connecting, sending, and ending.

use std::io::ErrorKind;
use std::task::Poll;
use std::time::Duration;

use polyloop_core::TcpOptions;

use super::rig::{Rig, counter, fails, pattern, ready};
use crate::clock::nanos;
use crate::trace::{Event, Segment};

#[test]
fn a_connection_is_made_by_a_handshake() {
    let mut rig = Rig::new(1);
    let (client, server) = rig.pair();
    let listener = rig.listen(server, "10.0.0.2:80").unwrap();
    let (accepts, waker) = counter();
    assert!(
        rig.net
            .poll_accept(nanos(rig.now), listener, &waker)
            .is_pending()
    );
    let socket = rig.dial(client, "10.0.0.2:80").unwrap();
    let (connects, waker) = counter();
    assert!(
        rig.net
            .poll_connect(nanos(rig.now), socket, &waker)
            .is_pending()
    );
    rig.collect();
    assert_eq!(
        (accepts.get(), connects.get()),
        (0, 0),
        "woken inside the call"
    );
    rig.settle();
    assert_eq!((accepts.get(), connects.get()), (1, 1));
    ready(rig.connected(socket)).unwrap();
    let accepted = ready(rig.accept(listener)).unwrap();
    assert_eq!(
        rig.net.local_address(socket).unwrap(),
        rig.net.peer_address(accepted).unwrap()
    );
    assert_eq!(
        rig.net.peer_address(socket).unwrap().to_string(),
        "10.0.0.2:80"
    );
    assert_eq!(
        rig.net.local_address(socket).unwrap().ip().to_string(),
        "10.0.0.1"
    );
    assert!(
        rig.now >= Duration::from_millis(3),
        "three ways were too short"
    );
    let sent: Vec<Segment> = rig
        .log
        .iter()
        .filter_map(|record| match &record.event {
            Event::Sent { segment, .. } => Some(*segment),
            _ => None,
        })
        .collect();
    assert!(
        matches!(
            sent[..],
            [Segment::Syn, Segment::SynAck, Segment::Ack { .. }]
        ),
        "{sent:?}"
    );
}

#[test]
fn data_arrives_in_segments_and_in_order() {
    let mut rig = Rig::new(2);
    let (client, server) = rig.linked();
    let data = pattern(100_000);
    rig.carry(client, server, &data);
    rig.carry(server, client, &data);
    let largest = rig
        .log
        .iter()
        .filter_map(|record| match &record.event {
            Event::Sent {
                segment: Segment::Data { len, .. },
                ..
            } => Some(*len),
            _ => None,
        })
        .max();
    assert_eq!(largest, Some(1460));
}

#[test]
fn nothing_arrives_inside_the_call_not_even_on_one_host() {
    let mut rig = Rig::new(3);
    let host = rig.net.add_host("alone");
    let (a, b) = rig.link_up(host, host, &TcpOptions::new());
    assert_eq!(ready(rig.write(a, b"now")).unwrap(), 3);
    assert!(rig.read(b).is_pending());
    let sent = rig.now;
    rig.step();
    assert_eq!(ready(rig.read(b)).unwrap(), b"now");
    assert!(rig.now > sent);
}

#[test]
fn both_ends_close_and_nothing_is_left() {
    let mut rig = Rig::new(4);
    let (client, server) = rig.linked();
    ready(rig.write(client, b"bye")).unwrap();
    rig.close(client);
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"bye");
    assert_eq!(ready(rig.read(server)).unwrap(), b"");
    rig.close(server);
    rig.settle();
    assert!(rig.is_clean());
    assert_eq!(
        rig.count(|event| matches!(event, Event::Closed { reset: false, .. })),
        2
    );
}

#[test]
fn one_direction_goes_on_when_the_other_has_ended() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.linked();
    ready(rig.write(client, b"question")).unwrap();
    rig.shutdown(client).unwrap();
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"question");
    assert_eq!(ready(rig.read(server)).unwrap(), b"");
    assert_eq!(fails(rig.write(client, b"more")), ErrorKind::BrokenPipe);
    rig.carry(server, client, &pattern(300_000));
    rig.close(server);
    rig.settle();
    assert_eq!(ready(rig.read(client)).unwrap(), b"");
    rig.close(client);
    rig.settle();
    assert!(rig.is_clean());
}

#[test]
fn a_reader_is_woken_by_data_and_by_the_end() {
    let mut rig = Rig::new(6);
    let (client, server) = rig.linked();
    let (count, waker) = counter();
    let mut buffer = [0; 8];
    assert!(
        rig.net
            .poll_read(nanos(rig.now), server, &mut buffer, &waker)
            .is_pending()
    );
    ready(rig.write(client, b"x")).unwrap();
    rig.settle();
    assert_eq!(count.get(), 1);
    assert_eq!(ready(rig.read(server)).unwrap(), b"x");
    assert!(matches!(
        rig.net
            .poll_read(nanos(rig.now), server, &mut buffer, &waker),
        Poll::Pending
    ));
    rig.shutdown(client).unwrap();
    rig.settle();
    assert_eq!(count.get(), 2);
}

#[test]
fn an_answer_carries_the_acknowledgement() {
    for (answers, expected) in [(true, 0), (false, 1)] {
        let mut rig = Rig::new(7);
        let (client, server) = rig.linked();
        ready(rig.write(client, b"question")).unwrap();
        while rig.read(server).is_pending() {
            rig.step();
        }
        rig.log.clear();
        if answers {
            ready(rig.write(server, b"answer")).unwrap();
        }
        let begun = rig.now;
        while rig.next_event() == Some(begun) {
            rig.step();
        }
        let acks = rig.count(|event| {
            matches!(
                event,
                Event::Sent {
                    segment: Segment::Ack { .. },
                    ..
                }
            )
        });
        assert_eq!(acks, expected);
    }
}

#[test]
fn what_nobody_reads_is_acknowledged_after_a_while() {
    let mut rig = Rig::new(8);
    let (client, _server) = rig.linked();
    let begun = rig.now;
    ready(rig.write(client, b"x")).unwrap();
    rig.settle();
    let took = rig.now - begun;
    let delay = Duration::from_millis(40);
    assert!(took > delay && took < delay * 2, "{took:?}");
}
