//! Echo: `echo server 127.0.0.1:7777`, then `echo client 127.0.0.1:7777 hello`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use polyloop_examples::echo;
use polyloop_examples::program::{LoopChoice, announce};

/// Sends back what it gets.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Serves until it is stopped.
    Server {
        /// Where to listen, such as 127.0.0.1:7777, tcp:7777 or fd:3; port 0 picks a
        /// free one.
        address: String,
    },
    /// Sends a text and prints the answer.
    Client {
        /// Where the server is.
        address: String,
        /// What to send.
        text: String,
    },
}

fn main() -> ExitCode {
    let Arguments { choice, role } = Arguments::parse();
    choice.run(async |lp| {
        match role {
            Role::Server { address } => {
                let server = echo::serve(&lp, &*address).await?;
                announce(&server.local_addr())?;
                server.drained().await;
            }
            Role::Client { address, text } => {
                let answer = echo::ask(&lp, &*address, text.into_bytes()).await?;
                println!("{}", String::from_utf8_lossy(&answer));
            }
        }
        Ok(())
    })
}
