//! Datagrams, as hosts have them: whose they are, who is told, and what a fault of a host does.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use polyloop_core::{
    DatagramSocket as _, Failure, Loop as _, MulticastInterface, Timers as _, Udp as _, UdpError,
    UdpOptions, UdpSettings as _,
};
use polyloop_sim::trace::{DatagramEvent, Loss};
use polyloop_sim::{Crash, Link, Sim, SimLoop};

use crate::datagrams::{all_of, count, remembering, socket_on};
use crate::{Silent, panic_of, within_a_minute};

const MS: Duration = Duration::from_millis(1);

/// Runs it in a simulation with these hosts.
fn among<const N: usize, F, R>(names: [&str; N], test: F)
where
    F: FnOnce(Sim, [SimLoop; N]) -> R + Send + 'static,
    R: Future<Output = Result<(), Failure>>,
{
    let names = names.map(str::to_owned);
    within_a_minute(move || {
        let sim = remembering(1, Link::new());
        let hosts = names.each_ref().map(|name| sim.host(name));
        let future = test(sim.clone(), hosts);
        sim.run(future).unwrap().unwrap();
    });
}

#[test]
fn that_nobody_is_there_is_told_across_hosts_and_a_dead_machine_says_nothing() {
    among(["near", "far"], |sim, [near, far]| async move {
        let (gone, to) = socket_on(&far, 7000);
        let socket = near.connect_udp(to, &UdpOptions::new())?;
        let stranger = near.bind_udp("0.0.0.0:0".parse()?, &UdpOptions::new())?;
        drop(gone);
        let refused = io::ErrorKind::ConnectionRefused;
        socket.send(b"x").await?;
        let began = near.now();
        let told = socket.recv(&mut [0; 8]).await;
        assert_eq!(told.unwrap_err().kind(), refused);
        assert!(near.now() - began >= 2 * MS, "it takes its way back");
        // Whoever comes first is told: a send, too. Who is not connected is told nothing.
        socket.send(b"x").await?;
        stranger.send_to(b"x", to).await?;
        near.sleep(10 * MS).await;
        assert_eq!(socket.send(b"x").await.unwrap_err().kind(), refused);
        stranger.send_to(b"x", to).await?;
        near.sleep(10 * MS).await;
        assert!(all_of(&stranger).is_empty());

        sim.crash("far", Crash::Reset);
        socket.send(b"x").await?;
        let told = socket.recv(&mut [0; 8]).await;
        assert_eq!(told.unwrap_err().kind(), refused, "its system lives");
        sim.crash("far", Crash::Silent);
        socket.send(b"x").await?;
        near.sleep(Duration::from_secs(60)).await;
        assert!(all_of(&socket).is_empty());
        let down = |event: &DatagramEvent| {
            matches!(
                event,
                DatagramEvent::Lost {
                    why: Loss::Down,
                    ..
                }
            )
        };
        assert_eq!(count(&sim, down), 1);
        Ok(())
    });
}

#[test]
fn a_crash_loses_what_waits_and_a_new_start_gets_what_comes_then() {
    among(["near", "far"], |sim, [near, far]| async move {
        let (old, to) = socket_on(&far, 7000);
        let (socket, _) = socket_on(&near, 0);
        socket.send_to(b"waits", to).await?;
        near.sleep(10 * MS).await;
        socket.send_to(b"flies", to).await?;
        sim.crash("far", Crash::Silent);
        near.sleep(10 * MS).await;
        let gone = old.try_recv_from(&mut [0; 8]).unwrap_err();
        assert_ne!(
            gone.kind(),
            io::ErrorKind::WouldBlock,
            "the socket is there"
        );
        let error = far.bind_udp(to, &UdpOptions::new()).unwrap_err();
        assert!(error.to_string().contains("has crashed"), "{error}");
        sim.restart("far");
        let (new, _) = socket_on(&far, 7000);
        drop(old);
        socket.send_to(b"new", to).await?;
        near.sleep(10 * MS).await;
        assert_eq!(all_of(&new), [b"new"]);
        Ok(())
    });
}

#[test]
fn what_comes_while_a_host_stands_still_waits_up_to_a_bound() {
    among(["near", "far"], |sim, [near, far]| async move {
        let options = UdpOptions::new().recv_buffer_size(Some(10_000_000));
        let far = far.bind_udp("0.0.0.0:7000".parse()?, &options)?;
        let to = SocketAddr::new(sim.addresses("far")[0], 7000);
        let (socket, _) = socket_on(&near, 0);
        sim.pause("far");
        for _ in 0..1_500 {
            socket.send_to(b"x", to).await?;
        }
        near.sleep(Duration::from_secs(1)).await;
        assert!(all_of(&far).is_empty());
        sim.resume("far");
        near.sleep(10 * MS).await;
        assert_eq!(all_of(&far).len(), 1_000);
        let busy = |event: &DatagramEvent| {
            matches!(
                event,
                DatagramEvent::Lost {
                    why: Loss::Busy,
                    ..
                }
            )
        };
        assert_eq!(count(&sim, busy), 500);
        Ok(())
    });
}

#[test]
fn a_broadcast_reaches_each_host_once() {
    among(["a", "b", "c"], |_, [a, b, c]| async move {
        let at_each = [&a, &b, &c].map(|host| socket_on(host, 7000).0);
        let (other, _) = socket_on(&b, 7001);
        let own = a.sim().addresses(&a)[0];
        for everybody in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 255, 255, 255)] {
            at_each[0].set_broadcast(true)?;
            at_each[0].send_to(b"all", (everybody, 7000).into()).await?;
            a.sleep(10 * MS).await;
            for socket in &at_each {
                let mut buffer = [0; 8];
                let (length, from) = socket.try_recv_from(&mut buffer)?;
                assert_eq!((&buffer[..length], from.ip()), (&b"all"[..], own));
                assert!(all_of(socket).is_empty());
            }
        }
        assert!(all_of(&other).is_empty());
        // What is for the loopback stays inside.
        let inside = Ipv4Addr::new(127, 255, 255, 255);
        at_each[0].send_to(b"in", (inside, 7000).into()).await?;
        a.sleep(10 * MS).await;
        let counts = at_each.each_ref().map(|socket| all_of(socket).len());
        assert_eq!(counts, [1, 0, 0]);
        Ok(())
    });
}

#[test]
fn a_group_is_who_has_joined_it_on_any_host_and_in_both_families() {
    among(["a", "b", "c"], |_, [a, b, c]| async move {
        let groups: [(IpAddr, &str); 2] = [
            (Ipv4Addr::new(239, 1, 2, 3).into(), "0.0.0.0:7000"),
            (
                Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3).into(),
                "[::]:7000",
            ),
        ];
        for (group, any) in groups {
            let shared = UdpOptions::new().reuse_address(true);
            let any: SocketAddr = any.parse()?;
            let bind = |host: &SimLoop| host.bind_udp(any, &shared);
            let (on_a, on_b, also_b, on_c) = (bind(&a)?, bind(&b)?, bind(&b)?, bind(&c)?);
            let default = MulticastInterface::Default;
            for member in [&on_a, &on_b, &also_b] {
                member.join_multicast(group, default)?;
            }
            let to = SocketAddr::new(group, 7000);
            let counts = || [&on_a, &on_b, &also_b, &on_c].map(|socket| all_of(socket).len());
            on_a.send_to(b"x", to).await?;
            a.sleep(10 * MS).await;
            assert_eq!(counts(), [1, 1, 1, 0], "{group}");
            on_a.set_multicast_loop(false)?;
            on_a.send_to(b"x", to).await?;
            a.sleep(10 * MS).await;
            assert_eq!(counts(), [0, 1, 1, 0], "{group} without a loop");
            also_b.leave_multicast(group, default)?;
            on_a.send_to(b"x", to).await?;
            a.sleep(10 * MS).await;
            assert_eq!(counts(), [0, 1, 0, 0], "{group} once one has left");
            on_b.set_multicast_ttl(0)?;
            on_b.send_to(b"x", to).await?;
            a.sleep(10 * MS).await;
            assert_eq!(counts(), [0, 1, 0, 0], "{group} without a hop");
        }
        Ok(())
    });
}

#[test]
fn it_is_whose_address_fits_best() {
    among(["near", "far"], |sim, [near, far]| async move {
        let own = sim.addresses("far")[0];
        let shared = UdpOptions::new().reuse_address(true);
        let bind = |address: SocketAddr| far.bind_udp(address, &shared);
        let (near_socket, near_address) = socket_on(&near, 0);
        let (other, _) = socket_on(&near, 0);
        let to = SocketAddr::new(own, 7000);
        let first = bind("0.0.0.0:7000".parse()?)?;
        let last = bind("0.0.0.0:7000".parse()?)?;
        near_socket.send_to(b"x", to).await?;
        near.sleep(10 * MS).await;
        assert_eq!([all_of(&first).len(), all_of(&last).len()], [0, 1]);
        let exact = bind(to)?;
        near_socket.send_to(b"x", to).await?;
        near.sleep(10 * MS).await;
        assert_eq!([all_of(&last).len(), all_of(&exact).len()], [0, 1]);
        let connected = far.connect_udp(near_address, &shared.clone().local_address(Some(to)))?;
        near_socket.send_to(b"x", to).await?;
        other.send_to(b"x", to).await?;
        near.sleep(10 * MS).await;
        assert_eq!([all_of(&exact).len(), all_of(&connected).len()], [1, 1]);
        Ok(())
    });
}

#[test]
fn sockets_that_share_a_port_have_the_senders_shared_out() {
    among(["near", "far"], |sim, [near, far]| async move {
        let shared = UdpOptions::new().reuse_port(true);
        let bind = || {
            far.bind_udp("0.0.0.0:7000".parse()?, &shared)
                .map_err(Failure::from)
        };
        let sockets = [bind()?, bind()?, bind()?];
        let to = SocketAddr::new(sim.addresses("far")[0], 7000);
        let mut of_each = [0; 3];
        for _ in 0..40 {
            let (sender, _) = socket_on(&near, 0);
            for _ in 0..3 {
                sender.send_to(b"x", to).await?;
            }
            near.sleep(10 * MS).await;
            let counts = sockets.each_ref().map(|socket| all_of(socket).len());
            assert!(
                counts.contains(&3),
                "one sender, and several have it: {counts:?}"
            );
            for (all, count) in of_each.iter_mut().zip(counts) {
                *all += count;
            }
        }
        assert!(of_each.iter().all(|count| *count > 0), "{of_each:?}");
        Ok(())
    });
}

#[test]
fn ports_are_none_of_tcps_and_descriptors_are_counted_with_them() {
    among(["a"], |sim, [a]| async move {
        let server = a.serve("0.0.0.0:7000", || Silent).await?;
        let (socket, _) = socket_on(&a, 7000);
        sim.descriptors("a", Some(2));
        let refused = a.bind_udp("0.0.0.0:0".parse()?, &UdpOptions::new()).err();
        assert!(
            matches!(&refused, Some(UdpError::Bind { source, .. })
                if source.to_string().contains("open files")),
            "{refused:?}"
        );
        drop(socket);
        a.bind_udp("0.0.0.0:0".parse()?, &UdpOptions::new())?;
        server.close();
        Ok(())
    });
}

#[test]
fn nobody_hears_what_goes_to_no_host_or_leaves_by_the_loopback() {
    among(["a", "b"], |sim, [a, b]| async move {
        let (socket, _) = socket_on(&a, 0);
        socket.send_to(b"x", "192.0.2.1:7000".parse()?).await?;
        let nobody = |event: &DatagramEvent| {
            matches!(
                event,
                DatagramEvent::Lost {
                    why: Loss::Nobody,
                    to: None,
                    ..
                }
            )
        };
        assert_eq!(count(&sim, nobody), 1);
        let (_far, to) = socket_on(&b, 7000);
        let inside = a.bind_udp("127.0.0.1:0".parse()?, &UdpOptions::new())?;
        let error = inside.send_to(b"x", to).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_socket_of_both_families_speaks_with_hosts_of_either() {
    among(["near", "far"], |sim, [near, far]| async move {
        let both = far.bind_udp("[::]:7000".parse()?, &UdpOptions::new().v6_only(false))?;
        for (own, any) in sim
            .addresses("far")
            .into_iter()
            .zip(["0.0.0.0:0", "[::]:0"])
        {
            let socket = near.bind_udp(any.parse()?, &UdpOptions::new())?;
            socket.send_to(b"ask", (own, 7000).into()).await?;
            let (_, from) = both.recv_from(&mut [0; 8]).await?;
            assert_eq!(from.is_ipv4(), own.is_ipv4());
            both.send_to(b"answer", from).await?;
            let (_, from) = socket.recv_from(&mut [0; 8]).await?;
            assert_eq!(from, SocketAddr::new(own, 7000));
        }
        Ok(())
    });
}

#[test]
fn a_run_that_waits_for_a_datagram_in_vain_says_so() {
    within_a_minute(|| {
        let sim = Sim::builder().seed(1).patience(Duration::ZERO).build();
        let lp = sim.local();
        let text = panic_of(|| {
            sim.run(async move {
                let (socket, _) = socket_on(&lp, 7000);
                let _ = socket.recv(&mut [0; 8]).await;
            })
        });
        assert!(
            text.contains("receives datagrams on 0.0.0.0:7000"),
            "{text}"
        );
        assert!(text.contains("datagrams on 0.0.0.0:7000\n"), "{text}");
    });
}
