//! The buffers of sockets for datagrams: what has no room in them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use polyloop_core::{
    DatagramSocket as _, Failure, SendError, Spawner as _, Timers as _, Udp as _, UdpOptions,
};
use polyloop_sim::Link;
use polyloop_sim::trace::DatagramEvent;

use crate::datagrams::{all_of, count, remembering, socket_on};
use crate::within_a_minute;

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_narrow_link_fills_the_buffer_and_room_is_waited_for_by_many() {
    const TASKS: usize = 5;
    const EACH: usize = 100;

    within_a_minute(|| {
        // A datagram with its headers takes a millisecond.
        let link = Link::new()
            .jitter(Duration::ZERO)
            .bandwidth(Some(1_028_000));
        let sim = remembering(9, link);
        let (near, far) = (sim.host("near"), sim.host("far"));
        let clock = sim.clone();
        sim.run(async move {
            let wide = UdpOptions::new().recv_buffer_size(Some(10_000_000));
            let far = far.bind_udp("0.0.0.0:7000".parse()?, &wide)?;
            let to = SocketAddr::new(clock.addresses("far")[0], 7000);
            let small = UdpOptions::new().send_buffer_size(Some(4_096));
            let socket = Arc::new(near.bind_udp("0.0.0.0:0".parse()?, &small)?);
            let tries = (0..10).map(|_| socket.try_send_to(&[7; 1_000], to).is_ok());
            let sent = tries.filter(|sent| *sent).count();
            assert_eq!(sent, 4, "as many as have room");
            let mut tasks = Vec::new();
            for _ in 0..TASKS {
                let socket = socket.clone();
                tasks.push(near.spawn(async move {
                    let (mut sent, mut full) = (0, 0);
                    while sent < EACH {
                        match socket.try_send_to(&[7; 1_000], to) {
                            Ok(()) => sent += 1,
                            Err(SendError::Full) => {
                                full += 1;
                                socket.writable().await?;
                            }
                            Err(error) => return Err(error.into()),
                        }
                    }
                    Ok::<_, Failure>(full)
                }));
            }
            for task in tasks {
                assert!(task.await?? > 0, "it never found it full");
            }
            socket.send_to(&[7; 1_000], to).await?;
            near.sleep(Duration::from_secs(1)).await;
            assert_eq!(all_of(&far).len(), 4 + TASKS * EACH + 1);
            Ok::<_, Failure>(())
        })
        .unwrap()
        .unwrap();
        let took = sim.elapsed().as_millis();
        let least = 1_000 + TASKS * EACH + 1;
        assert!(
            (least..least + 10).contains(&usize::try_from(took).unwrap()),
            "{took} ms"
        );
    });
}

#[test]
fn a_slow_reader_loses_what_has_no_room_and_keeps_no_more() {
    const MANY: usize = 100_000;

    within_a_minute(|| {
        let sim = remembering(10, Link::new());
        let (near, far) = (sim.host("near"), sim.host("far"));
        let received = sim.run(async move {
            let (far, to) = socket_on(&far, 7000);
            let (socket, _) = socket_on(&near, 0);
            let mut received = 0;
            for number in 0..MANY {
                socket.send_to(&[7; 1_024], to).await?;
                if number % 100 == 0 {
                    near.sleep(MS).await;
                    received += usize::from(far.try_recv_from(&mut [0; 1_024]).is_ok());
                }
            }
            near.sleep(Duration::from_secs(1)).await;
            let waiting = all_of(&far).len();
            assert_eq!(waiting, 212_992 / (1_024 + 256));
            Ok::<_, Failure>(received + waiting)
        });
        let received = received.unwrap().unwrap();
        let dropped = count(&sim, |event| matches!(event, DatagramEvent::Dropped { .. }));
        assert_eq!(received + dropped, MANY);
    });
}
