//! polyloop: write a network library once, and run it on tokio, async-std, smol, or in
//! a deterministic simulation.
//!
//! There are five concepts. A [`Loop`] waits for events and dispatches them; a
//! [`Promise`] is a value that isn't available yet; a [`Transport`] is a
//! communication channel; a [`Protocol`] is where a network protocol is
//! implemented; a [`ProtocolFactory`] makes one per connection. Code that is
//! written against them runs on every loop and behaves alike on all of them.
//!
//! This is the crate for programs: it re-exports the concepts from `polyloop-core`
//! (which is all that a library needs), the loops of the features that are on,
//! and what chooses between them.
//!
//! # An echo server
//!
//! ```no_run
//! use polyloop::{AnyLoop, Failure, Lifecycle, Loop, Protocol, Transport};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
//!         transport.write(data)?;
//!         Ok(())
//!     }
//! }
//!
//! #[polyloop::main]
//! async fn main(lp: AnyLoop) -> Result<(), Failure> {
//!     let server = lp.serve("127.0.0.1:7000", || Echo).await?;
//!     println!("{} on the {} loop", server.local_addr(), lp.name());
//!     server.drained().await;
//!     Ok(())
//! }
//! ```
//!
//! `POLYLOOP_LOOP=smol` in front of the command, and it runs on smol, if that was
//! compiled in.
//!
//! # Three ways of choosing a loop
//!
//! **By type**, for libraries. The caller brings the loop; there is no feature and
//! no cost:
//!
//! ```
//! use polyloop::{AnyLoop, Failure, Loop, MainLoop};
//! use std::time::Duration;
//!
//! async fn nap<L: Loop>(lp: L) -> Result<u32, Failure> {
//!     lp.sleep(Duration::from_millis(1)).await;
//!     lp.spawn(async { 42 }).await
//! }
//!
//! # fn program<L: MainLoop>(lp: L) -> Result<(), Box<dyn std::error::Error>> {
//! // `lp` is a `TokioLoop`, a `SmolLoop`, a loop of your own, …
//! assert_eq!(lp.run(nap(lp.clone()))??, 42);
//! # Ok(())
//! # }
//! # for name in AnyLoop::available() {
//! #     program(AnyLoop::by_name(name)?)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **By cargo feature**, for programs: `polyloop = { version = "0.1", features =
//! ["async-std"] }`. Cargo builds one `polyloop` for all packages of a command, with the
//! features that any of them wants, so [`#[polyloop::main]`](main) reads the manifest of
//! its own package: that program is on async-std, whatever is built beside it. A feature of
//! the package that switches one of ours does as well. The environment variable
//! `POLYLOOP_LOOP` stands above it, and an argument, `#[polyloop::main(tokio)]`, pins the
//! program to one loop.
//!
//! The plain functions can't see who calls them: [`default_loop`] (and its type
//! [`DefaultLoop`]) and [`run`], unless the environment names a loop, take the first that is
//! compiled in. The order is async-std, smol, tokio, sim: whoever names a feature besides
//! the default one means it, and the simulation, which is for tests, is the default only
//! where there is nothing else. Where there was a choice, a warning tells once which loop was
//! taken, why, and how to pin one.
//!
#![cfg_attr(feature = "tokio", doc = "```")]
#![cfg_attr(not(feature = "tokio"), doc = "```no_run")]
//! use polyloop::{Lifecycle, MainLoop};
//!
//! let lp = polyloop::default_loop()?;
//! let name = lp.run(async { lp.name() })?;
//! # assert_eq!(name, polyloop::AnyLoop::available()[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **When the program starts**: [`AnyLoop::by_name`] takes a name from wherever you
//! have it, [`AnyLoop::from_env`] from `POLYLOOP_LOOP`. An `AnyLoop` is an enum over
//! the loops that were compiled in and is itself a `Loop`, so the same library code
//! takes it.
//!
#![cfg_attr(feature = "tokio", doc = "```")]
#![cfg_attr(not(feature = "tokio"), doc = "```no_run")]
//! use polyloop::{AnyLoop, Failure, MainLoop, Timers};
//! use std::time::Duration;
//!
//! let wanted = std::env::var("MY_SERVER_LOOP").unwrap_or("tokio".to_owned());
//! let lp = AnyLoop::by_name(&wanted)?;
//! lp.run(lp.sleep(Duration::from_millis(1)))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where runtimes disagree
//!
//! | | tokio | smol | async-std | polyloop, on each of them |
//! | --- | --- | --- | --- | --- |
//! | a task's handle is dropped | runs on | is cancelled | runs on | runs on; `cancel_on_drop()` ties the two |
//! | a task panics | an error for whoever awaits | whoever awaits panics, too | whoever awaits panics, too | the promise fails with the message; if nobody awaits, it is reported |
//! | cancelling | `abort()` | `cancel().await`, or drop | `cancel().await` | `cancel(reason)`: never blocks, says whether it came in time, and the reason reaches who waits |
//! | the main future ends | tasks go with the runtime | tasks run on | tasks run on | tasks are cancelled and connections told before `run` returns; what does not end in 10 s is reported |
//! | a timer or socket made on a foreign thread | panics | works | works | works |
//!
//! # Features
//!
//! | feature | what it brings | on by default |
//! | --- | --- | --- |
//! | `tokio` | `TokioLoop` | yes |
//! | `smol` | `SmolLoop` | no |
//! | `async-std` | `AsyncStdLoop` | no |
//! | `sim` | `SimLoop` and the module `sim`: time and the network simulated, for tests | no |
//! | `proxy-header` | PROXY headers: `AcceptProxyHeader`, `SendProxyHeader` | no |
//! | `tls` | the module `tls`: secure connections, on every loop | no |
//!
//! Every combination works, none and all included: a feature of a loop adds that loop and
//! otherwise only changes which one is the default, for the package that asks for it. async-std itself is
//! discontinued (RUSTSEC-2025-0052) and names smol as its successor; moving is one
//! word, `smol` in the place of `async-std`.
//!
//! # Where to read on
//!
//! * [`guide::writing_a_library`]: a library that runs on every loop, and its tests
//!   with [`#[polyloop::test]`](test).
#![cfg_attr(
    feature = "sim",
    doc = "* [`guide::simulation`]: break its network, replay the seed, open the picture."
)]
//! * [`guide::costs`]: what the layer costs, measured, and where it is slower and why.
//! * [`guide::adding_a_backend`]: a loop of your own.
//! * [`Udp`], [`Signals`] and, on Unix, `Watch` and `Processes`: what a loop may have beside
//!   [`Loop`].
//! * [`Protocol`] and [`Transport`]: what a connection tells you and what you can
//!   tell it. [`Promise`]: chains and cancelling. [`Loop`]: what a loop can do.
//! * [`spawn`], [`sleep`], [`connect`], … act on the [`current`] loop.

mod any_loop;
mod current;
mod default_loop;
mod expansion;
mod free_functions;
pub mod guide;
mod preference;
mod run;

pub use polyloop_core::*;

#[cfg(feature = "async-std")]
pub use polyloop_async_std::AsyncStdLoop;
#[cfg(feature = "sim")]
pub use polyloop_sim as sim;
#[cfg(feature = "sim")]
pub use polyloop_sim::SimLoop;
#[cfg(feature = "smol")]
pub use polyloop_smol::SmolLoop;
/// Secure connections: [`TlsConnector`](tls::TlsConnector),
/// [`TlsAcceptor`](tls::TlsAcceptor) and what belongs to them.
///
/// It is the crate `polyloop-tls`, with its default features. Who wants others of them
/// (`aws-lc-rs`, `deterministic`) names that crate as a dependency, too.
#[cfg(feature = "tls")]
pub use polyloop_tls as tls;
#[cfg(feature = "tokio")]
pub use polyloop_tokio::TokioLoop;

pub use any_loop::{AnyLoop, AnyStarted, AnyTcpListener, AnyTcpStream, AnyTimer, ChooseError};
#[cfg(unix)]
pub use any_loop::{AnyUdpSocket, AnyWatcher};
pub use current::{Found, NoCurrentLoop, current};
pub use default_loop::{DefaultLoop, default_loop};
#[cfg(unix)]
pub use free_functions::{bind_udp, connect_udp, signals, spawn_child, watch};
pub use free_functions::{call_later, call_soon, connect, now, run_in_thread, serve, sleep, spawn};
pub use polyloop_macros::{main, test};
pub use run::{StartError, run};

/// For the expansions of the attribute macros only.
#[doc(hidden)]
pub mod __private {
    #[cfg(unix)]
    pub use crate::any_loop::AbsentWatcher;
    pub use crate::any_loop::{Absent, AbsentTask};
    pub use crate::expansion::*;
}
