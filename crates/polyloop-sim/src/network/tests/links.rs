//! What links do to segments, and what programs see of it: nothing but time.

use std::time::Duration;

use super::rig::{Rig, fails, pattern, ready};
use crate::network::{Fault, Link};
use crate::trace::{Event, Segment};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_segment_takes_the_latency_and_at_most_the_jitter_more() {
    let link = Link::new().latency(50 * MS).jitter(10 * MS);
    let mut rig = Rig::with(1, link);
    let (client, server) = rig.linked();
    let mut times = Vec::new();
    for _ in 0..50 {
        let sent = rig.now;
        ready(rig.write(client, b"x")).unwrap();
        while rig.read(server).is_pending() {
            assert!(rig.step());
        }
        times.push(rig.now - sent);
        rig.pass(100 * MS);
    }
    assert!(
        times.iter().all(|time| (50 * MS..=60 * MS).contains(time)),
        "{times:?}"
    );
    times.sort();
    times.dedup();
    assert!(times.len() > 30, "there is no jitter");
}

#[test]
fn bandwidth_is_shared_and_takes_time() {
    let link = Link::new().bandwidth(Some(1_000_000));
    let mut rig = Rig::with(2, link);
    let (client, server) = rig.linked();
    let begun = rig.now;
    rig.carry(client, server, &pattern(2_000_000));
    let took = rig.now - begun;
    assert!((2_000 * MS..2_300 * MS).contains(&took), "{took:?}");
}

#[test]
fn loss_is_delay() {
    let data = pattern(500_000);
    let mut times = Vec::new();
    for loss in [0.0, 0.05] {
        let mut rig = Rig::with(3, Link::new().loss(loss));
        let (client, server) = rig.linked();
        let begun = rig.now;
        rig.carry(client, server, &data);
        times.push(rig.now - begun);
        let lost = rig.count(|event| matches!(event, Event::Lost { .. }));
        assert_eq!(lost > 0, loss > 0.0);
    }
    assert!(times[1] > times[0], "{times:?}");
}

#[test]
fn lost_segments_are_sent_again_after_three_repeats() {
    for lost in 1..4 {
        let mut rig = Rig::with(4, Link::new().jitter(Duration::ZERO));
        let (client, server) = rig.linked();
        let (a, b) = (crate::HostId(0), crate::HostId(1));
        rig.fault(Fault::Cut { from: a, to: b });
        ready(rig.write(client, &pattern(1460 * lost))).unwrap();
        rig.fault(Fault::Heal { a, b });
        let begun = rig.now;
        ready(rig.write(client, &pattern(1460 * 5))).unwrap();
        let mut got = 0;
        while got < 1460 * (lost + 5) {
            assert!(rig.step());
            while let std::task::Poll::Ready(read) = rig.read(server) {
                got += read.unwrap().len();
            }
        }
        // One way for the repeats, then back and there for each: no timer was waited for.
        let took = rig.now - begun;
        assert!(
            took <= MS * (1 + 2 * u32::try_from(lost).unwrap()),
            "{took:?}"
        );
    }
}

#[test]
fn a_flight_that_was_lost_is_waited_for_once() {
    let mut rig = Rig::with(4, Link::new().jitter(Duration::ZERO));
    let (client, server) = rig.linked();
    rig.carry(client, server, b"so that the round trip is known");
    rig.settle();
    let (a, b) = (crate::HostId(0), crate::HostId(1));
    rig.fault(Fault::Partition { a, b });
    ready(rig.write(client, &pattern(1460 * 5))).unwrap();
    rig.pass(150 * MS);
    rig.fault(Fault::Heal { a, b });
    let begun = rig.now;
    let mut got = 0;
    while got < 1460 * 5 {
        assert!(rig.step());
        while let std::task::Poll::Ready(read) = rig.read(server) {
            got += read.unwrap().len();
        }
    }
    // The rest of the first wait, and a delayed acknowledgement for some.
    assert!(rig.now - begun < 300 * MS, "{:?}", rig.now - begun);
}

#[test]
fn the_last_segment_is_sent_again_after_a_while() {
    let mut rig = Rig::new(5);
    let (client, server) = rig.linked();
    let (a, b) = (crate::HostId(0), crate::HostId(1));
    rig.carry(client, server, b"so that the round trip is known");
    rig.settle();
    let mut waits = Vec::new();
    rig.fault(Fault::Partition { a, b });
    rig.log.clear();
    ready(rig.write(client, b"x")).unwrap();
    rig.pass(Duration::from_secs(10));
    let mut last = None;
    for record in &rig.log {
        if let Event::Lost {
            segment: Segment::Data { .. },
            ..
        } = record.event
        {
            waits.extend(last.map(|last| record.at - last));
            last = Some(record.at);
        }
    }
    assert!(waits.len() >= 4, "{waits:?}");
    assert!(waits[0] >= 200 * MS && waits[0] < 300 * MS, "{waits:?}");
    for pair in waits.windows(2) {
        assert_eq!(pair[1], pair[0] * 2, "{waits:?}");
    }
    rig.fault(Fault::Heal { a, b });
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"x");
}

#[test]
fn overtaken_segments_are_put_in_order() {
    let link = Link::new().jitter(20 * MS).reorder(1.0);
    let mut rig = Rig::with(6, link);
    let (client, server) = rig.linked();
    rig.carry(client, server, &pattern(300_000));
    let mut last = 0;
    let overtaken = rig
        .log
        .iter()
        .filter(|record| match record.event {
            Event::Arrived {
                segment: Segment::Data { offset, .. },
                ..
            } => {
                let late = offset < last;
                last = last.max(offset);
                late
            }
            _ => false,
        })
        .count();
    assert!(overtaken > 10, "only {overtaken} were overtaken");
}

#[test]
fn without_reordering_nothing_is_overtaken() {
    let mut rig = Rig::with(7, Link::new().jitter(20 * MS));
    let (client, server) = rig.linked();
    rig.carry(client, server, &pattern(300_000));
    let mut last = 0;
    for record in &rig.log {
        if let Event::Arrived {
            segment: Segment::Data { offset, .. },
            ..
        } = record.event
        {
            assert!(offset >= last);
            last = offset;
        }
    }
}

#[test]
fn something_on_the_way_resets_a_connection() {
    let mut rig = Rig::with(8, Link::new().reset(0.0));
    let (client, server) = rig.linked();
    let (from, to) = (crate::HostId(0), crate::HostId(1));
    let link = Link::new().reset(1.0);
    rig.fault(Fault::Link { from, to, link });
    ready(rig.write(client, b"x")).unwrap();
    rig.settle();
    assert_eq!(fails(rig.read(client)), std::io::ErrorKind::ConnectionReset);
    assert_eq!(fails(rig.read(server)), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_pair_of_hosts_can_have_a_link_of_its_own() {
    let mut rig = Rig::with(9, Link::new().jitter(Duration::ZERO));
    let (from, to) = rig.pair();
    let link = Link::new().latency(400 * MS).jitter(Duration::ZERO);
    rig.fault(Fault::Link { from, to, link });
    let (client, server) = rig.linked();
    rig.settle();
    let begun = rig.now;
    rig.carry(client, server, b"slow");
    assert_eq!(rig.now - begun, 400 * MS);
    rig.settle();
    let begun = rig.now;
    rig.carry(server, client, b"fast");
    assert_eq!(rig.now - begun, MS);
}

#[test]
fn a_host_is_near_to_itself() {
    let slow = Link::new().latency(Duration::from_secs(1)).loss(0.5);
    let mut rig = Rig::with(10, slow);
    let host = rig.net.add_host("alone");
    rig.listen(host, "127.0.0.1:80").unwrap();
    let (a, b) = rig.link_up(host, host, &polyloop_core::TcpOptions::new());
    rig.carry(a, b, &pattern(1_000_000));
    assert!(rig.now < 100 * MS, "{:?}", rig.now);
    assert_eq!(rig.count(|event| matches!(event, Event::Lost { .. })), 0);
}
