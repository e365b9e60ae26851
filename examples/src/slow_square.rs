//! The first lesson: a value that isn't available yet.
//!
//! [`slow_square`] takes its time. What depends on its answer can be written as
//! callbacks chained on the promise, or as an `async fn` that reads from top to
//! bottom. Both do the same and cost the same: a chain is a future, and a future of
//! a loop is a promise.

use std::time::Duration;

use polyloop_core::{Calls, Deferred, Failure, Promise};

/// How slow a square is.
pub const DELAY: Duration = Duration::from_millis(250);

/// Squares a number, [`DELAY`] later.
///
/// It asks for [`Calls`], the ability to make a call later, and for nothing else of
/// a loop. The [`Resolver`](polyloop_core::Resolver) goes into the future with the
/// call; the caller has the promise at once.
pub fn slow_square<L: Calls>(lp: &L, number: i64) -> Deferred<i64> {
    let (resolver, promise) = Deferred::new();
    let answer = move || {
        // Nobody may be waiting any more, and then the answer is lost, which is what
        // whoever went away wants.
        let _ = match number.checked_mul(number) {
            Some(square) => resolver.resolve(square).map_err(drop),
            None => resolver
                .reject(format!("{number} is too large to be squared"))
                .map_err(drop),
        };
    };
    match lp.call_later(DELAY, answer) {
        Ok(_call) => promise,
        // A closed loop makes no calls.
        Err(rejected) => Deferred::failed(rejected.closed),
    }
}

/// The fourth power, with callbacks: Twisted's way.
///
/// Nothing here runs before the chain is awaited or spawned, and no callback runs
/// inside the call that resolves the promise. `observe` is told of the first square
/// and changes nothing.
pub fn fourth_power_with_callbacks<L: Calls + Clone>(
    lp: &L,
    number: i64,
    observe: impl FnOnce(&Result<i64, Failure>) + Send,
) -> impl Promise<Value = String> {
    let again = lp.clone();
    slow_square(lp, number)
        // Looks on, by reference.
        .on_done(observe)
        // Waits for a second promise, made from the value of the first.
        .and_then(move |square| slow_square(&again, square))
        // Transforms the value. Failures pass by.
        .then(move |fourth| Ok(format!("{number} to the fourth power is {fourth}")))
        // Turns a failure back into a value. One in either square ends up here.
        .or_else(|failure| Ok(format!("no answer: {}", failure.text())))
}

/// The fourth power, as an `async fn`: the same steps in the same order.
pub async fn fourth_power<L: Calls>(
    lp: &L,
    number: i64,
    observe: impl FnOnce(&Result<i64, Failure>) + Send,
) -> String {
    let attempt = async {
        let first = slow_square(lp, number).await;
        observe(&first);
        let fourth = slow_square(lp, first?).await?;
        Ok::<_, Failure>(format!("{number} to the fourth power is {fourth}"))
    };
    match attempt.await {
        Ok(answer) => answer,
        Err(failure) => format!("no answer: {}", failure.text()),
    }
}
