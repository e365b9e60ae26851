//! A proxy between hosts: what one side sends is what the other gets, it never holds
//! more than it may, and half of an answer is never taken for all of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop::sim::SimLoop;
use polyloop_core::{
    Address, ConnectOptions, Endpoint, Failure, ListenOptions, Promise as _, Resolve as _,
    Spawner as _, Tcp as _, TcpOptions, Timers as _, WriteLimits,
};
use polyloop_examples::echo;
use polyloop_examples::proxy::{ProxyStats, READ_AHEAD};

use super::World;

/// What one read of the loop brings at most.
const ONE_READ: usize = 64 * 1024;

/// What the scenario's proxies are started with.
pub struct Setting {
    /// Where to listen.
    pub listen: Endpoint,
    /// Where to forward to.
    pub target: Endpoint,
    /// The options of the accepted sides.
    pub accepted: ListenOptions,
    /// How the target is connected.
    pub connect: ConnectOptions,
    /// Where to keep the accounts.
    pub stats: Arc<ProxyStats>,
}

/// Runs clients against an echo server behind the proxy that `serve` starts. The last of
/// the world's clients is the target's host. It checks that
///
/// * every byte comes back, in order, and the end behind the last one;
/// * whoever does not get all gets an error or nothing, but no end;
/// * the proxy's buffers keep within their watermarks.
pub async fn proxy(
    world: &mut World,
    bytes: usize,
    serve: impl AsyncFnOnce(&SimLoop, Setting) -> Result<Address, Failure>,
) -> Result<(), Failure> {
    let mut clients = world.clients.clone();
    let Some(target) = clients.pop().filter(|_| !clients.is_empty()) else {
        return Err(Failure::message("a proxy needs a client and a target"));
    };
    let target_lasts = world.lasting().contains(&clients.len());
    drop(echo::serve(&target, Endpoint::every_interface(7)).await?);

    let high = 1 << world.random.u32(10..16);
    let limits = WriteLimits::with_high(high);
    // Or the system would take everything, and the proxy never had to hold any of it.
    let narrow = TcpOptions::new().send_buffer_size(Some(1 << world.random.u32(11..15)));
    let stats = Arc::new(ProxyStats::default());
    let setting = Setting {
        listen: Endpoint::every_interface(8080),
        target: Endpoint::tcp(format!("client{}", clients.len()), 7),
        accepted: ListenOptions::new()
            .write_limits(limits)
            .tcp(narrow.clone()),
        connect: ConnectOptions::new().write_limits(limits).tcp(narrow),
        stats: stats.clone(),
    };
    let port = serve(&world.server, setting)
        .await?
        .port()
        .expect("simulated servers listen on TCP");

    let talking: Vec<_> = (clients.iter())
        .map(|lp| {
            let random = world.random.fork();
            lp.spawn(talk(lp.clone(), port, bytes, random))
        })
        .collect();
    let trouble = world.make_trouble();
    let lasting = world.lasting();
    for (number, talk) in talking.into_iter().enumerate() {
        if !lasting.contains(&number) {
            // Its host goes, and its task with it.
            drop(talk.await);
        } else if target_lasts {
            talk.await??;
        } else {
            // It may fail or wait in vain, but must not believe that it has all.
            let patience = Duration::from_secs(60);
            match talk.timeout(&world.server, patience).await {
                Ok(Err(failure)) if failure.downcast_ref::<CutShort>().is_some() => {
                    return Err(failure);
                }
                _ => {}
            }
        }
    }
    trouble.await?;
    let bound = high + READ_AHEAD + ONE_READ;
    if stats.peak_buffered() > bound {
        return Err(Failure::message(format!(
            "the proxy held {} bytes, and may hold {bound}",
            stats.peak_buffered()
        )));
    }
    Ok(())
}

/// The end came before the last byte.
#[derive(Debug, thiserror::Error)]
#[error("the end came after {got} of {sent} bytes")]
struct CutShort {
    got: usize,
    sent: usize,
}

/// One client: sends in pieces, reads in others, and compares.
async fn talk(
    lp: SimLoop,
    port: u16,
    bytes: usize,
    mut random: fastrand::Rng,
) -> Result<(), Failure> {
    let mut text = vec![0; random.usize(..=bytes)];
    random.fill(&mut text);
    let address = lp.resolve("server", port).await?[0];
    let narrow = TcpOptions::new().recv_buffer_size(Some(1 << random.u32(11..16)));
    let (mut reader, mut writer) = lp.connect_tcp(address, &narrow).await?.split();
    let sent = text.clone();
    let mut pieces = random.fork();
    let timers = lp.clone();
    let writing = lp.spawn(async move {
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(pieces.usize(1..=rest.len()));
            writer.write_all(piece).await?;
            rest = behind;
            timers.sleep(Duration::from_millis(pieces.u64(0..20))).await;
        }
        writer.close().await?;
        Ok::<_, Failure>(())
    });
    let mut got = 0;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if random.u8(..4) == 0 {
            lp.sleep(Duration::from_millis(random.u64(0..40))).await;
        }
        let room = random.usize(1..=buffer.len());
        let count = reader.read(&mut buffer[..room]).await?;
        if text.get(got..got + count) != Some(&buffer[..count]) {
            return Err(Failure::message(format!(
                "what came at byte {got} is not what was sent"
            )));
        }
        got += count;
        if count == 0 {
            break;
        }
    }
    if got < text.len() {
        return Err(Failure::new(CutShort {
            got,
            sent: text.len(),
        }));
    }
    writing.await?
}
