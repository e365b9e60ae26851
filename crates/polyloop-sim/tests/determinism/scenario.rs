//! A run with something of everything: tasks, timers, threads that call back, servers
//! and clients on three hosts, datagrams, jitter, loss, faults, a crash and a restart.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    Backoff, Calls, ClientService, CloseReason, DatagramProtocol, DatagramSocket,
    DatagramTransport, Failure, Loop, Promise, Protocol, Spawner, TaskGroup, Threads, Timers,
    Transport, Udp, UdpOptions,
};
use polyloop_sim::trace::Trace;
use polyloop_sim::{Crash, FaultKind, FaultRate, Link, Pace, Scheduler, Sim, SimLoop};

const MS: Duration = Duration::from_millis(1);

/// What happened, as the simulation and as the programs saw it.
pub(crate) struct Story {
    pub(crate) trace: Trace,
    pub(crate) log: Vec<String>,
}

type Log = Arc<Mutex<Vec<String>>>;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        transport.send_to(data, from)?;
        Ok(())
    }
}

struct Client {
    log: Log,
    name: usize,
    left: usize,
}

impl Client {
    fn say(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if self.left == 0 {
            transport.close();
        } else {
            self.left -= 1;
            transport.write(&vec![b'x'; 500 * (self.left % 7 + 1)])?;
        }
        Ok(())
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.say(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let line = format!("client {} got {}", self.name, data.len());
        self.log.lock().unwrap().push(line);
        self.say(transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        let line = format!("client {} lost: {reason}", self.name);
        self.log.lock().unwrap().push(line);
    }
}

/// Runs it all under a seed.
pub(crate) fn told(seed: u64, scheduler: Scheduler, pace: Pace) -> Story {
    let log = Log::default();
    let sim = Sim::builder()
        .seed(seed)
        .scheduler(scheduler)
        .pace(pace)
        .link(
            Link::new()
                .latency(5 * MS)
                .jitter(3 * MS)
                .loss(0.02)
                .duplicate(0.05),
        )
        .thread_time(Duration::ZERO..=3 * MS)
        .keep_records(usize::MAX)
        .time_limit(Duration::from_secs(600))
        .build();
    let (server, client) = (sim.host("server"), sim.host("client"));
    server.on_boot(|lp| async move {
        let any = SocketAddr::from(([0, 0, 0, 0], 7));
        if let Ok(socket) = lp.bind_udp(any, &UdpOptions::new()) {
            let _ = lp.drive_datagrams(socket, Echo);
        }
        if let Ok(server) = lp.serve("0.0.0.0:7", || Echo).await {
            server.drained().await;
        }
    });
    sim.at(300 * MS, |sim| sim.partition("client", "server"));
    sim.at(900 * MS, |sim| sim.heal("client", "server"));
    sim.at(2_000 * MS, |sim| sim.crash("server", Crash::Reset));
    sim.at(2_500 * MS, |sim| sim.restart("server"));
    sim.at(3_000 * MS, |sim| sim.pause("client"));
    sim.at(3_100 * MS, |sim| sim.resume("client"));
    sim.draw_faults(FaultRate::new(FaultKind::Reset, 800 * MS, MS));

    let (stage, notes) = (sim.clone(), log.clone());
    sim.run(async move {
        let services: Vec<_> = (0..3).map(|name| service(&client, &notes, name)).collect();
        let tasks = crowd(&stage.local(), &notes);
        let office = SocketAddr::new(stage.addresses("server")[0], 7);
        let asking = client.spawn(ask(client.clone(), office, notes.clone()));
        stage.local().sleep(4_000 * MS).await;
        let _ = asking.await;
        for service in services {
            let _ = service.stop().await;
        }
        for task in tasks {
            let _ = task.await;
        }
    })
    .unwrap();
    let log = log.lock().unwrap().clone();
    Story {
        trace: sim.trace(),
        log,
    }
}

/// Asks again and again, in datagrams of one piece and of several, and notes what comes.
async fn ask(lp: SimLoop, office: SocketAddr, log: Log) {
    let socket = lp.connect_udp(office, &UdpOptions::new()).unwrap();
    for round in 0..150 {
        let sent = socket.send(&vec![b'x'; round * 30]).await.is_ok();
        lp.sleep(20 * MS).await;
        while let Some(told) = received(&socket) {
            log.lock()
                .unwrap()
                .push(format!("in round {round} ({sent}): {told}"));
        }
    }
}

fn received(socket: &impl DatagramSocket) -> Option<String> {
    match socket.try_recv_from(&mut [0; 8_192]) {
        Ok((length, _)) => Some(format!("{length} bytes")),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(error) => Some(error.to_string()),
    }
}

/// A client that comes back, with waits that nobody gave a seed.
fn service(lp: &SimLoop, log: &Log, name: usize) -> ClientService<Client> {
    let log = log.clone();
    let factory = move || Client {
        log: log.clone(),
        name,
        left: 40,
    };
    let service = ClientService::builder(("server", 7), factory)
        .unwrap()
        .retry(Backoff::exponential().initial(20 * MS).max(200 * MS))
        .build(lp);
    service.start().unwrap();
    service
}

/// Tasks that end together, threads that call back, calls, and a group that is
/// cancelled: whatever keeps a list somewhere.
fn crowd(lp: &SimLoop, log: &Log) -> Vec<impl Promise<Value = ()> + use<>> {
    let mut tasks = Vec::new();
    for name in 0..5_u32 {
        let (inner, log) = (lp.clone(), log.clone());
        tasks.push(lp.spawn(async move {
            for round in 0..5 {
                inner.sleep(10 * MS * (name % 3)).await;
                let (caller, notes) = (inner.clone(), log.clone());
                let work = inner.run_in_thread(move || {
                    let note = format!("thread of {name} in {round}");
                    let outcome = caller.call_from_thread(move || notes.lock().unwrap().push(note));
                    outcome.is_ok()
                });
                assert!(work.await.unwrap());
                let (notes, note) = (log.clone(), format!("call of {name} in {round}"));
                let _ = inner.call_later(MS, move || notes.lock().unwrap().push(note));
            }
        }));
    }
    let (inner, log) = (lp.clone(), log.clone());
    tasks.push(lp.spawn(async move {
        let group = TaskGroup::new(&inner);
        for name in 0..20 {
            let (log, lp) = (log.clone(), inner.clone());
            let _ = group.spawn(async move {
                struct Gone(Log, u32);
                impl Drop for Gone {
                    fn drop(&mut self) {
                        self.0
                            .lock()
                            .unwrap()
                            .push(format!("member {} gone", self.1));
                    }
                }
                let _gone = Gone(log, name);
                lp.sleep(Duration::from_secs(100)).await;
                Ok::<(), Failure>(())
            });
        }
        inner.sleep(50 * MS).await;
        let join = group.join();
        join.cancel("enough");
        let _ = join.await;
    }));
    tasks
}
