//! What the combinators do with spawned tasks, on every loop.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use polyloop_core::{
    AllFailed, Deferred, Failure, FirstFailure, GroupFailed, MainLoop, Promise, Spawner, TaskGroup,
    Timers, WaitFor, as_completed, catch_cancel, gather, race, select, shield, try_gather, wait,
    yield_now,
};
use polyloop_tests::on_each_loop;

/// Counts how many guards were dropped.
#[derive(Clone, Default)]
struct Ends(Arc<AtomicUsize>);

struct End(Ends);

impl Ends {
    fn guard(&self) -> End {
        End(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that waits for ever, and says when it has gone.
fn idle<L: MainLoop>(lp: &L, ends: &Ends) -> impl Promise<Value = ()> + Unpin + use<L> {
    let end = ends.guard();
    lp.spawn(async move {
        pending::<()>().await;
        drop(end);
    })
}

async fn until(lp: &impl Timers, mut holds: impl FnMut() -> bool) {
    while !holds() {
        lp.sleep(Duration::from_millis(1)).await;
    }
}

fn reports<L: MainLoop>(lp: &L) -> Arc<Mutex<Vec<String>>> {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = reports.clone();
    lp.set_error_hook(move |report| sink.lock().unwrap().push(report.failure.to_string()));
    reports
}

#[test]
fn thousands_are_gathered() {
    on_each_loop(|lp| {
        let sum: usize = lp
            .run(async {
                let tasks = (0..5000_usize).map(|number| {
                    lp.spawn(async move {
                        for _ in 0..number % 3 {
                            yield_now().await;
                        }
                        number
                    })
                });
                let outcomes = gather(tasks).await.unwrap();
                for (index, outcome) in outcomes.iter().enumerate() {
                    assert_eq!(outcome.as_ref().unwrap(), &index);
                }
                outcomes.into_iter().map(Result::unwrap).sum()
            })
            .unwrap();
        assert_eq!(sum, 4999 * 2500);
    });
}

#[test]
fn a_cancelled_gather_waits_until_its_children_have_stopped() {
    on_each_loop(|lp| {
        let ends = Ends::default();
        lp.run(async {
            let (started, is_started) = Deferred::new();
            let (timers, end) = (lp.clone(), ends.guard());
            let slow = lp.spawn(async move {
                let _ = started.resolve(());
                let _ = catch_cancel(pending::<()>()).await;
                timers.sleep(Duration::from_millis(20)).await;
                drop(end);
            });
            is_started.await.unwrap();
            let all = gather([slow]);
            assert!(all.cancel("enough"));
            let failure = all.await.unwrap_err();
            assert!(failure.is_cancelled());
            assert_eq!(failure.text(), "enough");
            assert_eq!(ends.count(), 1);
        })
        .unwrap();
    });
}

#[test]
fn siblings_of_a_failure_run_on_and_are_not_reported() {
    on_each_loop(|lp| {
        let reports = reports(&lp);
        let ends = Ends::default();
        lp.run(async {
            let (go, gone) = Deferred::<()>::new();
            let end = ends.guard();
            let first = lp.spawn(async { panic!("the first") });
            let later = lp.spawn(async move {
                let _ = gone.await;
                let _end = end;
                panic!("the later");
            });
            let failure = try_gather([first, later]).await.map(drop).unwrap_err();
            let FirstFailure { index, source, .. } = failure.downcast_ref().unwrap();
            assert_eq!(*index, 0);
            assert_eq!(source.text(), "the first");
            // It was not cancelled: it goes on when told to.
            assert_eq!(ends.count(), 0);
            go.resolve(()).unwrap();
            until(&lp, || ends.count() == 1).await;
            // A failed task that nobody gathered is still reported.
            lp.spawn(async { panic!("the stranger") }).detach();
            until(&lp, || !reports.lock().unwrap().is_empty()).await;
        })
        .unwrap();
        assert_eq!(*reports.lock().unwrap(), ["Panicked: the stranger"]);
    });
}

#[test]
fn the_losers_of_a_race_stop() {
    on_each_loop(|lp| {
        let ends = Ends::default();
        lp.run(async {
            let winner = lp.spawn(async {});
            let (index, ()) = race([
                Box::pin(idle(&lp, &ends))
                    as std::pin::Pin<Box<dyn Promise<Value = (), Output = _>>>,
                Box::pin(winner),
                Box::pin(idle(&lp, &ends)),
            ])
            .await
            .unwrap();
            assert_eq!(index, 1);
            until(&lp, || ends.count() == 2).await;

            let failing = (0..3).map(|number| lp.spawn(async move { panic!("number {number}") }));
            let failure = race(failing).await.map(|(index, ())| index).unwrap_err();
            let AllFailed(failures) = failure.downcast_ref().unwrap();
            let texts: Vec<_> = failures.iter().map(Failure::text).collect();
            assert_eq!(texts, ["number 0", "number 1", "number 2"]);
        })
        .unwrap();
    });
}

#[test]
fn a_selection_gives_running_tasks_back() {
    on_each_loop(|lp| {
        lp.run(async {
            let (resolver, slow) = Deferred::new();
            let slow = lp.spawn(async move { slow.await.unwrap() });
            let quick = lp.spawn(async { 1 });
            let mut selected = select([slow, quick]).await.unwrap();
            assert_eq!((selected.index, selected.outcome.unwrap()), (1, 1));
            resolver.resolve(2).unwrap();
            let (index, rest) = selected.rest.remove(0);
            assert_eq!((index, rest.await.unwrap()), (0, 2));
        })
        .unwrap();
    });
}

#[test]
fn a_wait_runs_out_of_time_without_an_error() {
    on_each_loop(|lp| {
        let ends = Ends::default();
        lp.run(async {
            let tasks = [idle(&lp, &ends), idle(&lp, &ends)];
            let waited = wait(tasks, WaitFor::FirstDone)
                .at_most(&lp, Duration::from_millis(20))
                .await
                .unwrap();
            assert!(waited.done.is_empty());
            assert_eq!(waited.pending.len(), 2);
            assert_eq!(ends.count(), 0);

            let (_, tasks): (Vec<_>, Vec<_>) = waited.pending.into_iter().unzip();
            tasks[1].cancel("enough");
            let waited = wait(tasks, WaitFor::FirstFailure).await.unwrap();
            let (index, outcome) = &waited.done[0];
            assert_eq!(*index, 1);
            assert!(outcome.as_ref().unwrap_err().is_cancelled());
            assert_eq!(waited.pending.len(), 1);
        })
        .unwrap();
    });
}

#[test]
fn outcomes_come_as_they_finish_and_late_ones_time_out() {
    on_each_loop(|lp| {
        lp.run(async {
            let (a, first) = Deferred::new();
            let (b, second) = Deferred::new();
            let (_c, third) = Deferred::<u32>::new();
            let (_d, fourth) = Deferred::<u32>::new();
            let mut outcomes = as_completed([first, second, third, fourth])
                .at_most(&lp, Duration::from_millis(30));
            // They are waited for before they finish, so that there is an order to see.
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(outcomes.next()).poll(&mut cx).is_pending());
            b.resolve(2).unwrap();
            a.resolve(1).unwrap();
            let mut order = Vec::new();
            while let Some((index, outcome)) = outcomes.next().await {
                order.push((index, outcome.map_err(|failure| failure.is_timed_out())));
            }
            assert_eq!(
                order,
                [(1, Ok(2)), (0, Ok(1)), (2, Err(true)), (3, Err(true))]
            );
            let pending = outcomes.into_pending();
            assert_eq!(pending.len(), 2);
            assert!(pending.iter().all(|(_, promise)| !promise.is_done()));
        })
        .unwrap();
    });
}

#[test]
fn a_group_cancels_siblings_and_reports_every_failure() {
    on_each_loop(|lp| {
        let reports = reports(&lp);
        let ends = Ends::default();
        lp.run(async {
            let group = TaskGroup::new(&lp);
            let end = ends.guard();
            let sibling = group
                .spawn(async move {
                    pending::<()>().await;
                    drop(end);
                    Ok(())
                })
                .unwrap();
            let (ready, is_ready) = Deferred::new();
            let dying = group.spawn(async move {
                let _ = ready.resolve(());
                let _ = catch_cancel(pending::<()>()).await;
                Err::<(), _>(Failure::from("while it cleaned up"))
            });
            is_ready.await.unwrap();
            let spawner = group.spawner();
            let failing = group.spawn(async { panic!("the first") as Result<(), Failure> });
            assert!(dying.is_ok() && failing.is_ok());
            let failure = group.join().await.unwrap_err();
            // Everything is over when the join says so.
            assert_eq!(ends.count(), 1);
            let GroupFailed { failures, .. } = failure.downcast_ref().unwrap();
            let texts: Vec<_> = failures.iter().map(Failure::text).collect();
            assert_eq!(texts, ["the first", "while it cleaned up"]);
            assert!(spawner.spawn(async { Ok(()) }).is_err());
            let cancelled = sibling.await.unwrap_err();
            assert!(cancelled.is_cancelled());
            assert_eq!(cancelled.text(), "another task of its group failed");
        })
        .unwrap();
        assert!(reports.lock().unwrap().is_empty());
    });
}

#[test]
fn a_group_grows_while_it_is_joined() {
    on_each_loop(|lp| {
        fn tree<S: Spawner>(
            spawner: polyloop_core::GroupSpawner<S>,
            depth: u32,
            leaves: Arc<AtomicUsize>,
        ) {
            for _ in 0..2 {
                let (inner, leaves) = (spawner.clone(), leaves.clone());
                spawner
                    .spawn(async move {
                        yield_now().await;
                        if depth == 0 {
                            leaves.fetch_add(1, Ordering::SeqCst);
                        } else {
                            tree(inner, depth - 1, leaves);
                        }
                        Ok(())
                    })
                    .unwrap()
                    .detach();
            }
        }
        let leaves = Arc::new(AtomicUsize::new(0));
        lp.run(async {
            let group = TaskGroup::new(&lp);
            tree(group.spawner(), 7, leaves.clone());
            group.join().await.unwrap();
        })
        .unwrap();
        assert_eq!(leaves.load(Ordering::SeqCst), 256);
    });
}

#[test]
fn a_dropped_group_cancels_its_tasks() {
    on_each_loop(|lp| {
        let ends = Ends::default();
        lp.run(async {
            for joined in [false, true] {
                let group = TaskGroup::new(&lp);
                let end = ends.guard();
                let task = group
                    .spawn(async move {
                        pending::<()>().await;
                        drop(end);
                        Ok(())
                    })
                    .unwrap();
                yield_now().await;
                if joined {
                    drop(group.join());
                } else {
                    drop(group);
                }
                assert!(task.await.unwrap_err().is_cancelled());
            }
            assert_eq!(ends.count(), 2);
        })
        .unwrap();
    });
}

#[test]
fn one_task_of_a_group_can_be_cancelled() {
    on_each_loop(|lp| {
        lp.run(async {
            let group = TaskGroup::new(&lp);
            let one = group.spawn(pending::<Result<(), Failure>>()).unwrap();
            let (resolver, other) = Deferred::new();
            let other = group.spawn(other).unwrap();
            assert!(one.cancel("not you"));
            let failure = one.await.unwrap_err();
            assert!(failure.is_cancelled());
            assert_eq!(failure.text(), "not you");
            resolver.resolve(3).unwrap();
            group.join().await.unwrap();
            assert_eq!(other.await.unwrap(), 3);
        })
        .unwrap();
    });
}

#[test]
fn a_cancelled_join_ends_the_group() {
    on_each_loop(|lp| {
        lp.run(async {
            let group = TaskGroup::new(&lp);
            let task = group.spawn(pending::<Result<(), Failure>>()).unwrap();
            let spawner = group.spawner();
            let join = group.join();
            assert!(!join.is_done());
            assert!(join.cancel("enough"));
            assert!(spawner.spawn(async { Ok(()) }).is_err());
            let failure = join.await.unwrap_err();
            assert!(failure.is_cancelled());
            assert_eq!(failure.text(), "enough");
            assert_eq!(task.await.unwrap_err().text(), "enough");
        })
        .unwrap();
    });
}

#[test]
fn a_group_that_nobody_joined_reports_its_failures() {
    on_each_loop(|lp| {
        let reports = reports(&lp);
        lp.run(async {
            let group = TaskGroup::new(&lp);
            let seen = group.spawn(async { Err::<(), _>(Failure::from("seen")) });
            assert!(seen.unwrap().await.is_err());
            drop(group);

            let group = TaskGroup::new(&lp);
            let watch = group.spawn(pending::<Result<(), Failure>>()).unwrap();
            let unseen = group.spawn(async { Err::<(), _>(Failure::from("unseen")) });
            unseen.unwrap().detach();
            // Its sibling is cancelled once it has failed.
            assert!(watch.await.is_err());
            // The drop happens in a task, so the report goes to this loop.
            lp.spawn(async move { drop(group) }).await.unwrap();
        })
        .unwrap();
        assert_eq!(*reports.lock().unwrap(), ["Error: unseen"]);
    });
}

#[test]
fn a_shielded_task_runs_on() {
    on_each_loop(|lp| {
        lp.run(async {
            let (resolver, work) = Deferred::new();
            let mut guarded = shield(lp.spawn(async move { work.await.unwrap() }));
            assert!(guarded.cancel("not interested"));
            assert!((&mut guarded).await.unwrap_err().is_cancelled());
            resolver.resolve(8).unwrap();
            assert_eq!(guarded.into_inner().await.unwrap(), 8);

            let inner = lp.spawn(pending::<()>());
            assert!(inner.cancel("from inside"));
            assert_eq!(shield(inner).await.unwrap_err().text(), "from inside");
        })
        .unwrap();
    });
}
