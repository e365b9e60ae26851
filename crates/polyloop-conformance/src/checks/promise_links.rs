//! PROM: settling promises, and the links of a chain.

use std::sync::{Barrier, Mutex};
use std::thread;

use polyloop_core::{Deferred, Failure, MainLoop, Promise, Resolver};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, block_on, inside, is_inside, poll_once, run};

/// Pending, not done, and polling it comes back.
pub fn prom_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (resolver, mut promise) = Deferred::<u8>::new();
        ensure!(!promise.is_done(), "a fresh promise says that it is done");
        ensure!(
            poll_once(&mut promise).is_pending(),
            "a fresh promise has an outcome"
        );
        drop(resolver);
        Ok(())
    })
}

/// Settled under a lock that the callback wants as well.
pub fn prom_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let lock = std::sync::Arc::new(Mutex::new(()));
        for fails in [false, true] {
            let (resolver, promise) = Deferred::<u8>::new();
            let wanted = lock.clone();
            let chain = promise.finally(move |_| {
                let nested = is_inside();
                if !nested {
                    drop(wanted.lock());
                }
                Ok(nested)
            });
            let chain = lp.spawn(chain);
            polyloop_core::yield_now().await;
            inside(|| {
                let _held = lock.lock();
                if fails {
                    let _ = resolver.reject("no");
                } else {
                    let _ = resolver.resolve(1);
                }
            });
            ensure!(
                !chain.await??,
                "a callback ran inside the call that settled"
            );
        }
        Ok(())
    })
}

/// Every kind of link on a promise that has its outcome.
pub fn prom_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let ran = Flag::new();
        let set = || {
            let ran = ran.clone();
            move || ran.set()
        };
        let (first, second, third, fourth, fifth) = (set(), set(), set(), set(), set());
        let chain = Deferred::resolved(1)
            .then(move |n: i32| {
                first();
                Ok(n)
            })
            .on_done(move |_| second())
            .and_then(move |n| {
                third();
                Deferred::<i32>::failed(Failure::message(n.to_string()))
            })
            .or_else(move |_| {
                fourth();
                Ok(5)
            })
            .finally(move |outcome| {
                fifth();
                outcome
            });
        ensure_eq!(ran.count(), 0, "links run by chaining");
        ensure_eq!(chain.await?, 5, "the outcome of the chain");
        ensure_eq!(ran.count(), 5, "links run by awaiting");
        Ok(())
    })
}

/// Observers and transforming links, mixed.
pub fn prom_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, (resolver, promise)) = (Journal::new(), Deferred::new());
        let notes: Vec<Journal> = vec![journal.clone(); 4];
        let [a, b, c, d] = notes.try_into().map_err(|_| Fault::new("four"))?;
        let chain = promise
            .on_done(move |_| a.note("1"))
            .then(move |n: u8| {
                b.note("2");
                Ok(n)
            })
            .on_done(move |_| c.note("3"))
            .finally(move |outcome| {
                d.note("4");
                outcome
            });
        let chain = lp.spawn(chain);
        ensure!(resolver.resolve(9).is_ok(), "nobody waits");
        ensure_eq!(chain.await??, 9, "the value");
        ensure_eq!(journal.names(), ["1", "2", "3", "4"], "the callbacks");
        Ok(())
    })
}

/// Three transformations, of type as well.
pub fn prom_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let text = Deferred::resolved(3u8)
            .then(|n| Ok(u32::from(n) * 7))
            .then(|n| Ok(format!("{n}")))
            .then(|text| Ok(text + "!"))
            .await?;
        ensure_eq!(text, "21!", "the last link's value");
        Ok(())
    })
}

/// An error from a success link; and a panic in an observer.
pub fn prom_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let skipped = Flag::new();
        let noted = skipped.clone();
        let text = Deferred::resolved(1)
            .then(|_| Err::<u8, _>("from a link".into()))
            .then(move |n| {
                noted.set();
                Ok(n)
            })
            .finally(|outcome| Ok(outcome.map_err(|failure| failure.text().into_owned())))
            .await?;
        ensure_eq!(
            text,
            Err("from a link".to_owned()),
            "what the error link got"
        );
        ensure!(!skipped.is_set(), "a success link ran on a failure");
        let value = Deferred::resolved(2)
            .on_done(|_| panic!("an observer fell"))
            .await?;
        ensure_eq!(value, 2, "the value behind an observer that panicked");
        ensure_eq!(
            reports.mentioning("an observer fell"),
            1,
            "reports of the observer"
        );
        Ok(())
    })
}

/// `finally` is such a pair; what it raises goes to the next link.
pub fn prom_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (partner, next) = (Flag::new(), Flag::new());
        let (noted_partner, noted_next) = (partner.clone(), next.clone());
        let recovered = Deferred::resolved(1)
            .finally(move |outcome| {
                if outcome.is_ok() {
                    return Err("raised by ok".into());
                }
                noted_partner.set();
                Ok(2)
            })
            .or_else(move |_| {
                noted_next.set();
                Ok(3)
            })
            .await?;
        ensure_eq!(recovered, 3, "the outcome");
        ensure!(!partner.is_set(), "the error went to the handler beside it");
        ensure!(next.is_set(), "the error did not go to the next handler");
        Ok(())
    })
}

/// A failure, an error link, then success links.
pub fn prom_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let value = Deferred::<u8>::failed("broken")
            .or_else(|_| Ok(40))
            .then(|n| Ok(n + 2))
            .await?;
        ensure_eq!(value, 42, "the value behind the recovery");
        Ok(())
    })
}

/// The very same failure comes out; the error link is not asked about a value.
pub fn prom_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let failure = Failure::message("the one");
        let out = Deferred::<u8>::failed(failure.clone())
            .then(|n| Ok(n + 1))
            .and_then(Deferred::resolved)
            .await;
        ensure!(
            out.is_err_and(|out| out.ptr_eq(&failure)),
            "another failure came out"
        );
        let called = Flag::new();
        let noted = called.clone();
        let value = Deferred::resolved(7)
            .or_else(move |_| {
                noted.set();
                Ok(0)
            })
            .await?;
        ensure_eq!(
            (value, called.is_set()),
            (7, false),
            "a value at an error link"
        );
        Ok(())
    })
}

/// By `and_then`, and by adoption; values and failures.
pub fn prom_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (resolver, inner) = Deferred::new();
        let mut chain = Box::pin(Deferred::resolved(1).and_then(move |_: u8| inner));
        ensure!(poll_once(&mut chain).is_pending(), "the chain did not wait");
        ensure!(resolver.resolve("inner").is_ok(), "nobody waits");
        ensure_eq!(chain.await?, "inner", "the value");

        let (outer_resolver, mut outer) = Deferred::<u8>::new();
        let (resolver, inner) = Deferred::new();
        ensure!(
            outer_resolver.adopt(inner).is_ok(),
            "the adoption was refused"
        );
        ensure!(
            poll_once(&mut outer).is_pending(),
            "the outer promise did not wait"
        );
        let _ = resolver.reject("inner failed");
        let failure = outer.await.err().map(|failure| failure.text().into_owned());
        ensure_eq!(failure.as_deref(), Some("inner failed"), "the failure");
        Ok(())
    })
}

/// A failure travels through an adoption and a link, and is then dropped.
pub fn prom_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (outer_resolver, outer) = Deferred::<u8>::new();
        let (resolver, inner) = Deferred::new();
        let _ = outer_resolver.adopt(inner);
        let _ = resolver.reject("passed on");
        drop(outer);
        ensure_eq!(
            reports.mentioning("passed on"),
            1,
            "reports by the last owner"
        );
        let (outer_resolver, outer) = Deferred::<u8>::new();
        let _ = outer_resolver.adopt(Deferred::failed("taken at the end"));
        ensure!(outer.await.is_err(), "no failure");
        ensure_eq!(
            reports.mentioning("taken at the end"),
            0,
            "reports of a taken failure"
        );
        Ok(())
    })
}

/// Adopted from both ends and by one more at its head, on a thread with 64 KiB of stack:
/// settled, cancelled, then dropped.
pub fn prom_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const DEPTH: usize = 20_000;
    /// A promise, and the resolver at the far end of what it waits for.
    fn chain() -> Option<(Resolver<usize>, Deferred<usize>)> {
        let (mut resolver, head) = Deferred::new();
        for _ in 0..DEPTH {
            let (next, inner) = Deferred::new();
            resolver.adopt(inner).ok()?;
            resolver = next;
        }
        Some((resolver, head))
    }
    fn adopt_its_head() -> Option<(Resolver<usize>, Deferred<usize>)> {
        let (resolver, head) = chain()?;
        let (outer, promise) = Deferred::new();
        outer.adopt(head).ok()?;
        (!promise.is_done()).then_some((resolver, promise))
    }
    let _ = make;
    let work = || -> Option<[usize; 3]> {
        let (resolver, outermost) = chain()?;
        resolver.resolve(7).ok()?;
        let outside_in = block_on(outermost).ok()?;

        let (last, mut promise) = Deferred::new();
        for _ in 0..DEPTH {
            let (next, outer) = Deferred::new();
            next.adopt(promise).ok()?;
            promise = outer;
        }
        last.resolve(8).ok()?;
        let inside_out = block_on(promise).ok()?;

        let (resolver, promise) = adopt_its_head()?;
        resolver.resolve(9).ok()?;
        let by_its_head = block_on(promise).ok()?;

        let (resolver, promise) = adopt_its_head()?;
        if !promise.cancel("enough") || !resolver.is_abandoned() {
            return None;
        }
        drop(promise);
        let (resolver, promise) = adopt_its_head()?;
        drop(promise);
        drop(resolver);
        let (resolver, outermost) = chain()?;
        drop(outermost);
        drop(resolver);
        Some([outside_in, inside_out, by_its_head])
    };
    let thread = thread::Builder::new().stack_size(64 * 1024).spawn(work)?;
    let values = thread.join().map_err(|_| Fault::new("a chain panicked"))?;
    ensure_eq!(values, Some([7, 8, 9]), "the values of the chains");
    Ok(())
}

/// A promise that adopts itself, alone, through another, and from two threads at once,
/// ends and is freed. Nobody else holds it, so the hook is told.
pub fn prom_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let gone = Flag::new();
        let (resolver, promise) = guarded(&gone);
        ensure!(
            resolver.adopt(promise).is_err_and(|own| own.is_done()),
            "a promise waits for itself"
        );
        ensure!(
            gone.is_set(),
            "a promise that waits for itself is kept for ever"
        );
        ensure_eq!(reports.mentioning("with itself"), 1, "reports of the first");
        let gone = Flag::new();
        let (a_resolver, a) = guarded(&gone);
        let (b_resolver, b) = guarded(&gone);
        drop(a_resolver.adopt(b));
        drop(b_resolver.adopt(a));
        ensure_eq!(gone.count(), 2, "freed of two that wait for each other");
        ensure_eq!(reports.mentioning("with itself"), 2, "reports of both");
        for round in 0..50 {
            let gone = Flag::new();
            let (a_resolver, a) = guarded(&gone);
            let (b_resolver, b) = guarded(&gone);
            let together = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    together.wait();
                    adopt_quietly(a_resolver, b);
                });
                together.wait();
                adopt_quietly(b_resolver, a);
            });
            ensure_eq!(gone.count(), 2, "freed in round {round} of a race");
        }
        Ok(())
    })
}

fn adopt_quietly(resolver: Resolver<u8>, promise: Deferred<u8>) {
    if let Err(back) = resolver.adopt(promise) {
        back.ignore_failure();
    }
}

/// A promise that says when what its canceller holds is freed.
fn guarded(gone: &Flag) -> (Resolver<u8>, Deferred<u8>) {
    let guard = gone.on_drop();
    Deferred::with_canceller(move |_| {
        drop(guard);
        None
    })
}
