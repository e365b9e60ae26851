//! Running a model: a piece of code whose threads are stopped wherever they touch
//! something shared, over and over, each time in another order.
//!
//! A model lies beside what it models, in a module `models`, and is an ordinary test that
//! only exists with `--cfg shuttle`. `cargo xtask models` runs them.
//!
//! | variable | what it says |
//! | --- | --- |
//! | `POLYLOOP_SCHEDULES` | how many orders are drawn of each model |
//! | `POLYLOOP_MODEL_SEED` | the seed that they are drawn from |
//! | `POLYLOOP_SCHEDULE` | the one order to run again, as a failure prints it |

use std::env;
use std::future::{Future, poll_fn};
use std::io::{self, Write as _};
use std::pin::Pin;
use std::str::FromStr;
use std::task::Poll;
use std::time::Instant;

use shuttle::future::block_on;
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// How many orders are drawn of each model if nothing else is said.
const SCHEDULES: usize = 20_000;
/// A model that goes depth first ends before this.
const TOO_MANY: usize = 2_000_000;
/// A run that takes more steps than this is going round in a circle.
const STEPS: usize = 20_000;
/// Bytes of stack for each thread of a model.
const STACK: usize = 256 * 1024;
/// How many changes of who goes first a PCT schedule has.
const CHANGES: usize = 3;

/// Runs the model in every order that there is.
///
/// # Panics
/// If it fails in one of them, or has too many: then its orders are to be
/// [drawn](draw).
#[track_caller]
pub(crate) fn exhaust(model: fn()) {
    if repeat(model) {
        return;
    }
    let ran = run(
        DfsScheduler::new(Some(TOO_MANY), false),
        "depth first",
        model,
    );
    assert!(
        ran < TOO_MANY,
        "it has more than {TOO_MANY} orders: draw them"
    );
}

/// Runs the model in orders drawn at random and, as many, with few changes of who goes
/// first (PCT), which finds what takes a thread that is held up for long.
pub(crate) fn draw(model: fn()) {
    if repeat(model) {
        return;
    }
    let schedules = setting("POLYLOOP_SCHEDULES", SCHEDULES);
    let seed = setting("POLYLOOP_MODEL_SEED", 0);
    let random = schedules.div_ceil(2);
    run(
        RandomScheduler::new_from_seed(seed, random),
        "random",
        model,
    );
    run(
        PctScheduler::new_from_seed(seed, CHANGES, random),
        "PCT",
        model,
    );
}

fn run(scheduler: impl Scheduler + 'static, way: &str, model: fn()) -> usize {
    let began = Instant::now();
    let mut config = Config::default();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    // That weak memory is not modelled here is why there is loom.
    config.silence_warnings = true;
    let ran = Runner::new(scheduler, config).run(model);
    let took = began.elapsed().as_secs_f64();
    // Past the runner of the tests, which shows only what those that failed print.
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a model");
    let line = format!("{name}: {ran} orders, {way}, in {took:.1} s\n");
    let _ = io::stdout().write_all(line.as_bytes());
    ran
}

/// Polls a future once, as somebody does who may then leave.
pub(crate) fn look<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    block_on(poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    }))
}

/// Runs one order again, if that is asked for.
fn repeat(model: fn()) -> bool {
    let Ok(schedule) = env::var("POLYLOOP_SCHEDULE") else {
        return false;
    };
    shuttle::replay(model, &schedule);
    true
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text:?}")),
        Err(_) => default,
    }
}
