//! Connections that wait to be accepted, and those that find no room to.

use std::task::Poll;
use std::time::Duration;

use polyloop_core::ListenOptions;

use super::rig::{Rig, ready};
use crate::Link;
use crate::network::{ListenerId, SocketId};

fn accept_all(rig: &mut Rig, listener: ListenerId) -> usize {
    let mut accepted = 0;
    while let Poll::Ready(socket) = rig.accept(listener) {
        socket.unwrap();
        accepted += 1;
    }
    accepted
}

#[test]
fn more_than_the_backlog_has_to_try_again() {
    let mut rig = Rig::new(6);
    let (client, server) = rig.pair();
    let options = ListenOptions::new().backlog(2);
    let listener = rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
    let dial = |rig: &mut Rig, count: usize| -> Vec<_> {
        let dialled = (0..count).map(|_| rig.dial(client, "10.0.0.2:80").unwrap());
        dialled.collect()
    };
    let connected = |rig: &mut Rig, sockets: &[SocketId]| {
        let ready = sockets.iter().filter(|one| rig.connected(**one).is_ready());
        ready.count()
    };
    // As on Linux: all are answered as long as there is room, one more than was asked for
    // is kept, and the others only believe that they are connected.
    let early = dial(&mut rig, 5);
    rig.pass(Duration::from_millis(100));
    assert_eq!(connected(&mut rig, &early), 5);
    // Whoever comes when there is none is not answered.
    let late = dial(&mut rig, 2);
    rig.pass(Duration::from_millis(100));
    assert_eq!(connected(&mut rig, &late), 0);
    assert_eq!(accept_all(&mut rig, listener), 3);
    // What they say is not heard, and said again.
    let said = rig.write(early[4], b"hello");
    assert_eq!(ready(said).unwrap(), 5);
    rig.pass(Duration::from_secs(2));
    assert_eq!(connected(&mut rig, &late), 2);
    let second = accept_all(&mut rig, listener);
    rig.settle();
    assert_eq!(second + accept_all(&mut rig, listener), 4);
}

#[test]
fn an_accepting_program_has_its_turn_before_its_backlog_is_full() {
    let link = Link::new().jitter(Duration::ZERO);
    let mut rig = Rig::with(8, link);
    let (client, server) = rig.pair();
    let options = ListenOptions::new().backlog(2);
    let listener = rig.listen_with(server, "0.0.0.0:80", &options).unwrap();
    for _ in 0..10 {
        rig.dial(client, "10.0.0.2:80").unwrap();
    }
    // All of them come to the same place at the same times; only one is accepted.
    let mut left = 1;
    while rig.now < Duration::from_millis(500) && rig.step() {
        if left > 0 && rig.accept(listener).is_ready() {
            left -= 1;
        }
    }
    let waiting = accept_all(&mut rig, listener);
    assert_eq!(waiting, 3, "the backlog is no larger than it was");
    let mut more = 0;
    while rig.step() {
        more += accept_all(&mut rig, listener);
    }
    assert_eq!(more, 6, "nobody is lost");
}
