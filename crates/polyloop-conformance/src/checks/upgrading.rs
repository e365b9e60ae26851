//! TRAN: a connection whose stream is replaced in mid-life, as `STARTTLS` does. The layer
//! here is none that encrypts: it waits for a byte of the peer's and goes on in records.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{
    CloseReason, Connection, Loop, MainLoop, Upgrade, UpgradeError, UpgradeOptions, WriteError,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Flag, GOODBYE, Handshake, Journal, LAST_WORDS, MUCH, Probe, as_seen, narrow_peer, pattern,
    poll_once, quiet, raw_peer, read_all, record, run, until,
};

const MINUTE: Duration = Duration::from_secs(60);

/// An upgrade that waits for a byte of the peer's, and a flag that says that it does.
fn told<L: Loop>(lp: &L) -> (Upgrade, Flag) {
    let begun = Flag::new();
    let layer = Handshake::AsToldBy(begun.clone());
    (Upgrade::new(lp, layer), begun)
}

/// Asks for it from outside of the callbacks, with nothing read ahead.
async fn upgrade(connection: &Connection<Probe>, upgrade: &Upgrade) -> Verdict {
    let upgrade = upgrade.clone();
    Ok(connection
        .call(move |_, t| t.upgrade(&upgrade, b""))
        .await??)
}

async fn loss<L: Loop>(lp: &L, journal: &Journal) -> Verdict<CloseReason> {
    until(lp, "the loss", || journal.has("lost")).await?;
    let lost = journal.lost();
    lost.ok_or_else(|| Fault::new("no loss in the journal"))
}

/// What records are on the wire, without their lengths.
fn contents(mut wire: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let [high, low, rest @ ..] = wire {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        data.extend_from_slice(&rest[..length]);
        wire = &rest[length..];
    }
    data
}

/// More than the system takes, then the upgrade, then writes by a callback and by a handle:
/// at every moment until it is done, and behind it.
pub fn tran_49<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (tls, begun) = told(&lp);
        let journal = Journal::new();
        let probe = Probe::new(&journal).upgraded(|t| {
            t.write(b"told; ")?;
            Ok(())
        });
        let (connection, mut far) = narrow_peer(&lp, probe).await?;
        let asked = tls.clone();
        connection
            .call(move |_, t| {
                t.write(&pattern(MUCH))?;
                t.upgrade(&asked, b"")?;
                let waiting = t.write_buffer_size();
                t.write(b"same callback; ")?;
                Ok::<_, polyloop_core::Failure>(waiting)
            })
            .await??;
        connection.write("a handle; ")?;
        quiet(&lp).await;
        ensure!(!begun.is_set(), "it began before all was sent");
        let mut plain = vec![0; MUCH];
        far.read_exact(&mut plain).await?;
        ensure!(plain == pattern(MUCH), "what came before it was altered");
        until(&lp, "the upgrade to begin", || begun.is_set()).await?;
        connection.write("in mid-upgrade; ")?;
        quiet(&lp).await;
        let none = poll_once(&mut far.read(&mut plain));
        ensure!(none.is_pending(), "{none:?} came in mid-upgrade");
        far.write_all(b"w").await?;
        until(&lp, "the upgrade", || journal.has("upgraded")).await?;
        connection.write("behind it")?;
        connection.close();
        far.write_all(&GOODBYE).await?;
        let (came, end) = read_all(&mut far).await;
        ensure_eq!(
            String::from_utf8_lossy(&contents(&came)),
            "same callback; a handle; in mid-upgrade; told; behind it",
            "what came through it"
        );
        ensure_eq!(end, End::Eof, "its end");
        ensure!(loss(&lp, &journal).await?.is_clean(), "not clean");
        Ok(())
    })
}

/// The same conversation, cut at every byte into two segments.
pub fn tran_50<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        const ASKS: &[u8] = b"upgrade\n";
        let all = [ASKS, b"w", &record(b"first"), &record(b"second"), &GOODBYE].concat();
        for cut in 0..=all.len() {
            let (tls, _) = told(&lp);
            let journal = Journal::new();
            let mut line = Vec::new();
            let probe = Probe::new(&journal).data(move |t, data| {
                if line.ends_with(b"\n") {
                    return Ok(());
                }
                let missing = ASKS.len() - line.len();
                let own = &data[..missing.min(data.len())];
                line.extend_from_slice(own);
                if line == ASKS {
                    t.upgrade(&tls, &data[own.len()..])?;
                }
                Ok(())
            });
            let (_connection, mut far) = raw_peer(&lp, probe).await?;
            for part in [&all[..cut], &all[cut..]] {
                if !part.is_empty() {
                    far.write_all(part).await?;
                    until(&lp, "what came", || {
                        journal.data_len() > 0 || part.len() < ASKS.len()
                    })
                    .await?;
                }
            }
            until(&lp, "the loss", || journal.has("lost")).await?;
            let names = journal.names();
            let upgraded = names.iter().position(|name| name == "upgraded");
            let Some(upgraded) = upgraded else {
                return Err(Fault::new(format!("cut at {cut}: {names:?}")));
            };
            ensure!(
                journal.data().ends_with(b"firstsecond"),
                "cut at {cut}: {:?} came",
                journal.data()
            );
            ensure!(
                journal.lost().is_some_and(|lost| lost.is_clean()),
                "cut at {cut}: {:?}",
                journal.lost()
            );
            let before = journal.data_before("upgraded");
            ensure!(
                all.starts_with(&before),
                "cut at {cut}: {before:?} was told before {upgraded}"
            );
        }
        // Plain text in the place of the handshake is what the layer gets, and nobody else.
        let (tls, _) = told(&lp);
        let journal = Journal::new();
        let (notes, mut asks) = (journal.clone(), ASKS.len());
        let probe = Probe::new(&journal).data(move |t, data| {
            let own = asks.min(data.len());
            asks -= own;
            if asks == 0 {
                notes.note("asked");
                t.upgrade(&tls, &data[own..])?;
            }
            Ok(())
        });
        let (_connection, mut far) = raw_peer(&lp, probe).await?;
        far.write_all(&[ASKS, b"slipped in\n"].concat()).await?;
        let lost = loss(&lp, &journal).await?;
        let told = lost.to_string();
        ensure!(told.contains("no handshake with"), "it was lost: {told}");
        let names = journal.names();
        let asked = names.iter().position(|name| name == "asked").unwrap_or(0);
        ensure!(
            !names[asked..].iter().any(|name| name == "data"),
            "{names:?}"
        );
        ensure!(!journal.has("upgraded"), "it was upgraded");
        Ok(())
    })
}

/// In a pause of reading, which ends later.
pub fn tran_51<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (tls, begun) = told(&lp);
        let journal = Journal::new();
        let notes = journal.clone();
        let probe = Probe::new(&journal).upgraded(move |t| {
            notes.note(format!("{:?}", t.peer()));
            Ok(())
        });
        let (connection, mut far) = raw_peer(&lp, probe).await?;
        let plain = connection.peer();
        ensure!(plain.secure().is_none(), "the peer at first: {plain:?}");
        connection.call(|_, t| t.pause_reading()).await?;
        upgrade(&connection, &tls).await?;
        until(&lp, "its begin", || begun.is_set()).await?;
        let local = connection.local_addr();
        ensure_eq!(connection.peer(), plain, "the peer in mid-upgrade");
        let of_socket = connection
            .call(|_, t| t.nodelay().map_err(|e| e.kind()))
            .await?;
        ensure_eq!(
            of_socket,
            Err(ErrorKind::ResourceBusy),
            "what the socket says"
        );
        far.write_all(&[b"w".to_vec(), record(b"held back")].concat())
            .await?;
        until(&lp, "the upgrade", || journal.has("upgraded")).await?;
        quiet(&lp).await;
        ensure!(!journal.has("data"), "data came in the pause");
        let peer = as_seen(plain.address());
        ensure!(
            journal.has(&format!("{peer:?}")),
            "the peer that it saw: {:?}",
            journal.names()
        );
        ensure_eq!(connection.peer(), peer, "the peer behind it");
        ensure_eq!(connection.local_addr(), local, "this end's address");
        ensure!(
            connection.call(|_, t| t.nodelay()).await?.is_ok(),
            "no socket"
        );
        ensure!(
            !connection.call(|_, t| t.can_write_eof()).await?,
            "the new stream was not asked"
        );
        connection.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the data", || journal.data() == b"held back").await?;
        far.write_all(&GOODBYE).await?;
        ensure!(loss(&lp, &journal).await?.is_clean(), "not clean");
        journal.is_one_whole_life()
    })
}

/// One that says no, with input that nobody has read; one that waits for ever; one that
/// panics is as one that fails.
pub fn tran_52<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let default = UpgradeOptions::default().handshake_limit;
        ensure_eq!(default, Some(MINUTE), "the default limit");
        let (tls, _) = told(&lp);
        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        upgrade(&connection, &tls).await?;
        connection.write("never in plain")?;
        far.write_all(b"f and more that it does not read").await?;
        ensure_eq!(
            read_all(&mut far).await,
            (LAST_WORDS.to_vec(), End::Eof),
            "what the peer was told"
        );
        let told = loss(&lp, &journal).await?.to_string();
        ensure!(told.contains("no handshake with"), "the reason is {told:?}");
        ensure!(!journal.has("upgraded"), "it was upgraded");

        let given_up = Flag::new();
        let options = UpgradeOptions::new().handshake_limit(Some(MINUTE / 300));
        let late = Upgrade::with(&lp, Handshake::Hangs(given_up.clone()), options);
        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        upgrade(&connection, &late).await?;
        let told = loss(&lp, &journal).await?.to_string();
        ensure!(told.contains("200ms"), "the reason is {told:?}");
        ensure_eq!(given_up.count(), 1, "layers given up");
        ensure_eq!(read_all(&mut far).await, (Vec::new(), End::Eof), "its end");
        Ok(())
    })
}

/// Closes with and without something that waits, and an abort.
pub fn tran_53<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let given_up = Flag::new();
        let hangs = || Upgrade::new(&lp, Handshake::Hangs(given_up.clone()));
        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        connection.write("plain")?;
        upgrade(&connection, &hangs()).await?;
        connection.close();
        ensure_eq!(
            read_all(&mut far).await,
            (b"plain".to_vec(), End::Eof),
            "what came of one that was closed"
        );
        far.close().await?;
        ensure!(loss(&lp, &journal).await?.is_clean(), "not clean");
        ensure_eq!(given_up.count(), 1, "layers given up");

        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        upgrade(&connection, &hangs()).await?;
        quiet(&lp).await;
        connection.abort();
        ensure_eq!(
            read_all(&mut far).await,
            (Vec::new(), End::Error(ErrorKind::ConnectionReset)),
            "what came of one that was aborted"
        );
        let lost = loss(&lp, &journal).await?;
        ensure!(matches!(lost, CloseReason::Aborted), "it was {lost}");
        ensure_eq!(given_up.count(), 2, "layers given up");

        let (tls, _) = told(&lp);
        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        upgrade(&connection, &tls).await?;
        connection.write("waits")?;
        connection.close();
        quiet(&lp).await;
        ensure!(!journal.has("lost"), "it did not wait");
        far.write_all(b"w").await?;
        far.write_all(&GOODBYE).await?;
        let expected = [record(b"waits"), GOODBYE.to_vec()].concat();
        ensure_eq!(read_all(&mut far).await, (expected, End::Eof), "what came");
        far.close().await?;
        ensure!(loss(&lp, &journal).await?.is_clean(), "not clean");
        ensure!(!journal.has("upgraded"), "told while it was closing");

        let (tls, begun) = told(&lp);
        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        upgrade(&connection, &tls).await?;
        until(&lp, "its begin", || begun.is_set()).await?;
        far.close().await?;
        let lost = loss(&lp, &journal).await?;
        ensure!(lost.error().is_some(), "a peer that went: {lost}");
        Ok(())
    })
}

/// Each by itself; what was in order goes on.
pub fn tran_54<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (tls, _) = told(&lp);
        let journal = Journal::new();
        let (connection, mut far) = raw_peer(&lp, Probe::new(&journal)).await?;
        let ask = async |connection: &Connection<Probe>| {
            let tls = tls.clone();
            connection.call(move |_, t| t.upgrade(&tls, b"")).await
        };
        ensure_eq!(ask(&connection).await?, Ok(()), "the first");
        ensure_eq!(
            ask(&connection).await?,
            Err(UpgradeError::Again),
            "one more"
        );
        let eof = connection.call(|_, t| t.write_eof()).await?;
        ensure_eq!(eof, Err(WriteError::NoHalfClose), "a half close");
        far.write_all(b"w").await?;
        until(&lp, "the upgrade", || journal.has("upgraded")).await?;
        ensure_eq!(ask(&connection).await?, Err(UpgradeError::Again), "another");
        connection.write("goes on")?;
        let closing = connection
            .call({
                let tls = tls.clone();
                move |_, t| {
                    t.close();
                    t.upgrade(&tls, b"")
                }
            })
            .await?;
        ensure_eq!(closing, Err(UpgradeError::Closing), "a closing one");
        far.write_all(&GOODBYE).await?;
        let expected = [record(b"goes on"), GOODBYE.to_vec()].concat();
        ensure_eq!(read_all(&mut far).await.0, expected, "what came");
        ensure!(loss(&lp, &journal).await?.is_clean(), "not clean");

        let journal = Journal::new();
        let keeps = Probe::new(&journal).eof(|_| Ok(polyloop_core::OnEof::KeepOpen));
        let (connection, mut far) = raw_peer(&lp, keeps).await?;
        far.close().await?;
        until(&lp, "the peer's end", || journal.has("eof")).await?;
        let ended = ask(&connection).await?;
        ensure_eq!(
            ended,
            Err(UpgradeError::PeerEnded),
            "one whose peer has ended"
        );
        connection.write("as it was")?;
        connection.call(|_, t| t.write_eof()).await??;
        let (came, _) = read_all(&mut far).await;
        ensure_eq!(came, b"as it was", "what came of it");

        let (connection, _far) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
        connection.call(|_, t| t.write_eof()).await??;
        let ended = ask(&connection).await?;
        ensure_eq!(ended, Err(UpgradeError::AfterEof), "one that has ended");
        let aborted = connection
            .call(move |_, t| {
                t.abort();
                t.upgrade(&tls, b"")
            })
            .await?;
        ensure_eq!(aborted, Err(UpgradeError::Closed), "an aborted one");
        Ok(())
    })
}
