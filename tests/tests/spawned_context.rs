//! What a task keeps of where it was spawned: the span, and the place in the source.

use std::sync::Mutex;

use polyloop::test as polyloop_test;
use polyloop_core::{Deferred, Failure, Loop, Promise, Resolver, yield_now};
use tracing::Span;
use tracing::span::Id;

/// Makes spans be told apart in this process: without a subscriber each is disabled.
fn span(name: &'static str) -> Span {
    // Each test of the process asks for it; the first one gets it.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let span = tracing::info_span!("spawned", name);
    assert!(span.id().is_some(), "the span is disabled");
    span
}

fn current() -> Option<Id> {
    Span::current().id()
}

/// Tells the span that it is dropped in.
struct OnDrop(Option<Resolver<Option<Id>>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.take().map(|resolver| resolver.resolve(current()));
    }
}

#[polyloop_test]
async fn a_task_is_polled_in_the_span_it_was_spawned_in<L: Loop>(lp: L) -> Result<(), Failure> {
    let span = span("polled");
    let inside = span.in_scope(|| {
        lp.spawn(async {
            let first = current();
            yield_now().await;
            (first, current())
        })
    });
    let outside = lp.spawn(async { current() });
    assert_eq!(inside.await?, (span.id(), span.id()));
    assert_eq!(outside.await?, None);
    assert_eq!(current(), None, "it is left behind on the thread");
    Ok(())
}

#[polyloop_test]
async fn a_cancelled_task_is_dropped_in_its_span<L: Loop>(lp: L) -> Result<(), Failure> {
    let span = span("dropped");
    let (resolver, dropped_in) = Deferred::new();
    let (started, starts) = Deferred::new();
    let task = span.in_scope(|| {
        lp.spawn(async move {
            let _guard = OnDrop(Some(resolver));
            let _ = started.resolve(());
            std::future::pending::<()>().await;
        })
    });
    starts.await?;
    assert!(task.cancel("enough"));
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(dropped_in.await?, span.id());
    Ok(())
}

/// Whether `failure` is said to come from that line of this file.
#[track_caller]
fn assert_place(failure: &Failure, line: u32) {
    let place = failure.location();
    assert_eq!((place.file(), place.line()), (file!(), line), "{failure}");
}

#[expect(clippy::unused_async, reason = "a future is what is wanted")]
async fn panics() {
    panic!("on purpose");
}

#[polyloop_test]
async fn a_failed_task_tells_where_it_was_spawned<L: Loop>(lp: L) {
    let (task, line) = (lp.spawn(panics()), line!());
    assert_place(&task.await.unwrap_err(), line);

    let (task, line) = (lp.spawn(std::future::pending::<()>()), line!());
    task.cancel("enough");
    assert_place(&task.await.unwrap_err(), line);

    let (task, line) = (polyloop::spawn(panics()).unwrap(), line!());
    assert_place(&task.await.unwrap_err(), line);
}

#[polyloop_test]
async fn so_does_the_report_of_one_that_nobody_awaits<L: Loop>(lp: L) -> Result<(), Failure> {
    let (resolver, reported) = Deferred::new();
    let resolver = Mutex::new(Some(resolver));
    lp.set_error_hook(move |report| {
        if let Some(resolver) = resolver.lock().unwrap().take() {
            let _ = resolver.resolve(report.failure.clone());
        }
    });
    let line = line!() + 1;
    lp.spawn(panics()).detach();
    assert_place(&reported.await?, line);
    Ok(())
}
