//! A key-value server: `kv 127.0.0.1:6379`, then `redis-cli`; or
//! `kv unix:/tmp/kv.sock:replaceStale=yes`, then `redis-cli -s /tmp/kv.sock`.

use std::process::ExitCode;

use clap::Parser;
use polyloop::ListenOptions;
use polyloop::tls::server_endpoint;
use polyloop_examples::kv::{KvOptions, KvServer};
use polyloop_examples::program::{LoopChoice, announce};

/// A key-value server that speaks RESP2, the protocol of Redis.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// Where to listen, such as 127.0.0.1:6379, tcp:6379, unix:PATH, fd:3 or
    /// tls:6379:privateKey=server.pem; port 0 picks a free one.
    #[arg(default_value = "127.0.0.1:6379")]
    address: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.choice.run(async |lp| {
        let (endpoint, tls) = server_endpoint(&*arguments.address)?;
        let listen = ListenOptions::new().layer(tls);
        let server = KvServer::listen(&lp, endpoint, listen, KvOptions::default()).await?;
        announce(&server.local_addr())?;
        server.closed().await;
        Ok(())
    })
}
