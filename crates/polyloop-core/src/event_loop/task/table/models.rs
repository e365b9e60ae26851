//! Models of the table under loom, which runs each in every order there is, those too
//! that only weak memory shows.

use std::future::poll_fn;
use std::panic::Location;
use std::task::Poll;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::{Cancel, TaskId, TaskTable};

fn exhaust(model: fn()) {
    let mut builder = loom::model::Builder::new();
    // Without a bound the larger ones take hours; faults that take more changes of who
    // runs than this are rare.
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// What the wrapper of a task does with the table. Ready with what it was told.
async fn supervised(table: &TaskTable, id: TaskId, catches: bool) -> Cancel {
    let (mut told_to_end, mut known) = (false, false);
    let told = poll_fn(|cx| {
        loop {
            match table.take_cancel(id, &mut told_to_end) {
                Some(Cancel::Ask(_)) if catches => {}
                Some(cancel) => return Poll::Ready(cancel),
                None => {}
            }
            // The waker is the same at each poll.
            let known_before = std::mem::replace(&mut known, true);
            if known_before || table.suspend(id, told_to_end, cx.waker(), Location::caller()) {
                return Poll::Pending;
            }
        }
    })
    .await;
    table.forget(id, known);
    table.end();
    told
}

fn wait_until_idle(table: &TaskTable) {
    block_on(poll_fn(|cx| {
        if table.wake_when_idle(cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

#[test]
fn a_cancel_is_seen_and_leaves_no_note() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let id = table.begin();
        let its = table.clone();
        let task = thread::spawn(move || block_on(supervised(&its, id, false)).into_reason());
        table.cancel(id, "no more");
        assert_eq!(task.join().unwrap(), "no more");
        assert!(!table.retract(id));
        assert!(!table.has_cancels());
    });
}

#[test]
fn two_cancels_end_it_once() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let id = table.begin();
        let (its, others) = (table.clone(), table.clone());
        let task = thread::spawn(move || block_on(supervised(&its, id, false)).into_reason());
        let other = thread::spawn(move || {
            others.cancel(id, "no more");
        });
        table.cancel(id, "no more");
        assert_eq!(task.join().unwrap(), "no more");
        other.join().unwrap();
        table.close(id);
        assert!(!table.has_cancels());
    });
}

#[test]
fn the_end_reaches_a_task_that_begins() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let its = table.clone();
        let task = thread::spawn(move || {
            let id = its.begin();
            block_on(supervised(&its, id, false))
        });
        table.end_all();
        assert!(matches!(task.join().unwrap(), Cancel::Ask(_)));
    });
}

#[test]
fn a_kill_reaches_a_task_that_catches() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let id = table.begin();
        let its = table.clone();
        let task = thread::spawn(move || block_on(supervised(&its, id, true)));
        table.end_all();
        table.kill_all();
        assert!(matches!(task.join().unwrap(), Cancel::Kill));
    });
}

#[test]
fn the_last_of_two_that_end_tells_who_waits() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let ending = [table.begin(), table.begin()].map(|id| {
            let table = table.clone();
            thread::spawn(move || {
                table.forget(id, false);
                table.end();
            })
        });
        wait_until_idle(&table);
        assert_eq!(table.alive(), 0);
        for thread in ending {
            thread.join().unwrap();
        }
    });
}

#[test]
fn who_waits_is_told_though_another_begins() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let first = table.begin();
        let its = table.clone();
        let other = thread::spawn(move || {
            let second = its.begin();
            for id in [second, first] {
                its.forget(id, false);
                its.end();
            }
        });
        wait_until_idle(&table);
        other.join().unwrap();
    });
}

#[test]
fn the_outcome_finds_that_nobody_minds() {
    exhaust(|| {
        let table = Arc::new(TaskTable::new());
        let id = table.begin();
        let said = Arc::new(AtomicBool::new(false));
        let (its, saying) = (table.clone(), said.clone());
        let handle = thread::spawn(move || {
            its.ignore_failure(id);
            saying.store(true, Ordering::Release);
        });
        table.forget(id, false);
        table.end();
        if said.load(Ordering::Acquire) {
            assert!(table.is_failure_ignored(id));
        }
        handle.join().unwrap();
        table.close(id);
        assert!(!table.is_failure_ignored(id));
    });
}
