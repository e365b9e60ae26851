//! CLI: the policies that say when to try again.

use std::time::Duration;

use polyloop_core::{Backoff, Failure, MainLoop, RetryPolicy};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn wait(policy: &mut Backoff, failures: usize) -> Verdict<Duration> {
    policy
        .delay(failures, &Failure::message("refused"))
        .ok_or_else(|| Fault::new(format!("the policy gave up at {failures}")))
}

/// The middles, the spread of ten thousand draws, and the clamp behind it. The mean
/// may be off by ten of its standard errors and the deviation by a tenth.
pub fn cli_13<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    let mut policy = Backoff::reconnecting().seed(13);
    ensure_eq!(policy.bound(1), SECOND, "the first wait before jitter");
    for failures in 1..8 {
        let growth =
            policy.bound(failures + 1).as_secs_f64() / policy.bound(failures).as_secs_f64();
        ensure!(
            (growth - std::f64::consts::E).abs() < 1e-6,
            "it grew by {growth}"
        );
    }
    ensure_eq!(policy.bound(50), HOUR, "the longest wait before jitter");
    let mut draws = Vec::new();
    for _ in 0..10_000 {
        draws.push(wait(&mut policy, 1)?.as_secs_f64());
    }
    let mean = draws.iter().sum::<f64>() / 1e4;
    let deviation = (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 1e4).sqrt();
    ensure!((mean - 1.0).abs() < 0.012, "the mean is {mean}");
    ensure!(
        (deviation - 0.1196).abs() < 0.012,
        "the deviation is {deviation}"
    );
    for _ in 0..1_000 {
        let longest = wait(&mut policy, 50)?;
        ensure!(longest <= HOUR, "jitter led to {longest:?}");
    }
    Ok(())
}

/// The bounds, the spread, the seed, and numbers that could overflow.
pub fn cli_15<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    let mut policy = Backoff::exponential().seed(15);
    ensure_eq!(policy.bound(1), SECOND * 3 / 2, "the first bound");
    ensure_eq!(policy.bound(2), SECOND * 9 / 4, "the second bound");
    for failures in [11, 1_000_000, usize::MAX] {
        ensure_eq!(
            policy.bound(failures),
            SECOND * 60,
            "the bound at {failures}"
        );
    }
    for failures in [1, 4, usize::MAX] {
        let bound = policy.bound(failures);
        let (mut short, mut long) = (false, false);
        for _ in 0..1_000 {
            let wait = wait(&mut policy, failures)?;
            ensure!(wait <= bound, "{wait:?} is over {bound:?}");
            short |= wait < bound / 10;
            long |= wait > bound / 10 * 9;
        }
        ensure!(
            short && long,
            "a thousand waits do not fill the range up to {bound:?}"
        );
    }
    let other = Backoff::exponential().initial(SECOND * 3).factor(2.0);
    ensure_eq!(other.bound(1), SECOND * 6, "the first bound, from three");
    ensure_eq!(other.bound(2), SECOND * 12, "the second, twice as long");
    let draw = |seed| -> Vec<_> {
        let mut policy = Backoff::exponential().seed(seed);
        let refused = Failure::message("refused");
        (1..20)
            .map(|failures| policy.delay(failures, &refused))
            .collect()
    };
    ensure_eq!(draw(1), draw(1), "two runs with one seed");
    ensure!(draw(1) != draw(2), "two seeds gave the same waits");
    let huge = Backoff::exponential()
        .initial(Duration::MAX)
        .max(Duration::MAX);
    ensure_eq!(
        huge.clone().seed(1).bound(usize::MAX),
        Duration::MAX,
        "a huge bound"
    );
    wait(&mut huge.seed(1), usize::MAX)?;
    Ok(())
}
