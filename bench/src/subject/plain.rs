//! Simulations of work that other simulators can do as well: tasks that sleep, and streams
//! that are written to and read from, without a protocol.
//!
//! `peers/src/bin/sim_peers` has the same work on the others.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop::{
    ListenOptions, Listener as _, Resolve as _, Spawner as _, Tcp as _, TcpOptions, Timers as _,
};
use polyloop_sim::{Link, Sim, SimLoop, SimTcpListener, SimTcpStream};

use super::control::Control;
use super::simulated::measured;

const MS: Duration = Duration::from_millis(1);

/// What a client says, and its server says after it.
const PING: [u8; 64] = [b'x'; 64];

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// 50,000 round trips over one connection.
    RoundTrips,
    /// 100 hosts, each with ten connections to others, with 100 round trips each.
    Connections,
    /// 10,000 tasks that sleep twenty times each.
    Sleepers,
    /// 1,000 simulations of five round trips.
    Seeds,
}

/// Does the work whenever it is asked to.
pub(super) fn obey(work: Plain, recording: bool, control: Control) -> Result<(), String> {
    control.obey_blocking(|| measured(|| run(work, recording).map_err(|error| error.to_string())))
}

fn run(work: Plain, recording: bool) -> io::Result<()> {
    let simulation = |seed| {
        Sim::builder()
            .seed(seed)
            .recording(recording)
            .link(Link::new().latency(MS).jitter(MS / 2))
            .build()
    };
    match work {
        Plain::RoundTrips => pair(&simulation(1), 50_000),
        Plain::Connections => connections(&simulation(1)),
        Plain::Sleepers => sleepers(&simulation(1)),
        Plain::Seeds => (0..1_000).try_for_each(|seed| pair(&simulation(seed), 5)),
    }
}

/// A client and a server.
fn pair(sim: &Sim, times: u32) -> io::Result<()> {
    let (server, client) = (sim.host("server"), sim.host("client"));
    serve(&server)?;
    let exchanges = client.spawn(exchange(client.clone(), "server".to_owned(), times));
    over(sim.run(exchanges))
}

fn connections(sim: &Sim) -> io::Result<()> {
    const HOSTS: u32 = 100;

    let name = |number: u32| format!("host-{}", number % HOSTS);
    for number in 0..HOSTS {
        serve(&sim.host(&name(number)))?;
    }
    let mut exchanges = Vec::new();
    for number in 0..HOSTS {
        let lp = sim.host(&name(number));
        for step in 1..=10 {
            exchanges.push(lp.spawn(exchange(lp.clone(), name(number + step), 100)));
        }
    }
    let all = async move {
        for exchange in exchanges {
            exchange.await??;
        }
        Ok(Ok(()))
    };
    over(sim.run(all))
}

fn sleepers(sim: &Sim) -> io::Result<()> {
    let lp = sim.local();
    let mut random = fastrand::Rng::with_seed(1);
    let mut sleeper = || {
        let (clock, mut random) = (lp.clone(), random.fork());
        lp.spawn(async move {
            for _ in 0..20 {
                clock
                    .sleep(Duration::from_micros(random.u64(1..100_000)))
                    .await;
            }
        })
    };
    let sleepers: Vec<_> = (0..10_000).map(|_| sleeper()).collect();
    let all = async move {
        for sleeper in sleepers {
            sleeper.await?;
        }
        Ok(Ok(()))
    };
    over(sim.run(all))
}

/// What went wrong in a run, if anything.
fn over(
    run: Result<Result<io::Result<()>, polyloop::Failure>, polyloop::RunError>,
) -> io::Result<()> {
    run.map_err(io::Error::other)?.map_err(io::Error::other)?
}

fn serve(lp: &SimLoop) -> io::Result<()> {
    let every = std::net::SocketAddr::from(([0, 0, 0, 0], 7));
    let listener = lp.bind_tcp(every, &ListenOptions::default())?;
    // Until its simulation ends.
    drop(lp.spawn(accept(lp.clone(), listener)));
    Ok(())
}

async fn accept(lp: SimLoop, mut listener: SimTcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await?;
        drop(lp.spawn(echo(stream)));
    }
}

async fn echo(mut stream: SimTcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while let read @ 1.. = stream.read(&mut buffer).await? {
        stream.write_all(&buffer[..read]).await?;
    }
    Ok(())
}

async fn exchange(lp: SimLoop, server: String, times: u32) -> io::Result<()> {
    let address = lp.resolve(&server, 7).await.map_err(io::Error::other)?[0];
    let mut stream = lp.connect_tcp(address, &TcpOptions::default()).await?;
    let mut reply = PING;
    for _ in 0..times {
        stream.write_all(&PING).await?;
        stream.read_exact(&mut reply).await?;
    }
    Ok(())
}
