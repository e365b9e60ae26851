//! TLS: a plain connection that becomes a secure one.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::io::copy;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use polyloop_core::{Endpoint, Loop, MainLoop, Upgrade, UpgradeError, UpgradeOptions};
use polyloop_tls::TlsError;

use super::{ANYWHERE, NAME, acceptor, connector, loss, told};
use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Journal, Probe, RawListener, dial, quiet, raw_peer, run, until};

/// What asks for it in plain.
const ASKS: &[u8] = b"STARTTLS\n";

fn of_server<L: Loop>(lp: &L) -> Verdict<Upgrade> {
    Ok(Upgrade::new(lp, acceptor()?.build()?))
}

fn of_client<L: Loop>(lp: &L) -> Verdict<Upgrade> {
    let options = UpgradeOptions::new().asked(Some(Endpoint::tcp(NAME, 1)));
    Ok(Upgrade::with(lp, connector()?.build()?, options))
}

/// A server's probe: it upgrades when it has been asked, with what came behind that, and then
/// sends back what it gets.
fn asked(journal: &Journal, tls: &Upgrade) -> Probe {
    let (tls, mut plain, mut secure) = (tls.clone(), Vec::new(), false);
    Probe::new(journal).data(move |t, data| {
        if secure {
            t.write(data)?;
            return Ok(());
        }
        let own = (ASKS.len() - plain.len()).min(data.len());
        plain.extend_from_slice(&data[..own]);
        if plain == ASKS {
            secure = true;
            t.upgrade(&tls, &data[own..])?;
        }
        Ok(())
    })
}

/// By a client and by a server, with somebody at the other end who does it by hand.
pub(crate) fn tls_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let near = Journal::new();
        let tls = of_client(&lp)?;
        let probe = Probe::new(&near).made(move |t| {
            t.write(ASKS)?;
            t.upgrade(&tls, b"")?;
            ensure_again(t.upgrade(&tls, b""));
            t.write(b"a callback's secret, ")?;
            Ok(())
        });
        let (client, mut far) = raw_peer(&lp, probe).await?;
        client.write("and a handle's")?;
        let mut plain = [0; ASKS.len()];
        far.read_exact(&mut plain).await?;
        ensure_eq!(plain, *ASKS, "what was said in plain");
        // Were any of it plain, this would fail.
        let mut far = acceptor()?.build()?.accept(&lp, far).await?;
        let mut came = [0; 35];
        far.read_exact(&mut came).await?;
        ensure_eq!(
            String::from_utf8_lossy(&came),
            "a callback's secret, and a handle's",
            "what came"
        );
        until(&lp, "the upgrade", || near.has("upgraded")).await?;
        let peer = client.peer();
        let secure = peer.secure().ok_or_else(|| Fault::new("it is plain"))?;
        ensure_eq!(secure.server_name(), Some(NAME), "who was asked for");
        ensure_eq!(secure.certificates().len(), 1, "certificates");
        ensure!(!client.call(|_, t| t.can_write_eof()).await?, "half closes");
        client.close();
        ensure_eq!(far.read(&mut came).await?, 0, "bytes behind the end");
        far.close().await?;
        ensure!(loss(&lp, &near).await?.is_clean(), "not clean");

        let far = Journal::new();
        let (tls, made) = (of_server(&lp)?, far.clone());
        let server = lp.serve(ANYWHERE, move || asked(&made, &tls)).await?;
        let mut plain = dial(&lp, server.local_addr()).await?;
        plain.write_all(ASKS).await?;
        let mut near = connector()?.build()?.connect(&lp, NAME, plain).await?;
        exchange(&mut near).await?;
        let seen = server.connections().first().map(|one| one.peer());
        let seen = seen.ok_or_else(|| Fault::new("the server has no connection"))?;
        ensure!(seen.secure().is_some(), "the server sees {seen:?}");
        near.close().await?;
        ensure!(loss(&lp, &far).await?.is_clean(), "not clean");
        Ok(())
    })
}

fn ensure_again(asked: Result<(), UpgradeError>) {
    assert_eq!(asked, Err(UpgradeError::Again), "a second upgrade");
}

/// A word, and its echo.
async fn exchange<S>(secure: &mut S) -> Verdict
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    secure.write_all(b"ping").await?;
    secure.flush().await?;
    let mut came = [0; 4];
    secure.read_exact(&mut came).await?;
    ensure_eq!(&came, b"ping", "the echo");
    Ok(())
}

/// Data that comes in one segment with the end of the handshake.
pub(crate) fn tls_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let far = Journal::new();
        let (tls, made) = (of_server(&lp)?, far.clone());
        let server = lp
            .serve(ANYWHERE, move || {
                let notes = made.clone();
                asked(&made, &tls).upgraded(move |t| {
                    let peer = t.peer();
                    notes.note(peer.secure().map_or("plain", |_| "secure"));
                    t.pause_reading();
                    Ok(())
                })
            })
            .await?;
        let mut plain = dial(&lp, server.local_addr()).await?;
        plain.write_all(ASKS).await?;
        let mut secure = connector()?.build()?.connect(&lp, NAME, plain).await?;
        secure.write_all(b"at once").await?;
        secure.flush().await?;
        until(&lp, "the upgrade", || far.has("secure")).await?;
        quiet(&lp).await;
        // The hello may have come with what asks for it; then the protocol has passed it on.
        ensure!(!far.data().ends_with(b"at once"), "it came in the pause");
        for connection in server.connections() {
            connection.call(|_, t| t.resume_reading()).await?;
        }
        until(&lp, "the data", || far.data().ends_with(b"at once")).await?;
        ensure!(
            !far.data_before("upgraded").ends_with(b"at once"),
            "it came before"
        );
        Ok(())
    })
}

/// Plain text behind the request, and behind the answer to it; and a hello that comes in one
/// segment with the request, cut anywhere.
pub(crate) fn tls_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let far = Journal::new();
        let (tls, made) = (of_server(&lp)?, far.clone());
        let server = lp.serve(ANYWHERE, move || asked(&made, &tls)).await?;
        let mut plain = dial(&lp, server.local_addr()).await?;
        plain.write_all(&[ASKS, b"slipped in\n"].concat()).await?;
        let lost = loss(&lp, &far).await?;
        ensure!(
            matches!(told(&lost), Some(TlsError::NotTls { .. })),
            "the server's was lost: {lost:?}"
        );
        ensure!(!far.has("upgraded"), "the server's was upgraded");

        let (near, tls) = (Journal::new(), of_client(&lp)?);
        let (notes, mut answer) = (near.clone(), b"ok\n".len());
        let probe = Probe::new(&near).data(move |t, data| {
            let own = answer.min(data.len());
            answer -= own;
            if answer == 0 {
                notes.note("asked");
                t.upgrade(&tls, &data[own..])?;
            }
            Ok(())
        });
        let (_client, mut plain) = raw_peer(&lp, probe).await?;
        plain.write_all(b"ok\nslipped in\n").await?;
        let lost = loss(&lp, &near).await?;
        ensure!(
            matches!(told(&lost), Some(TlsError::NotTls { .. })),
            "the client's was lost: {lost:?}"
        );
        let names = near.names();
        let asked = names.iter().position(|name| name == "asked").unwrap_or(0);
        ensure!(
            !names[asked..].iter().any(|name| name == "data"),
            "{names:?}"
        );

        let (mut relay, tls) = (RawListener::open(&lp)?, connector()?.build()?);
        // At every byte of what asks and of the record's header, and then now and then: what
        // TLS makes of a cut is its own affair.
        for cut in (0..32).chain((32..).step_by(16)) {
            let (dialled, accepted) = join(dial(&lp, relay.address), relay.accept()).await;
            let (near, to) = (dialled?, server.local_addr());
            let mut between = pin!(relayed(&lp, accepted?, dial(&lp, to), cut));
            let mut client = pin!(async {
                let mut secure = tls.connect(&lp, NAME, near).await?;
                exchange(&mut secure).await
            });
            match select(&mut between, &mut client).await {
                Either::Left((Ok(more), _)) if !more => return Ok(()),
                Either::Left((other, _)) => {
                    return Err(Fault::new(format!("cut at {cut}: {other:?}")));
                }
                Either::Right((Ok(()), _)) => {}
                Either::Right((Err(fault), _)) => {
                    return Err(Fault::new(format!("cut at {cut}: {fault:?}")));
                }
            }
        }
        Ok(())
    })
}

/// Asks for the upgrade and passes the hello on with that, cut in two; then all that comes.
/// False if there are not so many bytes.
async fn relayed<L: Loop>(
    lp: &L,
    mut near: L::TcpStream,
    far: impl Future<Output = Verdict<L::TcpStream>>,
    cut: usize,
) -> Verdict<bool> {
    let mut far = far.await?;
    let mut hello = vec![0; 5];
    near.read_exact(&mut hello).await?;
    hello.resize(5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])), 0);
    near.read_exact(&mut hello[5..]).await?;
    let all = [ASKS, &hello].concat();
    if cut > all.len() {
        return Ok(false);
    }
    far.write_all(&all[..cut]).await?;
    lp.sleep(Duration::from_millis(1)).await;
    far.write_all(&all[cut..]).await?;
    let ((from_near, mut to_near), (from_far, mut to_far)) = (near.split(), far.split());
    let both = join(copy(from_near, &mut to_far), copy(from_far, &mut to_near));
    let (there, back) = both.await;
    Err(Fault::new(format!("it ended: {there:?}, {back:?}")))
}
