//! Echo servers on other libraries that stand between a program and its runtime.
//!
//! A program of its own, so that what these libraries switch on in the runtimes
//! changes nothing in the others.

mod agnostic_net;
mod async_rs;
mod echo;
mod tor_rtcompat;

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    polyloop_bench::peer(|suite, on, subject| match subject {
        "tor-rtcompat" => tor_rtcompat::run(suite, on),
        "agnostic-net" => agnostic_net::run(suite, on),
        "async-rs" => async_rs::run(suite, on),
        other => Err(format!("{other:?} is not a peer")),
    })
}

/// tokio as the loop of that name has it, if it is one of tokio's.
fn tokio_runtime(on: &str) -> Result<Runtime, String> {
    let mut builder = match on {
        "tokio" => Builder::new_multi_thread(),
        "tokio-ct" => Builder::new_current_thread(),
        other => return Err(format!("this peer does not run on {other}")),
    };
    builder
        .enable_all()
        .build()
        .map_err(|error| format!("the tokio runtime: {error}"))
}
