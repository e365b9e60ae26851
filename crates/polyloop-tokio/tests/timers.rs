//! Whose timers a loop's are: the runtime's own, and where it has none, those of a thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use polyloop_conformance::probe::{block_on, within_a_minute};
use polyloop_core::backend::Backend as _;
use polyloop_core::{MainLoop, Timers};
use polyloop_tokio::TokioLoop;
use tokio::runtime::Builder;

#[test]
fn what_a_runtime_lacks_is_tried_once() {
    static TRIED: AtomicUsize = AtomicUsize::new(0);

    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.to_string().contains("timers are disabled") {
            TRIED.fetch_add(1, Ordering::SeqCst);
        }
        before(info);
    }));
    within_a_minute(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).build().unwrap();
        let lp = TokioLoop::from_handle(runtime.handle().clone());
        for _ in 0..5 {
            block_on(lp.sleep(Duration::from_millis(1)));
        }
        assert_eq!(TRIED.load(Ordering::SeqCst), 1, "panics of tokio's");
    });
}

#[test]
fn a_timer_is_the_runtimes_own() {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    within_a_minute(|| {
        let lp = TokioLoop::current_thread().unwrap();
        let inner = lp.clone();
        lp.run(async move {
            let woken = Arc::new(Woken(AtomicBool::new(false)));
            let waker = Waker::from(woken.clone());
            let mut timer = pin!(inner.timer(Instant::now() + Duration::from_millis(1)));
            let poll = timer.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
            // This thread alone drives the runtime, and no other may wake what is on it.
            std::thread::sleep(Duration::from_millis(100));
            assert!(!woken.0.load(Ordering::SeqCst), "another thread woke it");
            timer.await;
        })
        .unwrap();
    });
}
