//! `cargo xtask bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    polyloop_bench::bench()
}
