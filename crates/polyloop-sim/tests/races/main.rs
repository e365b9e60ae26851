//! The races that a simulation is to find: programs with one mistake each, and under how
//! many of the first 200 seeds it shows. Seeds give the same run each time, so the
//! numbers are exact.

mod goodbye;
mod programs;

use goodbye::{lost_goodbye, step_on_a_lost_connection};
use polyloop_sim::{Pace, Scheduler, Sim, SimLoop};
use programs::{lost_update, overtaken_reply, slow_handler, unheard_greeting, unheard_request};

const SEEDS: u64 = 200;

/// Under how many seeds `body` says that its mistake showed, where seeds take turns with
/// the schedulers and, unless one is given, the paces.
fn found<F>(pace: Option<Pace>, body: impl Fn(SimLoop) -> F) -> usize
where
    F: Future<Output = bool>,
{
    let shows = |seed: &u64| {
        let lp = Sim::builder()
            .seed(*seed)
            .scheduler(Scheduler::by_seed(*seed))
            .pace(pace.unwrap_or_else(|| Pace::by_seed(*seed)))
            .build_loop();
        let sim = lp.sim().clone();
        sim.run(body(lp)).unwrap()
    };
    (0..SEEDS).filter(shows).count()
}

#[test]
fn a_greeting_that_comes_before_its_handler_is_found() {
    let once = found(None, |lp| unheard_greeting(lp, 1));
    assert!(once >= 20, "{once} of {SEEDS}");
    let three_deep = found(None, |lp| unheard_greeting(lp, 3));
    assert!(three_deep >= 20, "{three_deep} of {SEEDS}");
    // Without any delay in between there is no race.
    assert_eq!(found(None, |lp| unheard_greeting(lp, 0)), 0);
    // And nobody finds it on computers that are infinitely fast.
    let instant = Some(Pace::Instant);
    assert_eq!(found(instant, |lp| unheard_greeting(lp, 3)), 0);
}

#[test]
fn a_request_that_comes_before_its_handler_is_found() {
    let found = found(None, unheard_request);
    assert!(found >= 40, "{found} of {SEEDS}");
}

#[test]
fn an_update_that_is_lost_between_a_look_and_an_act_is_found() {
    let across_a_yield = found(None, lost_update);
    assert!(across_a_yield >= 100, "{across_a_yield} of {SEEDS}");
    let across_a_sleep = found(None, slow_handler);
    assert!(across_a_sleep >= 10, "{across_a_sleep} of {SEEDS}");
}

#[test]
fn a_reply_that_overtakes_one_on_another_connection_is_found() {
    let found = found(None, overtaken_reply);
    assert!(found >= 35, "{found} of {SEEDS}");
}

#[test]
fn a_first_step_on_a_connection_that_is_lost_already_is_found() {
    let found = found(None, step_on_a_lost_connection);
    assert!(found >= 5, "{found} of {SEEDS}");
}

#[test]
fn a_service_tells_what_the_server_said_however_late_its_first_step() {
    assert_eq!(found(None, lost_goodbye), 0);
}
