//! What goes wrong in a scenario, and when: drawn from the seed, so that the same seed
//! makes the same trouble.

use std::time::Duration;

use polyloop::sim::{Crash, Sim, SimLoop};
use polyloop_core::{Failure, Spawner as _, Timers as _};

/// How much trouble a scenario has to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The links are slow, and that is all.
    Latency,
    /// Partitions, too, which heal.
    Partitions,
    /// And the host of one client crashes.
    Crash,
}

/// Hosts around a server, and a source of chance for the scenario.
pub struct World {
    /// The simulation they are in.
    pub sim: Sim,
    /// The server's host.
    pub server: SimLoop,
    /// The clients' hosts.
    pub clients: Vec<SimLoop>,
    /// Draws what the scenario does.
    pub random: fastrand::Rng,
    trouble: Trouble,
    /// The client whose host will crash.
    doomed: Option<usize>,
}

impl World {
    /// A server and some clients in `sim`.
    pub fn new(sim: &Sim, clients: usize, trouble: Trouble) -> Self {
        let mut random = fastrand::Rng::with_seed(sim.random());
        Self {
            sim: sim.clone(),
            server: sim.host("server"),
            clients: (0..clients)
                .map(|number| sim.host(&format!("client{number}")))
                .collect(),
            doomed: (trouble == Trouble::Crash).then(|| random.usize(..clients)),
            random,
            trouble,
        }
    }

    /// The clients whose hosts last.
    pub fn lasting(&self) -> Vec<usize> {
        (0..self.clients.len())
            .filter(|client| Some(*client) != self.doomed)
            .collect()
    }

    /// Makes trouble for a while, on the server's own loop.
    pub fn make_trouble(&mut self) -> impl Future<Output = Result<(), Failure>> + use<> {
        let mut random = self.random.fork();
        let (sim, lp) = (self.sim.clone(), self.server.clone());
        let names: Vec<String> = (0..self.clients.len())
            .map(|n| format!("client{n}"))
            .collect();
        let partitions = if self.trouble == Trouble::Latency {
            0
        } else {
            random.usize(1..4)
        };
        let doomed = self.doomed;
        let timers = lp.clone();
        lp.spawn(async move {
            for _ in 0..partitions {
                timers
                    .sleep(Duration::from_millis(random.u64(0..1500)))
                    .await;
                let name = &names[random.usize(..names.len())];
                sim.partition("server", &**name);
                timers
                    .sleep(Duration::from_millis(random.u64(0..4000)))
                    .await;
                sim.heal("server", &**name);
            }
            if let Some(doomed) = doomed {
                timers
                    .sleep(Duration::from_millis(random.u64(0..1000)))
                    .await;
                let how = if random.bool() {
                    Crash::Reset
                } else {
                    Crash::Silent
                };
                sim.crash(&*names[doomed], how);
            }
        })
    }
}
