//! UNIX: descriptors beside the bytes, and datagrams.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use polyloop_core::{
    CloseReason, ConnectOptions, Descriptors, Failure, Interest, ListenOptions, MainLoop,
    PassDescriptors, Peer, ProtocolFactory, UnixAddress, UnixDatagramError, UnixDatagrams as _,
    UnixOptions, UnixPathError, Watch,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Directory, Journal, Probe, run, until};

/// Builds probes from what the peer is.
struct By<F>(F);

impl<F: FnMut(&Peer) -> Option<Probe> + Send + 'static> ProtocolFactory for By<F> {
    type Protocol = Probe;

    fn build_protocol(&mut self, peer: &Peer) -> Option<Probe> {
        (self.0)(peer)
    }
}

/// What is read next from a pipe.
async fn next<L: Watch>(lp: &L, pipe: &Arc<PipeReader>) -> Verdict<Vec<u8>> {
    let watched = lp.watch(pipe.clone())?;
    let mut buffer = vec![0; 64];
    let length = watched
        .io(Interest::Readable, |pipe| (&**pipe).read(&mut buffer))
        .await?;
    buffer.truncate(length);
    Ok(buffer)
}

fn pipe() -> io::Result<(Arc<PipeReader>, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((Arc::new(reader), writer))
}

/// One that is taken with the byte that it came with, and works; one that is not taken, one
/// that comes to a connection which wants none, and two with one byte between them.
pub fn unix_06<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let endpoint = directory.endpoint("s");
        let (journal, taken) = (Journal::new(), Arc::new(Mutex::new(Vec::new())));
        let (seen, takes) = (journal.clone(), taken.clone());
        let takers = By(move |peer: &Peer| {
            let (descriptors, takes) = (peer.descriptors()?.clone(), takes.clone());
            Some(Probe::new(&seen).data(move |_, data| {
                for byte in data {
                    // Those of the others are nobody's business.
                    if *byte == b't' {
                        let came: Option<OwnedFd> = descriptors.take();
                        let came = came.ok_or_else(|| Failure::message("a byte came alone"))?;
                        takes.lock().unwrap().push(came);
                    }
                }
                Ok(())
            }))
        });
        let options = ListenOptions::new().layer(PassDescriptors::on(&lp));
        let server = lp.serve_with(&endpoint, options, takers).await?;

        let (client, descriptors, lost) = connect(&lp, &endpoint).await?;
        let (first, writer) = pipe()?;
        descriptors.pass(writer)?;
        client.write("t")?;
        until(&lp, "the descriptor", || !taken.lock().unwrap().is_empty()).await?;
        let came = taken.lock().unwrap().pop();
        let mut came = came
            .map(std::fs::File::from)
            .ok_or_else(|| Fault::new("none"))?;
        came.write_all(b"through it")?;
        drop(came);
        ensure_eq!(
            next(&lp, &first).await?,
            b"through it",
            "what went through it"
        );
        ensure_eq!(next(&lp, &first).await?, b"", "its end");

        let (left, writer) = pipe()?;
        descriptors.pass(writer)?;
        client.write("-")?;
        until(&lp, "its byte", || journal.data() == b"t-").await?;
        client.close();
        client.closed().await;
        ensure!(
            matches!(lost.lost(), Some(CloseReason::Clean)),
            "{:?}",
            lost.lost()
        );
        ensure_eq!(next(&lp, &left).await?, b"", "the end of what nobody took");
        // Its socket goes a moment later (TRAN-36).
        let mut null = || File::open("/dev/null").is_ok_and(|file| descriptors.pass(file).is_err());
        until(&lp, "a pass that is refused", &mut null).await?;

        let (client, descriptors, lost) = connect(&lp, &endpoint).await?;
        let (two, writer) = pipe()?;
        descriptors.pass(writer.try_clone()?)?;
        descriptors.pass(writer)?;
        client.write("t")?;
        client.close();
        let CloseReason::Error(reason) = client.closed().await else {
            return Err(Fault::new(format!(
                "two with a byte ended {:?}",
                lost.lost()
            )));
        };
        let told = reason.to_string();
        ensure!(told.contains("1 descriptors were to be passed"), "{told}");
        server.close();
        server.drained().await;
        taken.lock().unwrap().clear();
        ensure_eq!(next(&lp, &two).await?, b"", "the end of both");

        let journal = Journal::new();
        let plain = journal.clone();
        let server = lp.serve(&endpoint, move || Probe::new(&plain)).await?;
        let (client, descriptors, _) = connect(&lp, &endpoint).await?;
        let (unwanted, writer) = pipe()?;
        descriptors.pass(writer)?;
        client.write("u")?;
        until(&lp, "its byte", || journal.data() == b"u").await?;
        ensure_eq!(
            next(&lp, &unwanted).await?,
            b"",
            "the end of an unwanted one"
        );
        client.close();
        server.close();
        server.drained().await;
        Ok(())
    })
}

/// A client, what it passes, and what happened to it.
async fn connect<L: MainLoop + Watch>(
    lp: &L,
    endpoint: &str,
) -> Verdict<(polyloop_core::Connection<Probe>, Descriptors, Journal)> {
    let (journal, own) = (Journal::new(), Arc::new(Mutex::new(None)));
    let (seen, note) = (journal.clone(), own.clone());
    let factory = By(move |peer: &Peer| {
        *note.lock().unwrap() = peer.descriptors().cloned();
        Some(Probe::new(&seen))
    });
    let options = ConnectOptions::new().layer(PassDescriptors::on(lp));
    let client = lp.connect_with(endpoint, options, factory).await?;
    let own = own.lock().unwrap().take();
    let own = own.ok_or_else(|| Fault::new("the peer has no descriptors"))?;
    Ok((client, own, journal))
}

/// With and without names, connected and not, one after the other; a receiver that has no
/// room is waited for; and what is wrong with a name.
pub fn unix_14<L: MainLoop + Watch>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let name = |name: &str| UnixAddress::from_path(directory.path(name));
        let plain = UnixOptions::new();
        let server = lp.bind_unix_datagram(&name("server"), &plain)?;
        let client = lp.bind_unix_datagram(&name("client"), &plain)?;
        let mut buffer = [0; 64];
        for data in [&b"first"[..], b"", b"third"] {
            client.send_to(data, &name("server")).await?;
            let (length, from) = server.recv_from(&mut buffer).await?;
            ensure_eq!(
                (&buffer[..length], &from),
                (data, &name("client")),
                "what came"
            );
        }
        server.connect(&name("client"))?;
        server.send(b"back").await?;
        let (length, from) = client.recv_from(&mut buffer).await?;
        ensure_eq!(
            (&buffer[..length], &from),
            (&b"back"[..], &name("server")),
            "what came back"
        );
        let nameless = lp.bind_unix_datagram(&UnixAddress::unnamed(), &plain)?;
        nameless.send_to(b"who?", &name("client")).await?;
        let (_, from) = client.recv_from(&mut buffer).await?;
        ensure!(from.is_unnamed(), "a socket without a name is {from}");

        let mut sent = 0;
        while nameless.try_send_to(b"more", &name("client")).is_ok() {
            sent += 1;
            ensure!(
                sent < 1_000_000,
                "a socket that nobody reads takes everything"
            );
        }
        let full = nameless.try_send_to(b"more", &name("client"));
        let kind = full.err().map(|error| error.kind());
        ensure_eq!(kind, Some(ErrorKind::WouldBlock), "a full one");
        let to = name("client");
        let sending = lp.spawn(async move { nameless.send_to(b"last", &to).await });
        for _ in 0..=sent {
            client.recv_from(&mut buffer).await?;
        }
        ensure_eq!(&buffer[..4], b"last", "what came last");
        sending.await??;

        let again = lp.bind_unix_datagram(&name("server"), &plain.clone().replace_stale(true));
        ensure!(
            matches!(again, Err(UnixDatagramError::InUse { .. })),
            "a name that is taken gave {again:?}"
        );
        drop((server, client));
        for gone in ["server", "client"] {
            ensure!(
                !directory.path(gone).exists(),
                "the file of the {gone} is left"
            );
        }
        drop(std::os::unix::net::UnixDatagram::bind(
            directory.path("server"),
        )?);
        let stale = lp.bind_unix_datagram(&name("server"), &plain);
        ensure!(
            matches!(
                stale,
                Err(UnixDatagramError::Path {
                    source: UnixPathError::Stale,
                    ..
                })
            ),
            "a stale file gave {stale:?}"
        );
        drop(lp.bind_unix_datagram(&name("server"), &plain.replace_stale(true))?);
        Ok(())
    })
}
