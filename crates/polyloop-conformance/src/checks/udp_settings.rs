//! UDP: broadcast, multicast, families, and sockets that can't be had.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::num::NonZero;

use polyloop_core::{
    DatagramSocket as _, MainLoop, MulticastError, MulticastInterface, SendError, Udp, UdpError,
    UdpOptions, UdpSettings,
};

use super::udp_sending::{bind, nothing_for, receive};
use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::run;

/// The broadcast address of the loopback network.
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
const LOOPBACK: MulticastInterface = MulticastInterface::Address(Ipv4Addr::LOCALHOST);

/// To the broadcast address of the loopback network.
pub fn udp_08<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let far = lp.bind_udp((EVERYBODY, 0).into(), &UdpOptions::new())?;
        let to = far.local_addr()?;
        let (near, _) = bind(&lp)?;
        ensure!(!near.broadcast()?, "broadcast is on from the start");
        let refused = near.send_to(b"x", to).await.err();
        ensure!(
            matches!(&refused, Some(SendError::BroadcastOff { to: told }) if *told == to),
            "without leave it said {refused:?}"
        );
        nothing_for(&lp, &far, "broadcast was off").await?;
        near.set_broadcast(true)?;
        ensure!(near.broadcast()?, "what was set is not told");
        near.send_to(b"y", to).await?;
        ensure_eq!(receive(&lp, &far).await?.0, b"y", "what everybody was told");
        let asked = UdpOptions::new().broadcast(true);
        let near = lp.bind_udp((Ipv4Addr::LOCALHOST, 0).into(), &asked)?;
        ensure!(near.broadcast()?, "an option is not set");
        Ok(())
    })
}

/// A group that only this process uses.
fn group() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(239, 255, high, low.max(1))
}

/// Two members that share a port, one of which leaves, on the loopback interface.
pub fn udp_09<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let group = group();
        let shared = UdpOptions::new().reuse_address(true);
        let one = lp.bind_udp((group, 0).into(), &shared)?;
        let to = one.local_addr()?;
        let two = lp.bind_udp(to, &shared)?;
        one.join_multicast(group.into(), LOOPBACK)?;
        two.join_multicast(group.into(), LOOPBACK)?;
        let alone = lp.bind_udp(to, &UdpOptions::new()).err();
        ensure!(
            matches!(&alone, Some(UdpError::Bind { address, source })
                if *address == to && source.kind() == io::ErrorKind::AddrInUse),
            "whoever does not want to share it is told {alone:?}"
        );

        let (near, from) = bind(&lp)?;
        near.set_multicast_interface(LOOPBACK)?;
        ensure_eq!(near.multicast_interface()?, LOOPBACK, "the interface");
        near.send_to(b"all", to).await?;
        for member in [&one, &two] {
            let got = receive(&lp, member).await?;
            ensure_eq!(got, (b"all".to_vec(), from), "what a member gets");
        }
        two.leave_multicast(group.into(), LOOPBACK)?;
        one.leave_multicast(group.into(), LOOPBACK)?;
        one.join_multicast(group.into(), LOOPBACK)?;
        near.send_to(b"again", to).await?;
        ensure_eq!(receive(&lp, &one).await?.0, b"again", "what a member gets");
        one.leave_multicast(group.into(), LOOPBACK)?;
        near.send_to(b"nobody", to).await?;
        nothing_for(&lp, &one, "the group was left").await?;

        settings(&near)?;
        refusals(&near, group.into())
    })
}

/// What is set is told.
fn settings<S: UdpSettings>(socket: &S) -> Verdict {
    ensure_eq!(socket.multicast_ttl()?, 1, "hops to a group, unless set");
    socket.set_multicast_ttl(4)?;
    ensure_eq!(socket.multicast_ttl()?, 4, "hops to a group");
    ensure!(
        socket.multicast_loop()?,
        "members here get nothing, unless set"
    );
    socket.set_multicast_loop(false)?;
    ensure!(
        !socket.multicast_loop()?,
        "members here get it all the same"
    );
    socket.set_ttl(9)?;
    ensure_eq!(socket.ttl()?, 9, "hops to one receiver");
    socket.set_multicast_interface(MulticastInterface::Default)?;
    ensure_eq!(
        socket.multicast_interface()?,
        MulticastInterface::Default,
        "the interface"
    );
    Ok(())
}

fn refusals<S: UdpSettings>(socket: &S, group: IpAddr) -> Verdict {
    let plain = IpAddr::from(Ipv4Addr::LOCALHOST);
    let refused = socket.join_multicast(plain, LOOPBACK).err();
    ensure!(
        matches!(refused, Some(MulticastError::NoGroup { given }) if given == plain),
        "of an address that is none of a group it said {refused:?}"
    );
    let other = IpAddr::from(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4711));
    let refused = socket.join_multicast(other, LOOPBACK).err();
    ensure!(
        matches!(refused, Some(MulticastError::WrongFamily { group, .. }) if group == other),
        "of a group of the other family it said {refused:?}"
    );
    let nowhere = MulticastInterface::Address(Ipv4Addr::new(192, 0, 2, 1));
    let refused = socket.join_multicast(group, nowhere).err();
    ensure!(
        matches!(refused, Some(MulticastError::Refused { .. })),
        "of an interface that there is not it said {refused:?}"
    );
    let refused = socket.leave_multicast(group, LOOPBACK).err();
    ensure!(
        matches!(refused, Some(MulticastError::Refused { .. })),
        "of a group that was not joined it said {refused:?}"
    );
    let number = MulticastInterface::Index(NonZero::<u32>::MIN);
    let refused = socket.set_multicast_interface(number).err();
    ensure!(
        matches!(refused, Some(MulticastError::WrongInterface { given, .. }) if given == number),
        "of an interface by its number it said {refused:?}"
    );
    for error in [
        MulticastError::NoGroup { given: plain },
        MulticastError::WrongInterface {
            local: socket.local_addr()?,
            given: number,
        },
    ] {
        let text = error.to_string();
        ensure!(text.contains("expected"), "the sentence is {text:?}");
    }
    Ok(())
}

/// IPv6 alone, and with IPv4.
pub fn udp_10<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let here = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        let six = lp.bind_udp(here, &UdpOptions::new())?;
        let (four, from_four) = bind(&lp)?;
        let to_six = six.local_addr()?;
        let refused = six.send_to(b"x", from_four).await.err();
        ensure!(
            matches!(refused, Some(SendError::WrongFamily { local, to })
                if local == to_six && to == from_four),
            "a socket of IPv6 said {refused:?}"
        );
        six.set_multicast_ttl(3)?;
        ensure_eq!(six.multicast_ttl()?, 3, "hops to a group");
        six.set_ttl(9)?;
        ensure_eq!(six.ttl()?, 9, "hops to one receiver");
        let address = MulticastInterface::Address(Ipv4Addr::LOCALHOST);
        let refused = six.set_multicast_interface(address).err();
        ensure!(
            matches!(refused, Some(MulticastError::WrongInterface { .. })),
            "of an interface by its address it said {refused:?}"
        );

        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let both = lp.bind_udp(any, &UdpOptions::new().v6_only(false))?;
        let port = both.local_addr()?.port();
        six.send_to(b"six", (Ipv6Addr::LOCALHOST, port).into())
            .await?;
        ensure_eq!(
            receive(&lp, &both).await?,
            (b"six".to_vec(), to_six),
            "from IPv6"
        );
        four.send_to(b"four", (Ipv4Addr::LOCALHOST, port).into())
            .await?;
        ensure_eq!(
            receive(&lp, &both).await?,
            (b"four".to_vec(), from_four),
            "from IPv4"
        );
        both.send_to(b"to six", to_six).await?;
        ensure_eq!(receive(&lp, &six).await?.0, b"to six", "to IPv6");
        both.send_to(b"to four", from_four).await?;
        ensure_eq!(receive(&lp, &four).await?.0, b"to four", "to IPv4");
        Ok(())
    })
}

/// Each with what was given, and what was wrong with it.
pub fn udp_11<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (_taken, address) = bind(&lp)?;
        let refused = lp.bind_udp(address, &UdpOptions::new()).err();
        ensure!(
            matches!(&refused, Some(UdpError::Bind { address: told, source })
                if *told == address && source.kind() == io::ErrorKind::AddrInUse),
            "of an address in use it said {refused:?}"
        );
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        let refused = lp.bind_udp(foreign, &UdpOptions::new()).err();
        let Some(UdpError::Bind { address, source }) = &refused else {
            return Err(Fault::new(format!(
                "of an address that is not this machine's it said {refused:?}"
            )));
        };
        ensure_eq!(*address, foreign, "the address that was given");
        ensure_eq!(source.kind(), io::ErrorKind::AddrNotAvailable, "the kind");
        let text = refused.map(|error| error.to_string()).unwrap_or_default();
        ensure!(text.contains("192.0.2.1"), "the sentence is {text:?}");
        Ok(())
    })
}

/// A socket of the system's that somebody else has bound, and one that is none for datagrams.
pub fn udp_12<L: MainLoop + Udp>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let theirs = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = theirs.local_addr()?;
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        theirs.connect(far.local_addr()?)?;
        let near = lp.adopt_udp(theirs)?;
        ensure_eq!(near.local_addr()?, address, "the address");
        ensure_eq!(near.peer_addr(), far.local_addr().ok(), "the peer");
        nothing_for(&lp, &near, "nothing was sent").await?;
        far.send_to(b"x", address)?;
        ensure_eq!(receive(&lp, &near).await?.0, b"x", "what was sent");
        let lent = near
            .socket()
            .ok_or_else(|| Fault::new("the socket below is not lent"))?;
        ensure_eq!(lent.local_addr()?, address, "the address of the one below");

        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let other = socket2::Socket::from(other);
        let refused = lp.adopt_udp(other.into()).err();
        ensure!(
            matches!(refused, Some(UdpError::Unfit)),
            "of a socket of TCP it said {refused:?}"
        );
        Ok(())
    })
}
