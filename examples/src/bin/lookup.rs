//! Lookup: `lookup server 127.0.0.1:5353 answer=42`, then `lookup client 127.0.0.1:5353 answer`.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use polyloop::Failure;
use polyloop_examples::lookup::{self, Names};
use polyloop_examples::program::{LoopChoice, announce};

/// Asks for names, and answers, in datagrams.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Answers until it is stopped.
    Server {
        /// Where to answer, such as 127.0.0.1:5353; port 0 picks a free one.
        address: SocketAddr,
        /// What there is, as NAME=VALUE.
        #[arg(value_parser = entry)]
        table: Vec<(String, String)>,
    },
    /// Asks and prints the answer.
    Client {
        /// Where the server is.
        address: SocketAddr,
        /// The name to ask for.
        wanted: String,
    },
}

fn entry(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn main() -> ExitCode {
    let Arguments { choice, role } = Arguments::parse();
    choice.run(async |lp| {
        match role {
            Role::Server { address, table } => {
                let endpoint = lookup::serve(&lp, address, Names::new(table))?;
                let address = endpoint.local_addr();
                announce(
                    &address
                        .ok_or(Failure::message("the socket has no address"))?
                        .into(),
                )?;
                endpoint.stopped().await;
            }
            Role::Client { address, wanted } => {
                let value = lookup::look_up(&lp, address, &wanted).await?;
                println!("{}", String::from_utf8_lossy(&value));
            }
        }
        Ok(())
    })
}
