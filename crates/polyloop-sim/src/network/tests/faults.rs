//! Partitions, holds, and faults that are planned or drawn.

use std::io::ErrorKind;
use std::time::Duration;

use super::rig::{Rig, counter, fails, pattern, ready};
use crate::HostId;
use crate::clock::nanos;
use crate::network::{Fault, FaultKind, FaultRate};
use crate::trace::{Event, Phase};

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_cut_is_one_way() {
    let mut rig = Rig::new(1);
    let (client, server) = rig.linked();
    rig.fault(Fault::Cut { from: A, to: B });
    ready(rig.write(server, b"still")).unwrap();
    ready(rig.write(client, b"not")).unwrap();
    rig.pass(10 * SECOND);
    assert_eq!(ready(rig.read(client)).unwrap(), b"still");
    assert!(rig.read(server).is_pending());
    rig.fault(Fault::Heal { a: B, b: A });
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"not");
}

#[test]
fn what_is_under_way_when_a_partition_begins_is_lost_and_sent_again() {
    let mut rig = Rig::new(2);
    let (client, server) = rig.linked();
    ready(rig.write(client, b"x")).unwrap();
    rig.fault(Fault::Partition { a: A, b: B });
    rig.pass(Duration::from_millis(100));
    assert_eq!(rig.count(|event| matches!(event, Event::Lost { .. })), 1);
    rig.fault(Fault::Heal { a: A, b: B });
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"x");
}

#[test]
fn an_established_connection_outlives_a_partition_of_minutes_but_not_of_an_hour() {
    for (minutes, survives) in [(13, true), (60, false)] {
        let mut rig = Rig::new(3);
        let (client, server) = rig.linked();
        rig.carry(client, server, b"so that the round trip is known");
        rig.settle();
        rig.fault(Fault::Partition { a: A, b: B });
        ready(rig.write(client, b"x")).unwrap();
        let (count, waker) = counter();
        let mut buffer = [0; 8];
        assert!(
            rig.net
                .poll_read(nanos(rig.now), client, &mut buffer, &waker)
                .is_pending()
        );
        let begun = rig.now;
        rig.plan(rig.now + SECOND * 60 * minutes, Fault::Heal { a: A, b: B });
        if survives {
            rig.settle();
            assert_eq!(ready(rig.read(server)).unwrap(), b"x");
            assert_eq!(count.get(), 0);
        } else {
            while count.get() == 0 {
                assert!(rig.step());
            }
            let took = rig.now - begun;
            assert!((924 * SECOND..1_100 * SECOND).contains(&took), "{took:?}");
            assert_eq!(fails(rig.read(client)), ErrorKind::TimedOut);
            rig.settle();
            // The other end waits and is told nothing, until it sends.
            assert!(rig.read(server).is_pending());
            ready(rig.write(server, b"anybody there")).unwrap();
            rig.settle();
            assert_eq!(fails(rig.read(server)), ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn what_is_held_arrives_when_it_is_released() {
    let mut rig = Rig::new(4);
    let (client, server) = rig.linked();
    rig.fault(Fault::Hold { from: A, to: B });
    for word in [b"one ", b"two "] {
        ready(rig.write(client, word)).unwrap();
    }
    rig.pass(Duration::from_millis(100));
    assert!(rig.read(server).is_pending());
    rig.fault(Fault::Release { from: A, to: B });
    rig.pass(Duration::from_millis(10));
    assert_eq!(ready(rig.read(server)).unwrap(), b"one two ");
    assert_eq!(rig.count(|event| matches!(event, Event::Lost { .. })), 0);
}

#[test]
fn what_is_held_for_too_long_is_given_up() {
    let mut rig = Rig::new(4);
    let (client, _server) = rig.linked();
    let listener = rig.listen(B, "0.0.0.0:80").unwrap();
    rig.fault(Fault::Hold { from: A, to: B });
    let begun = rig.now;
    let dialled = rig.dial(A, "10.0.0.2:80").unwrap();
    ready(rig.write(client, b"x")).unwrap();
    rig.pass(126 * SECOND);
    assert!(rig.connected(dialled).is_pending());
    rig.pass(2 * SECOND);
    assert_eq!(fails(rig.connected(dialled)), ErrorKind::TimedOut);
    rig.settle();
    assert!(rig.now - begun > 924 * SECOND);
    assert_eq!(fails(rig.read(client)), ErrorKind::TimedOut);
    // What is let go now finds nobody any more.
    rig.fault(Fault::Release { from: A, to: B });
    rig.settle();
    assert!(rig.accept(listener).is_pending());
}

#[test]
fn an_isolated_host_still_has_itself() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.linked();
    let third = rig.net.add_host("third");
    rig.listen(third, "0.0.0.0:80").unwrap();
    rig.fault(Fault::Isolate { host: A });
    ready(rig.write(client, b"x")).unwrap();
    let unreachable = rig.dial(A, "10.0.0.3:80").unwrap();
    let other = rig.dial(B, "10.0.0.3:80").unwrap();
    let (here, there) = rig.link_up_for(A, SECOND * 5);
    rig.carry(here, there, b"alone");
    assert!(rig.connected(unreachable).is_pending());
    ready(rig.connected(other)).unwrap();
    assert!(rig.read(server).is_pending());
    rig.fault(Fault::Rejoin { host: A });
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"x");
    ready(rig.connected(unreachable)).unwrap();
}

#[test]
fn everything_can_be_mended_at_once() {
    let mut rig = Rig::new(6);
    let (client, server) = rig.linked();
    rig.fault(Fault::Isolate { host: A });
    rig.fault(Fault::Cut { from: A, to: B });
    rig.fault(Fault::Hold { from: A, to: B });
    rig.fault(Fault::Partition { a: A, b: B });
    ready(rig.write(client, b"x")).unwrap();
    rig.pass(SECOND);
    assert!(rig.read(server).is_pending());
    rig.fault(Fault::HealAll);
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"x");
    let told = rig.count(|event| {
        matches!(
            event,
            Event::Fault {
                phase: Phase::Ends,
                ..
            }
        )
    });
    assert_eq!(told, 1);
}

#[test]
fn faults_happen_when_they_were_planned() {
    let mut rig = Rig::new(7);
    let (client, server) = rig.linked();
    let begun = rig.now;
    rig.plan(begun + SECOND, Fault::Partition { a: A, b: B });
    rig.plan(begun + SECOND * 3, Fault::Heal { a: A, b: B });
    rig.pass(SECOND * 2);
    ready(rig.write(client, b"x")).unwrap();
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"x");
    let times: Vec<_> = rig
        .log
        .iter()
        .filter(|record| matches!(record.event, Event::Fault { .. }))
        .map(|record| record.at - begun)
        .collect();
    assert_eq!(times, [SECOND, SECOND * 3]);
}

#[test]
fn a_test_can_reset_one_connection() {
    let mut rig = Rig::new(8);
    let (client, server) = rig.linked();
    let (other, _) = rig.linked();
    let connection = client.connection();
    rig.fault(Fault::Reset { connection });
    rig.settle();
    assert_eq!(fails(rig.read(client)), ErrorKind::ConnectionReset);
    assert_eq!(fails(rig.write(server, b"x")), ErrorKind::ConnectionReset);
    assert!(rig.read(other).is_pending());
}

#[test]
fn drawn_faults_come_and_go_and_keep_nobody_awake() {
    for kind in [FaultKind::Partition, FaultKind::Cut, FaultKind::Hold] {
        let mut rig = Rig::new(9);
        let (client, server) = rig.linked();
        let rate = FaultRate::new(kind, SECOND, SECOND / 2);
        rig.net.draw_faults(nanos(rig.now), rate);
        assert!(
            rig.net.is_idle(),
            "a fault to come counts as something to wait for"
        );
        rig.pass(SECOND * 100);
        let begins = rig.count(|event| {
            matches!(
                event,
                Event::Fault {
                    phase: Phase::Begins,
                    ..
                }
            )
        });
        let ends = rig.count(|event| {
            matches!(
                event,
                Event::Fault {
                    phase: Phase::Ends,
                    ..
                }
            )
        });
        assert!((50..200).contains(&begins), "{begins} in 100 seconds");
        assert!(begins - ends < 10, "{begins} began and {ends} ended");
        rig.carry(client, server, &pattern(1_000_000));
    }
}
