//! Calls that several threads ask for, move and take back, from calls as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use polyloop::AnyLoop;
use polyloop_core::{Calls as _, DelayedCall, MainLoop as _, Timers as _};

use crate::dice::{Dice, panic_quietly, rounds};

const THREADS: usize = 3;
const CALLS: usize = 60;

/// One call, and what became of it.
#[derive(Clone)]
struct Asked {
    call: DelayedCall,
    made: Arc<AtomicUsize>,
    cancelled: bool,
}

/// Asks for calls and moves them about.
fn ask(lp: &AnyLoop, dice: &mut Dice) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    for _ in 0..CALLS {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        // Some move another as they are made: one of the same pass, often.
        let other = asked.last().map(|it| it.call.clone());
        let (moves, to, panics) = (dice.once_in(3), dice.moment(), dice.once_in(10));
        let body = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            if let Some(other) = other.filter(|_| moves) {
                other.reset(to);
            }
            if panics {
                panic_quietly();
            }
        };
        let call = if dice.once_in(3) {
            lp.call_soon(body)
        } else {
            lp.call_later(dice.moment(), body)
        };
        asked.push(Asked {
            call: call.expect("the loop is open"),
            made,
            cancelled: false,
        });
        let place = dice.below(asked.len());
        let chosen = &mut asked[place];
        match dice.below(4) {
            0 => chosen.cancelled |= chosen.call.cancel(),
            1 => thread::yield_now(),
            _ => drop(chosen.call.reset(dice.moment())),
        }
    }
    asked
}

/// The threads' work, once all of it has been asked for.
fn ask_at_once(lp: &AnyLoop, dice: &mut Dice) -> Vec<Asked> {
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (lp, mut dice) = (lp.clone(), dice.fork());
            thread::spawn(move || ask(&lp, &mut dice))
        })
        .collect();
    threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect()
}

fn check(asked: &[Asked], all: bool) {
    for it in asked {
        let made = it.made.load(Ordering::SeqCst);
        assert!(!it.call.is_pending(), "a call waits still");
        assert!(made <= 1, "a call was made {made} times");
        assert!(!(it.cancelled && made > 0), "it was taken back and made");
        assert!(!all || it.cancelled || made == 1, "a call was lost");
    }
}

#[test]
fn every_call_is_made_once_or_taken_back() {
    rounds(AnyLoop::available_real(), 15, |lp, dice| {
        let asked = lp
            .run(async {
                let asked = ask_at_once(lp, dice);
                // The deadline of the test is the limit.
                while asked.iter().any(|it| it.call.is_pending()) {
                    lp.sleep(Duration::from_millis(1)).await;
                }
                // What is not pending any more may be about to be made.
                lp.sleep(Duration::from_millis(1)).await;
                asked
            })
            .unwrap();
        check(&asked, true);
    });
}

#[test]
fn no_call_outlives_its_run() {
    rounds(AnyLoop::available_real(), 15, |lp, dice| {
        let mut during = dice.fork();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (lp, mut dice) = (lp.clone(), dice.fork());
                thread::spawn(move || ask(&lp, &mut dice))
            })
            .collect();
        lp.run(lp.sleep(during.moment())).unwrap();
        let asked: Vec<Asked> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        // What came after the end waits for the next run, which may end midway, too.
        lp.run(async {
            while asked.iter().any(|it| it.call.is_pending()) {
                lp.sleep(Duration::from_millis(1)).await;
            }
        })
        .unwrap();
        check(&asked, false);
    });
}
