//! Models of what is made again and again, while other threads move, pause or stop it.

use std::time::Duration;

use shuttle::thread;

use super::{Cooperator, LoopingCall};
use crate::event_loop::calls::Calls as _;
use crate::event_loop::models::model_loop::ModelLoop;
use crate::promise::Promise as _;
use crate::promise::deferred::Deferred;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::primitive::exploring::draw;

const BEAT: Duration = Duration::from_millis(1);

/// Until a call has been made that is asked for now.
fn turn(lp: &ModelLoop) {
    let (resolver, made) = Deferred::new();
    lp.call_soon(move || drop(resolver.resolve(vec![0])))
        .unwrap();
    shuttle::future::block_on(made).unwrap();
}

#[test]
fn a_beat_that_is_put_back_goes_on() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let beat = LoopingCall::new(&lp, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        beat.start(BEAT, false).unwrap().detach();
        let other = lp.clone();
        let passing = thread::spawn(move || other.advance(BEAT));
        beat.reset().unwrap();
        passing.join().unwrap();
        let before = made.load(Ordering::SeqCst);
        let mut turns = 0;
        while made.load(Ordering::SeqCst) <= before + 1 {
            turns += 1;
            assert!(turns < 50, "the beat has stopped");
            lp.advance(BEAT);
            turn(&lp);
        }
        beat.stop().unwrap();
    });
}

#[test]
fn a_beat_that_is_stopped_makes_no_more_calls() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let beat = LoopingCall::new(&lp, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let ended = beat.start(BEAT, true).unwrap();
        let other = lp.clone();
        let passing = thread::spawn(move || other.advance(BEAT));
        beat.stop().unwrap();
        shuttle::future::block_on(ended).unwrap();
        // A call that was being made is over by the next turn.
        turn(&lp);
        let before = made.load(Ordering::SeqCst);
        passing.join().unwrap();
        lp.advance(2 * BEAT);
        turn(&lp);
        assert_eq!(made.load(Ordering::SeqCst), before);
    });
}

#[test]
fn a_cooperative_task_ends_though_it_is_paused_and_resumed() {
    draw(|| {
        let lp = ModelLoop::new();
        let cooperator = Cooperator::new(&lp);
        let task = cooperator.cooperate((0..3).map(|_| ()));
        let done = task.when_done();
        let other = task.clone();
        let pausing = thread::spawn(move || {
            if other.pause().is_ok() {
                // Its last step may be over by now.
                let _ = other.resume();
            }
        });
        shuttle::future::block_on(done).unwrap();
        pausing.join().unwrap();
        assert_eq!(cooperator.task_count(), 0);
    });
}
