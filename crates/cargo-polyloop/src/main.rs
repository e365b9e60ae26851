//! `cargo polyloop`. All of it is in the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_polyloop::main()
}
