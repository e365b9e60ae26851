//! What links do to datagrams, and what programs see of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use polyloop_core::{
    DatagramSocket as _, Failure, SendError, Timers as _, Udp as _, UdpOptions, UdpSettings as _,
};
use polyloop_sim::trace::{DatagramEvent, Event, Loss};
use polyloop_sim::{Link, Oversized, Sim, SimLoop, SimUdpSocket};

use crate::within_a_minute;

const MS: Duration = Duration::from_millis(1);

/// A simulation that remembers everything.
pub(crate) fn remembering(seed: u64, link: Link) -> Sim {
    let builder = Sim::builder().seed(seed).link(link);
    builder.keep_records(usize::MAX).build()
}

/// A socket on any of a host's addresses, and where the others find it.
pub(crate) fn socket_on(lp: &SimLoop, port: u16) -> (SimUdpSocket, SocketAddr) {
    let any = SocketAddr::from(([0, 0, 0, 0], port));
    let socket = lp.bind_udp(any, &UdpOptions::new()).expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    let [own, _] = lp.sim().addresses(lp);
    (socket, SocketAddr::new(own, port))
}

/// All that is there.
pub(crate) fn all_of(socket: &SimUdpSocket) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.try_recv_from(&mut buffer) {
            Ok((length, _)) => all.push(buffer[..length].to_vec()),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return all;
            }
        }
    }
}

pub(crate) fn count(sim: &Sim, which: impl Fn(&DatagramEvent) -> bool) -> usize {
    let records = sim.trace().records;
    let events = records.iter().filter_map(|record| match &record.event {
        Event::Datagram(event) => Some(event),
        _ => None,
    });
    events.filter(|event| which(event)).count()
}

fn lost(sim: &Sim, reason: Loss) -> usize {
    count(
        sim,
        |event| matches!(event, DatagramEvent::Lost { why, .. } if *why == reason),
    )
}

/// Sends numbered datagrams of that length, 100 µs apart, over such a link, and gives back
/// the numbers that came.
fn carried(sim: &Sim, many: u32, length: usize) -> Vec<u32> {
    let (near, far) = (sim.host("near"), sim.host("far"));
    let run = sim.clone();
    run.run(async move {
        let (far, to) = socket_on(&far, 7000);
        let (near_socket, _) = socket_on(&near, 0);
        let mut numbers = Vec::new();
        let mut take = || {
            for data in all_of(&far) {
                assert_eq!(data.len(), length, "it came in parts");
                let number = data.first_chunk().expect("a number");
                numbers.push(u32::from_be_bytes(*number));
            }
        };
        for number in 0..many {
            let mut data = number.to_be_bytes().to_vec();
            data.resize(length, 7);
            near_socket.send_to(&data, to).await?;
            near.sleep(MS / 10).await;
            take();
        }
        near.sleep(Duration::from_secs(10)).await;
        take();
        Ok::<_, Failure>(numbers)
    })
    .expect("nothing stops it")
    .expect("nothing fails")
}

fn distinct(numbers: &[u32]) -> usize {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

#[test]
fn a_share_of_them_is_lost_and_the_trace_says_which() {
    within_a_minute(|| {
        let sim = remembering(1, Link::new().loss(0.1));
        let came = carried(&sim, 2_000, 100);
        assert!((1_700..1_900).contains(&came.len()), "{}", came.len());
        assert_eq!(distinct(&came), came.len(), "some came twice");
        assert_eq!(lost(&sim, Loss::Link), 2_000 - came.len());
    });
}

#[test]
fn a_share_of_them_comes_twice_and_the_trace_says_which() {
    within_a_minute(|| {
        let sim = remembering(2, Link::new().duplicate(0.2));
        let came = carried(&sim, 1_000, 100);
        assert_eq!(distinct(&came), 1_000);
        let copies = came.len() - 1_000;
        assert!((120..280).contains(&copies), "{copies}");
        let of_copies = |event: &DatagramEvent| {
            matches!(
                event,
                DatagramEvent::Sent {
                    copy_of: Some(_),
                    ..
                }
            )
        };
        assert_eq!(count(&sim, of_copies), copies);
    });
}

#[test]
fn they_overtake_each_other_as_far_as_there_is_jitter() {
    within_a_minute(|| {
        let in_order = |came: &[u32]| came.is_sorted();
        let steady = remembering(3, Link::new().jitter(Duration::ZERO));
        let came = carried(&steady, 500, 100);
        assert!(came.len() == 500 && in_order(&came));
        let shaky = remembering(3, Link::new().jitter(5 * MS));
        let came = carried(&shaky, 500, 100);
        assert!(came.len() == 500 && !in_order(&came));
        let far = came.iter().enumerate().any(|(place, number)| {
            usize::try_from(*number).is_ok_and(|number| number.abs_diff(place) > 10)
        });
        assert!(far, "none was overtaken by many");
    });
}

#[test]
fn a_long_one_is_cut_and_lost_with_any_of_its_pieces() {
    within_a_minute(|| {
        let sim = remembering(4, Link::new());
        let came = carried(&sim, 100, 10_000);
        assert_eq!(distinct(&came), 100);
        let cut = |event: &DatagramEvent| matches!(event, DatagramEvent::Sent { pieces: 7, .. });
        assert_eq!(count(&sim, cut), 100);

        // Of a tenth of the pieces, half of those that have seven.
        let sim = remembering(4, Link::new().loss(0.1));
        let came = carried(&sim, 1_000, 10_000);
        assert!((400..560).contains(&came.len()), "{}", came.len());
        let sim = remembering(4, Link::new().loss(0.1).mtu(20_000));
        let came = carried(&sim, 1_000, 10_000);
        assert!((850..950).contains(&came.len()), "{}", came.len());
    });
}

/// What becomes of datagrams of these lengths, each sent once: whether it was refused, and
/// whether it came.
fn fates(sim: &Sim, to_v6: bool, lengths: &[usize]) -> Vec<(bool, bool)> {
    let (near, far) = (sim.host("near"), sim.host("far"));
    let any = if to_v6 { "[::]:7000" } else { "0.0.0.0:7000" };
    let [v4, v6] = sim.addresses("far");
    let to = SocketAddr::new(if to_v6 { v6 } else { v4 }, 7000);
    let lengths = lengths.to_vec();
    sim.run(async move {
        let far = far.bind_udp(any.parse()?, &UdpOptions::new())?;
        let socket = near.connect_udp(to, &UdpOptions::new())?;
        let mut fates = Vec::new();
        for length in lengths {
            let refused = match socket.send(&vec![7; length]).await {
                Ok(()) => false,
                Err(SendError::TooLong { length: told, .. }) => {
                    assert_eq!(told, length);
                    true
                }
                Err(error) => return Err(error.into()),
            };
            near.sleep(10 * MS).await;
            fates.push((refused, all_of(&far) == [vec![7; length]]));
        }
        Ok::<_, Failure>(fates)
    })
    .expect("nothing stops it")
    .expect("nothing fails")
}

#[test]
fn what_does_not_fit_can_be_refused_or_lost_instead() {
    within_a_minute(|| {
        let (refused, came, gone) = ((true, false), (false, true), (false, false));
        let link = Link::new().oversized(Oversized::Refused);
        let sim = remembering(5, link);
        assert_eq!(fates(&sim, false, &[1_472, 1_473]), [came, refused]);
        let sim = remembering(5, Link::new().oversized(Oversized::Refused));
        assert_eq!(fates(&sim, true, &[1_452, 1_453]), [came, refused]);
        let sim = remembering(5, Link::new().oversized(Oversized::Lost).mtu(576));
        assert_eq!(fates(&sim, false, &[548, 549]), [came, gone]);
        assert_eq!(lost(&sim, Loss::TooLong), 1);
        // Longer than any is refused whatever the link is.
        let sim = remembering(5, Link::new().mtu(100_000));
        assert_eq!(fates(&sim, false, &[65_507, 65_508]), [came, refused]);
        let sim = remembering(5, Link::new());
        assert_eq!(fates(&sim, true, &[65_527, 65_528]), [came, refused]);
    });
}

#[test]
fn one_seed_gives_one_run_and_another_gives_another() {
    within_a_minute(|| {
        let link = || Link::new().loss(0.1).duplicate(0.1).jitter(5 * MS);
        let run = |seed| {
            let sim = remembering(seed, link());
            let came = carried(&sim, 300, 3_000);
            (came, sim.trace())
        };
        let (one, again, other) = (run(6), run(6), run(7));
        assert_eq!(one, again);
        assert_ne!(one.1.digest, other.1.digest);
        assert_ne!(one.0, other.0);
    });
}

#[test]
fn a_partition_loses_what_flies_and_what_is_sent() {
    within_a_minute(|| {
        let sim = remembering(8, Link::new().latency(50 * MS));
        let (near, far) = (sim.host("near"), sim.host("far"));
        let world = sim.clone();
        sim.run(async move {
            let (far, to) = socket_on(&far, 7000);
            let (socket, _) = socket_on(&near, 0);
            socket.send_to(b"flies", to).await?;
            near.sleep(10 * MS).await;
            world.partition("near", "far");
            socket.send_to(b"sent", to).await?;
            near.sleep(100 * MS).await;
            assert_eq!(lost(&world, Loss::Cut), 2);
            world.heal("near", "far");
            socket.send_to(b"healed", to).await?;
            near.sleep(100 * MS).await;
            assert_eq!(all_of(&far), [b"healed"]);

            world.hold("near", "far");
            socket.send_to(b"held", to).await?;
            near.sleep(Duration::from_secs(60)).await;
            assert!(all_of(&far).is_empty());
            world.release("near", "far");
            near.sleep(100 * MS).await;
            assert_eq!(all_of(&far), [b"held"]);
            Ok::<_, Failure>(())
        })
        .unwrap()
        .unwrap();
    });
}

#[test]
fn content_is_in_the_trace_where_one_asks_for_it() {
    within_a_minute(|| {
        let digest = |payload, content: &'static [u8]| {
            let sim = Sim::builder().seed(11).payload(payload).build();
            let lp = sim.local();
            sim.run(async move {
                let (socket, _) = socket_on(&lp, 0);
                socket.send_to(content, "127.0.0.1:9".parse()?).await?;
                Ok::<_, Failure>(())
            })
            .unwrap()
            .unwrap();
            let trace = sim.trace();
            assert_eq!(trace.to_string().contains("wrote 3 bytes"), payload);
            trace.digest
        };
        assert_eq!(digest(false, b"one"), digest(false, b"two"));
        assert_ne!(digest(true, b"one"), digest(true, b"two"));
    });
}

#[test]
fn the_picture_shows_their_ways_and_why_they_were_lost() {
    within_a_minute(|| {
        let sim = remembering(12, Link::new().loss(0.3).duplicate(0.3));
        carried(&sim, 30, 3_000);
        let (near, far) = (sim.host("near"), sim.host("far"));
        let world = sim.clone();
        sim.run(async move {
            world.default_link(Link::new());
            let (far, _) = socket_on(&far, 7001);
            let (socket, _) = socket_on(&near, 0);
            for port in [7001, 7002] {
                let [to, _] = world.addresses("far");
                for _ in 0..1_000 {
                    socket.send_to(b"x", (to, port).into()).await?;
                }
            }
            near.sleep(Duration::from_secs(1)).await;
            drop(far);
            Ok::<_, Failure>(())
        })
        .unwrap()
        .unwrap();
        let trace = sim.trace();
        let (text, page) = (
            trace.to_string(),
            trace.diagram().at_most(10_000).to_string(),
        );
        for words in [
            ": 3000 bytes from 10.0.0.",
            ", cut into 3 pieces",
            ", a copy of d",
            " to far is LOST, lost by the link: 3000 bytes from ",
            " is LOST: the buffer of 0.0.0.0:7001 is full",
            ": nobody was there to take d",
        ] {
            assert!(text.contains(words), "the text has no {words:?}");
            let shown = page.contains(words) || words.contains(" is LOST, ");
            assert!(shown, "the picture has no {words:?}");
        }
        for mark in [
            "<g class=\"m datagrams\"",
            "<g class=\"m datagrams lost\"",
            ": lost by the link</title>",
            "data-kind=\"datagrams\" checked",
        ] {
            assert!(page.contains(mark), "the picture has no {mark:?}");
        }
    });
}
