//! Time limits that meet the outcome, or a cancel.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use super::model_loop::ModelLoop;
use crate::event_loop::spawner::Spawner as _;
use crate::event_loop::timers::Timers as _;
use crate::promise::Promise as _;
use crate::promise::combine::{WaitFor, as_completed, wait};
use crate::promise::deferred::Deferred;
use crate::sync::primitive::exploring::draw;

const LIMIT: Duration = Duration::from_millis(1);

fn pass(lp: &ModelLoop) -> thread::JoinHandle<()> {
    let lp = lp.clone();
    thread::spawn(move || lp.advance(LIMIT))
}

#[test]
fn a_limit_that_meets_the_value_is_one_outcome() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, promise) = Deferred::new();
        let limited = promise.timeout(&lp, LIMIT);
        let passing = pass(&lp);
        let settling = thread::spawn(move || resolver.resolve(vec![1]).is_ok());
        let outcome = block_on(limited);
        let taken = settling.join().unwrap();
        match outcome {
            Ok(value) => assert!(value == [1] && taken),
            Err(failure) => assert!(failure.is_timed_out() && !taken),
        }
        passing.join().unwrap();
    });
}

#[test]
fn a_limit_on_a_task_ends_it() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, promise) = Deferred::<()>::new();
        let limited = lp.spawn(promise).timeout(&lp, LIMIT);
        let passing = pass(&lp);
        assert!(block_on(limited).unwrap_err().is_timed_out());
        assert!(resolver.is_abandoned());
        passing.join().unwrap();
    });
}

#[test]
fn a_limit_on_what_adopts_just_then_ends_it() {
    draw(|| {
        let lp = ModelLoop::new();
        let (outer, promise) = Deferred::<()>::new();
        let (inner, adopted) = Deferred::new();
        let limited = promise.timeout(&lp, LIMIT);
        let adopting = thread::spawn(move || drop(outer.adopt(adopted)));
        let passing = pass(&lp);
        assert!(block_on(limited).unwrap_err().is_timed_out());
        adopting.join().unwrap();
        passing.join().unwrap();
        assert!(inner.is_abandoned());
    });
}

#[test]
fn a_wait_that_meets_its_limit_loses_nothing() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, promise) = Deferred::new();
        let waiting = wait([promise], WaitFor::All).at_most(&lp, LIMIT);
        let passing = pass(&lp);
        let settling = thread::spawn(move || resolver.resolve(vec![1]).unwrap());
        let waited = block_on(waiting).unwrap();
        for (_, outcome) in waited.done {
            assert_eq!(outcome.unwrap(), [1]);
        }
        for (_, late) in waited.pending {
            assert_eq!(block_on(late).unwrap(), [1]);
        }
        settling.join().unwrap();
        passing.join().unwrap();
    });
}

#[test]
fn outcomes_that_meet_their_limit_are_told_once() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, promise) = Deferred::new();
        let mut outcomes = as_completed([promise]).at_most(&lp, LIMIT);
        let passing = pass(&lp);
        let settling = thread::spawn(move || resolver.resolve(vec![1]).unwrap());
        let (_, outcome) = block_on(outcomes.next()).unwrap();
        match outcome {
            Ok(value) => assert_eq!(value, [1]),
            Err(failure) => {
                assert!(failure.is_timed_out());
                let (_, late) = outcomes.into_pending().pop().unwrap();
                assert_eq!(block_on(late).unwrap(), [1]);
                settling.join().unwrap();
                passing.join().unwrap();
                return;
            }
        }
        assert!(block_on(outcomes.next()).is_none());
        settling.join().unwrap();
        passing.join().unwrap();
    });
}

#[test]
fn a_sleep_ends_when_its_time_has_come() {
    draw(|| {
        let lp = ModelLoop::new();
        let sleep = lp.sleep(2 * LIMIT);
        let passing = [pass(&lp), pass(&lp)];
        block_on(sleep);
        for thread in passing {
            thread.join().unwrap();
        }
    });
}
