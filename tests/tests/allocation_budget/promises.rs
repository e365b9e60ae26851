//! Tasks, timers, calls and promises.

use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use polyloop_core::{Deferred, DelayedCall, Loop, Promise};

use crate::meter::{TIMES, count};
use crate::raw::Raw;
use crate::sheet::Budget::{AtMost, RawPlus};
use crate::sheet::Sheet;

const FAR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_micros(1);

pub(crate) async fn measure<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    spawning(lp, raw, sheet).await;
    sleeping(lp, raw, sheet).await;
    calling(lp, raw, sheet).await;
    promising(sheet).await;
}

async fn spawning<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    let reference = count(async || {
        black_box(raw.spawn_and_join(black_box(1)).await);
    })
    .await;
    let counted = count(async || {
        let n: u64 = black_box(1);
        black_box(lp.spawn(async move { n }).await.unwrap());
    })
    .await;
    sheet.enter("spawn and join", RawPlus(0), counted, reference);

    // A task that is suspended is entered in the loop's table, which holds no
    // allocation per task.
    let reference = count(async || raw.spawn_yielding_and_join().await).await;
    let counted = count(async || {
        lp.spawn(polyloop_core::yield_now()).await.unwrap();
    })
    .await;
    sheet.enter("spawn, yield and join", RawPlus(0), counted, reference);
}

async fn sleeping<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    let reference = count(async || poll_once(raw.sleep(FAR)).await).await;
    let counted = count(async || poll_once(lp.sleep(FAR)).await).await;
    sheet.enter("sleep begun and given up", RawPlus(0), counted, reference);

    let reference = count(async || raw.sleep(SHORT).await).await;
    let counted = count(async || lp.sleep(SHORT).await).await;
    sheet.enter("sleep", RawPlus(0), counted, reference);

    let counted = count(async || lp.sleep(Duration::ZERO).await).await;
    sheet.enter("sleep for no time", AtMost(0), counted, None);
}

async fn calling<L: Loop>(lp: &L, raw: &impl Raw, sheet: &mut Sheet) {
    let reference = count(async || raw.spawn_sleep_and_abort(FAR).await).await;
    let counted = count(async || {
        let n: u64 = black_box(1);
        let call = lp
            .call_later(FAR, move || {
                black_box(n);
            })
            .unwrap();
        assert!(call.cancel());
    })
    .await;
    sheet.enter("call_later and cancel", AtMost(1), counted, reference);

    let mut held: Vec<DelayedCall> = Vec::with_capacity(usize::try_from(TIMES).unwrap());
    let counted = count(async || {
        for n in 0..TIMES {
            held.push(
                lp.call_later(FAR, move || {
                    black_box(n);
                })
                .unwrap(),
            );
        }
        held.drain(..).for_each(|call| assert!(call.cancel()));
    })
    .await;
    sheet.enter(
        "call_later, 100 at a time",
        AtMost(1),
        counted / TIMES,
        None,
    );

    let counted = count(async || {
        let (resolver, made) = Deferred::new();
        lp.call_soon(move || resolver.resolve(black_box(1)).unwrap())
            .unwrap();
        black_box(made.await.unwrap());
    })
    .await;
    // The closure, and the promise that tells of it.
    sheet.enter("call_soon, made, and told of", AtMost(2), counted, None);
}

async fn promising(sheet: &mut Sheet) {
    let reference = count(async || {
        let (sender, receiver) = futures_channel::oneshot::channel();
        sender.send(black_box(1u64)).unwrap();
        black_box(receiver.await.unwrap());
    })
    .await;
    let source = count(async || {
        let (resolver, promise) = Deferred::new();
        resolver.resolve(black_box(1u64)).unwrap();
        black_box(promise.await.unwrap());
    })
    .await;
    sheet.enter(
        "promise resolved and awaited",
        RawPlus(0),
        source,
        reference,
    );

    let counted = count(async || {
        let (resolver, promise) = Deferred::new();
        let chain = promise
            .then(|n: u64| Ok(n + 1))
            .then(|n| Ok(n + 1))
            .and_then(|n| Deferred::resolved(n + 1))
            .or_else(Err)
            .finally(|outcome| outcome.map(|n| n + 1))
            .on_done(|outcome| assert!(outcome.is_ok()))
            .then(|n| Ok(n + 1))
            .then(|n| Ok(n + 1))
            .or_else(Err)
            .then(|n| Ok(n + 1));
        resolver.resolve(black_box(1)).unwrap();
        black_box(chain.await.unwrap());
    })
    .await;
    // The promise that `and_then` waits for is one more.
    sheet.enter("a chain of ten links", RawPlus(1), counted, source);
}

async fn poll_once(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}
