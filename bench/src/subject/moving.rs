//! What is moved where when pending calls are, the same for every program.

use std::time::Duration;

/// So many are pending.
pub(super) const CALLS: u64 = 1_000;

/// How far away the one of that number is at first.
pub(super) fn at_first(number: u64) -> Duration {
    Duration::from_millis(60_000 + number)
}

/// Which one an operation moves.
pub(super) fn which(operation: u64) -> usize {
    usize::try_from(operation % CALLS).unwrap_or_default()
}

/// How far away from then on: each later at one turn and earlier at the next.
pub(super) fn to(operation: u64) -> Duration {
    let later = 60_000 * (operation / CALLS % 2);
    Duration::from_millis(30_000 + later + operation % 997)
}
