//! Follow: `follow 127.0.0.1:7777` prints every line that the server says, and comes back
//! when the server does.

use std::process::ExitCode;

use clap::Parser;
use polyloop_core::Backoff;
use polyloop_examples::follow::follow;
use polyloop_examples::program::LoopChoice;

/// Hears every line that a server says.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// Where the server is.
    address: String,
}

fn main() -> ExitCode {
    let Arguments { choice, address } = Arguments::parse();
    choice.run(async |lp| {
        let service = follow(&lp, &*address, Backoff::exponential(), |line| {
            println!("{line}");
        })?;
        loop {
            // Fails when the service has given up.
            let connection = service.when_connected(None).await?;
            println!("-- connected to {address}");
            println!("-- {}", connection.closed().await);
        }
    })
}
