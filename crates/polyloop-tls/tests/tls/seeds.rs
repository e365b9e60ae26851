//! Secure streams over a bad network, under 1,000 seeds: no byte is lost, none altered, and a
//! clean end is told from a cut.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use polyloop::SimLoop;
use polyloop::sim::{Crash, FaultKind, FaultRate, Link};
use polyloop::test as polyloop_test;
use polyloop_core::{ListenOptions, Listener, Promise, Resolve, Spawner, Tcp, TcpOptions, Timers};
use polyloop_tls::{TlsConnector, TlsError, TlsStream};

use crate::authority::{acceptor, connector};

const SECOND: Duration = Duration::from_secs(1);

/// How the transfers ended, over all seeds.
static CLEAN: AtomicUsize = AtomicUsize::new(0);
static CUT: AtomicUsize = AtomicUsize::new(0);

/// Bytes in which a lost or altered one shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// Reads to the end, and checks what came against what was promised: all of it if the end is
/// clean, and the beginning of it otherwise.
async fn receive<S>(stream: &mut TlsStream<S>) -> io::Result<usize>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut length = [0; 8];
    stream.read_exact(&mut length).await?;
    let promised = usize::try_from(u64::from_be_bytes(length)).unwrap();
    let expected = pattern(promised);
    let (mut count, mut piece) = (0, vec![0; 8000]);
    loop {
        match stream.read(&mut piece).await {
            Ok(0) => {
                assert_eq!(count, promised, "a clean end came too early");
                return Ok(count);
            }
            Ok(more) => {
                assert!(
                    expected.get(count..count + more) == Some(&piece[..more]),
                    "altered between {count} and {}",
                    count + more
                );
                count += more;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn send<S>(stream: &mut TlsStream<S>, length: usize) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&(length as u64).to_be_bytes()).await?;
    stream.write_all(&pattern(length)).await?;
    stream.close().await
}

/// A host that may crash takes its server with it, and opens it again when it boots.
async fn serve(lp: SimLoop) {
    let open = "0.0.0.0:443".parse().unwrap();
    let mut listener = lp.bind_tcp(open, &ListenOptions::default()).unwrap();
    let acceptor = acceptor();
    loop {
        let (plain, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        let (acceptor, own) = (acceptor.clone(), lp.clone());
        lp.spawn(async move {
            let Ok(mut secure) = acceptor.accept(&own, plain).await else {
                return;
            };
            // As much as came, behind it; a cut is no end, and is not answered.
            if let Ok(count) = receive(&mut secure).await {
                let _ = send(&mut secure, count).await;
            }
        })
        .detach();
    }
}

/// One connection: sends that much, ends its side, and reads as much back to the other's end.
async fn transfer(lp: &SimLoop, connector: &TlsConnector, length: usize) -> io::Result<()> {
    let address = lp.resolve("server", 443).await?[0];
    let plain = lp.connect_tcp(address, &TcpOptions::default()).await?;
    let mut secure = connector.connect(lp, "server.test", plain).await?;
    secure.write_all(&(length as u64).to_be_bytes()).await?;
    secure.write_all(&pattern(length)).await?;
    // The end of this side; what the other has begun to send is read to its end.
    secure.close().await?;
    let told = receive(&mut secure).await?;
    assert_eq!(told, length, "the server has heard something else");
    Ok(())
}

async fn within<T>(lp: &SimLoop, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut late) = (pin!(work), pin!(lp.sleep(limit)));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    })
    .await
}

#[polyloop_test(sim, seeds = 1000, timeout = 300)]
async fn nothing_is_lost_or_altered(lp: SimLoop) {
    let sim = lp.sim();
    sim.default_link(Link::new().loss(0.02).reorder(0.05));
    let server = sim.host("server");
    server.on_boot(serve);
    for kind in [FaultKind::Partition, FaultKind::Hold, FaultKind::Reset] {
        sim.draw_faults(FaultRate::new(kind, 3 * SECOND, SECOND / 4));
    }
    let crash = Duration::from_millis(sim.random_in(1..2000));
    let how = [Crash::Reset, Crash::Silent][usize::from(sim.chance(0.5))];
    sim.at(crash, move |sim| sim.crash("server", how));
    sim.at(crash + SECOND, |sim| sim.restart("server"));
    let connector = connector();
    for _ in 0..2 {
        let length = usize::try_from(sim.random_in(0..30_000)).unwrap();
        match within(&lp, 30 * SECOND, transfer(&lp, &connector, length)).await {
            Some(Ok(())) => CLEAN.fetch_add(1, Ordering::Relaxed),
            Some(Err(error)) => {
                // No fault of the network makes a byte that can't be decrypted.
                let told = TlsError::of(&error);
                assert!(
                    !matches!(told, Some(TlsError::Protocol { .. })),
                    "{error:?}"
                );
                CUT.fetch_add(1, Ordering::Relaxed)
            }
            None => CUT.fetch_add(1, Ordering::Relaxed),
        };
        lp.sleep(SECOND / 2).await;
    }
    // Both happen, over enough seeds, or this would show nothing.
    let (clean, cut) = (CLEAN.load(Ordering::Relaxed), CUT.load(Ordering::Relaxed));
    if clean + cut >= 1000 {
        assert!(clean > 100 && cut > 50, "{clean} clean ends and {cut} cuts");
    }
}
