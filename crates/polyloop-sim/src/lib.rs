//! The whole network in one process, from one seed: time, scheduling, hosts and the
//! links between them are simulated, and the same seed gives the same run.
//!
//! [`Sim`] is one simulation, [`SimLoop`] the loop of one of its hosts: what a library
//! written on `polyloop-core` runs on, unchanged.
//!
//! ```
//! use polyloop_core::{MainLoop, Timers};
//! use polyloop_sim::SimLoop;
//! use std::time::Duration;
//!
//! let lp = SimLoop::new();
//! let answer = lp.run(async {
//!     lp.sleep(Duration::from_secs(3600)).await; // takes no time
//!     42
//! })?;
//! assert_eq!(answer, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what |
//! | --- | --- |
//! | `sim`, `builder`, `host`, `faults` | a simulation, as a test sees it |
//! | `sim_loop`, `hosts_run`, `spawned`, `timer`, `signals`, `tcp`, `stream`, `listener`, `udp`, `udp_socket` | the loop of one host |
//! | `drive`, `world`, `agenda`, `clock`, `ready`, `scheduler`, `pace`, `stalls`, `threads` | what happens, and in what order |
//! | `network` | hosts, links, TCP and datagrams, as a state machine |
//! | [`trace`], `report` | what happened, and why it can't go on |
//! | `seed`, `seeds` | which seed, or which ones; what is told of one that fails |

mod agenda;
mod builder;
mod clock;
mod drive;
mod faults;
mod host;
mod hosts_run;
mod listener;
mod lock;
mod network;
mod pace;
mod ready;
mod report;
mod scheduler;
mod seed;
mod seeds;
mod signals;
mod sim;
mod sim_loop;
mod spawned;
mod stalls;
mod stream;
mod tcp;
mod threads;
mod timer;
pub mod trace;
mod udp;
mod udp_socket;
mod unix;
mod world;

pub use builder::Builder;
pub use host::{HostId, HostRef};
pub use listener::SimTcpListener;
pub use network::{Crash, Fault, FaultKind, FaultRate, Link, Oversized};
pub use pace::Pace;
pub use scheduler::Scheduler;
pub use seed::{SeedError, seed_from_env};
pub use seeds::{Counterexample, Outcome, Seeds, check_seeds};
pub use sim::Sim;
pub use sim_loop::SimLoop;
pub use spawned::Spawned;
pub use stream::SimTcpStream;
pub use timer::SimTimer;
pub use trace::{Diagram, Trace};
pub use udp_socket::SimUdpSocket;
