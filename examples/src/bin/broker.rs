//! A broker: `broker 127.0.0.1:1884`, then `nc 127.0.0.1 1884` in two terminals.

use std::process::ExitCode;

use clap::Parser;
use polyloop_examples::broker::{self, BrokerOptions};
use polyloop_examples::program::{LoopChoice, announce};

/// A publish-and-subscribe broker for line-based clients.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// Where to listen, such as 127.0.0.1:1884, tcp:1884 or fd:3; port 0 picks a
    /// free one.
    address: String,
    /// Messages that may wait for a client.
    #[arg(long, default_value_t = BrokerOptions::default().inbox)]
    inbox: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.choice.run(async |lp| {
        let options = BrokerOptions::default().inbox(arguments.inbox);
        let server = broker::serve(&lp, &*arguments.address, options).await?;
        announce(&server.local_addr())?;
        server.drained().await;
        Ok(())
    })
}
