//! Tasks that panic, fail, catch their cancel, spawn others and are let go of, until the
//! run ends in the middle of it.

use std::future::pending;
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use polyloop::AnyLoop;
use polyloop_core::{
    Failure, Lifecycle as _, MainLoop as _, Promise as _, Spawner as _, TaskGroup, Timers as _,
    catch_cancel, gather, race, select, yield_now,
};

use crate::dice::{Dice, no, panic_quietly, rounds};
use crate::tally::{Counted, Tally};

/// What there is of a run's tasks.
#[derive(Clone, Default)]
struct Left {
    bodies: Tally,
    values: Tally,
}

/// A value that says when it has gone, and may take it badly.
struct Value {
    _counted: Counted,
    panics: bool,
}

impl Drop for Value {
    fn drop(&mut self) {
        if self.panics && !thread::panicking() {
            panic_quietly();
        }
    }
}

fn value(left: &Left, dice: &mut Dice) -> Value {
    Value {
        _counted: left.values.one(),
        panics: dice.once_in(8),
    }
}

type Body = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// The body of a task.
fn wild(lp: AnyLoop, left: Left, mut dice: Dice, depth: usize) -> Body {
    Box::pin(async move {
        let _held = left.bodies.one();
        for _ in 0..dice.below(6) {
            match dice.below(10) {
                0 => panic_quietly(),
                1 => return Err(no()),
                2 => lp.sleep(dice.moment()).await,
                3 => drop(catch_cancel(lp.sleep(dice.moment())).await),
                4 if depth > 0 => handle(&lp, &left, &mut dice, depth - 1).await,
                5 => drop(catch_cancel(pending::<()>()).await),
                6 => return Ok(value(&left, &mut dice)),
                _ => yield_now().await,
            }
        }
        if dice.once_in(3) {
            pending::<()>().await;
        }
        Ok(value(&left, &mut dice))
    })
}

/// Spawns some, and does something with what it is given for them.
async fn handle(lp: &AnyLoop, left: &Left, dice: &mut Dice, depth: usize) {
    let mut spawn = || lp.spawn(wild(lp.clone(), left.clone(), dice.fork(), depth));
    match (spawn(), spawn(), dice.below(9)) {
        (one, _, 0) => one.detach(),
        (one, other, 1) => {
            one.cancel("chaos");
            drop(one.await);
            other.cancel("chaos");
        }
        (one, _, 2) => drop(one.timeout(lp, dice.moment()).await),
        (one, other, 3) => drop(gather([one, other]).timeout(lp, dice.moment()).await),
        (one, other, 4) => drop(race([one, other]).timeout(lp, dice.moment()).await),
        (one, other, 5) => drop(select([one, other]).timeout(lp, dice.moment()).await),
        (one, _, 6) => drop(one.cancel_on_drop()),
        (one, other, 7) => {
            one.ignore_failure();
            drop(one);
            drop(other.timeout(lp, dice.moment()).await);
        }
        (one, ..) => {
            one.detach();
            let group = TaskGroup::new(lp);
            for _ in 0..3 {
                let member = wild(lp.clone(), left.clone(), dice.fork(), 0);
                if let Ok(task) = group.spawn(member) {
                    task.detach();
                }
            }
            drop(group.join().timeout(lp, dice.moment()).await);
        }
    }
}

fn a_run(lp: &AnyLoop, dice: &mut Dice) {
    // Some of them do not end when they are asked to, and are killed after this.
    lp.set_shutdown_limit(Duration::from_millis(20));
    let left = Left::default();
    let mut inside = dice.fork();
    let ran = lp.run(async {
        for _ in 0..20 {
            let (mut one, lp, left) = (inside.fork(), lp.clone(), left.clone());
            let on = lp.clone();
            on.spawn(async move { handle(&lp, &left, &mut one, 2).await })
                .detach();
        }
        lp.sleep(inside.moment()).await;
        7
    });
    assert_eq!(ran.unwrap(), 7);
    assert_eq!(lp.task_count(), 0, "tasks are there still");
    assert_eq!(left.bodies.count(), 0, "what tasks held is there still");
    // A value that nobody awaits is its runtime's to drop: on a thread that goes on, at
    // times a moment later. The deadline of the test is the limit.
    while left.values.count() > 0 {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn no_task_outlives_its_run() {
    rounds(AnyLoop::available(), 25, |lp, dice| {
        a_run(lp, dice);
        // Whatever happened, the loop runs again.
        a_run(lp, dice);
    });
}
