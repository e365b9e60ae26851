//! [`RetryPolicy`]: how long to wait before the next attempt, and [`Backoff`], the
//! policy that fits most.
//!
//! A policy is a function of the number of consecutive failures and of the last of them.
//! It reads no clock and starts no timer, so the same policy runs in a program and in a
//! simulation.

use std::fmt;
use std::time::Duration;

use crate::promise::failure::Failure;

/// Decides how long to wait after a failure, and whether to go on at all.
///
/// Any `FnMut(usize, &Failure) -> Option<Duration>` is one.
///
/// ```
/// use polyloop_core::{Failure, RetryPolicy};
/// use std::time::Duration;
///
/// fn steady() -> impl RetryPolicy {
///     |failures: usize, _: &Failure| (failures <= 10).then_some(Duration::from_secs(5))
/// }
/// let refused = Failure::message("refused");
/// assert_eq!(steady().delay(10, &refused), Some(Duration::from_secs(5)));
/// assert_eq!(steady().delay(11, &refused), None);
/// ```
pub trait RetryPolicy: Send + 'static {
    /// How long to wait after the `failures`th failure in a row, counted from 1, of which
    /// this is the last; `None` gives up.
    ///
    /// From a [`ClientService`](crate::ClientService) the failure is a [`ConnectError`],
    /// what the [`prepare`](crate::ClientServiceBuilder::prepare) step failed with, or what
    /// the connection was lost with (CLI-24).
    ///
    /// [`ConnectError`]: crate::ConnectError
    fn delay(&mut self, failures: usize, failure: &Failure) -> Option<Duration>;

    /// Takes a number of the loop's to draw at random from, before the first delay. A
    /// policy that draws nothing, or was given a seed, does without.
    fn seed_from_loop(&mut self, seed: u64) {
        let _ = seed;
    }

    /// Gives up at once on failures that no further attempt can mend, such as a wrong
    /// password; others are left to this policy (CLI-24).
    ///
    /// ```
    /// use polyloop_core::{Backoff, ConnectError, Failure, RetryPolicy};
    ///
    /// let mut policy = Backoff::exponential().give_up_on(|failure| {
    ///     matches!(failure.downcast_ref(), Some(ConnectError::Declined { .. }))
    /// });
    /// assert!(policy.delay(1, &Failure::message("out of order")).is_some());
    /// let peer = ([127, 0, 0, 1], 7).into();
    /// assert!(policy.delay(1, &ConnectError::Declined { peer }.into()).is_none());
    /// ```
    fn give_up_on<F>(self, is_permanent: F) -> GiveUpOn<Self, F>
    where
        Self: Sized,
        F: FnMut(&Failure) -> bool + Send + 'static,
    {
        GiveUpOn {
            policy: self,
            is_permanent,
        }
    }
}

impl<F> RetryPolicy for F
where
    F: FnMut(usize, &Failure) -> Option<Duration> + Send + 'static,
{
    fn delay(&mut self, failures: usize, failure: &Failure) -> Option<Duration> {
        self(failures, failure)
    }
}

/// What [`RetryPolicy::give_up_on`] returns.
#[derive(Clone)]
pub struct GiveUpOn<P, F> {
    policy: P,
    is_permanent: F,
}

impl<P, F> RetryPolicy for GiveUpOn<P, F>
where
    P: RetryPolicy,
    F: FnMut(&Failure) -> bool + Send + 'static,
{
    fn delay(&mut self, failures: usize, failure: &Failure) -> Option<Duration> {
        if (self.is_permanent)(failure) {
            return None;
        }
        self.policy.delay(failures, failure)
    }

    fn seed_from_loop(&mut self, seed: u64) {
        self.policy.seed_from_loop(seed);
    }
}

impl<P: fmt::Debug, F> fmt::Debug for GiveUpOn<P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GiveUpOn")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Waits that grow by a factor up to a limit, with jitter so that clients that were
/// cut off together do not come back together.
///
/// ```
/// use polyloop_core::{Backoff, Failure, RetryPolicy};
/// use std::time::Duration;
///
/// let refused = Failure::message("refused");
/// let mut policy = Backoff::exponential()
///     .initial(Duration::from_millis(200))
///     .max(Duration::from_secs(10))
///     .max_retries(20)
///     .seed(7); // the same waits in each run
/// assert!(policy.delay(1, &refused).unwrap() <= Duration::from_millis(300));
/// assert!(policy.delay(20, &refused).unwrap() <= Duration::from_secs(10));
/// assert_eq!(policy.delay(21, &refused), None);
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Duration,
    factor: f64,
    max: Duration,
    max_retries: Option<usize>,
    shape: Shape,
    /// `None` until it is known what to draw from.
    random: Option<fastrand::Rng>,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Anything from zero to the bound.
    FullJitter,
    /// Around the bound, normally distributed.
    Reconnecting,
}

/// How far Twisted's factory strays, as a part of the delay: the standard deviation.
const GAUSSIAN_JITTER: f64 = 0.119_626_565_582;

impl Backoff {
    /// Full jitter below `min(1 s × 1.5ⁿ, 60 s)` after the nth failure (CLI-15).
    pub fn exponential() -> Self {
        Self {
            initial: Duration::from_secs(1),
            factor: 1.5,
            max: Duration::from_secs(60),
            max_retries: None,
            shape: Shape::FullJitter,
            random: None,
        }
    }

    /// The shape of Twisted's `ReconnectingClientFactory`: 1 s at first, e times as
    /// much after each further failure, about 12 % of Gaussian jitter, and never more
    /// than an hour, jitter included (CLI-13).
    pub fn reconnecting() -> Self {
        Self {
            initial: Duration::from_secs(1),
            factor: std::f64::consts::E,
            max: Duration::from_secs(3600),
            max_retries: None,
            shape: Shape::Reconnecting,
            random: None,
        }
    }

    /// What the delay grows from: 1 s unless set.
    pub fn initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// What the delay grows by at each failure. Waits never shrink: less than 1
    /// counts as 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// The longest wait.
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Gives up after this many retries in a row; never unless set (CLI-14).
    pub fn max_retries(mut self, retries: usize) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Draws the jitter from this seed, so that a run can be repeated. Otherwise the
    /// seed is the loop's where a [`ClientService`](crate::ClientService) uses the policy,
    /// and that of `fastrand`'s generator of the thread elsewhere.
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = Some(fastrand::Rng::with_seed(seed));
        self
    }

    /// The wait after the `failures`th failure before jitter: the longest one with full
    /// jitter, the middle one with the reconnecting shape.
    ///
    /// ```
    /// # use polyloop_core::Backoff;
    /// # use std::time::Duration;
    /// assert_eq!(Backoff::exponential().bound(1), Duration::from_millis(1500));
    /// assert_eq!(Backoff::exponential().bound(usize::MAX), Duration::from_secs(60));
    /// assert_eq!(Backoff::reconnecting().bound(1), Duration::from_secs(1));
    /// ```
    pub fn bound(&self, failures: usize) -> Duration {
        if self.initial.is_zero() {
            return Duration::ZERO;
        }
        let power = match self.shape {
            Shape::FullJitter => failures,
            Shape::Reconnecting => failures.saturating_sub(1),
        };
        // What is too large for an i32 is infinite anyway, unless the factor is 1.
        let growth = self.factor.powi(i32::try_from(power).unwrap_or(i32::MAX));
        self.clamped(self.initial.as_secs_f64() * growth)
    }

    /// A number of seconds, which may be infinite, as a wait.
    fn clamped(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds.max(0.0))
            .unwrap_or(self.max)
            .min(self.max)
    }

    fn draw(&mut self) -> f64 {
        self.random.get_or_insert_with(fastrand::Rng::new).f64()
    }

    /// Normally distributed around 0 with deviation 1 (Box and Muller's way).
    fn gauss(&mut self) -> f64 {
        // Never the logarithm of zero.
        let radius = (-2.0 * (1.0 - self.draw()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.draw()).cos()
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::exponential()
    }
}

impl RetryPolicy for Backoff {
    fn delay(&mut self, failures: usize, _: &Failure) -> Option<Duration> {
        if self.max_retries.is_some_and(|retries| failures > retries) {
            return None;
        }
        let bound = self.bound(failures).as_secs_f64();
        Some(match self.shape {
            Shape::FullJitter => {
                let part = self.draw();
                self.clamped(bound * part)
            }
            Shape::Reconnecting => {
                let stray = self.gauss() * GAUSSIAN_JITTER;
                self.clamped(bound + bound * stray)
            }
        })
    }

    fn seed_from_loop(&mut self, seed: u64) {
        self.random
            .get_or_insert_with(|| fastrand::Rng::with_seed(seed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure::message("refused")
    }

    #[test]
    fn full_jitter_fills_the_range_and_stays_in_it() {
        let mut policy = Backoff::exponential().seed(1);
        for failures in [1, 2, 5, 11, 1_000, usize::MAX] {
            let bound = policy.bound(failures);
            let waits: Vec<_> = (0..2_000)
                .map(|_| policy.delay(failures, &refused()).unwrap())
                .collect();
            assert!(waits.iter().all(|wait| *wait <= bound), "{failures}");
            // 2,000 even draws miss a tenth of the range with a probability of 1e-91.
            assert!(waits.iter().any(|wait| *wait < bound / 10));
            assert!(waits.iter().any(|wait| *wait > bound / 10 * 9));
        }
    }

    #[test]
    fn bounds_grow_to_the_limit_and_never_overflow() {
        let policy = Backoff::exponential();
        assert_eq!(policy.bound(2), Duration::from_millis(2250));
        assert_eq!(policy.bound(10), Duration::from_secs_f64(1.5f64.powi(10)));
        assert_eq!(policy.bound(11), Duration::from_secs(60));
        assert_eq!(policy.bound(usize::MAX), Duration::from_secs(60));
        let extreme = Backoff::exponential()
            .initial(Duration::MAX)
            .factor(f64::INFINITY)
            .max(Duration::MAX);
        assert_eq!(extreme.bound(usize::MAX), Duration::MAX);
        let zero = Backoff::exponential().initial(Duration::ZERO);
        assert_eq!(zero.bound(usize::MAX), Duration::ZERO);
        let steady = Backoff::exponential().factor(f64::NAN);
        assert_eq!(steady.bound(usize::MAX), Duration::from_secs(1));
    }

    #[test]
    fn the_reconnecting_shape_strays_by_an_eighth_and_is_clamped_after_it() {
        let mut policy = Backoff::reconnecting().seed(2);
        assert_eq!(policy.bound(2).as_millis(), 2718);
        assert_eq!(policy.bound(100), Duration::from_secs(3600));
        let waits: Vec<_> = (0..10_000)
            .map(|_| policy.delay(1, &refused()).unwrap().as_secs_f64())
            .collect();
        let mean = waits.iter().sum::<f64>() / 10_000.0;
        let variance = waits.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!((variance.sqrt() - 0.12).abs() < 0.01, "{variance}");
        assert!(
            (0..1_000).all(|_| policy.delay(100, &refused()).unwrap() <= Duration::from_secs(3600))
        );
    }

    #[test]
    fn a_seed_repeats_the_waits_and_a_limit_ends_them() {
        let waits = |seed| -> Vec<_> {
            let mut policy = Backoff::exponential().max_retries(3).seed(seed);
            (1..=4)
                .map(|failures| policy.delay(failures, &refused()))
                .collect()
        };
        assert_eq!(waits(5), waits(5));
        assert_ne!(waits(5), waits(6));
        assert_eq!(waits(5)[3], None);
    }
}
