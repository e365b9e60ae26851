//! A forwarder: `proxy --listen 127.0.0.1:8080 --connect example.org:80`, or with TLS on either
//! side, `proxy --listen tls:8443:privateKey=server.pem --connect tls:example.org:443`.

use std::process::ExitCode;

use clap::Parser;
use polyloop::tls::{client_endpoint, server_endpoint};
use polyloop::{AcceptProxyHeader, ConnectOptions, ListenOptions};
use polyloop_examples::program::{LoopChoice, announce};
use polyloop_examples::proxy::{HeaderVersion, Proxy, Target};

/// Forwards connections, with bounded memory.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// Where to listen, such as 127.0.0.1:8080, unix:PATH, fd:3 or
    /// tls:8443:privateKey=server.pem; port 0 picks a free one.
    #[arg(long, value_name = "ENDPOINT")]
    listen: String,
    /// Where to forward to, such as host:port, unix:PATH or
    /// tls:host:port:trustRoots=authority.pem.
    #[arg(long, value_name = "ENDPOINT")]
    connect: String,
    /// Expects a PROXY header from each client, of either version, before TLS. Whoever can
    /// connect can claim to be anybody then.
    #[arg(long)]
    accept_proxy_header: bool,
    /// Sends the target a PROXY header of this version, before TLS: 1 is text, 2 binary.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u8).range(1..=2))]
    send_proxy_header: Option<u8>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.choice.run(async |lp| {
        let (at, near) = server_endpoint(&*arguments.listen)?;
        let (to, far) = client_endpoint(&*arguments.connect)?;
        let header = arguments.send_proxy_header.map(|version| match version {
            1 => HeaderVersion::Text,
            _ => HeaderVersion::Binary,
        });
        let target = Target::new(to, ConnectOptions::new())
            .layer(far)
            .header(header);
        let listen = ListenOptions::new();
        let proxy = if arguments.accept_proxy_header {
            let listen = listen.layer(AcceptProxyHeader::new()).layer(near);
            Proxy::forward(&lp, at, listen, target).await?
        } else {
            Proxy::forward(&lp, at, listen.layer(near), target).await?
        };
        announce(&proxy.local_addr())?;
        proxy.closed().await;
        Ok(())
    })
}
