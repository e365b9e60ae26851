//! LOOP: other threads, calling in and working beside the loop.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polyloop_core::{CallFromThreadError, Deferred, MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, block_on, run, until};

fn numbers(to: usize) -> Vec<String> {
    (0..to).map(|n| n.to_string()).collect()
}

/// A hundred calls from a thread while the loop has nothing to do.
pub fn loop_23<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (resolver, all_made) = Deferred::new();
        let (inner, notes) = (lp.clone(), journal.clone());
        let thread = thread::spawn(move || {
            // The loop goes idle first.
            thread::sleep(Duration::from_millis(30));
            for number in 0..100 {
                let notes = notes.clone();
                let _ = inner.call_soon(move || notes.note(number.to_string()));
            }
            let _ = inner.call_soon(move || {
                let _ = resolver.resolve(polyloop_core::context::is_entered());
            });
        });
        let on_the_loop = all_made.await?;
        ensure!(on_the_loop, "a call from a thread was not made by the loop");
        ensure_eq!(journal.names(), numbers(100), "calls of one thread");
        thread.join().map_err(|_| Fault::new("the thread panicked"))
    })
}

/// Asked for, by a thread that has ended, before anybody runs the loop.
pub fn loop_24<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let (lp, journal) = (make(), Journal::new());
    let (inner, notes) = (lp.clone(), journal.clone());
    let thread = thread::spawn(move || {
        for number in 0..10 {
            let notes = notes.clone();
            let _ = inner.call_soon(move || notes.note(number.to_string()));
        }
    });
    thread
        .join()
        .map_err(|_| Fault::new("the thread panicked"))?;
    let inner = lp.clone();
    let notes = journal.clone();
    lp.run(async move { until(&inner, "ten calls", || notes.names().len() >= 10).await })??;
    ensure_eq!(journal.names(), numbers(10), "calls from before the run");
    Ok(())
}

/// The closure comes back and can still be called.
pub fn loop_25<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let (lp, called) = (make(), Flag::new());
    lp.run(async {})?;
    lp.close()?;
    let (noted, inner) = (called.clone(), lp.clone());
    let given_back = thread::spawn(move || match inner.call_soon(move || noted.set()) {
        Ok(_) => false,
        Err(rejected) => {
            (rejected.call)();
            true
        }
    });
    let given_back = given_back
        .join()
        .map_err(|_| Fault::new("the thread panicked"))?;
    ensure!(given_back, "a closed loop took a call");
    ensure_eq!(
        called.count(),
        1,
        "calls of the closure that was given back"
    );
    ensure!(
        lp.call_later(Duration::ZERO, || ()).is_err(),
        "a closed loop took a timer"
    );
    Ok(())
}

/// The worker waits for the loop, so the loop must go on meanwhile.
pub fn loop_27<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let here = thread::current().id();
        let (sender, receiver) = mpsc::channel();
        let work = lp.run_in_thread(move || (receiver.recv().unwrap_or(0), thread::current().id()));
        lp.sleep(Duration::from_millis(5)).await;
        sender.send(7)?;
        let (value, there) = work.await?;
        ensure_eq!(value, 7, "the value of the work");
        ensure!(here != there, "blocking work ran on the thread of main");
        let failed = lp.run_in_thread(|| Err::<(), _>("its error")).await?;
        ensure_eq!(failed, Err("its error"), "the error of the work");
        let panicked = lp.run_in_thread(|| panic!("in a thread")).await;
        let panicked: Result<(), _> = panicked;
        let text = panicked.map_err(|failure| (failure.is_panicked(), failure.text().into_owned()));
        ensure_eq!(
            text,
            Err((true, "in a thread".to_owned())),
            "the panic of the work"
        );
        Ok(())
    })
}

/// The waiter goes while the thread is still held up; then the thread ends.
pub fn loop_28<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (sender, receiver) = mpsc::channel::<()>();
        let (begun, ended) = (Flag::new(), Flag::new());
        let (noted_begun, noted_ended) = (begun.clone(), ended.clone());
        let work = lp.run_in_thread(move || {
            noted_begun.set();
            let _ = receiver.recv();
            noted_ended.set();
            "late"
        });
        until(&lp, "the thread under way", || begun.is_set()).await?;
        ensure!(work.cancel("changed my mind"), "the cancel was refused");
        let failure = work.await.err();
        ensure!(
            failure.is_some_and(|f| f.is_cancelled()),
            "the waiter was not let go"
        );
        ensure!(!ended.is_set(), "the thread did not run to its end");
        sender.send(())?;
        until(&lp, "the end of the thread", || ended.is_set()).await?;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// Work for the loop, its value and its panic, from a thread that blocks for it.
pub fn loop_29<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let inner = lp.clone();
        let work = lp.run_in_thread(move || {
            let timers = inner.clone();
            let value = block_on(inner.spawn(async move {
                timers.sleep(Duration::from_millis(1)).await;
                (5, polyloop_core::context::is_entered())
            }));
            let error = block_on(inner.spawn(async { panic!("on the loop") }));
            let error: Result<(), _> = error;
            (value, error)
        });
        let (value, error) = work.await?;
        ensure_eq!(value?, (5, true), "the value from the loop");
        ensure!(error.is_err_and(|e| e.is_panicked()), "the panic was lost");

        let inner = lp.clone();
        let work = lp.run_in_thread(move || {
            let value = inner.call_from_thread(polyloop_core::context::is_entered);
            let error: Result<(), _> = inner.call_from_thread(|| panic!("in the call"));
            (value, error)
        });
        let (value, error) = work.await?;
        ensure!(
            value.is_ok_and(|on_loop| on_loop),
            "the call was not made on the loop"
        );
        ensure!(
            matches!(&error, Err(CallFromThreadError::Failed(failure)) if failure.is_panicked()),
            "the call's panic became {error:?}"
        );
        // On the loop itself it would wait for ever.
        let refused = lp.call_from_thread(|| ());
        ensure!(
            matches!(refused, Err(CallFromThreadError::OnLoop { .. })),
            "on the loop itself it gave {refused:?}"
        );
        Ok(())
    })
}
