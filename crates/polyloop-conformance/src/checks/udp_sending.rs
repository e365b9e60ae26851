//! UDP: sockets for datagrams, and what becomes of what is sent.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{Either, select};
use polyloop_core::{
    DatagramSocket, MainLoop, SendError, Timers, Udp, UdpOptions, UdpSettings as _,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{quiet, run};

/// Anywhere on this machine.
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The most that IPv4 carries.
const MOST: usize = 65_507;

pub(crate) fn bind<L: Udp>(lp: &L) -> Verdict<(L::UdpSocket, SocketAddr)> {
    let socket = lp.bind_udp(HERE, &UdpOptions::new())?;
    let address = socket.local_addr()?;
    ensure!(address.port() != 0, "the port that was given is not told");
    Ok((socket, address))
}

/// The next datagram, within 10 s.
pub(crate) async fn receive<T: Timers, S: DatagramSocket>(
    timers: &T,
    socket: &S,
) -> Verdict<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; 65_536];
    let limit = timers.sleep(std::time::Duration::from_secs(10));
    let (length, from) = match select(pin!(socket.recv_from(&mut buffer)), pin!(limit)).await {
        Either::Left((received, _)) => received?,
        Either::Right(_) => return Err(Fault::new("waited 10 s in vain for a datagram")),
    };
    buffer.truncate(length);
    Ok((buffer, from))
}

/// Nothing is there, or comes within 50 ms.
pub(crate) async fn nothing_for<T: Timers, S: DatagramSocket>(
    timers: &T,
    socket: &S,
    why: &str,
) -> Verdict {
    quiet(timers).await;
    match socket.try_recv_from(&mut [0; 16]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(Fault::new(format!("{why}, and an error was told: {error}"))),
        Ok((length, from)) => Err(Fault::new(format!(
            "{why}, and {length} bytes came from {from}"
        ))),
    }
}

/// In each way of sending and receiving, with a full one behind it.
pub fn udp_01<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, from) = bind(&lp)?;
        let (far, to) = bind(&lp)?;
        near.try_send_to(b"", to)?;
        ensure_eq!(
            receive(&lp, &far).await?,
            (Vec::new(), from),
            "an empty one"
        );
        near.send_to(b"", to).await?;
        near.send_to(b"x", to).await?;
        ensure_eq!(
            receive(&lp, &far).await?,
            (Vec::new(), from),
            "an empty one"
        );
        ensure_eq!(
            receive(&lp, &far).await?,
            (b"x".to_vec(), from),
            "the one behind it"
        );
        let near = lp.connect_udp(to, &UdpOptions::new())?;
        let from = near.local_addr()?;
        near.try_send(b"")?;
        ensure_eq!(
            receive(&lp, &far).await?,
            (Vec::new(), from),
            "an empty one"
        );
        near.send(b"").await?;
        ensure_eq!(
            receive(&lp, &far).await?,
            (Vec::new(), from),
            "an empty one"
        );
        far.send_to(b"", from).await?;
        ensure_eq!(
            near.recv(&mut [0; 4]).await?,
            0,
            "the length of an empty answer"
        );
        Ok(())
    })
}

/// There and back.
pub fn udp_02<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, from) = bind(&lp)?;
        let (far, to) = bind(&lp)?;
        let largest: Vec<u8> = (0..MOST)
            .map(|n| u8::try_from(n % 251).unwrap_or(0))
            .collect();
        for length in [1, 1_472, 8_192, 8_193, 60_000, MOST] {
            near.send_to(&largest[..length], to).await?;
            let (got, source) = receive(&lp, &far).await?;
            ensure_eq!(source, from, "whom {length} bytes are from");
            ensure_eq!(got.len(), length, "how much came of {length} bytes");
            ensure!(
                got == largest[..length],
                "what came of {length} bytes is not them"
            );
        }
        Ok(())
    })
}

/// One byte more than there is room for: said at once, and nothing comes.
pub fn udp_03<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, _) = bind(&lp)?;
        let (far, to) = bind(&lp)?;
        let large = vec![7; MOST + 1];
        let connected = lp.connect_udp(to, &UdpOptions::new())?;
        for error in [
            near.try_send_to(&large, to).err(),
            near.send_to(&large, to).await.err(),
            connected.try_send(&large).err(),
            connected.send(&large).await.err(),
        ] {
            let Some(SendError::TooLong { length, limit }) = error else {
                return Err(Fault::new(format!(
                    "of {} bytes it said {error:?}",
                    large.len()
                )));
            };
            ensure_eq!(length, MOST + 1, "the length that was given");
            ensure_eq!(limit, MOST, "the length that was expected");
            let text = SendError::TooLong { length, limit }.to_string();
            ensure!(
                text.contains("65508") && text.contains("65507"),
                "the sentence is {text:?}"
            );
        }
        nothing_for(&lp, &far, "what was sent was too long").await?;
        near.send_to(b"x", to).await?;
        ensure_eq!(receive(&lp, &far).await?.0, b"x", "the next one");
        Ok(())
    })
}

/// A name can't be given at all; an address of IPv6 is refused by a socket of IPv4.
pub fn udp_04<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, local) = bind(&lp)?;
        let other: SocketAddr = "[::1]:4711".parse()?;
        for error in [
            near.try_send_to(b"x", other).err(),
            near.send_to(b"x", other).await.err(),
        ] {
            let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
            ensure!(
                matches!(error, Some(SendError::WrongFamily { local: told, to })
                    if told == local && to == other),
                "it said {error:?}"
            );
            ensure!(
                text.contains("[::1]:4711") && text.contains(&local.to_string()),
                "the sentence is {text:?}"
            );
        }
        let nobody = SocketAddr::new(local.ip(), 0);
        let refused = near.send_to(b"x", nobody).await.err();
        ensure!(
            matches!(refused, Some(SendError::NoPort { to }) if to == nobody),
            "of port 0 it said {refused:?}"
        );
        let options = UdpOptions::new().local_address(Some(HERE));
        let refused = lp.connect_udp(other, &options).err();
        ensure!(
            matches!(refused, Some(polyloop_core::UdpError::Families { local, peer })
                if local == HERE && peer == other),
            "it said {refused:?}"
        );
        Ok(())
    })
}

/// Three sockets, of which two are connected.
pub fn udp_05<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, to) = bind(&lp)?;
        let (third, other) = bind(&lp)?;
        let near = lp.connect_udp(to, &UdpOptions::new().local_address(Some(HERE)))?;
        ensure_eq!(near.peer_addr(), Some(to), "whom it is connected to");
        ensure_eq!(
            far.peer_addr(),
            None,
            "whom one is connected to that is not"
        );
        let from = near.local_addr()?;
        near.try_send(b"a")?;
        near.send(b"b").await?;
        near.try_send_to(b"c", to)?;
        near.send_to(b"d", to).await?;
        for expected in [b"a", b"b", b"c", b"d"] {
            let got = receive(&lp, &far).await?;
            ensure_eq!(got, (expected.to_vec(), from), "what was sent");
        }
        for error in [
            near.try_send_to(b"x", other).err(),
            near.send_to(b"x", other).await.err(),
        ] {
            ensure!(
                matches!(error, Some(SendError::Connected { peer, to: told })
                    if peer == to && told == other),
                "it said {error:?}"
            );
        }
        nothing_for(&lp, &third, "it is not the peer").await?;
        third.send_to(b"strange", from).await?;
        nothing_for(&lp, &near, "it was sent by another than the peer").await?;
        far.send_to(b"e", from).await?;
        ensure_eq!(
            receive(&lp, &near).await?,
            (b"e".to_vec(), to),
            "the answer"
        );
        let error = third.try_send(b"x").err();
        ensure!(
            matches!(error, Some(SendError::NotConnected)),
            "without a peer it said {error:?}"
        );
        Ok(())
    })
}

/// Nobody is there, and then somebody is.
pub fn udp_06<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (gone, to) = bind(&lp)?;
        let near = lp.connect_udp(to, &UdpOptions::new())?;
        drop(gone);
        for _ in 0..2 {
            near.send(b"is anybody there?").await?;
            let refused = {
                let mut buffer = [0; 16];
                let limit = lp.sleep(std::time::Duration::from_secs(10));
                match select(pin!(near.recv(&mut buffer)), pin!(limit)).await {
                    Either::Left((received, _)) => received.map_err(|error| error.kind()),
                    Either::Right(_) => {
                        return Err(Fault::new("that nobody is there is not told"));
                    }
                }
            };
            ensure_eq!(
                refused,
                Err(io::ErrorKind::ConnectionRefused),
                "what was told"
            );
        }
        let far = lp.bind_udp(to, &UdpOptions::new())?;
        near.send(b"now?").await?;
        let (asked, from) = receive(&lp, &far).await?;
        ensure_eq!(asked, b"now?", "what got through");
        far.send_to(b"yes", from).await?;
        ensure_eq!(receive(&lp, &near).await?.0, b"yes", "the answer");
        Ok(())
    })
}

/// Far more than anybody has room for, to somebody who does not read. What was not told as
/// full is the system's, which drops it; nothing comes later out of a queue.
pub fn udp_07<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    const MANY: usize = 20_000;

    run(make, async |lp| {
        let (near, _) = bind(&lp)?;
        let options = UdpOptions::new().recv_buffer_size(Some(64 * 1024));
        let far = lp.bind_udp(HERE, &options)?;
        let to = far.local_addr()?;
        let data = [7; 1024];
        let (mut full, mut sent) = (0, 0);
        for _ in 0..MANY {
            match near.try_send_to(&data, to) {
                Ok(()) => sent += 1,
                Err(SendError::Full) => full += 1,
                Err(error) => return Err(error.into()),
            }
        }
        let mut received = 0;
        let mut drain = || {
            while far.try_recv_from(&mut [0; 1024]).is_ok() {
                received += 1;
            }
        };
        quiet(&lp).await;
        drain();
        quiet(&lp).await;
        drain();
        ensure!(received <= sent, "{received} came of {sent}");
        ensure!(
            received < MANY / 2,
            "{received} of {MANY} datagrams were kept for somebody who did not read (of {full} it \
             was said that there is no room): they have to be the system's, or refused"
        );
        // There is room again.
        let mut cx = Context::from_waker(Waker::noop());
        near.send_to(b"x", to).await?;
        ensure_eq!(receive(&lp, &far).await?.0, b"x", "the next one");
        let sent = near.poll_send_to(&mut cx, b"y", to);
        ensure!(
            matches!(sent, Poll::Ready(Ok(()))),
            "with room a poll gives {sent:?}"
        );
        ensure_eq!(receive(&lp, &far).await?.0, b"y", "the last one");
        Ok(())
    })
}

/// By several tasks at once, by polls, and by whoever was told that there is none.
pub fn udp_13<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    const TASKS: usize = 4;

    run(make, async |lp| {
        let (near, from) = bind(&lp)?;
        let (far, to) = bind(&lp)?;
        let near = Arc::new(near);
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let near = near.clone();
            tasks.push(lp.spawn(async move {
                // Each of them may find it full: somebody else was faster.
                loop {
                    near.writable().await?;
                    match near.try_send_to(b"x", to) {
                        Err(SendError::Full) => {}
                        sent => return sent.map_err(Fault::from),
                    }
                }
            }));
        }
        for _ in 0..TASKS {
            ensure_eq!(
                receive(&lp, &far).await?,
                (b"x".to_vec(), from),
                "what came"
            );
        }
        for task in tasks {
            task.await??;
        }
        let limit = lp.sleep(std::time::Duration::from_secs(10));
        let room = poll_fn(|cx| near.poll_writable(cx));
        match select(pin!(room), pin!(limit)).await {
            Either::Left((room, _)) => room?,
            Either::Right(_) => return Err(Fault::new("polls wait 10 s in vain for room")),
        }
        near.try_send_to(b"y", to)?;
        ensure_eq!(receive(&lp, &far).await?.0, b"y", "what came behind polls");
        Ok(())
    })
}
