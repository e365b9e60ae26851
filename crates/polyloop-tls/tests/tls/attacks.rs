//! Peers that begin a handshake and never end it: with nothing, or with a byte a second. Others
//! are served meanwhile, and after the limit there is nothing left of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop::SimLoop;
use polyloop::test as polyloop_test;
use polyloop_core::{
    ConnectOptions, Failure, ListenOptions, Loop, Promise, Protocol, Server, Timers, Transport,
};

use crate::authority::{acceptor, connector};

const SECOND: Duration = Duration::from_secs(1);

struct Echo(Arc<AtomicUsize>);

impl Protocol for Echo {
    fn connection_made(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// How often an attacker says a byte, if at all.
#[derive(Clone, Copy)]
enum Attacker {
    Silent,
    Dripping(Duration),
}

/// The beginning of a hello, and nothing that a server could find fault with.
const BEGINNING: [u8; 5] = [22, 3, 1, 2, 0];

async fn serve<L: Loop>(lp: &L, limit: Option<Duration>) -> (Server<Echo>, Arc<AtomicUsize>) {
    let made = Arc::<AtomicUsize>::default();
    let counter = made.clone();
    let mut options = ListenOptions::new().backlog(1024).layer(acceptor());
    if let Some(limit) = limit {
        options = options.handshake_limit(Some(limit));
    }
    let server = lp
        .serve_with("127.0.0.1:0", options, move || Echo(counter.clone()))
        .await
        .unwrap();
    (server, made)
}

async fn until<L: Loop>(lp: &L, condition: impl Fn() -> bool) {
    while !condition() {
        lp.sleep(Duration::from_millis(20)).await;
    }
}

/// So many attackers; one that speaks TLS comes when all of them are there.
async fn withstand<L: Loop>(lp: &L, count: usize, attacker: Attacker, limit: Option<Duration>) {
    let (server, made) = serve(lp, limit).await;
    lp.set_error_hook(|_| {});
    let (dialled, ended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    for _ in 0..count {
        let (own, to) = (lp.clone(), server.local_addr());
        let (dialled, ended) = (dialled.clone(), ended.clone());
        lp.spawn(async move {
            let mut plain = own.dial(to).await.unwrap();
            dialled.fetch_add(1, Ordering::Relaxed);
            if let Attacker::Dripping(pace) = attacker {
                for byte in BEGINNING.into_iter().chain([1; 507]) {
                    if plain.write_all(&[byte]).await.is_err() {
                        break;
                    }
                    own.sleep(pace).await;
                }
            }
            // It ends when the server has had enough.
            let _ = plain.read_to_end(&mut Vec::new()).await;
            ended.fetch_add(1, Ordering::Relaxed);
        })
        .detach();
    }
    until(lp, || dialled.load(Ordering::Relaxed) == count).await;
    assert_eq!(made.load(Ordering::Relaxed), 0);
    let options = ConnectOptions::new().layer(connector());
    let mut good = lp.dial_with(server.local_addr(), options).await.unwrap();
    good.write_all(b"served").await.unwrap();
    good.flush().await.unwrap();
    let mut came = [0; 6];
    good.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"served");
    until(lp, || {
        ended.load(Ordering::Relaxed) == count && server.connection_count() == 1
    })
    .await;
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[polyloop_test(sim, timeout = 300)]
async fn ten_thousand_say_nothing(lp: SimLoop) {
    let begun = lp.now();
    withstand(&lp, 10_000, Attacker::Silent, None).await;
    let took = lp.now() - begun;
    assert!((60 * SECOND..70 * SECOND).contains(&took), "{took:?}");
}

#[polyloop_test(sim, timeout = 300)]
async fn ten_thousand_say_a_byte_a_second(lp: SimLoop) {
    let begun = lp.now();
    withstand(&lp, 10_000, Attacker::Dripping(SECOND), Some(10 * SECOND)).await;
    let took = lp.now() - begun;
    assert!((10 * SECOND..20 * SECOND).contains(&took), "{took:?}");
}

#[polyloop_test(loops(real), timeout = 60)]
async fn some_hundreds_say_nothing<L: Loop>(lp: L) {
    withstand(&lp, 300, Attacker::Silent, Some(2 * SECOND)).await;
}

#[polyloop_test(loops(real), timeout = 60)]
async fn some_hundreds_say_a_byte_now_and_then<L: Loop>(lp: L) {
    let pace = Duration::from_millis(100);
    withstand(&lp, 300, Attacker::Dripping(pace), Some(2 * SECOND)).await;
}
