//! The simulations that are measured: programs as one writes them for any loop, on
//! simulated hosts.
//!
//! Each one goes the same way every time, since it comes from one seed.

use std::time::Duration;

use polyloop::{
    Backoff, ClientService, Connection, Failure, Loop, Protocol, RunError, Spawner, TimerKey,
    Timers, Transport,
};
use polyloop_sim::trace::Event;
use polyloop_sim::{Builder, Link, Sim, SimLoop};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What a client says, and its server says after it.
const PING: [u8; 64] = [b'x'; 64];

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// So many hosts, each with an echo server, and a client with so many connections to
    /// the servers of others, each with so many exchanges. On half of them the client
    /// waits between exchanges, by a timer.
    Echo {
        hosts: u32,
        connections: u32,
        exchanges: u32,
    },
    /// A client service that can't reach its server for an hour, and then can.
    Retries,
}

impl Scenario {
    /// Makes a simulation of it and runs that to its end. What a run returns is read
    /// while everything is still open.
    pub(crate) fn run<R: Send + 'static>(
        self,
        builder: Builder,
        at_the_end: impl FnOnce() -> R + Send + 'static,
    ) -> Result<(Sim, R), RunError> {
        let link = Link::new().latency(MS).jitter(MS / 2);
        let sim = builder.seed(1).link(link).build();
        let stage = sim.clone();
        let read = sim.run(async move {
            match self {
                Self::Echo {
                    hosts,
                    connections,
                    exchanges,
                } => echo(&stage, hosts, connections, exchanges, at_the_end).await,
                Self::Retries => {
                    retries(&stage).await;
                    at_the_end()
                }
            }
        })?;
        Ok((sim, read))
    }

    /// How many events it has: turns of tasks, timers that are due and segments that
    /// arrive. They are what a simulation goes through one by one; whatever else is
    /// recorded, such as a segment that leaves, is part of one of them.
    pub(crate) fn events(self) -> Result<u64, RunError> {
        let (sim, ()) = self.run(Sim::builder().keep_records(usize::MAX), || ())?;
        let records = sim.trace().records;
        let is_event = |event: &Event| {
            matches!(
                event,
                Event::TaskPolled { .. } | Event::TimerFired { .. } | Event::Arrived { .. }
            )
        };
        let events = records.iter().filter(|record| is_event(&record.event));
        Ok(events.count() as u64)
    }
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

/// Says something and waits for the same, again and again.
struct Client {
    left: u32,
    /// How long it waits before it goes on.
    pause: Duration,
    due: usize,
}

impl Client {
    fn say(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.due = PING.len();
        transport.write(&PING)?;
        Ok(())
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.say(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.due -= data.len();
        if self.due > 0 {
            return Ok(());
        }
        self.left -= 1;
        if self.left == 0 {
            Ok(())
        } else if self.pause.is_zero() {
            self.say(transport)
        } else {
            transport.set_timer(TimerKey::new("pause"), self.pause);
            Ok(())
        }
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        self.say(transport)
    }
}

async fn echo<R>(
    sim: &Sim,
    hosts: u32,
    connections: u32,
    exchanges: u32,
    at_the_end: impl FnOnce() -> R,
) -> R {
    let name = move |number: u32| format!("host-{}", number % hosts);
    let mut open = Vec::new();
    for number in 0..hosts {
        let server = sim.host(&name(number)).serve("0.0.0.0:7", || Echo).await;
        open.push(server.unwrap_or_else(|error| panic!("{error}")));
    }
    let clients: Vec<_> = (0..hosts)
        .map(|number| {
            let lp = sim.host(&name(number));
            let servers = (1..=connections).map(move |step| name(number + step));
            lp.clone().spawn(client(lp, servers, exchanges))
        })
        .collect();
    let mut connected = Vec::new();
    for client in clients {
        connected.push(client.await.unwrap_or_else(|failure| panic!("{failure}")));
    }
    let read = at_the_end();
    drop((connected, open));
    read
}

/// Connects to all of them, and is done when all has been said.
async fn client(
    lp: SimLoop,
    servers: impl Iterator<Item = String>,
    exchanges: u32,
) -> Vec<Connection<Client>> {
    let mut open = Vec::new();
    for (number, server) in servers.enumerate() {
        let pause = if number % 2 == 0 {
            Duration::ZERO
        } else {
            3 * MS
        };
        let client = move || Client {
            left: exchanges,
            pause,
            due: 0,
        };
        let connected = lp.connect((server.as_str(), 7), client).await;
        open.push(connected.unwrap_or_else(|error| panic!("{error}")));
    }
    for connection in &open {
        while connection.call(|client, _| client.left).await.ok() != Some(0) {
            lp.sleep(50 * MS).await;
        }
    }
    open
}

async fn retries(sim: &Sim) {
    let (server, client) = (sim.host("server"), sim.host("client"));
    server.on_boot(|lp| async move {
        if let Ok(listening) = lp.serve("0.0.0.0:7", || Echo).await {
            listening.drained().await;
        }
    });
    sim.partition("client", "server");
    sim.at(HOUR, |sim| sim.heal("client", "server"));
    let factory = || Client {
        left: 1,
        pause: Duration::ZERO,
        due: 0,
    };
    let service = ClientService::builder("server:7", factory)
        .unwrap_or_else(|error| panic!("{error}"))
        .retry(Backoff::exponential())
        .build(&client);
    let connected = service.start().is_ok() && service.when_connected(None).await.is_ok();
    assert!(connected && sim.elapsed() >= HOUR);
    let stopped = service.stop().await;
    assert!(stopped.is_ok());
}
