//! A chat room: `chat 127.0.0.1:7777`, then `nc 127.0.0.1 7777` in two terminals.

use std::process::ExitCode;

use clap::Parser;
use polyloop_examples::chat::{self, ChatOptions};
use polyloop_examples::program::{LoopChoice, announce};

/// A chat room for line-based clients.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// Where to listen, such as 127.0.0.1:7777, tcp:7777 or fd:3; port 0 picks a
    /// free one.
    address: String,
    /// The longest line, in bytes.
    #[arg(long, default_value_t = ChatOptions::default().line_limit)]
    line_limit: usize,
    /// A member with more than this many bytes waiting is dropped.
    #[arg(long, default_value_t = ChatOptions::default().queue_limit)]
    queue_limit: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.choice.run(async |lp| {
        let options = ChatOptions::default()
            .line_limit(arguments.line_limit)
            .queue_limit(arguments.queue_limit);
        let server = chat::serve(&lp, &*arguments.address, options).await?;
        announce(&server.local_addr())?;
        server.drained().await;
        Ok(())
    })
}
