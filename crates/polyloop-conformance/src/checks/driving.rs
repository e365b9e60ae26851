//! CLI and TRAN: a protocol on a stream that is there already, and on one that is made of
//! another.

use std::io::ErrorKind;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    CloseReason, Connection, DriveError, DriveOptions, Loop, MainLoop, Peer, ProtocolFactory,
    Stream, Tcp, Transport, WriteError, WriteLimits,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    End, GOODBYE, Journal, Layered, Once, Probe, RawListener, as_seen, dial, pattern, quiet,
    read_all, record, run, until,
};

/// Two streams of the loop, connected.
async fn streams<L: Tcp>(lp: &L) -> Verdict<(L::TcpStream, L::TcpStream)> {
    let mut listener = RawListener::open(lp)?;
    let near = dial(lp, listener.address).await?;
    Ok((near, listener.accept().await?))
}

/// A probe on a layered stream, and the bare stream at the other end.
async fn layered<L: Loop>(lp: &L, probe: Probe) -> Verdict<(Connection<Probe>, L::TcpStream)> {
    let (near, far) = streams(lp).await?;
    let peer = near.peer()?;
    let connection = lp.drive(Layered::new(near), peer, Once::new(probe)).await?;
    Ok((connection, far))
}

/// Makes no protocol, and notes whom it was for.
struct Declining(Journal);

impl ProtocolFactory for Declining {
    type Protocol = Probe;

    fn build_protocol(&mut self, peer: &Peer) -> Option<Probe> {
        self.0.note(peer.address().to_string());
        None
    }
}

/// Made before the call settles, with the peer and the limits that were given; one that the
/// factory declines, and one whose protocol fails at once, are closed.
pub fn cli_29<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, mut far) = streams(&lp).await?;
        let (own, journal) = (near.local_addr()?, Journal::new());
        let elsewhere = Peer::new(([192, 0, 2, 1], 7));
        let options = DriveOptions::new().write_limits(WriteLimits::with_high(9));
        let factory = Once::new(Probe::echo(&journal));
        let driven = lp.drive_with(near, elsewhere.clone(), options, factory);
        let connection = driven.await?;
        ensure_eq!(journal.names(), ["made"], "when the drive had settled");
        ensure_eq!(connection.peer(), elsewhere, "the peer");
        ensure_eq!(connection.local_addr(), Some(own), "the local address");
        let limits = connection.call(|_, t| t.write_limits()).await?;
        ensure_eq!(limits.high(), 9, "the high mark");
        far.write_all(b"heard").await?;
        until(&lp, "the data", || journal.data() == b"heard").await?;
        far.close().await?;
        let (answer, end) = read_all(&mut far).await;
        ensure_eq!((&answer[..], end), (&b"heard"[..], End::Eof), "the echo");
        ensure!(connection.closed().await.is_clean(), "it did not end well");

        let (near, mut far) = streams(&lp).await?;
        let (peer, asked) = (near.peer()?, Journal::new());
        let declined = lp.drive(near, peer.clone(), Declining(asked.clone())).await;
        ensure!(
            matches!(&declined, Err(DriveError::Declined { peer: told }) if told == peer.address()),
            "a factory that declined gave {declined:?}"
        );
        ensure_eq!(asked.names(), [peer.address().to_string()], "asked for");
        ensure_eq!(read_all(&mut far).await.1, End::Eof, "the stream declined");

        let (near, mut far) = streams(&lp).await?;
        let (peer, journal) = (near.peer()?, Journal::new());
        let broken = Probe::new(&journal).made(|_| Err("it broke".into()));
        let failed = lp.drive(near, peer, Once::new(broken)).await;
        ensure!(
            matches!(failed, Err(DriveError::Protocol { .. })),
            "a protocol that failed gave {failed:?}"
        );
        let end = read_all(&mut far).await.1;
        ensure_eq!(end, End::Error(ErrorKind::ConnectionReset), "its stream");
        Ok(())
    })
}

/// A little, which nothing else would push out; and much, both ways at once, with a reader
/// that stops for a while. Both ends are layered.
pub fn tran_41<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (connection, mut far) = layered(&lp, Probe::new(&Journal::new())).await?;
        connection.write("a little")?;
        let mut came = vec![0; 2 + 8];
        futures_util::AsyncReadExt::read_exact(&mut far, &mut came).await?;
        ensure_eq!(came, record(b"a little"), "what came");
        connection.abort();

        let (near, far) = streams(&lp).await?;
        let (here, there) = (Journal::new(), Journal::new());
        let (near_peer, far_peer) = (near.peer()?, far.peer()?);
        let sending = Once::new(Probe::new(&here));
        let client = lp.drive(Layered::new(near), near_peer, sending).await?;
        let answering = Once::new(Probe::echo(&there));
        let server = lp.drive(Layered::new(far), far_peer, answering).await?;
        let much = pattern(3 * 1024 * 1024);
        let sent = much.clone();
        client.call(move |_, t| t.write(&sent)).await??;
        client.call(|_, t| t.pause_reading()).await?;
        quiet(&lp).await;
        client.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the echo", || here.data().len() == much.len()).await?;
        ensure!(here.data() == much, "bytes were lost or altered");
        client.close();
        ensure!(client.closed().await.is_clean(), "the client's end");
        ensure!(server.closed().await.is_clean(), "the server's end");
        ensure!(there.data() == much, "bytes were lost on the way there");
        Ok(())
    })
}

/// This side first, the peer first, and a peer that does not wait for it or say one itself.
pub fn tran_42<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (connection, mut far) = layered(&lp, Probe::new(&Journal::new())).await?;
        connection.write("last words")?;
        connection.close();
        let expected = [record(b"last words"), GOODBYE.to_vec()].concat();
        ensure_eq!(read_all(&mut far).await, (expected, End::Eof), "we first");
        far.write_all(&GOODBYE).await?;
        drop(far);
        let reason = connection.closed().await;
        ensure!(reason.is_clean(), "when we ended first it was {reason}");

        // The peer says goodbye and goes on listening; what was written is sent before ours.
        let (connection, mut far) = layered(&lp, Probe::new(&Journal::new())).await?;
        connection.write("an answer")?;
        far.write_all(&[record(b"a question"), GOODBYE.to_vec()].concat())
            .await?;
        let expected = [record(b"an answer"), GOODBYE.to_vec()].concat();
        ensure_eq!(read_all(&mut far).await, (expected, End::Eof), "it first");
        let reason = connection.closed().await;
        ensure!(reason.is_clean(), "when it ended first it was {reason}");

        // A peer that just goes once this side has closed.
        let (connection, mut far) = layered(&lp, Probe::new(&Journal::new())).await?;
        connection.close();
        ensure_eq!(read_all(&mut far).await.0, GOODBYE, "what it was told");
        drop(far);
        let reason = connection.closed().await;
        ensure!(reason.is_clean(), "when it just went it was {reason}");
        Ok(())
    })
}

/// Before anything, and in the middle of a record.
pub fn tran_43<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for begun in [&b""[..], &record(b"one and a half")[..9]] {
            let journal = Journal::new();
            let (connection, mut far) = layered(&lp, Probe::new(&journal)).await?;
            far.write_all(begun).await?;
            far.close().await?;
            let reason = connection.closed().await;
            let kind = match &reason {
                CloseReason::Error(failure) => failure.io_kind(),
                _ => None,
            };
            ensure_eq!(kind, Some(ErrorKind::UnexpectedEof), "ended by {reason}");
            ensure!(!journal.has("eof"), "a cut was told as an end");
        }
        Ok(())
    })
}

/// Asked beforehand, refused, and without consequence.
pub fn tran_44<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn half_close(t: &mut dyn Transport) -> (bool, Result<(), WriteError>) {
        (t.can_write_eof(), t.write_eof())
    }
    run(make, async |lp| {
        let (connection, mut far) = layered(&lp, Probe::new(&Journal::new())).await?;
        let seen = connection.call(|_, t| half_close(t)).await?;
        ensure_eq!(seen, (false, Err(WriteError::NoHalfClose)), "the answers");
        connection.write("goes on")?;
        connection.close();
        let expected = [record(b"goes on"), GOODBYE.to_vec()].concat();
        ensure_eq!(read_all(&mut far).await, (expected, End::Eof), "what came");

        let (near, _far) = streams(&lp).await?;
        let (peer, probe) = (near.peer()?, Probe::new(&Journal::new()));
        let plain = lp.drive(near, peer, Once::new(probe)).await?;
        let seen = plain.call(|_, t| half_close(t)).await?;
        ensure_eq!(seen, (true, Ok(())), "a plain stream's answers");
        Ok(())
    })
}

/// Through its layer, as through a box.
pub fn tran_45<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn facts<S: Stream>(stream: &S) -> Verdict<(bool, String, String, bool)> {
        stream.set_nodelay(false)?;
        let unconfirmed = stream.unconfirmed()?;
        Ok((
            stream.nodelay()?,
            stream.local_addr()?.to_string(),
            stream.peer_addr()?.to_string(),
            unconfirmed.is_none_or(|left| left == 0),
        ))
    }
    run(make, async |lp| {
        let (near, far) = streams(&lp).await?;
        ensure!(!near.is_layered(), "a bare stream says that it is layered");
        let plain = facts(&near)?;
        ensure_eq!(facts(&far)?.2, plain.1, "the other end's peer");
        let address = near.peer_addr()?;
        ensure_eq!(near.peer()?, Peer::new(address.clone()), "its peer");
        let boxed: Box<dyn Stream> = Box::new(near);
        ensure_eq!(facts(&boxed)?, plain, "what a box says");
        let layered = Layered::new(boxed);
        ensure_eq!(facts(&layered)?, plain, "what a layer says");
        ensure!(layered.is_layered(), "a layered stream says it is none");
        ensure_eq!(layered.peer()?, as_seen(&address), "the layer's peer");
        let none = layered.into_socket().map_err(|error| error.kind());
        ensure_eq!(
            none.map(drop),
            Err(ErrorKind::Unsupported),
            "a layer's socket"
        );
        far.reset_on_drop()?;
        Ok(())
    })
}

/// It leads to the same peer, from code without a loop.
pub fn tran_46<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (near, far) = streams(&lp).await?;
        let own = near.local_addr()?;
        let socket = socket2::Socket::from(near.into_socket()?);
        let given = socket.local_addr()?.as_socket();
        ensure_eq!(given, own.as_ip(), "the address of the socket");
        let mut bytes = [std::mem::MaybeUninit::new(0)];
        let early = socket.recv(&mut bytes).map_err(|error| error.kind());
        ensure_eq!(early, Err(ErrorKind::WouldBlock), "a read too early");
        socket.send(b"from outside")?;
        drop(socket);
        let mut far = far;
        let (data, end) = read_all(&mut far).await;
        ensure_eq!((&data[..], end), (&b"from outside"[..], End::Eof), "came");
        Ok(())
    })
}
