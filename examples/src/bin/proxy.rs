//! A TCP forwarder: `proxy 127.0.0.1:8080 example.org:80`.

use std::process::ExitCode;

use clap::Parser;
use polyloop_examples::program::{LoopChoice, announce};
use polyloop_examples::proxy::Proxy;

/// Forwards connections, with bounded memory.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// Where to listen, such as 127.0.0.1:8080, tcp:8080 or fd:3; port 0 picks a
    /// free one.
    listen: String,
    /// Where to forward to: host:port.
    target: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.choice.run(async |lp| {
        let proxy = Proxy::serve(&lp, &*arguments.listen, &*arguments.target).await?;
        announce(&proxy.local_addr())?;
        proxy.closed().await;
        Ok(())
    })
}
