//! The work of `subject/plain.rs` on other simulators.
//!
//! A program of its own, since madsim simulates only where all of it is compiled with
//! `--cfg madsim`: `cargo xtask bench sim --peers` does that, in a directory of its own.

mod on_madsim;
mod on_turmoil;

use std::process::ExitCode;
use std::time::Duration;

/// What a client says, and its server says after it.
const PING: [u8; 64] = [b'x'; 64];

/// A segment travels so long.
const LATENCY: std::ops::Range<Duration> =
    Duration::from_micros(1_000)..Duration::from_micros(1_500);

/// How long the sleepers sleep.
fn sleeps() -> impl Iterator<Item = impl Iterator<Item = Duration> + Send> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..10_000).map(move |_| {
        let mut random = random.fork();
        (0..20).map(move |_| Duration::from_micros(random.u64(1..100_000)))
    })
}

fn main() -> ExitCode {
    polyloop_bench::simulating_peer(|suite, subject| match subject {
        "madsim" => on_madsim::run(suite),
        "turmoil 1 ms" => on_turmoil::run(suite, Duration::from_millis(1)),
        "turmoil 10 ms" => on_turmoil::run(suite, Duration::from_millis(10)),
        other => Err(format!("{other:?} is not a simulator")),
    })
}
