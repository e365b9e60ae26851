//! When nothing can happen any more, nothing does: a test that waits in vain must be
//! told so.

use std::time::Duration;

use polyloop_core::TcpOptions;

use super::rig::{Rig, pattern, ready};
use crate::HostId;
use crate::network::{Fault, Link};

const A: HostId = HostId(0);
const B: HostId = HostId(1);

#[test]
fn a_connection_that_nobody_uses_comes_to_rest() {
    let mut rig = Rig::new(1);
    let (_client, _server) = rig.linked_with(&TcpOptions::new().keepalive(true));
    assert_eq!(rig.next_event(), None);
    assert!(rig.net.is_idle());
}

#[test]
fn a_writer_whose_peer_never_reads_comes_to_rest() {
    let mut rig = Rig::new(2);
    let (client, _server) = rig.linked();
    while rig.write(client, &pattern(1 << 20)).is_ready() {
        rig.settle();
    }
    assert!(rig.net.is_idle());
    assert!(rig.now < Duration::from_secs(10), "{:?}", rig.now);
}

#[test]
fn so_does_one_on_a_link_that_loses_a_tenth() {
    for seed in 0..50 {
        let mut rig = Rig::with(seed, Link::new().loss(0.1));
        let (client, _server) = rig.linked();
        while rig.write(client, &pattern(1 << 20)).is_ready() {
            rig.settle();
        }
        assert!(rig.net.is_idle(), "seed {seed}");
    }
}

/// The window opens and the word of it is lost, in each of the ways it can be.
#[test]
fn an_opened_window_is_found_out_although_the_word_of_it_was_lost() {
    for waits in [true, false] {
        let mut rig = Rig::new(3);
        let options = TcpOptions::new()
            .recv_buffer_size(Some(5_000))
            .send_buffer_size(Some(5_000));
        let (client, server) = rig.linked_with(&options);
        assert_eq!(ready(rig.write(client, &pattern(5_000))).unwrap(), 5_000);
        rig.settle();
        if waits {
            assert_eq!(ready(rig.write(client, b"waits")).unwrap(), 5);
        }
        rig.settle();
        rig.fault(Fault::Cut { from: B, to: A });
        assert_eq!(ready(rig.read(server)).unwrap().len(), 5_000);
        rig.pass(Duration::from_secs(1));
        rig.fault(Fault::Heal { a: A, b: B });
        if !waits {
            rig.settle();
            assert_eq!(ready(rig.write(client, b"waits")).unwrap(), 5);
        }
        rig.settle();
        assert_eq!(ready(rig.read(server)).unwrap(), b"waits");
    }
}

/// What was sent before the word was lost arrives after it, and says nothing of it.
#[test]
fn an_older_segment_is_no_answer_to_a_doubt() {
    let slow = Link::new().latency(Duration::from_millis(100));
    let mut rig = Rig::with(4, slow.clone());
    let options = TcpOptions::new()
        .recv_buffer_size(Some(5_000))
        .send_buffer_size(Some(5_000));
    let (client, server) = rig.linked_with(&options);
    assert_eq!(ready(rig.write(client, &pattern(5_000))).unwrap(), 5_000);
    rig.settle();
    assert_eq!(ready(rig.write(client, b"waits")).unwrap(), 5);
    rig.settle();
    ready(rig.write(server, b"older")).unwrap();
    rig.pass(Duration::from_millis(1));
    let (from, to) = (B, A);
    let link = slow.clone().loss(1.0);
    rig.fault(Fault::Link { from, to, link });
    assert_eq!(ready(rig.read(server)).unwrap().len(), 5_000);
    rig.pass(Duration::from_millis(500));
    assert_eq!(ready(rig.read(client)).unwrap(), b"older");
    // Behind its back: being told of a new link is a reason to ask again.
    rig.net.wires.get_mut(&(from, to)).unwrap().link = Some(slow);
    rig.settle();
    assert_eq!(ready(rig.read(server)).unwrap(), b"waits");
}

#[test]
fn a_reader_whose_peer_was_reset_unseen_waits_and_the_network_rests() {
    let mut rig = Rig::new(4);
    let (client, server) = rig.linked();
    rig.fault(Fault::Partition { a: A, b: B });
    rig.net.reset_on_close(server).unwrap();
    rig.close(server);
    rig.fault(Fault::Heal { a: A, b: B });
    rig.settle();
    assert!(rig.read(client).is_pending());
    ready(rig.write(client, b"x")).unwrap();
    rig.settle();
    assert!(ready(rig.read(client)).is_err());
}
