//! Both ways of writing it give the same answers, on every loop.

use polyloop::{Failure, Loop};
use polyloop_examples::slow_square::{
    DELAY, fourth_power, fourth_power_with_callbacks, slow_square,
};

#[polyloop::test]
async fn both_ways_agree<L: Loop>(lp: L) -> Result<(), Failure> {
    for (number, expected) in [
        (3, "3 to the fourth power is 81"),
        // Fails in the second square, and in the first.
        (100_000, "no answer: 10000000000 is too large to be squared"),
        (
            i64::MAX,
            "no answer: 9223372036854775807 is too large to be squared",
        ),
    ] {
        let mut seen = Vec::new();
        let callbacks = fourth_power_with_callbacks(&lp, number, |first| {
            seen.push(first.as_ref().ok().copied());
        })
        .await?;
        let sequential = fourth_power(&lp, number, |first| {
            seen.push(first.as_ref().ok().copied());
        })
        .await;
        assert_eq!((&*callbacks, &*sequential), (expected, expected));
        assert_eq!(seen, [number.checked_mul(number); 2]);
    }
    Ok(())
}

#[polyloop::test]
async fn it_takes_its_time<L: Loop>(lp: L) -> Result<(), Failure> {
    let start = lp.now();
    assert_eq!(slow_square(&lp, 12).await?, 144);
    assert!(lp.now() - start >= DELAY);
    Ok(())
}
