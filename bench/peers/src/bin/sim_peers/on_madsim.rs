//! On madsim.

use std::io;

use madsim::net::{TcpListener, TcpStream};
use madsim::runtime::{NodeHandle, Runtime};
use madsim::{Config, task, time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{LATENCY, PING, sleeps};

pub(super) fn run(suite: &str) -> Result<(), String> {
    match suite {
        "sim-round-trips" => pair(1, 50_000),
        "sim-connections" => connections(),
        "sim-sleepers" => sleepers(),
        "sim-seeds" => (0..1_000).try_for_each(|seed| pair(seed, 5)),
        other => Err(format!("{other:?} is not for peers")),
    }
}

fn runtime(seed: u64) -> Runtime {
    let mut config = Config::default();
    config.net.send_latency = LATENCY;
    Runtime::with_seed_and_config(seed, config)
}

/// A machine; the last number of its address is one more than its own.
fn node(runtime: &Runtime, number: u8) -> NodeHandle {
    let node = runtime.create_node().name(format!("host {number}"));
    node.ip(std::net::Ipv4Addr::new(10, 0, 0, number + 1).into())
        .build()
}

fn pair(seed: u64, times: u32) -> Result<(), String> {
    let runtime = runtime(seed);
    let (server, client) = (node(&runtime, 0), node(&runtime, 1));
    drop(server.spawn(serve()));
    let exchanges = client.spawn(exchange(0, times));
    let done = runtime.block_on(exchanges);
    done.map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

fn connections() -> Result<(), String> {
    let runtime = runtime(1);
    let nodes: Vec<_> = (0..100).map(|number| node(&runtime, number)).collect();
    for node in &nodes {
        drop(node.spawn(serve()));
    }
    let mut exchanges = Vec::new();
    for (number, node) in (0..).zip(&nodes) {
        exchanges.extend((1..=10).map(|step| node.spawn(exchange((number + step) % 100, 100))));
    }
    runtime.block_on(async move {
        for exchange in exchanges {
            let done = exchange.await.map_err(|error| error.to_string())?;
            done.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

fn sleepers() -> Result<(), String> {
    runtime(1).block_on(async {
        let sleeper = |sleeps| async {
            for length in sleeps {
                time::sleep(length).await;
            }
        };
        let sleepers: Vec<_> = sleeps()
            .map(|sleeps| task::spawn(sleeper(sleeps)))
            .collect();
        for sleeper in sleepers {
            sleeper.await.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        drop(task::spawn(echo(stream)));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while let read @ 1.. = stream.read(&mut buffer).await? {
        stream.write_all(&buffer[..read]).await?;
        stream.flush().await?;
    }
    Ok(())
}

async fn exchange(server: u8, times: u32) -> io::Result<()> {
    let address = format!("10.0.0.{}:7", server + 1);
    let mut stream = loop {
        // Its server may not have begun.
        match TcpStream::connect(&*address).await {
            Ok(stream) => break stream,
            Err(_) => time::sleep(LATENCY.start).await,
        }
    };
    let mut reply = PING;
    for _ in 0..times {
        stream.write_all(&PING).await?;
        stream.flush().await?;
        stream.read_exact(&mut reply).await?;
    }
    Ok(())
}
