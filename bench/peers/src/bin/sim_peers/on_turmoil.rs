//! On turmoil, whose time moves in ticks.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

use super::{LATENCY, PING, sleeps};

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(1_000_000);

pub(super) fn run(suite: &str, tick: Duration) -> Result<(), String> {
    match suite {
        "sim-round-trips" => pair(1, 50_000, tick),
        "sim-connections" => connections(tick),
        "sim-sleepers" => sleepers(tick),
        "sim-seeds" => (0..1_000).try_for_each(|seed| pair(seed, 5, tick)),
        other => Err(format!("{other:?} is not for peers")),
    }
}

fn simulation<'a>(seed: u64, tick: Duration) -> Sim<'a> {
    Builder::new()
        .rng_seed(seed)
        .tick_duration(tick)
        .simulation_duration(LONG)
        .min_message_latency(LATENCY.start)
        .max_message_latency(LATENCY.end)
        .tcp_capacity(1024)
        .build()
}

fn done(mut sim: Sim<'_>) -> Result<(), String> {
    sim.run().map_err(|error| error.to_string())
}

fn pair(seed: u64, times: u32, tick: Duration) -> Result<(), String> {
    let mut sim = simulation(seed, tick);
    sim.host("server", serve);
    sim.client("client", exchange("server".to_owned(), times));
    done(sim)
}

fn connections(tick: Duration) -> Result<(), String> {
    let mut sim = simulation(1, tick);
    for number in 0..100 {
        sim.host(format!("host{number}"), serve);
    }
    for number in 0..100 {
        // Its own clients end, and a server does not.
        sim.client(format!("client{number}"), async move {
            let exchange = |step| async move {
                let server = format!("host{}", (number + step) % 100);
                exchange(server, 100)
                    .await
                    .map_err(|error| error.to_string())
            };
            let exchanges: Vec<_> = (1..=10).map(|step| tokio::spawn(exchange(step))).collect();
            for exchange in exchanges {
                exchange.await??;
            }
            Ok(())
        });
    }
    done(sim)
}

fn sleepers(tick: Duration) -> Result<(), String> {
    let mut sim = simulation(1, tick);
    sim.client("client", async {
        let sleeper = |sleeps| async {
            for length in sleeps {
                tokio::time::sleep(length).await;
            }
        };
        let sleepers: Vec<_> = sleeps()
            .map(|sleeps| tokio::spawn(sleeper(sleeps)))
            .collect();
        for sleeper in sleepers {
            sleeper.await?;
        }
        Ok(())
    });
    done(sim)
}

async fn serve() -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        drop(tokio::spawn(echo(stream)));
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    while let read @ 1.. = stream.read(&mut buffer).await? {
        stream.write_all(&buffer[..read]).await?;
    }
    Ok(())
}

async fn exchange(server: String, times: u32) -> turmoil::Result {
    let mut stream = TcpStream::connect((server, 7)).await?;
    let mut reply = PING;
    for _ in 0..times {
        stream.write_all(&PING).await?;
        stream.read_exact(&mut reply).await?;
    }
    Ok(())
}
